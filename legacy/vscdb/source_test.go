package vscdb

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/store"
)

// TestReadsWhatTheAppWrote, and writes what it reads: a row as its own statement
// makes it.
func TestReadsWhatTheAppWrote(t *testing.T) {
	h := newHome(t)
	s := h.open()
	if got := get(t, s, githubKey); got != "[not-found]" {
		t.Errorf("nothing there: %s", got)
	}
	h.appWrites(github, "made up: naïve token")
	if got := get(t, s, githubKey); got != "made up: naïve token" {
		t.Errorf("got %s", got)
	}
	put(t, s, githubKey, "another", store.Any())
	if got, want := h.raw(prefix+github), h.sealed(safestorage.LinuxKeyring, "another"); got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
	if got := h.raw("workbench.panel.pinnedPanels"); got != "[]" {
		t.Errorf("another row is %q now", got)
	}
}

// TestEmptyIsNotAbsent: the empty secret is a secret, however it is sealed.
func TestEmptyIsNotAbsent(t *testing.T) {
	h := newHome(t)
	s := h.open()
	h.script("INSERT INTO ItemTable VALUES (?, ?)", prefix+github, `{"type":"Buffer","data":[]}`)
	if item, err := s.Get(t.Context(), githubKey); err != nil || item.Value.Len() != 0 || item.Revision == "" {
		t.Errorf("the app's: %v", err)
	}
	put(t, s, githubKey, "", store.Any())
	if got := get(t, s, githubKey); got != "" {
		t.Errorf("ours: %s", got)
	}
}

// TestI5ReadingWritesNothing: no byte of the database or beside it changes, and
// no file appears.
func TestI5ReadingWritesNothing(t *testing.T) {
	for _, mode := range []string{"delete", "wal"} {
		h := newHome(t)
		h.appWrites(github, "value")
		h.script("PRAGMA journal_mode = " + mode)
		before := h.content()
		s := h.open()
		if got := get(t, s, githubKey); got != "value" {
			t.Errorf("%s: got %s", mode, got)
		}
		if _, err := s.Stamp(t.Context(), githubKey); err != nil {
			t.Error(err)
		}
		if l, err := s.List(t.Context(), ""); err != nil || len(l) != 1 || l[0].Key != githubKey {
			t.Errorf("%s: list %v, %v", mode, l, err)
		}
		if h.content() != before {
			t.Errorf("%s: reading changed the folder", mode)
		}
	}
}

// TestHotJournalIsUnavailable: a write that was broken off is for the app to put
// right, or for a write of ours: reading is no excuse.
func TestHotJournalIsUnavailable(t *testing.T) {
	h := newHome(t)
	h.appWrites(github, "before")
	h.breakOff()
	before := h.content()
	s := h.open()
	for what, err := range map[string]error{
		"get":   second(s.Get(t.Context(), githubKey)),
		"list":  second(s.List(t.Context(), "")),
		"stamp": second(s.Stamp(t.Context(), githubKey)),
	} {
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), h.path) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if h.content() != before {
		t.Error("reading touched the journal")
	}
	h.script("SELECT count(*) FROM ItemTable") // what the app does when it starts
	if got := get(t, s, githubKey); got != "before" {
		t.Errorf("after the app was there: %s", got)
	}
}

func second[T any](_ T, err error) error { return err }

