package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
)

const watchLong = `Print a line when a key changes in the shared store, until interrupted or until
--timeout. The first line says how the key stands. No value is printed.`

// watchDocument is kinring.watch/1, one a line.
type watchDocument struct {
	Schema   string `json:"schema"`
	Key      string `json:"key"`
	Present  bool   `json:"present"`
	Revision string `json:"revision,omitempty"`
	Error    string `json:"error,omitempty"`
}

func (a *app) watchCommand() *cobra.Command {
	var keys keyFlags
	var count int
	cmd := &cobra.Command{
		Use:   "watch KEY",
		Short: "Print a line when a key changes",
		Long:  watchLong,
		Args: func(cmd *cobra.Command, args []string) error {
			if count < 0 {
				return usage(fmt.Sprintf("--count is %d; use 0 for no limit", count))
			}
			return keys.arguments(cmd, args)
		},
		ValidArgsFunction: a.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.timeout == 0 {
				a.timeout = 365 * 24 * time.Hour
			}
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				return a.watch(ctx, ring, &keys, args, count)
			})
		},
	}
	keys.add(cmd)
	cmd.Flags().IntVar(&count, "count", 0, "end after this many lines; 0 is no limit")
	return cmd
}

func (a *app) watch(ctx context.Context, ring *kinring.Ring, keys *keyFlags, args []string, count int) error {
	key, name, err := keys.key(ring, args)
	if err != nil {
		return err
	}
	n := 0
	for event := range ring.WatchKey(ctx, key) {
		if err := a.printEvent(name, event); err != nil {
			return err
		}
		if n++; n == count {
			break
		}
	}
	return nil
}

func (a *app) printEvent(name string, e kinring.Event) error {
	state := "absent"
	switch {
	case e.Err != nil:
		state = "unreadable: " + oneLine(e.Err.Error())
	case e.Present:
		state = "present"
	}
	if !a.json {
		_, err := fmt.Fprintf(a.out, "%s %s\n", name, state)
		return err
	}
	d := watchDocument{Schema: "kinring.watch/1", Key: name, Present: e.Present, Revision: string(e.Revision)}
	if e.Err != nil {
		d.Error = e.Err.Error()
	}
	return a.printLine(d)
}
