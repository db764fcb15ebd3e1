package client

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// Options say how a client connects.
type Options struct {
	// Family is the family that the client means; another one's broker is refused.
	// Empty takes any.
	Family string
	// Name says who is calling, for the broker's log.
	Name string
	// Team is whose signature the broker's code has to carry, on a platform where
	// that can be proven: the user's other programs could listen there as well. Empty
	// takes any broker of the user.
	Team string
	// Peers finds out who serves, for Team; nil means peer.Of, where peer.Signatures.
	Peers func(net.Conn) (peer.Peer, error)
	// Notify is called with each notification of the broker, one after the other.
	// It must not call the broker. Nil drops them.
	Notify func(method string, params []byte)
	// Answer answers the broker's requests; nil knows none.
	Answer func(ctx context.Context, method string, params []byte) (any, error)
}

// Dial connects to the broker at an address: the path of a socket, or
// "exec:COMMAND". No broker there is ErrNoService.
func Dial(ctx context.Context, address string, o Options) (*Conn, error) {
	if err := store.FromContext(ctx); err != nil {
		return nil, store.At(err, "connect", "broker", store.Key{})
	}
	return dial(ctx, address, o)
}

// dial is Dial with requests that go to the broker together with the hello, so that
// the answers take one turn.
func dial(ctx context.Context, address string, o Options, also ...*request) (*Conn, error) {
	nc, err := connect(ctx, address)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(address, execPrefix) {
		return greet(ctx, nc, o, also, nil) // a program that this one started
	}
	return greet(ctx, nc, o, also, func() error { return o.checkSigner(nc, address) })
}

// Greet begins to use a connection to a broker that is there already. It closes it
// if it fails.
func Greet(ctx context.Context, nc net.Conn, o Options) (*Conn, error) {
	return greet(ctx, nc, o, nil, nil)
}

// greet says hello and then has the server checked, before it is told or asked
// anything that matters: only by then has the process that serves used its end of
// the connection, whoever made the socket.
func greet(ctx context.Context, nc net.Conn, o Options, also []*request, check func() error) (*Conn, error) {
	c := newConn(nc, o)
	err := c.hello(ctx, also)
	if err == nil && check != nil {
		err = check()
	}
	if err != nil {
		_ = c.Close() // why it was no use is the answer
		return nil, store.At(known(err), "connect", "broker", store.Key{})
	}
	if o.Notify != nil || o.Answer != nil {
		go c.listen()
	}
	return c, nil
}

// hello sends the hello and what goes with it. A broker that does not know the
// client, or first wants a nonce back, refuses the others; in the second case they
// are sent again.
func (c *Conn) hello(ctx context.Context, also []*request) error {
	hello := &request{method: wire.MethodHello, params: wire.Hello{Versions: []int{wire.Version}, Client: c.o.Name, Family: c.o.Family}}
	if err := c.post(ctx, append([]*request{hello}, also...)...); err != nil {
		return err
	}
	if err := c.collect(ctx, hello, &c.welcome); err != nil || c.welcome.Nonce == "" {
		return err
	}
	for _, r := range also {
		c.unexpect(r.id)
	}
	if err := c.Call(ctx, wire.MethodProve, wire.Prove{Nonce: c.welcome.Nonce}, nil); err != nil || len(also) == 0 {
		return err
	}
	return c.post(ctx, also...)
}

func connect(ctx context.Context, address string) (net.Conn, error) {
	if command, ok := strings.CutPrefix(address, execPrefix); ok {
		return start(command)
	}
	if err := CheckSocket(address); err != nil {
		return nil, err
	}
	var d net.Dialer // DialUnix: the general Dial links a resolver of names
	nc, err := d.DialUnix(ctx, "unix", nil, &net.UnixAddr{Name: address, Net: "unix"})
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, store.At(store.FromContext(ctx), "connect", "broker", store.Key{})
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return nil, noBroker(address)
	default:
		return nil, refused("the socket "+address+" cannot be connected to", "see that the broker runs", err)
	}
	if err := checkServer(nc, address); err != nil {
		_ = nc.Close() // nothing was sent
		return nil, err
	}
	return nc, nil
}

// checkServer refuses a server that another user runs, before anything is said to
// it.
func checkServer(nc net.Conn, address string) error {
	uid, err := peer.UserOf(nc)
	if err != nil {
		return refused("nobody can tell who serves "+address, "", err)
	}
	if uid != os.Getuid() {
		return refused("another user's program serves "+address, "use a socket in a directory of your own", nil)
	}
	return nil
}

// signed is the kind of the store whose secrets the system gives only to programs
// of the family's team.
const signed = "keychain"

// Signer returns whose signature both ends of a connection to a broker have to
// carry for a store of this kind, or nothing. Of other stores any program of the
// user could take what is in them without a broker.
func Signer(kind, team string) string {
	if kind == signed {
		return team
	}
	return ""
}

// checkSigner refuses a server that the team has not signed, where that can be
// proven.
func (o Options) checkSigner(nc net.Conn, address string) error {
	find := o.Peers
	if find == nil && peer.Signatures {
		find = peer.Of
	}
	if o.Team == "" || find == nil {
		return nil
	}
	p, err := find(nc)
	if err != nil {
		return refused("nobody can tell which program serves "+address, "", err)
	}
	id, err := p.Identity(), errors.Join(p.Prove(), p.Close())
	switch {
	case err != nil:
		return refused("the program that serves "+address+" is another one by now", "connect again", err)
	case id.Team != o.Team:
		why := "team " + id.Team + " has"
		if id.Team == "" {
			why = id.Unproven
		}
		return refused("the program that serves "+address+" is not signed by team "+o.Team+": "+why, "end it, and start the family's own broker", nil)
	}
	return nil
}
