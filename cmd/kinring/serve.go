package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/store"
)

const serveLong = `Serve the family's secrets over a local socket to programs that cannot reach the
shared store themselves: bare binaries, scripts, programs in other languages. The
other verbs use the broker when it is there.

The socket is KINRING_SOCK, --socket, or FAMILY.sock in a directory of the user's
own: XDG_RUNTIME_DIR/kinring, /run/user/UID/kinring or /var/tmp/kinring-UID/run.
Programs of other users are refused. What programs of the same user may do says a
file of grants (--grants, docs/BROKER.md); without one, everything. On macOS a
keychain is served only to programs that the family's team has signed.

--stdio serves one client over standard input and output instead: for ssh,
containers and child processes. A client names it with
KINRING_SOCK="exec:COMMAND".

Logs are JSON lines on standard error, with a record for each decision and never
a value; with --stdio only denials and failures, unless --verbose.`

// serveBudget bounds an operation that a broker does for a client, which has a
// deadline of its own.
const serveBudget = 30 * time.Second

// clientSources are the legacy sources that only a client of the broker can read.
var clientSources = broker.NewSources()

func init() { store.RegisterLayout(clientSources) }

// serveFlags are serve's own.
type serveFlags struct {
	socket, grants     string
	idleExit           time.Duration
	stdio, verbose     bool
	printUnit, install bool
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Serve the family's secrets to other programs",
		Long:    serveLong,
		Example: "  kinring --family codex serve\n  kinring --family codex serve --install",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.printUnit || f.install {
				return a.unit(f)
			}
			return a.serve(cmd.Context(), f)
		},
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.socket, "socket", "", "path of the socket")
	flags = cmd.Flags()
	flags.StringVar(&f.grants, "grants", "", "file that says what which program may do")
	flags.DurationVar(&f.idleExit, "idle-exit", 0, "end when nobody was connected for this time")
	flags.BoolVar(&f.stdio, "stdio", false, "serve one client over standard input and output")
	flags.BoolVar(&f.verbose, "verbose", false, "log more")
	flags.BoolVar(&f.printUnit, "print-unit", false, "print the service manager's files and end")
	flags.BoolVar(&f.install, "install", false, "write the service manager's files and end")
	cmd.AddCommand(a.serveStatusCommand(&f), a.serveStopCommand(&f))
	return cmd
}

func (a *app) serve(ctx context.Context, f serveFlags) error {
	if err := broker.Harden(); err != nil {
		return &kinring.Error{Class: kinring.ErrUnavailable, Op: "serve", Err: err, Detail: "core dumps of the broker cannot be ruled out"}
	}
	a.noInput = true // there is nobody at a terminal
	a.handed = &handed{}
	defer a.handed.forget()
	ring, err := a.openFor(ctx, kinring.WithoutBroker(), kinring.WithBudget(cmp.Or(a.timeout, serveBudget)))
	if err != nil {
		return err
	}
	a.handed.lock = ring.Backing().Lock
	err = a.serveRing(ctx, ring, f)
	return errors.Join(err, ring.Close())
}

func (a *app) serveRing(ctx context.Context, ring *kinring.Ring, f serveFlags) error {
	o, err := a.brokerOptions(ring, f)
	if err != nil {
		return err
	}
	if f.stdio {
		return broker.New(ring, o).ServeConn(ctx, broker.Stdio(), peer.Parent(os.Getuid(), os.Getppid()))
	}
	l, path, err := a.listen(ctx, ring, f)
	if err != nil {
		return err
	}
	o.Logger.Info("broker: serving", slog.String("family", ring.Family().Name), slog.String("socket", path), slog.Int("pid", os.Getpid()))
	err = broker.Serve(ctx, ring, l, o)
	o.Logger.Info("broker: ended")
	return err
}

// listen takes over the service manager's socket, or makes one.
func (a *app) listen(ctx context.Context, ring *kinring.Ring, f serveFlags) (net.Listener, string, error) {
	l, err := broker.Activated(ctx)
	if l != nil || err != nil {
		return l, "from the service manager", err
	}
	path, err := socketPath(ring.Family().Name, f.socket)
	if err != nil {
		return nil, "", err
	}
	l, err = broker.Listen(ctx, path)
	return l, path, err
}

