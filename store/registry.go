package store

import (
	"context"
	"fmt"
	"sync"
)

// Family is what a store may need to know of the family that opens it.
type Family struct {
	Name    string // of the profile
	Service string // of a bare key
	Team    string // Apple team
	Group   string // access group without the team
	// FirstGroup allows the first access group that the program is entitled to
	// where Group is empty.
	FirstGroup bool
}

// Driver opens one kind of shared store. A program links the drivers it wants
// by importing their packages, as with database/sql.
type Driver interface {
	// Kind is the name that KINRING_STORE and messages use.
	Kind() string
	// Capabilities says, without I/O, what the opened store will promise.
	Capabilities() Capabilities
	// Open opens the store. It never creates one that a person has to decide
	// about, such as a vault.
	Open(ctx context.Context, family Family) (Store, error)
}

// SourceKey is one key of the family as a legacy source sees it.
type SourceKey struct {
	Key   Key
	Alias string // the alias in the profile, or empty
}

// SourceConfig is what a layout needs to open one legacy source of a family.
type SourceConfig struct {
	Family Family
	// Name is the source's name in the profile, which errors and status show.
	Name string
	// Path is the profile's path for the source with variables resolved; empty
	// if it names none.
	Path string
	// Service is the service of the keys that the profile assigns to the source.
	// A layout whose own format knows no services files its keys under it.
	Service string
	// Services are those of all keys that the profile assigns to the source, for a
	// layout that keeps the service with each key.
	Services []string
	// Vars are the profile's variables, resolved: paths absolute and real.
	Vars map[string]string
	// Options are what the profile says to the layout beyond that, with variables
	// resolved. A layout refuses options that it does not know.
	Options map[string]string
	// Keys are the keys that the profile assigns to this source. A layout that
	// holds one secret serves exactly these; one that holds many may serve more.
	Keys []SourceKey
	// Attributes and Label describe items of a keyring, with {service} and {account}
	// for the key's, for the layout that leaves that to the profile.
	Attributes map[string]string
	Label      string
}

// Layout opens legacy sources of one kind: stores in the layout that an older
// build wrote.
type Layout interface {
	// Name is what a profile calls the layout.
	Name() string
	// Capabilities says, without I/O, what an opened source will promise.
	Capabilities() Capabilities
	// Open returns the source. It does no I/O.
	Open(config SourceConfig) (Store, error)
	// Canonical returns the form of a value that fingerprints are made from, so
	// that two spellings of one login count as equal. It returns its argument
	// where the layout knows no other spelling.
	Canonical(value []byte) []byte
}

// Selector reads an older build's own configuration and tells which of its
// modes is in force, so that legacy sources are read as that build would.
type Selector interface {
	// Name is what a profile calls the selector.
	Name() string
	// Mode returns the mode in force. An unreadable configuration is an error,
	// never a default.
	Mode(ctx context.Context, vars map[string]string) (string, error)
}

// registry maps names to what the linked packages registered.
type registry[T any] struct {
	what string
	mu   sync.Mutex
	m    map[string]T
}

func (r *registry[T]) add(name string, v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.m[name]; twice {
		panic(fmt.Sprintf("store: %s %q is registered twice", r.what, name))
	}
	if r.m == nil {
		r.m = map[string]T{}
	}
	r.m[name] = v
}

func (r *registry[T]) get(name string) (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.m[name]
	if !ok {
		return v, &Error{Class: ErrUnsupported, Op: "open",
			Detail: fmt.Sprintf("this program has no %s %q", r.what, name),
			Remedy: "import the package that provides it"}
	}
	return v, nil
}

var (
	drivers   = registry[Driver]{what: "store"}
	layouts   = registry[Layout]{what: "legacy layout"}
	selectors = registry[Selector]{what: "selector"}
)

// Register makes a driver known by its kind. It is called from init functions
// and panics if the kind is taken.
func Register(d Driver) { drivers.add(d.Kind(), d) }

// RegisterLayout makes a layout known by its name. It is called from init
// functions and panics if the name is taken.
func RegisterLayout(l Layout) { layouts.add(l.Name(), l) }

// RegisterSelector makes a selector known by its name. It is called from init
// functions and panics if the name is taken.
func RegisterSelector(s Selector) { selectors.add(s.Name(), s) }

// DriverFor returns the registered driver of a kind, or ErrUnsupported.
func DriverFor(kind string) (Driver, error) { return drivers.get(kind) }

// LayoutFor returns the registered layout of that name, or ErrUnsupported.
func LayoutFor(name string) (Layout, error) { return layouts.get(name) }

// SelectorFor returns the registered selector of that name, or ErrUnsupported.
func SelectorFor(name string) (Selector, error) { return selectors.get(name) }
