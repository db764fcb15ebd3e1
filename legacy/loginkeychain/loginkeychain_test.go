package loginkeychain

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/desk"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/store"
)

var key = store.Key{Service: "Example Auth", Account: "person"}

// newBuild is another program than the one that made the items.
func newBuild() emulator.Program {
	return emulator.Program{Name: "new", Identifier: "com.example.new", Team: "ABCDE12345", Attended: true}
}

// leave makes an item as a program does.
func leave(t *testing.T, m *emulator.Mac, p emulator.Program, k store.Key, value string) {
	t.Helper()
	q := secitem.Query{Keychain: secitem.Login, Service: k.Service, Account: k.Account, Value: []byte(value)}
	if err := m.Run(p).Add(q.Dict()); err != nil {
		t.Fatal(err)
	}
}

// TestPromptPolicy: never asks nobody; if-attended asks where there is a screen;
// always asks and is refused by the system where there is none. Existence costs
// no question under any of them.
func TestPromptPolicy(t *testing.T) {
	for _, c := range []struct {
		policy   store.Interaction
		attended bool
		locked   bool
		want     error
		prompts  int
	}{
		{store.Never, true, false, store.ErrDenied, 0},
		{store.Never, true, true, store.ErrLocked, 0},
		{store.Never, false, false, store.ErrDenied, 0},
		{store.IfAttended, true, false, nil, 1},
		{store.IfAttended, true, true, nil, 2}, // its password, then the item
		{store.IfAttended, false, false, store.ErrDenied, 0},
		{store.IfAttended, false, true, store.ErrLocked, 0},
		{store.Always, true, false, nil, 1},
		{store.Always, false, false, store.ErrDenied, 0},
		{store.Always, false, true, store.ErrLocked, 0},
	} {
		t.Run(fmt.Sprintf("%s attended %v locked %v", c.policy, c.attended, c.locked), func(t *testing.T) {
			m := emulator.New()
			leave(t, m, older(), key, "login")
			m.SetLoginLocked(c.locked)
			m.SetAnswer(func(emulator.Prompt) emulator.Answer { return emulator.Allow })
			p := newBuild()
			p.Attended = c.attended
			s := openAs(t, "mackeyring", Options{Program: mac.New(m.Run(p))})
			ctx := store.WithInteraction(t.Context(), c.policy)
			if entries, err := s.List(ctx, key.Service); err != nil || len(entries) != 1 {
				t.Errorf("list: %v, %v", entries, err)
			}
			if _, err := s.Get(ctx, store.Key{Service: key.Service, Account: "nobody"}); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a missing item: %v", err)
			}
			item, err := s.Get(ctx, key)
			if c.want == nil && (err != nil || string(item.Value.Bytes()) != "login") || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("get: %q, %v; want %v", item.Value.Bytes(), err, c.want)
			}
			if got := m.Prompts(); len(got) != c.prompts {
				t.Errorf("questions: %v, want %d", got, c.prompts)
			}
		})
	}
}

// TestNoKeychainIsNoAbsence: macOS answers "no such item" where there is no file
// to look in (I4).
func TestNoKeychainIsNoAbsence(t *testing.T) {
	m := emulator.New()
	m.RemoveLogin()
	for _, n := range namings {
		s := openAs(t, n.layout, Options{Program: mac.New(m.Run(newBuild()))})
		_, get := s.Get(t.Context(), key)
		_, list := s.List(t.Context(), "")
		if !errors.Is(get, store.ErrUnavailable) || !errors.Is(list, store.ErrUnavailable) {
			t.Errorf("%s: get %v, list %v; want unavailable", n.layout, get, list)
		}
	}
}

// TestWritesLeaveTheMakerTrusted: replacing a value changes no more than the
// value; the older build reads it without a question.
func TestWritesLeaveTheMakerTrusted(t *testing.T) {
	m := emulator.New()
	leave(t, m, older(), key, "before")
	s := openAs(t, "mackeyring", Options{Program: mac.New(m.Run(newBuild()))})
	if _, err := s.Put(store.WithInteraction(t.Context(), store.Never), key, store.Item{Value: store.NewValue([]byte("after"))}, store.Any()); err != nil {
		t.Fatal(err)
	}
	own := openAs(t, "mackeyring", Options{Program: mac.New(m.Run(older()))})
	if i, err := own.Get(t.Context(), key); err != nil || string(i.Value.Bytes()) != "after" || len(m.Prompts()) != 0 {
		t.Errorf("%q, %v, %d questions", i.Value.Bytes(), err, len(m.Prompts()))
	}
}

