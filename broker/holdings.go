package broker

import (
	"strconv"

	"github.com/kinring/kinring/broker/wire"
)

// holding is something that a client has until it gives it back, or is gone.
type holding interface{ release() }

// holdings are a connection's, by the names that the client was given.
type holdings struct {
	held   map[string]holding
	issued int
	over   bool // the client is gone
}

// hold makes something the client's, unless it has as many of this kind as it may,
// or is gone.
func (c *conn) hold(h holding, most int) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	same := 0
	for _, other := range c.held {
		if kindOf(other) == kindOf(h) {
			same++
		}
	}
	switch {
	case c.over:
		return "", wire.Refuse(wire.CodeBusy, "the connection has ended", "connect again")
	case same >= most:
		return "", wire.Refuse(wire.CodeBusy, "this connection has as many of these as it may", "give some back")
	case c.held == nil:
		c.held = map[string]holding{}
	}
	c.issued++
	id := strconv.Itoa(c.issued)
	c.held[id] = h
	return id, nil
}

func kindOf(h holding) string {
	switch h.(type) {
	case watching:
		return "watch"
	case *leased:
		return "lease"
	}
	return "update"
}

// errNoHolding is what who names something is told that is not there, or not there
// any more.
var errNoHolding error = wire.Refuse(wire.CodeInvalidParams, "there is nothing of this name in this connection", "it may have ended")

// held returns what the client has under a name.
func held[T holding](c *conn, id string) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return find[T](c, id)
}

// drop is held that takes it away.
func drop[T holding](c *conn, id string) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, err := find[T](c, id)
	if err == nil {
		delete(c.held, id)
	}
	return h, err
}

// find is held for who has the connection's lock.
func find[T holding](c *conn, id string) (T, error) {
	h, ok := c.held[id].(T)
	if !ok {
		return h, errNoHolding
	}
	return h, nil
}

// busy reports whether the client has or waits for something, so that it may be
// silent for as long as it likes.
func (c *conn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held) > 0 || len(c.calls) > 0 || c.asked.serving
}

// releaseHoldings takes everything from a client that is gone, and keeps it from
// getting more.
func (c *conn) releaseHoldings() {
	c.mu.Lock()
	all := c.held
	c.held, c.over = nil, true
	c.mu.Unlock()
	for _, h := range all {
		h.release()
	}
}
