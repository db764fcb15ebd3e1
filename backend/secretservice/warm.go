package secretservice

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// warm remembers what the item that counts was like when it was last read, so
// that reading it again takes fewer calls. Its secret is read each time. What its
// attributes say does not change, because every write makes an item of its own;
// that another program has changed the secret in its place shows in a digest.
//
// As long as the keyring has not told of a new item, the one call for the secret
// is enough: a write that was acknowledged has removed what it replaced, so that
// the call fails; and of one that was not, the keyring tells before it lets
// anybody see the new item, in the order in which it answers. After it has told,
// a search on its way together with that call shows whether the item is still
// the only one.
type warm struct {
	mu    sync.Mutex
	key   [32]byte // of the digests; made for this process
	items map[store.Key]warmItem
}

type warmItem struct {
	peer   *peer
	seen   uint64 // of the link's news, before the item was looked for
	path   dbus.ObjectPath
	number uint64
	item   store.Item // without its value
	digest [sha256.Size]byte
}

// mostWarm bounds the memory: whoever reads more keys than that in turn gains
// little by being fast.
const mostWarm = 1024

func (w *warm) get(key store.Key, p *peer) (warmItem, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, ok := w.items[key]
	return i, ok && i.peer == p
}

func (w *warm) put(key store.Key, i warmItem, value store.Value) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.items == nil || len(w.items) >= mostWarm {
		w.items = map[store.Key]warmItem{}
		_, _ = rand.Read(w.key[:]) // never fails, see crypto/rand
	}
	i.digest = w.digest(value)
	w.items[key] = i
}

// seenAgain notes that an item was looked for anew, unless another was read since.
func (w *warm) seenAgain(key store.Key, i warmItem) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now, ok := w.items[key]; ok && now.path == i.path {
		w.items[key] = i
	}
}

func (w *warm) forget(key store.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.items, key)
}

// unchanged reports whether a value is the one that was read with the item.
func (w *warm) unchanged(i warmItem, value store.Value) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.digest(value)
	return hmac.Equal(now[:], i.digest[:])
}

func (w *warm) digest(value store.Value) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, w.key[:])
	value.View(func(b []byte) { h.Write(b) })
	h.Sum(sum[:0])
	return sum
}

// reread returns what a key holds if it is still what was read before. Only a
// provider whose paths are never used twice, and that says when an item is
// locked, is trusted with that.
func (v view) reread(ctx context.Context, key store.Key) (store.Item, bool) {
	i, ok := v.warm.get(key, v.peer)
	if !ok {
		return store.Item{}, false
	}
	secret, ok := v.alone(ctx, i)
	if !ok {
		secret, ok = v.stillAlone(ctx, key, i)
	}
	if !ok || !v.warm.unchanged(i, secret.Value) {
		v.warm.forget(key)
		return store.Item{}, false
	}
	i.item.Value = secret.Value
	i.item.Record = cloneRecord(i.item.Record)
	return i.item, true
}

// alone reads the secret of an item to which no other can have come.
func (v view) alone(ctx context.Context, i warmItem) (Secret, bool) {
	if v.peer.link.news.Load() != i.seen {
		return Secret{}, false
	}
	secret, err := v.peer.secret(ctx, i.path)
	return secret, err == nil && v.peer.link.news.Load() == i.seen
}

// stillAlone reads the secret of an item and looks whether another has come.
func (v view) stillAlone(ctx context.Context, key store.Key, i warmItem) (Secret, bool) {
	i.seen = v.peer.link.news.Load()
	var secret Secret
	var failed error
	read := make(chan struct{})
	go func() {
		secret, failed = v.peer.secret(ctx, i.path)
		close(read)
	}()
	found, err := v.peer.search(ctx, wanted(key))
	floor, floorErr := v.floor(ctx, key)
	<-read
	alone := err == nil && len(found) == 1 && found[0].Path == string(i.path) && !found[0].Locked
	if !alone || failed != nil || floorErr != nil || i.number != 0 && i.number <= floor {
		return Secret{}, false
	}
	v.warm.seenAgain(key, i)
	return secret, true
}

// remember keeps what was read for the next time. seen is the state of the news
// before it was looked for.
func (v view) remember(key store.Key, seen uint64, entries []entry, item store.Item) {
	if len(entries) != 1 || v.provider != gnome || !v.peer.link.told.Load() {
		return
	}
	e := entries[0]
	v.warm.put(key, warmItem{peer: v.peer, seen: seen, path: dbus.ObjectPath(e.item.Path), number: e.number,
		item: store.Item{Record: cloneRecord(item.Record), Revision: item.Revision}}, item.Value)
}

// cloneRecord makes a copy that a caller may change.
func cloneRecord(r store.Record) store.Record {
	r.Sources = slices.Clone(r.Sources)
	return r
}