// TestDatesOfSeconds: two writes within one second are told apart by their
// values; after it the date alone does, without reading the value.
func TestDatesOfSeconds(t *testing.T) {
	m := emulator.New()
	now := time.Now()
	m.SetClock(func() time.Time { return now })
	leave(t, m, older(), key, "one")
	s := openAs(t, "mackeyring", Options{Program: mac.New(m.Run(older()))})
	first, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	put := func(v string, cond store.Condition) error {
		_, err := s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte(v))}, cond)
		return err
	}
	if err := put("two", store.Any()); err != nil {
		t.Fatal(err)
	}
	if err := put("x", store.Match(first.Revision)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("over a write of the same second: %v", err)
	}
	now = now.Add(-time.Hour) // what is written now is long past
	if err := put("three", store.Any()); err != nil {
		t.Fatal(err)
	}
	old, err := s.Get(t.Context(), key)
	if err != nil || strings.Contains(string(old.Revision), "-") {
		t.Errorf("an old item has the revision %q, %v", old.Revision, err)
	}
	if stamp, err := s.(interface {
		Stamp(context.Context, store.Key) (string, error)
	}).Stamp(t.Context(), key); err != nil || stamp == "" {
		t.Errorf("stamp %q, %v", stamp, err)
	}
	now = now.Add(time.Minute)
	if err := put("four", store.Match(old.Revision)); err != nil {
		t.Errorf("over what was read: %v", err)
	}
	now = now.Add(time.Minute)
	if err := put("five", store.Match(old.Revision)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("over a later write: %v", err)
	}
}

// TestAskedOnceInAProcess: a value that was permitted once is not asked for again
// until it changes.
func TestAskedOnceInAProcess(t *testing.T) {
	m := emulator.New()
	now := time.Now().Add(-time.Hour)
	m.SetClock(func() time.Time { return now })
	leave(t, m, older(), key, "one")
	m.SetAnswer(func(emulator.Prompt) emulator.Answer { return emulator.Allow })
	s := openAs(t, "mackeyring", Options{Program: mac.New(m.Run(newBuild()))})
	read := func(want string, prompts int) {
		t.Helper()
		i, err := s.Get(t.Context(), key)
		if err != nil || string(i.Value.Bytes()) != want || len(m.Prompts()) != prompts {
			t.Errorf("%q, %v after %d questions; want %q after %d", i.Value.Bytes(), err, len(m.Prompts()), want, prompts)
		}
	}
	read("one", 1)
	read("one", 1)
	now = now.Add(time.Minute)
	change := secitem.Query{Keychain: secitem.Login, Service: key.Service, Account: key.Account}
	if err := m.Run(older()).Update(change.Dict(), secitem.Change{Value: []byte("two")}.Dict()); err != nil {
		t.Fatal(err)
	}
	read("two", 2)
	now = time.Now() // too recent to be told from the next write
	if err := m.Run(older()).Update(change.Dict(), secitem.Change{Value: []byte("three")}.Dict()); err != nil {
		t.Fatal(err)
	}
	read("three", 3)
	read("three", 4)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
}

// TestGoKeyring: what go-keyring wrote through the security command is read
// through it, in each form that it ever wrote, and without a question.
func TestGoKeyring(t *testing.T) {
	for form, stored := range map[string]string{
		"base64":  "go-keyring-base64:" + "bMO2Z2luCg==",
		"hex":     "go-keyring-encoded:" + hex.EncodeToString([]byte("lögin\n")),
		"earlier": "login",
	} {
		m := emulator.New()
		leave(t, m, emulator.SecurityTool(), key, stored)
		o := Options{Program: mac.New(m.Run(newBuild())), Tool: asSecurity(t, desk.Share(t, m.Run(emulator.SecurityTool())))}
		want := map[bool]string{true: "login", false: "lögin\n"}[form == "earlier"]
		i, err := openAs(t, "macgokeyring", o).Get(t.Context(), key)
		if err != nil || string(i.Value.Bytes()) != want || len(m.Prompts()) != 0 {
			t.Errorf("%s: %q, %v, %d questions; want %q", form, i.Value.Bytes(), err, len(m.Prompts()), want)
		}
	}
}

// TestGoKeyringShowsNoValue: a value is in no argument of a command (I8), and one
// that does not fit into its line is refused before anything is touched.
func TestGoKeyringShowsNoValue(t *testing.T) {
	m := emulator.New()
	tool := asSecurity(t, desk.Share(t, m.Run(emulator.SecurityTool())))
	arguments := filepath.Join(t.TempDir(), "arguments")
	spy := filepath.Join(t.TempDir(), "spy")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$*\" >>%s\nexec %s \"$@\"\n", arguments, tool)
	if err := os.WriteFile(spy, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := openAs(t, "macgokeyring", Options{Program: mac.New(m.Run(newBuild())), Tool: spy})
	value := []byte("sentinel-5512")
	if _, err := s.Put(t.Context(), key, store.Item{Value: store.NewValue(value)}, store.Any()); err != nil {
		t.Fatal(err)
	}
	seen, err := os.ReadFile(arguments)
	if err != nil || !bytes.Contains(seen, []byte("-i")) {
		t.Fatalf("the command was called with %q, %v", seen, err)
	}
	for _, secret := range []string{"sentinel", "c2VudGluZWw"} {
		if bytes.Contains(seen, []byte(secret)) {
			t.Errorf("the arguments hold the value: %s", seen)
		}
	}
	long := store.Key{Service: strings.Repeat("s", 1000), Account: strings.Repeat("'", 500)}
	before := m.Contents()
	if _, err := s.Put(t.Context(), long, store.Item{Value: store.NewValue(make([]byte, maxToolValue))}, store.Any()); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a command that is too long: %v", err)
	}
	if after := m.Contents(); len(after.Login) != len(before.Login) {
		t.Error("something was written")
	}
}

