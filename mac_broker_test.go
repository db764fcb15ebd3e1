//go:build unix

package kinring_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/keychain"
	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/broker/policy"
)

// signedPeer is a peer whose code proves a team, as macOS would have it: a double.
type signedPeer struct {
	peer.Peer
	team string
}

func (p signedPeer) Identity() peer.Identity {
	id := p.Peer.Identity()
	if id.Team = p.team; p.team != "" {
		id.Identifier = "com.example.cli"
	}
	return id
}

func (signedPeer) Proves() bool { return true }

// broker serves the ring of an entitled program to programs of the team, and
// returns where. Whoever connects is signed by the team that signer names then.
func (l *macLab) broker(p *program, signer *string) (socket string, stop func()) {
	l.Helper()
	dir, err := os.MkdirTemp("", "kr")
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "run", "b.sock")
	listener, err := broker.Listen(l.Context(), socket)
	if err != nil {
		l.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	team := policy.Usual(true, macTeam)
	go func() {
		done <- broker.Serve(ctx, p.Ring, listener, broker.Options{
			Policy: func() policy.Policy { return team },
			Peers: func(c net.Conn) (peer.Peer, error) {
				found, err := peer.Of(c)
				return signedPeer{found, *signer}, err
			},
		})
	}()
	ended := false
	stop = func() {
		cancel()
		if !ended {
			ended = true
			if err := <-done; err != nil {
				l.Error(err)
			}
		}
	}
	l.Cleanup(stop)
	return socket, stop
}

// TestMacBrokerHelps (I4, §5): a program that cannot hold the entitlement shares
// the keychain's secrets through the broker of one that does, if its team signed
// it; another one is denied, and without the broker the keychain is out of reach.
// Neither is ever told that there is nothing.
func TestMacBrokerHelps(t *testing.T) {
	l := newMacLab(t)
	serving := l.run(newBuild, "shared-only")
	signer := macTeam
	socket, stop := l.broker(serving, &signer)
	cli := signedBy(macTeam, "cli") // signed, and not entitled
	alone := l.start(cli, macFamily("shared-only", macTeam), nil, kinring.WithoutBroker())
	if _, err := alone.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrUnavailable) {
		t.Errorf("without a broker: %v", err)
	}
	helped := l.start(cli, macFamily("shared-only", macTeam), nil, kinring.WithBroker(socket))
	helped.set("by the program that is helped")
	serving.want("by the program that is helped", kinring.FromShared, 0)
	serving.set("by the app")
	helped.want("by the app", kinring.FromShared, 0)

	signer = otherTeam
	denied := l.start(signedBy(otherTeam, "x"), macFamily("shared-only", macTeam), nil, kinring.WithBroker(socket))
	if _, err := denied.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrDenied) {
		t.Errorf("another team's program: %v", err)
	}
	signer = macTeam
	stop()
	later := l.start(cli, macFamily("shared-only", macTeam), nil, kinring.WithBroker(socket))
	if _, err := later.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrUnavailable) {
		t.Errorf("the broker has ended: %v", err)
	}
}

// TestSignerOfKeychain: it is the keychain whose broker has to be signed.
func TestSignerOfKeychain(t *testing.T) {
	if got := client.Signer(keychain.Kind, macTeam); got != macTeam {
		t.Errorf("of a keychain: %q", got)
	}
	if got := client.Signer("vault", macTeam); got != "" {
		t.Errorf("of a vault: %q", got)
	}
}
