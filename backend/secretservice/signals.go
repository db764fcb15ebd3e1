package secretservice

import (
	"sync"
	"sync/atomic"

	"github.com/godbus/dbus/v5"
)

// signals hands each signal of a connection to those who wait for it.
type signals struct {
	mu        sync.Mutex
	listeners map[*listener]struct{}
	closed    bool
}

// listener gets the signals that it wants, in the order in which the bus sent
// them. Its channel is closed when the connection is.
type listener struct {
	wants func(*dbus.Signal) bool
	out   chan *dbus.Signal
	lost  atomic.Bool // whether some were dropped
}

// listen passes on a connection's signals until it is closed.
func listen(bus *dbus.Conn) *signals {
	s := &signals{listeners: map[*listener]struct{}{}}
	in := make(chan *dbus.Signal, 64)
	bus.Signal(in)
	go func() {
		for signal := range in {
			s.deliver(signal)
		}
		s.close()
	}()
	return s
}

func (s *signals) deliver(signal *dbus.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		if !l.wants(signal) {
			continue
		}
		select {
		case l.out <- signal:
		default:
			l.lost.Store(true)
		}
	}
}

func (s *signals) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for l := range s.listeners {
		close(l.out)
	}
	clear(s.listeners)
}

// subscribe registers a listener that keeps up to buffer signals; if there are
// more, it is noted that some were lost.
func (s *signals) subscribe(buffer int, wants func(*dbus.Signal) bool) *listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &listener{wants: wants, out: make(chan *dbus.Signal, buffer)}
	if s.closed {
		close(l.out)
		return l
	}
	s.listeners[l] = struct{}{}
	return l
}

func (s *signals) unsubscribe(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}
