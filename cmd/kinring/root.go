package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/keychain"
	"github.com/kinring/kinring/profile"
)

// app is one run of the command: its console and what the global flags say.
type app struct {
	*console
	profile     profileFlags
	json        bool
	noInput     bool
	timeout     time.Duration
	switchStore bool
	// looksOnly is set by what is no operation of a person's: no migration begins
	// with it.
	looksOnly bool
	// versionWanted is set by --version.
	versionWanted bool
	keychain      keychain.Options
	// handed is what opens the vault of a broker that was unlocked; nil elsewhere.
	handed *handed
	// sources are the names of the opened family's legacy sources.
	sources []string
	// negative is set by a verb whose answer is no without anything being wrong.
	negative bool
}

const rootLong = `kinring gives a family of programs one place for its secrets, keeps peace with
the stores that older builds know, and tells release engineers before shipping
whether macOS will kill the build.

KEY is an alias of the family's profile (auth, mcp/NAME, EXTENSION/KEY); else
SERVICE/ACCOUNT, each part percent-encoded; else an account in the family's
service. --service and --account together name a key without any of these rules.
list prints what get accepts.

Environment: KINRING_FAMILY, KINRING_PROFILE, KINRING_STORE (auto, keychain,
secret-service, vault, memory), KINRING_VAULT (vault file), KINRING_KEY_FILE,
KINRING_PASSPHRASE_FILE, KINRING_TIMEOUT (such as 5s), KINRING_SOCK (the broker's
socket, or exec:COMMAND). CREDENTIALS_DIRECTORY/kinring, a credential of
systemd's, opens the vault too: a key file's text or a passphrase.

Exit codes: 0 ok · 1 not found, negative answer · 2 usage, bad key or profile,
too large · 3 locked, or a key is needed and nobody can be asked · 4 denied,
cancelled, wrong passphrase · 5 unavailable, unsupported, no vault · 6 conflict,
ambiguous, other store recorded · 7 timed out, nothing happened · 8 partial,
incomplete · 9 outcome unknown · 10 corrupt · 70 internal error · 125 a command
that kinring was to run failed.`

// run executes the command and returns its exit code.
func run(args []string, c *console) int { return (&app{console: c}).run(args) }

func (a *app) run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), endingSignals()...)
	defer stop()
	context.AfterFunc(ctx, stop) // asked once more, the program ends as any other does
	root := a.rootFor(args)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if isUsage(err) {
		a.json = a.json || wantsJSON(args) // behind a mistake, flags are not read
	}
	return a.finish(err)
}

// endingSignals are those that ask the program to end and let it clean up.
func endingSignals() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// wantsJSON reports whether --json stands among the arguments before "--".
func wantsJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json")
}

// rootFor returns the command with the verb that the arguments call, if that is
// get, and otherwise with all of them. Scripts call get often, and making the others
// would take as long as reading a secret does.
func (a *app) rootFor(args []string) *cobra.Command {
	root := a.bare()
	flags := root.PersistentFlags()
	flags.Usage = func() {} // it is only looked at where the verb stands
	flags.SetOutput(io.Discard)
	flags.SetInterspersed(false)
	if flags.Parse(args) != nil || flags.Arg(0) != "get" {
		return a.root()
	}
	flags.SetInterspersed(true)
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(a.getCommand())
	return root
}

func (a *app) root() *cobra.Command {
	root := a.bare()
	root.AddCommand(
		a.initCommand(), a.getCommand(), a.setCommand(), a.deleteCommand(), a.listCommand(),
		a.statusCommand(), a.updateCommand(), a.migrateCommand(), a.reconcileCommand(), a.rollbackCommand(),
		a.pruneCommand(), a.watchCommand(), a.vaultCommand(), a.unlockCommand(), a.lockCommand(), a.execCommand(), a.preflightCommand(), a.entitlementsCommand(), a.wrapCommand(),
		a.serveCommand(), a.doctorCommand(), a.demoCommand(), a.versionCommand(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Run, cmd.RunE = nil, explain
		case "completion":
			cmd.Args = nil
			cmd.RunE = func(_ *cobra.Command, args []string) error {
				return usage(fmt.Sprintf("completion takes one of bash, fish, powershell and zsh, not %q", strings.Join(args, " ")))
			}
		}
	}
	return root
}

// explain prints a verb's help. What cobra does by itself succeeds for verbs that
// there are not.
func explain(cmd *cobra.Command, args []string) error {
	verb, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return usage(fmt.Sprintf("there is no verb %q", strings.Join(args, " ")))
	}
	verb.InitDefaultHelpFlag()
	return verb.Help()
}

