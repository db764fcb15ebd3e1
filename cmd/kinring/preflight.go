package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/codesign/preflight"
)

const preflightLong = `Read built macOS software, on any system, and say whether macOS will refuse to
start it, and why: above all an entitlement that no provisioning profile covers,
which codesign, Gatekeeper and notarization do not look at.

PATH is an app, a directory, a bare binary, a zip, tar.gz, tgz or pkg. Several
paths are judged as one family. Headers and signatures are read; --verify-pages
reads whole files. Only Apple's own certificates count.

With --plan, PATH is what is going to be signed: electron-builder's or
electron-forge's configuration, or a plan in TOML.

--family and --profile on the command line also say which team and keychain
access group to expect.

Exit codes: 0 no finding of level error; what was not checked is printed · 1
findings · 2 something could not be read, or usage.`

// preflightFlags are the flags of the verb.
type preflightFlags struct {
	plan, verifyPages    bool
	sarif, junit         bool
	sarifFile, junitFile string
	team, group          string
	against, suppress    string
	certificate, explain string
	rules                bool
	profileDays          int
}

func (a *app) preflightCommand() *cobra.Command {
	f := &preflightFlags{}
	cmd := &cobra.Command{
		Use:   "preflight PATH...",
		Short: "Say whether macOS will kill the build",
		Long:  preflightLong,
		Example: "  kinring preflight dist/Demo.app\n" +
			"  kinring preflight --expect-team ABCDE12345 --expect-group org.example.shared demo.zip\n" +
			"  kinring preflight --plan electron-builder.yml\n" +
			"  kinring preflight --explain KR203",
		Args: f.arguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := cmd.Context(), func() {}
			if a.timeout > 0 {
				ctx, cancel = context.WithTimeout(ctx, a.timeout)
			}
			defer cancel()
			return a.preflight(ctx, f, args)
		},
	}
	f.add(cmd)
	return cmd
}

func (f *preflightFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.plan, "plan", false, "PATH says what is going to be signed; nothing has to be signed yet")
	flags.BoolVar(&f.verifyPages, "verify-pages", false, "read whole files: every page of code and every sealed file")
	flags.BoolVar(&f.sarif, "sarif", false, "print SARIF 2.1.0")
	flags.BoolVar(&f.junit, "junit", false, "print JUnit XML")
	flags.StringVar(&f.sarifFile, "sarif-file", "", "also write SARIF 2.1.0 to this file")
	flags.StringVar(&f.junitFile, "junit-file", "", "also write JUnit XML to this file")
	flags.StringVar(&f.team, "expect-team", "", "team that must have signed")
	flags.StringVar(&f.group, "expect-group", "", "keychain access group that must be claimed, with or without the team")
	flags.StringVar(&f.against, "against", "", "the installed build, to compare with")
	flags.StringVar(&f.suppress, "suppress", "", "TOML file of accepted findings, each with reason and end")
	flags.StringVar(&f.certificate, "certificate", "", "with --plan: SHA-256 of the certificate that will sign")
	flags.IntVar(&f.profileDays, "profile-days", 90, "warn about profiles that end within this many days")
	flags.StringVar(&f.explain, "explain", "", "explain a rule, by id or number")
	flags.BoolVar(&f.rules, "rules", false, "list the rules")
}

// arguments wants paths, except where only rules are asked about.
func (f *preflightFlags) arguments(cmd *cobra.Command, args []string) error {
	if name := emptyFlag(cmd); name != "" {
		return usage("--" + name + " is empty: is a variable of the script not set?")
	}
	switch {
	case f.sarif && f.junit:
		return usage("give --sarif or --junit, not both; --sarif-file and --junit-file write both")
	case f.explain != "" || f.rules:
		if len(args) > 0 {
			return usage("--explain and --rules take no PATH")
		}
	case len(args) == 0:
		return usage("preflight takes at least one PATH")
	case slices.Contains(args, ""):
		return usage("a PATH is empty: is a variable of the script not set?")
	case f.plan && (f.against != "" || f.verifyPages):
		return usage("--against and --verify-pages need something built; --plan has nothing")
	case !f.plan && f.certificate != "":
		return usage("--certificate goes with --plan; a built artefact carries its certificate")
	case f.profileDays < 1:
		return usage("--profile-days wants at least 1")
	}
	return nil
}

// emptyFlag returns a flag of the verb that was given with nothing. A check that a
// script means to make must not be left out because a variable is not set.
func emptyFlag(cmd *cobra.Command) string {
	for _, name := range []string{"expect-team", "expect-group", "against", "suppress", "certificate", "explain", "sarif-file", "junit-file"} {
		if value, _ := cmd.Flags().GetString(name); value == "" && cmd.Flags().Changed(name) {
			return name
		}
	}
	return ""
}

