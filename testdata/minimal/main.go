// Minimal is the smallest program that an adopter writes: one family, one key,
// the system's own store and nothing else. A test pins what it links and how
// large it is.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/kinring/kinring"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	ring, err := kinring.Open(ctx, kinring.Profile{
		Name:    "minimal",
		Service: "com.example.minimal",
		Policy:  kinring.Policy{Preset: "shared-only"},
		Keys:    kinring.Keys{"auth": {Account: "login"}},
	}, kinring.WithStoreKind(kind))
	if err != nil {
		return err
	}
	defer ring.Close()
	if _, err := ring.Set(ctx, "auth", []byte("made up")); err != nil {
		return err
	}
	value, err := ring.Get(ctx, "auth")
	if err != nil {
		return err
	}
	fmt.Println(value, len(value.Bytes()), "bytes")
	return nil
}
