package broker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
)

// Server serves one ring.
type Server struct {
	Options
	ring    *kinring.Ring
	backing kinring.Backing
	started time.Time
	large   *budget

	requests, denied atomic.Uint64

	mu    sync.Mutex
	conns map[*conn]bool
	peers map[string]*caller // by peer.Identity.Process
	idle  *time.Timer
	// strangers bounds what programs of other users have the log say.
	strangers policy.Bucket
	stop      context.CancelFunc
	alive     sync.WaitGroup
}

// New returns a server for a ring, which stays the caller's to close.
func New(ring *kinring.Ring, o Options) *Server {
	o = o.withDefaults(client.Signer(ring.StoreKind(), ring.Family().Team))
	return &Server{Options: o, ring: ring, backing: ring.Backing(), started: time.Now(), large: newBudget(o.Limits.Large),
		strangers: policy.Bucket{Rate: 1, Burst: 8},
		conns:     map[*conn]bool{}, peers: map[string]*caller{}, stop: func() {}}
}

// Serve serves the ring to whoever connects, until the context ends or nobody was
// there for Options.IdleExit. Requests under way are finished, as far as
// Limits.Drain goes. It closes the listener.
func Serve(ctx context.Context, ring *kinring.Ring, listener net.Listener, o Options) error {
	return New(ring, o).Serve(ctx, listener)
}

// Serve is the package's Serve.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.stop = cancel
	if s.IdleExit > 0 {
		s.idle = time.AfterFunc(s.IdleExit, cancel)
	}
	s.mu.Unlock()
	closing := context.AfterFunc(ctx, func() { listener.Close() })
	defer closing()
	err := s.accept(ctx, listener)
	s.drain()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// acceptPause is how long accepting rests after a failure that may pass, such as a
// lack of descriptors.
const acceptPause = 50 * time.Millisecond

func (s *Server) accept(ctx context.Context, listener net.Listener) error {
	defer listener.Close()
	for {
		nc, err := listener.Accept()
		if err == nil {
			s.admit(nc)
			continue
		}
		var temporary interface{ Temporary() bool }
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) || !errors.As(err, &temporary) || !temporary.Temporary() {
			return err
		}
		s.Logger.Warn("broker: cannot accept", slog.String("error", err.Error()))
		pause := time.NewTimer(acceptPause)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// admit identifies who connected and starts to serve them, or says why not.
func (s *Server) admit(nc net.Conn) {
	p, err := s.Peers(nc)
	if err != nil {
		s.Logger.Warn("broker: cannot tell who connected", slog.String("error", err.Error()))
		s.turnAway(nc, nil, wire.Refuse(wire.CodeInternal, "the broker cannot tell who connected", "try again"))
		return
	}
	c, refusal := s.enter(nc, p)
	if refusal != nil {
		s.turnAway(nc, p, refusal)
		return
	}
	go c.run()
}

// ServeConn serves one client over a connection that is there already, such as
// standard input and output, and returns when the connection ends.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn, p peer.Peer) error {
	c, refusal := s.enter(nc, p)
	if refusal != nil {
		s.turnAway(nc, p, refusal)
		return refusal
	}
	stop := context.AfterFunc(ctx, c.drain)
	defer stop()
	c.run()
	return nil
}

// enter makes a connection known, unless there are too many.
func (s *Server) enter(nc net.Conn, p peer.Peer) (*conn, *wire.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !owns(p.Identity()) {
		return nil, s.stranger(p.Identity())
	}
	who := s.peers[p.Identity().Process()]
	if who == nil {
		who = newCaller(s.Limits)
	}
	if len(s.conns) >= s.Limits.Conns || who.conns >= s.Limits.ConnsPerPeer {
		return nil, wire.Refuse(wire.CodeBusy, "there are too many connections", "close some, or wait")
	}
	who.conns++
	s.peers[p.Identity().Process()] = who
	c := newConn(s, nc, p, who)
	s.conns[c] = true
	s.alive.Add(1)
	if s.idle != nil {
		s.idle.Stop()
	}
	return c, nil
}

// leave forgets a connection.
func (s *Server) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if c.who.conns--; c.who.conns == 0 && !c.who.remembered(time.Now()) {
		delete(s.peers, c.peer.Identity().Process())
	}
	if len(s.conns) == 0 {
		s.forget()
		if s.idle != nil {
			s.idle.Reset(s.IdleExit)
		}
	}
	s.alive.Done()
}

// forget drops callers that are gone and have nothing left to wait for. The
// caller holds the lock.
func (s *Server) forget() {
	now := time.Now()
	for process, who := range s.peers {
		if who.conns == 0 && !who.remembered(now) {
			delete(s.peers, process)
		}
	}
}

// turnAway says why a connection is not served and closes it. It never waits for
// the client: what does not fit into the socket's buffer is not said.
func (s *Server) turnAway(nc net.Conn, p peer.Peer, why *wire.Error) {
	if frame, err := wire.Failure(nil, why); err == nil {
		_ = nc.SetWriteDeadline(time.Now().Add(acceptPause))
		_, _ = nc.Write(frame) // the client is turned away either way
	}
	_ = nc.Close()
	if p != nil {
		_ = p.Close()
	}
}

// drain lets requests under way finish, for a while.
func (s *Server) drain() {
	s.mu.Lock()
	if s.idle != nil {
		s.idle.Stop()
	}
	for c := range s.conns {
		go c.drain()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.alive.Wait()
		close(done)
	}()
	patience := time.NewTimer(s.Limits.Drain)
	defer patience.Stop()
	select {
	case <-done:
		return
	case <-patience.C:
	}
	s.mu.Lock()
	for c := range s.conns {
		c.cancel()
		_ = c.nc.Close()
	}
	s.mu.Unlock()
	<-done
}

// Conns returns how many clients are connected.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// caller is what a broker remembers of a process over all of its connections.
type caller struct {
	conns int // under the server's lock

	mu      sync.Mutex
	rate    policy.Bucket
	backoff policy.Backoff
}

// Denials that cost nothing, and what those after them cost.
const (
	freeDenials  = 8
	firstBackoff = time.Second
	mostBackoff  = time.Minute
)

func newCaller(l Limits) *caller {
	return &caller{rate: policy.Bucket{Rate: l.Rate, Burst: l.Rate},
		backoff: policy.Backoff{Free: freeDenials, First: firstBackoff, Most: mostBackoff}}
}

// pace returns how long the next request has to wait.
func (c *caller) pace(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rate.Take(now)
}

// remembered reports whether a caller that comes back now would still have to wait.
func (c *caller) remembered(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.backoff.Wait(now) > 0
}

// budget bounds the bytes that large frames hold at a time.
type budget struct {
	mu   sync.Mutex
	left int64
	wake chan struct{}
}

func newBudget(n int64) *budget { return &budget{left: n, wake: make(chan struct{})} }

// take waits until n bytes are free, or the context ends.
func (b *budget) take(ctx context.Context, n int64) bool {
	for {
		b.mu.Lock()
		if b.left >= n {
			b.left -= n
			b.mu.Unlock()
			return true
		}
		wake := b.wake
		b.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return false
		}
	}
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += n
	close(b.wake)
	b.wake = make(chan struct{})
}
