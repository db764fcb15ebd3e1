package authjson_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

// entriesLayout is credentialsjson.
var entriesLayout = layouts[1]

func member(key store.Key, text string) string { return `"` + key.Account + `":` + text }

// TestEntriesKeepTheRest deletes, replaces and adds one entry of a file that no
// Codex wrote in quite this way.
func TestEntriesKeepTheRest(t *testing.T) {
	l := entriesLayout
	another := ` "gamma|1" : {"server_name":"gamma", "future":[1.50, "}"] }`
	before := "{ " + member(otherKey, otherEntry) + " ,\n\t" + member(l.key, l.old) + "," + another + "\n}\n"
	for _, c := range []struct {
		name string
		do   func(s store.Store) error
		want string
	}{
		{"delete", func(s store.Store) error { return s.Delete(t.Context(), l.key, store.Any()) },
			"{ " + member(otherKey, otherEntry) + " ,\n\t" + another[1:] + "\n}\n"},
		{"replace", func(s store.Store) error {
			_, err := s.Put(t.Context(), l.key, item(l.new), store.Any())
			return err
		}, strings.Replace(before, l.old, l.new, 1)},
		{"add", func(s store.Store) error {
			_, err := s.Put(t.Context(), store.Key{Service: l.key.Service, Account: "delta|2"}, item(l.new), store.Absent())
			return err
		}, strings.TrimSuffix(before, "\n}\n") + `,"delta|2":` + l.new + "\n}\n"},
	} {
		home := t.TempDir()
		write(t, l.path(home), before)
		if err := c.do(l.open(t, home)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		wantFile(t, l.path(home), c.want)
		if !json.Valid([]byte(c.want)) {
			t.Errorf("%s: what is wanted is no JSON", c.name)
		}
	}
}

func TestEntriesList(t *testing.T) {
	l, home := entriesLayout, t.TempDir()
	write(t, l.path(home), "{"+member(l.key, l.old)+","+member(otherKey, otherEntry)+","+member(otherKey, otherEntry)+"}")
	entries, err := l.open(t, home).List(t.Context(), l.key.Service)
	if err != nil || len(entries) != 2 || entries[0].Key != l.key || entries[1].Key != otherKey {
		t.Fatalf("list: %v, %v", entries, err)
	}
	if entries[0].Revision == "" || entries[1].Revision != "" {
		t.Errorf("revisions %q and, of the entry that is there twice, %q", entries[0].Revision, entries[1].Revision)
	}
}

func TestEntriesTwice(t *testing.T) {
	l, home := entriesLayout, t.TempDir()
	text := "{" + member(l.key, l.old) + "," + member(otherKey, otherEntry) + "," + member(l.key, l.new) + "}"
	write(t, l.path(home), text)
	s := l.open(t, home)
	_, get := s.Get(t.Context(), l.key)
	_, put := s.Put(t.Context(), l.key, item(l.new), store.Any())
	for what, err := range map[string]error{"get": get, "put": put, "delete": s.Delete(t.Context(), l.key, store.Any())} {
		wantClass(t, what, err, store.ErrAmbiguous)
	}
	wantFile(t, l.path(home), text)
	if got, err := s.Get(t.Context(), otherKey); err != nil || string(got.Value.Bytes()) != otherEntry {
		t.Errorf("the other entry: %q, %v", got.Value.Bytes(), err)
	}
}

func TestEntriesOfNoUse(t *testing.T) {
	l := entriesLayout
	long := strings.Repeat("x", store.MaxAccount+1)
	for _, c := range []struct {
		name, text string
		get, list  error
	}{
		{"no object", "{" + member(l.key, `"made-up-a"`) + "}", store.ErrCorrupt, nil},
		{"null", "{" + member(l.key, "null") + "}", store.ErrCorrupt, nil},
		{"too large", "{" + member(l.key, `{"a":"`+strings.Repeat("x", store.MaxValue)+`"}`) + "}", store.ErrTooLarge, nil},
		{"a name that is no account", `{"` + long + `":{}}`, store.ErrNotFound, store.ErrCorrupt},
		{"an empty name", `{"":{}}`, store.ErrNotFound, store.ErrCorrupt},
		{"too many entries", "{" + strings.Repeat(`"a":{},`, 1<<14) + `"b":{}}`, store.ErrTooLarge, store.ErrTooLarge},
	} {
		home := t.TempDir()
		write(t, l.path(home), c.text)
		s := l.open(t, home)
		_, err := s.Get(t.Context(), l.key)
		wantClass(t, c.name+": get", err, c.get)
		_, err = s.List(t.Context(), "")
		wantClass(t, c.name+": list", err, c.list)
	}
}

func TestEntriesRefuseWhiteSpace(t *testing.T) {
	l, home := entriesLayout, t.TempDir()
	s := l.holding(t, home)
	for _, v := range []string{" " + l.new, l.new + "\n"} {
		_, err := s.Put(t.Context(), l.key, item(v), store.Any())
		wantClass(t, "put", err, store.ErrInvalid)
	}
	wantFile(t, l.path(home), l.oldFile)
}

func TestEntriesFileLimit(t *testing.T) {
	l, home := entriesLayout, t.TempDir()
	large := `{"a":"` + strings.Repeat("x", 1<<20-100) + `"}`
	text := `{"0":` + large
	for account := 1; account < 16; account++ {
		text += fmt.Sprintf(`,"%d":%s`, account, large)
	}
	write(t, l.path(home), text+"}")
	s := l.open(t, home)
	_, err := s.Put(t.Context(), store.Key{Service: l.key.Service, Account: "16"}, item(large), store.Any())
	wantClass(t, "one entry too much", err, store.ErrTooLarge)
	if entries, err := s.List(t.Context(), ""); err != nil || len(entries) != 16 {
		t.Errorf("list: %d, %v", len(entries), err)
	}
}
