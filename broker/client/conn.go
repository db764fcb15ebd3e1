package client

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// Conn is a connection to a broker. Its methods may be called from any number of
// goroutines. Once it is lost every call fails.
//
// There is no goroutine that reads, unless there is somebody to notify: whoever
// waits for an answer reads, for itself and for the others who wait. A read is one
// write and one read of the socket, in one goroutine.
type Conn struct {
	nc      net.Conn
	o       Options
	welcome wire.Welcome

	writing sync.Mutex
	reading chan struct{} // holds one token: the right to read
	in      inbox

	mu      sync.Mutex
	issued  uint64
	waiting map[uint64]chan wire.Message
	lost    error
	over    chan struct{} // closed with lost

	// ctx ends with the connection; the broker's requests are answered in it.
	ctx    context.Context
	cancel context.CancelFunc
}

// errLost says that the connection has ended.
var errLost = errors.New("the connection to the broker is lost")

// unsent says that a request did not reach the broker as a whole, and so was not
// done.
type unsent struct{ error }

func (u unsent) Unwrap() error { return u.error }

func newConn(nc net.Conn, o Options) *Conn {
	c := &Conn{nc: nc, o: o, reading: make(chan struct{}, 1), in: inbox{nc: nc},
		waiting: map[uint64]chan wire.Message{}, over: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Welcome is what the broker said of itself.
func (c *Conn) Welcome() wire.Welcome { return c.welcome }

// Close ends the connection. What the client holds through it ends too.
func (c *Conn) Close() error {
	c.fail(errLost)
	return nil
}

// fail ends the connection because of err.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil {
		return
	}
	c.lost = err
	close(c.over)
	c.cancel()
	_ = c.nc.Close() // what could not be closed is of no use either
}

// Lost reports whether the connection has ended.
func (c *Conn) Lost() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// patience is how long a write that was given up waits for the broker to say what
// came of it.
const patience = time.Second

// Call sends a request and decodes its answer into result, unless that is nil. A
// call that is given up after it was sent is told to the broker; if it changes
// something and the broker does not say in time what came of it, the error is
// ErrOutcomeUnknown.
func (c *Conn) Call(ctx context.Context, method string, params, result any) error {
	r := &request{method: method, params: params}
	if err := c.post(ctx, r); err != nil {
		return err
	}
	return c.collect(ctx, r, result)
}

// request is one that was sent or is about to be.
type request struct {
	method string
	params any
	id     uint64
	answer chan wire.Message
}

// collect waits for the answer to a request that was sent and decodes it into
// result, unless that is nil.
func (c *Conn) collect(ctx context.Context, r *request, result any) error {
	m, err := c.hear(ctx, r)
	if err != nil {
		return err
	}
	defer clear(m.Result) // it may hold a value
	switch {
	case m.Err != nil:
		return m.Err.Unwire()
	case result == nil:
		return nil
	}
	if wire.Unmarshal(m.Result, result) != nil {
		return &store.Error{Class: store.ErrCorrupt, Store: "broker", Detail: "the answer to " + r.method + " has the wrong shape",
			Remedy: "update the older one of the two programs"}
	}
	return nil
}

// post sends requests in one write.
func (c *Conn) post(ctx context.Context, requests ...*request) error {
	err := store.FromContext(ctx)
	var frames []byte
	for _, r := range requests {
		if err == nil {
			frames, err = c.frame(frames, r)
		}
	}
	if err == nil {
		err = c.send(ctx, frames)
	}
	if err != nil {
		clear(frames)
		for _, r := range requests {
			c.unexpect(r.id)
		}
	}
	return err
}

// frame makes room for the answer to a request and appends its frame.
func (c *Conn) frame(frames []byte, r *request) ([]byte, error) {
	if err := c.expect(r); err != nil {
		return frames, err
	}
	frame, err := wire.Request(strconv.AppendUint(nil, r.id, 10), r.method, r.params)
	if len(frames) == 0 {
		return frame, err
	}
	defer clear(frame)
	return append(frames, frame...), err
}

// hear waits for the answer to a request that was sent.
func (c *Conn) hear(ctx context.Context, r *request) (wire.Message, error) {
	m, err := c.await(ctx, r.id, r.answer)
	if err != nil && ctx.Err() != nil && !c.Lost() {
		return c.giveUp(ctx, r)
	}
	if err != nil && !changes(r.method) {
		err = unsent{err} // nothing was changed: it may be asked again
	}
	return m, err
}

// changes reports whether a request may change something.
func changes(method string) bool {
	switch method {
	case wire.MethodHello, wire.MethodProve, wire.MethodPing, wire.MethodGet, wire.MethodList, wire.MethodStatus, wire.MethodBroker, wire.MethodStoreOpen,
		wire.MethodStoreGet, wire.MethodStoreList, wire.MethodStorePrint, wire.MethodLeaseHold:
		return false
	}
	return true
}

