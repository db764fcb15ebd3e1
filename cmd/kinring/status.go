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
	"github.com/kinring/kinring/store"
)

const statusLong = `Compare the shared store with the older builds' stores, key by key. Nothing is
written or taken over, and nobody is asked unless --interactive is given; what
could not be read is unknown.

Verdicts: in-step (both hold the same) · shared-only · legacy-only · new-wrote
· older-wrote · converged (both wrote the same) · diverged (both wrote) ·
older-signed-out · deleted · delete-unfinished · pruned · unknown.

A key that the profile does not share is legacy-only, as it is to be.

A marker, shown as "marker", says in the shared store that a key is deleted. To
other programs it looks like an empty value.`

// statusDocument is kinring.status/1.
type statusDocument struct {
	Schema     string           `json:"schema"`
	Family     string           `json:"family"`
	Policy     policyJSON       `json:"policy"`
	Store      storeJSON        `json:"store"`
	Migration  *migrationJSON   `json:"migration"`
	Incomplete []incompleteJSON `json:"incomplete"`
	Keys       []statusJSON     `json:"keys"`
}

type policyJSON struct {
	Reads        string `json:"reads"`
	Writes       string `json:"writes"`
	Backfill     string `json:"backfill"`
	Adopt        string `json:"adopt"`
	FastForward  string `json:"fast_forward"`
	OlderSignout string `json:"older_signout"`
	BulkMigrate  string `json:"bulk_migrate"`
}

type storeJSON struct {
	Kind     string  `json:"kind"`
	ID       *string `json:"id"`
	State    string  `json:"state"`
	Reason   *string `json:"reason"`
	Recorded *string `json:"recorded"`
	StandIn  *string `json:"stand_in,omitempty"`
}

type statusJSON struct {
	Key        string       `json:"key"`
	Service    string       `json:"service"`
	Account    string       `json:"account"`
	Shared     sharedJSON   `json:"shared"`
	Legacy     []sourceJSON `json:"legacy"`
	Marker     bool         `json:"marker"`
	Verdict    string       `json:"verdict"`
	OlderWrote *bool        `json:"older_wrote"`
	NewWrote   *bool        `json:"new_wrote"`
	Unshared   bool         `json:"unshared,omitempty"`
	Remedy     *string      `json:"remedy"`
}

type sharedJSON struct {
	State      string  `json:"state"`
	Generation *uint64 `json:"generation"`
}

type sourceJSON struct {
	Source       string  `json:"source"`
	State        string  `json:"state"`
	Active       bool    `json:"active"`
	EqualsShared *bool   `json:"equals_shared"`
	EqualsAgreed *bool   `json:"equals_agreed"`
	Error        *string `json:"error,omitempty"`
}

func (a *app) statusCommand() *cobra.Command {
	var keys keyFlags
	var exitCode, interactive bool
	cmd := &cobra.Command{
		Use:               "status [KEY]",
		Short:             "Say how new and older builds stand",
		Long:              statusLong,
		Args:              keys.optional,
		ValidArgsFunction: a.completeKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && keys.service == "" {
				a.forAll()
			}
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				ask := ring.StatusOf
				if interactive {
					ask = ring.StatusAsking
				}
				return a.status(ctx, ring, ask, &keys, args, exitCode)
			})
		},
	}
	keys.add(cmd)
	cmd.Flags().BoolVar(&interactive, "interactive", false, "also read what a person has to allow")
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 1 unless every key is in step")
	return cmd
}

func (a *app) status(ctx context.Context, ring *kinring.Ring, ask asker, keys *keyFlags, args []string, exitCode bool) error {
	named, err := keys.named(ring, args)
	if err != nil {
		return err
	}
	st, err := ask(ctx, named...)
	if err != nil {
		return err
	}
	a.negative = exitCode && !inStep(st)
	if a.json {
		return a.printJSON(statusOf(ring, st))
	}
	return a.printStatus(st)
}

// asker is StatusOf or StatusAsking.
type asker func(context.Context, ...store.Key) (kinring.Status, error)

func inStep(st kinring.Status) bool {
	for _, k := range st.Keys {
		if k.Verdict != coexist.InStep && !(k.Unshared && k.Verdict == coexist.LegacyOnlyHere) {
			return false
		}
	}
	return len(st.Incomplete) == 0
}

func statusOf(ring *kinring.Ring, st kinring.Status) statusDocument {
	p := st.Policy
	d := statusDocument{
		Schema: "kinring.status/1", Family: st.Family, Store: storeOf(st.Store),
		Policy: policyJSON{string(p.Reads), string(p.Writes), string(p.Backfill), string(p.Adopt),
			string(p.FastForward), string(p.OlderSignout), string(p.BulkMigrate)},
		Incomplete: incomplete(st.Incomplete), Keys: []statusJSON{},
	}
	if st.Migration != nil {
		m := migrationOf(ring, *st.Migration)
		d.Migration = &m
	}
	for _, k := range st.Keys {
		d.Keys = append(d.Keys, keyStatus(k))
	}
	return d
}

func storeOf(s kinring.StoreStatus) storeJSON {
	out := storeJSON{Kind: s.Kind, ID: optional(s.ID), State: "open", Recorded: optional(s.Recorded), StandIn: optional(s.StandIn)}
	if s.Err != nil {
		out.State = fieldsOf(s.Err).Class
		out.Reason = optional(s.Err.Error())
	}
	return out
}

func keyStatus(k kinring.NamedStatus) statusJSON {
	out := statusJSON{
		Key: k.Name, Service: k.Key.Service, Account: k.Key.Account,
		Shared: sharedJSON{State: string(k.Shared)}, Legacy: []sourceJSON{}, Marker: k.Marker,
		Verdict: string(k.Verdict), OlderWrote: k.OlderWrote, NewWrote: k.NewWrote,
		Unshared: k.Unshared, Remedy: optional(k.Remedy),
	}
	if k.Shared == coexist.StateValue || k.Shared == coexist.StateMarker {
		out.Shared.Generation = &k.Generation
	}
	for _, s := range k.Legacy {
		src := sourceJSON{s.Source, string(s.State), !s.Inactive, s.EqualsShared, s.EqualsAgreed, nil}
		if s.Err != nil {
			src.Error = optional(s.Err.Error())
		}
		out.Legacy = append(out.Legacy, src)
	}
	return out
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (a *app) printStatus(st kinring.Status) error {
	if st.Store.Err != nil {
		a.notice("the shared store cannot be opened: %s", oneLine(st.Store.Err.Error()))
	}
	if st.Store.StandIn != "" {
		a.notice("the development store (%s) stands in for it", st.Store.StandIn)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tVERDICT\tSHARED\tLEGACY")
	for _, k := range st.Keys {
		var legacy []string
		for _, s := range k.Legacy {
			legacy = append(legacy, s.Source+": "+sourceText(s))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Name, k.Verdict, k.Shared, strings.Join(legacy, ", "))
	}
	errs := []error{w.Flush()}
	for _, k := range st.Keys {
		if k.Remedy != "" {
			a.notice("%s: %s", k.Name, k.Remedy)
		}
	}
	for _, u := range st.Incomplete {
		a.notice("%s could not be listed: %s", u.Source, oneLine(u.Err.Error()))
	}
	return errors.Join(errs...)
}

func sourceText(s coexist.SourceStatus) string {
	switch {
	case s.Inactive:
		return "not in use"
	case s.EqualsShared != nil && *s.EqualsShared:
		return "same value"
	case s.EqualsShared != nil:
		return "another value"
	}
	return string(s.State)
}
