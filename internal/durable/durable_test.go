package durable

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/kinring/kinring/store"
)

const sentinel = "sk-test-durable-sentinel"

var limits = Limits{MaxSize: 64}

func put(t *testing.T, path, content string, mode fs.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantClass also checks that the error names the file and holds no content.
func wantClass(t *testing.T, err error, class *store.Class, path string) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Fatalf("error %v, want class %v", err, class)
	}
	if !strings.Contains(err.Error(), path) {
		t.Errorf("error %q does not name %s", err, path)
	}
	if strings.Contains(err.Error(), sentinel) {
		t.Errorf("error %q holds the content", err)
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"empty": "", "text": "a\r\nb\n", "full": strings.Repeat("x", 64)} {
		path := put(t, filepath.Join(dir, name), content, 0o600)
		got, stamp, err := ReadFile(t.Context(), path, limits)
		if err != nil || string(got) != content {
			t.Fatalf("%s: %q, %v", name, got, err)
		}
		again, err := StampOf(path)
		if err != nil || again != stamp || stamp == (Stamp{}) {
			t.Errorf("%s: stamps %v and %v, %v", name, stamp, again, err)
		}
	}
}

func TestReadFileRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put(t, at("big"), sentinel+strings.Repeat("x", 64), 0o600)
	put(t, at("file"), sentinel, 0o600)
	if err := os.Mkdir(at("dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		class *store.Class
		posix bool
	}{
		{"missing", store.ErrNotFound, false},
		{"missing/file", store.ErrNotFound, false},
		{"file/below", store.ErrInvalid, true},
		{"big", store.ErrTooLarge, false},
		{"dir", store.ErrCorrupt, false},
		{"link", store.ErrDenied, true},
		{"dangling", store.ErrDenied, true},
		{"looped", store.ErrDenied, true},
	}
	if runtime.GOOS != "windows" {
		for link, target := range map[string]string{"link": "file", "dangling": "nowhere", "looped": "looped"} {
			if err := os.Symlink(target, at(link)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.posix && runtime.GOOS == "windows" {
				t.Skip("needs a system with symbolic links for everybody")
			}
			_, _, err := ReadFile(t.Context(), at(tt.name), limits)
			wantClass(t, err, tt.class, at(tt.name))
		})
	}
}

func TestCheckJudgesAsReadFileDoes(t *testing.T) {
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "file"), sentinel, 0o600)
	if _, err := Check(path, Limits{Private: true}); err != nil {
		t.Fatal(err)
	}
	_, err := Check(dir, Limits{})
	wantClass(t, err, store.ErrCorrupt, dir)
	_, err = Check(path+"x", Limits{})
	wantClass(t, err, store.ErrNotFound, path)
}

func TestEndedContextTouchesNothing(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "file"), "old", 0o600)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := ReadFile(ctx, path, limits)
	wantClass(t, err, store.ErrCancelled, path)
	wantClass(t, WriteFile(ctx, path, []byte("new"), 0o600), store.ErrCancelled, path)
	wantClass(t, CreateFile(ctx, path, []byte("new"), 0o600), store.ErrCancelled, path)
	wantClass(t, Remove(ctx, path), store.ErrCancelled, path)
	wantContent(t, path, "old")
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Fatalf("%s holds %q (%v), want %q", path, got, err, want)
	}
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("%s holds %v, want %v", dir, got, want)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"first", "", strings.Repeat("long", 1<<16)} {
		if err := WriteFile(t.Context(), path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		wantContent(t, path, content)
		wantNames(t, dir, "file")
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestWriteFileRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "file"), "kept", 0o600)
	tests := map[string]*store.Class{"dir": store.ErrCorrupt, filepath.Join("none", "file"): store.ErrUnavailable} // nobody looked for a file
	if runtime.GOOS != "windows" {
		if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		tests["link"] = store.ErrDenied
	}
	for name, class := range tests {
		path := filepath.Join(dir, name)
		wantClass(t, WriteFile(t.Context(), path, []byte(sentinel), 0o600), class, path)
	}
	wantContent(t, filepath.Join(dir, "file"), "kept")
}

func TestCreateFileNeverReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := CreateFile(t.Context(), path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantClass(t, CreateFile(t.Context(), path, []byte(sentinel), 0o600), store.ErrConflict, path)
	wantContent(t, path, "first")
	wantNames(t, dir, "file")
}

func TestConcurrentWritersNeverMix(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				content := bytes.Repeat([]byte{'a' + byte(i)}, 5000)
				if err := WriteFile(t.Context(), path, content, 0o600); err != nil {
					t.Error(err)
				}
				got, _, err := ReadFile(t.Context(), path, Limits{MaxSize: 1 << 20})
				if err != nil || len(got) != 5000 || bytes.Count(got, got[:1]) != 5000 {
					t.Errorf("read %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
	wantNames(t, dir, "file")
}

func TestAbandonedTempIsSwept(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, tempPrefix+"file-0011223344556677"+tempSuffix), sentinel, 0o600)
	put(t, filepath.Join(dir, tempPrefix+"other-0011223344556677"+tempSuffix), "of another file", 0o600)
	if err := WriteFile(t.Context(), filepath.Join(dir, "file"), []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, tempPrefix+"other-0011223344556677"+tempSuffix, "file")
}

func TestLiveTempIsNotSwept(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	live, err := newTemp(root, "file")
	if err != nil {
		t.Fatal(err)
	}
	defer live.discard()
	if err := WriteFile(t.Context(), filepath.Join(dir, "file"), []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, live.name, "file")
}

func TestRemove(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "file"), "x", 0o600)
	if err := Remove(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	wantClass(t, Remove(t.Context(), path), store.ErrNotFound, path)
	wantClass(t, Remove(t.Context(), filepath.Dir(path)), store.ErrCorrupt, filepath.Dir(path))
}

func TestMkdirAll(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "a", "b")
	for range 2 {
		if err := MkdirAll(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{filepath.Dir(path), path} {
		info, err := os.Stat(p)
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	file := put(t, filepath.Join(base, "file"), "", 0o600)
	wantClass(t, MkdirAll(file), store.ErrInvalid, file)
}

func TestStampChangesWithTheFile(t *testing.T) {
	path := put(t, filepath.Join(t.TempDir(), "file"), "one", 0o600)
	before, err := StampOf(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(t.Context(), path, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := StampOf(path)
	if err != nil || after == before {
		t.Errorf("stamps %v and %v, %v", before, after, err)
	}
}

func TestStampsOfWritesDiffer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	seen := map[Stamp]int{}
	for n := range 200 {
		told, err := Replace(t.Context(), path, []byte("the same"), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		stamp, err := StampOf(path)
		if err != nil || stamp != told {
			t.Fatalf("stamp %v, %v; want %v as the write said", stamp, err, told)
		}
		if before, twice := seen[stamp]; twice {
			t.Fatalf("writes %d and %d have the same stamp %v", before, n, stamp)
		}
		seen[stamp] = n
	}
}