// preflight judges and prints; the exit code follows from the report.
func (a *app) preflight(ctx context.Context, f *preflightFlags, paths []string) error {
	if f.explain != "" || f.rules {
		return a.printRules(f)
	}
	options, err := a.preflightOptions(f)
	if err != nil {
		return err
	}
	report, err := interruptible(ctx, func() (*preflight.Report, error) {
		if f.plan {
			return judgePlans(f, paths, options)
		}
		return a.judge(f, paths, options)
	})
	if err != nil {
		return err
	}
	if err := a.printReport(f, report); err != nil {
		return err
	}
	a.negative = report.Failed()
	if report.Unreadable() {
		return quiet(unreadable("preflight", errors.New("something could not be read")))
	}
	return nil
}

// printRules prints the rule that is asked about, or all.
func (a *app) printRules(f *preflightFlags) error {
	if f.explain != "" {
		if _, err := preflight.Lookup(f.explain); err != nil {
			return usage(err.Error())
		}
	}
	switch {
	case a.json:
		return preflight.RulesJSON(a.out, f.explain)
	case f.explain != "":
		return preflight.Explain(a.out, f.explain)
	}
	return preflight.ExplainAll(a.out)
}

// unreadable is the error for input that cannot be judged: exit code 2.
func unreadable(name string, err error) error {
	return &kinring.Error{Class: kinring.ErrInvalid, Op: "preflight", Store: name, Err: err,
		Remedy: "name an app, a directory, a bare binary, or a zip, tar.gz, tgz or pkg that is complete"}
}

// unreadablePlan is the same for what is going to be signed.
func unreadablePlan(name string, err error) error {
	return &kinring.Error{Class: kinring.ErrInvalid, Op: "preflight --plan", Store: name, Err: err,
		Remedy: "name electron-builder's configuration, electron-forge's as JSON, or a plan in the form that docs/PREFLIGHT.md describes"}
}

// preflightOptions gathers what is expected. A family named on the command line
// says more; one from the environment does not, as it may be another product's.
func (a *app) preflightOptions(f *preflightFlags) (preflight.Options, error) {
	o := preflight.Options{
		Now: time.Now(), Team: f.team, Group: f.group, ProfileWarning: time.Duration(f.profileDays) * 24 * time.Hour,
	}
	if a.profile != (profileFlags{}) {
		p, err := a.profile.load()
		if err != nil {
			return o, err
		}
		if o.Team == "" {
			o.Team = p.Team
		}
		if o.Group == "" {
			o.Group = p.Group
		}
	}
	if f.suppress == "" {
		return o, nil
	}
	var err error
	if o.Suppressions, err = readSuppressions(f.suppress); err != nil {
		return o, &kinring.Error{Class: kinring.ErrInvalid, Op: "preflight", Store: f.suppress, Err: err,
			Remedy: "see docs/PREFLIGHT.md for the form of the file"}
	}
	return o, nil
}

func readSuppressions(name string) ([]preflight.Suppression, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, preflight.MaxSuppressions+1))
	if err != nil {
		return nil, err
	}
	return preflight.ParseSuppressions(data)
}

// interruptible runs work that takes no context: reading files. When the context
// ends first, the work is left to the end of the program.
func interruptible[T any](ctx context.Context, work func() (T, error)) (T, error) {
	var none T
	if ctx.Err() != nil {
		return none, interrupted(ctx)
	}
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		v, err := work()
		done <- outcome{v, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		return none, interrupted(ctx)
	}
}

// interrupted says whether time ran out or a person gave up.
func interrupted(ctx context.Context) error {
	class := kinring.ErrCancelled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		class = kinring.ErrTimedOut
	}
	return &kinring.Error{Class: class, Op: "preflight", Err: ctx.Err()}
}

// printReport prints the report in the form that was asked for.
func (a *app) printReport(f *preflightFlags, r *preflight.Report) error {
	forms := []struct {
		file  string
		write func(io.Writer) error
	}{
		{f.sarifFile, func(w io.Writer) error { return r.SARIF(w, version().Version) }},
		{f.junitFile, r.JUnit},
	}
	for _, form := range forms {
		if err := writeFile(form.file, form.write); err != nil {
			return err
		}
	}
	switch {
	case f.sarif:
		return forms[0].write(a.out)
	case f.junit:
		return r.JUnit(a.out)
	case a.json:
		return r.JSON(a.out)
	}
	return r.Text(a.out)
}

// writeFile writes a report beside the printed one; no name means none.
func writeFile(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err == nil {
		err = errors.Join(write(f), f.Close())
	}
	if err != nil {
		return &kinring.Error{Class: kinring.ErrInvalid, Op: "preflight", Store: name, Err: err,
			Remedy: "name a file that can be written"}
	}
	return nil
}
