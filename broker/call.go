package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// call is one request under way.
type call struct {
	*conn
	ctx    context.Context
	cancel context.CancelFunc
	id     json.RawMessage
	params json.RawMessage
	method method
	// then is done once the request is answered, if it is not nil.
	then func()
	// limit ends a request that takes long; nil for one that does not.
	limit atomic.Pointer[time.Timer]
	late  atomic.Bool
}

// method is what the broker does for one name.
type method struct {
	right policy.Right // of the family; empty where it depends on a key
	// waits: the request may wait for somebody else, and ends when its client does.
	waits bool
	// always: it may be called before the client has proven who it is.
	always bool
	serve  func(*call) (any, error)
}

// begin admits a request.
func (c *conn) begin(m wire.Message) (*call, *wire.Error) {
	method, known := methods[m.Method]
	switch {
	case !known:
		return nil, wire.Refuse(wire.CodeMethodNotFound, "there is no method "+visible(m.Method), "see docs/BROKER.md")
	case !c.greeted.Load() && m.Method != wire.MethodHello:
		return nil, wire.Refuse(wire.CodeInvalidRequest, "the first request is not hello", "say hello first")
	case !c.proven.Load() && !method.always:
		return nil, wire.Refuse(wire.CodeInvalidRequest, "the nonce was not given back", "call prove with the nonce that hello returned")
	}
	if c.inflight.Add(1) > int32(c.s.Limits.Inflight) {
		c.inflight.Add(-1)
		return nil, wire.Refuse(wire.CodeBusy, "there are too many requests at a time in this connection", "wait for answers")
	}
	call := &call{conn: c, id: m.ID, params: m.Params, method: method}
	parent := c.ctx
	if method.waits {
		parent = c.waiting
	}
	call.ctx, call.cancel = context.WithCancel(parent)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.calls[string(m.ID)]; twice || c.draining {
		c.inflight.Add(-1)
		call.cancel()
		if c.draining {
			return nil, wire.Refuse(wire.CodeBusy, "the broker is stopping", "connect again")
		}
		return nil, wire.Refuse(wire.CodeInvalidRequest, "a request with this id is under way", "number the requests")
	}
	c.calls[string(m.ID)] = call.cancel
	c.handlers.Add(1)
	return call, nil
}

// changed refuses a message, and ends the connection, if the program that sent it
// is not the one that connected any more. Where programs are no boundary nobody
// looks.
func (c *conn) changed() *wire.Error {
	if !c.peer.Proves() {
		return nil
	}
	err := c.peer.Check()
	if err == nil {
		return nil
	}
	id := c.peer.Identity()
	c.s.denied.Add(1)
	c.s.Logger.Warn("broker: another program", slog.Int("pid", id.PID), slog.Int("uid", id.UID), slog.String("program", id.Label),
		slog.String("error", err.Error()))
	c.drain()
	return wire.FromError(&store.Error{Class: store.ErrDenied, Store: "broker", Detail: err.Error(), Remedy: "connect again"})
}

// bound bounds a request that turned out to take long. A client's own deadline
// ends it earlier, by a notification, but a client may forget about it.
func (c *call) bound() {
	c.limit.Store(time.AfterFunc(c.s.Limits.Call, func() {
		c.late.Store(true)
		c.cancel()
	}))
}

// serve does the request and answers it.
func (c *call) serve() {
	defer c.handlers.Done()
	result, err := c.do()
	if limit := c.limit.Load(); limit != nil {
		limit.Stop()
	}
	if c.late.Load() && errors.Is(err, store.ErrCancelled) {
		err = &store.Error{Class: store.ErrTimedOut, Store: "broker", Detail: "the request took longer than the broker allows"}
	}
	clear(c.params) // they may hold a value
	c.mu.Lock()
	delete(c.calls, string(c.id))
	c.mu.Unlock()
	c.cancel()
	c.inflight.Add(-1)
	c.answer(c.id, result, err)
	if r, ok := result.(wipeable); ok {
		r.Wipe()
	}
	if c.then != nil {
		c.then()
	}
}

// wipeable is implemented by answers that hold a value.
type wipeable interface{ Wipe() }

