package items

import (
	"context"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/store"
)

// searchesLocked is the provider that finds items in locked collections too.
const searchesLocked = "gnome-keyring"

// nothing returns what finding no item means: nil if all there is was looked at,
// and ErrLocked if a locked collection may hide it. It is strict with the default
// collection, where the older build would have put the item, whoever the provider
// is.
func nothing(ctx context.Context, conn *secretservice.Conn) error {
	provider, err := conn.Provider(ctx)
	if err != nil {
		return err
	}
	var all []secretservice.Collection
	if provider == searchesLocked {
		c, err := Default(ctx, conn)
		if err != nil {
			return err
		}
		all = append(all, c)
	} else if all, err = conn.Collections(ctx); err != nil {
		return err
	}
	return noneLocked(ctx, conn, all)
}

// unlisted returns what a list may lack: with a provider that hides what is in
// locked collections, all of that.
func unlisted(ctx context.Context, conn *secretservice.Conn) error {
	provider, err := conn.Provider(ctx)
	if err != nil || provider == searchesLocked {
		return err
	}
	all, err := conn.Collections(ctx)
	if err != nil {
		return err
	}
	return noneLocked(ctx, conn, all)
}

func noneLocked(ctx context.Context, conn *secretservice.Conn, all []secretservice.Collection) error {
	for _, c := range all {
		if c.Path == "" {
			continue
		}
		locked, err := conn.Locked(ctx, c)
		if err != nil {
			return err
		}
		if locked {
			return errLocked("and may hide items")
		}
	}
	return nil
}

func errLocked(what string) error {
	return &store.Error{Class: store.ErrLocked, Store: place, Detail: "the keyring is locked " + what,
		Remedy: "unlock the keyring, for example by signing in to the desktop"}
}
