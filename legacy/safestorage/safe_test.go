package safestorage

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

// place is where an app keeps its key, as a test wants it.
type place struct {
	secret []byte
	err    error
	looks  int
}

func (p *place) Secret(context.Context, Form) ([]byte, error) {
	p.looks++
	return bytes.Clone(p.secret), p.err
}

func locked() error   { return &store.Error{Class: store.ErrLocked, Detail: "the keyring is locked"} }
func notFound() error { return &store.Error{Class: store.ErrNotFound} }

// TestI4KeyThatCannotBeHad: a key that is locked, denied, out of reach or gone is
// that, for reading and writing, and never absence of the value; nothing is
// sealed in a weaker form instead.
func TestI4KeyThatCannotBeHad(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		class *store.Class
	}{
		"locked":    {locked(), store.ErrLocked},
		"gone":      {notFound(), store.ErrLocked},
		"denied":    {&store.Error{Class: store.ErrDenied}, store.ErrDenied},
		"no bus":    {&store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService}, store.ErrUnavailable},
		"timed out": {&store.Error{Class: store.ErrTimedOut}, store.ErrTimedOut},
	} {
		s := &Safe{GOOS: "linux", Keys: &place{err: c.err}}
		if _, err := s.Open(t.Context(), sealed(t, LinuxKeyring, vectors[1].sealed)); store.ClassOf(err) != c.class {
			t.Errorf("%s: open: %v", name, err)
		}
		if out, err := s.Seal(t.Context(), LinuxKeyring, []byte(plainText)); store.ClassOf(err) != c.class || out != nil {
			t.Errorf("%s: seal: %x, %v", name, out, err)
		}
	}
}

// TestGoneKeyAndEmptyPassword: without a key in the keyring, what Chromium sealed
// with no password is still read.
func TestGoneKeyAndEmptyPassword(t *testing.T) {
	s := &Safe{GOOS: "linux", Keys: &place{err: notFound()}}
	if plain, err := s.Open(t.Context(), sealed(t, LinuxKeyring, emptyKey)); err != nil || string(plain) != plainText {
		t.Errorf("%q, %v", plain, err)
	}
}

func TestUsualForms(t *testing.T) {
	for _, c := range []struct {
		goos  string
		basic bool
		want  Form
	}{{"linux", false, LinuxKeyring}, {"linux", true, LinuxBasic}, {"darwin", true, DarwinKey}, {"windows", false, WindowsKey}, {"plan9", false, 0}} {
		form, err := (&Safe{GOOS: c.goos}).Usual(c.basic)
		if form != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%s, basic %v: %v, %v", c.goos, c.basic, form, err)
		}
	}
}

// TestLooksForTheKey: once for each value; once for many while held; and a key
// that became another one is looked for again.
func TestLooksForTheKey(t *testing.T) {
	p := &place{secret: []byte(itemText)}
	s := &Safe{GOOS: "linux", Keys: p}
	open := func() {
		t.Helper()
		if plain, err := s.Open(t.Context(), sealed(t, LinuxKeyring, vectors[1].sealed)); err != nil || string(plain) != plainText {
			t.Fatalf("%q, %v", plain, err)
		}
	}
	open()
	open()
	if p.looks != 2 {
		t.Errorf("%d looks for two values", p.looks)
	}
	end := s.Hold()
	p.secret = []byte("another")
	if _, err := s.Seal(t.Context(), LinuxKeyring, nil); err != nil { // remembers the other key
		t.Fatal(err)
	}
	p.secret, p.looks = []byte(itemText), 0
	open()
	open()
	if p.looks != 1 {
		t.Errorf("%d looks while held, of which one because the key had changed", p.looks)
	}
	end()
	if len(s.found) != 0 {
		t.Error("a secret is remembered after the end")
	}
	s.Remember, p.looks = true, 0
	open()
	open()
	if s.Wipe(); p.looks != 1 || len(s.found) != 0 {
		t.Errorf("%d looks where secrets are remembered, and %d after they were wiped", p.looks, len(s.found))
	}
}

// reversing is a DPAPI for tests of what is done with one.
type reversing struct{}

