package kinring

import (
	"context"
	"sync"
	"time"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// WithOptionalStore makes a program that has no store of the ring's kind linked in
// go on without one, where the family has none on record: the legacy sources are
// the store, which is told once as NoticeUnshared. The default refuses to open.
func WithOptionalStore() Option { return func(s *settings) { s.optional = true } }

// WithMigrationProgress calls f after each key that the migration of the first
// operation has dealt with. f must not call the ring.
func WithMigrationProgress(f func(Progress)) Option { return func(s *settings) { s.progress = f } }

// halfTime leaves half of an operation's time to the operation itself: a migration
// goes on with the next one, and a broker that does not answer is done without.
func halfTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}

// noStore is the driver of a shared store that is not there: because the flavour
// shares nothing, or because the program has none linked in.
type noStore struct {
	kind  string
	cause error
	// elsewhere: a broker may have the store that this program has no part for.
	elsewhere bool
}

// Kind returns the kind of the store that is not there.
func (n noStore) Kind() string { return n.kind }

// Capabilities are those that every policy wants: no call ever gets so far as to
// need them.
func (n noStore) Capabilities() store.Capabilities {
	return store.Capabilities{AtomicAbsent: true, AtomicMatch: true, Records: true, Persistent: n.elsewhere}
}

// Open says why there is no store.
func (n noStore) Open(context.Context, store.Family) (store.Store, error) { return nil, n.cause }

// findDriver finds the driver of the family's shared store.
func (r *Ring) findDriver() error {
	if r.family.Unshared {
		r.broker.off = true
		r.driver = noStore{kind: "none", cause: &store.Error{Class: store.ErrUnavailable, Reason: store.ErrAbsentByDesign,
			Detail: "the product names no service to share secrets under"}}
		return nil
	}
	if r.driver != nil {
		return nil
	}
	d, err := store.DriverFor(r.kind)
	if err != nil && r.optional {
		d, err = r.goWithout(err)
	}
	r.driver = d
	return err
}

// goWithout is the driver of a store that the program has no part for. Where the
// family's secrets are in one, that is out of reach and not absent.
func (r *Ring) goWithout(cause error) (store.Driver, error) {
	e := &store.Error{Class: store.ErrUnavailable, Reason: store.ErrAbsentByDesign, Err: cause,
		Detail: "this program was built without the store", Remedy: "use a build that has it"}
	_, recorded, err := choice{dir: r.stateDir, family: r.family.Name}.read(context.Background())
	if recorded {
		e.Reason = store.ErrOutOfReach
	}
	return noStore{kind: r.kind, cause: e, elsewhere: true}, err
}

// unshared tells once that there is no shared store.
func (r *Ring) unshared() func(error) {
	var once sync.Once
	return func(err error) {
		once.Do(func() { r.noticed(Notice{Kind: coexist.NoticeUnshared, Err: err}) })
	}
}
