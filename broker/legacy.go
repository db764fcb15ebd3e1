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
	frame, err := wire.Request(json.RawMessage(id), method, params)
	if err != nil {
		return err
	}
	go c.send(frame) // it may take nothing for a while; who is hung up on has gone
	select {
	case m := <-answer:
		defer clear(m.Result)
		return take(m, into)
	case <-c.waiting.Done():
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Detail: "the client that serves this source is gone"}
	case <-ctx.Done():
		go c.notify(wire.NoteCancel, wire.Cancel{ID: json.RawMessage(id)}) // nor for this
		return store.FromContext(ctx)
	}
}

// take decodes a client's answer. The text of an error of no class may quote a
// value.
func take(m wire.Message, into any) error {
	if m.Err == nil {
		if wire.Unmarshal(m.Result, into) != nil {
			return &store.Error{Class: store.ErrCorrupt, Detail: "the client that serves this source answered in the wrong shape"}
		}
		return nil
	}
	err := m.Err.Unwire()
	if store.ClassOf(err) == nil {
		return &store.Error{Class: store.ErrUnavailable, Detail: "the client that serves this source cannot read it"}
	}
	return err
}

// answered takes a client's answer. One that nobody waits for any more is dropped.
func (c *conn) answered(m wire.Message) {
	c.mu.Lock()
	answer := c.asked.waiting[string(m.ID)]
	delete(c.asked.waiting, string(m.ID))
	c.mu.Unlock()
	if answer == nil {
		clear(m.Result) // it may hold a value
		return
	}
	answer <- m
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
