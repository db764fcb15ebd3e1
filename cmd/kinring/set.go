package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
)

const setLong = `Write a value, read from standard input byte for byte: nothing is trimmed. On a
terminal it is asked for twice, without echo. A value is never an argument,
because other users can read those.

Older builds keep the value that they have.`

// setDocument is kinring.set/1.
type setDocument struct {
	Schema   string `json:"schema"`
	Key      string `json:"key"`
	Revision string `json:"revision"`
}

func (a *app) setCommand() *cobra.Command {
	var keys keyFlags
	var allowEmpty bool
	cmd := &cobra.Command{
		Use:               "set KEY",
		Short:             "Write a value",
		Long:              setLong,
		Example:           "  kinring --family codex set auth < auth.json",
		Args:              keys.arguments,
		ValidArgsFunction: a.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := a.profile.load(); err != nil {
				return err // before anybody types a secret in vain
			}
			value, err := a.newValue(cmd.Context(), allowEmpty)
			if err != nil {
				return err
			}
			defer clear(value)
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				return a.set(ctx, ring, &keys, args, value)
			})
		},
	}
	keys.add(cmd)
	cmd.Flags().BoolVar(&allowEmpty, "allow-empty", false, "accept an empty value")
	return cmd
}

// newValue reads the value before any store is opened, so that the store's time
// limit is not spent waiting for it.
func (a *app) newValue(ctx context.Context, allowEmpty bool) ([]byte, error) {
	value, err := a.readValue(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(value) > store.MaxValue:
		return nil, &kinring.Error{Class: kinring.ErrTooLarge, Op: "set",
			Detail: fmt.Sprintf("the value has more than %d bytes", store.MaxValue), Remedy: "store something smaller"}
	case len(value) == 0 && !allowEmpty:
		return nil, usage("the value is empty; --allow-empty accepts that")
	}
	return value, nil
}

func (a *app) readValue(ctx context.Context) ([]byte, error) {
	if !a.inTerminal {
		return a.readInput(ctx, store.MaxValue+1)
	}
	if a.noInput {
		return nil, &kinring.Error{Class: kinring.ErrLocked, Op: "set", Detail: "no value on standard input",
			Remedy: "pipe the value in, or leave out --no-input"}
	}
	return askTwice(ctx, "Value")
}

// readInput reads standard input to its end, but no more than the limit. A read
// cannot be called off: who gives up leaves it behind.
func (a *app) readInput(ctx context.Context, limit int64) ([]byte, error) {
	var data []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		data, err = io.ReadAll(io.LimitReader(a.in, limit))
	}()
	select {
	case <-ctx.Done():
		return nil, store.At(store.FromContext(ctx), "set", "", store.Key{})
	case <-done:
	}
	if err != nil {
		return nil, &kinring.Error{Class: kinring.ErrInvalid, Op: "set", Detail: "standard input cannot be read", Err: err,
			Remedy: "pipe the value in"}
	}
	return data, nil
}

func (a *app) set(ctx context.Context, ring *kinring.Ring, keys *keyFlags, args []string, value []byte) error {
	key, name, err := keys.key(ring, args)
	if err != nil {
		return err
	}
	rev, err := ring.SetKey(ctx, key, value)
	if err != nil || !a.json {
		return err
	}
	return a.printJSON(setDocument{"kinring.set/1", name, string(rev)})
}