// breakOff leaves the database as a crash in the middle of a write does: with
// pages of the transaction in the file and the journal beside it.
func (h *home) breakOff() {
	h.t.Helper()
	db, err := litedb.Open(h.t.Context(), litedb.Address(h.path, "mode=rw"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, statement := range []string{"PRAGMA cache_size = 1", "PRAGMA synchronous = full", "BEGIN IMMEDIATE"} {
		if err := db.Script(statement); err != nil {
			h.t.Fatal(err)
		}
	}
	for range 50 { // more than the cache holds: it is written out
		if err := db.Script("INSERT INTO ItemTable VALUES (hex(randomblob(8)), randomblob(4000))"); err != nil {
			h.t.Fatal(err)
		}
	}
	database, err := os.ReadFile(h.path)
	if err != nil {
		h.t.Fatal(err)
	}
	journal, err := os.ReadFile(h.path + "-journal")
	if err != nil || len(journal) == 0 {
		h.t.Fatalf("no journal: %v", err)
	}
	if err := errors.Join(db.Script("ROLLBACK"), db.Close()); err != nil {
		h.t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(h.path, database, 0o600), os.WriteFile(h.path+"-journal", journal, 0o600)); err != nil {
		h.t.Fatal(err)
	}
}

// TestMalformedRows: what cannot be read is told with file and key, never as
// absent, and never deleted or changed.
func TestMalformedRows(t *testing.T) {
	long := strings.Repeat(" ", maxText+1)
	for name, c := range map[string]struct {
		value any
		class *store.Class
	}{
		"bad JSON":       {`{"type":"Buffer","data":[118,49`, store.ErrCorrupt},
		"a number":       {int64(7), store.ErrCorrupt},
		"odd base64":     {`{"type":"Buffer","data":"djEx="}`, store.ErrCorrupt},
		"unknown prefix": {encodeBuffer([]byte("v99abcdefghijklmnop")), store.ErrUnsupported},
		"clear text":     {encodeBuffer([]byte("s3cret in clear text")), store.ErrUnsupported},
		"truncated GCM":  {encodeBuffer([]byte("v12abcdefghijklmnop")), store.ErrCorrupt},
		"bad padding":    {encodeBuffer([]byte("v11" + strings.Repeat("x", 32))), store.ErrCorrupt},
		"part of block":  {encodeBuffer([]byte("v11abc")), store.ErrCorrupt},
		"huge":           {long, store.ErrTooLarge},
		"not text":       {mustSeal("\xff\xfe"), store.ErrCorrupt},
		"above a value":  {mustSeal(strings.Repeat("x", store.MaxValue+1)), store.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.script("INSERT INTO ItemTable VALUES (?, ?)", prefix+github, c.value)
			before := h.content()
			_, err := h.open().Get(t.Context(), githubKey)
			if store.ClassOf(err) != c.class || !strings.Contains(err.Error(), h.path) || !strings.Contains(err.Error(), githubKey.Redacted()) {
				t.Errorf("got %v, want %s with file and key", err, c.class)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the value: %v", err)
			}
			if h.content() != before {
				t.Error("something was changed")
			}
			if l, err := h.open().List(t.Context(), ""); err != nil || len(l) != 1 {
				t.Errorf("list: %v, %v", l, err)
			}
		})
	}
}

func mustSeal(value string) string {
	blob, err := safestorage.LinuxKeyring.Seal([]byte(itemKey), []byte(value))
	if err != nil {
		panic(err)
	}
	return encodeBuffer(blob)
}

// TestOtherSchemas: a table that is not the app's is refused, and told apart from
// one that holds nothing.
func TestOtherSchemas(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		get    *store.Class
		put    *store.Class
	}{
		"no table":      {"CREATE TABLE Other (key TEXT, value BLOB)", store.ErrCorrupt, store.ErrCorrupt},
		"other columns": {"CREATE TABLE ItemTable (name TEXT, value BLOB)", store.ErrCorrupt, store.ErrCorrupt},
		"twice": {"CREATE TABLE ItemTable (key TEXT, value BLOB); INSERT INTO ItemTable VALUES ('secret://" + github + "', 'a'), ('secret://" + github + "', 'b')",
			store.ErrAmbiguous, store.ErrAmbiguous},
		"newer": {"PRAGMA user_version = 2; CREATE TABLE ItemTable (key TEXT UNIQUE, value BLOB)", store.ErrNotFound, store.ErrUnsupported},
	} {
		h := bareHome(t)
		h.script(c.script)
		before := h.content()
		s := h.open()
		if _, err := s.Get(t.Context(), githubKey); store.ClassOf(err) != c.get {
			t.Errorf("%s: get: %v", name, err)
		}
		if _, err := s.Put(t.Context(), githubKey, store.Item{}, store.Any()); store.ClassOf(err) != c.put {
			t.Errorf("%s: put: %v", name, err)
		}
		if h.content() != before {
			t.Errorf("%s: something was changed", name)
		}
	}
}

