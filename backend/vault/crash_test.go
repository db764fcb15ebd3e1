package vault

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// workerRole tells a process that a test has started what to do.
const workerRole = "KINRING_VAULT_TEST_ROLE"

var workerRoles = map[string]func(path string) error{
	"one":   writeOne,
	"steps": writeSteps,
	"many":  writeMany,
}

// worker is another process at work on a vault. It says a line for each write
// that was acknowledged.
type worker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startWorker(t testing.TB, role, path string, env ...string) *worker {
	t.Helper()
	w := &worker{cmd: storetest.Reexec(t, append(env, workerRole+"="+role, workerPath+"="+path)...)}
	w.cmd.Stderr = os.Stderr
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cmd.Process.Kill(); _ = w.cmd.Wait() }) // it has ended, unless the test failed
	w.out = bufio.NewScanner(out)
	return w
}

// said returns the next line.
func (w *worker) said(t testing.TB) string {
	t.Helper()
	if !w.out.Scan() {
		t.Fatalf("the worker ended early: %v", w.out.Err())
	}
	return w.out.Text()
}

// step lets a worker make one write and waits until it is acknowledged.
func (w *worker) step(t testing.TB, value string) {
	t.Helper()
	if _, err := fmt.Fprintln(w.in, value); err != nil {
		t.Fatal(err)
	}
	w.said(t)
}

// killed waits for a write, kills the worker at whatever it does then, and
// returns all that it said.
func (w *worker) killed(t testing.TB) []string {
	t.Helper()
	if _, err := fmt.Fprintln(w.in, sentinel); err != nil {
		t.Fatal(err)
	}
	lines := []string{w.said(t)}
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for w.out.Scan() {
		lines = append(lines, w.out.Text())
	}
	_ = w.cmd.Wait() // says that it was killed
	return lines
}

func (w *worker) finish(t testing.TB) {
	t.Helper()
	if err := w.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// writeOne writes a value and waits to be killed.
func writeOne(path string) error {
	s, err := Open(background, options(path))
	if err != nil {
		return err
	}
	if _, err := s.Put(background, key("there"), item(sentinel), store.Any()); err != nil {
		return err
	}
	fmt.Println("written")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// writeSteps writes each line that it is told.
func writeSteps(path string) error {
	s, err := Open(background, options(path))
	if err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() != sentinel {
			if _, err := s.Put(background, key("there"), item(in.Text()), store.Any()); err != nil {
				return err
			}
		}
		fmt.Println("written")
	}
	return s.Close()
}

// The keys that writeMany works on.
const manyKeys = 5

// writeMany writes ever higher numbers, deleting each key now and then, until it
// is killed.
func writeMany(path string) error {
	s, err := Open(background, options(path))
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		account := strconv.Itoa(n % manyKeys)
		if n%7 == 6 {
			err = s.Delete(background, key(account), store.Any())
		} else {
			_, err = s.Put(background, key(account), item(numbered(n)), store.Any())
		}
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// numbered is a value that fills a few pages, so that a write has many parts.
func numbered(n int) string { return fmt.Sprintf("%d %s", n, strings.Repeat(sentinel, 400)) }

// TestKilledWriter: whatever moment a writer dies in, the vault is whole, what
// was acknowledged is there, and at most the write under way came on top of it.
func TestKilledWriter(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	path := newVault(t)
	for round := range rounds {
		lines := startWorker(t, "many", path).killed(t)
		checkIntegrity(t, path)
		last, err := strconv.Atoi(lines[len(lines)-1])
		if err != nil {
			t.Fatal(err)
		}
		s := openVault(t, path)
		for k := range manyKeys {
			checkKilled(t, s, k, last)
		}
		if round%2 == 1 { // else the next writer finds the log as it was left
			for k := range manyKeys {
				mustPut(t, s, strconv.Itoa(k), "between")
			}
		}
		for k := range manyKeys {
			_ = s.Delete(t.Context(), key(strconv.Itoa(k)), store.Any()) // may be gone
		}
		mustClose(t, s)
	}
}

// checkKilled compares a key with the last acknowledged write, and with the one
// that may have been under way.
func checkKilled(t *testing.T, s store.Store, k, last int) {
	t.Helper()
	var allowed []string
	for _, end := range []int{last, last + 1} {
		allowed = append(allowed, expected(k, end))
	}
	got := ""
	i, err := s.Get(t.Context(), key(strconv.Itoa(k)))
	if err == nil {
		got = string(i.Value.Bytes())
	} else {
		wantClass(t, err, store.ErrNotFound)
	}
	if got != allowed[0] && got != allowed[1] {
		t.Fatalf("key %d after write %d: %.10q, want %.10q or %.10q", k, last, got, allowed[0], allowed[1])
	}
}

// expected is the value of a key after write n, empty for none.
func expected(k, n int) string {
	for ; n >= 0; n-- {
		switch {
		case n%manyKeys != k:
		case n%7 == 6:
			return ""
		default:
			return numbered(n)
		}
	}
	return ""
}

func checkIntegrity(t *testing.T, path string) {
	t.Helper()
	n, err := openConn(t.Context(), path, accessRead)
	if err != nil {
		t.Fatal(err)
	}
	err = n.Query("PRAGMA integrity_check", nil, func(c columns) error {
		if c[0] != "ok" {
			t.Errorf("%v", c[0])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestStoresOfOneProcess: goroutines on two stores of one file lose no update made
// under match.
func TestStoresOfOneProcess(t *testing.T) {
	path := newVault(t)
	stores := []*vaultStore{openVault(t, path), openVault(t, path)}
	mustPut(t, stores[0], "count", "0")
	var wg sync.WaitGroup
	for _, s := range stores {
		for range 4 {
			wg.Go(func() {
				for range 25 {
					increment(t, s)
				}
			})
		}
	}
	wg.Wait()
	wantValue(t, stores[1], "count", "200")
}

// increment adds one, as often as somebody else comes first.
func increment(t *testing.T, s store.Store) {
	for {
		i, err := s.Get(t.Context(), key("count"))
		if err != nil {
			t.Error(err)
			return
		}
		n, err := strconv.Atoi(string(i.Value.Bytes()))
		if err != nil {
			t.Error(err)
			return
		}
		_, err = s.Put(t.Context(), key("count"), item(strconv.Itoa(n+1)), store.Match(i.Revision))
		if err == nil {
			return
		}
		if store.ClassOf(err) != store.ErrConflict {
			t.Error(err)
			return
		}
	}
}