func (reversing) Protect(plain []byte) ([]byte, error) {
	out := bytes.Clone(prefixes[WindowsDPAPI])
	for i := range plain {
		out = append(out, plain[len(plain)-1-i])
	}
	return out, nil
}

func (r reversing) Unprotect(sealed []byte) ([]byte, error) {
	body, ok := bytes.CutPrefix(sealed, prefixes[WindowsDPAPI])
	if !ok {
		return nil, corrupt("not DPAPI")
	}
	twice, err := r.Protect(body)
	return twice[len(prefixes[WindowsDPAPI]):], err
}

// TestLocalState: the key of Windows is found in the text that Chromium keeps,
// and a value without a prefix goes to DPAPI itself.
func TestLocalState(t *testing.T) {
	key := bytes.Repeat([]byte{0xa5}, 32)
	sealedKey, _ := reversing{}.Protect(key)
	path := filepath.Join(t.TempDir(), "Local State")
	text := `{"browser":{"x":1},"os_crypt":{"audit_enabled":true,"encrypted_key":"` +
		base64.StdEncoding.EncodeToString(append([]byte("DPAPI"), sealedKey...)) + `"}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Safe{GOOS: "windows", Keys: LocalState{path, reversing{}}, DPAPI: reversing{}}
	if plain, err := s.Open(t.Context(), sealed(t, WindowsKey, vectors[4].sealed)); err != nil || string(plain) != plainText {
		t.Errorf("%q, %v", plain, err)
	}
	raw, err := s.Seal(t.Context(), WindowsDPAPI, []byte(plainText))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := s.Open(t.Context(), raw); err != nil || string(plain) != plainText {
		t.Errorf("raw DPAPI: %q, %v", plain, err)
	}
	without := &Safe{GOOS: "windows", Keys: LocalState{Path: path}}
	if _, err := without.Open(t.Context(), sealed(t, WindowsKey, vectors[4].sealed)); !errors.Is(err, store.ErrNoService) {
		t.Errorf("without DPAPI: %v", err)
	}
	if _, err := without.Open(t.Context(), raw); !errors.Is(err, store.ErrNoService) {
		t.Errorf("raw without DPAPI: %v", err)
	}
}

// TestLocalStateDamaged: a Local State that cannot be read is never one without a
// key, and the errors name the file.
func TestLocalStateDamaged(t *testing.T) {
	for text, class := range map[string]*store.Class{
		`{"os_crypt":{"encrypted_key":"RFBBUEk="}}`: store.ErrCorrupt, // DPAPI and nothing behind it
		`{"os_crypt":{"encrypted_key":"YWJj"}}`:     store.ErrCorrupt,
		`{"os_crypt":{"encrypted_key":"RFBBUElh"}}`: store.ErrCorrupt, // DPAPI and what it did not wrap
		`{"os_crypt":{"encrypted_key":"%"}}`:        store.ErrCorrupt,
		`{"os_crypt":{"encrypted_key":7}}`:          store.ErrCorrupt,
		`{"os_crypt":`:                              store.ErrCorrupt,
		``:                                          store.ErrCorrupt,
		`{"os_crypt":{}}`:                           store.ErrNotFound,
		`{}`:                                        store.ErrNotFound,
	} {
		path := filepath.Join(t.TempDir(), "Local State")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LocalState{path, reversing{}}.Secret(t.Context(), WindowsKey)
		if store.ClassOf(err) != class || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", text, err)
		}
	}
	missing := filepath.Join(t.TempDir(), "none")
	if _, err := (LocalState{Path: missing}).Secret(t.Context(), WindowsKey); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), missing) {
		t.Errorf("no file: %v", err)
	}
	if _, err := (LocalState{Path: missing}).Secret(t.Context(), LinuxKeyring); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("a key of another system: %v", err)
	}
}

func FuzzWrappedKey(f *testing.F) {
	for _, s := range []string{`{"os_crypt":{"encrypted_key":"RFBBUElhYmM="}}`, `{"os_crypt":{}}`, `{`, `{"os_crypt":{"encrypted_key":"YWJj"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := WrappedKey(text)
		if (err == nil) == (len(key) == 0) || err != nil && store.ClassOf(err) == nil {
			t.Fatalf("%x, %v", key, err)
		}
	})
}
