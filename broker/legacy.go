package broker

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// asked are the requests to a client that it has not answered yet.
type asked struct {
	serving bool // the client serves a legacy source
	issued  int
	waiting map[string]chan wire.Message
}

// ask sends a request to the client and waits for its answer.
func (c *conn) ask(ctx context.Context, method string, params, into any) error {
	answer := make(chan wire.Message, 1)
	c.mu.Lock()
	if c.asked.waiting == nil {
		c.asked.waiting = map[string]chan wire.Message{}
	}
	c.asked.issued++
	id := strconv.Itoa(c.asked.issued)
	c.asked.waiting[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.asked.waiting, id)
		c.mu.Unlock()
	}()
	if err := c.notify(json.RawMessage(id), method, params); err != nil {
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Detail: "the client that serves this source is gone", Err: err}
	}
	select {
	case m := <-answer:
		defer clear(m.Result)
		if m.Err != nil {
			return m.Err.Unwire()
		}
		return wire.Params(method, m.Result, into)
	case <-c.waiting.Done():
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Detail: "the client that serves this source is gone"}
	case <-ctx.Done():
		_ = c.notify(nil, wire.NoteCancel, wire.Cancel{ID: json.RawMessage(id)}) // it may be gone: then nobody needs to be told
		return store.FromContext(ctx)
	}
}

// answered takes a client's answer. One that nobody waits for any more is dropped.
func (c *conn) answered(m wire.Message) {
	c.mu.Lock()
	answer := c.asked.waiting[string(m.ID)]
	delete(c.asked.waiting, string(m.ID))
	c.mu.Unlock()
	if answer != nil {
		answer <- m
	}
}

// dropAsked takes the legacy source from a client that is gone.
func (c *conn) dropAsked() {
	if c.s.Legacy != nil {
		c.s.Legacy.drop(c)
	}
}

func (c *call) serveLegacy() (any, error) {
	var p wire.Serving
	if err := c.read(&p); err != nil {
		return nil, err
	}
	if c.s.Legacy == nil {
		return nil, &store.Error{Class: store.ErrUnsupported, Op: "serve", Store: "broker", Detail: "this family has no source that a client may serve",
			Remedy: "give the profile a legacy source of layout " + Layout}
	}
	if err := c.s.Legacy.serve(p, c.conn); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.asked.serving = true
	c.mu.Unlock()
	return nothing{}, nil
}
