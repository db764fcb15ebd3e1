package secretservice

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/strangers"
)

// TestCompareGet prints how long a warm Get takes beside zalando/go-keyring's and
// the Rust crate's, in one run on the same daemon, in turns. Figures are for a
// person to read: nothing here fails because a machine is busy.
func TestCompareGet(t *testing.T) {
	if testing.Short() {
		t.Skip("a comparison is no check")
	}
	others := []strangers.Client{strangers.GoKeyring, strangers.Rust4}
	for _, c := range others {
		c.Need(t)
	}
	const rounds, gets = 3, 100
	d := newDesk(t)
	s := d.open(t)
	mustPut(t, s, "account", sentinel)
	for _, c := range others {
		c.Set(t, d.Bus, "service of "+c.Name, "account", sentinel)
	}
	best := map[string]time.Duration{}
	note := func(name string, took time.Duration) {
		if b, ok := best[name]; !ok || took < b {
			best[name] = took
		}
	}
	for range rounds {
		note("kinring", median(gets, func() { wantValue(t, s, "account", sentinel) }))
		for _, c := range others {
			note(c.Name, timeOf(t, d, c, gets))
		}
	}
	for _, c := range others {
		t.Logf("%s: %v, %.2f times kinring's %v", c.Name, best[c.Name], float64(best[c.Name])/float64(best["kinring"]), best["kinring"])
	}
}

func timeOf(t *testing.T, d *desk, c strangers.Client, gets int) time.Duration {
	t.Helper()
	r := c.Run(t, d.Bus, "TIME", "service of "+c.Name, "account", strconv.Itoa(gets))
	ns, err := strconv.ParseInt(strings.TrimSpace(r.Stdout), 10, 64)
	if err != nil || r.Code != 0 || ns <= 0 {
		t.Fatalf("%s: exit %d, %q, %s", c.Name, r.Code, r.Stdout, r.Stderr)
	}
	return time.Duration(ns)
}

func median(n int, f func()) time.Duration {
	took := make([]time.Duration, n)
	for i := range took {
		start := time.Now()
		f()
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[n/2]
}

func BenchmarkGet(b *testing.B) {
	s := newDesk(b).open(b)
	mustPut(b, s, "account", sentinel)
	for b.Loop() {
		wantValue(b, s, "account", sentinel)
	}
}

func BenchmarkPut(b *testing.B) {
	s := newDesk(b).open(b)
	n := 0
	for b.Loop() {
		mustPut(b, s, "account", fmt.Sprint(n))
		n++
	}
}
