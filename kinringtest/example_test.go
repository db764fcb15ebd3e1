package kinringtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/kinringtest"
)

// signedIn is what the program under test does: it looks whether somebody is
// signed in, and tells a locked store from an empty one.
func signedIn(ctx context.Context, ring *kinring.Ring) string {
	switch _, err := ring.Get(ctx, "auth"); {
	case err == nil:
		return "signed in"
	case errors.Is(err, kinring.ErrNotFound):
		return "signed out"
	case errors.Is(err, kinring.ErrLocked):
		return "unlock the keyring first"
	default:
		return "something else: " + err.Error()
	}
}

// A test plays an older build that signs in and a keyring that is locked. In a
// real test t is the *testing.T.
func Example() {
	t := newT()
	defer t.done()

	ring := kinringtest.New(t)
	fmt.Println(signedIn(t.Context(), ring))

	kinringtest.OlderBuild(t, ring).Set("auth", []byte("made-up"))
	fmt.Println(signedIn(t.Context(), ring))

	kinringtest.Fail(t, ring, kinringtest.OpGet, kinring.ErrLocked)
	fmt.Println(signedIn(t.Context(), ring))
	fmt.Println(signedIn(t.Context(), ring))
	// Output:
	// signed out
	// signed in
	// unlock the keyring first
	// signed in
}

// Two programs of the family on the same stores.
func ExampleBeside() {
	t := newT()
	defer t.done()

	app := kinringtest.New(t)
	helper := kinringtest.Beside(t, app)
	if _, err := app.Set(t.Context(), "auth", []byte("made-up")); err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println(signedIn(t.Context(), helper))
	if _, err := helper.Delete(t.Context(), "auth"); err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println(signedIn(t.Context(), app))
	// Output:
	// signed in
	// signed out
}

// t is a stand-in for *testing.T, which an example does not get.
type t struct{ undo []func() }

func newT() *t { return &t{} }

func (t *t) done() {
	for len(t.undo) > 0 {
		last := t.undo[len(t.undo)-1]
		t.undo = t.undo[:len(t.undo)-1]
		last()
	}
}

func (t *t) Helper()                        {}
func (t *t) Cleanup(f func())               { t.undo = append(t.undo, f) }
func (t *t) Context() context.Context       { return context.Background() }
func (t *t) Errorf(format string, a ...any) { fmt.Printf(format+"\n", a...) }
func (t *t) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

func (t *t) TempDir() string {
	dir, err := os.MkdirTemp("", "kinringtest-example-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
