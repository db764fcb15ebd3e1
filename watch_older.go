package kinring

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// olderWatch follows one key in the older builds' stores that can tell without
// the value being read.
type olderWatch struct {
	ring    *Ring
	key     store.Key
	sources []coexist.Source
	noted   map[string]string // stamps by source
	tick    <-chan time.Time  // nil if there is nothing to follow
}

func (r *Ring) watchOlder(key store.Key) (*olderWatch, func()) {
	w := &olderWatch{ring: r, key: key}
	for _, s := range r.sources {
		if s.Stamp != nil && s.Serves(key) {
			w.sources = append(w.sources, s)
		}
	}
	if len(w.sources) == 0 {
		return w, func() {}
	}
	tick := time.NewTicker(WatchInterval)
	w.tick = tick.C
	return w, tick.Stop
}

// glance looks how the key stands now, after an event that was the last. A key
// that is not shared is looked for in the legacy sources, when one of them moved.
func (w *olderWatch) glance(ctx context.Context, last Event) Event {
	first := w.noted == nil
	moved := w.moved(ctx)
	now := Event{Err: ErrAbsentByDesign}
	if !w.ring.traits(w.key).LegacyOnly {
		now = w.ring.glance(ctx, w.key)
	}
	if errors.Is(now.Err, ErrAbsentByDesign) {
		now = Event{Key: w.key, Present: last.Present}
		if first || len(moved) > 0 {
			now.Present, now.Err = w.present(ctx)
		}
	}
	if !first {
		now.Sources = moved
	}
	return now
}

// moved returns the sources whose stamps are other ones than those that are
// noted, and notes them. One that cannot tell now is asked again.
func (w *olderWatch) moved(ctx context.Context) (moved []string) {
	ctx, cancel := w.ring.glancing(silently(ctx))
	defer cancel()
	if w.noted == nil {
		w.noted = map[string]string{}
	}
	for _, s := range w.sources {
		if w.ring.InMemory(ctx) {
			continue
		}
		if stamp, err := s.Stamp(ctx, w.key); err == nil && stamp != w.noted[s.Name] {
			w.noted[s.Name] = stamp
			moved = append(moved, s.Name)
		}
	}
	return moved
}

// present reports whether a legacy source holds the key, without reading it.
func (w *olderWatch) present(ctx context.Context) (bool, error) {
	ctx, cancel := w.ring.glancing(silently(ctx))
	defer cancel()
	var errs []error
	for _, s := range w.ring.sources {
		if !s.Serves(w.key) {
			continue
		}
		entries, err := s.Store.List(ctx, w.key.Service)
		if slices.ContainsFunc(entries, func(e store.Entry) bool { return e.Key == w.key }) {
			return true, nil
		}
		errs = append(errs, err)
	}
	return false, errors.Join(errs...)
}
