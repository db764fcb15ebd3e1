package kinring_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/kinring/kinring"

	// Stores and legacy layouts come in by import. A real program imports
	// backend/vault here; the memory store forgets everything at its end.
	_ "github.com/kinring/kinring/backend/memory"
	_ "github.com/kinring/kinring/legacy/authjson"
)

// notes describes a family: one login, which older builds keep in a file.
func notes(dir string) kinring.Profile {
	return kinring.Profile{
		Name:    "notes",
		Service: "com.example.notes",
		Policy:  kinring.Policy{Preset: "shared-only"},
		Vars:    map[string]kinring.Var{"home": {Env: "NOTES_HOME", Default: dir}},
		Keys:    kinring.Keys{"auth": {Account: "login", Value: "json", Env: "NOTES_TOKEN"}},
		Legacy:  []kinring.Legacy{{Layout: "authjson", Path: "{home}/auth.json"}},
	}
}

// throwaway returns a directory and what removes it.
func throwaway() (string, func()) {
	dir, err := os.MkdirTemp("", "kinring-example-")
	if err != nil {
		log.Fatal(err)
	}
	return dir, func() { os.RemoveAll(dir) }
}

// A new build finds the login that an older build made.
func Example() {
	ctx := context.Background()
	dir, remove := throwaway()
	defer remove()
	// This is what the older build left.
	file := filepath.Join(dir, "auth.json")
	if err := os.WriteFile(file, []byte(`{"token":"made-up-1"}`), 0o600); err != nil {
		log.Fatal(err)
	}

	ring, err := kinring.Open(ctx, notes(dir), kinring.WithStoreKind("memory"))
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()

	value, err := ring.Get(ctx, "auth")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("a value shows itself as", value)
	fmt.Printf("its bytes are %s, from the older build's store: %v\n", value.Bytes(), value.Provenance == kinring.FromLegacy)

	if _, err := ring.Set(ctx, "auth", []byte(`{"token":"made-up-2"}`)); err != nil {
		log.Fatal(err)
	}
	value, err = ring.Get(ctx, "auth")
	fmt.Printf("after Set: %s, %v, %v\n", value.Bytes(), value.Provenance, err)
	// Output:
	// a value shows itself as [redacted]
	// its bytes are {"token":"made-up-1"}, from the older build's store: true
	// after Set: {"token":"made-up-2"}, shared, <nil>
}

// Delete removes a secret from the older builds' stores too.
func ExampleRing_Delete() {
	ctx := context.Background()
	dir, remove := throwaway()
	defer remove()
	file := filepath.Join(dir, "auth.json")
	if err := os.WriteFile(file, []byte(`{"token":"made-up"}`), 0o600); err != nil {
		log.Fatal(err)
	}
	ring, err := kinring.Open(ctx, notes(dir), kinring.WithStoreKind("memory"))
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()

	existed, err := ring.Delete(ctx, "auth")
	fmt.Println("there was a value:", existed, err)
	_, err = ring.Get(ctx, "auth")
	fmt.Println("not found:", errors.Is(err, kinring.ErrNotFound))
	_, err = os.Stat(file)
	fmt.Println("the older build is signed out:", errors.Is(err, os.ErrNotExist))
	// Output:
	// there was a value: true <nil>
	// not found: true
	// the older build is signed out: true
}

// List names keys as Get accepts them, without reading a value.
func ExampleRing_List() {
	ctx := context.Background()
	dir, remove := throwaway()
	defer remove()
	ring, err := kinring.Open(ctx, notes(dir), kinring.WithStoreKind("memory"))
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()
	for _, name := range []string{"auth", "draft", "com.example.sync/token"} {
		if _, err := ring.Set(ctx, name, []byte(`"made-up"`)); err != nil {
			log.Fatal(err)
		}
	}
	list, err := ring.List(ctx)
	for _, k := range list.Keys {
		fmt.Println(k.Name, k.Where)
	}
	fmt.Println(err)
	// Output:
	// draft shared
	// auth shared
	// <nil>
}

// Status says how new and older builds stand, and writes nothing.
func ExampleRing_Status() {
	ctx := context.Background()
	dir, remove := throwaway()
	defer remove()
	file := filepath.Join(dir, "auth.json")
	ring, err := kinring.Open(ctx, notes(dir), kinring.WithStoreKind("memory"))
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()
	verdict := func() kinring.Verdict {
		st, err := ring.Status(ctx, "auth")
		if err != nil {
			log.Fatal(err)
		}
		return st.Keys[0].Verdict
	}
	olderBuildSignsIn := func(login string) {
		if err := os.WriteFile(file, []byte(login), 0o600); err != nil {
			log.Fatal(err)
		}
	}

	olderBuildSignsIn(`{"token":"made-up-1"}`)
	fmt.Println(verdict())
	if _, err := ring.Get(ctx, "auth"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(verdict())
	olderBuildSignsIn(`{"token":"made-up-2"}`)
	fmt.Println(verdict())
	// Output:
	// legacy-only
	// in-step
	// older-wrote
}

// Errors come in a closed set of classes.
func Example_errors() {
	ctx := context.Background()
	dir, remove := throwaway()
	defer remove()
	file := filepath.Join(dir, "auth.json")
	if err := os.WriteFile(file, []byte(`{"token":`), 0o600); err != nil {
		log.Fatal(err)
	}
	ring, err := kinring.Open(ctx, notes(dir), kinring.WithStoreKind("memory"))
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()

	// A damaged login is not an absent one.
	_, err = ring.Get(ctx, "auth")
	fmt.Println(errors.Is(err, kinring.ErrNotFound), errors.Is(err, kinring.ErrCorrupt))

	// Limits are checked before a store is touched.
	_, err = ring.Set(ctx, "draft", make([]byte, 1<<20+1))
	fmt.Println(errors.Is(err, kinring.ErrTooLarge))
	// Output:
	// false true
	// true
}