// TestNoDatabaseIsMade: where the app never ran there is nothing to read, and
// nothing is made.
func TestNoDatabaseIsMade(t *testing.T) {
	h := bareHome(t)
	s := h.open()
	if got := get(t, s, githubKey); got != "[not-found]" {
		t.Errorf("get: %s", got)
	}
	if l, err := s.List(t.Context(), ""); err != nil || len(l) != 0 {
		t.Errorf("list: %v, %v", l, err)
	}
	if _, err := s.Put(t.Context(), githubKey, store.Item{}, store.Any()); !errors.Is(err, store.ErrAbsentByDesign) {
		t.Errorf("put: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(h.path), "*")); len(names) != 0 {
		t.Errorf("there is %v now", names)
	}
}

// TestI4LockedKey: a key that cannot be had is that, and not absence; what is
// there stays as it is, also when it is to be overwritten.
func TestI4LockedKey(t *testing.T) {
	h := newHome(t)
	h.appWrites(github, "value")
	before := h.content()
	for class, err := range map[*store.Class]error{
		store.ErrLocked: &store.Error{Class: store.ErrLocked}, store.ErrDenied: &store.Error{Class: store.ErrDenied},
		store.ErrUnavailable: &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService},
	} {
		h.keys.err = err
		s := h.open()
		if _, err := s.Get(t.Context(), githubKey); store.ClassOf(err) != class {
			t.Errorf("get: %v, want %s", err, class)
		}
		if _, err := s.Put(t.Context(), githubKey, store.Item{}, store.Any()); store.ClassOf(err) != class {
			t.Errorf("put: %v, want %s", err, class)
		}
		if l, err := s.List(t.Context(), ""); err != nil || len(l) != 1 {
			t.Errorf("list needs no key: %v, %v", l, err)
		}
	}
	h.keys.err = &store.Error{Class: store.ErrNotFound}
	if got := get(t, h.open(), githubKey); got != "[locked]" {
		t.Errorf("a key that is gone: %s", got)
	}
	if h.content() != before {
		t.Error("something was changed")
	}
}

// TestI7FormOfNewValues: in the form that the app writes, and never in the one
// without a key unless the app itself was told so.
func TestI7FormOfNewValues(t *testing.T) {
	for _, c := range []struct {
		name, argv string
		before     safestorage.Form
		want       safestorage.Form
	}{
		{"no argv.json", "", 0, safestorage.LinuxKeyring},
		{"a keyring is named", `{"password-store":"gnome-libsecret"}`, 0, safestorage.LinuxKeyring},
		{"basic", "// made by hand\n{\n\t\"password-store\": \"basic\",\n}", 0, safestorage.LinuxBasic},
		{"what the app does not read", `{"Password-Store":"basic"}`, 0, safestorage.LinuxKeyring},
		{"over one without a key", "", safestorage.LinuxBasic, safestorage.LinuxKeyring},
		{"over the portal's", "", safestorage.LinuxPortal, safestorage.LinuxPortal},
		{"basic, over the portal's", `{"password-store":"basic"}`, safestorage.LinuxPortal, safestorage.LinuxBasic},
	} {
		h := newHome(t)
		if c.argv != "" {
			h.write("argv.json", c.argv)
		}
		if c.before != 0 {
			h.script("INSERT INTO ItemTable VALUES (?, ?)", prefix+github, h.sealed(c.before, "before"))
		}
		put(t, h.open(), githubKey, "value", store.Any())
		b, err := decodeBuffer([]byte(h.raw(prefix + github)))
		if err != nil || !safestorage.IsForm(b, c.want) {
			t.Errorf("%s: %q, %v; want %s", c.name, b[:min(3, len(b))], err, c.want)
		}
	}
}

