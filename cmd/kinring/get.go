package main

import (
	"context"
	"encoding/base64"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
)

const getLong = `Print the value of a key, byte for byte. A newline is added only on a terminal.

Exit code 1 says that every store that could hold the key was read and none
does. A locked, unreadable or missing store has another exit code.`

// getDocument is kinring.get/1.
type getDocument struct {
	Schema     string `json:"schema"`
	Key        string `json:"key"`
	Value      string `json:"value_base64"`
	Provenance string `json:"provenance"`
	Source     string `json:"source,omitempty"`
	Generation uint64 `json:"generation"`
}

func (a *app) getCommand() *cobra.Command {
	var keys keyFlags
	cmd := &cobra.Command{
		Use:               "get KEY",
		Short:             "Print a value",
		Long:              getLong,
		Example:           "  kinring --family codex get auth",
		Args:              keys.arguments,
		ValidArgsFunction: a.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				return a.get(ctx, ring, &keys, args)
			})
		},
	}
	keys.add(cmd)
	return cmd
}

func (a *app) get(ctx context.Context, ring *kinring.Ring, keys *keyFlags, args []string) error {
	key, name, err := keys.key(ring, args)
	if err != nil {
		return err
	}
	v, err := ring.GetKey(ctx, key)
	if err != nil {
		return err
	}
	defer v.Wipe()
	if a.json {
		return a.printJSON(getDocument{"kinring.get/1", name, base64.StdEncoding.EncodeToString(v.Bytes()),
			string(v.Provenance), v.Source, v.Generation})
	}
	if a.outTerminal {
		_, err = a.out.Write(append(v.Bytes(), '\n'))
		return err
	}
	v.View(func(b []byte) { _, err = a.out.Write(b) })
	return err
}