// TestToolFailures: the security command that is missing, or fails, is no absence.
func TestToolFailures(t *testing.T) {
	needShell(t)
	m := emulator.New()
	leave(t, m, emulator.SecurityTool(), key, "login")
	p := mac.New(m.Run(newBuild()))
	if _, err := openAs(t, "macgokeyring", Options{Program: p, Tool: "/nowhere/security"}).Get(t.Context(), key); !errors.Is(err, store.ErrNoService) {
		t.Errorf("no command: %v", err)
	}
	for code, want := range map[int]error{1: store.ErrUnavailable, 36: store.ErrDenied, 51: store.ErrDenied, 128: store.ErrCancelled, 44: store.ErrNotFound} {
		failing := filepath.Join(t.TempDir(), "security")
		if err := os.WriteFile(failing, fmt.Appendf(nil, "#!/bin/sh\necho 'person sentinel' >&2\nexit %d\n", code), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := openAs(t, "macgokeyring", Options{Program: p, Tool: failing}).Get(t.Context(), key)
		if !errors.Is(err, want) || strings.Contains(err.Error(), "sentinel") {
			t.Errorf("exit code %d: %v, want %v", code, err, want)
		}
	}
}

// TestSafeStorage: the key of an Electron app is found under the names of its
// newer and its older builds, and cannot be written or removed.
func TestSafeStorage(t *testing.T) {
	for _, account := range []string{"Code Key", "Code"} {
		m := emulator.New()
		leave(t, m, older(), store.Key{Service: "Code Safe Storage", Account: account}, "cGFzc3dvcmQ=")
		m.SetAnswer(emulator.Script(emulator.Allow))
		options := Options{Program: mac.New(m.Run(newBuild()))}
		secret, err := SafeStorage{App: "Code", Options: options}.Secret(t.Context(), safestorage.DarwinKey)
		if err != nil || string(secret) != "cGFzc3dvcmQ=" || len(m.Prompts()) != 1 {
			t.Errorf("%s: %q, %v, %d questions", account, secret, err, len(m.Prompts()))
		}
		s := openAs(t, "macsafekey", options)
		_, put := s.Put(t.Context(), SafeStorageKey("Code"), store.Item{}, store.Any())
		if del := s.Delete(t.Context(), SafeStorageKey("Code"), store.Any()); !errors.Is(put, store.ErrUnsupported) || !errors.Is(del, store.ErrUnsupported) {
			t.Errorf("put %v, delete %v", put, del)
		}
	}
	if _, err := (SafeStorage{App: "Code", Options: Options{Program: mac.New(emulator.New().Run(newBuild()))}}).Secret(t.Context(), safestorage.DarwinKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no key: %v", err)
	}
}

// FuzzDecode: whatever the command prints is a value or corrupt, and an error
// shows nothing of it.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "\n", "login\n", "go-keyring-base64:", "go-keyring-base64:bG9naW4=\n", "go-keyring-base64:!", "go-keyring-encoded:6c6f\n", "go-keyring-encoded:6"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, printed []byte) {
		value, err := decode(slices.Clone(printed))
		if err != nil && (store.ClassOf(err) != store.ErrCorrupt || value != nil) {
			t.Errorf("%q: %q, %v", printed, value, err)
		}
	})
}

// FuzzWriting: whatever the names, the line means this item and this value.
func FuzzWriting(f *testing.F) {
	f.Add("service", "account", []byte("value"))
	f.Add("it's", `"\`, []byte{0})
	f.Add("-a", " x  y ", []byte{})
	f.Fuzz(func(t *testing.T, service, account string, value []byte) {
		item := store.Key{Service: service, Account: account}
		if store.CheckKey(item) != nil || len(value) > maxToolValue {
			return
		}
		command, err := writing(item, value, "-U ")
		if err != nil {
			return
		}
		w := words(strings.TrimSuffix(string(command), "\n"))
		if len(w) != 8 || w[0] != "add-generic-password" || w[3] != service || w[5] != account || bytes.Count(command, []byte("\n")) != 1 {
			t.Fatalf("%q is read as %q", command, w)
		}
		if back, err := decode([]byte(w[7] + "\n")); err != nil || !bytes.Equal(back, value) {
			t.Errorf("%q comes back as %q, %v", value, back, err)
		}
	})
}
