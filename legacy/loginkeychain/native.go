package loginkeychain

import (
	"bytes"
	"context"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/store"
)

// native reads and changes values through the system's own functions.
type native struct{ *source }

// quiet is how a call may be made.
type quiet bool

// manners says how a call may be made. A call that must ask nobody is not made
// at all while the keychain is locked: unlocking it would be a question.
func (s *source) manners(ctx context.Context) (quiet, error) {
	i, _ := store.InteractionOf(ctx)
	may, err := s.program.MayAsk(i)
	if err != nil {
		return true, mac.Failure(err)
	}
	if may {
		return false, nil
	}
	state, err := s.state(ctx)
	if err == nil && !state.Unlocked {
		err = locked()
	}
	return true, err
}

func locked() error {
	return &store.Error{Class: store.ErrLocked, Detail: "the login keychain is locked", Remedy: "unlock it: security unlock-keychain"}
}

// kind is what a call of these manners may do.
func (q quiet) kind(silent mac.Kind) mac.Kind {
	switch {
	case bool(q):
		return silent
	case silent == mac.Writing:
		return mac.AskingToWrite
	}
	return mac.Asking
}

// run makes a call, with or without the right to ask.
func (q quiet) run(p *mac.Program, call func() error) error {
	if q {
		return p.Quietly(call)
	}
	return p.Aloud(call)
}

func (n native) read(ctx context.Context, item store.Key) ([]byte, error) {
	manners, err := n.manners(ctx)
	if err != nil {
		return nil, err
	}
	q := query(item)
	q.ReturnData = true
	value, err := mac.Do(ctx, n.program, item, manners.kind(mac.Reading), func() ([]byte, error) {
		var items []secitem.Item
		err := manners.run(n.program, func() (err error) {
			items, err = n.program.CopyMatching(q.Dict())
			return err
		})
		if err == nil && items[0].Data == nil {
			err = &secitem.TypeError{Call: "SecItemCopyMatching", Got: "attributes alone"}
		}
		if err != nil {
			return nil, err
		}
		return items[0].Data, nil
	})
	return value, n.refused(ctx, err)
}

// refused tells a program that is not trusted from a keychain that is locked:
// macOS has the same statuses for both.
func (s *source) refused(ctx context.Context, err error) error {
	status, _ := secitem.StatusOf(err)
	if status != secitem.ErrAuthFailed && status != secitem.ErrInteractionNotAllowed {
		return mac.Failure(err)
	}
	if state, e := s.state(ctx); e != nil || !state.Unlocked {
		return locked()
	}
	refusal := mac.Failure(secitem.ErrAuthFailed).(*store.Error)
	refusal.Detail, refusal.Native = "this program is not trusted with the item", status.Native()
	refusal.Remedy = "run it once where a person can be asked, and allow it"
	return refusal
}

// change makes a call that writes.
func (s *source) change(ctx context.Context, item store.Key, call func() error) error {
	manners, err := s.manners(ctx)
	if err != nil {
		return err
	}
	_, err = mac.Do(ctx, s.program, item, manners.kind(mac.Writing), func() (struct{}, error) {
		return struct{}{}, manners.run(s.program, call)
	})
	if !mac.Settled(err) && store.ClassOf(err) != store.ErrOutcomeUnknown {
		return &store.Error{Class: store.ErrOutcomeUnknown, Err: mac.Failure(err), Remedy: "read the item to see what came of it"}
	}
	return s.refused(ctx, err)
}

func (n native) add(ctx context.Context, item store.Key, value []byte) error {
	q := query(item)
	q.Label, q.Value = n.layout.label(item), bytes.Clone(value)
	return n.change(ctx, item, func() error {
		defer clear(q.Value)
		return n.program.Add(q.Dict())
	})
}

func (n native) replace(ctx context.Context, item store.Key, value []byte) error {
	c := secitem.Change{Value: bytes.Clone(value)}
	return n.change(ctx, item, func() error {
		defer clear(c.Value)
		return n.program.Update(query(item).Dict(), c.Dict())
	})
}

func (n native) remove(ctx context.Context, item store.Key) error {
	return n.change(ctx, item, func() error { return n.program.Delete(query(item).Dict()) })
}
