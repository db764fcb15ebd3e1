package codexsecrets

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/legacy/internal/crate"
	"github.com/kinring/kinring/legacy/loginkeychain"
	"github.com/kinring/kinring/store"
)

// onMac opens the source as it is on a Mac, where Codex's keyring library files
// the passphrase in the login keychain. The Mac is the emulated one.
func onMac(t *testing.T, m *emulator.Mac, attended bool) (store.Store, desk) {
	t.Helper()
	if _, err := crate.Layout(); errors.Is(err, store.ErrUnsupported) {
		t.Skip("the layout cannot be opened on this system")
	}
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := desk{t: t, home: home}
	d.quick(loginFile, "made-up", entries{loginName: login(firstKey)})
	codex := m.Run(emulator.Program{Name: "codex", Identifier: "codex", Team: "2DC432GLL2", Attended: true})
	key := passphraseKey(home)
	passphrase := secitem.Query{Keychain: secitem.Login, Service: key.Service, Account: key.Account, Value: []byte("made-up")}
	if err := codex.Add(passphrase.Dict()); err != nil {
		t.Fatal(err)
	}
	reader := emulator.Program{Name: "kinring", Identifier: "kinring", Team: "ABCDE12345", Attended: attended}
	s := d.open(Login, loginKey)
	for _, l := range loginkeychain.Layouts(loginkeychain.Options{Program: mac.New(m.Run(reader))}) {
		if l.Name() == "mackeyring" {
			if s.(*secrets).keyring, err = l.Open(store.SourceConfig{Name: "passphrase", Service: keyringService}); err != nil {
				t.Fatal(err)
			}
			return s, d
		}
	}
	t.Fatal("no layout mackeyring")
	return nil, d
}

// TestOnAMac: the file opens with what Codex filed in the login keychain, which
// costs a question, and Codex's item stays as it is (I5).
func TestOnAMac(t *testing.T) {
	m := emulator.New()
	m.SetAnswer(emulator.Script(emulator.AlwaysAllow))
	s, _ := onMac(t, m, true)
	before := m.Contents().Login
	want(t, s, loginKey, login(firstKey))
	if _, err := s.Put(t.Context(), loginKey, item(login(secondKey)), store.Any()); err != nil {
		t.Fatal(err)
	}
	want(t, s, loginKey, login(secondKey))
	if asked := m.Prompts(); len(asked) != 1 || asked[0].Service != keyringService {
		t.Errorf("asked %+v", asked)
	}
	after := m.Contents().Login
	if len(after) != 1 || string(after[0].Data) != string(before[0].Data) || after[0].Attributes[secitem.KeyModified] != before[0].Attributes[secitem.KeyModified] {
		t.Error("the passphrase's item was changed")
	}
}

// TestOnAMacRefused: a passphrase that is not to be had is no absent login (I4).
func TestOnAMacRefused(t *testing.T) {
	for _, c := range []struct {
		name     string
		attended bool
		begin    func(*emulator.Mac)
		want     error
	}{
		{"refused", true, func(*emulator.Mac) {}, store.ErrCancelled},
		{"nobody there", false, func(*emulator.Mac) {}, store.ErrDenied},
		{"locked, nobody there", false, func(m *emulator.Mac) { m.SetLoginLocked(true) }, store.ErrLocked},
		{"no login keychain", true, (*emulator.Mac).RemoveLogin, store.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := emulator.New()
			s, d := onMac(t, m, c.attended)
			c.begin(m)
			if _, err := s.Get(t.Context(), loginKey); !errors.Is(err, c.want) {
				t.Errorf("get: %v; want %v", err, c.want)
			}
			file := filepath.Join(d.home, folder, loginFile)
			before := readFile(t, file)
			if _, err := s.Put(t.Context(), loginKey, item("{}"), store.Any()); !errors.Is(err, c.want) {
				t.Errorf("put: %v; want %v", err, c.want)
			}
			if string(readFile(t, file)) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}
