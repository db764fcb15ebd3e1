package kinring

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/profile"
	"github.com/kinring/kinring/store"
)

// Ring is an opened family: its shared store, its legacy sources and its
// policy. Its methods may be called from any number of goroutines; operations
// on one key run in the order in which they came.
type Ring struct {
	settings
	family  *profile.Family
	policy  coexist.Policy
	shared  *sharedStore
	sources []coexist.Source
	engine  *coexist.Engine
	changes changes
	stand   *standIn  // nil if the profile allows no development store
	once    sync.Once // for saying that the shared store is out of reach
}

// Open returns a ring for a family. It refuses at once a profile or a policy
// that cannot be honoured, and touches no store before the first operation.
func Open(ctx context.Context, p Profile, options ...Option) (*Ring, error) {
	r := &Ring{settings: settings{kind: DefaultStore, budget: DefaultBudget, asking: AskingBudget, stateDir: defaultStateDir()}}
	for _, option := range options {
		option(&r.settings)
	}
	if err := store.FromContext(ctx); err != nil {
		return nil, store.At(err, "open", "", store.Key{})
	}
	for _, step := range []func() error{
		func() error { return r.resolve(ctx, p) },
		r.openShared,
		r.openSources,
		r.openEngine,
		r.openStandIn,
	} {
		if err := step(); err != nil {
			return nil, store.At(err, "open", p.Name, store.Key{})
		}
	}
	return r, nil
}

func (r *Ring) resolve(ctx context.Context, p Profile) (err error) {
	r.family, err = p.Resolve(profile.Environment{
		OS: runtime.GOOS, Getenv: os.Getenv, HomeDir: os.UserHomeDir, Realpath: filepath.EvalSymlinks,
		ReadFile: productFile(ctx),
	})
	if err != nil {
		return err
	}
	r.policy, err = p.Policy.Resolve(guarded())
	return err
}

// maxProduct is far more than a product.json has, in bytes.
const maxProduct = 4 << 20

// productFile reads a file that came with the product: it belongs to whoever
// installed it.
func productFile(ctx context.Context) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		data, _, err := durable.ReadFile(ctx, path, durable.Limits{MaxSize: maxProduct, AnyOwner: true})
		return data, err
	}
}

// guarded reports whether the platform's legacy stores are as well guarded
// against writing as its shared store. On macOS they are not: any process of
// the user may overwrite an item of the login keychain without being asked.
func guarded() bool { return runtime.GOOS != "darwin" }

func (r *Ring) openShared() error {
	if err := r.findDriver(); err != nil {
		return err
	}
	r.shared = &sharedStore{
		driver: r.driver,
		memory: r.memory,
		said:   r.unshared(),
		family: r.storeFamily(),
		choice: choice{dir: r.stateDir, family: r.family.Name, replace: r.switchStore},
		broker: r.broker,
	}
	return nil
}

func (r *Ring) storeFamily() store.Family {
	f := r.family
	return store.Family{Name: f.Name, Service: f.Service, Team: f.Team, Group: f.Group,
		FirstGroup: f.GroupFallback == profile.GroupFirstEntitled}
}

func (r *Ring) openEngine() error {
	var err error
	r.engine, err = coexist.New(r.engineConfig(r.shared))
	return err
}

func random(b []byte) error {
	_, err := rand.Read(b)
	return err
}

func (r *Ring) traits(key store.Key) coexist.Traits {
	_, k := r.family.Describe(key)
	return coexist.Traits{LegacyOnly: !r.family.Shared(key) && !r.memory.holds(), Rotates: k.Rotates, Check: k.CheckValue()}
}

// noticed passes a notice on to the logger and to the program. That the shared
// store is out of reach is said once: each value says of itself that it is
// unverified.
func (r *Ring) noticed(n Notice) {
	vain := n.Kind == coexist.NoticeUnverified || n.Kind == coexist.NoticeMigrationFailed
	// A migration that had no time left goes on with the next operation.
	late := n.Kind == coexist.NoticeMigrationFailed && errors.Is(n.Err, ErrTimedOut)
	if vain && errors.Is(n.Err, ErrOutOfReach) || late {
		r.once.Do(func() { r.pass(n) })
		return
	}
	r.pass(n)
}

func (r *Ring) pass(n Notice) {
	if r.logger != nil {
		attrs := []slog.Attr{slog.String("notice", string(n.Kind)), slog.Any("key", n.Key), slog.String("source", n.Source)}
		if n.Err != nil {
			attrs = append(attrs, slog.String("error", n.Err.Error()))
		}
		r.logger.LogAttrs(context.Background(), slog.LevelInfo, "kinring", attrs...)
	}
	if r.notify != nil {
		r.notify(n)
	}
}

// budgeted bounds an operation whose context is not bounded.
func (r *Ring) budgeted(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = r.told(ctx)
	return r.bounded(ctx, r.limit(ctx))
}

// glancing bounds one look of a Watch: its context's own end is that of the Watch.
func (r *Ring) glancing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = r.told(ctx)
	if r.budget <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, r.limit(ctx))
}

