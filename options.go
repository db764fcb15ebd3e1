package kinring

import (
	"log/slog"
	"time"

	"github.com/kinring/kinring/store"
)

// DefaultBudget is how long an operation may take where nobody is asked.
const DefaultBudget = 2 * time.Second

// FamilyBudget is how long List, and Status of all keys, may take where nobody is
// asked: some stores are asked once for each key.
const FamilyBudget = allKeys * DefaultBudget

// allKeys is how much longer than other operations those may take that go through
// all keys.
const allKeys = 5

// AskingBudget is how long an operation may take where a person may be asked:
// people are slow.
const AskingBudget = 2 * time.Minute

// DefaultStore is the kind of store that Open uses if no option names one: the
// embedded vault.
const DefaultStore = "vault"

// Option adjusts a ring.
type Option func(*settings)

type settings struct {
	driver      store.Driver
	development store.Driver
	kind        string
	budget      time.Duration
	asking      time.Duration
	interaction store.Interaction
	logger      *slog.Logger
	notify      func(Notice)
	stateDir    string
	switchStore bool
	memory      *memory
	optional    bool
	progress    func(Progress)
	broker      brokerage
}

// WithStore makes a ring use this driver's store.
func WithStore(d store.Driver) Option { return func(s *settings) { s.driver = d } }

// WithStoreKind makes a ring use the store that an imported package registered
// under this kind, for example "vault" or "memory".
func WithStoreKind(kind string) Option { return func(s *settings) { s.kind = kind } }

// WithBudget limits how long an operation may take whose context has no
// deadline; List, and Status of all keys, may take five times as long. The
// default is DefaultBudget; 0 means no limit.
func WithBudget(d time.Duration) Option { return func(s *settings) { s.budget = d } }

// WithAskingBudget is WithBudget for operations in which a store may ask a
// person. The default is AskingBudget.
func WithAskingBudget(d time.Duration) Option { return func(s *settings) { s.asking = d } }

// WithInteraction says whether stores may ask a person for permission. The
// default is IfAttended. store.WithInteraction says it for one call.
func WithInteraction(i Interaction) Option { return func(s *settings) { s.interaction = i } }

// WithLogger makes a ring log what it notices. Neither values nor whole account
// names are logged. The default logs nothing.
func WithLogger(l *slog.Logger) Option { return func(s *settings) { s.logger = l } }

// WithNotices calls f for everything that a ring notices and that does not fail
// an operation. f must not call the ring.
func WithNotices(f func(Notice)) Option { return func(s *settings) { s.notify = f } }

// WithStateDir keeps, in this directory, which store the family uses, so that a
// later ring does not silently use another one. The default is the user's own
// state directory. The empty string keeps nothing.
func WithStateDir(dir string) Option { return func(s *settings) { s.stateDir = dir } }

// WithSwitchedStore lets a ring use another store than the family used before.
// It moves nothing: what is in the store before stays there.
func WithSwitchedStore() Option { return func(s *settings) { s.switchStore = true } }
