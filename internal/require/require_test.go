package require

import (
	"testing"
)

// recorder stands in for a test: it notes how Need ended instead of ending.
type recorder struct {
	testing.TB
	skipped, failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Skipf(string, ...any)  { r.skipped = true; panic(r) }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; panic(r) }

func need(t *testing.T, tool string, have bool) (r *recorder) {
	r = &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
	}()
	Need(r, tool, have, "a reason")
	return r
}

func TestNeed(t *testing.T) {
	cases := []struct {
		env, tool       string
		have            bool
		skipped, failed bool
	}{
		{"", "npm", true, false, false},
		{"", "npm", false, true, false},
		{"npm", "npm", true, false, false},
		{"npm", "npm", false, false, true},
		{"wine,npm", "npm", false, false, true},
		{"wine,npmx", "npm", false, true, false},
	}
	for _, c := range cases {
		t.Setenv(Variable, c.env)
		r := need(t, c.tool, c.have)
		if r.skipped != c.skipped || r.failed != c.failed {
			t.Errorf("%s=%q, %s there: %v: skipped %v, failed %v; want %v, %v",
				Variable, c.env, c.tool, c.have, r.skipped, r.failed, c.skipped, c.failed)
		}
	}
}
