package secretservice

import (
	"errors"
	"os"
	"testing"

	"github.com/kinring/kinring/store"
)

// A write that lands late is made here as it lands: by an item with the number
// that a process reserved before it died.

func (s *keyring) reserve(t *testing.T, account string) uint64 {
	t.Helper()
	f, err := s.fences.Hold(t.Context(), key(account))
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Reserve(0)
	if err = errors.Join(err, f.Release()); err != nil {
		t.Fatal(err)
	}
	return n
}

// land makes the item of a write that was reserved before.
func (s *keyring) land(t *testing.T, account string, number uint64, i store.Item) {
	t.Helper()
	made, err := newEntry(key(account), i, number, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s.conn, made)
}

func backfill(value string) store.Item {
	return store.Item{Value: store.NewValue([]byte(value)), Record: store.Record{Version: store.RecordVersion}}
}

func wantAbsent(t *testing.T, s *keyring, account string) {
	t.Helper()
	if i, err := s.Get(t.Context(), key(account)); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("%s: revision %s, %v; want not found", account, i.Revision, err)
	}
}

func wantItems(t *testing.T, s *keyring, account string, want int) {
	t.Helper()
	items, err := s.conn.Search(t.Context(), wanted(key(account)))
	if err != nil || len(items) != want {
		t.Fatalf("%s: %d items, %v; want %d", account, len(items), err, want)
	}
}

// TestLateWrites: what lands after something newer was acknowledged is passed
// over, and gone with the next write (I2, I3, I10).
func TestLateWrites(t *testing.T) {
	s := newDesk(t).open(t)
	for name, c := range map[string]struct {
		late  store.Item
		newer func(account string)
		want  string // empty for absent
	}{
		"a set after a set":             {item("late"), func(a string) { mustPut(t, s, a, "newer") }, "newer"},
		"a marker after a set":          {marker(), func(a string) { mustPut(t, s, a, "newer") }, "newer"},
		"a backfill after a set":        {backfill("late"), func(a string) { mustPut(t, s, a, "newer") }, "newer"},
		"a set after a marker":          {item("late"), func(a string) { mustMark(t, s, a) }, "marker"},
		"a backfill after a marker":     {backfill("late"), func(a string) { mustMark(t, s, a) }, "marker"},
		"a set after a deletion":        {item("late"), func(a string) { mustDelete(t, s, a) }, ""},
		"a backfill after a deletion":   {backfill("late"), func(a string) { mustDelete(t, s, a) }, ""},
		"a backfill after a backfill":   {backfill("late"), func(a string) { mustBackfill(t, s, a, "newer") }, "newer"},
		"a set after a deletion, anew":  {item("late"), func(a string) { mustDelete(t, s, a); mustPut(t, s, a, "newer") }, "newer"},
		"a backfill after one, and set": {backfill("late"), func(a string) { mustBackfill(t, s, a, "x"); mustPut(t, s, a, "newer") }, "newer"},
	} {
		account := name
		number := s.reserve(t, account)
		c.newer(account)
		s.land(t, account, number, c.late)
		switch c.want {
		case "":
			wantAbsent(t, s, account)
		case "marker":
			if i, err := s.Get(t.Context(), key(account)); err != nil || i.Record.Kind != store.KindMarker {
				t.Errorf("%s: %v, %v", name, i.Record, err)
			}
		default:
			wantValue(t, s, account, c.want)
		}
		wantListedOnce(t, s, account, c.want != "")
		mustPut(t, s, account, "last")
		wantItems(t, s, account, 1)
	}
}

// TestLateWriteOutranksNothingNewer: a write that lands late and is still the
// newest takes effect, as its unknown outcome said; over a backfill that came
// meanwhile too.
func TestLateWriteOutranksNothingNewer(t *testing.T) {
	s := newDesk(t).open(t)
	number := s.reserve(t, "a")
	mustBackfill(t, s, "a", "copied")
	s.land(t, "a", number, item("late"))
	wantValue(t, s, "a", "late")
	mustPut(t, s, "a", "last")
	wantValue(t, s, "a", "last")
	wantItems(t, s, "a", 1)
}

