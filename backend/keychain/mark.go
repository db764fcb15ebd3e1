package keychain

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/kinring/kinring/store"
)

// The attribute gena (kSecAttrGeneric) of an item that kinring wrote is the
// record's text, or a hyphen for none, a space, and markBytes random bytes that
// no other write has, in base64url without padding:
//
//	kr1;v;12;3f9c2a10;dGVzdC1kaWdlc3Q 4kqV0rV2w3m1x1vQbJcWdA
//
// Because no two writes share it, a search that holds it finds what was read or
// nothing.
const markBytes = 16

// noRecord stands for the zero Record.
const noRecord = "-"

// newMark returns what gena becomes with a write of the record.
func newMark(r store.Record) ([]byte, error) {
	text, err := r.Encode()
	if err != nil {
		return nil, err
	}
	if text == "" {
		text = noRecord
	}
	random := make([]byte, markBytes)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	return []byte(text + " " + base64.RawURLEncoding.EncodeToString(random)), nil
}

// parseMark returns the record in gena. What another program keeps there, or
// nothing, is no record.
func parseMark(gena []byte) (store.Record, error) {
	text, random, cut := strings.Cut(string(gena), " ")
	raw, err := base64.RawURLEncoding.DecodeString(random)
	if !cut || err != nil || len(raw) != markBytes || text == noRecord {
		return store.Record{}, nil
	}
	if !strings.HasPrefix(text, "kr") {
		return store.Record{}, nil
	}
	return store.ParseRecord(text)
}

// A revision is gena itself, so that a Match needs no look before it writes. An
// item without gena has the date of its last change.
const (
	marked   = "g" // gena in base64url
	unmarked = "d" // the date in nanoseconds
)

func revisionOf(gena []byte) store.Revision {
	return store.Revision(marked + base64.RawURLEncoding.EncodeToString(gena))
}

// markOf returns the gena of a revision, and false for one of an item without.
func markOf(rev store.Revision) ([]byte, bool) {
	text, ok := strings.CutPrefix(string(rev), marked)
	if !ok {
		return nil, false
	}
	gena, err := base64.RawURLEncoding.DecodeString(text)
	return gena, err == nil && len(gena) > 0
}
