package kinring_test

import (
	"context"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// prompting is a driver whose store may ask a person; it notes what each Get was
// told about asking and how long it may take.
type prompting struct {
	*driver
	said   []kinring.Interaction
	budget []time.Duration
}

func (p *prompting) Open(context.Context, store.Family) (store.Store, error) {
	info := p.info()
	info.Capabilities.MayPrompt = true
	return asking{persistent{p.shared, info, p.locks}, p}, nil
}

type asking struct {
	persistent
	noted *prompting
}

func (a asking) Get(ctx context.Context, key store.Key) (store.Item, error) {
	i, _ := store.InteractionOf(ctx)
	end, _ := ctx.Deadline()
	a.noted.said, a.noted.budget = append(a.noted.said, i), append(a.noted.budget, time.Until(end).Round(time.Minute))
	return a.persistent.Get(ctx, key)
}

// TestInteraction: what a ring was opened with reaches its stores, what one call
// says goes before it, and only who may be asked is given a person's time.
func TestInteraction(t *testing.T) {
	for opened, want := range map[kinring.Interaction][3]time.Duration{
		kinring.IfAttended: {2 * time.Minute, 0, 2 * time.Minute},
		kinring.Never:      {0, 0, 2 * time.Minute},
		kinring.Always:     {2 * time.Minute, 0, 2 * time.Minute},
	} {
		f := newFixture(t)
		d := &prompting{driver: f.driver}
		ring := f.open(kinring.WithStore(d), kinring.WithInteraction(opened))
		if _, err := ring.Set(t.Context(), "auth", []byte(`{}`)); err != nil { // opens the store
			t.Fatal(err)
		}
		d.said, d.budget = nil, nil
		contexts := []context.Context{t.Context(), store.WithInteraction(t.Context(), kinring.Never), store.WithInteraction(t.Context(), kinring.Always)}
		for i, said := range []kinring.Interaction{opened, kinring.Never, kinring.Always} {
			if _, err := ring.Get(contexts[i], "auth"); err != nil {
				t.Fatal(err)
			}
			if last := len(d.said) - 1; d.said[last] != said || d.budget[last] != want[i] {
				t.Errorf("opened with %s, call %d: told %s and given %s; want %s and %s", opened, i, d.said[last], d.budget[last], said, want[i])
			}
		}
		// Only who is told to may read what a person has to allow.
		for asks, ask := range map[bool]func(context.Context, ...store.Key) (kinring.Status, error){false: ring.StatusOf, true: ring.StatusAsking} {
			st, err := ask(t.Context(), store.Key{Service: "com.example.notes", Account: "login"})
			if err != nil || len(st.Keys) != 1 || (st.Keys[0].Shared == coexist.StateValue) != asks {
				t.Errorf("status, asking %v: %+v, %v", asks, st.Keys, err)
			}
			if last := d.said[len(d.said)-1]; asks && last != opened {
				t.Errorf("status that may ask was told %s, want %s", last, opened)
			}
		}
		before := len(d.said)
		if _, err := ring.Status(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, said := range d.said[before:] {
			if said != kinring.Never {
				t.Errorf("status may ask: %s", said)
			}
		}
	}
}