// do does the request. A defect in one request is not the others' affair; what it
// was is in the log, without the value that a message of the runtime may show.
func (c *call) do() (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.s.Logger.Error("broker: defect", slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("broker: defect")
		}
	}()
	if c.method.right != "" {
		if err := c.may(c.method.right, store.Key{}, ""); err != nil {
			return nil, err
		}
	}
	return c.method.serve(c)
}

// question is what was asked of the policy, and what it said. Names are kept as
// hashes: a client may ask for as many and as long ones as it likes.
type question struct {
	right   policy.Right
	name    uint64
	allowed bool
}

var questionSeed = maphash.MakeSeed()

// mostAudited is how many different decisions of a connection are remembered, so
// that the same one is put on record once.
const mostAudited = 1024

// may asks the policy whether this client may do it to a key.
func (c *conn) may(right policy.Right, key store.Key, name string) error {
	now := time.Now()
	c.who.mu.Lock()
	wait := c.who.backoff.Wait(now)
	var d policy.Decision
	if wait > 0 {
		d = policy.Decision{Reason: "there were too many denials in a row"}
	} else if d = c.s.Policy().Decide(c.subject, right, name, now); d.Allowed {
		c.who.backoff.Allowed()
	} else {
		c.who.backoff.Denied(now)
	}
	c.who.mu.Unlock()
	c.audit(right, key, name, d)
	if d.Allowed {
		return nil
	}
	c.s.denied.Add(1)
	err := &store.Error{Class: store.ErrDenied, Op: string(right), Store: "broker", Detail: d.Reason,
		Remedy: "have the broker's grants allow it"}
	if wait > 0 {
		err.Remedy = fmt.Sprintf("wait %d s", 1+int(wait/time.Second))
	}
	return store.At(err, "", "", key)
}

// audit puts a decision on record, once for each connection.
func (c *conn) audit(right policy.Right, key store.Key, name string, d policy.Decision) {
	q := question{right, maphash.String(questionSeed, name), d.Allowed}
	c.mu.Lock()
	known := c.audited[q]
	if !known {
		if len(c.audited) >= mostAudited {
			clear(c.audited)
		}
		c.audited[q] = true
	}
	client := c.client
	c.mu.Unlock()
	if known {
		return
	}
	id := c.peer.Identity()
	attrs := []slog.Attr{slog.Bool("allowed", d.Allowed), slog.String("right", string(right)),
		slog.Int("pid", id.PID), slog.Int("uid", id.UID), slog.String("program", id.Label), slog.String("client", client)}
	if key != (store.Key{}) {
		attrs = append(attrs, slog.Any("key", key))
	}
	if id.Team != "" {
		attrs = append(attrs, slog.String("signed", id.Team+"/"+id.Identifier))
	}
	if id.Unproven != "" {
		attrs = append(attrs, slog.String("unproven", id.Unproven))
	}
	if d.Allowed {
		attrs = append(attrs, slog.String("grant", d.Grant))
	} else {
		attrs = append(attrs, slog.String("reason", d.Reason))
	}
	level := slog.LevelInfo
	if !d.Allowed {
		level = slog.LevelWarn
	}
	c.s.Logger.LogAttrs(context.Background(), level, "broker: decision", attrs...)
}

// sees reports whether the client may see a key named. It is not put on record:
// a listing asks it of every key.
func (c *conn) sees(right policy.Right, name string) bool {
	return c.s.Policy().Decide(c.subject, right, name, time.Now()).Allowed
}

// read decodes the request's parameters.
func (c *call) read(into any) error { return wire.Params("this method", c.params, into) }

// keyOf returns the key that a request names, if the client may do this with it.
func (c *call) keyOf(ref wire.KeyRef, right policy.Right) (store.Key, error) {
	key := store.Key{Service: ref.Service, Account: ref.Account}
	if ref.Key != "" {
		if ref.Service != "" || ref.Account != "" {
			return key, wire.Refuse(wire.CodeInvalidParams, "both key and service or account are given", "give one of them")
		}
		var err error
		if key, err = c.s.ring.Family().Key(ref.Key); err != nil {
			return key, err
		}
	}
	if err := store.CheckKey(key); err != nil {
		return key, err
	}
	return key, c.may(right, key, c.s.ring.Family().KeyName(key))
}

// visible keeps what a client wrote from steering whoever reads the answer.
func visible(s string) string { return fmt.Sprintf("%q", s) }
