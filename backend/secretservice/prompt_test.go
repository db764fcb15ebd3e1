package secretservice

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
)

// asking is a context in which a person may be asked.
func asking(t testing.TB) context.Context {
	return store.WithInteraction(t.Context(), store.Always)
}

// TestPrompt: a person who answers, refuses, answers wrongly first, or does not
// answer at all.
func TestPrompt(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []keyringtest.Answer
		want    error
		asked   int
	}{
		{"answers", []keyringtest.Answer{keyringtest.Type(keyringtest.Password)}, nil, 1},
		{"refuses", []keyringtest.Answer{keyringtest.Refuse}, store.ErrDenied, 1},
		{"answers wrongly first", []keyringtest.Answer{keyringtest.Type("wrong"), keyringtest.Type(keyringtest.Password)}, nil, 2},
		{"never answers", []keyringtest.Answer{keyringtest.Ignore}, store.ErrTimedOut, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			d.options.Ask = 200 * time.Millisecond
			if !errors.Is(c.want, store.ErrTimedOut) {
				d.options.Ask = time.Minute // a busy machine is no failure
			}
			s := d.open(t)
			before := mustPut(t, s, "there", sentinel)
			prompter := d.Bus.NewPrompter(t, c.answers...)
			for verb, call := range map[string]func(context.Context) error{
				"get":    func(ctx context.Context) error { _, err := s.Get(ctx, key("there")); return err },
				"put":    func(ctx context.Context) error { _, err := s.Put(ctx, key("new"), item("x"), store.Any()); return err },
				"delete": func(ctx context.Context) error { return s.Delete(ctx, key("new"), store.Any()) },
			} {
				d.Lock(t)
				asked := prompter.Asked()
				wantSilent(t, verb, call, prompter)
				err := call(asking(t))
				if errors.Is(err, store.ErrNotFound) && verb == "delete" && c.want == nil {
					err = nil // nothing was there, which is known only now
				}
				if !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", verb, err, c.want)
				}
				prompter.Await()
				if n := prompter.Asked() - asked; n < 1 && prompter.Asked() != 1 || n > c.asked {
					t.Errorf("%s: asked %d times, want 1 to %d", verb, n, c.asked) // a prompt that is open is not shown twice
				}
			}
			d.Unlock(t)
			if got, err := s.Get(t.Context(), key("there")); err != nil || got.Revision != before {
				t.Errorf("afterwards: %v, %v", got.Revision, err)
			}
			_, err := s.Get(t.Context(), key("new"))
			if c.want != nil && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("what was not allowed was written: %v", err)
			}
		})
	}
}

// wantSilent: who may not ask does not ask.
func wantSilent(t *testing.T, verb string, call func(context.Context) error, prompter *keyringtest.Prompter) {
	t.Helper()
	before := prompter.Asked()
	for name, ctx := range map[string]context.Context{"unsaid": t.Context(), "never": store.WithInteraction(t.Context(), store.Never)} {
		wantClass(t, verb+" silently, "+name, call(ctx), store.ErrLocked)
	}
	if prompter.Asked() != before {
		t.Errorf("%s asks silently", verb)
	}
}

// TestPromptGivenUp: the caller's own deadline ends the wait for a prompt too, and
// the keyring survives it: gnome-keyring ends if a prompt that it shows is
// dismissed.
func TestPromptGivenUp(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	mustPut(t, s, "there", sentinel)
	d.Bus.NewPrompter(t, keyringtest.Ignore)
	performed := d.Bus.Observe(t, "PerformPrompt")
	d.Lock(t)
	ctx, cancel := context.WithCancel(asking(t))
	go func() {
		performed()
		cancel()
	}()
	_, err := s.Get(ctx, key("there"))
	wantClass(t, "a get that was given up", err, store.ErrCancelled)
	_, err = s.Get(t.Context(), key("there"))
	wantClass(t, "a silent get afterwards", err, store.ErrLocked)
	mustClose(t, s) // as the end of a program does
	d.Unlock(t)
	wantValue(t, d.open(t), "there", sentinel)
	if log := d.Log(); log != "" {
		t.Errorf("the keyring complains: %s", log)
	}
}

// TestPromptProviderGone: a keyring that ends while it asks leaves nobody
// waiting, and is no absence (I4).
func TestPromptProviderGone(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	mustPut(t, s, "there", sentinel)
	d.Bus.NewPrompter(t, keyringtest.Ignore)
	performed := d.Bus.Observe(t, "PerformPrompt")
	d.Lock(t)
	done := make(chan error)
	go func() {
		_, err := s.Get(asking(t), key("there"))
		done <- err
	}()
	performed()
	d.Stop(t)
	wantClass(t, "a get whose keyring ended", <-done, store.ErrUnavailable)
}

// TestPromptNotTaken: a keyring that stops before it takes the call that shows a
// prompt. What it was told to do it may do yet (I9), and gnome-keyring goes on
// afterwards, though a dismissal that comes after the call would end it.
func TestPromptNotTaken(t *testing.T) {
	t.Run("gnome-keyring unlocks", func(t *testing.T) {
		d := newDesk(t)
		s := d.open(t)
		mustPut(t, s, "there", sentinel)
		d.Bus.NewPrompter(t, keyringtest.Ignore)
		d.Lock(t)
		err := untaken(t, d, d.Bus, s, reads, func(ctx context.Context, p *peer) (prompt dbus.ObjectPath, err error) {
			var unlocked []dbus.ObjectPath
			err = p.ask(ctx, serviceIface+"Unlock", []any{[]dbus.ObjectPath{keyringtest.Login}}, &unlocked, &prompt)
			return prompt, err
		})
		wantClass(t, "unlocking", err, store.ErrCancelled)
		d.Unlock(t)
		wantValue(t, s, "there", sentinel)
		if log := d.Log(); log != "" {
			t.Errorf("the keyring complains: %s", log)
		}
	})
	t.Run("KeePassXC removes", func(t *testing.T) {
		k := keyringtest.NewKeePassXC(t)
		s, err := open(t.Context(), optionsOn(k.Bus))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		mustPut(t, s, "there", sentinel)
		items, err := s.conn.Search(t.Context(), wanted(key("there")))
		if err != nil || len(items) != 1 {
			t.Fatal(items, err)
		}
		err = untaken(t, k, k.Bus, s, writes, func(ctx context.Context, p *peer) (prompt dbus.ObjectPath, err error) {
			err = p.at(dbus.ObjectPath(items[0].Path)).call(ctx, writes, itemIface+"Delete", nil, &prompt)
			return prompt, err
		})
		wantClass(t, "removing", err, store.ErrOutcomeUnknown)
	})
}

// untaken has a keyring make a prompt and stop, and gives up when the call that
// shows it is on its way.
func untaken(t *testing.T, k interface{ Freeze(testing.TB) func() }, b *keyringtest.Bus, s *keyring, e effect, begin func(context.Context, *peer) (dbus.ObjectPath, error)) error {
	t.Helper()
	called := b.Observe(t, "Prompt")
	ctx, cancel := context.WithCancel(asking(t))
	defer cancel()
	return s.conn.with(ctx, func(p *peer) error {
		if _, err := p.kind(ctx); err != nil {
			return err
		}
		prompt, err := begin(ctx, p)
		if err != nil {
			return err
		}
		defer k.Freeze(t)()
		go func() {
			called()
			cancel()
		}()
		_, err = s.conn.prompt(ctx, p, prompt, e)
		return err
	})
}
