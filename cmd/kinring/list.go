package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/coexist"
)

const listLong = `Name the family's keys, one a line, as get accepts them. No value is read and
nobody is asked.

Exit code 8 says that a store could not be listed, so that keys may be missing;
what the others hold is printed.`

// listDocument is kinring.list/1.
type listDocument struct {
	Schema     string           `json:"schema"`
	Family     string           `json:"family"`
	Store      string           `json:"store"`
	Complete   bool             `json:"complete"`
	Incomplete []incompleteJSON `json:"incomplete"`
	Keys       []listedJSON     `json:"keys"`
}

type incompleteJSON struct {
	Source string      `json:"source"`
	Error  errorFields `json:"error"`
}

type listedJSON struct {
	Key     string   `json:"key"`
	Service string   `json:"service"`
	Account string   `json:"account"`
	Where   string   `json:"where"`
	Sources []string `json:"sources"`
}

func (a *app) listCommand() *cobra.Command {
	var long bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Name the keys",
		Long:  listLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.forAll()
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				return a.list(ctx, ring, long)
			})
		},
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "also say where each key is")
	return cmd
}

func (a *app) list(ctx context.Context, ring *kinring.Ring, long bool) error {
	l, err := ring.List(ctx)
	if err != nil && !errors.Is(err, kinring.ErrPartial) {
		return err
	}
	if a.json {
		// The document says what is incomplete; only the exit code is added.
		return errors.Join(a.printJSON(listed(ring, l)), quiet(err))
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, k := range l.Keys {
		if long {
			fmt.Fprintf(w, "%s\t%s\t%s\n", k.Name, k.Where, strings.Join(k.Sources, ","))
		} else {
			fmt.Fprintln(w, k.Name)
		}
	}
	return errors.Join(w.Flush(), err)
}

func listed(ring *kinring.Ring, l kinring.Listing) listDocument {
	d := listDocument{
		Schema: "kinring.list/1", Family: ring.Family().Name, Store: ring.StoreKind(),
		Complete: len(l.Incomplete) == 0, Incomplete: incomplete(l.Incomplete), Keys: []listedJSON{},
	}
	for _, k := range l.Keys {
		sources := k.Sources
		if sources == nil {
			sources = []string{}
		}
		d.Keys = append(d.Keys, listedJSON{k.Name, k.Key.Service, k.Key.Account, string(k.Where), sources})
	}
	return d
}

func incomplete(all []coexist.Unlisted) []incompleteJSON {
	out := []incompleteJSON{}
	for _, u := range all {
		out = append(out, incompleteJSON{u.Source, fieldsOf(u.Err)})
	}
	return out
}