// bare returns the command without its verbs.
func (a *app) bare() *cobra.Command {
	root := &cobra.Command{
		Use:               "kinring",
		Short:             "One place for a family's secrets",
		Long:              rootLong,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              noArguments,
		RunE:              func(*cobra.Command, []string) error { return a.noVerb() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.checkTimeout(cmd.Flags().Changed("timeout")) },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.profile.family, "family", "", "built-in family: "+strings.Join(profile.Names(), ", ")+" (KINRING_FAMILY)")
	flags.StringVar(&a.profile.file, "profile", "", "profile file in TOML (KINRING_PROFILE)")
	flags.BoolVar(&a.json, "json", false, "print one JSON document, on failure too")
	flags.BoolVar(&a.noInput, "no-input", false, "never ask a person")
	flags.DurationVar(&a.timeout, "timeout", 0, "give up after this time (KINRING_TIMEOUT; default 2s, 10s for all keys, 2m to change all and where a person is asked)")
	flags.BoolVar(&a.switchStore, "switch-store", false, "use another store than the one recorded for the family")
	root.Flags().BoolVar(&a.versionWanted, "version", false, "print the version")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err.Error()) })
	return root
}

func (a *app) noVerb() error {
	if a.versionWanted {
		return a.printVersion()
	}
	return usage("no verb given")
}

// checkTimeout refuses a --timeout that leaves no time, and reads KINRING_TIMEOUT
// where none is given.
func (a *app) checkTimeout(given bool) error {
	if given && a.timeout <= 0 {
		return usage(fmt.Sprintf("--timeout is %s; use a duration such as 5s", a.timeout))
	}
	text := os.Getenv("KINRING_TIMEOUT")
	if given || text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return usage(fmt.Sprintf("KINRING_TIMEOUT is %q; use a duration such as 5s", text))
	}
	a.timeout = d
	return nil
}

// usageError is a mistake in the command line itself.
type usageError struct{ what string }

func (e *usageError) Error() string { return e.what }

func usage(what string) error { return &usageError{what} }

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Sprintf("unknown verb or argument %q for %q", args[0], cmd.CommandPath()))
	}
	return nil
}

// finish prints what went wrong and returns the exit code.
func (a *app) finish(err error) int {
	if err == nil {
		if a.negative {
			return exitNegative
		}
		return exitOK
	}
	if q, child := (*quietError)(nil), (*exitError)(nil); !errors.As(err, &q) && !errors.As(err, &child) {
		a.printError(err)
	}
	return exitCode(err)
}

// deadline bounds the run. Where a person may be asked it is long, because
// people are slow; otherwise it is short.
func (a *app) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	d := a.timeout
	switch {
	case d > 0:
	case a.mayAsk():
		d = 2 * time.Minute
	default:
		d = kinring.DefaultBudget
	}
	return context.WithTimeout(ctx, d)
}

// forAll gives a verb that goes through all keys the time for it.
func (a *app) forAll() {
	if a.timeout == 0 && !a.mayAsk() {
		a.timeout = kinring.FamilyBudget
	}
}

// changesAll gives a verb that changes all keys, because none is named, the time for
// it.
func (a *app) changesAll(args []string, keys keyFlags) {
	if a.timeout == 0 && len(args) == 0 && keys == (keyFlags{}) {
		a.timeout = kinring.UpdateBudget
	}
}

// mayAsk reports whether a person is there and may be asked.
func (a *app) mayAsk() bool { return !a.noInput && a.terminal() }

// profileFlags say which family is meant.
type profileFlags struct{ family, file string }

// load returns the profile that flags and environment name. Flags win.
func (f profileFlags) load() (kinring.Profile, error) {
	family, file := f.family, f.file
	if family == "" && file == "" {
		family, file = os.Getenv("KINRING_FAMILY"), os.Getenv("KINRING_PROFILE")
	}
	switch {
	case family != "" && file != "":
		return kinring.Profile{}, usage("both a family and a profile file are given; give one of them")
	case family != "":
		return kinring.Builtin(family)
	case file == "":
		return kinring.Profile{}, usage("no family given; use --family NAME or --profile FILE")
	}
	data, err := readBounded(file)
	if err != nil {
		return kinring.Profile{}, &kinring.Error{Class: kinring.ErrInvalid, Op: "profile", Store: file, Err: err,
			Remedy: "name a readable profile file"}
	}
	return kinring.ParseProfile(file, data)
}

// keyFlags name a key past the profile's aliases.
type keyFlags struct{ service, account string }

func (k *keyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.service, "service", "", "service of the key; with --account, instead of KEY")
	cmd.Flags().StringVar(&k.account, "account", "", "account of the key; with --service, instead of KEY")
}

// arguments accepts one KEY, or none if both flags are given.
func (k *keyFlags) arguments(cmd *cobra.Command, args []string) error {
	direct := k.service != "" || k.account != ""
	switch {
	case direct && (k.service == "" || k.account == ""):
		return usage("--service and --account go together")
	case direct && len(args) > 0:
		return usage("give either KEY or --service and --account")
	case !direct && len(args) != 1:
		return usage(fmt.Sprintf("%s takes one KEY, not %d arguments", strings.Fields(cmd.Use)[0], len(args)))
	}
	return nil
}

// isUsage reports whether the mistake is in the command line.
func isUsage(err error) bool {
	var u *usageError
	return errors.As(err, &u)
}
