package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// RecordVersion is the version of record that this build writes.
const RecordVersion = 1

// MaxRecord is the largest encoded record in bytes. It is what the smallest
// place for it holds that is known: 200 ASCII characters in the comment of a
// Windows credential.
const MaxRecord = 200

// Kind tells a shared value from a marker.
type Kind uint8

const (
	// KindValue is a secret.
	KindValue Kind = iota
	// KindMarker says "deleted". Its value is empty.
	KindMarker
)

func (k Kind) String() string {
	if k == KindMarker {
		return "marker"
	}
	return "value"
}

// Fingerprint is the keyed digest of a value as text, without its key's name.
// The empty fingerprint belongs to no value.
type Fingerprint string

// AgreementKind says what is known of a legacy source at some moment.
type AgreementKind uint8

const (
	// Unknown: it was not looked at, or could not be read.
	Unknown AgreementKind = iota
	// AbsentThere: it was looked at and held nothing.
	AbsentThere
	// Held: it held the value with the fingerprint.
	Held
	// Pruned: kinring itself removed the value from it.
	Pruned
)

// Agreement is what a record knows of one legacy source: in the record of a
// value, the state at last agreement (B); in a marker, the state at deletion
// (F).
type Agreement struct {
	Source      string
	Kind        AgreementKind
	Fingerprint Fingerprint // for Held
	// Pending is the fingerprint of a value that is being mirrored to the
	// source; empty otherwise.
	Pending Fingerprint
}

// Record is what kinring keeps beside a shared value, written atomically with
// it. The zero Record means that there is none.
type Record struct {
	// Version is 0 if there is no record, RecordVersion if this build reads all
	// of it, and higher if a newer build wrote it: then only Kind and Generation
	// are known and writes to the item must be refused as unsupported.
	Version int
	Kind    Kind
	// Generation orders the writes of one key. A backfill carries 0.
	Generation uint64
	// KeyID names the key that made the fingerprints.
	KeyID string
	// Digest is the fingerprint of the item's own value. If the value does not
	// match it, another program wrote the value.
	Digest Fingerprint
	// Sources holds one agreement a legacy source, in the sources' order.
	Sources []Agreement
	// newer is the text of a record of a newer version, kept as it is.
	newer string
}

// Present reports whether there is a record.
func (r Record) Present() bool { return r.Version > 0 }

// Readable reports whether this build understands the whole record.
func (r Record) Readable() bool { return r.Version <= RecordVersion }

// Agreement returns what the record knows of a source: Unknown if it does not
// name it.
func (r Record) Agreement(source string) Agreement {
	for _, a := range r.Sources {
		if a.Source == source {
			return a
		}
	}
	return Agreement{Source: source}
}

// Equal reports whether both records say the same.
func (r Record) Equal(o Record) bool {
	return r.Version == o.Version && r.Kind == o.Kind && r.Generation == o.Generation &&
		r.KeyID == o.KeyID && r.Digest == o.Digest && r.newer == o.newer && slices.Equal(r.Sources, o.Sources)
}

// The text form, one line of printable ASCII without spaces:
//
//	kr1;v;12;3f9c2a10;dGVzdC1kaWdlc3Q;file=:c29tZS1wcmludA;ring=-
//
// The head "kr" VERSION ";" KIND ";" GENERATION stays as it is in every later
// version; what follows is the version's own. KIND is v or m. Then KeyID,
// Digest and one NAME=STATE a source; STATE is ? (unknown), - (absent), x
// (pruned) or ":" and a fingerprint, followed by ">" and a fingerprint if a
// value is pending. A part that is empty stays empty.

// String returns the text form; the empty string for no record.
func (r Record) String() string {
	if !r.Present() {
		return ""
	}
	if !r.Readable() {
		return r.newer
	}
	kind := "v"
	if r.Kind == KindMarker {
		kind = "m"
	}
	parts := []string{"kr" + strconv.Itoa(r.Version), kind, strconv.FormatUint(r.Generation, 10), r.KeyID, string(r.Digest)}
	for _, a := range r.Sources {
		parts = append(parts, a.Source+"="+a.state())
	}
	return strings.Join(parts, ";")
}

