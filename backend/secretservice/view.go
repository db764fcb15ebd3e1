package secretservice

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/internal/fence"
	"github.com/kinring/kinring/store"
)

// view is the store in one operation, at one running provider.
type view struct {
	*keyring
	peer *peer
}

// errMoved says that an item went away between being found and being read: what
// it means has to be looked for again.
var errMoved = errors.New("an item went away while it was looked at")

// moved tells an object that is gone from a key that is absent.
func moved(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errMoved
	}
	return err
}

// read returns the item that counts.
func (v view) read(ctx context.Context, key store.Key) (store.Item, error) {
	if item, ok := v.reread(ctx, key); ok {
		return item, nil
	}
	if v.provider == gnome {
		v.peer.link.subscribeNews(ctx)
	}
	seen := v.peer.link.news.Load()
	floor, err := v.floor(ctx, key)
	if err != nil {
		return store.Item{}, err
	}
	entries, err := v.entries(ctx, wanted(key))
	if err != nil {
		return store.Item{}, err
	}
	top := highest(entries, floor)
	if top == nil {
		return store.Item{}, v.absent(ctx)
	}
	if top.damage != nil {
		return store.Item{}, top.damage
	}
	secret, err := v.secret(ctx, top.item)
	if err != nil {
		return store.Item{}, moved(err)
	}
	if secret.Value.Len() == 0 && top.number != 0 && !top.empty && v.provider == kwallet {
		return store.Item{}, lostValue()
	}
	item := store.Item{Value: secret.Value, Record: top.record, Revision: top.revision}
	v.remember(key, seen, entries, item)
	return item, nil
}

// lostValue: KWallet keeps attributes at once and values some seconds later. If it
// ends in between it shows an empty value where none was written.
func lostValue() error {
	return &store.Error{Class: store.ErrCorrupt, Detail: "KWallet has lost the value: it ended before it had saved it",
		Remedy: "sign in anew, or write the value again"}
}

func (v view) secret(ctx context.Context, item Item) (Secret, error) {
	if err := v.conn.ready(ctx, v.peer, item); err != nil {
		return Secret{}, err
	}
	return v.peer.secretOf(ctx, dbus.ObjectPath(item.Path))
}

// floor returns the number at or below which an item is not there.
func (v view) floor(ctx context.Context, key store.Key) (uint64, error) {
	state, err := v.fences.Read(ctx, key)
	if err != nil || state.Floor == 0 {
		return 0, err
	}
	return v.floorOf(ctx, state)
}

func (v view) floorOf(ctx context.Context, state fence.State) (uint64, error) {
	scope, err := v.peer.link.identity(ctx)
	return state.FloorIn(scope), err
}

// entries returns all items that have the attributes, as one search found them:
// if one of them goes away before it was looked at, another has taken its place,
// and they are searched for again. Where a person may be asked, those that are
// locked are unlocked first.
func (v view) entries(ctx context.Context, attributes map[string]string) ([]entry, error) {
	return v.look(ctx, attributes, func(item Item) (Properties, error) {
		return v.peer.properties(ctx, dbus.ObjectPath(item.Path))
	})
}

// names is entries without the times, and so without the changes that other programs
// made in place. It is for many items: gnome-keyring looks through all that it has
// for each property of each of them.
func (v view) names(ctx context.Context, attributes map[string]string) ([]entry, error) {
	return v.look(ctx, attributes, func(item Item) (Properties, error) {
		shown, err := v.peer.attributes(ctx, dbus.ObjectPath(item.Path))
		return Properties{Attributes: shown, Locked: item.Locked}, err
	})
}

func (v view) look(ctx context.Context, attributes map[string]string, properties func(Item) (Properties, error)) ([]entry, error) {
	known := map[string]entry{}
	var out []entry
	err := settled(func() error {
		items, err := v.peer.search(ctx, attributes)
		if err != nil {
			return err
		}
		if locked := lockedOf(items); len(locked) > 0 && mayAsk(ctx) {
			if err := v.conn.unlock(ctx, v.peer, locked); err != nil {
				return err
			}
		}
		out, err = readEntries(items, known, properties)
		return err
	})
	return out, err
}

func lockedOf(items []Item) []string {
	var paths []string
	for _, item := range items {
		if item.Locked {
			paths = append(paths, item.Path)
		}
	}
	return paths
}

// atOnce is how many calls of one operation are on their way at the same time.
const atOnce = 32

// readEntries reads the attributes of items, except of those that are known.
func readEntries(items []Item, known map[string]entry, properties func(Item) (Properties, error)) ([]entry, error) {
	entries := make([]entry, len(items))
	errs := make([]error, len(items))
	inParallel(len(items), func(i int) {
		var there bool
		if entries[i], there = known[items[i].Path]; there {
			return
		}
		var p Properties
		if p, errs[i] = properties(items[i]); errs[i] == nil {
			entries[i], errs[i] = readEntry(items[i], p)
		}
	})
	var failed error
	for i, err := range errs {
		switch {
		case err == nil:
			known[items[i].Path] = entries[i]
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		default:
			failed = errMoved
		}
	}
	return entries, failed
}

