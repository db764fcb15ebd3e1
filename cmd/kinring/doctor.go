package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/backend/vault"
)

const doctorLong = `Say what is available here, what would be used, and what to do about what is
missing. Nothing is written, opened for writing or asked.

Exit code 1 says that something needs to be done before secrets can be shared.`

// doctorDocument is kinring.doctor/1.
type doctorDocument struct {
	Schema   string          `json:"schema"`
	Version  versionDocument `json:"version"`
	Findings []finding       `json:"findings"`
	Healthy  bool            `json:"healthy"`
}

// finding is one line of the examination.
type finding struct {
	Subject string `json:"subject"`
	State   string `json:"state"` // ok, unused, missing or the class of an error
	Detail  string `json:"detail"`
	Remedy  string `json:"remedy,omitempty"`
}

func (f finding) bad() bool { return f.State != "ok" && f.State != "unused" }

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what is available and what to do",
		Long:  doctorLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.noInput = true
			ctx, cancel := a.deadline(cmd.Context())
			defer cancel()
			return a.doctor(ctx)
		},
	}
}

func (a *app) doctor(ctx context.Context) error {
	d := doctorDocument{Schema: "kinring.doctor/1", Version: version(), Healthy: true}
	d.Findings = append(a.examineStore(ctx), a.examineFamily(ctx)...)
	d.Findings = append(d.Findings, a.examineBroker(ctx)...)
	for _, f := range d.Findings {
		d.Healthy = d.Healthy && !f.bad()
	}
	a.negative = !d.Healthy
	if a.json {
		return a.printJSON(d)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, f := range d.Findings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Subject, f.State, oneLine(f.Detail))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range d.Findings {
		if f.Remedy != "" {
			a.notice("%s: %s", f.Subject, oneLine(f.Remedy))
		}
	}
	return nil
}

// failed turns an error into a finding.
func failed(subject string, err error) finding {
	f := fieldsOf(err)
	return finding{subject, f.Class, f.Message, f.Remedy}
}

// examineStore looks at the store that would be used, without opening it.
func (a *app) examineStore(ctx context.Context) []finding {
	p := a.familyProfile()
	driver, why, err := a.driver(ctx, p)
	if err != nil {
		return append([]finding{failed("store", err)}, examineKeyring(ctx, false)...)
	}
	out := []finding{{Subject: "store", State: "ok", Detail: driver.Kind() + " would be used: " + why}}
	out = append(out, examineKeyring(ctx, driver.Kind() == secretservice.Kind)...)
	out = append(out, a.examineKeychain(ctx, p)...)
	if driver.Kind() != vault.Kind {
		return out
	}
	options, err := a.vaultOptions()
	if err != nil {
		return append(out, failed("vault", err))
	}
	return append(out, examineVault(options.Path), a.examineKeys(ctx, options.Path))
}

// familyProfile returns the profile of the family that is given, or an empty one.
func (a *app) familyProfile() kinring.Profile {
	if !a.familyGiven() {
		return kinring.Profile{}
	}
	p, err := a.profile.load()
	if err != nil {
		return kinring.Profile{} // examineFamily says so
	}
	return p
}

func (a *app) familyGiven() bool {
	return a.profile != (profileFlags{}) || os.Getenv("KINRING_FAMILY") != "" || os.Getenv("KINRING_PROFILE") != ""
}

func examineVault(path string) finding {
	err := vault.Examine(path)
	switch {
	case err == nil:
		return finding{Subject: "vault", State: "ok", Detail: path}
	case errors.Is(err, kinring.ErrNoService):
		return finding{"vault", "missing", "there is no vault at " + path, "make one with kinring init"}
	}
	return failed("vault", err)
}

// examineFamily opens the family's ring and looks at its sources and keys.
func (a *app) examineFamily(ctx context.Context) []finding {
	if !a.familyGiven() {
		return []finding{{Subject: "family", State: "unused", Detail: "none given; --family NAME also examines a family"}}
	}
	ring, err := a.open(ctx)
	if err != nil {
		return []finding{failed("family", err)}
	}
	defer ring.Close()
	st, err := ring.StatusOf(ctx)
	if err != nil {
		return []finding{failed("family", err)}
	}
	known := fmt.Sprintf("%s, %d keys", st.Family, len(st.Keys))
	if len(st.Incomplete) > 0 {
		known += " that could be listed"
	}
	out := []finding{{Subject: "family", State: "ok", Detail: known}}
	if st.Store.Err != nil {
		out = append(out, failed("shared", st.Store.Err))
	}
	if st.Store.Recorded != "" {
		out = append(out, finding{Subject: "recorded", State: "ok", Detail: "the family uses " + st.Store.Recorded})
	}
	return append(out, examineSources(ctx, ring)...)
}

func examineSources(ctx context.Context, ring *kinring.Ring) []finding {
	var out []finding
	for _, s := range ring.Sources(ctx) {
		f := finding{Subject: "legacy " + s.Name, State: "ok", Detail: s.Store}
		switch {
		case s.Err != nil:
			f = failed(f.Subject, s.Err)
		case s.Passed != nil:
			f.State, f.Detail = "unused", "the older build goes on without it: "+fieldsOf(s.Passed).Message
		case !s.Active:
			f.State, f.Detail = "unused", "the older build, as it is configured, does not use it"
		}
		out = append(out, f)
	}
	return out
}
