package secretservice

import (
	"context"
	"errors"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// reconnect is the pause before a bus that went away is looked for again.
const reconnect = time.Second

// backlog is how many signals may wait for a watcher that is looking at one. If
// more come, any key may have changed.
const backlog = 1024

// Watch tells of changes by the keyring's own signals, on a connection of its
// own. gnome-keyring sends none for a value that another program changes in its
// place: only new items and removals, which is how kinring writes, are told.
func (s *keyring) Watch(ctx context.Context, changed func(store.Key)) error {
	if s.conn.closed.Load() {
		return store.At(closed(), "watch", Kind, store.Key{})
	}
	for ctx.Err() == nil {
		if err := s.watchOnce(ctx, changed); err != nil && !errors.Is(err, store.ErrUnavailable) {
			return store.At(err, "watch", Kind, store.Key{})
		}
		if pause(ctx, reconnect) {
			changed(store.Key{}) // nobody knows what happened meanwhile
		}
	}
	return nil
}

// pause reports whether the context is alive after it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// watchOnce watches until the connection ends.
func (s *keyring) watchOnce(ctx context.Context, changed func(store.Key)) error {
	l, err := newLink(ctx, s.conn.hub.address)
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	defer l.bus.Close()
	w := watcher{s, l, changed, nil}
	got := l.signals.subscribe(backlog, isChange)
	for _, rule := range []string{
		"type='signal',sender='" + serviceName + "',interface='org.freedesktop.Secret.Collection'",
		"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" + serviceName + "'",
	} {
		if err := l.broker().call(ctx, reads, busIface+"AddMatch", []any{rule}); err != nil {
			return ignoreEnd(ctx, err)
		}
	}
	w.load(ctx)
	changed(store.Key{})
	for {
		select {
		case signal := <-got.out:
			if signal == nil {
				return nil
			}
			if got.lost.Swap(false) {
				w.load(ctx)
				changed(store.Key{})
			}
			w.told(ctx, signal)
		case <-ctx.Done():
			return nil
		}
	}
}

// ignoreEnd: that the context ended is how watching ends.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func isChange(s *dbus.Signal) bool {
	switch s.Name {
	case collectionIface + "ItemCreated", collectionIface + "ItemChanged", collectionIface + "ItemDeleted":
		return len(s.Body) == 1
	case busIface + "NameOwnerChanged":
		return len(s.Body) == 3 && s.Body[0] == serviceName
	}
	return false
}

// watcher knows which key each item belongs to, because a removal names only the
// item.
type watcher struct {
	store   *keyring
	link    *link
	changed func(store.Key)
	keys    map[dbus.ObjectPath]store.Key
}

// load looks at all items that there are. If they cannot be seen, the watcher
// knows none of them: then every removal may concern any key.
func (w *watcher) load(ctx context.Context) {
	w.keys = nil
	p, err := w.link.provider(ctx)
	if err != nil {
		return
	}
	entries, err := view{w.store, p}.names(silent(ctx), map[string]string{attrItem: itemMark})
	if err != nil {
		return
	}
	w.keys = map[dbus.ObjectPath]store.Key{}
	for _, e := range entries {
		w.keys[dbus.ObjectPath(e.item.Path)] = e.key
	}
}

func silent(ctx context.Context) context.Context { return store.WithInteraction(ctx, store.Never) }

func (w *watcher) told(ctx context.Context, s *dbus.Signal) {
	if s.Name == busIface+"NameOwnerChanged" {
		w.link.mu.Lock()
		w.link.peer = nil
		w.link.mu.Unlock()
		w.load(ctx)
		w.changed(store.Key{})
		return
	}
	path, _ := s.Body[0].(dbus.ObjectPath)
	if s.Name == collectionIface+"ItemDeleted" {
		w.deleted(path)
		return
	}
	w.written(ctx, path)
}

// deleted tells of a removal. An item that is not known was none of ours, or was
// never seen.
func (w *watcher) deleted(path dbus.ObjectPath) {
	key, known := w.keys[path]
	if known || w.keys == nil {
		w.changed(key)
	}
	delete(w.keys, path)
}

func (w *watcher) written(ctx context.Context, path dbus.ObjectPath) {
	p, err := w.link.provider(ctx)
	if err != nil {
		return // its coming is told
	}
	properties, err := p.properties(ctx, path)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) { // its removal is told
			w.changed(store.Key{})
		}
		return
	}
	if _, ours := properties.Attributes[attrItem]; !ours && !properties.Locked {
		return
	}
	e, err := readEntry(Item{Path: string(path)}, properties)
	if err != nil {
		w.changed(store.Key{})
		return
	}
	if w.keys != nil {
		w.keys[path] = e.key
	}
	w.changed(e.key)
}
