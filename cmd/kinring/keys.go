package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
)

// key returns the key that flags or argument name, and the name that list
// prints for it.
func (k *keyFlags) key(ring *kinring.Ring, args []string) (store.Key, string, error) {
	if k.service != "" {
		key := store.Key{Service: k.service, Account: k.account}
		return key, ring.Family().KeyName(key), store.CheckKey(key)
	}
	key, err := ring.Family().Key(args[0])
	if err != nil {
		return key, "", err
	}
	return key, ring.Family().KeyName(key), nil
}

// completeKey offers the keys that list would print. It asks nobody and changes
// nothing.
func (a *app) completeKey(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	a.noInput, a.looksOnly = true, true
	var names []string
	err := a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
		l, _ := ring.List(ctx) // what can be named is offered
		for _, k := range l.Keys {
			names = append(names, k.Name)
		}
		return nil
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
