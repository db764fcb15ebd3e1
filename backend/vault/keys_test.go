package vault

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

func TestGenerateKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "too", "key")
	if err := GenerateKeyFile(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !regexp.MustCompile(`^kinring-vault-key-1:[A-Za-z0-9_-]{43}\n$`).Match(text) {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	wantClass(t, GenerateKeyFile(t.Context(), path), store.ErrConflict, path)
	again, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(again, text) {
		t.Errorf("the file has changed, %v", err)
	}
	key, err := KeyFile(path).read(t.Context(), nil)
	if err != nil || len(key) != keySize {
		t.Errorf("%d bytes, %v", len(key), err)
	}
}

func TestKeyFileText(t *testing.T) {
	good := keyFilePrefix + strings.Repeat("A", 43)
	path := filepath.Join(t.TempDir(), "key")
	for text, ok := range map[string]bool{
		good: true, good + "\n": true, good + "\r\n": true,
		"": false, "\n": false, good + "\n\n": false, " " + good: false, good[:len(good)-1]: false, good + "A": false,
		good[:len(good)-1] + "B": false, good[:len(good)-1] + "+": false,
		strings.Replace(good, "-1:", "-2:", 1): false, strings.Repeat("A", 32): false,
	} {
		rewrite(t, path, []byte(text))
		key, err := KeyFile(path).read(t.Context(), nil)
		if ok && (err != nil || len(key) != keySize) {
			t.Errorf("%q: %d bytes, %v", text, len(key), err)
		}
		if !ok {
			wantClass(t, err, store.ErrDenied, path)
		}
	}
}

func TestPassphraseFileText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "phrase")
	for text, want := range map[string]string{
		"a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", "a\r": "a\r", " a \n": " a ", "\n\n": "\n", "a\x00b\n": "a\x00b",
	} {
		rewrite(t, path, []byte(text))
		got, err := PassphraseFile(path).read(t.Context(), nil)
		if err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for text, class := range map[string]*store.Class{"": store.ErrInvalid, "\n": store.ErrInvalid, strings.Repeat("x", maxPassphrase+1): store.ErrTooLarge} {
		rewrite(t, path, []byte(text))
		_, err := PassphraseFile(path).read(t.Context(), nil)
		wantClass(t, err, class, path)
	}
}

func TestSourcesNameThemselves(t *testing.T) {
	for _, k := range []KeySource{KeyFile("where"), PassphraseFile("where")} {
		if !strings.HasSuffix(k.String(), "file where") {
			t.Errorf("%q", k)
		}
	}
	if s := phrase(sentinel).String(); s != "passphrase" {
		t.Errorf("%q", s)
	}
}

