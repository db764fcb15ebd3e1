package broker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
)

// conn is one client's connection. One goroutine at a time reads from it. The one
// that read a request also serves it, because waking another one would cost more
// than most requests do; if the request takes long, another one reads on, so that
// what comes next, say the wish to give it up, is heard.
type conn struct {
	s       *Server
	nc      net.Conn
	peer    peer.Peer
	who     *caller
	subject policy.Subject
	in      inbox
	out     outbox

	// ctx ends with the connection's work; waiting ends as soon as the client is
	// gone, for requests that wait for somebody.
	ctx, waiting    context.Context
	cancel, unwait  context.CancelFunc
	ended           chan struct{} // closed when nobody reads any more
	endOnce         sync.Once
	handlers        sync.WaitGroup
	inflight        atomic.Int32
	greeted, proven atomic.Bool

	mu       sync.Mutex
	calls    map[string]context.CancelFunc
	client   string // what the client calls itself
	nonce    string
	draining bool
	audited  map[question]bool
	holdings
	asked asked
}

func newConn(s *Server, nc net.Conn, p peer.Peer, who *caller) *conn {
	id := p.Identity()
	c := &conn{s: s, nc: nc, peer: p, who: who, ended: make(chan struct{}), calls: map[string]context.CancelFunc{},
		audited: map[question]bool{},
		subject: policy.Subject{Owner: owns(id), Program: id.Label, Team: id.Team,
			Identifier: id.Identifier, Inherited: id.Inherited},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.waiting, c.unwait = context.WithCancel(c.ctx)
	c.in = inbox{c: c, opened: time.Now()}
	c.out = outbox{nc: nc, timeout: s.Limits.Write}
	return c
}

// run serves the connection until it ends.
func (c *conn) run() {
	c.read()
	<-c.ended
	c.in.close()
	c.unwait()
	c.takeBack()
	c.handlers.Wait()
	c.takeBack() // what was granted meanwhile
	c.cancel()
	_ = c.nc.Close()
	_ = c.peer.Close()
	c.s.leave(c)
}

// takeBack takes from a client that is gone what it held and what it served.
func (c *conn) takeBack() {
	c.dropAsked()
	c.releaseHoldings()
}

// drain lets the requests under way be the last ones.
func (c *conn) drain() {
	c.mu.Lock()
	c.draining = true
	c.mu.Unlock()
	c.unwait()
	_ = c.nc.SetReadDeadline(time.Unix(1, 0))
}

func (c *conn) isDraining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining
}

// end ends the reading.
func (c *conn) end() { c.endOnce.Do(func() { close(c.ended) }) }

// slowly is how long a request may take until somebody else reads on.
const slowly = time.Millisecond

// The states of a turn.
const (
	idle = iota
	serving
	passed
)

// read reads and serves messages until the connection ends or the turn to read has
// passed to another goroutine.
func (c *conn) read() {
	var turn atomic.Int32
	var current *call
	pass := time.AfterFunc(time.Hour, func() {
		if turn.CompareAndSwap(serving, passed) {
			current.bound()
			c.read()
		}
	})
	pass.Stop()
	for {
		c.out.settle()
		m, refusal, err := c.in.next()
		if err != nil {
			c.lost(err)
			return
		}
		if refusal != nil {
			c.answer(m.ID, nil, refusal)
			continue
		}
		call := c.sort(m)
		if call == nil {
			continue
		}
		if !c.proven.Load() {
			call.serve() // what follows depends on it, so nobody may read on before
			continue
		}
		current = call
		turn.Store(serving)
		pass.Reset(slowly)
		call.serve()
		pass.Stop()
		if !turn.CompareAndSwap(serving, idle) {
			return
		}
	}
}

// lost ends the reading because of what reading met.
func (c *conn) lost(err error) {
	switch {
	case errors.Is(err, wire.ErrFrame):
		c.answer(nil, nil, wire.Refuse(wire.CodeParse, err.Error(), "see docs/BROKER.md"))
	case errors.Is(err, errNoRoom):
		c.answer(nil, nil, wire.Refuse(wire.CodeBusy, errNoRoom.Error(), "try again later"))
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.isDraining():
		c.answer(nil, nil, wire.Refuse(wire.CodeBusy, c.in.overdue(), "connect again"))
	}
	if !errors.Is(err, io.EOF) {
		c.s.Logger.Debug("broker: connection ended", slog.Int("pid", c.peer.Identity().PID), slog.String("error", err.Error()))
	}
	c.end()
}

// sort does what takes no time, and returns the request that does.
func (c *conn) sort(m wire.Message) *call {
	if refusal := c.changed(); refusal != nil {
		c.answer(m.ID, nil, refusal)
		return nil
	}
	switch {
	case m.Method == "":
		c.answered(m)
		return nil
	case m.IsNotification():
		if m.Method == wire.NoteCancel {
			c.giveUp(m.Params)
		}
		return nil
	}
	if wait := c.who.pace(time.Now()); wait > 0 && !c.sleep(wait) {
		return nil
	}
	c.s.requests.Add(1)
	call, refusal := c.begin(m)
	if refusal != nil {
		c.answer(m.ID, nil, refusal)
		return nil
	}
	if call.method.waits {
		go call.serve()
		return nil
	}
	return call
}

func (c *conn) sleep(d time.Duration) bool {
	pause := time.NewTimer(d)
	defer pause.Stop()
	select {
	case <-pause.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// giveUp cancels a request.
func (c *conn) giveUp(params json.RawMessage) {
	var p wire.Cancel
	if wire.Params(wire.NoteCancel, params, &p) != nil {
		return // a notification has no answer
	}
	c.mu.Lock()
	cancel := c.calls[string(p.ID)]
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// answer sends the response to a request.
func (c *conn) answer(id json.RawMessage, result any, failure error) {
	var frame []byte
	err := failure
	if failure == nil {
		frame, err = wire.Response(id, result)
	}
	if err != nil {
		frame, err = wire.Failure(id, wire.FromError(err))
	}
	if err != nil {
		c.hangUp() // there is nothing that could be said
		return
	}
	_ = c.send(frame) // who takes no answers is hung up on
}

// notify sends a notification.
func (c *conn) notify(method string, params any) error {
	frame, err := wire.Request(nil, method, params)
	if err == nil {
		err = c.send(frame)
	}
	return err
}

// send sends a frame and wipes it. It hangs up on a client that does not take all
// of it: what follows could not be told from the rest.
func (c *conn) send(frame []byte) error {
	err := c.out.send(frame)
	if err != nil {
		c.hangUp()
	}
	return err
}

// hangUp ends a connection at once.
func (c *conn) hangUp() {
	c.unwait()
	_ = c.nc.Close() // whoever reads from it finds out
}
