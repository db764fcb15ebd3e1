package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
)

const deleteLong = `Remove a key from the shared store and from the older builds' stores. Nothing
there is no error. The secret stays deleted until somebody writes it anew.

delete does not revoke anything at a server: a token that was copied stays
valid until its issuer ends it.

Exit code 8 says that a part could not be deleted; running it again finishes
the rest.`

// deleteDocument is kinring.delete/1.
type deleteDocument struct {
	Schema  string `json:"schema"`
	Key     string `json:"key"`
	Existed bool   `json:"existed"`
}

func (a *app) deleteCommand() *cobra.Command {
	var keys keyFlags
	cmd := &cobra.Command{
		Use:               "delete KEY",
		Short:             "Remove a value everywhere",
		Long:              deleteLong,
		Args:              keys.arguments,
		ValidArgsFunction: a.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				return a.delete(ctx, ring, &keys, args)
			})
		},
	}
	keys.add(cmd)
	return cmd
}

func (a *app) delete(ctx context.Context, ring *kinring.Ring, keys *keyFlags, args []string) error {
	key, name, err := keys.key(ring, args)
	if err != nil {
		return err
	}
	existed, err := ring.DeleteKey(ctx, key)
	if err != nil || !a.json {
		return err
	}
	return a.printJSON(deleteDocument{"kinring.delete/1", name, existed})
}
