package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
)

const pruneLong = `Remove from the older builds' stores what the shared store holds too, for all
keys or one. Older builds are then signed out, and nothing else: the shared value
stays. What an older build wrote since both agreed is left alone (exit code 6; 8 if
other copies were removed).

Removed values are kept in the shared store until prune --forget.`

// pruneDocument is kinring.prune/1.
type pruneDocument struct {
	Schema    string       `json:"schema"`
	DryRun    bool         `json:"dry_run"`
	Pruned    []prunedJSON `json:"pruned"`
	Forgotten int          `json:"forgotten"`
}

type prunedJSON struct {
	Key    string  `json:"key"`
	Source string  `json:"source"`
	Error  *string `json:"error"`
}

func (a *app) pruneCommand() *cobra.Command {
	var keys keyFlags
	var dryRun, forget bool
	cmd := &cobra.Command{
		Use:   "prune [KEY]",
		Short: "Remove older builds' copies",
		Long:  pruneLong,
		Args: func(cmd *cobra.Command, args []string) error {
			if forget && (dryRun || len(args) > 0 || keys != (keyFlags{})) {
				return usage("--forget stands alone")
			}
			return keys.optional(cmd, args)
		},
		ValidArgsFunction: a.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.changesAll(args, keys)
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				if forget {
					return a.forget(ctx, ring)
				}
				return a.prune(ctx, ring, &keys, args, dryRun)
			})
		},
	}
	keys.add(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be removed")
	cmd.Flags().BoolVar(&forget, "forget", false, "remove the values that earlier runs kept")
	return cmd
}

func (a *app) forget(ctx context.Context, ring *kinring.Ring) error {
	n, err := ring.Forget(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(pruneDocument{Schema: "kinring.prune/1", Pruned: []prunedJSON{}, Forgotten: n})
	}
	_, err = fmt.Fprintf(a.out, "%d kept values removed\n", n)
	return err
}

func (a *app) prune(ctx context.Context, ring *kinring.Ring, keys *keyFlags, args []string, dryRun bool) error {
	named, err := keys.named(ring, args)
	if err != nil {
		return err
	}
	done, err := ring.Prune(ctx, dryRun, named...)
	if a.json && (err == nil || len(done) > 0) {
		d := pruneDocument{Schema: "kinring.prune/1", DryRun: dryRun, Pruned: []prunedJSON{}}
		for _, p := range done {
			out := prunedJSON{Key: ring.Family().KeyName(p.Key), Source: p.Source}
			if p.Err != nil {
				out.Error = optional(p.Err.Error())
			}
			d.Pruned = append(d.Pruned, out)
		}
		return errors.Join(a.printJSON(d), quiet(err))
	}
	return errors.Join(a.printPruned(ring, done, dryRun), err)
}

func (a *app) printPruned(ring *kinring.Ring, done []kinring.Pruned, dryRun bool) error {
	var errs []error
	for _, p := range done {
		what := "removed from " + p.Source
		switch {
		case p.Err != nil:
			what = "left in " + p.Source + ": " + oneLine(fieldsOf(p.Err).Message)
		case dryRun:
			what = "would be " + what
		}
		_, err := fmt.Fprintf(a.out, "%s: %s\n", ring.Family().KeyName(p.Key), what)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
