package authjson

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/store"
)

func openEntries(t *testing.T) (*entries, string) {
	t.Helper()
	home := t.TempDir()
	s, err := Entries{}.Open(store.SourceConfig{Name: "credentials", Service: "s", Vars: map[string]string{homeVariable: home}})
	if err != nil {
		t.Fatal(err)
	}
	return s.(*entries), filepath.Join(home, entriesFile)
}

// olderWrites writes the file in place, as long ago as settled files are old.
func olderWrites(t *testing.T, path, text string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestBatchAnswersAsWithout: within a batch as without one a Get shows what the
// file holds now, whatever has become of it.
func TestBatchAnswersAsWithout(t *testing.T) {
	e, path := openEntries(t)
	defer e.Batch()()
	bare, err := Entries{}.Open(store.SourceConfig{Name: "credentials", Service: "s", Path: path})
	if err != nil {
		t.Fatal(err)
	}
	written := time.Now().Add(-time.Hour)
	for i, text := range []string{
		"", `{"a":{"n":1},"b":{}}`, `{"a":{"n":2},"b":{}}`, `{"a":{},"a":{}}`, `{"a":7}`, `{"b":{}}`, `{"a":`, `{"\u0061":{"n":3}}`, "",
	} {
		if text != "" {
			olderWrites(t, path, text, written.Add(time.Duration(i)*time.Minute))
		} else if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for range 2 {
			for _, key := range []store.Key{{Service: "s", Account: "a"}, {Service: "s", Account: "b"}, {Service: "t", Account: "a"}} {
				got, gotErr := e.Get(t.Context(), key)
				want, wantErr := bare.Get(t.Context(), key)
				if !got.Value.Equal(want.Value) || got.Revision != want.Revision || store.ClassOf(gotErr) != store.ClassOf(wantErr) {
					t.Errorf("%q: %v: got %v, want %v", text, key, gotErr, wantErr)
				}
			}
		}
	}
}

// TestBatchReadsOnce: what is kept answers without the file being read, and is
// wiped when the last batch ends.
func TestBatchReadsOnce(t *testing.T) {
	e, path := openEntries(t)
	key := store.Key{Service: "s", Account: "a"}
	written := time.Now().Add(-time.Hour)
	olderWrites(t, path, `{"a":{"n":1}}`, written)
	first, second := e.Batch(), e.Batch()
	if _, err := e.Get(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	text := e.kept.object.text
	olderWrites(t, path, `{"a":{"n":2}}`, written) // as no program does: the stamp is the same
	if item, err := e.Get(t.Context(), key); err != nil || string(item.Value.Bytes()) != `{"n":1}` {
		t.Errorf("the file was read again: %s, %v", item.Value.Bytes(), err)
	}
	first()
	if e.kept.index == nil {
		t.Error("the end of one batch ended the other")
	}
	second()
	if len(text) == 0 || len(bytes.Trim(text, "\x00")) > 0 || e.kept.index != nil {
		t.Errorf("after the batches %q is kept", text)
	}
	if item, err := e.Get(t.Context(), key); err != nil || string(item.Value.Bytes()) != `{"n":2}` {
		t.Errorf("without a batch: %s, %v", item.Value.Bytes(), err)
	}
}

// TestBatchDoesNotKeepAFreshFile: one that was written just now can be written
// once more without its time changing.
func TestBatchDoesNotKeepAFreshFile(t *testing.T) {
	e, path := openEntries(t)
	defer e.Batch()()
	soon := time.Now().Add(time.Hour)
	for _, text := range []string{`{"a":{"n":1}}`, `{"a":{"n":2}}`} {
		olderWrites(t, path, text, soon)
		item, err := e.Get(t.Context(), store.Key{Service: "s", Account: "a"})
		if want := text[len(`{"a":`) : len(text)-1]; err != nil || string(item.Value.Bytes()) != want {
			t.Errorf("got %s, %v; want %s", item.Value.Bytes(), err, want)
		}
	}
}

func BenchmarkBatchGet(b *testing.B) {
	home := b.TempDir()
	path := filepath.Join(home, entriesFile)
	text := []byte(`{"a":{"access_token":"made-up"}`)
	for i := range 9999 {
		text = append(text, `,"made-up|`+string(jsontext.Quote(time.Duration(i).String()))[1:]+`:{"access_token":"made-up"}`...)
	}
	if err := os.WriteFile(path, append(text, '}'), 0o600); err != nil {
		b.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		b.Fatal(err)
	}
	s, err := Entries{}.Open(store.SourceConfig{Name: "credentials", Service: "s", Vars: map[string]string{homeVariable: home}})
	if err != nil {
		b.Fatal(err)
	}
	for name, batch := range map[string]func() func(){"alone": func() func() { return func() {} }, "batch": s.(*entries).Batch} {
		b.Run(name, func(b *testing.B) {
			defer batch()()
			for b.Loop() {
				if _, err := s.Get(b.Context(), store.Key{Service: "s", Account: "a"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
