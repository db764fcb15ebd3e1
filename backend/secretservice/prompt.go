package secretservice

import (
	"context"
	"os"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// grace is how long a dismissed prompt may take to say how it ended.
const grace = 250 * time.Millisecond

// unlock unlocks items or collections, by their paths. Where a person would have
// to be asked and may not be, it is ErrLocked.
func (c *Conn) unlock(ctx context.Context, p *peer, paths []string) error {
	if !mayAsk(ctx) {
		return locked(nil) // and no prompt is made that would have to be dismissed
	}
	objects := make([]dbus.ObjectPath, len(paths))
	for i, path := range paths {
		objects[i] = dbus.ObjectPath(path)
	}
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := p.ask(ctx, serviceIface+"Unlock", []any{objects}, &unlocked, &prompt)
	if err != nil || !exists(prompt) {
		return err
	}
	_, err = c.prompt(ctx, p, prompt, reads)
	return err
}

// mayAsk reports whether a call may ask a person. Where it is left to whether
// somebody is there, a screen has to be, and nobody who signed in from elsewhere.
func mayAsk(ctx context.Context) bool {
	switch i, _ := store.InteractionOf(ctx); i {
	case store.Always:
		return true
	case store.IfAttended:
		screen := os.Getenv("WAYLAND_DISPLAY") != "" || os.Getenv("DISPLAY") != ""
		return screen && os.Getenv("SSH_CONNECTION") == ""
	}
	return false
}

// prompt shows a prompt and waits until a person has answered it. A prompt that
// nobody may be asked is dismissed and never shown. One that is given up is
// dismissed too, where the provider survives it.
func (c *Conn) prompt(ctx context.Context, p *peer, path dbus.ObjectPath, e effect) (dbus.Variant, error) {
	if !mayAsk(ctx) {
		p.dismiss(path)
		return dbus.Variant{}, locked(nil)
	}
	kind, err := p.kind(ctx)
	if err != nil {
		p.dismiss(path)
		return dbus.Variant{}, err
	}
	completed, stop, err := p.watchPrompt(ctx, path)
	if err != nil {
		p.dismiss(path)
		return dbus.Variant{}, err
	}
	defer stop()
	if err := p.at(path).call(ctx, e, promptIface+"Prompt", []any{""}); err != nil {
		if kind != gnome { // which may show it yet, see abandon
			p.dismiss(path)
		}
		return dbus.Variant{}, err
	}
	budget := time.NewTimer(c.ask)
	defer budget.Stop()
	select {
	case s := <-completed.out:
		return ending(s, e)
	case <-budget.C:
	case <-ctx.Done():
	}
	if kind == gnome {
		return dbus.Variant{}, abandon(ctx, e)
	}
	return p.giveUp(ctx, path, completed, e)
}

// abandon gives up a prompt of gnome-keyring. To dismiss it is what the API has
// for that, but gnome-keyring 42.1 does not survive any dismissal while a prompt
// is shown: an assertion in gkd-secret-unlock.c ends it, and with it whatever was
// unlocked. So the prompt stays until somebody answers it. Then the keyring is
// unlocked, and nothing else happens, because nothing else was asked for.
func abandon(ctx context.Context, e effect) error {
	if e == writes {
		return unknown(ctx.Err())
	}
	return unasked(ctx)
}

// watchPrompt listens for the end of a prompt, and of the provider.
func (p *peer) watchPrompt(ctx context.Context, path dbus.ObjectPath) (*listener, func(), error) {
	l := p.link.signals.subscribe(4, func(s *dbus.Signal) bool {
		return s.Name == promptIface+"Completed" && s.Path == path && s.Sender == p.name || p.ends(s)
	})
	rules := []string{
		"type='signal',interface='org.freedesktop.Secret.Prompt',path='" + string(path) + "'",
		"type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" + p.name + "'",
	}
	remove := func() {
		p.link.signals.unsubscribe(l)
		for _, rule := range rules {
			p.link.broker().post(busIface+"RemoveMatch", rule)
		}
	}
	for _, rule := range rules {
		if err := p.link.broker().call(ctx, reads, busIface+"AddMatch", []any{rule}); err != nil {
			remove()
			return nil, nil, err
		}
	}
	return l, remove, nil
}

// ends reports whether a signal says that the provider has left the bus.
func (p *peer) ends(s *dbus.Signal) bool {
	return s.Name == busIface+"NameOwnerChanged" && len(s.Body) == 3 && s.Body[0] == p.name && s.Body[2] == ""
}

func (p *peer) dismiss(path dbus.ObjectPath) { p.at(path).post(promptIface + "Dismiss") }

// ending reads how a prompt ended. No signal, or one that is not the prompt's,
// means that the provider is gone.
func ending(s *dbus.Signal, e effect) (dbus.Variant, error) {
	if s == nil || s.Name != promptIface+"Completed" {
		if e == writes {
			return dbus.Variant{}, unknown(nil)
		}
		return dbus.Variant{}, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService,
			Detail: "the keyring went away", Remedy: "try again"}
	}
	var dismissed bool
	var result dbus.Variant
	if err := dbus.Store(s.Body, &dismissed, &result); err != nil {
		return dbus.Variant{}, corrupt("the keyring does not say how the prompt ended")
	}
	if dismissed {
		return dbus.Variant{}, &store.Error{Class: store.ErrDenied, Detail: "the keyring's prompt was dismissed, or could not be shown",
			Remedy: "unlock the keyring, for example by signing in to the desktop"}
	}
	return result, nil
}

// giveUp dismisses a prompt that was not answered in time. Somebody may answer
// it at the same moment: how it ended is what the provider says, and if it says
// nothing, nobody knows.
func (p *peer) giveUp(ctx context.Context, path dbus.ObjectPath, completed *listener, e effect) (dbus.Variant, error) {
	p.dismiss(path)
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case s := <-completed.out:
		result, err := ending(s, e)
		if native(err) == "" && store.ClassOf(err) == store.ErrDenied {
			return result, unasked(ctx)
		}
		return result, err
	case <-late.C:
	}
	if e == writes {
		return dbus.Variant{}, unknown(ctx.Err())
	}
	return dbus.Variant{}, unasked(ctx)
}

// unasked says that nobody answered a prompt in time.
func unasked(ctx context.Context) error {
	e := &store.Error{Class: store.ErrTimedOut}
	if ended := store.FromContext(ctx); ended != nil {
		e = ended.(*store.Error)
	}
	e.Detail, e.Remedy = "nobody answered the keyring's prompt", "answer it, or unlock the keyring beforehand"
	return e
}
