// Package secitemtest holds what every [secitem.Mac] must do, as rows of a table
// that run on the emulator, on the doubles of Apple's frameworks, and one day on
// a Mac. The numbers of rows are those of the documented state tables.
package secitemtest

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
)

// Groups that a program of these rows is entitled to.
const (
	Team  = "TEAM000001"
	Group = Team + ".com.example.shared"
	Other = Team + ".com.example.other"
)

// Service and Account are those of the item that most rows are about.
const (
	Service = "svc"
	Account = "acc"
)

// Open returns a Mac with empty keychains, seen by a program that is entitled to
// these groups, in this order.
type Open func(t testing.TB, groups ...string) secitem.Mac

// Gate returns a Mac on which no call begins while somebody holds the lock.
func Gate(m secitem.Mac) (secitem.Mac, *sync.RWMutex) {
	gate := &sync.RWMutex{}
	return secitem.Faults{Mac: m, Before: func(string) error {
		gate.RLock()
		defer gate.RUnlock()
		return nil
	}}, gate
}

// Row is one row: what is there, one call, its status, what is there after.
type Row struct {
	ID, Name string
	// Unentitled: by a program that has no groups.
	Unentitled bool
	Before     func(s Stage)
	Call       func(s Stage) error
	Want       error
	After      func(s Stage)
}

// Stage is where a row runs.
type Stage struct {
	testing.TB
	secitem.Mac
}

// Run runs rows, each on a Mac of its own.
func Run(t *testing.T, rows []Row, open Open) {
	for _, r := range rows {
		t.Run(r.ID+" "+r.Name, func(t *testing.T) {
			groups := []string{Group, Other}
			if r.Unentitled {
				groups = nil
			}
			r.run(Stage{t, open(t, groups...)})
		})
	}
}

func (r Row) run(s Stage) {
	s.Helper()
	if r.Before != nil {
		r.Before(s)
	}
	if err := r.Call(s); err != r.Want {
		s.Fatalf("got %v, want %v", err, r.Want)
	}
	if r.After != nil {
		r.After(s)
	}
}

// Item and LoginItem are queries for the item that most rows are about.
func Item() secitem.Query {
	return secitem.Query{AccessGroup: Group, Service: Service, Account: Account}
}

// LoginItem is the same in the login keychain.
func LoginItem() secitem.Query {
	return secitem.Query{Keychain: secitem.Login, Service: Service, Account: Account}
}

// AnyGroup is Item without a group.
func AnyGroup() secitem.Query { q := Item(); q.AccessGroup = ""; return q }

// Data returns the query for the value.
func Data(q secitem.Query) secitem.Query { q.ReturnData = true; return q }

// But returns the dictionary of a query with some keys changed: pairs of a key
// and a value, where nil removes the key.
func But(q secitem.Query, pairs ...any) secitem.Dict {
	d := q.Dict()
	for i := 0; i < len(pairs); i += 2 {
		if k := secitem.Key(pairs[i].(string)); pairs[i+1] == nil {
			delete(d, k)
		} else {
			d[k] = pairs[i+1]
		}
	}
	return d
}

// Value is a change of the value.
func Value(v string) secitem.Dict { return secitem.Change{Value: []byte(v)}.Dict() }

// Make adds an item with a value, and must be able to.
func (s Stage) Make(q secitem.Query, v string, pairs ...any) {
	s.Helper()
	q.Value = []byte(v)
	if err := s.Add(But(q, pairs...)); err != nil {
		s.Fatalf("making %q: %v", v, err)
	}
}

// Status runs a search and returns its status alone.
func (s Stage) Status(d secitem.Dict) error { _, err := s.CopyMatching(d); return err }

// Same runs all four functions with one query, and returns the status that they
// share.
func (s Stage) Same(d secitem.Dict) error {
	s.Helper()
	add := secitem.Dict{secitem.KeyValueData: []byte("v")}
	for k, v := range d {
		add[k] = v
	}
	first := s.Add(add)
	for name, err := range map[string]error{"CopyMatching": s.Status(d), "Update": s.Update(d, Value("w")), "Delete": s.Delete(d)} {
		if err != first {
			s.Fatalf("%s says %v, Add says %v", name, err, first)
		}
	}
	return first
}

// Finds fails unless the query returns exactly these values, in any order.
func (s Stage) Finds(d secitem.Dict, want ...string) {
	s.Helper()
	items, err := s.CopyMatching(d)
	if err != nil && (len(want) > 0 || err != error(secitem.ErrItemNotFound)) {
		s.Fatalf("finding %q: %v", want, err)
	}
	if got := Values(items); got != joined(want) {
		s.Errorf("found %q, want %q", got, want)
	}
}

// Holds fails unless the items of Service in both keychains have exactly these
// values, sorted and separated by blanks.
func (s Stage) Holds(dataProtection, login string) {
	s.Helper()
	all := secitem.Query{Service: Service, Sync: secitem.LocalOrSynced, All: true, ReturnData: true}
	s.Finds(all.Dict(), strings.Fields(dataProtection)...)
	every := secitem.Query{Keychain: secitem.Login, Service: Service, All: true, ReturnAttributes: true}
	items, err := s.CopyMatching(every.Dict())
	if err != nil && err != error(secitem.ErrItemNotFound) {
		s.Fatal(err)
	}
	var values []string
	for _, i := range items {
		one := Data(secitem.Query{Keychain: secitem.Login, Service: Service, Account: i.Attributes.String(secitem.KeyAccount)})
		found, err := s.CopyMatching(one.Dict())
		if err != nil {
			s.Fatal(err)
		}
		values = append(values, Values(found))
	}
	if got := joined(values); got != login {
		s.Errorf("the login keychain holds %q, want %q", got, login)
	}
}

// Values returns the values of items, sorted and separated by blanks.
func Values(items []secitem.Item) string {
	var out []string
	for _, i := range items {
		out = append(out, string(i.Data))
	}
	return joined(out)
}

func joined(values []string) string {
	slices.Sort(values)
	return strings.Join(values, " ")
}

// Two makes the item in both groups.
func Two(s Stage) {
	s.Helper()
	s.Make(Item(), "one")
	s.Make(Item(), "two", "agrp", Other)
}
