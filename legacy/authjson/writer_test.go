package authjson_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/kinring/kinring/store"
)

// writerVariable makes the test program write like Codex up to 0.145.0: empty
// the file, then fill it, again and again, without a lock.
const writerVariable = "KINRING_TEST_TRUNCATING_WRITER"

// writerMain is that program. It says when the file is there, and goes on until
// it is killed.
func writerMain() {
	path := os.Getenv(writerVariable)
	if path == "" {
		return
	}
	for n := 0; ; n++ {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err == nil {
			_, err = f.WriteString(os.Getenv(writerVariable + fmt.Sprint(n%2)))
			f.Close()
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if n == 0 {
			fmt.Println("writing")
		}
	}
}

func startWriter(t *testing.T, l layout, home string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), writerVariable+"="+l.path(home),
		writerVariable+"0="+l.oldFile, writerVariable+"1="+l.newFile)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "writing\n" {
		t.Fatalf("the writer says %q, %v", line, err)
	}
}

// patience is how long a test waits for what is sure to come some time beside a
// writer that never rests. It is a watchdog and no measure.
const patience = time.Minute

// TestTruncatingWriter reads beside a writer that never rests: every read is one
// of the two values, or says that the file keeps changing or is damaged.
func TestTruncatingWriter(t *testing.T) {
	const enough = 6
	both(t, func(t *testing.T, l layout, home string) {
		startWriter(t, l, home)
		s := l.open(t, home)
		values, others := map[string]int{}, map[string]int{}
		for ctx := within(t, patience); ctx.Err() == nil && (values[l.old] < enough || values[l.new] < enough); {
			got, err := s.Get(within(t, 200*time.Millisecond), l.key)
			switch {
			case err == nil:
				values[string(got.Value.Bytes())]++
			case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrTimedOut):
				others[store.ClassOf(err).Name()]++
			default:
				t.Fatal(err)
			}
		}
		t.Logf("%d and %d reads of the two values; %v", values[l.old], values[l.new], others)
		if values[l.old] == 0 || values[l.new] == 0 || len(values) != 2 {
			t.Errorf("read %d different values", len(values))
		}
	})
}

// TestDeleteBesideTruncatingWriter: a Delete that cannot see a whole file leaves
// it alone; one that can removes it, and the writer makes it anew.
func TestDeleteBesideTruncatingWriter(t *testing.T) {
	enough := 2
	if testing.Short() {
		enough = 1 // each takes seconds on a busy machine
	}
	both(t, func(t *testing.T, l layout, home string) {
		startWriter(t, l, home)
		s := l.open(t, home)
		deleted := 0
		for ctx := within(t, patience); ctx.Err() == nil && deleted < enough; {
			switch err := s.Delete(within(t, 200*time.Millisecond), l.key, store.Any()); store.ClassOf(err) {
			case nil:
				deleted++
			case store.ErrNotFound, store.ErrUnavailable, store.ErrCorrupt, store.ErrTimedOut:
			default:
				t.Fatal(err)
			}
		}
		if deleted == 0 {
			t.Error("nothing was deleted")
		}
	})
}

func TestCancelledRead(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		s := l.holding(t, home)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Get(ctx, l.key)
		wantClass(t, "get", err, store.ErrCancelled)
	})
}
