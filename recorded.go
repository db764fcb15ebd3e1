package kinring

import "context"

// StoreChoice names a store.
type StoreChoice struct {
	Kind string // "vault", "secret-service"
	ID   string // which of its kind
}

// RecordedStore returns the store that a family's programs have written to, and
// whether there is one on record. A ring refuses any other, so that a program
// which cannot reach it now does not quietly begin to use a weaker one.
func RecordedStore(ctx context.Context, family string, options ...Option) (StoreChoice, bool, error) {
	s := settings{stateDir: defaultStateDir()}
	for _, option := range options {
		option(&s)
	}
	ch, recorded, err := choice{dir: s.stateDir, family: family}.read(ctx)
	return StoreChoice{Kind: ch.Kind, ID: ch.ID}, recorded, err
}