// TestBadArgvStopsWrites: an argv.json that cannot be read is no default.
func TestBadArgvStopsWrites(t *testing.T) {
	h := newHome(t)
	h.appWrites(github, "value")
	h.write("argv.json", `{"password-store":`)
	s := h.open()
	_, err := s.Put(t.Context(), githubKey, store.Item{}, store.Any())
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "argv.json") {
		t.Errorf("put: %v", err)
	}
	if got := get(t, s, githubKey); got != "value" {
		t.Errorf("get: %s", got)
	}
}

func TestPutRefusals(t *testing.T) {
	h := newHome(t)
	s := h.open()
	for name, c := range map[string]struct {
		key   store.Key
		item  store.Item
		class *store.Class
	}{
		"not UTF-8":       {githubKey, store.Item{Value: store.NewValue([]byte{0xff})}, store.ErrInvalid},
		"another service": {store.Key{Service: "com.example.code-insiders.shared-secrets", Account: github}, store.Item{}, store.ErrUnsupported},
		"too large":       {githubKey, store.Item{Value: store.NewValue(make([]byte, store.MaxValue+1))}, store.ErrTooLarge},
		"NUL":             {store.Key{Service: service, Account: "a\x00"}, store.Item{}, store.ErrInvalid},
		"a record":        {githubKey, store.Item{Record: store.Record{Version: store.RecordVersion, Kind: store.KindValue}}, store.ErrUnsupported},
	} {
		if _, err := s.Put(t.Context(), c.key, c.item, store.Any()); store.ClassOf(err) != c.class {
			t.Errorf("%s: %v, want %s", name, err, c.class)
		}
	}
	large := strings.Repeat("x", store.MaxValue)
	put(t, s, githubKey, large, store.Any())
	if got := get(t, s, githubKey); got != large {
		t.Errorf("the largest value comes back with %d bytes", len(got))
	}
}

// TestListNamesSecretsOnly: nothing else of the table, and a name that kinring
// could not use is told beside the others.
func TestListNamesSecretsOnly(t *testing.T) {
	h := newHome(t)
	h.appWrites("b", "2")
	h.appWrites("a", "1")
	s := h.open()
	l, err := s.List(t.Context(), service)
	if err != nil || len(l) != 2 {
		t.Fatalf("%v, %v", l, err)
	}
	if l, err := s.List(t.Context(), "com.example.code-insiders.shared-secrets"); err != nil || len(l) != 0 {
		t.Errorf("another flavour's: %v, %v", l, err)
	}
	h.script("INSERT INTO ItemTable VALUES (?, 'x')", prefix+strings.Repeat("n", store.MaxAccount+1))
	if l, err := s.List(t.Context(), ""); len(l) != 2 || !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("with a name that is too long: %v, %v", l, err)
	}
}

// TestStampIsTheRows: the app's other rows do not move it.
func TestStampIsTheRows(t *testing.T) {
	h := newHome(t)
	s := h.open()
	stamps := map[string]bool{}
	stamp := func() bool {
		t.Helper()
		text, err := s.Stamp(t.Context(), githubKey)
		if err != nil || text == "" {
			t.Fatalf("%q, %v", text, err)
		}
		before := stamps[text]
		stamps[text] = true
		return !before
	}
	stamp()
	h.appWrites(github, "one")
	if !stamp() {
		t.Error("a write does not move it")
	}
	h.script("INSERT INTO ItemTable VALUES ('workbench.state', ?)", "x")
	if stamp() {
		t.Error("another row's write moves it")
	}
	h.appWrites(github, "one")
	if !stamp() {
		t.Error("the same value written again does not move it")
	}
}

