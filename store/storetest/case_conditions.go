package storetest

import (
	"strconv"

	"github.com/kinring/kinring/store"
)

// situation is what a key may hold before a conditional write.
type situation struct {
	name    string
	present bool
	// make brings it about and returns the last revision that the key had.
	make func(*trial, store.Key) store.Revision
}

func situations(p *trial) []situation {
	all := []situation{
		{"nothing", false, func(*trial, store.Key) store.Revision { return "" }},
		{"a value", true, func(p *trial, k store.Key) store.Revision { return p.putValue(k, "there") }},
		{"an empty value", true, func(p *trial, k store.Key) store.Revision { return p.putValue(k, "") }},
		{"nothing after a delete", false, func(p *trial, k store.Key) store.Revision {
			rev := p.putValue(k, "deleted")
			if err := p.s.Delete(p.ctx, k, store.Any()); err != nil {
				p.Fatalf("delete %s: %v", show(k), err)
			}
			return rev
		}},
	}
	if p.caps.Records {
		all = append(all, situation{"a marker", true, func(p *trial, k store.Key) store.Revision {
			return p.put(k, store.Item{Record: markerRecord()}, store.Any())
		}})
	}
	return all
}

// attempted is a condition, and whether it holds where the key names an item
// and where it does not.
type attempted struct {
	name           string
	cond           store.Condition
	there, missing bool
}

// conditions returns every condition that can be put to a key whose last
// revision was last and whose revision before that was stale. other is the
// revision of another key.
func conditions(last, stale, other store.Revision) []attempted {
	all := []attempted{
		{"any", store.Any(), true, true},
		{"absent", store.Absent(), false, true},
		{"match the last revision", store.Match(last), true, false},
		{"match no revision", store.Match(""), false, false},
		{"match a made-up revision", store.Match("no such revision"), false, false},
	}
	if stale != "" {
		all = append(all, attempted{"match a stale revision", store.Match(stale), false, false})
	}
	if other != last { // revisions are unique within a key only
		all = append(all, attempted{"match another key's revision", store.Match(other), false, false})
	}
	return all
}

// eachCondition tries each condition in each situation, on a key of its own.
func eachCondition(p *trial, try func(k store.Key, s situation, a attempted, what string)) {
	other := p.putValue(key("another key"), "another value")
	for _, s := range situations(p) {
		for n := range conditions("", "stale", other) {
			k := key(s.name + strconv.Itoa(n))
			stale := store.Revision("")
			if s.present {
				stale = p.putValue(k, "before")
			}
			last := s.make(p, k)
			all := conditions(last, stale, other)
			if n < len(all) {
				try(k, s, all[n], all[n].name+", with "+s.name+" there")
			}
		}
	}
	p.wantValue(key("another key"), []byte("another value"))
}

func putConditions(p *trial) {
	eachCondition(p, func(k store.Key, s situation, a attempted, what string) {
		before := p.state(k)
		rev, err := p.s.Put(p.ctx, k, value("put"), a.cond)
		holds := s.present && a.there || !s.present && a.missing
		switch {
		case p.refused(err, a.cond):
			p.wantState(k, "a put that was refused", before)
		case !holds:
			p.wantClass(err, "put under "+what, store.ErrConflict)
			p.wantState(k, "a put under "+what, before)
		case err != nil:
			p.Errorf("put under %s: %v", what, err)
		default:
			if i := p.mustGet(k); string(i.Value.Bytes()) != "put" || i.Revision != rev {
				p.Errorf("put under %s: the key holds %s, revision %q, want the value put and %q", what, brief(i.Value.Bytes()), i.Revision, rev)
			}
		}
	})
}

func deleteConditions(p *trial) {
	eachCondition(p, func(k store.Key, s situation, a attempted, what string) {
		before := p.state(k)
		err := p.s.Delete(p.ctx, k, a.cond)
		class := deleteClass(s, a)
		switch {
		case p.refused(err, a.cond):
			p.wantState(k, "a delete that was refused", before)
		case class != nil:
			p.wantClass(err, "delete under "+what, class)
			p.wantState(k, "a delete under "+what, before)
		case err != nil:
			p.Errorf("delete under %s: %v", what, err)
		default:
			p.wantAbsent(k)
		}
	})
}

// deleteClass returns what a delete has to report, nil for success.
func deleteClass(s situation, a attempted) *store.Class {
	switch {
	case a.cond.IsAbsent():
		return store.ErrInvalid
	case a.cond.IsAny() && !s.present:
		return store.ErrNotFound
	case a.cond.IsAny() || s.present && a.there:
		return nil
	}
	return store.ErrConflict
}

// revisions: each write of a key gets a revision that no write of it had, also
// when the value is the same and when the key was deleted in between.
func revisions(p *trial) {
	k, other := key("written often"), key("written once")
	single := p.putValue(other, "once")
	seen := map[store.Revision]string{}
	for n := range 40 {
		what := "write " + strconv.Itoa(n)
		rev := p.putValue(k, "value "+strconv.Itoa(n/4)) // the same four times
		if before, twice := seen[rev]; twice {
			p.Errorf("%s got revision %q, which %s had", what, rev, before)
		}
		seen[rev] = what
		p.wantRevision(k, rev)
		p.wantRevision(k, rev)
		if n%3 == 2 {
			if err := p.s.Delete(p.ctx, k, store.Any()); err != nil {
				p.Fatalf("delete %s: %v", show(k), err)
			}
		}
	}
	p.wantRevision(other, single)
}

func (p *trial) wantRevision(k store.Key, want store.Revision) {
	p.Helper()
	if got := p.mustGet(k).Revision; got != want {
		p.Errorf("get %s: revision %q, want %q as put said", show(k), got, want)
	}
	if e, ok := p.list(k.Service)[k]; ok && e.Revision != want {
		p.Errorf("list shows %s with revision %q, want %q as put said", show(k), e.Revision, want)
	}
}
