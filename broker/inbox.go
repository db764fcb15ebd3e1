package broker

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/kinring/kinring/broker/wire"
)

// inbox reads frames. Its buffer grows with what has arrived and not with what a
// header announces.
type inbox struct {
	c      *conn
	opened time.Time

	buf        []byte
	start, end int
	large      int64     // of the budget for large frames
	since      time.Time // when the frame that is not complete began; zero if there is none
	armed      time.Time // the read deadline
	busy       bool      // the client had or waited for something when reading began
}

// usual is the size of buffer that a connection keeps.
const usual = 4 << 10

// largeFrame is the size of buffer beyond which it is taken from the budget.
const largeFrame = 64 << 10

// next returns the next message, or what its sender has to be told.
func (in *inbox) next() (wire.Message, *wire.Error, error) {
	for {
		limit := wire.MaxFrame
		if !in.c.greeted.Load() {
			limit = largeFrame // strangers have little to say
		}
		body, size, err := wire.Split(in.buf[in.start:in.end], limit)
		if err != nil {
			return wire.Message{}, nil, err
		}
		if body != nil {
			m, refusal := wire.Decode(body)
			clear(body) // it may hold a value
			in.take(size)
			return m, refusal, nil
		}
		if err := in.fill(size); err != nil {
			return wire.Message{}, nil, err
		}
	}
}

// take takes a frame out of the buffer, and gives room back that is not needed
// any more.
func (in *inbox) take(size int) {
	in.start += size
	in.since = time.Time{}
	if in.start < in.end {
		in.since = time.Now()
		return
	}
	in.start, in.end = 0, 0
	if len(in.buf) > largeFrame {
		in.buf = nil
	}
	in.giveBack()
}

// giveBack returns what was taken from the budget for large frames.
func (in *inbox) giveBack() {
	if in.large > 0 {
		in.c.s.large.give(in.large)
		in.large = 0
	}
}

// close ends the reading, also in the middle of a frame.
func (in *inbox) close() {
	clear(in.buf) // it may hold a part of a value
	in.giveBack()
}

// fill reads more of a frame that will take size bytes, or 0 if that is not known.
func (in *inbox) fill(size int) error {
	if in.start > 0 {
		moved := copy(in.buf, in.buf[in.start:in.end])
		clear(in.buf[moved:in.end]) // it may hold a value
		in.start, in.end = 0, moved
	}
	if in.end == len(in.buf) || size > len(in.buf) && len(in.buf) < usual {
		if err := in.grow(size); err != nil {
			return err
		}
	}
	if err := in.arm(); err != nil {
		return err
	}
	n, err := in.c.nc.Read(in.buf[in.end:])
	if n > 0 && in.end == 0 {
		in.since = time.Now()
	}
	in.end += n
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) && in.mayBeSilent() {
		return nil
	}
	return err
}

// mayBeSilent reports whether a client from which nothing came in time is waited
// for again. One that was busy meanwhile is silent since then only.
func (in *inbox) mayBeSilent() bool {
	if !in.c.greeted.Load() || !in.since.IsZero() || in.c.isDraining() || !in.busy && !in.c.busy() {
		return false
	}
	in.armed = time.Time{} // it is over
	return true
}

// grow doubles the buffer, up to what the frame takes.
func (in *inbox) grow(size int) error {
	room := max(usual, 2*len(in.buf))
	if size > 0 {
		room = min(room, max(size, usual))
	}
	if room > largeFrame {
		more := int64(room) - in.large
		ctx, cancel := context.WithTimeout(in.c.ctx, in.c.s.Limits.Frame)
		defer cancel()
		if !in.c.s.large.take(ctx, more) {
			return errNoRoom
		}
		in.large = int64(room)
	}
	old := in.buf
	in.buf = make([]byte, room)
	copy(in.buf, old[:in.end])
	clear(old)
	return nil
}

type noRoom struct{}

func (noRoom) Error() string   { return "there is no room for another large frame" }
func (noRoom) Timeout() bool   { return true }
func (noRoom) Temporary() bool { return true }

var errNoRoom net.Error = noRoom{}

// arm sets the read deadline for what is being waited for.
func (in *inbox) arm() error {
	in.busy = in.c.busy()
	due := in.due()
	if due.Sub(in.armed).Abs() < rearm {
		return nil
	}
	in.armed = due
	if err := in.c.nc.SetReadDeadline(due); err != nil {
		return err
	}
	if in.c.isDraining() { // it set a deadline of its own, which has to stand
		return in.c.nc.SetReadDeadline(time.Unix(1, 0))
	}
	return nil
}

// due returns until when something has to arrive.
func (in *inbox) due() time.Time {
	l := in.c.s.Limits
	switch {
	case !in.c.greeted.Load():
		return in.opened.Add(l.Hello)
	case !in.since.IsZero():
		return in.since.Add(l.Frame)
	}
	return time.Now().Add(l.Idle)
}

// overdue says what did not arrive in time.
func (in *inbox) overdue() string {
	switch {
	case !in.c.greeted.Load():
		return "there was no hello in time"
	case !in.since.IsZero():
		return "the frame was not completed in time"
	}
	return "there was no request for a long time"
}
