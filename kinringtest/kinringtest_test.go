package kinringtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/kinringtest"
)

// TestOlderBuildAndRing: an older build and the ring see what the other does, by
// the rules of the profile's policy.
func TestOlderBuildAndRing(t *testing.T) {
	ring := kinringtest.New(t)
	older := kinringtest.OlderBuild(t, ring)
	if _, found := older.Get("auth"); found {
		t.Error("a new older build is signed in")
	}
	older.Set("auth", []byte("first"))
	if v, err := ring.Get(t.Context(), "auth"); err != nil || string(v.Bytes()) != "first" || v.Provenance != kinring.FromLegacy {
		t.Errorf("the ring gets %s, %v, %v", v.Bytes(), v.Provenance, err)
	}
	if _, err := ring.Update(t.Context(), "auth", func(context.Context, kinring.Current) ([]byte, error) { return []byte("second"), nil }); err != nil {
		t.Fatal(err)
	}
	if value, _ := older.Get("auth"); string(value) != "second" {
		t.Errorf("the older build has %s", value)
	}
	older.Delete("auth")
	older.Delete("auth")
	if st, err := ring.Status(t.Context(), "auth"); err != nil || st.Keys[0].Verdict != "older-signed-out" {
		t.Errorf("status: %+v, %v", st.Keys, err)
	}
	if _, err := ring.Delete(t.Context(), "auth"); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrNotFound) {
		t.Errorf("after Delete: %v", err)
	}
}

// family has two sources, variables and a layout that is not linked here.
func family() kinring.Profile {
	return kinring.Profile{
		Name:    "notes",
		Service: "com.example.notes",
		Vars:    map[string]kinring.Var{"home": {Env: "NOTES_HOME", Default: "~/.notes"}},
		Keys:    kinring.Keys{"auth": {Account: "login {home}"}, "sync/{name}": {Account: "{name}", Service: "sync"}},
		Legacy: []kinring.Legacy{
			{Layout: "papyrus", Path: "{home}/auth", Keys: []string{"auth"}, Active: "weather:rain"},
			{Layout: "papyrus", Name: "all", Path: "{home}/all"},
		},
	}
}

// TestProfileIsConfined: nothing of whoever runs the test is read or written.
func TestProfileIsConfined(t *testing.T) {
	home := t.TempDir()
	t.Setenv("NOTES_HOME", home)
	t.Setenv("HOME", home)
	ring := kinringtest.New(t, kinringtest.WithProfile(family()))
	first, second := kinringtest.OlderBuild(t, ring), kinringtest.OlderBuild(t, ring).In("all")
	second.Set("auth", []byte("of the second source"))
	second.Set("sync/a", []byte("a"))
	if v, err := ring.Get(t.Context(), "auth"); err != nil || string(v.Bytes()) != "of the second source" || v.Source != "all" {
		t.Errorf("got %s from %q, %v", v.Bytes(), v.Source, err)
	}
	if _, found := first.Get("auth"); found {
		t.Error("what is in the second source is in the first too")
	}
	if value, found := first.Get("sync/a"); !found || string(value) != "a" {
		t.Errorf("the first source that can hold the key has %q", value)
	}
	if p, err := ring.Migrate(t.Context(), nil); err != nil || p.Verified != 2 {
		t.Errorf("migrate: %+v, %v", p, err)
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("the user's home has %v, %v", left, err)
	}
	if strings.Contains(ring.Family().Path("{home}"), home) {
		t.Errorf("the variable is %s", ring.Family().Path("{home}"))
	}
}

