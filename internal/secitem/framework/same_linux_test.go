package framework

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/internal/secitem/secitemtest"
)

// The emulator in Go and the double in C are two readings of one documentation,
// by the same people, in two languages. Where they differ one of them is wrong,
// or the FFI between them is.

// pick returns one of several, as the source chooses.
func pick[T any](s *source, of ...T) T { return of[s.next(len(of))] }

// query is what a program might ask, with a fault in it now and then. It always
// says which keychain it means: more the double does not know.
func (s *source) query() secitem.Dict {
	q := secitem.Query{
		Keychain:    pick(s, secitem.DataProtection, secitem.DataProtection, secitem.Login),
		AccessGroup: pick(s, secitemtest.Group, secitemtest.Group, secitemtest.Group, secitemtest.Group, secitemtest.Other, "", "", "X.y", secitem.TokenGroup),
		Service:     pick(s, "one", "one", "one", "one", "two", ""),
		Account:     pick(s, "a", "a", "a", "b", ""),
		Sync:        pick(s, secitem.Local, secitem.Local, secitem.Local, secitem.Synced, secitem.LocalOrSynced),
		Generic:     pick(s, nil, nil, nil, nil, nil, []byte("r1"), []byte("r2"), []byte{}),
		Accessible:  pick(s, "", "", "", "", "", secitem.AccessibleAfterFirstUnlock, secitem.AccessibleWhenUnlockedThisDevice),
		All:         pick(s, false, false, true),
	}
	q.ReturnAttributes, q.ReturnData = s.next(2) == 0, s.next(2) == 0
	d := q.Dict()
	if s.next(6) == 0 {
		d[pick[secitem.Key](s, "abcd", "x", "svce", "gena", "sync", "r_Data", "m_Limit", "class", "pdmn", "mdat", "labl")] =
			pick[any](s, "text", int64(1), int64(0), int64(-1), true, []byte("data"), secitem.Null{}, secitem.MatchLimitAll)
	}
	if s.next(8) == 0 {
		delete(d, pick(s, secitem.KeySynchronizable, secitem.KeyClass, secitem.KeyAccount))
	}
	return d
}

func (s *source) change() secitem.Dict {
	d := secitem.Change{Value: pick(s, nil, []byte("v1"), []byte("v2"), []byte{}), Generic: pick(s, nil, []byte("r1"), []byte("r2")), Label: pick(s, "", "label")}.Dict()
	if s.next(5) == 0 {
		d[pick[secitem.Key](s, "acct", "agrp", "svce", "class", "r_Data", "abcd", "v_Data", "x")] = pick[any](s, "a", "b", secitemtest.Other, "X.y", true, secitem.Null{}, []byte("v"))
	}
	return d
}

// step does one call on one of the two, and returns what came of it as text.
func step(m secitem.Mac, op int, query, change secitem.Dict) string {
	var items []secitem.Item
	var err error
	switch op {
	case 0, 1:
		add := secitem.Dict{}
		for _, d := range []secitem.Dict{query, change} {
			for k, v := range d {
				add[k] = v
			}
		}
		err = m.Add(add)
	case 2, 3, 4:
		items, err = m.CopyMatching(query)
	case 5, 6:
		err = m.Update(query, change)
	case 7:
		err = m.Delete(query)
	}
	// Of several faults in one query any may be told.
	switch err {
	case secitem.ErrParam, secitem.ErrNoSuchAttr, secitem.ErrNoSuchClass, secitem.ErrUnimplemented:
		return "refused"
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v, %d items", err, len(items))
	for _, i := range items {
		fmt.Fprintf(&out, "; data %q, nil %v", i.Data, i.Data == nil)
		for _, k := range []secitem.Key{secitem.KeyService, secitem.KeyAccount, secitem.KeyAccessGroup, secitem.KeyLabel, secitem.KeyGeneric, secitem.KeyAccessible} {
			if v, ok := i.Attributes[k]; ok {
				fmt.Fprintf(&out, ", %s %q", k, v)
			}
		}
	}
	return out.String()
}

// populate makes what a history begins with.
func populate(s secitemtest.Stage) {
	for _, account := range []string{"a", "b"} {
		q := secitem.Query{Service: "one", Account: account, AccessGroup: secitemtest.Group, Generic: []byte("r1")}
		s.Make(q, "shared")
		s.Make(q, "synced", "sync", true)
		s.Make(q, "other", "agrp", secitemtest.Other)
		q.Keychain, q.AccessGroup = secitem.Login, ""
		s.Make(q, "login")
	}
}

// same runs the choices on both, compares every step, and returns how many there
// were and how many of them found something.
func same(t *testing.T, d *double, s source) (steps, found int) {
	d.reset()
	d.member(t, secitem.EntitlementAccessGroups, groups...)
	program := emulator.Program{Name: "app", Team: secitemtest.Team, Entitlements: map[string]any{secitem.EntitlementAccessGroups: groups}}
	emulated := emulator.New().Run(program)
	for _, m := range []secitem.Mac{emulated, d} {
		populate(secitemtest.Stage{TB: t, Mac: m})
	}
	for ; len(s) > 0; steps++ {
		op, query, change := s.next(8), s.query(), s.change()
		want, got := step(emulated, op, query, change), step(d, op, query, change)
		if want != got {
			t.Fatalf("step %d, operation %d, query %#v, change %#v:\nemulator %s\ndouble   %s", steps, op, map[secitem.Key]any(query), map[secitem.Key]any(change), want, got)
		}
		if strings.Contains(want, "; data") {
			found++
		}
	}
	return steps, found
}

// TestSame: emulator and double agree on long random histories.
func TestSame(t *testing.T) {
	d := open(t, groups...)
	histories := 1000
	if testing.Short() {
		histories = 200
	}
	steps, found := 0, 0
	for seed := range uint64(histories) {
		random := rand.New(rand.NewPCG(seed, 1))
		choices := make(source, 600)
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		s, f := same(t, d, choices)
		steps, found = steps+s, found+f
	}
	if found*20 < steps {
		t.Errorf("only %d of %d steps found something: the choices are too wild", found, steps)
	}
	t.Logf("%d histories, %d steps, %d found something", histories, steps, found)
}

// FuzzSame is TestSame with a fuzzer's choices.
func FuzzSame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, data []byte) { same(t, open(t, groups...), data) })
}
