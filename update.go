package kinring

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/internal/settled"
	"github.com/kinring/kinring/store"
)

// UpdateBudget is how long an Update may take, its function included, if its
// context has no deadline.
const UpdateBudget = 2 * time.Minute

// Keep is what the function of an Update returns to leave the value as it is.
//
//lint:ignore ST1012 it is a wish, as io.EOF is an end, and not a failure
var Keep = errors.New("kinring: keep the value")

// Unsaved is the error of an Update whose function succeeded but whose result
// could not be written. It holds the result and the lease: Retry writes it,
// Discard gives it up.
type Unsaved = coexist.Unsaved

// Current is what the function of an Update begins with.
type Current struct {
	Value
	// Found reports whether there is a value.
	Found bool
	// Interrupted reports that the function of an Update before this one, of any
	// program, did not end, or that its result was given up: the value may have been
	// used up.
	Interrupted bool
}

// Update replaces a value by what f makes from it, for example by using a
// refresh token that is good for one use. While f runs no other program of the
// family updates the key; before it runs, shared store and older builds' stores
// are read anew. f runs at most once, and may return Keep. Where a key rotates,
// an older build that holds it is given the result too; and if f fails there,
// Update waits up to two seconds for an older build that may have used the value
// up at the same moment, so that nobody presents it once more. This ring's other
// operations on the key wait until it is done.
//
// If the result could not be written, errors.As finds an *Unsaved with it. If
// the older build could not be given it, the error is ErrPartial and the shared
// store has it.
func (r *Ring) Update(ctx context.Context, name string, f func(ctx context.Context, current Current) ([]byte, error)) (Value, error) {
	key, err := r.family.Key(name)
	if err != nil {
		return Value{}, store.At(err, "update", "", store.Key{})
	}
	return r.UpdateKey(ctx, key, f)
}

// UpdateKey is Update for a key that is given by service and account.
func (r *Ring) UpdateKey(ctx context.Context, key store.Key, f func(ctx context.Context, current Current) ([]byte, error)) (Value, error) {
	ctx, cancel := r.bounded(ctx, UpdateBudget)
	defer cancel()
	reading, err := r.at(ctx).Update(ctx, key, func(ctx context.Context, c coexist.Current) (store.Value, bool, error) {
		next, err := f(ctx, Current{valueOf(c.Reading), c.Found, c.Interrupted})
		if errors.Is(err, Keep) {
			return store.Value{}, true, nil
		}
		return store.NewValue(next), false, err
	})
	r.keptInMemory(ctx, key, err)
	r.changes.tell(key)
	return valueOf(reading), err
}

func valueOf(r coexist.Reading) Value {
	return Value{r.Value, r.Provenance, r.Source, r.Revision, r.Generation}
}

// How long an Update whose function failed waits for an older build that may have
// used the value up at the same moment, and how often it looks. Codex 0.169.0
// writes within milliseconds of the server's answer, or after it got its locks.
const (
	olderWriteBudget = 2 * time.Second
	olderWritePause  = 20 * time.Millisecond
)

func patience(ctx context.Context) func() bool {
	end := time.Now().Add(olderWriteBudget)
	return func() bool { return settled.Pause(ctx, olderWritePause) && time.Now().Before(end) }
}

// grace gives the saving of a result time of its own: when the function took all
// there was, its result is the one thing that must not be lost.
func (r *Ring) grace(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), max(r.budget, DefaultBudget))
}

// Rejected is called when a server refused a value. It returns what took its
// place meanwhile, or an older build's newer value; the same value again means
// that nobody has a better one and a person has to sign in.
func (r *Ring) Rejected(ctx context.Context, name string, refused Value) (Value, error) {
	key, err := r.family.Key(name)
	if err != nil {
		return Value{}, store.At(err, "rejected", "", store.Key{})
	}
	return r.RejectedKey(ctx, key, refused.Revision)
}

// RejectedKey is Rejected for a key that is given by service and account, and the
// revision of the value that was refused.
func (r *Ring) RejectedKey(ctx context.Context, key store.Key, refused Revision) (Value, error) {
	ctx, cancel := r.budgeted(ctx)
	defer cancel()
	reading, err := r.at(ctx).Rejected(ctx, key, refused)
	if err != nil {
		return Value{}, err
	}
	return valueOf(reading), nil
}

// GetJSON returns a value decoded from JSON.
func GetJSON[T any](ctx context.Context, r *Ring, name string) (T, error) {
	var out T
	v, err := r.Get(ctx, name)
	if err != nil {
		return out, err
	}
	v.View(func(b []byte) { err = decode(b, &out) })
	return out, err
}

// UpdateJSON is Update for a value that is JSON.
func UpdateJSON[T any](ctx context.Context, r *Ring, name string, f func(ctx context.Context, current T, found bool) (T, error)) error {
	_, err := r.Update(ctx, name, func(ctx context.Context, c Current) ([]byte, error) {
		var now T
		if c.Found {
			var err error
			c.View(func(b []byte) { err = decode(b, &now) })
			if err != nil {
				return nil, err
			}
		}
		next, err := f(ctx, now, c.Found)
		if err != nil {
			return nil, err
		}
		return json.Marshal(next)
	})
	return err
}

// decode leaves out of its error what the decoder quotes of the value.
func decode(b []byte, into any) error {
	if json.Unmarshal(b, into) == nil {
		return nil
	}
	return &Error{Class: ErrCorrupt, Detail: "the value is not the JSON that was expected"}
}
