package coexist

import (
	"context"
	"errors"
	"slices"

	"github.com/kinring/kinring/store"
)

// SourceStatus is what one legacy source holds under a key, beside the shared
// value and the record.
type SourceStatus struct {
	Source string
	State  State
	Err    error
	// EqualsShared and EqualsAgreed compare the source's value with the shared
	// value and with what both last agreed on; nil means that it is not known.
	EqualsShared, EqualsAgreed Answer
	Verdict                    Verdict
	// Inactive: the older build, as it is configured now, does not use it.
	Inactive bool
}

// KeyStatus is how one key stands everywhere.
type KeyStatus struct {
	Key        store.Key
	Shared     State
	SharedErr  error
	Generation uint64
	Marker     bool
	Legacy     []SourceStatus
	Verdict    Verdict
	// OlderWrote and NewWrote say who wrote since both last agreed; nil means
	// that it is not known.
	OlderWrote, NewWrote Answer
	// Unshared: the profile shares it with nobody. The legacy sources are its
	// store, and legacy-only is how it is to be.
	Unshared bool
	Remedy   string
}

// Overview is the answer of a Status.
type Overview struct {
	Keys       []KeyStatus
	Incomplete []Unlisted
}

// Status compares the stores key by key: the named keys, or all that there are. It writes nothing and takes nothing over. It reads
// values of sources that may ask a person only if interactive is set; what it
// could not read is unknown, not an error.
func (e *Engine) Status(ctx context.Context, interactive bool, keys ...store.Key) (Overview, error) {
	var r Overview
	if len(keys) == 0 {
		l, _ := e.Names(ctx)
		r.Incomplete = l.Incomplete
		for _, k := range l.Keys {
			keys = append(keys, k.Key)
		}
	}
	defer e.batch()()
	for _, key := range keys {
		if err := admit(key); err != nil {
			return Overview{}, store.At(err, "status", "", key)
		}
		if err := store.FromContext(ctx); err != nil {
			return Overview{}, store.At(err, "status", "", key)
		}
		r.Keys = append(r.Keys, e.status(ctx, interactive, key))
	}
	return r, nil
}

func (e *Engine) status(ctx context.Context, interactive bool, key store.Key) KeyStatus {
	st := KeyStatus{Key: key, Unshared: e.Traits(key).LegacyOnly}
	item, err := e.readShared(ctx, interactive, key)
	st.Shared, st.SharedErr = sharedState(item, err)
	st.Generation = item.Record.Generation
	st.Marker = st.Shared == StateMarker
	p, err := e.prints(ctx, false)
	if err != nil {
		p = &printer{}
	}
	c := comparison{e, p, key, item, st.Shared}
	var all, passed []facts
	for _, src := range e.sources(key) {
		s, f := c.source(ctx, interactive, src)
		st.Legacy = append(st.Legacy, s)
		switch {
		case !s.Inactive:
			all = append(all, f)
		case s.Err != nil:
			passed = append(passed, f)
		}
	}
	st.conclude(append(all, missed(passed, all)...))
	if st.Verdict == LegacyOnlyHere {
		st.Remedy = e.copies(st.Unshared)
	}
	return st
}

// copies says what copies a legacy value into the shared store.
func (e *Engine) copies(unshared bool) string {
	switch {
	case unshared:
		return ""
	case e.Policy.Backfill == BackfillOff:
		return "migrate copies it into the shared store"
	}
	return "read it once to copy it into the shared store"
}

func (e *Engine) readShared(ctx context.Context, interactive bool, key store.Key) (store.Item, error) {
	if e.Traits(key).LegacyOnly {
		return store.Item{}, &store.Error{Class: store.ErrNotFound}
	}
	if e.Shared.Info().Capabilities.MayPrompt && !interactive {
		return store.Item{}, errUnread
	}
	return e.Shared.Get(ctx, key)
}

// errUnread stands for a value that was not read because reading might have
// asked a person.
var errUnread = errors.New("not read: it might ask for permission")

func sharedState(item store.Item, err error) (State, error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return StateAbsent, nil
	case errors.Is(err, errUnread):
		return StateUnread, nil
	case err != nil:
		return stateOf(err), err
	case isMarker(item):
		return StateMarker, nil
	}
	return StateValue, nil
}

// comparison compares one key's shared item with its legacy sources.
type comparison struct {
	*Engine
	printer *printer
	key     store.Key
	item    store.Item
	shared  State
}

