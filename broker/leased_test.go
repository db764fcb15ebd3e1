package broker

import (
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/broker/peer"
)

// told is a lease that notes what it was told.
type told struct{ said []string }

func (*told) Interrupted() bool { return false }
func (l *told) Begin() error    { return l.note("begin") }
func (l *told) Release() error  { return l.note("release") }
func (l *told) Leave() error    { return l.note("leave") }
func (l *told) note(what string) error {
	l.said = append(l.said, what)
	return nil
}

// TestLeaseOfTheDead (I11): the lease of a client that is gone is given back once,
// with a note if its function had begun; what the client said last, and is heard
// after that, does nothing to a lease that is another one's by now.
func TestLeaseOfTheDead(t *testing.T) {
	for _, c := range []struct {
		before, after func(*leased) error
		want          []string
	}{
		{nil, (*leased).begin, []string{"release"}},
		{(*leased).begin, (*leased).begin, []string{"begin", "leave"}},
		{(*leased).begin, func(l *leased) error { return l.end(false, false) }, []string{"begin", "leave"}},
		{func(l *leased) error { return l.end(true, false) }, nil, []string{"leave"}},
	} {
		var lease told
		l := &leased{lease: &lease}
		if c.before != nil {
			if err := c.before(l); err != nil {
				t.Fatal(err)
			}
		}
		l.release()
		if c.after != nil {
			_ = c.after(l) // its answer has nobody to go to
		}
		if !slices.Equal(lease.said, c.want) {
			t.Errorf("the lease was told %v, want %v", lease.said, c.want)
		}
	}
}

// TestGrantedToTheDead (I11): an update, a lease and a watch that are granted to a
// client which has just gone are nobody's: the next one gets them at once.
func TestGrantedToTheDead(t *testing.T) {
	ring, err := kinring.Open(t.Context(), kinring.Profile{Name: "dead", Service: "dead"}, kinring.WithStore(forgetful{memory.New()}),
		kinring.WithStateDir(""), kinring.WithoutBroker())
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	s := New(ring, Options{})
	for range 2 {
		for name, params := range map[string]string{"update/begin": `{"key":"a"}`, "lease/hold": `{"service":"dead","account":"a"}`, "watch": `{"key":"a"}`} {
			mine, its := net.Pipe()
			defer mine.Close()
			who := newCaller(s.Limits)
			c := newConn(s, its, peer.Parent(os.Getuid(), os.Getppid()), who)
			c.takeBack() // the client is gone
			dead := &call{conn: c, ctx: t.Context(), method: methods[name], params: []byte(params)}
			if _, err := dead.method.serve(dead); err == nil {
				t.Errorf("%s: granted", name)
			}
			ended := make(chan bool)
			go func() {
				c.handlers.Wait()
				close(ended)
			}()
			watchdog := time.NewTimer(20 * time.Second)
			select {
			case <-ended:
			case <-watchdog.C:
				t.Errorf("%s goes on", name)
			}
			watchdog.Stop()
			its.Close()
		}
	}
}