// TestCosts walks the bounds of what a header may ask for.
func TestCosts(t *testing.T) {
	for c, ok := range map[cost]bool{
		leastArgon2id: true, {1, 8, 1}: true, {4, 256 << 10, 16}: true, {16, 64 << 10, 1}: true,
		{0, 64 << 10, 4}: false, {17, 64, 1}: false, {1, 7, 1}: false, {1, 64, 16}: false, {1, 64, 0}: false,
		{1, 64 << 10, 17}: false, {1, 256<<10 + 1, 4}: false, {5, 256 << 10, 4}: false, {16, 1<<32 - 1, 1}: false,
	} {
		if err := c.check(); (err == nil) != ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestSlotIsBoundToItsVault(t *testing.T) {
	h := header{Format: 1, Vault: randomBytes(vaultIDSize), Suite: CipherXChaCha}
	vaultKey := randomBytes(keySize)
	for _, kind := range []string{kindPassphrase, kindKeyFile} {
		s, err := newSlot(t.Context(), h, 1, kind, []byte(sentinel), vaultKey, cheap.cost)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.open(t.Context(), h, []byte(sentinel)); err != nil || !bytes.Equal(got, vaultKey) {
			t.Fatalf("%s: %v", kind, err)
		}
		changed := map[string]slot{}
		for name, change := range map[string]func(*slot){"id": func(s *slot) { s.ID++ }, "salt": func(s *slot) { s.Salt = s.Salt[1:] },
			"box": func(s *slot) { s.Box = append([]byte{1}, s.Box...) }, "time": func(s *slot) { s.Time++ }, "cut": func(s *slot) { s.Box = nil }} {
			c := s
			change(&c)
			changed[name] = c
		}
		for name, c := range changed {
			if _, err := c.open(t.Context(), h, []byte(sentinel)); err != errAuthentic {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
		}
		other := h
		other.Vault = randomBytes(vaultIDSize)
		if _, err := s.open(t.Context(), other, []byte(sentinel)); err != errAuthentic {
			t.Errorf("%s in another vault: %v", kind, err)
		}
	}
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "dir", "vault.db")
	o := Options{Path: path, Keys: []KeySource{phrase(sentinel)}}
	if err := create(t.Context(), o, cheap); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, path)
	if len(before.files) != 3 {
		t.Errorf("%d files", len(before.files))
	}
	for name, f := range before.files {
		if runtime.GOOS != "windows" && f.mode != 0o600 {
			t.Errorf("%s has mode %v", name, f.mode)
		}
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	wantClass(t, create(t.Context(), o, cheap), store.ErrConflict, path)
	before.same(t)
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	rewrite(t, file, []byte("something else"))
	rewrite(t, filepath.Join(dir, "left-wal"), []byte("the log of an earlier vault"))
	cancelled := Passphrase(func(context.Context) ([]byte, error) { return nil, &store.Error{Class: store.ErrCancelled} })
	keys := []KeySource{phrase(sentinel)}
	tests := map[string]struct {
		options Options
		class   *store.Class
	}{
		"a file":       {Options{Path: file, Keys: keys}, store.ErrConflict},
		"a directory":  {Options{Path: dir, Keys: keys}, store.ErrConflict},
		"left-over":    {Options{Path: filepath.Join(dir, "left"), Keys: keys}, store.ErrConflict},
		"below a file": {Options{Path: filepath.Join(file, "vault"), Keys: keys}, store.ErrDenied},
		"no key":       {Options{Path: filepath.Join(dir, "none")}, store.ErrLocked},
		"many keys":    {Options{Path: filepath.Join(dir, "none"), Keys: make([]KeySource, maxSlots+1)}, store.ErrInvalid},
		"cancelled":    {Options{Path: filepath.Join(dir, "none"), Keys: []KeySource{cancelled}}, store.ErrCancelled},
		"no key file":  {Options{Path: filepath.Join(dir, "none"), Keys: []KeySource{KeyFile(file + "x")}}, store.ErrLocked},
	}
	before := snapshot(t, file)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wantClass(t, create(t.Context(), tt.options, cheap), tt.class)
		})
	}
	before.same(t)
}

// TestCreateBreaksOffClean ends the context while the key is being asked for.
func TestCreateBreaksOffClean(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	ask := Passphrase(func(context.Context) ([]byte, error) { cancel(); return []byte(sentinel), nil })
	wantClass(t, create(ctx, Options{Path: filepath.Join(dir, "vault.db"), Keys: []KeySource{ask}}, cheap), store.ErrCancelled)
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("%v, %v", names, err)
	}
}

func TestDriver(t *testing.T) {
	path := newVault(t)
	for _, d := range []store.Driver{Driver(Options{Path: path}), Driver(options(path))} {
		s, err := d.Open(t.Context(), store.Family{Name: "any"})
		if err != nil {
			t.Fatal(err)
		}
		if info := s.Info(); info.Kind != d.Kind() || info.ID != path || info.Capabilities != d.Capabilities() {
			t.Errorf("%+v", info)
		}
		mustClose(t, s)
	}
}

func TestDefaultDriver(t *testing.T) {
	home := t.TempDir()
	for _, variable := range []string{"HOME", "XDG_DATA_HOME", "LOCALAPPDATA"} {
		t.Setenv(variable, home)
	}
	path, err := DefaultPath()
	if err != nil || !strings.HasPrefix(path, home) {
		t.Fatalf("%s, %v", path, err)
	}
	d, err := store.DriverFor("vault")
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Open(t.Context(), store.Family{})
	wantClass(t, err, store.ErrNoService, path)
	newVaultIn(t, filepath.Dir(path), cheap)
	s, err := d.Open(t.Context(), store.Family{})
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
}