// TestBatchSeesChanges: a batch answers as if it read anew each time, also when
// the file was put aside and another one stands in its place.
func TestBatchSeesChanges(t *testing.T) {
	h := newHome(t)
	s := h.open()
	end := s.Batch()
	defer end()
	if got := get(t, s, githubKey); got != "[not-found]" {
		t.Errorf("got %s", got)
	}
	h.appWrites(github, "one")
	if got := get(t, s, githubKey); got != "one" {
		t.Errorf("got %s", got)
	}
	put(t, s, githubKey, "two", store.Any())
	if got := get(t, s, githubKey); got != "two" {
		t.Errorf("got %s", got)
	}
	if runtime.GOOS == "windows" {
		return // an open file cannot be renamed there
	}
	other := newHome(t)
	other.appWrites(github, "three")
	if err := os.Rename(other.path, h.path); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, githubKey); got != "three" {
		t.Errorf("after the file was replaced: %s", got)
	}
}

// TestI8NothingInTheClear: a value is nowhere in the folder.
func TestI8NothingInTheClear(t *testing.T) {
	h := newHome(t)
	s := h.open()
	gone := func(what, value string) {
		t.Helper()
		data, err := os.ReadFile(h.path)
		if err != nil {
			t.Fatal(err)
		}
		old := h.sealed(safestorage.LinuxKeyring, value)
		if bytes.Contains(data, []byte(value)) || bytes.Contains(data, []byte(old[len(old)/2:])) {
			t.Errorf("the file still holds what was %s", what)
		}
	}
	put(t, s, githubKey, "s3cret-made-up", store.Any())
	put(t, s, githubKey, "another", store.Any())
	gone("replaced", "s3cret-made-up")
	if err := s.Delete(t.Context(), githubKey, store.Any()); err != nil {
		t.Fatal(err)
	}
	gone("deleted", "another")
}

func TestOpenRefusals(t *testing.T) {
	good := store.SourceConfig{Name: "vscdb", Service: service, Path: filepath.Join(t.TempDir(), "state.vscdb"), Options: map[string]string{"app": "Code"}}
	if _, err := (Layout{}).Open(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*store.SourceConfig){
		"no service":     func(c *store.SourceConfig) { c.Service = "" },
		"no app":         func(c *store.SourceConfig) { c.Options = nil },
		"relative path":  func(c *store.SourceConfig) { c.Path = "state.vscdb" },
		"unknown option": func(c *store.SourceConfig) { c.Options = map[string]string{"app": "Code", "key": "x"} },
		"relative argv":  func(c *store.SourceConfig) { c.Options = map[string]string{"app": "Code", "argv": "argv.json"} },
	} {
		c := good
		change(&c)
		if _, err := (Layout{}).Open(c); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestT1ModesOfTheApp: whether the app keeps secrets on disk is looked at anew
// each time, and what cannot be told is an error.
func TestT1ModesOfTheApp(t *testing.T) {
	h := bareHome(t)
	vars := map[string]string{"userdata": h.dir, "argv": filepath.Join(h.dir, "argv.json")}
	mode := func() string {
		m, err := Storage{}.Mode(context.Background(), vars)
		if err != nil {
			return class(err)
		}
		return m
	}
	if got := mode(); got != ModeAbsent {
		t.Errorf("before the app ran: %s", got)
	}
	h.script(schema)
	if got := mode(); got != ModePersisted {
		t.Errorf("after it: %s", got)
	}
	h.write("argv.json", `{"Use-InMemory-SecretStorage": true}`)
	if got := mode(); got != ModePersisted {
		t.Errorf("told in other letters: %s", got)
	}
	h.write("argv.json", `{"use-inmemory-secretstorage": true}`)
	if got := mode(); got != ModeInMemory {
		t.Errorf("told to keep nothing: %s", got)
	}
	h.write("argv.json", `{"use-inmemory-secretstorage": "perhaps"}`)
	if got := mode(); got != "[corrupt]" {
		t.Errorf("told nonsense: %s", got)
	}
}
