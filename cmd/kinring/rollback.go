package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
)

const rollbackLong = `Give the shared value of a key back to the older builds, in the store where they
look for it. That store may protect it less than the shared one: a plain file
holds it in clear text. The command says where it wrote.

If an older build wrote there since both agreed, nothing is changed (exit code
6); --force overwrites. On a deleted key it finishes the deletion.`

// rollbackDocument is kinring.rollback/1.
type rollbackDocument struct {
	Schema  string   `json:"schema"`
	Key     string   `json:"key"`
	Sources []string `json:"sources"`
}

func (a *app) rollbackCommand() *cobra.Command {
	var keys keyFlags
	var force bool
	cmd := &cobra.Command{
		Use:               "rollback KEY",
		Short:             "Give a value back to older builds",
		Long:              rollbackLong,
		Args:              keys.arguments,
		ValidArgsFunction: a.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				return a.rollback(ctx, ring, &keys, args, force)
			})
		},
	}
	keys.add(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "overwrite what an older build wrote")
	return cmd
}

func (a *app) rollback(ctx context.Context, ring *kinring.Ring, keys *keyFlags, args []string, force bool) error {
	key, name, err := keys.key(ring, args)
	if err != nil {
		return err
	}
	sources, err := ring.Rollback(ctx, key, force)
	if err != nil {
		return err
	}
	for _, s := range ring.Sources(ctx) {
		if strings.Contains(" "+strings.Join(sources, " ")+" ", " "+s.Name+" ") {
			a.notice("%s now holds the value as that store keeps it: %s", s.Name, s.Store)
		}
	}
	if a.json {
		return a.printJSON(rollbackDocument{"kinring.rollback/1", name, append([]string{}, sources...)})
	}
	return nil
}
