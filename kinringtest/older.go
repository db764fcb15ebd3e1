package kinringtest

import (
	"errors"
	"runtime"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
)

// Older is an older build: it knows one store of its own and nothing of kinring.
type Older struct {
	t      TB
	ring   *kinring.Ring
	driver *driver
	source string // empty: the first that can hold a key
}

// OlderBuild returns an older build of the family of a ring that New returned.
// It reads and writes the first legacy source that can hold a key.
func OlderBuild(t TB, ring *kinring.Ring) *Older {
	t.Helper()
	return &Older{t: t, ring: ring, driver: driverOf(t, ring)}
}

// In returns an older build that uses the legacy source of this name.
func (o *Older) In(source string) *Older {
	other := *o
	other.source = source
	return &other
}

// Get returns the value that the older build has, and whether it has one.
func (o *Older) Get(name string) (value []byte, found bool) {
	o.t.Helper()
	own, key := o.open(name)
	item, err := own.Get(o.t.Context(), key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false
	}
	o.must("get", err)
	return item.Value.Bytes(), true
}

// Set writes as an older build does when somebody signs in: over whatever is
// there.
func (o *Older) Set(name string, value []byte) {
	o.t.Helper()
	own, key := o.open(name)
	_, err := own.Put(o.t.Context(), key, store.Item{Value: store.NewValue(value)}, store.Any())
	o.must("set", err)
}

// Delete removes as an older build does when somebody signs out. Nothing there
// is no failure.
func (o *Older) Delete(name string) {
	o.t.Helper()
	own, key := o.open(name)
	if err := own.Delete(o.t.Context(), key, store.Any()); !errors.Is(err, store.ErrNotFound) {
		o.must("delete", err)
	}
}

func (o *Older) must(op string, err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatalf("kinringtest: older build: %s: %v", op, err)
	}
}

// open returns the older build's own store, and the key that a name stands for
// in the profile.
func (o *Older) open(name string) (store.Store, store.Key) {
	o.t.Helper()
	key, err := o.ring.Family().Key(name)
	o.must("name", err)
	for i, l := range o.driver.profile.Legacy {
		if (o.source == "" || o.source == l.SourceName()) && l.On(runtime.GOOS) && o.ring.Family().Serves(l, key) {
			return newFolder(l.SourceName(), o.driver.folder(i)), key
		}
	}
	o.t.Fatalf("kinringtest: no legacy source %s of the profile holds %s", o.source, name)
	return nil, key
}
