package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

const reconcileLong = `Bring keys in step, all of them or one. Without --take it goes as far as the
family's policy does: it finishes deletions, follows older builds where the
policy does, and records what both hold alike. A key on which both builds wrote
is left alone.

--take shared gives the older builds the shared value; --take legacy gives the
shared store the older build's value, and deletes the key if an older build signed
out. A side that has nothing to be taken changes nothing (exit code 1).`

// reconcileDocument is kinring.reconcile/1.
type reconcileDocument struct {
	Schema string           `json:"schema"`
	Keys   []reconciledJSON `json:"keys"`
}

type reconciledJSON struct {
	Key    string  `json:"key"`
	Before string  `json:"before"`
	After  string  `json:"after"`
	Error  *string `json:"error"`
}

func (a *app) reconcileCommand() *cobra.Command {
	var keys keyFlags
	var take string
	cmd := &cobra.Command{
		Use:   "reconcile [KEY]",
		Short: "Bring new and older builds in step",
		Long:  reconcileLong,
		Args: func(cmd *cobra.Command, args []string) error {
			if take != "" && take != string(coexist.TakeShared) && take != string(coexist.TakeLegacy) {
				return usage(fmt.Sprintf("--take is %q; use shared or legacy", take))
			}
			if take != "" && len(args) == 0 && keys == (keyFlags{}) {
				return usage("--take needs a KEY")
			}
			return keys.optional(cmd, args)
		},
		ValidArgsFunction: a.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.changesAll(args, keys)
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				return a.reconcile(ctx, ring, &keys, args, kinring.Side(take))
			})
		},
	}
	keys.add(cmd)
	cmd.Flags().StringVar(&take, "take", "", "whose value stands: shared or legacy")
	return cmd
}

func (a *app) reconcile(ctx context.Context, ring *kinring.Ring, keys *keyFlags, args []string, side kinring.Side) error {
	named, err := keys.named(ring, args)
	if err != nil {
		return err
	}
	done, err := ring.Reconcile(ctx, side, named...)
	if a.json && (err == nil || len(done) > 0) {
		return errors.Join(a.printJSON(reconciledOf(ring, done)), quiet(err))
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, r := range done {
		why := ""
		if r.Err != nil {
			why = "\t" + oneLine(fieldsOf(r.Err).Message)
		}
		fmt.Fprintf(w, "%s\t%s -> %s%s\n", ring.Family().KeyName(r.Key), r.Before, r.After, why)
	}
	return errors.Join(w.Flush(), err)
}

func reconciledOf(ring *kinring.Ring, done []kinring.Reconciled) reconcileDocument {
	d := reconcileDocument{"kinring.reconcile/1", []reconciledJSON{}}
	for _, r := range done {
		out := reconciledJSON{Key: ring.Family().KeyName(r.Key), Before: string(r.Before), After: string(r.After)}
		if r.Err != nil {
			out.Error = optional(r.Err.Error())
		}
		d.Keys = append(d.Keys, out)
	}
	return d
}

// optional accepts one KEY or none.
func (k *keyFlags) optional(cmd *cobra.Command, args []string) error {
	if len(args) == 0 && *k == (keyFlags{}) {
		return nil
	}
	return k.arguments(cmd, args)
}

// named returns the key that was given, or none.
func (k *keyFlags) named(ring *kinring.Ring, args []string) ([]store.Key, error) {
	if len(args) == 0 && *k == (keyFlags{}) {
		return nil, nil
	}
	key, _, err := k.key(ring, args)
	return []store.Key{key}, err
}
