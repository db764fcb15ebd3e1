package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/store"
)

// A program that cannot reach the family's shared store asks the broker.
func Example() {
	ctx := context.Background()
	broker, err := client.Dial(ctx, client.DefaultSocket("no-such-family", os.Getenv), client.Options{Family: "no-such-family", Name: "example"})
	if errors.Is(err, store.ErrNoService) {
		fmt.Println("there is no broker: start one with kinring serve")
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()
	token, err := broker.Get(ctx, "auth")
	if err != nil {
		fmt.Println(err)
		return
	}
	token.View(func(b []byte) { fmt.Println(len(b), "bytes from", token.Provenance) })
	// Output: there is no broker: start one with kinring serve
}
