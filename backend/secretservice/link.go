package secretservice

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// hub keeps this process's connection to one bus, which all users of the bus
// share, so that one key agreement serves them all.
type hub struct {
	address string
	turn    turn // who connects

	users int // guarded by hubs

	mu      sync.Mutex
	current *link // nil until it is needed, and after it was retired
	ended   bool  // whether the last user has gone
}

// hubs are those in use, by address.
var hubs = struct {
	mu sync.Mutex
	by map[string]*hub
}{by: map[string]*hub{}}

// acquireHub returns the hub of an address; release gives it back.
func acquireHub(address string) *hub {
	hubs.mu.Lock()
	defer hubs.mu.Unlock()
	h := hubs.by[address]
	if h == nil {
		h = &hub{address: address, turn: newTurn()}
		hubs.by[address] = h
	}
	h.users++
	return h
}

func (h *hub) release() {
	hubs.mu.Lock()
	h.users--
	last := h.users == 0
	if last {
		delete(hubs.by, h.address)
	}
	hubs.mu.Unlock()
	if !last {
		return
	}
	h.mu.Lock()
	h.ended = true
	l := h.current
	h.mu.Unlock()
	if l != nil {
		h.retire(l)
	}
}

// link is one connection to the bus. Calls in flight hold it, so that it can be
// retired without failing the calls of others.
type link struct {
	bus     *dbus.Conn
	signals *signals

	calls   int  // guarded by the hub
	retired bool // guarded by the hub

	// news counts the items that the provider has told of as new. It is counted
	// before the answers that came after it are passed on. told says that the bus
	// was asked to pass such news on.
	news atomic.Uint64
	told atomic.Bool

	turn turn // who looks for the provider
	mu   sync.Mutex
	peer *peer // whom the name belonged to when it was last looked for
	id   string
}

// enter returns the link to make calls through; leave gives it back.
func (h *hub) enter(ctx context.Context) (*link, error) {
	if err := store.FromContext(ctx); err != nil {
		return nil, err
	}
	if l := h.join(); l != nil {
		return l, nil
	}
	if err := h.turn.take(ctx); err != nil {
		return nil, err
	}
	defer h.turn.give()
	if l := h.join(); l != nil {
		return l, nil
	}
	l, err := newLink(ctx, h.address)
	if err != nil {
		return nil, err
	}
	l.calls = 1
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		l.retired = true
	} else {
		h.current = l
	}
	return l, nil
}

// newLink connects.
func newLink(ctx context.Context, address string) (*link, error) {
	l := &link{turn: newTurn()}
	bus, err := dial(ctx, address, func(m *dbus.Message) {
		if member, _ := m.Headers[dbus.FieldMember].Value().(string); m.Type == dbus.TypeSignal && member == "ItemCreated" {
			l.news.Add(1)
		}
	})
	if err != nil {
		return nil, err
	}
	l.bus, l.signals = bus, listen(bus)
	return l, nil
}

// subscribeNews has the bus pass on what counts as news. Where that fails, items
// are looked for each time.
func (l *link) subscribeNews(ctx context.Context) {
	if l.told.Load() {
		return
	}
	const rule = "type='signal',sender='" + serviceName + "',interface='org.freedesktop.Secret.Collection',member='ItemCreated'"
	if l.broker().call(ctx, reads, busIface+"AddMatch", []any{rule}) == nil {
		l.told.Store(true)
	}
}

// join returns the current link if it is alive.
func (h *hub) join() *link {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.current; l != nil && l.bus.Connected() {
		l.calls++
		return l
	}
	return nil
}

func (h *hub) leave(l *link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.calls--
	l.closeIfDone()
}

// retire keeps new calls off a link and closes it when those in flight are done:
// a provider drops what a closed connection still waits for.
func (h *hub) retire(l *link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == l {
		h.current = nil
	}
	l.retired = true
	l.closeIfDone()
}

func (l *link) closeIfDone() {
	if l.retired && l.calls == 0 {
		go l.bus.Close() // which waits for a write that blocks
	}
}

// turn admits one goroutine at a time. It is a channel and not a mutex because
// whoever waits for it must be able to give up.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return store.FromContext(ctx)
	}
}

func (t turn) give() { <-t }
