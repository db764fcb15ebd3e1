package items

import (
	"context"
	"errors"
	"sync"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/store"
)

// List names the keys of the source's services by their items' attributes. They
// carry no revision: that would take reading them.
//
// Some providers show digests in the place of attributes while a collection is
// locked. Keys that cannot be read for that make the error ErrLocked; those that
// can are named.
func (s *items) List(ctx context.Context, service string) ([]store.Entry, error) {
	out, err := s.list(ctx, service)
	return out, s.At(err, "list", store.Key{})
}

func (s *items) list(ctx context.Context, service string) ([]store.Entry, error) {
	if err := s.Usable(ctx); err != nil {
		return nil, err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	services := []string{service}
	switch own := s.layout.Service; {
	case service == "" && own != "":
		services = []string{own}
	case service == "":
		services = s.services
	case own != "" && own != service:
		return nil, nil
	}
	n := namer{conn: conn, named: map[store.Key]bool{}, hidden: unlisted(ctx, conn)}
	for _, service := range services {
		for _, search := range s.layout.Searches {
			if err := n.add(ctx, service, search); err != nil {
				return n.entries, err
			}
		}
	}
	return n.entries, n.hidden
}

// namer collects the keys of items, each once.
type namer struct {
	conn    *secretservice.Conn
	named   map[store.Key]bool
	entries []store.Entry
	hidden  error // why some could not be named
}

func (n *namer) add(ctx context.Context, service string, search Search) error {
	all, err := search.find(ctx, n.conn, search.Attributes.ofService(service))
	if err != nil {
		return err
	}
	for i, p := range n.properties(ctx, all) {
		switch {
		case p.err == nil:
			n.name(service, search, all[i], p.Properties)
		case !errors.Is(p.err, store.ErrNotFound): // else removed meanwhile
			return p.err
		}
	}
	return nil
}

// described is what an item shows, or why it does not.
type described struct {
	secretservice.Properties
	err error
}

// atOnce is how many items are asked for at the same time: a provider that is
// busy answers them in one turn.
const atOnce = 16

func (n *namer) properties(ctx context.Context, all []secretservice.Item) []described {
	out := make([]described, len(all))
	turns := make(chan struct{}, atOnce)
	var asked sync.WaitGroup
	for i := range all {
		turns <- struct{}{}
		asked.Go(func() {
			out[i].Properties, out[i].err = n.conn.Properties(ctx, all[i])
			<-turns
		})
	}
	asked.Wait()
	return out
}

func (n *namer) name(service string, search Search, item secretservice.Item, p secretservice.Properties) {
	account, ok := search.Attributes.account(p.Attributes)
	key := store.Key{Service: service, Account: account}
	switch {
	case !ok && (p.Locked || item.Locked):
		n.hidden = errLocked("and hides the names of its items")
	case ok && !n.named[key] && store.CheckKey(key) == nil:
		n.named[key] = true
		n.entries = append(n.entries, store.Entry{Key: key})
	}
}
