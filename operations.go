package kinring

import (
	"context"
	"errors"
	"os"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// Value is a secret with where it comes from. It shows itself as [redacted] and
// refuses to be marshalled; Bytes returns the secret.
type Value struct {
	store.Value
	Provenance Provenance
	// Source names the legacy source that the value was read from, if it was.
	Source string
	// Revision names the write that made the shared value.
	Revision Revision
	// Generation counts the writes of the key; 0 is a value copied from an older
	// build.
	Generation uint64
}

// Get returns the value of a key, given by a name of the profile: an alias,
// SERVICE/ACCOUNT, or an account. It returns ErrNotFound only if every store
// that could hold the key was read and none does.
func (r *Ring) Get(ctx context.Context, name string) (Value, error) {
	key, err := r.family.Key(name)
	if err != nil {
		return Value{}, store.At(err, "get", "", store.Key{})
	}
	return r.GetKey(ctx, key)
}

// GetKey is Get for a key that is given by service and account.
func (r *Ring) GetKey(ctx context.Context, key store.Key) (Value, error) {
	if v, ok := r.fromEnv(key); ok {
		return v, nil
	}
	ctx, cancel := r.budgeted(ctx)
	defer cancel()
	reading, err := r.get(ctx, key)
	if err != nil {
		return Value{}, err
	}
	return valueOf(reading), nil
}

// fromEnv returns the value that the environment overrides a key with.
func (r *Ring) fromEnv(key store.Key) (Value, bool) {
	_, k := r.family.Describe(key)
	if k.Env == "" {
		return Value{}, false
	}
	v := os.Getenv(k.Env)
	return Value{Value: store.NewValue([]byte(v)), Provenance: FromEnv}, v != ""
}

// Set writes a value to the shared store. Older builds keep the value that they
// have.
func (r *Ring) Set(ctx context.Context, name string, value []byte) (Revision, error) {
	key, err := r.family.Key(name)
	if err != nil {
		return "", store.At(err, "set", "", store.Key{})
	}
	return r.SetKey(ctx, key, value)
}

// SetKey is Set for a key that is given by service and account.
func (r *Ring) SetKey(ctx context.Context, key store.Key, value []byte) (Revision, error) {
	ctx, cancel := r.budgeted(ctx)
	defer cancel()
	w, err := r.at(ctx).Set(ctx, key, store.NewValue(value))
	r.keptInMemory(ctx, key, err)
	r.changes.tell(key)
	return w.Revision, err
}

// Delete removes a key from the shared store and from the older builds'. It
// reports whether there was a value. It does not revoke anything at a server.
// ErrPartial says that something is left; calling Delete again finishes it.
func (r *Ring) Delete(ctx context.Context, name string) (existed bool, err error) {
	key, err := r.family.Key(name)
	if err != nil {
		return false, store.At(err, "delete", "", store.Key{})
	}
	return r.DeleteKey(ctx, key)
}

// DeleteKey is Delete for a key that is given by service and account.
func (r *Ring) DeleteKey(ctx context.Context, key store.Key) (existed bool, err error) {
	ctx, cancel := r.budgeted(ctx)
	defer cancel()
	if err := r.ready(ctx, key); err != nil {
		return false, store.At(err, "delete", "", key)
	}
	existed, err = r.at(ctx).Delete(ctx, key)
	r.changes.tell(key)
	return existed, err
}

// ready opens the shared store, and sees that it is not locked. A ring that
// cannot open it, say because of a wrong passphrase, must not begin to delete
// from legacy what it then cannot mark as deleted. One that is out of reach or
// absent by design has an answer of its own in the engine; a key that is not shared
// has no marker.
func (r *Ring) ready(ctx context.Context, key store.Key) error {
	if r.traits(key).LegacyOnly {
		return nil
	}
	opened, err := r.shared.open(ctx)
	if beyond(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if !opened.Info().Capabilities.Unlocks {
		return nil // opening it was unlocking it
	}
	if _, err := opened.Get(ctx, key); errors.Is(err, ErrLocked) {
		return err
	}
	return nil
}

// beyond reports whether there is no shared store for this program at all, which
// the engine has rules for.
func beyond(err error) bool {
	return errors.Is(err, ErrOutOfReach) || errors.Is(err, ErrAbsentByDesign)
}

// ListedKey is one key of a list.
type ListedKey struct {
	Name string // what Get accepts
	coexist.Listed
}

// Listing is the answer of List, sorted by service and account.
type Listing struct {
	Keys       []ListedKey
	Incomplete []coexist.Unlisted
}

// List names the family's keys without reading a value. If a store could not be
// listed the error is ErrPartial and the listing holds what the others named.
func (r *Ring) List(ctx context.Context) (Listing, error) {
	ctx, cancel := r.forAll(ctx)
	defer cancel()
	l, err := r.list(ctx, (*coexist.Engine).List)
	out := Listing{Incomplete: l.Incomplete}
	for _, k := range l.Keys {
		out.Keys = append(out.Keys, ListedKey{r.family.KeyName(k.Key), k})
	}
	return out, err
}

// Status compares the stores key by key: the named keys, or all. It writes
// nothing, and what it could not read is unknown.
func (r *Ring) Status(ctx context.Context, names ...string) (Status, error) {
	var keys []store.Key
	for _, name := range names {
		key, err := r.family.Key(name)
		if err != nil {
			return Status{}, store.At(err, "status", "", store.Key{})
		}
		keys = append(keys, key)
	}
	return r.StatusOf(ctx, keys...)
}

// Status says how a family stands.
type Status struct {
	Family string
	Policy coexist.Policy
	Store  StoreStatus
	// Migration is how far the last migration came; nil if there was none or it
	// cannot be told.
	Migration *Progress
	Keys      []NamedStatus
	// Incomplete lists the stores whose keys could not be named.
	Incomplete []coexist.Unlisted
}

// NamedStatus is the status of one key with the name that Get accepts.
type NamedStatus struct {
	Name string
	KeyStatus
}

// StoreStatus says which shared store is in use and whether it can be.
type StoreStatus struct {
	Kind string
	ID   string // empty if it could not be opened
	Err  error  // why it could not be opened
	// Recorded is the kind of store that the family is recorded to use; empty if
	// none is.
	Recorded string
	// StandIn is the kind of the development store that stands in for it; empty if
	// none does.
	StandIn string
}

// StatusOf is Status for keys that are given by service and account.
func (r *Ring) StatusOf(ctx context.Context, keys ...store.Key) (Status, error) {
	return r.statusOf(silently(ctx), false, keys)
}

// StatusAsking is StatusOf that also reads what may not be read without asking a
// person, who is asked as for any other operation.
func (r *Ring) StatusAsking(ctx context.Context, keys ...store.Key) (Status, error) {
	return r.statusOf(ctx, true, keys)
}

func (r *Ring) statusOf(ctx context.Context, asking bool, keys []store.Key) (Status, error) {
	limit := r.budgeted
	if len(keys) == 0 {
		limit = r.forAll
	}
	ctx, cancel := limit(ctx)
	defer cancel()
	st := Status{Family: r.family.Name, Policy: r.policy, Store: r.storeStatus(ctx)}
	if len(keys) == 0 {
		l, _ := r.list(ctx, (*coexist.Engine).Names) // what could not be named is in the listing
		st.Incomplete = l.Incomplete
		keys = keysOf(l)
	}
	found, err := r.inParts(ctx, asking, keys)
	if err != nil {
		return st, err
	}
	if p, ran, err := r.engine.Migrated(ctx); err == nil && ran {
		st.Migration = &p
	}
	for _, k := range found {
		st.Keys = append(st.Keys, NamedStatus{r.family.KeyName(k.Key), k})
	}
	return st, nil
}

func (r *Ring) storeStatus(ctx context.Context) StoreStatus {
	st := StoreStatus{Kind: r.shared.kind()}
	opened, err := r.shared.open(ctx)
	if err == nil {
		st.ID = opened.Info().ID
	}
	st.Err = err
	if s, _ := r.standing(ctx); s != nil {
		st.StandIn = s.shared.kind()
	}
	if ch, recorded, err := r.shared.choice.read(ctx); err == nil && recorded {
		st.Recorded = ch.Kind
	}
	return st
}

// StoreKind returns the kind of the shared store, for example "vault".
func (r *Ring) StoreKind() string { return r.shared.kind() }

// Driver returns the driver of the shared store: what WithStore gave, or what is
// registered under the ring's kind. Helpers of tests find theirs by it.
func (r *Ring) Driver() store.Driver { return r.shared.driverNow() }

// SourceInfo is what a ring knows of one legacy source.
type SourceInfo struct {
	Name  string
	Store string // the place of the source, such as a path
	// Active reports whether the older build, as it is configured now, uses it.
	Active bool
	// Err says why the source cannot be listed, or its configuration not be read.
	Err error
	// Passed says why the older build passes over a source that is not there for
	// this program. The source is then not active.
	Passed error
}

// Sources describes the legacy sources in the older build's reading order. It
// reads their configuration and lists them; it reads no value.
func (r *Ring) Sources(ctx context.Context) []SourceInfo {
	ctx, cancel := r.budgeted(silently(ctx))
	defer cancel()
	var out []SourceInfo
	for _, s := range r.sources {
		info := SourceInfo{Name: s.Name, Store: s.Store.Info().ID, Active: true}
		if s.Active != nil {
			info.Active, info.Err = s.Active(ctx)
		}
		if info.Active && info.Err == nil {
			_, info.Err = s.Store.List(ctx, "")
		}
		if s.PassesOver != nil && errors.Is(info.Err, ErrUnavailable) {
			if passes, err := s.PassesOver(ctx); passes && err == nil {
				info.Active, info.Passed, info.Err = false, info.Err, nil
			}
		}
		out = append(out, info)
	}
	return out
}
