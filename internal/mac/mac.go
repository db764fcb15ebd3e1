// Package mac is one program's way to macOS's keychains: the calls of package
// secitem, which nothing can cancel, made so that a caller can give them up, and
// their statuses as errors of package store.
//
// # Order
//
// Calls about one item run one after the other, also after a caller gave up: a
// write that is still on its way lands before the next call about that item
// begins. Only one question to a person is open at a time; whoever has another
// one waits for the answer, or for the end of its own context.
package mac

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kinring/kinring/internal/fifo"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/store"
)

// SilentLimit is how long a call that asks nobody may take, whatever time the
// caller has: a keychain answers in milliseconds or not at all.
const SilentLimit = 10 * time.Second

// Program is one program on a Mac. A process has one, because what it may ask
// and whether it may is decided for the whole process.
type Program struct {
	secitem.Mac
	items fifo.Queue
	// questions has one place: for the process, not for an item.
	questions fifo.Queue
	// switching is held while asking is switched off for the whole process.
	switching sync.RWMutex
}

// New returns the program of a process on this Mac.
func New(m secitem.Mac) *Program { return &Program{Mac: m} }

// Kind says what a call may do.
type Kind int

const (
	// Reading changes nothing: one that was given up did nothing.
	Reading Kind = iota
	// Writing may change something: one that was given up may have, or may yet.
	Writing
	// Asking reads, and may ask a person.
	Asking
	// AskingToWrite is Writing that may ask a person first, to unlock the keychain
	// say. It takes its turn with the item's other calls.
	AskingToWrite
)

// asked is the place in the line of questions, whatever item they are about.
var asked = store.Key{Service: "question"}

// Do makes a call about an item in its turn. When the context ends it returns at
// once, with ErrTimedOut or ErrCancelled if nothing was changed, and with
// ErrOutcomeUnknown for a call that writes and has begun. The zero Key stands for
// the keychain as a whole.
func Do[T any](ctx context.Context, p *Program, item store.Key, kind Kind, call func() (T, error)) (T, error) {
	var none T
	if err := store.FromContext(ctx); err != nil {
		return none, err
	}
	if kind == Reading || kind == Writing {
		bounded, cancel := context.WithTimeout(ctx, SilentLimit)
		defer cancel()
		ctx = bounded
	}
	c := &pending[T]{answers: make(chan answer[T], 1)}
	// The line must not see the caller's context: it may stand in another line for
	// the same key already.
	turn, leave := context.WithCancel(context.Background())
	go func() {
		defer leave()
		c.run(p.line(kind), turn, place(kind, item), call)
	}()
	select {
	case a := <-c.answers:
		return a.value, a.err
	case <-ctx.Done():
		leave()
		return c.giveUp(ctx, kind)
	}
}

func (p *Program) line(kind Kind) *fifo.Queue {
	if kind == Asking {
		return &p.questions
	}
	return &p.items
}

func place(kind Kind, item store.Key) store.Key {
	if kind == Asking {
		return asked
	}
	return item
}

// pending is a call whose caller may go away.
type pending[T any] struct {
	// claimed is taken by whoever comes first: the call as it begins, or the caller
	// who gives up.
	claimed atomic.Bool
	answers chan answer[T]
}

type answer[T any] struct {
	value T
	err   error
}

func (c *pending[T]) run(line *fifo.Queue, turn context.Context, item store.Key, call func() (T, error)) {
	var a answer[T]
	err := line.Do(turn, item, func(context.Context) error {
		if c.claimed.CompareAndSwap(false, true) {
			a.value, a.err = call()
		}
		return nil
	})
	if err != nil {
		a.err = err
	}
	c.answers <- a
}

// giveUp says what is known of a call that its caller waits for no longer.
func (c *pending[T]) giveUp(ctx context.Context, kind Kind) (T, error) {
	var none T
	gone := store.FromContext(ctx).(*store.Error)
	if c.claimed.CompareAndSwap(false, true) {
		gone.Detail = "an earlier call is still on its way"
		if kind == Asking {
			gone.Detail, gone.Remedy = "another question of the keychain is still open", "answer it"
		}
		return none, gone
	}
	select {
	case a := <-c.answers: // it came at the last moment
		return a.value, a.err
	default:
	}
	switch kind {
	case Writing, AskingToWrite:
		return none, &store.Error{Class: store.ErrOutcomeUnknown, Err: gone.Err,
			Detail: "the keychain has not answered", Remedy: "read the item to see what came of it"}
	case Asking:
		gone.Detail = "the keychain's question was not answered"
	default:
		gone.Detail = "the keychain has not answered"
	}
	return none, gone
}

// Quietly runs a call while the login keychain may ask nobody. It is the only
// way to keep that keychain quiet, and holds for the whole process: so calls that
// may ask wait meanwhile, see [Program.Aloud].
func (p *Program) Quietly(call func() error) error {
	p.switching.Lock()
	defer p.switching.Unlock()
	before, err := p.SetInteraction(false)
	if err != nil {
		return err
	}
	err = call()
	if _, restored := p.SetInteraction(before); err == nil {
		err = restored
	}
	return err
}

// Aloud runs a call that may ask.
func (p *Program) Aloud(call func() error) error {
	p.switching.RLock()
	defer p.switching.RUnlock()
	return call()
}

// MayAsk reports whether a person may be asked now. It is an error if the system
// does not say whether there is a screen.
func (p *Program) MayAsk(i store.Interaction) (bool, error) {
	if i == store.Never {
		return false, nil
	}
	if i == store.Always {
		return true, nil
	}
	return p.Graphic()
}
