package secretservice

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"testing"

	"github.com/kinring/kinring/internal/fence"
	"github.com/kinring/kinring/store"
)

// TestEntryOrder: the order that docs/FORMATS.md gives, from the lowest.
func TestEntryOrder(t *testing.T) {
	of := func(path string, number uint64, backfill bool, kind store.Kind) entry {
		return entry{item: Item{Path: path}, number: number, backfill: backfill, record: store.Record{Kind: kind}}
	}
	v, m := store.KindValue, store.KindMarker
	sorted := []entry{
		of("/9", 3, true, v), of("/1", 8, true, v), // backfills, by number
		of("/2", 0, false, v), of("/3", 0, false, v), // foreign, by name
		of("/9", 1, false, v), of("/8", 7, false, v), of("/7", 7, false, m), of("/1", 9, false, v),
	}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := a.compare(b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%+v to %+v: %d", a, b, got)
			}
		}
	}
	shuffled := slices.Clone(sorted)
	slices.Reverse(shuffled)
	if top := highest(shuffled, 0); top.number != 9 {
		t.Errorf("the highest is %+v", top)
	}
	if top := highest(shuffled, 9); top == nil || top.item.Path != "/3" {
		t.Errorf("above a floor the highest is %+v", top)
	}
	if top := highest(sorted[:2], 9); top != nil {
		t.Errorf("below the floor counts %+v", top)
	}
}

// TestItemsThatGoAway: where one of the items that a search found is gone, another
// has taken its place: none of them is judged before it is searched for again, and
// what was read is not read twice.
func TestItemsThatGoAway(t *testing.T) {
	known := map[string]entry{}
	asked := 0
	properties := func(item Item) (Properties, error) {
		asked++
		if item.Path == "/gone" {
			return Properties{}, &store.Error{Class: store.ErrNotFound}
		}
		return Properties{Attributes: map[string]string{attrService: "s", attrAccount: "a", attrNumber: "1"}}, nil
	}
	for range 2 {
		_, err := readEntries([]Item{{Path: "/gone"}}, known, properties)
		if !errors.Is(err, errMoved) {
			t.Errorf("an item that is gone: %v", err)
		}
	}
	for range 2 {
		all, err := readEntries([]Item{{Path: "/there"}}, known, properties)
		if err != nil || len(all) != 1 || all[0].number != 1 {
			t.Errorf("an item that is there: %+v, %v", all, err)
		}
	}
	if asked != 3 {
		t.Errorf("looked %d times", asked)
	}
}

func FuzzReadEntry(f *testing.F) {
	f.Add("1", "service", "account", "7", "kr1;v;1;;", false)
	f.Add("1", "service", "account", "b7", "kr1;v;0;;", true)
	f.Add("1", "", "", "", "", true)
	f.Add("1", "s", "a", "18446744073709551615", "kr9;m;1", false)
	f.Fuzz(func(t *testing.T, mark, service, account, number, record string, isLocked bool) {
		e, err := readEntry(Item{Path: "/x"}, Properties{Locked: isLocked, Attributes: map[string]string{
			attrItem: mark, attrService: service, attrAccount: account, attrNumber: number, attrRecord: record}})
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrLocked) && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%v", err)
			}
			return
		}
		text := strconv.FormatUint(e.number, 10)
		if e.backfill {
			text = backfillMark + text
		}
		if e.number > fence.Highest || e.revision == "" || e.key.Account != account || number != "" && number != text {
			t.Errorf("%q is read as %+v", number, e)
		}
	})
}

// TestSessionPadding: one shared secret in 256 begins with a zero byte, which has
// to stay for the key to be the same on both sides.
func TestSessionPadding(t *testing.T) {
	a := agreement{big.NewInt(1)} // so that the shared secret is the other side's number
	got, sure, err := a.key([]byte{5})
	want, _ := hkdf.Key(sha256.New, append(make([]byte, groupBytes-1), 5), nil, "", 16)
	if err != nil || sure || !slices.Equal(got, want) || len(a.public()) != groupBytes {
		t.Errorf("key %x, %v; want %x", got, err, want)
	}
	for _, bad := range [][]byte{nil, {0}, {1}, prime.Bytes(), make([]byte, 500)} {
		if _, _, err := a.key(bad); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("a public number of %d bytes out of range: %v", len(bad), err)
		}
	}
}

func FuzzOpenSecret(f *testing.F) {
	s := &session{path: "/s", key: make([]byte, 16)}
	w, err := s.seal(store.NewValue([]byte("value")), contentType)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(w.Parameters, w.Value)
	f.Add([]byte(nil), []byte(nil))
	f.Add(make([]byte, 16), make([]byte, 17))
	f.Fuzz(func(t *testing.T, iv, sealed []byte) {
		v, err := s.open(wireSecret{"/s", iv, slices.Clone(sealed), contentType})
		if err == nil && v.Len() >= len(sealed) {
			t.Errorf("%d bytes out of %d", v.Len(), len(sealed))
		}
		if err != nil && !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%v", err)
		}
	})
}

// TestSealedSecrets: what is sealed is opened again, whatever its length.
func TestSealedSecrets(t *testing.T) {
	s := &session{path: "/s", key: []byte("0123456789abcdef")}
	for n := range 70 {
		value := store.NewValue(slices.Repeat([]byte{byte(n)}, n))
		w, err := s.seal(value, contentType)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.open(w); err != nil || !got.Equal(value) {
			t.Errorf("%d bytes: %d came back, %v", n, got.Len(), err)
		}
	}
}
