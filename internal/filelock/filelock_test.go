package filelock

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kinring/kinring/store"
)

// holderVariable makes the test binary take the lock that it names, say so, and
// keep it until it is killed or its standard input ends.
const holderVariable = "KINRING_TEST_HOLD_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(holderVariable); path != "" {
		hold(path)
	}
	os.Exit(m.Run())
}

func hold(path string) {
	if _, err := Acquire(context.Background(), path, Options{Mode: 0o600}); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("held\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

// holder starts a process that holds the lock and returns it.
func holder(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderVariable+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	return cmd
}

func short(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestWaitEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	first, err := Acquire(t.Context(), path, Options{Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		want error
	}{{short(t), store.ErrTimedOut}, {cancelled, store.ErrCancelled}} {
		if l, err := Acquire(c.ctx, path, Options{}); l != nil || !errors.Is(err, c.want) {
			t.Errorf("a held lock: %v, %v; want %v", l, err, c.want)
		}
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	second, err := Acquire(t.Context(), path, Options{})
	if err != nil {
		t.Fatalf("a released lock: %v", err)
	}
	second.Unlock()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the lock file is gone: %v", err)
	}
}

func TestKilledHolderReleases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	other := holder(t, path)
	if _, err := Acquire(short(t), path, Options{}); !errors.Is(err, store.ErrTimedOut) {
		t.Fatalf("held by another process: %v; want %v", err, store.ErrTimedOut)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	l, err := Acquire(t.Context(), path, Options{})
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	l.Unlock()
}

func TestManyTakersExclude(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	var turns, inside atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				l, err := Acquire(t.Context(), path, Options{Mode: 0o600, Every: time.Millisecond})
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d holders at once", n)
				}
				inside.Add(-1)
				turns.Add(1)
				l.Unlock()
			}
		})
	}
	all.Wait()
	if n := turns.Load(); n != 40 {
		t.Errorf("%d turns; want 40", n)
	}
}

func TestReplacedLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !stillThere(f, path) {
		t.Fatal("a file that is there counts as gone")
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Skipf("an open file cannot be renamed here: %v", err)
	}
	if stillThere(f, path) {
		t.Error("a renamed file counts as there")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if stillThere(f, path) {
		t.Error("another file of that name counts as the same")
	}
}

func TestWhatCannotBeALock(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	link := filepath.Join(dir, "link.lock")
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("no symlinks here: %v", err)
	}
	folder := filepath.Join(dir, "folder.lock")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"symlink": link, "folder": folder, "no such folder": filepath.Join(dir, "none", "a.lock"),
	} {
		if _, err := Acquire(t.Context(), path, Options{Mode: 0o600}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v; want %v", name, err, store.ErrUnavailable)
		}
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the symlink's target was made: %v", err)
	}
}
