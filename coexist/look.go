package coexist

import (
	"context"
	"errors"

	"github.com/kinring/kinring/store"
)

// hit answers with the shared value. Where the policy takes over what older
// builds write, it looks whether one of them did.
func (e *Engine) hit(ctx context.Context, key store.Key, item store.Item) (Reading, error) {
	if !e.watches() {
		return shared(item), nil
	}
	for _, src := range e.sources(key) {
		stamp, moved := e.moved(ctx, src, key)
		if !moved {
			continue
		}
		r, done, err := e.compareWith(ctx, src, key, item)
		if done || err != nil {
			return r, err
		}
		if stamp != "" {
			e.Memory.Note(key, src.Name, stamp)
		}
	}
	return shared(item), nil
}

// compareWith looks at one source beside a shared value and reports whether that
// settles the answer.
func (e *Engine) compareWith(ctx context.Context, src Source, key store.Key, item store.Item) (Reading, bool, error) {
	p, err := e.prints(ctx, false)
	if err != nil {
		return Reading{}, true, err
	}
	then := p.recall(item.Record, src.Name)
	if then.Kind == store.Unknown {
		return Reading{}, false, nil
	}
	switch s := e.look(ctx, src, key).beside(then); {
	case s.err != nil:
		return e.doubtful(key, item, s), true, nil
	case s.inactive:
		return Reading{}, false, nil
	default:
		return e.compare(ctx, p, key, item, s, then)
	}
}

// watches reports whether a hit compares with legacy at all.
func (e *Engine) watches() bool {
	return e.Policy.FastForward == Auto || e.Policy.FastForward == Report
}

// moved reports whether a source may have changed since this engine last
// compared it, and its stamp as it is now. The stamp is taken before the look,
// so that a change between the two is seen next time.
func (e *Engine) moved(ctx context.Context, src Source, key store.Key) (stamp string, moved bool) {
	if src.Stamp == nil || e.Memory == nil {
		return "", true
	}
	stamp, err := src.Stamp(ctx, key)
	if err != nil {
		return "", true
	}
	return stamp, stamp == "" || stamp != e.Memory.Noted(key, src.Name)
}

// doubtful returns the shared value when a source could not be compared: an
// older build may have written something newer there.
func (e *Engine) doubtful(key store.Key, item store.Item, s sighting) Reading {
	e.notify(NoticeLookFailed, key, s.source.Name, s.err)
	r := shared(item)
	r.Provenance = Unverified
	return r
}

// judgement is what a source shows beside a shared value and their record.
type judgement int

const (
	nothingNew judgement = iota // the source holds what is known of it, or the shared value
	olderOut                    // what both held is gone from the source
	olderAlone                  // an older build wrote, and no new build did
	bothWrote                   // both wrote since they last agreed
)

// judge is the three-way comparison of shared value, source and record.
func (p *printer) judge(key store.Key, item store.Item, s sighting, then store.Agreement) judgement {
	ours := p.seen(key, s.source, item.Value)
	switch {
	case !s.present && then.Kind == store.Held && then.Pending == "":
		return olderOut // not what is announced and has yet to arrive
	case !s.present || !p.changed(key, s, then) || ours == p.seen(key, s.source, s.value):
		return nothingNew
	case then.Kind == store.Held && ours == then.Fingerprint:
		return olderAlone
	}
	return bothWrote
}

// compare acts on what a source shows beside a shared value. It reports whether
// that settles the answer.
func (e *Engine) compare(ctx context.Context, p *printer, key store.Key, item store.Item, s sighting, then store.Agreement) (Reading, bool, error) {
	switch p.judge(key, item, s, then) {
	case olderOut:
		return e.olderSignedOut(ctx, p, key, item, s, then)
	case bothWrote:
		e.notify(NoticeDiverged, key, s.source.Name, nil)
	case olderAlone:
		if e.Policy.FastForward == Auto {
			r, err := e.fastForward(ctx, p, key, item, s)
			return r, true, err
		}
		e.notify(NoticeOlderWrote, key, s.source.Name, nil)
	}
	return Reading{}, false, nil
}

// fastForward takes over a value that an older build wrote while no new build
// did.
func (e *Engine) fastForward(ctx context.Context, p *printer, key store.Key, item store.Item, s sighting) (Reading, error) {
	next, err := e.takeOver(ctx, p, key, item, s)
	switch {
	case err == nil:
		e.notify(NoticeFastForwarded, key, s.source.Name, nil)
		return shared(next), nil
	case errors.Is(err, store.ErrConflict):
		return Reading{}, err
	}
	e.notify(NoticeBackfillFailed, key, s.source.Name, err)
	return Reading{Value: s.value, Provenance: FromLegacy, Source: s.source.Name}, nil
}

// olderSignedOut acts on an older build's own sign-out.
func (e *Engine) olderSignedOut(ctx context.Context, p *printer, key store.Key, item store.Item, s sighting, then store.Agreement) (Reading, bool, error) {
	if e.Policy.OlderSignout == SignoutIgnore {
		return Reading{}, false, nil
	}
	e.notify(NoticeOlderSignedOut, key, s.source.Name, nil)
	// A value that a new build wrote since is not the one that was signed out.
	if e.Policy.OlderSignout != SignoutPropagate || p.seen(key, s.source, item.Value) != then.Fingerprint {
		return Reading{}, false, nil
	}
	if marked, err := e.mark(ctx, p, key, item, s); !marked {
		return Reading{}, err != nil, err
	}
	return Reading{}, true, &store.Error{Class: store.ErrNotFound, Detail: "an older build signed out"}
}