// socketPath returns where the family's broker listens.
func socketPath(family, flag string) (string, error) {
	path := cmp.Or(flag, os.Getenv(client.Variable))
	if strings.HasPrefix(path, "exec:") {
		return "", usage(client.Variable + " names a command; a broker needs a path (--socket)")
	}
	return cmp.Or(path, client.DefaultSocket(family, os.Getenv)), nil
}

func (a *app) brokerOptions(ring *kinring.Ring, f serveFlags) (broker.Options, error) {
	level := slog.LevelInfo
	switch {
	case f.verbose:
		level = slog.LevelDebug
	case f.stdio: // standard error is the client's
		level = slog.LevelWarn
	}
	o := broker.Options{
		Logger:   slog.New(slog.NewJSONHandler(a.err, &slog.HandlerOptions{Level: level})),
		IdleExit: f.idleExit,
		Version:  "kinring " + version().Version,
		Legacy:   clientSources,
	}
	if ring.StoreKind() == vault.Kind {
		path, err := vaultPath()
		if err != nil {
			return o, err
		}
		o.Forget = a.handed.forget
		o.Unlock = func(passphrase []byte, d time.Duration) error { return a.handed.keep(path, passphrase, d) }
	}
	if f.grants == "" {
		return o, nil
	}
	grants, err := openGrants(f.grants, o.Logger)
	if err != nil {
		return o, err
	}
	o.Policy = grants.policy
	return o, nil
}

// serveStatusDocument is kinring.serve-status/1.
type serveStatusDocument struct {
	Schema      string     `json:"schema"`
	Socket      string     `json:"socket"`
	Version     string     `json:"version"`
	PID         int        `json:"pid"`
	Family      string     `json:"family"`
	Store       string     `json:"store"`
	Locked      bool       `json:"locked"`
	Uptime      int        `json:"uptime_seconds"`
	Connections int        `json:"connections"`
	Requests    uint64     `json:"requests"`
	Denied      uint64     `json:"denied"`
	Clients     []peerJSON `json:"clients"`
}

type peerJSON struct {
	PID     int    `json:"pid"`
	Program string `json:"program"`
	Client  string `json:"client"`
}

func (a *app) serveStatusCommand(f *serveFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how the family's broker is",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withBroker(cmd.Context(), f.socket, func(ctx context.Context, c *client.Conn, path string) error {
				st, err := c.Status(ctx)
				if err != nil {
					return err
				}
				d := serveStatusDocument{"kinring.serve-status/1", path, st.Version, st.PID, st.Family, st.Store.Kind, st.Locked,
					st.Uptime, st.Connections, st.Requests, st.Denied, []peerJSON{}}
				for _, p := range st.Peers {
					d.Clients = append(d.Clients, peerJSON{p.PID, p.Label, p.Client})
				}
				if a.json {
					return a.printJSON(d)
				}
				return a.printServeStatus(d)
			})
		},
	}
}

func (a *app) printServeStatus(d serveStatusDocument) error {
	state := "open"
	if d.Locked {
		state = "locked or not used yet"
	}
	_, err := fmt.Fprintf(a.out, "serving %s at %s, process %d, for %v\nstore: %s, %s\n%d connections, %d requests, %d denied\n",
		d.Family, d.Socket, d.PID, time.Duration(d.Uptime)*time.Second, d.Store, state, d.Connections, d.Requests, d.Denied)
	return err
}

// serveStopDocument is kinring.serve-stop/1.
type serveStopDocument struct {
	Schema string `json:"schema"`
	Socket string `json:"socket"`
}

func (a *app) serveStopCommand(f *serveFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "End the family's broker once it has finished what is under way",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withBroker(cmd.Context(), f.socket, func(ctx context.Context, c *client.Conn, path string) error {
				if err := c.Shutdown(ctx); err != nil || !a.json {
					return err
				}
				return a.printJSON(serveStopDocument{"kinring.serve-stop/1", path})
			})
		},
	}
}

// withBroker runs f on a connection to the family's broker.
func (a *app) withBroker(ctx context.Context, socket string, f func(context.Context, *client.Conn, string) error) error {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	p, err := a.profile.load()
	if err != nil {
		return err
	}
	address := cmp.Or(socket, os.Getenv(client.Variable), client.DefaultSocket(p.Name, os.Getenv))
	c, err := client.Dial(ctx, address, client.Options{Family: p.Name, Name: "kinring"})
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, c, address), c.Close())
}