// TestFail: each class reaches the caller once, and then all is well.
func TestFail(t *testing.T) {
	ring := kinringtest.New(t)
	for _, class := range []error{kinring.ErrLocked, kinring.ErrDenied, kinring.ErrUnavailable, kinring.ErrNoService, kinring.ErrCorrupt} {
		kinringtest.Fail(t, ring, kinringtest.OpPut, class)
		if _, err := ring.Set(t.Context(), "auth", []byte("x")); !errors.Is(err, class) {
			t.Errorf("set: %v, want %v", err, class)
		}
		if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrNotFound) {
			t.Errorf("the failed Set wrote: %v", err)
		}
	}
	if _, err := ring.Set(t.Context(), "auth", []byte("x")); err != nil {
		t.Error(err)
	}
	mend := kinringtest.FailAll(t, ring, kinringtest.OpAny, kinring.ErrLocked)
	for range 3 {
		if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrLocked) {
			t.Errorf("a locked store: %v", err)
		}
	}
	mend()
	if v, err := ring.Get(t.Context(), "auth"); err != nil || string(v.Bytes()) != "x" {
		t.Errorf("after it is mended: %s, %v", v.Bytes(), err)
	}
	kinringtest.FailUnknown(t, ring, kinringtest.OpPut)
	if _, err := ring.Set(t.Context(), "auth", []byte("y")); !errors.Is(err, kinring.ErrOutcomeUnknown) {
		t.Errorf("an unknown outcome: %v", err)
	}
	if v, _ := ring.Get(t.Context(), "auth"); string(v.Bytes()) != "y" {
		t.Errorf("the store did not see the call: %s", v.Bytes())
	}
}

// TestBesideExcludes: two programs that update at once do so one after the other.
func TestBesideExcludes(t *testing.T) {
	first := kinringtest.New(t)
	var both sync.WaitGroup
	for _, ring := range []*kinring.Ring{first, kinringtest.Beside(t, first)} {
		both.Go(func() {
			for range 10 {
				_, err := ring.Update(t.Context(), "auth", func(_ context.Context, c kinring.Current) ([]byte, error) {
					return append(c.Bytes(), 'x'), nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
	if v, err := first.Get(t.Context(), "auth"); err != nil || len(v.Bytes()) != 20 {
		t.Errorf("20 updates left %q, %v", v.Bytes(), err)
	}
}

// refusing is a test that is told of its failure.
type refusing struct {
	testing.TB
	said string
}

type stopped struct{}

func (r *refusing) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	panic(stopped{})
}

// TestMisuse: what cannot work ends the test and says why.
func TestMisuse(t *testing.T) {
	ring := kinringtest.New(t)
	foreign, err := kinring.Open(t.Context(), family2(), kinring.WithStoreKind("memory"))
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	for name, c := range map[string]struct {
		do   func(kinringtest.TB)
		want string
	}{
		"a ring of its own":  {func(t kinringtest.TB) { kinringtest.OlderBuild(t, foreign) }, "kinringtest.New"},
		"no class":           {func(t kinringtest.TB) { kinringtest.Fail(t, ring, kinringtest.OpGet, nil) }, "none of kinring's errors"},
		"a made-up class":    {func(t kinringtest.TB) { kinringtest.Fail(t, ring, kinringtest.OpGet, errors.New("x")) }, "none of kinring's errors"},
		"no such source":     {func(t kinringtest.TB) { kinringtest.OlderBuild(t, ring).In("attic").Set("auth", nil) }, "attic"},
		"a bad key":          {func(t kinringtest.TB) { kinringtest.OlderBuild(t, ring).Get("") }, "name"},
		"too large":          {func(t kinringtest.TB) { kinringtest.OlderBuild(t, ring).Set("auth", make([]byte, 1<<20+1)) }, "too large"},
		"a bad profile":      {func(t kinringtest.TB) { kinringtest.New(t, kinringtest.WithProfile(kinring.Profile{})) }, "family name"},
		"an option that bad": {func(t kinringtest.TB) { kinringtest.New(t, kinringtest.WithProfile(badPolicy())) }, "granite"},
	} {
		r := &refusing{TB: t}
		func() {
			defer func() {
				if _, ok := recover().(stopped); !ok {
					t.Errorf("%s: the test went on", name)
				}
			}()
			c.do(r)
		}()
		if !strings.Contains(r.said, c.want) {
			t.Errorf("%s: said %q, want %q in it", name, r.said, c.want)
		}
	}
}

func family2() kinring.Profile {
	p := family()
	p.Legacy = nil
	return p
}

func badPolicy() kinring.Profile {
	p := family()
	p.Policy.Preset = "granite"
	return p
}
