package settled

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

// whole is a format whose end can be seen.
func whole(data []byte) error {
	if !bytes.HasSuffix(data, []byte("END")) {
		return errors.New("it has no end")
	}
	return nil
}

func fileOf(path string) File {
	return File{Path: path, Limits: durable.Limits{MaxSize: 1 << 20}, Whole: whole}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Error(err)
	}
}

func TestReadStates(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, text)
		return path
	}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		want       error
	}{
		{"whole", put("whole", "text END"), nil},
		{"half", put("half", "text E"), store.ErrCorrupt},
		{"empty", put("empty", ""), store.ErrCorrupt},
		{"too large", put("large", strings.Repeat("x", 1<<20+1)), store.ErrTooLarge},
		{"a folder", folder, store.ErrCorrupt},
		{"missing", filepath.Join(dir, "missing"), store.ErrNotFound},
		{"in a missing folder", filepath.Join(dir, "none", "missing"), store.ErrNotFound},
	} {
		data, stamp, err := fileOf(c.path).Read(t.Context())
		if c.want == nil {
			now, serr := durable.StampOf(c.path)
			if err != nil || string(data) != "text END" || stamp != now || serr != nil {
				t.Errorf("%s: %q, %v, %v; stamp now %v, %v", c.name, data, stamp, err, now, serr)
			}
			continue
		}
		if !errors.Is(err, c.want) || data != nil || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %q, %v; want %v and the path", c.name, data, err, c.want)
		}
	}
}

func TestContextThatHasEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "text END")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel2 := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel2()
	for _, c := range []struct {
		ctx  context.Context
		want error
	}{{cancelled, store.ErrCancelled}, {expired, store.ErrTimedOut}} {
		if data, _, err := fileOf(path).Read(c.ctx); !errors.Is(err, c.want) || data != nil {
			t.Errorf("%q, %v; want %v", data, err, c.want)
		}
	}
}

// TestHalfThenWhole finishes the file only after the reader has seen it half.
func TestHalfThenWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "text E")
	f, seen := fileOf(path), 0
	f.Whole = func(data []byte) error {
		if seen++; seen == 2 {
			write(t, path, "text END")
		}
		return whole(data)
	}
	data, _, err := f.Read(t.Context())
	if err != nil || string(data) != "text END" || seen < 3 {
		t.Errorf("%q, %v, after %d looks", data, err, seen)
	}
}

// TestKeepsChanging changes the half file whenever the reader looks, so that it
// is neither whole nor damaged.
func TestKeepsChanging(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, c := range []struct {
		name string
		end  func(cancel func())
		want error
	}{
		{"until time runs out", func(func()) {}, store.ErrUnavailable},
		{"until the caller gives up", func(cancel func()) { cancel() }, store.ErrCancelled},
	} {
		write(t, path, "x")
		ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer stop()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		f, n := fileOf(path), 0
		f.Whole = func(data []byte) error {
			n++
			write(t, path, strings.Repeat("x", n%7))
			if n == 5 {
				c.end(cancel)
			}
			return whole(data)
		}
		if data, _, err := f.Read(ctx); !errors.Is(err, c.want) || data != nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %q, %v; want %v", c.name, data, err, c.want)
		}
	}
}

// TestQuiet: what was written a moment ago may go on; an old file, one from the
// future and one that is known to have been written in one step are taken at once.
func TestQuiet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := fileOf(path)
	f.Quiet = time.Hour
	for _, c := range []struct {
		name  string
		age   time.Duration
		own   bool
		ready bool
	}{
		{"old", 2 * time.Hour, false, true},
		{"new", 0, false, false},
		{"from the future", -time.Hour, false, true},
		{"new and written in one step", 0, true, true},
	} {
		f.AtOnce = func(durable.Stamp) bool { return c.own }
		write(t, path, "text END")
		at := time.Now().Add(-c.age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
		data, _, err := f.Read(ctx)
		cancel()
		if c.ready != (err == nil && string(data) == "text END") || !c.ready && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %q, %v", c.name, data, err)
		}
	}
}

func TestVanishes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "text E")
	f := fileOf(path)
	f.Whole = func(data []byte) error {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		return whole(data)
	}
	if data, _, err := f.Read(t.Context()); !errors.Is(err, store.ErrNotFound) || data != nil {
		t.Errorf("%q, %v; want %v", data, err, store.ErrNotFound)
	}
}
