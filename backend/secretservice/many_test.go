package secretservice

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
)

// TestManyItems (I1): a keyring with 1,000 items names and returns each of them.
// The long form has 10,000, in the collection that gnome-keyring keeps in memory:
// it rewrites the file of any other for each item, and takes hours for so many.
//
//	KINRING_LONG=1 go test -timeout 0 -run TestManyItems -v ./backend/secretservice
func TestManyItems(t *testing.T) {
	n := 1000
	d := newDesk(t)
	switch {
	case os.Getenv("KINRING_LONG") == "1":
		n = 10_000
		d.makeDefault(t, keyringtest.ServicePath+"/collection/session")
	case testing.Short():
		n = 50
	}
	s := d.open(t)
	took := map[string]time.Duration{}
	timed := func(what string, f func()) {
		start := time.Now()
		f()
		took[what] = time.Since(start)
	}
	timed("write all", func() {
		start := time.Now()
		for i := range n {
			mustPut(t, s, fmt.Sprintf("account %d", i), fmt.Sprintf("%s %d", sentinel, i))
			if (i+1)%1000 == 0 {
				t.Logf("%d items after %v", i+1, time.Since(start).Round(time.Second))
			}
		}
	})
	var entries []store.Entry
	timed("list", func() {
		var err error
		if entries, err = s.List(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	})
	timed("get all", func() {
		for i := range n {
			wantValue(t, s, fmt.Sprintf("account %d", i), fmt.Sprintf("%s %d", sentinel, i))
		}
	})
	timed("list another service", func() {
		if other, err := s.List(t.Context(), "another service"); err != nil || len(other) != 0 {
			t.Errorf("%d, %v", len(other), err)
		}
	})
	named := map[store.Key]bool{}
	for _, e := range entries {
		named[e.Key] = true
	}
	if len(entries) != n || len(named) != n {
		t.Errorf("%d entries of %d keys are listed, %d were written", len(entries), len(named), n)
	}
	t.Logf("%d items: %v", n, took)
}
