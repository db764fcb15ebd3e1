package coexist_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

const service = "Example Auth"

var key = store.Key{Service: service, Account: "cli|0123"}

// direct is a queue for tests that run one operation at a time.
type direct struct{}

func (direct) Do(ctx context.Context, _ store.Key, op func(context.Context) error) error {
	return op(ctx)
}

// notes remembers stamps, as one process does.
type notes map[[3]string]string

func (n notes) Noted(k store.Key, source string) string {
	return n[[3]string{k.Service, k.Account, source}]
}

func (n notes) Note(k store.Key, source, stamp string) {
	n[[3]string{k.Service, k.Account, source}] = stamp
}

// world is a family on one machine: the stores, and what engines told.
type world struct {
	t       testing.TB
	config  coexist.Config
	shared  *storetest.Faults
	inner   *memory.Store
	legacy  []*storetest.Faults
	notices []coexist.Notice
}

// capable declares other capabilities than its store has.
type capable struct {
	store.Store
	caps store.Capabilities
}

func (c capable) Info() store.Info {
	info := c.Store.Info()
	info.Capabilities = c.caps
	return info
}

// newWorld makes a family with a preset's policy and legacy sources named a, b,
// c … in reading order.
func newWorld(t testing.TB, preset string, sources int) *world {
	t.Helper()
	policy, err := coexist.Preset(preset, true)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, inner: memory.New()}
	w.shared = storetest.NewFaults(w.inner)
	for i := range sources {
		f := storetest.NewFaults(memory.New())
		w.legacy = append(w.legacy, f)
		w.config.Sources = append(w.config.Sources, coexist.Source{Name: string(rune('a' + i)), Store: f})
	}
	w.config.Shared, w.config.Policy, w.config.Queue = w.shared, policy, direct{}
	w.config.Services = []string{service}
	w.config.Random = func(b []byte) error { copy(b, bytes.Repeat([]byte{7}, len(b))); return nil }
	w.config.Notify = func(n coexist.Notice) { w.notices = append(w.notices, n) }
	return w
}

// process returns the engine of a program that has just started.
func (w *world) process() *coexist.Engine {
	w.t.Helper()
	e, err := coexist.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// olderSet writes as an older build does: straight into one legacy source.
func (w *world) olderSet(i int, value string) {
	w.t.Helper()
	_, err := w.legacy[i].Put(w.t.Context(), key, store.Item{Value: store.NewValue([]byte(value))}, store.Any())
	if err != nil {
		w.t.Fatal(err)
	}
	w.reset()
}

func (w *world) olderDelete(i int) {
	w.t.Helper()
	if err := w.legacy[i].Delete(w.t.Context(), key, store.Any()); err != nil {
		w.t.Fatal(err)
	}
	w.reset()
}

func (w *world) set(value string) {
	w.t.Helper()
	if _, err := w.process().Set(w.t.Context(), key, store.NewValue([]byte(value))); err != nil {
		w.t.Fatal(err)
	}
	w.reset()
}

// get reads in a new process and returns the value, or the class in brackets.
func (w *world) get() string {
	w.t.Helper()
	r, err := w.process().Get(w.t.Context(), key)
	return said(r, err)
}

func (w *world) delete() {
	w.t.Helper()
	if _, err := w.process().Delete(w.t.Context(), key); err != nil {
		w.t.Fatal(err)
	}
	w.reset()
}

// reset forgets faults, counts and notices.
func (w *world) reset() {
	for _, f := range append([]*storetest.Faults{w.shared}, w.legacy...) {
		f.Reset()
	}
	w.notices = nil
}

func (w *world) told(kind coexist.NoticeKind) bool {
	for _, n := range w.notices {
		if n.Kind == kind {
			return true
		}
	}
	return false
}

// said prints an answer of Get: the value, or the class of the error in
// brackets.
func said(r coexist.Reading, err error) string {
	if err != nil {
		return class(err)
	}
	return string(r.Value.Bytes())
}

func class(err error) string {
	if c := store.ClassOf(err); c != nil {
		return "[" + c.Name() + "]"
	}
	return "[no class]"
}

// holds prints what a store holds under the key: the value, "marker" or "-".
func (w *world) holds(s store.Store) string {
	w.t.Helper()
	item, err := s.Get(context.Background(), key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "-"
	case err != nil:
		w.t.Fatal(err)
	case item.Record.Kind == store.KindMarker && item.Value.Len() == 0:
		return "marker"
	}
	return string(item.Value.Bytes())
}

// legacyHolds prints what all legacy sources hold, past the faults.
func (w *world) legacyHolds() (all []string) {
	for _, f := range w.legacy {
		f.Reset()
		all = append(all, w.holds(f))
		f.Reset()
	}
	return all
}

// legacyWrites counts the calls that could change a legacy source.
func (w *world) legacyWrites() (n int) {
	for _, f := range w.legacy {
		n += f.Count(storetest.VerbPut) + f.Count(storetest.VerbDelete)
	}
	return n
}

func (w *world) expect(what, got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