func (a Agreement) state() string {
	s := [...]string{Unknown: "?", AbsentThere: "-", Held: ":" + string(a.Fingerprint), Pruned: "x"}[a.Kind]
	if a.Pending != "" {
		s += ">" + string(a.Pending)
	}
	return s
}

// Encode returns the text form, or ErrTooLarge or ErrInvalid if it would not be
// read back as the same record.
func (r Record) Encode() (string, error) {
	s := r.String()
	if len(s) > MaxRecord {
		return "", &Error{Class: ErrTooLarge, Detail: fmt.Sprintf("the record has %d bytes", len(s)),
			Remedy: fmt.Sprintf("name fewer or shorter legacy sources: %d bytes are there", MaxRecord)}
	}
	back, err := ParseRecord(s)
	if err != nil || !back.Equal(r) {
		return "", &Error{Class: ErrInvalid, Detail: "the record cannot be written as text", Err: err}
	}
	return s, nil
}

// ParseRecord reads the text form. It reads the head of a newer version, and
// reports as ErrCorrupt what begins like a record and is none. The empty text
// is the zero Record.
func ParseRecord(s string) (Record, error) {
	if s == "" {
		return Record{}, nil
	}
	if len(s) > MaxRecord || !printable(s) {
		return Record{}, corruptRecord("it is too long or not printable ASCII")
	}
	parts := strings.Split(s, ";")
	r, err := parseHead(parts)
	if err != nil {
		return Record{}, err
	}
	if !r.Readable() {
		r.newer = s
		return r, nil
	}
	if len(parts) < 5 {
		return Record{}, corruptRecord("parts are missing")
	}
	r.KeyID, r.Digest = parts[3], Fingerprint(parts[4])
	for _, p := range parts[5:] {
		a, err := parseAgreement(p)
		if err != nil {
			return Record{}, err
		}
		r.Sources = append(r.Sources, a)
	}
	return r, nil
}

func parseHead(parts []string) (Record, error) {
	var r Record
	if len(parts) < 3 {
		return r, corruptRecord("the head is cut off")
	}
	v, ok := strings.CutPrefix(parts[0], "kr")
	n, err := strconv.ParseUint(v, 10, 16)
	if !ok || err != nil || n == 0 || v != strconv.FormatUint(n, 10) {
		return r, corruptRecord("the head does not begin with kr and a version")
	}
	r.Version = int(n)
	switch parts[1] {
	case "v":
	case "m":
		r.Kind = KindMarker
	default:
		return r, corruptRecord("the kind is neither v nor m")
	}
	if r.Generation, err = strconv.ParseUint(parts[2], 10, 64); err != nil || parts[2] != strconv.FormatUint(r.Generation, 10) {
		return r, corruptRecord("the generation is not a number")
	}
	return r, nil
}

func parseAgreement(p string) (Agreement, error) {
	name, state, ok := strings.Cut(p, "=")
	if !ok || name == "" || state == "" {
		return Agreement{}, corruptRecord("a source has no name or no state")
	}
	a := Agreement{Source: name}
	state, pending, mirrored := strings.Cut(state, ">")
	if mirrored && pending == "" {
		return Agreement{}, corruptRecord("a pending fingerprint is empty")
	}
	a.Pending = Fingerprint(pending)
	switch {
	case state == "?":
	case state == "-":
		a.Kind = AbsentThere
	case state == "x":
		a.Kind = Pruned
	case strings.HasPrefix(state, ":") && len(state) > 1:
		a.Kind, a.Fingerprint = Held, Fingerprint(state[1:])
	default:
		return Agreement{}, corruptRecord("a source's state is none of ? - x :")
	}
	return a, nil
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func corruptRecord(why string) error {
	return &Error{Class: ErrCorrupt, Detail: "the record is damaged: " + why}
}
