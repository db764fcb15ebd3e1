//go:build unix

package authjson_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/internal/unprivileged"
	"github.com/kinring/kinring/store"
)

// wantDenied sees that a plain open fails, and that every verb says so too.
func wantDenied(t *testing.T, l layout, home string) {
	t.Helper()
	if f, err := os.Open(l.path(home)); !errors.Is(err, fs.ErrPermission) {
		f.Close()
		t.Fatalf("a plain open of %s: %v; the test proves nothing", l.path(home), err)
	}
	wantVerbs(t, l, home, store.ErrDenied)
}

func wantVerbs(t *testing.T, l layout, home string, want error) {
	t.Helper()
	s := l.open(t, home)
	_, get := s.Get(t.Context(), l.key)
	_, put := s.Put(t.Context(), l.key, item(l.new), store.Any())
	_, list := s.List(t.Context(), "")
	for what, err := range map[string]error{"get": get, "put": put, "list": list, "delete": s.Delete(t.Context(), l.key, store.Any())} {
		wantClass(t, what, err, want)
		if err != nil && !strings.Contains(err.Error(), l.path(home)) {
			t.Errorf("%s: the error does not name the file: %v", what, err)
		}
	}
}

// homes makes a home for each layout, and fills it.
func homes(fill func(t *testing.T, l layout, home string)) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		for _, l := range layouts {
			home := filepath.Join(dir, l.name)
			mkdir(t, home)
			write(t, l.path(home), l.oldFile)
			unprivileged.Own(t, home, l.path(home))
			fill(t, l, home)
		}
	}
}

func inHomes(test func(t *testing.T, l layout, home string)) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		for _, l := range layouts {
			test(t, l, filepath.Join(dir, l.name))
		}
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestUnreadableFile(t *testing.T) {
	unprivileged.Run(t, homes(func(t *testing.T, l layout, home string) {
		chmod(t, l.path(home), 0)
	}), inHomes(wantDenied))
}

func TestUnreachableHome(t *testing.T) {
	unprivileged.Run(t, homes(func(t *testing.T, l layout, home string) {
		chmod(t, home, 0)
		t.Cleanup(func() { chmod(t, home, 0o700) })
	}), inHomes(wantDenied))
}

func TestForeignFile(t *testing.T) {
	unprivileged.NeedRoot(t, "only root can make a file that belongs to another user")
	unprivileged.Run(t, homes(func(t *testing.T, l layout, home string) {
		chmod(t, l.path(home), 0o644)
		if err := os.Chown(l.path(home), 0, 0); err != nil {
			t.Fatal(err)
		}
	}), inHomes(func(t *testing.T, l layout, home string) {
		if _, err := os.ReadFile(l.path(home)); err != nil {
			t.Fatalf("a plain read fails: %v; the test proves nothing", err)
		}
		wantVerbs(t, l, home, store.ErrDenied)
	}))
}

// TestReadOnlyHome: the file can be read, but nothing can be changed, and that
// is said.
func TestReadOnlyHome(t *testing.T) {
	unprivileged.Run(t, homes(func(t *testing.T, l layout, home string) {
		chmod(t, home, 0o500)
		t.Cleanup(func() { chmod(t, home, 0o700) })
	}), inHomes(func(t *testing.T, l layout, home string) {
		if err := os.Mkdir(filepath.Join(home, "x"), 0o700); !errors.Is(err, fs.ErrPermission) {
			t.Fatalf("the home can be written to: %v; the test proves nothing", err)
		}
		s := l.open(t, home)
		if got, err := s.Get(t.Context(), l.key); err != nil || string(got.Value.Bytes()) != l.old {
			t.Errorf("get: %v", err)
		}
		_, err := s.Put(t.Context(), l.key, item(l.new), store.Any())
		wantClass(t, "put", err, store.ErrDenied)
		wantClass(t, "delete", s.Delete(t.Context(), l.key, store.Any()), store.ErrDenied)
		wantFile(t, l.path(home), l.oldFile)
	}))
}

func TestSpecialFiles(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		if err := unix.Mkfifo(l.path(home), 0o600); err != nil {
			t.Skipf("no FIFOs here: %v", err)
		}
		wantVerbs(t, l, home, store.ErrCorrupt)
		if err := os.Remove(l.path(home)); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mknod(l.path(home), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
			t.Skipf("no devices may be made here: %v", err)
		}
		wantVerbs(t, l, home, store.ErrCorrupt)
	})
}
