package fence

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kinring/kinring/store"
)

var (
	aKey  = store.Key{Service: "fence test", Account: "account"}
	scope = strings.Repeat("0123456789abcdef", 2)
)

func fences(t testing.TB) Fences {
	return Fences{Dir: filepath.Join(t.TempDir(), "locks"), Store: "test"}
}

func hold(t testing.TB, f Fences) *Fence {
	t.Helper()
	held, err := f.Hold(t.Context(), aKey)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func release(t testing.TB, f *Fence) {
	t.Helper()
	if err := f.Release(); err != nil {
		t.Fatal(err)
	}
}

func wantState(t testing.TB, f Fences, want State) {
	t.Helper()
	if got, err := f.Read(t.Context(), aKey); err != nil || got != want {
		t.Fatalf("%+v, %v; want %+v", got, err, want)
	}
}

// TestNumbersRise: no number is given out twice, also if nothing was written
// with it, and none that was seen elsewhere.
func TestNumbersRise(t *testing.T) {
	f := fences(t)
	wantState(t, f, State{})
	for _, step := range []struct{ seen, want uint64 }{{0, 1}, {0, 2}, {1, 3}, {17, 18}, {4, 19}} {
		held := hold(t, f)
		if got, err := held.Reserve(step.seen); err != nil || got != step.want {
			t.Fatalf("after %d was seen: %d, %v; want %d", step.seen, got, err, step.want)
		}
		release(t, held)
		wantState(t, f, State{Number: step.want})
	}
	held := hold(t, f)
	if n, err := held.ReserveDeletion(30, scope); n != 31 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := held.Reserve(0); n != 32 || err != nil {
		t.Fatal(n, err)
	}
	release(t, held)
	wantState(t, f, State{32, 31, scope})
	if s, _ := f.Read(t.Context(), aKey); s.FloorIn(scope) != 31 || s.FloorIn("other") != 0 || s.FloorIn("") != 0 {
		t.Errorf("floors of %+v", s)
	}
}

// TestManyHolders: of many holders each gets numbers of its own (I3).
func TestManyHolders(t *testing.T) {
	f := fences(t)
	var mu sync.Mutex
	given := map[uint64]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				held := hold(t, f)
				n, err := held.Reserve(0)
				mu.Lock()
				if err != nil || given[n] {
					t.Errorf("%d, %v, given out before: %v", n, err, given[n])
				}
				given[n] = true
				mu.Unlock()
				release(t, held)
			}
		})
	}
	all.Wait()
	wantState(t, f, State{Number: 80})
}

func TestHoldGivesUp(t *testing.T) {
	f := fences(t)
	held := hold(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Hold(ctx, aKey); !errors.Is(err, store.ErrCancelled) {
		t.Errorf("while another holds it: %v", err)
	}
	release(t, held)
	release(t, hold(t, f))
}

// TestHighest: what cannot be numbered is refused, before anything is written.
func TestHighest(t *testing.T) {
	f := fences(t)
	held := hold(t, f)
	defer release(t, held)
	if _, err := held.Reserve(Highest); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("after the highest number: %v", err)
	}
	wantState(t, f, State{})
	if n, err := held.Reserve(Highest - 1); n != Highest || err != nil {
		t.Error(n, err)
	}
}

// TestTornWrite: a power failure while a state is written leaves the one before.
func TestTornWrite(t *testing.T) {
	f := fences(t)
	for range 6 {
		before, err := f.Read(t.Context(), aKey)
		if err != nil {
			t.Fatal(err)
		}
		held := hold(t, f)
		if _, err := held.Reserve(0); err != nil {
			t.Fatal(err)
		}
		at, path := int(held.State.Number%2)*slotSize, held.path
		release(t, held)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range slotSize - 1 {
			torn := bytes.Clone(whole)
			clear(torn[at+cut : at+slotSize])
			if got, err := parse(torn); err == nil && got != before {
				t.Fatalf("cut after %d bytes: %+v, want %+v", cut, got, before)
			} else if err != nil && before != (State{}) {
				t.Fatalf("cut after %d bytes: %v", cut, err)
			}
		}
	}
}

// TestNotAFence: what cannot be a fence is said to be none; it is not taken for
// a key that was never written.
func TestNotAFence(t *testing.T) {
	f := fences(t)
	held := hold(t, f)
	if _, err := held.Reserve(4); err != nil {
		t.Fatal(err)
	}
	release(t, held)
	for name, content := range map[string]string{"text": "hello\n", "newer": strings.Repeat("kf2 ", 20), "long": strings.Repeat("x", 500)} {
		if err := os.WriteFile(held.path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := f.Read(t.Context(), aKey); err == nil {
			t.Errorf("%s: read as %+v", name, s)
		}
		if held, err := f.Hold(t.Context(), aKey); err == nil {
			t.Errorf("%s: held as %+v", name, held.State)
		}
	}
	for name, content := range map[string]string{"empty": "", "zeros": strings.Repeat("\x00", 2*slotSize)} {
		if err := os.WriteFile(held.path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		wantState(t, f, State{})
		release(t, hold(t, f))
		_ = name
	}
}

func TestPrivate(t *testing.T) {
	f := fences(t)
	held := hold(t, f)
	if _, err := held.Reserve(0); err != nil {
		t.Fatal(err)
	}
	release(t, held)
	for path, want := range map[string]os.FileMode{f.Dir: 0o700, held.path: 0o600, held.path + ".lock": 0o600} {
		if info, err := os.Stat(path); err != nil || os.PathSeparator == '/' && info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	if strings.Contains(held.path, aKey.Account) {
		t.Errorf("the path %s names the account", held.path)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(State{17, 12, scope}.slot())
	f.Add(append(State{18, 0, ""}.slot(), State{17, 12, scope}.slot()...))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parse(data)
		if err != nil || s == (State{}) {
			return
		}
		if s.Floor > s.Number || s.Number > Highest || !bytes.Contains(data, s.slot()) {
			t.Errorf("%+v was never written", s)
		}
	})
}
