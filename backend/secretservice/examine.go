package secretservice

import (
	"context"
	"errors"
	"slices"

	"github.com/kinring/kinring/store"
)

// Examination is what can be seen of a keyring without asking anybody.
type Examination struct {
	// Provider says who serves the keyring: gnome-keyring, kwallet, keepassxc or
	// other; empty if nobody does now.
	Provider string
	// Startable says that nobody serves it and that the bus would start somebody
	// who was asked for it. What that would be, and whether it could be unlocked,
	// cannot be known without starting it.
	Startable bool
	// Default is the path of the default collection, empty if there is none.
	Default string
	// Locked says that the default collection is locked.
	Locked bool
}

// Usable reports whether secrets can be kept there, perhaps after unlocking.
func (e Examination) Usable() bool { return e.Default != "" }

// Examine looks at a keyring. It writes nothing, starts nothing and asks nobody.
// Where there is no session bus the error is ErrUnavailable with reason
// ErrOutOfReach; where nobody serves a keyring there is no error.
func Examine(ctx context.Context, options Options) (Examination, error) {
	e, err := examine(ctx, options)
	return e, store.At(err, "examine", Kind, store.Key{})
}

func examine(ctx context.Context, options Options) (Examination, error) {
	c, err := attach(options)
	if err != nil {
		return Examination{}, err
	}
	defer c.Close()
	var out Examination
	err = c.with(ctx, func(p *peer) error {
		if err := p.present(ctx); err != nil { // another call may have found it before
			return err
		}
		return out.look(ctx, p)
	})
	if err == nil || !errors.Is(err, store.ErrNoService) {
		return out, err
	}
	l, err := c.hub.enter(ctx)
	if err != nil {
		return Examination{}, err
	}
	defer c.hub.leave(l)
	var names []string
	if err := l.broker().call(ctx, reads, busIface+"ListActivatableNames", nil, &names); err != nil {
		return Examination{}, err
	}
	return Examination{Startable: slices.Contains(names, serviceName)}, nil
}

func (e *Examination) look(ctx context.Context, p *peer) error {
	provider, err := p.kind(ctx)
	if err != nil {
		return err
	}
	*e = Examination{Provider: provider}
	path, err := p.defaultCollection(ctx)
	if errors.Is(err, errNoDefault) {
		return nil
	}
	if err != nil {
		return err
	}
	is, err := p.isLocked(ctx, path)
	if err == nil {
		*e = Examination{Provider: provider, Default: string(path), Locked: is}
	}
	return err
}
