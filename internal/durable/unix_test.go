//go:build unix

package durable

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/store"
	"golang.org/x/sys/unix"
)

func TestModes(t *testing.T) {
	dir := t.TempDir()
	for mode, private := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o644: false, 0o660: false, 0o604: false} {
		path := put(t, filepath.Join(dir, strconv.FormatUint(uint64(mode), 8)), sentinel, mode)
		if _, _, err := ReadFile(t.Context(), path, limits); err != nil {
			t.Errorf("%o: %v", mode, err)
		}
		_, _, err := ReadFile(t.Context(), path, Limits{MaxSize: 64, Private: true})
		if private && err != nil {
			t.Errorf("%o: %v", mode, err)
		}
		if !private {
			wantClass(t, err, store.ErrDenied, path)
		}
	}
}

func TestWideDirectoryIsRefused(t *testing.T) {
	for mode, fit := range map[os.FileMode]bool{0o700: true, 0o755: true, 0o775: false, 0o777 | os.ModeSticky: false} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := CheckDir(dir); (err == nil) != fit {
			t.Errorf("%v: %v", mode, err)
		}
	}
}

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var pipes = Limits{MaxSize: 64, Private: true, Pipes: true}

func TestFIFO(t *testing.T) {
	path := fifo(t)
	done := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = io.WriteString(f, "from a writer")
			err = errors.Join(err, f.Close())
		}
		done <- err
	}()
	got, _, err := ReadFile(t.Context(), path, pipes)
	if err != nil || string(got) != "from a writer" {
		t.Errorf("%q, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFIFOWithoutWriterEndsWithTheContext(t *testing.T) {
	path := fifo(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, _, err := ReadFile(ctx, path, pipes)
	wantClass(t, err, store.ErrTimedOut, path)
	_, _, err = ReadFile(t.Context(), path, limits)
	wantClass(t, err, store.ErrCorrupt, path)
}

// pipeWith returns the path of a pipe's reading end that holds content.
func pipeWith(t *testing.T, content string, closed bool) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if closed {
		w.Close()
	}
	var fd uintptr
	raw, err := r.SyscallConn()
	if err == nil {
		err = raw.Control(func(n uintptr) { fd = n })
	}
	if err != nil {
		t.Fatal(err)
	}
	return "/dev/fd/" + strconv.Itoa(int(fd))
}

func TestInheritedPipe(t *testing.T) {
	for _, content := range []string{"", "secret", strings.Repeat("y", 64)} {
		got, _, err := ReadFile(t.Context(), pipeWith(t, content, true), pipes)
		if err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
	}
	path := pipeWith(t, strings.Repeat("y", 65), true)
	_, _, err := ReadFile(t.Context(), path, pipes)
	wantClass(t, err, store.ErrTooLarge, path)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	path = pipeWith(t, sentinel, false)
	_, _, err = ReadFile(ctx, path, pipes)
	wantClass(t, err, store.ErrTimedOut, path)
}

func TestInheritedFile(t *testing.T) {
	f, err := os.Open(put(t, filepath.Join(t.TempDir(), "file"), "by descriptor", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(5, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	got, _, err := ReadFile(t.Context(), "/dev/fd/"+strconv.Itoa(int(f.Fd())), pipes)
	if err != nil || string(got) != "by descriptor" {
		t.Errorf("%q, %v", got, err)
	}
	_, _, err = ReadFile(t.Context(), "/dev/fd/65000", pipes)
	if err == nil {
		t.Error("a descriptor that is not open was read")
	}
}

// TestAsAnotherUser runs TestUnprivileged as a user who owns nothing here.
func TestAsAnotherUser(t *testing.T) {
	require.Need(t, "root", os.Geteuid() == 0 && runtime.GOOS == "linux", "files of two owners are made")
	dir := t.TempDir()
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "of-root"), "readable", 0o644)
	put(t, filepath.Join(dir, "hidden"), sentinel, 0o600)
	mine := put(t, filepath.Join(dir, "mine"), "mine", 0o600)
	if err := os.Chown(mine, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUnprivileged$", "-test.v")
	cmd.Env = append(os.Environ(), "KINRING_TEST_DIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestUnprivileged") {
		t.Fatalf("%v\n%s", err, out)
	}
}

const nobody = 65534

func TestUnprivileged(t *testing.T) {
	dir := os.Getenv("KINRING_TEST_DIR")
	if dir == "" {
		t.Skip("run by TestAsAnotherUser")
	}
	hidden := filepath.Join(dir, "hidden")
	if _, err := os.Open(hidden); !errors.Is(err, os.ErrPermission) {
		t.Fatalf("a plain open does not fail: %v", err)
	}
	_, _, err := ReadFile(t.Context(), hidden, limits)
	wantClass(t, err, store.ErrDenied, hidden)
	foreign := filepath.Join(dir, "of-root")
	_, _, err = ReadFile(t.Context(), foreign, limits)
	wantClass(t, err, store.ErrDenied, foreign)
	got, _, err := ReadFile(t.Context(), foreign, Limits{MaxSize: 64, AnyOwner: true})
	if err != nil || string(got) != "readable" {
		t.Errorf("%q, %v", got, err)
	}
	if _, _, err := ReadFile(t.Context(), filepath.Join(dir, "mine"), pipes); err != nil {
		t.Error(err)
	}
	wantClass(t, CheckDir(dir), store.ErrDenied, dir)
	wantClass(t, WriteFile(t.Context(), foreign, []byte("x"), 0o600), store.ErrDenied, foreign)
	fresh := filepath.Join(dir, "fresh")
	wantClass(t, WriteFile(t.Context(), fresh, []byte("x"), 0o600), store.ErrDenied, fresh)
}