// absent returns what finding nothing means: ErrNotFound if all there is was
// looked at. A locked keyring may hide what is in it; once a person has unlocked
// it, that is errMoved.
func (v view) absent(ctx context.Context) error {
	collection, err := v.peer.defaultCollection(ctx)
	if err != nil {
		return err
	}
	all := []dbus.ObjectPath{collection}
	if v.provider != gnome { // which finds what is locked too
		others, err := v.peer.collections(ctx)
		if err != nil {
			return err
		}
		all = append(all, others...)
	}
	for _, c := range all {
		switch is, err := v.peer.isLocked(ctx, c); {
		case err != nil:
			return err
		case is && !mayAsk(ctx):
			return hiding(c)
		case is:
			return cmp.Or(v.conn.unlock(ctx, v.peer, []string{string(c)}), errMoved)
		}
	}
	return &store.Error{Class: store.ErrNotFound}
}

// write makes the item of a write, and removes what it replaces.
func (v view) write(ctx context.Context, f *fence.Fence, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	var entries []entry
	var top *entry
	err := settled(func() (err error) {
		entries, top, err = v.judge(ctx, f, key, cond)
		return err
	})
	if err != nil {
		return "", err
	}
	collection, err := v.peer.defaultCollection(ctx)
	if err != nil {
		return "", err
	}
	number, err := f.Reserve(seen(entries))
	if err != nil {
		return "", err
	}
	made, err := newEntry(key, item, number, top)
	if err != nil {
		return "", err
	}
	if v.provider == kwallet {
		// Its items are named by their labels. Of two with one label, one of them
		// damaged, it removes both when the other is swept.
		made.Label += " #" + strconv.FormatUint(number, 10)
	}
	path, err := v.conn.create(ctx, v.peer, collection, made)
	if err != nil {
		return "", err
	}
	mine, err := readEntry(Item{Path: string(path)}, Properties{Attributes: made.Attributes})
	if err != nil {
		return "", err
	}
	v.sweep(ctx, f, mine, entries)
	return mine.revision, nil
}

// judge returns the items of a key and the one that counts, if the condition
// holds.
func (v view) judge(ctx context.Context, f *fence.Fence, key store.Key, cond store.Condition) ([]entry, *entry, error) {
	floor, err := v.floorOf(ctx, f.State)
	if err != nil {
		return nil, nil, err
	}
	entries, err := v.entries(ctx, wanted(key))
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if e.item.Locked {
			return nil, nil, locked(nil) // KWallet would remove it without being unlocked
		}
	}
	top := highest(entries, floor)
	var revision store.Revision
	if top != nil {
		revision = top.revision
	}
	if !cond.Holds(top != nil, revision) {
		return nil, nil, conflict(cond)
	}
	if top == nil && cond.IsAbsent() && v.provider != gnome { // see absent
		if err := v.absent(ctx); !errors.Is(err, store.ErrNotFound) {
			return nil, nil, err
		}
	}
	return entries, top, nil
}

// seen returns the highest number of the entries.
func seen(entries []entry) uint64 {
	var n uint64
	for _, e := range entries {
		n = max(n, e.number)
	}
	return n
}

// sweep removes what is lower than the entry that was just made. What cannot be
// removed does not count any more, and the next write tries again.
func (v view) sweep(ctx context.Context, f *fence.Fence, mine entry, entries []entry) {
	floor, err := v.floorOf(ctx, f.State)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.compare(mine) < 0 || e.deleted(floor) {
			_ = v.conn.remove(ctx, v.peer, dbus.ObjectPath(e.item.Path))
		}
	}
}

// delete removes all items of a key, the one that counts last, and then notes
// that whatever of them still arrives is not there.
func (v view) delete(ctx context.Context, f *fence.Fence, key store.Key, cond store.Condition) error {
	entries, top, err := v.judge(ctx, f, key, cond)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, entry.compare)
	for _, e := range entries {
		err := v.conn.remove(ctx, v.peer, dbus.ObjectPath(e.item.Path))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if top == nil {
		return v.absent(ctx)
	}
	scope, err := v.peer.link.identity(ctx)
	if err == nil {
		_, err = f.ReserveDeletion(seen(entries), scope)
	}
	if err != nil {
		return &store.Error{Class: store.ErrOutcomeUnknown, Err: err, Detail: "a write that is still on its way may undo the deletion",
			Remedy: "delete it again"}
	}
	return nil
}

// list returns one entry a key. Those that can be named are named, whatever the
// error.
func (v view) list(ctx context.Context, service string) ([]store.Entry, error) {
	attributes := map[string]string{attrItem: itemMark}
	if service != "" {
		attributes[attrService] = service
	}
	entries, err := v.names(silent(ctx), attributes)
	if err != nil {
		return nil, err
	}
	byKey := map[store.Key][]entry{}
	for _, e := range entries {
		byKey[e.key] = append(byKey[e.key], e)
	}
	var out []store.Entry
	var failed error
	for key, entries := range byKey {
		floor, err := v.floor(ctx, key)
		if err != nil {
			return nil, err
		}
		switch top := highest(entries, floor); {
		case top == nil:
		case top.damage != nil:
			failed = store.At(top.damage, "list", Kind, key)
		default:
			out = append(out, store.Entry{Key: key, Record: top.record, Revision: top.revision})
		}
	}
	if failed != nil || len(out) > 0 && v.provider == gnome { // see absent
		return out, failed
	}
	if err := v.absent(silent(ctx)); !errors.Is(err, store.ErrNotFound) {
		return out, err
	}
	return out, nil
}
