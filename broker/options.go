package broker

import (
	"cmp"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// Options adjust a broker. The zero Options serve the ring to programs of the
// broker's own user, and those of a keychain that guards them by signature only
// to programs that the family's team has signed, where that can be proven.
type Options struct {
	// Policy says who may do what; nil means policy.Usual. It is called for each
	// decision, so that grants can be changed while the broker runs.
	Policy func() policy.Policy
	// Peers finds out who is calling; nil means peer.Of.
	Peers func(net.Conn) (peer.Peer, error)
	// Limits that are zero have the value of DefaultLimits.
	Limits Limits
	// Logger gets an audit record for each decision and what else happens, never a
	// value or a whole account name; nil logs nothing.
	Logger *slog.Logger
	// IdleExit ends Serve when nobody was connected for that long; 0 never does.
	IdleExit time.Duration
	// Unlock opens the shared store with a passphrase that a client hands in, and
	// keeps it open for that long, 0 meaning until Lock; nil is unsupported.
	Unlock func(passphrase []byte, keep time.Duration) error
	// Forget forgets what Unlock was given; nil where that is nothing.
	Forget func()
	// Legacy is told which client serves which legacy source; nil refuses all.
	Legacy *Sources
	// Version is how the broker calls itself.
	Version string
}

// Limits bound what clients can ask of a broker. What goes beyond one is refused
// or made to wait; docs/BROKER.md says which.
type Limits struct {
	Conns        int           // connections at a time
	ConnsPerPeer int           // of one process
	Inflight     int           // requests at a time in one connection
	Watches      int           // of one connection
	Rate         float64       // requests a second of one process; more wait
	Large        int64         // bytes of frames over 64 KiB that are kept at a time
	Hello        time.Duration // from connecting to the end of hello
	Frame        time.Duration // from a frame's first byte to its last
	Write        time.Duration // for a client to take an answer
	Idle         time.Duration // without a request, a watch, an update or a lease
	Call         time.Duration // of one request that does not wait for a client
	Update       time.Duration // from the wish to begin an update to its end
	Drain        time.Duration // for requests under way when the broker stops
}

// DefaultLimits are those of a broker that nobody gave others.
var DefaultLimits = Limits{
	Conns: 1024, ConnsPerPeer: 512, Inflight: 64, Watches: 256, Rate: 100_000, Large: 64 << 20,
	Hello: 5 * time.Second, Frame: 10 * time.Second, Write: 10 * time.Second, Idle: 30 * time.Minute,
	Call: 2 * time.Minute, Update: kinring.UpdateBudget, Drain: 5 * time.Second,
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	return Limits{
		Conns: cmp.Or(l.Conns, d.Conns), ConnsPerPeer: cmp.Or(l.ConnsPerPeer, d.ConnsPerPeer),
		Inflight: cmp.Or(l.Inflight, d.Inflight), Watches: cmp.Or(l.Watches, d.Watches),
		Rate: cmp.Or(l.Rate, d.Rate), Large: cmp.Or(l.Large, d.Large),
		Hello: cmp.Or(l.Hello, d.Hello), Frame: cmp.Or(l.Frame, d.Frame), Write: cmp.Or(l.Write, d.Write),
		Idle: cmp.Or(l.Idle, d.Idle), Call: cmp.Or(l.Call, d.Call), Update: cmp.Or(l.Update, d.Update), Drain: cmp.Or(l.Drain, d.Drain),
	}
}

func (l Limits) wire() wire.Limits {
	return wire.Limits{Frame: wire.MaxFrame, Key: store.MaxService, Value: store.MaxValue,
		Inflight: l.Inflight, Idle: int(l.Idle / time.Second)}
}

func (o Options) withDefaults(team string) Options {
	o.Limits = o.Limits.withDefaults()
	if o.Policy == nil {
		usual := policy.Usual(peer.Signatures, team)
		o.Policy = func() policy.Policy { return usual }
	}
	if o.Peers == nil {
		o.Peers = peer.Of
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Version = cmp.Or(o.Version, "kinring")
	return o
}

// uid is the user whose broker this is; -1 where the platform has no numbers.
var uid = os.Getuid()
