package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/store"
)

const checkLong = `Read all of the vault, values too, and say what is wrong with it. Nothing is
changed. Exit code 10 says that it is damaged.`

const repairLong = `Remove the items of the vault that cannot be read, and take what is left as the
whole. This is the only way to get rid of such an item: get, set and delete refuse
to believe what does not authenticate. A backup is better, if there is one; copy
the vault's file first if somebody should look at it later.

A removed item is not found from then on, and a value that an older build has may
be taken over again, also where the item said that it was deleted. A file whose
structure is damaged is left alone (exit code 10): restore it from a backup.`

// damageDocument is kinring.vault.damage/1.
type damageDocument struct {
	Schema    string        `json:"schema"`
	Vault     string        `json:"vault"`
	Whole     bool          `json:"whole"`
	Lost      bool          `json:"lost"`
	Repaired  bool          `json:"repaired"`
	Structure []string      `json:"structure"`
	Items     []damagedItem `json:"items"`
}

type damagedItem struct {
	Address string `json:"address"`
	Service string `json:"service,omitempty"`
	Account string `json:"account,omitempty"`
	Error   string `json:"error"`
}

func (a *app) vaultCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Read all of the vault and say what is damaged",
		Long:  checkLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withVault(cmd.Context(), func(ctx context.Context, o vault.Options) error {
				d, err := vault.Check(ctx, o)
				if err != nil {
					return err
				}
				if err := a.showDamage(o.Path, d, false); err != nil || d.Whole() {
					return err
				}
				return quiet(&kinring.Error{Class: kinring.ErrCorrupt, Op: "check", Detail: "the vault is damaged"})
			})
		},
	}
}

func (a *app) vaultRepairCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "repair",
		Short: "Remove what cannot be read from the vault",
		Long:  repairLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withVault(cmd.Context(), func(ctx context.Context, o vault.Options) error {
				d, err := vault.Repair(ctx, o)
				if err != nil {
					return err
				}
				return a.showDamage(o.Path, d, !d.Whole())
			})
		},
	}
}

func (a *app) showDamage(path string, d vault.Damage, repaired bool) error {
	doc := damageDocument{"kinring.vault.damage/1", path, d.Whole(), d.Lost, repaired, append([]string{}, d.Structure...), []damagedItem{}}
	for _, r := range d.Rows {
		doc.Items = append(doc.Items, damagedItem{r.Address, r.Key.Service, r.Key.Account, fieldsOf(r.Err).Message})
	}
	if a.json {
		return a.printJSON(doc)
	}
	if d.Whole() {
		_, err := fmt.Fprintf(a.out, "%s is whole\n", path)
		return err
	}
	for _, s := range d.Structure {
		fmt.Fprintf(a.out, "structure: %s\n", oneLine(s))
	}
	for _, i := range doc.Items {
		name := i.Address[:min(8, len(i.Address))]
		if i.Account != "" {
			name += " (" + (store.Key{Service: i.Service, Account: i.Account}).Redacted() + ")"
		}
		fmt.Fprintf(a.out, "item %s cannot be read\n", name)
	}
	if d.Lost {
		fmt.Fprintln(a.out, "items are missing, or were put back from an earlier copy")
	}
	if repaired {
		fmt.Fprintln(a.out, "repaired: what cannot be read is gone")
	}
	return nil
}
