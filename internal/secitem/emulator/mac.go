// Package emulator imitates a Mac: both keychains and several programs with
// their signatures, entitlements and sessions.
//
// It is an emulator of documented semantics, not of a program: what it does
// comes from Apple's documentation and published source, and nobody has held it
// against a Mac yet. It holds generic passwords only. Where the sources are
// silent it takes the answer that gives a caller less: these places say
// "assumed".
package emulator

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/kinring/kinring/internal/secitem"
)

// Mac is one machine and one user's login on it. It is made by New; its
// functions may be called from several goroutines.
type Mac struct {
	mu        sync.Mutex
	now       func() time.Time
	device    Device
	passcode  bool
	stopped   bool
	rows      []*row
	keychains []*keychain
	answer    func(Prompt) Answer
	prompts   []Prompt
	attempts  int
}

// Device is how far a person has unlocked the machine.
type Device int

const (
	// Unlocked: somebody is working at it.
	Unlocked Device = iota
	// ScreenLocked: items that are accessible when unlocked cannot be read.
	ScreenLocked
	// BeforeFirstUnlock: nobody has logged in since it started.
	BeforeFirstUnlock
)

// New returns an unlocked Mac with a passcode, an empty login keychain that is
// unlocked, and nobody who answers prompts with anything but no.
func New() *Mac {
	return &Mac{
		now:       time.Now,
		passcode:  true,
		keychains: []*keychain{{path: "/Users/person/Library/Keychains/login.keychain-db"}},
		answer:    func(Prompt) Answer { return Deny },
	}
}

// with runs f under the machine's lock.
func (m *Mac) with(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// SetClock sets where dates come from.
func (m *Mac) SetClock(now func() time.Time) { m.with(func() { m.now = now }) }

// SetDevice locks or unlocks the machine, for the data-protection keychain.
func (m *Mac) SetDevice(d Device) { m.with(func() { m.device = d }) }

// SetPasscode says whether the user has one.
func (m *Mac) SetPasscode(has bool) { m.with(func() { m.passcode = has }) }

// SetService starts and stops what serves the data-protection keychain.
func (m *Mac) SetService(running bool) { m.with(func() { m.stopped = !running }) }

// SetLoginLocked locks or unlocks the login keychain.
func (m *Mac) SetLoginLocked(locked bool) { m.with(func() { m.keychains[0].locked = locked }) }

// RemoveLogin deletes the login keychain's file.
func (m *Mac) RemoveLogin() {
	m.with(func() { m.keychains[0].missing, m.keychains[0].items = true, nil })
}

// AddSearched adds another keychain file to the end of the search list.
func (m *Mac) AddSearched(path string) {
	m.with(func() { m.keychains = append(m.keychains, &keychain{path: path}) })
}

// MakeInSearched is Add into a keychain of the search list that is not the
// default one, by the program.
func (m *Mac) MakeInSearched(p *Process, path string, attributes secitem.Dict) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.keychains {
		if k.path == path {
			_, err := p.fileAdd(k, withoutDP(attributes))
			return err
		}
	}
	return secitem.ErrNoSuchKeychain
}

// Damage makes all data-protection items of that service and account unreadable,
// as a corrupt row is.
func (m *Mac) Damage(service, account string) {
	m.change(service, account, func(r *row) { r.corrupt = true })
}

// Protect makes all data-protection items of that service and account ask a
// person for authentication before they are read.
func (m *Mac) Protect(service, account string) {
	m.change(service, account, func(r *row) { r.protected = true })
}

func (m *Mac) change(service, account string, f func(*row)) {
	m.with(func() {
		for _, r := range m.rows {
			if r.attrs[secitem.KeyService] == service && r.attrs[secitem.KeyAccount] == account {
				f(r)
			}
		}
	})
}

// Contents is everything in both keychains.
type Contents struct{ DataProtection, Login []secitem.Item }

// Contents returns copies of all items, sorted, with dates and values: what a
// test compares to show that nothing changed.
func (m *Mac) Contents() Contents {
	m.mu.Lock()
	defer m.mu.Unlock()
	var c Contents
	for _, r := range m.rows {
		c.DataProtection = append(c.DataProtection, secitem.Item{Attributes: r.result(), Data: slices.Clone(r.value)})
	}
	for _, k := range m.keychains {
		for _, i := range k.items {
			c.Login = append(c.Login, secitem.Item{Attributes: i.result(), Data: slices.Clone(i.value)})
		}
	}
	for _, list := range [][]secitem.Item{c.DataProtection, c.Login} {
		slices.SortStableFunc(list, byKey)
	}
	return c
}

func byKey(a, b secitem.Item) int {
	for _, k := range []secitem.Key{secitem.KeyService, secitem.KeyAccount, secitem.KeyAccessGroup} {
		if c := cmp.Compare(a.Attributes.String(k), b.Attributes.String(k)); c != 0 {
			return c
		}
	}
	return 0
}