// giveUp tells the broker that nobody waits any more. Where something may have
// been changed it listens for what came of it.
func (c *Conn) giveUp(ctx context.Context, r *request) (wire.Message, error) {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	frame, err := wire.Request(nil, wire.NoteCancel, wire.Cancel{ID: strconv.AppendUint(nil, r.id, 10)})
	if err == nil {
		err = c.send(grace, frame)
	}
	if !changes(r.method) {
		c.unexpect(r.id)
		return wire.Message{}, store.FromContext(ctx)
	}
	var m wire.Message
	if err == nil {
		m, err = c.await(grace, r.id, r.answer)
	}
	switch {
	case err != nil:
		c.unexpect(r.id)
		return m, unknown(ctx.Err())
	case m.Err != nil && m.Err.Code == wire.CodeOf(store.ErrCancelled):
		return m, store.FromContext(ctx) // by this client, not by a person
	}
	return m, nil
}

func unknown(cause error) error {
	return &store.Error{Class: store.ErrOutcomeUnknown, Store: "broker", Err: cause,
		Detail: "the broker did not say what came of it", Remedy: "look at the key before writing again"}
}

// expect makes room for an answer.
func (c *Conn) expect(r *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil {
		return unsent{c.lost}
	}
	c.issued++
	r.id, r.answer = c.issued, make(chan wire.Message, 1)
	c.waiting[r.id] = r.answer
	return nil
}

func (c *Conn) unexpect(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// send writes a frame and wipes it. A frame that is not written as a whole ends
// the connection: what follows could not be told from its rest.
func (c *Conn) send(ctx context.Context, frame []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	defer clear(frame)
	end := interrupt(ctx, c.nc.SetWriteDeadline)
	n, err := c.nc.Write(frame)
	end()
	switch {
	case err == nil:
		return nil
	case n == 0 && ctx.Err() != nil:
		return store.FromContext(ctx)
	case ctx.Err() != nil:
		c.fail(errLost)
		return store.FromContext(ctx)
	}
	c.fail(errLost)
	return unsent{errLost}
}

// await returns the answer to a request. Whoever is free to reads meanwhile.
func (c *Conn) await(ctx context.Context, id uint64, answer chan wire.Message) (wire.Message, error) {
	select {
	case m := <-answer:
		return m, nil
	case c.reading <- struct{}{}:
		return c.readUntil(ctx, id, answer)
	default:
	}
	select {
	case m := <-answer:
		return m, nil
	case c.reading <- struct{}{}:
		return c.readUntil(ctx, id, answer)
	case <-ctx.Done():
		return wire.Message{}, store.FromContext(ctx)
	case <-c.over:
		select {
		case m := <-answer: // it came before the end
			return m, nil
		default:
			return wire.Message{}, errLost
		}
	}
}

// readUntil reads until the answer to a request is there, and passes on what else
// it finds. It has the right to read, and gives it back.
func (c *Conn) readUntil(ctx context.Context, id uint64, answer chan wire.Message) (wire.Message, error) {
	defer func() { <-c.reading }()
	end := interrupt(ctx, c.nc.SetReadDeadline)
	defer end()
	for {
		select {
		case m := <-answer: // another one read it before
			return m, nil
		default:
		}
		m, err := c.in.next()
		if err != nil {
			if ctx.Err() != nil && isTimeout(err) {
				return wire.Message{}, store.FromContext(ctx)
			}
			c.fail(errLost)
			return wire.Message{}, errLost
		}
		if got, ok := c.pass(m, id); ok {
			return got, nil
		}
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// pass passes a message on to whoever waits for it, unless it is the answer to id.
func (c *Conn) pass(m wire.Message, id uint64) (wire.Message, bool) {
	switch {
	case m.IsNotification():
		if c.o.Notify != nil {
			c.o.Notify(m.Method, m.Params)
		}
		return m, false
	case m.IsRequest():
		go c.reply(m)
		return m, false
	}
	got, err := strconv.ParseUint(string(m.ID), 10, 64)
	if err != nil {
		// Said of the connection as a whole, before it ends.
		return m, string(m.ID) == "null" && m.Err != nil && id != 0
	}
	c.mu.Lock()
	answer := c.waiting[got]
	delete(c.waiting, got)
	c.mu.Unlock()
	if got == id {
		return m, true
	}
	if answer != nil {
		answer <- m
	}
	return m, false
}

// reply answers a request of the broker.
func (c *Conn) reply(m wire.Message) {
	var result any
	err := error(wire.Refuse(wire.CodeMethodNotFound, "this client answers no requests", ""))
	if c.o.Answer != nil {
		result, err = c.o.Answer(c.ctx, m.Method, m.Params)
	}
	frame, failed := []byte(nil), err
	if err == nil {
		frame, failed = wire.Response(m.ID, result)
	}
	if failed != nil {
		frame, failed = wire.Failure(m.ID, wire.FromError(failed))
	}
	if failed == nil {
		_ = c.send(c.ctx, frame) // a lost connection is found out by whoever reads
	}
}

// listen reads for as long as the connection lives, for those who are notified.
func (c *Conn) listen() {
	select {
	case c.reading <- struct{}{}:
		_, _ = c.readUntil(context.Background(), 0, nil) // it ends with the connection
	case <-c.over:
	}
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// interrupt makes what blocks on a connection return when the context ends. The
// function that it returns takes that back.
func interrupt(ctx context.Context, deadline func(time.Time) error) (end func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = deadline(past) // a connection that is closed returns anyway
		close(done)
	})
	return func() {
		if !stop() {
			<-done
			_ = deadline(time.Time{})
		}
	}
}