func (c comparison) source(ctx context.Context, interactive bool, src Source) (SourceStatus, facts) {
	st := SourceStatus{Source: src.Name, State: StateUnread}
	then := c.printer.recall(c.item.Record, src.Name)
	var s sighting
	if interactive || !src.Store.Info().Capabilities.MayPrompt {
		s = c.look(ctx, src, c.key)
		st.State, st.Err = s.state(), s.err
	}
	st.Inactive = s.inactive
	if s.passed != nil {
		st.State, st.Err = stateOf(s.passed), s.passed
	}
	f := facts{shared: c.shared, legacy: st.State, then: then.Kind}
	c.compare(s, then, &f)
	st.EqualsShared, st.EqualsAgreed, st.Verdict = f.equal, f.legacyAgreed, f.verdict()
	return st, f
}

func (s sighting) state() State {
	switch {
	case s.err != nil:
		return stateOf(s.err)
	case s.inactive:
		return StateUnread
	case s.present:
		return StateValue
	}
	return StateAbsent
}

func (c comparison) compare(s sighting, then store.Agreement, f *facts) {
	legacy := c.printer.seen(c.key, s.source, s.value)
	ours := c.printer.seen(c.key, s.source, c.item.Value)
	haveLegacy, haveOurs := f.legacy == StateValue, f.shared == StateValue
	if haveLegacy && haveOurs {
		f.equal = answer(true, sameValue(s, c.item.Value))
	}
	known := then.Kind != store.Unknown
	if haveOurs {
		f.sharedAgreed = answer(known && ours != "", then.Kind == store.Held && ours == then.Fingerprint)
	}
	switch {
	case haveLegacy:
		f.legacyAgreed = answer(known && legacy != "", then.Kind == store.Held && legacy == then.Fingerprint)
	case f.legacy == StateAbsent:
		f.legacyAgreed = answer(known, then.Kind == store.AbsentThere || then.Kind == store.Pruned)
	}
}

// sameValue compares two values in their canonical forms, without needing a
// fingerprint key.
func sameValue(s sighting, ours store.Value) bool {
	if s.source.Canonical == nil {
		return s.value.Equal(ours)
	}
	canonical := func(v store.Value) (w store.Value) {
		v.View(func(b []byte) { w = store.NewValue(s.source.Canonical(b)) })
		return w
	}
	return canonical(s.value).Equal(canonical(ours))
}

// missed returns the sources that the older build passes over and that may yet
// hold what matters: those that did when both last agreed; else those that are
// there and cannot be read, unless the older build has another value to go by;
// and where there is no value at all, also those that are not there for this
// program.
func missed(passed, used []facts) []facts {
	holds := slices.ContainsFunc(used, func(f facts) bool { return f.legacy == StateValue })
	return slices.DeleteFunc(passed, func(f facts) bool {
		switch {
		case f.then == store.Held:
			return false
		case f.shared == StateMarker:
			return f.then == store.Unknown // then nothing there counts as a new sign-in
		case f.shared == StateValue && f.legacy == StateUnavailable:
			return true
		}
		return holds
	})
}

// conclude draws the key's verdict from those of its sources in use.
func (st *KeyStatus) conclude(all []facts) {
	if len(all) == 0 {
		all = []facts{{shared: st.Shared, legacy: StateAbsent}}
	}
	for i, f := range all {
		v := f.verdict()
		if i == 0 {
			st.Verdict = v
		}
		st.Verdict = heavier(st.Verdict, v)
	}
	st.NewWrote = anyAnswer(all, facts.newWrote)
	st.OlderWrote = anyAnswer(all, facts.olderWrote)
	st.Remedy = remedies[st.Verdict]
	if st.SharedErr != nil {
		st.Verdict = UnknownVerdict
		st.Remedy = remedies[UnknownVerdict]
	}
}

// newWrote answers whether a new build wrote since both last agreed.
func (f facts) newWrote() Answer {
	switch f.shared {
	case StateAbsent:
		return answer(true, false)
	case StateMarker:
		return answer(true, true)
	case StateValue:
		if f.sharedAgreed != nil {
			return answer(true, !*f.sharedAgreed)
		}
	}
	return nil
}

// olderWrote answers whether an older build wrote a value since.
func (f facts) olderWrote() Answer {
	if f.shared == StateAbsent && (f.legacy == StateValue || f.legacy == StateAbsent) {
		return answer(true, f.legacy == StateValue)
	}
	if f.legacyAgreed == nil {
		return nil
	}
	return answer(true, !*f.legacyAgreed && f.legacy == StateValue)
}

// anyAnswer is yes if one source says yes, no if all say no, and unknown
// otherwise.
func anyAnswer(all []facts, ask func(facts) Answer) Answer {
	unknown := false
	for _, f := range all {
		switch a := ask(f); {
		case a == nil:
			unknown = true
		case *a:
			return a
		}
	}
	return answer(!unknown, false)
}