// TestBackfillOverTheDeleted (I2): what was deleted and lands late is no better than
// a backfill that came since, and goes with it.
func TestBackfillOverTheDeleted(t *testing.T) {
	s := newDesk(t).open(t)
	number := s.reserve(t, "a")
	mustDelete(t, s, "a")
	s.land(t, "a", number, item("late"))
	mustBackfill(t, s, "a", "copied")
	wantValue(t, s, "a", "copied")
	wantItems(t, s, "a", 1)
}

// TestLostFence (I10): a write whose fence is gone, as after somebody has cleared
// /var/tmp, is still higher than what is there.
func TestLostFence(t *testing.T) {
	s := newDesk(t).open(t)
	for range 3 {
		mustPut(t, s, "a", "old")
	}
	if err := os.RemoveAll(s.fences.Dir); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "a", "new")
	wantValue(t, s, "a", "new")
	wantItems(t, s, "a", 1)
}

func mustMark(t *testing.T, s *keyring, account string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key(account), marker(), store.Any()); err != nil {
		t.Fatal(err)
	}
}

func mustBackfill(t *testing.T, s *keyring, account, value string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key(account), backfill(value), store.Absent()); err != nil {
		t.Fatal(err)
	}
}

func mustDelete(t *testing.T, s *keyring, account string) {
	t.Helper()
	mustPut(t, s, account, "deleted")
	if err := s.Delete(t.Context(), key(account), store.Any()); err != nil {
		t.Fatal(err)
	}
}

func wantListedOnce(t *testing.T, s *keyring, account string, want bool) {
	t.Helper()
	entries, err := s.List(t.Context(), key(account).Service)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if e.Key.Account == account {
			n++
		}
	}
	if n != map[bool]int{true: 1}[want] {
		t.Errorf("%s is listed %d times", account, n)
	}
}

// TestForeignWrites: what another program writes under our attributes outranks a
// backfill and no write of ours; what it changes in place is another revision.
func TestForeignWrites(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	foreign := NewItem{Label: "foreign", Attributes: wanted(key("a")), Secret: Secret{store.NewValue([]byte("foreign")), "text/plain"}}
	mustCreate(t, s.conn, foreign)
	wantValue(t, s, "a", "foreign")
	mustPut(t, s, "a", "ours")
	wantItems(t, s, "a", 1)
	mustCreate(t, s.conn, foreign)
	wantValue(t, s, "a", "ours")
	mustDelete(t, s, "a")
	mustCreate(t, s.conn, foreign) // written anew, by somebody who cannot know of numbers
	wantValue(t, s, "a", "foreign")
	if err := s.Delete(t.Context(), key("a"), store.Any()); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, s, "a")

	mustBackfill(t, s, "b", "copied")
	foreign.Attributes = wanted(key("b"))
	mustCreate(t, s.conn, foreign)
	wantValue(t, s, "b", "foreign")
}

// TestRevisionOfForeignChange: a change in place, later than the keyring's clock
// can hide, makes another revision, so that a match does not hold.
func TestRevisionOfForeignChange(t *testing.T) {
	attributes := map[string]string{attrItem: itemMark, attrService: "s", attrAccount: "a", attrNumber: "7"}
	made, err := readEntry(Item{Path: "/x/1"}, Properties{Attributes: attributes, Created: 100, Modified: 101})
	if err != nil {
		t.Fatal(err)
	}
	changed, err := readEntry(Item{Path: "/x/1"}, Properties{Attributes: attributes, Created: 100, Modified: 102})
	if err != nil || made.revision != "7" || changed.revision == made.revision {
		t.Errorf("%q and %q, %v", made.revision, changed.revision, err)
	}
}