// limit returns how long an operation on one key may take.
func (r *Ring) limit(ctx context.Context) time.Duration {
	if i, _ := store.InteractionOf(ctx); i != Never && r.mayPrompt() {
		return max(r.budget, r.asking)
	}
	return r.budget
}

// mayPrompt reports whether any store of the ring can ask a person.
func (r *Ring) mayPrompt() bool {
	asks := func(s store.Store) bool {
		caps := s.Info().Capabilities
		return caps.MayPrompt || caps.Unlocks
	}
	return asks(r.shared) || slices.ContainsFunc(r.sources, func(s coexist.Source) bool { return asks(s.Store) })
}

// silently is for operations that ask nobody, whatever the ring may do.
func silently(ctx context.Context) context.Context { return store.WithInteraction(ctx, Never) }

// told says in a context what the ring was opened with, unless the caller said it.
func (r *Ring) told(ctx context.Context) context.Context {
	if _, said := store.InteractionOf(ctx); said {
		return ctx
	}
	return store.WithInteraction(ctx, r.interaction)
}

// bounded is budgeted for operations that need more time than one key takes.
func (r *Ring) bounded(ctx context.Context, budget time.Duration) (context.Context, context.CancelFunc) {
	ctx = r.told(ctx)
	if _, bounded := ctx.Deadline(); bounded || r.budget <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, budget)
}

// forAll is budgeted for operations that go through all keys.
func (r *Ring) forAll(ctx context.Context) (context.Context, context.CancelFunc) {
	if i, _ := store.InteractionOf(r.told(ctx)); i != Never && r.mayPrompt() {
		return r.budgeted(ctx)
	}
	return r.bounded(ctx, allKeys*r.budget)
}

// Family returns the family's profile with its variables resolved: it turns
// names into keys and back.
func (r *Ring) Family() *profile.Family { return r.family }

// Policy returns the policy in force.
func (r *Ring) Policy() coexist.Policy { return r.policy }

// Close releases the stores. Operations after it fail.
func (r *Ring) Close() error {
	err := r.shared.Close()
	if r.stand != nil {
		if e := r.stand.shared.Close(); err == nil {
			err = e
		}
	}
	for _, s := range r.sources {
		if e := s.Store.Close(); err == nil {
			err = e
		}
	}
	return err
}

// openSources opens the legacy sources in the profile's order, which is the
// older build's reading order.
func (r *Ring) openSources() error {
	for _, l := range r.family.Legacy {
		s, err := r.openSource(l)
		if err != nil {
			return store.At(err, "open", l.SourceName(), store.Key{})
		}
		r.sources = append(r.sources, s)
	}
	return nil
}

func (r *Ring) openSource(l Legacy) (coexist.Source, error) {
	layout, err := store.LayoutFor(l.Layout)
	if err != nil {
		return coexist.Source{}, err
	}
	opened, err := layout.Open(store.SourceConfig{
		Family:  r.storeFamily(),
		Name:    l.SourceName(),
		Path:    r.family.Path(l.Path),
		Service: r.family.ServiceOf(l),

		Services: r.family.ServicesOf(l),
		Vars:     r.family.Paths(),
		Options:  r.family.Options(l),
		Keys:     r.keysOf(l),

		Attributes: l.Attributes,
		Label:      l.Label,
	})
	if err != nil {
		return coexist.Source{}, err
	}
	s := coexist.Source{
		Name:      l.SourceName(),
		Store:     opened,
		Serves:    func(key store.Key) bool { return r.family.Serves(l, key) },
		Canonical: layout.Canonical,
	}
	if st, ok := opened.(stamper); ok {
		s.Stamp = st.Stamp
	}
	active, err := r.inModes(l.Selector())
	if err != nil {
		return coexist.Source{}, err
	}
	r.watchLegacy(active)
	s.Active = r.aside(active)
	s.PassesOver, err = r.inModes(l.Passes())
	return s, err
}

// stamper is implemented by sources that can tell cheaply whether a value may
// have changed.
type stamper interface {
	Stamp(ctx context.Context, key store.Key) (string, error)
}

func (r *Ring) keysOf(l Legacy) []store.SourceKey {
	var out []store.SourceKey
	for alias, key := range r.family.Literal() {
		if r.family.Serves(l, key) {
			out = append(out, store.SourceKey{Key: key, Alias: alias})
		}
	}
	slices.SortFunc(out, func(a, b store.SourceKey) int { return a.Key.Compare(b.Key) })
	return out
}

// inModes returns a function that reports whether one of a selector's modes is
// in force; nil if no selector is named.
func (r *Ring) inModes(name string, modes []string) (func(context.Context) (bool, error), error) {
	if name == "" {
		return nil, nil
	}
	selector, err := store.SelectorFor(name)
	if err != nil {
		return nil, err
	}
	vars := r.family.Paths()
	return func(ctx context.Context) (bool, error) {
		mode, err := selector.Mode(ctx, vars)
		return slices.Contains(modes, mode), err
	}, nil
}
