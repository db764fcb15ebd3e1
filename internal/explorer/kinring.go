package explorer

import (
	"context"
	"errors"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// capability is a class of shared store.
type capability struct {
	name     string
	keying   bool // derives fingerprint keys; others keep one in a reserved item
	emulated bool
	absent   bool // there is no shared store, by design
	idle     bool // the first of two legacy sources is not in use
	passes   bool // the older build goes on to the next source when it cannot read one
}

// with reports whether the class is tried with so many legacy sources.
func (c capability) with(sources int) bool {
	switch c.name {
	case "keychain-like", "absent by design":
		return sources == 1
	case "first source not in use", "sources passed over":
		return sources == 2
	}
	return true
}

var capabilities = []capability{
	{name: "vault-like", keying: true},
	{name: "keychain-like"},
	{name: "emulated", emulated: true},
	{name: "absent by design", absent: true},
	{name: "first source not in use", keying: true, idle: true},
	{name: "sources passed over", keying: true, passes: true},
}

// policy is a named policy.
type policy struct {
	name string
	coexist.Policy
	rotates bool // the key rotates
}

// kinring returns the real engine as a subject.
func kinring(c capability, pol policy, sources int) *subject {
	return &subject{
		name:   "kinring, " + pol.name + ", " + c.name + ", " + [...]string{"no source", "one source", "two sources"}[sources],
		policy: pol.name, class: c.name, sources: sources, emulated: c.emulated, absent: c.absent, idle: c.idle,
		adopts:     pol.Adopt == coexist.Auto || pol.Adopt == coexist.OnRejection,
		propagates: pol.OlderSignout == coexist.SignoutPropagate,
		bulk:       pol.BulkMigrate == coexist.BulkFirstOperation,
		dual:       pol.Writes == coexist.DualWrite,
		rotates:    pol.rotates,
		open: func(p *process, prog program) family {
			return openEngine(p, prog, c, pol, sources)
		},
	}
}

// engine is a program that uses the real engine.
type engine struct {
	*coexist.Engine
	p    *process
	last *coexist.Reading // what the program read last
}

func openEngine(p *process, prog program, c capability, pol policy, sources int) family {
	caps := store.Capabilities{AtomicAbsent: !c.emulated, AtomicMatch: !c.emulated, Fenced: c.emulated, Records: true, Persistent: true}
	cl := client{p: p, store: shared, caps: caps, newer: prog.later}
	config := coexist.Config{Policy: pol.Policy, Services: []string{mainKey.Service}, Queue: alone{}, Memory: &memory{},
		Random: p.random, Notify: p.notify, Shared: cl, Leases: leases{p}, Grace: p.grace,
		Traits: func(store.Key) coexist.Traits { return coexist.Traits{Rotates: pol.rotates} }}
	if c.keying {
		config.Shared = keyingClient{cl}
	}
	for i := range sources {
		legacy := client{p: p, store: uint8(firstLegacy + i), caps: store.Capabilities{Persistent: true}}
		src := coexist.Source{Name: string(rune('a' + i)), Store: legacy, Stamp: legacy.stamp}
		if c.idle {
			src.Active = legacy.active
		}
		if c.passes {
			src.PassesOver = func(context.Context) (bool, error) { return true, nil }
		}
		config.Sources = append(config.Sources, src)
	}
	e, err := coexist.New(config)
	if err != nil {
		panic(err)
	}
	return engine{e, p, new(coexist.Reading)}
}

// random fills b with bytes that no other operation is given.
func (p *process) random(b []byte) error {
	for i := range b {
		b[i] = byte(p.op + 1)
	}
	return nil
}

func (p *process) notify(n coexist.Notice) {
	switch n.Kind {
	case coexist.NoticeBackfilled:
		p.tell(noticeBackfilled)
	case coexist.NoticeAdopted:
		p.tell(noticeAdopted)
	case coexist.NoticeFastForwarded:
		p.tell(noticeFastForwarded)
	case coexist.NoticeDiverged:
		p.tell(noticeDiverged)
	}
}

// alone is the queue of a program that does one thing at a time.
type alone struct{}

func (alone) Do(ctx context.Context, _ store.Key, op func(context.Context) error) error {
	return op(ctx)
}

// memory is what a process remembers of stamps: there is one key.
type memory struct{ stamps [maxLegacy]string }

func (m *memory) Noted(_ store.Key, source string) string   { return m.stamps[source[0]-'a'] }
func (m *memory) Note(_ store.Key, source string, s string) { m.stamps[source[0]-'a'] = s }

func (e engine) get() result {
	r, err := e.Get(processContext{e.p}, mainKey)
	*e.last = r
	return e.reading(r, err)
}

func (e engine) reading(r coexist.Reading, err error) result {
	if err != nil {
		return resultOf(err)
	}
	truth := r.Provenance == coexist.FromShared || r.Provenance == coexist.FromLegacy
	return result{value: valueOf(r.Value), truth: truth}
}

func (e engine) set(v valueID) result {
	_, err := e.Set(processContext{e.p}, mainKey, store.NewValue([]byte(v.text())))
	return resultOf(err)
}

func (e engine) delete() result {
	_, err := e.Delete(processContext{e.p}, mainKey)
	return resultOf(err)
}

func (e engine) list() result {
	l, err := e.List(processContext{e.p})
	r := resultOf(err)
	for _, k := range l.Keys {
		r.listed = r.listed || k.Key == mainKey
	}
	return r
}

// valueOf reads a value's number.
func valueOf(v store.Value) (n valueID) {
	v.View(func(b []byte) { n = valueIDOf(string(b)) })
	return n
}

// resultOf says in the model's terms what an error says.
func resultOf(err error) result {
	var e *store.Error
	switch c := store.ClassOf(err); {
	case err == nil:
		return result{}
	case c == store.ErrNotFound:
		return result{class: resultNotFound}
	case c == store.ErrPartial && errors.As(err, &e):
		return result{class: resultPartial, done: doneOf(e.Done), alien: alien(e)}
	case c == store.ErrOutcomeUnknown:
		return result{class: resultUnknown}
	case c == nil:
		return result{class: resultDefect}
	}
	return result{class: resultFailed, alien: alien(err)}
}

// alien reports whether an error, or its cause, is that a later version wrote.
func alien(err error) bool {
	var e *store.Error
	for errors.As(err, &e) {
		if e.Class == store.ErrUnsupported {
			return true
		}
		if err = e.Cause(); err == nil {
			return false
		}
	}
	return false
}

func doneOf(names []string) (mask uint8) {
	for _, n := range names {
		switch n {
		case "shared":
			mask |= 1 << shared
		case "a", "b":
			mask |= 1 << (firstLegacy + n[0] - 'a')
		}
	}
	return mask
}
