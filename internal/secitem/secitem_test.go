package secitem

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestQueryNamesItsKeychain: a query that does not say which keychain it means
// reaches both (I5), so only Unsaid leaves the flag out.
func TestQueryNamesItsKeychain(t *testing.T) {
	for _, c := range []struct {
		query      Query
		flag, sync any
	}{
		{Query{}, true, false},
		{Query{Sync: Synced}, true, true},
		{Query{Sync: LocalOrSynced}, true, SynchronizableAny},
		{Query{Keychain: Login}, false, nil},
		{Query{Keychain: Unsaid}, nil, nil},
		{Query{Keychain: Unsaid, Sync: Synced}, nil, true},
	} {
		d := c.query.Dict()
		if d[KeyDataProtection] != c.flag || d[KeySynchronizable] != c.sync || d[KeyClass] != GenericPassword {
			t.Errorf("%+v: flag %v, sync %v; want %v, %v", c.query, d[KeyDataProtection], d[KeySynchronizable], c.flag, c.sync)
		}
	}
}

func TestQueryDict(t *testing.T) {
	q := Query{AccessGroup: "TEAM.g", Service: "s", Account: "a", Label: "l", Generic: []byte{}, Value: []byte("v"),
		Accessible: AccessibleAfterFirstUnlockThisDevice, All: true, ReturnAttributes: true, ReturnData: true, AuthUI: AuthUIFail}
	want := Dict{KeyClass: GenericPassword, KeyDataProtection: true, KeySynchronizable: false, KeyAccessGroup: "TEAM.g", KeyService: "s",
		KeyAccount: "a", KeyLabel: "l", KeyGeneric: []byte{}, KeyValueData: []byte("v"), KeyAccessible: AccessibleAfterFirstUnlockThisDevice,
		KeyMatchLimit: MatchLimitAll, KeyReturnAttrs: true, KeyReturnData: true, KeyAuthUI: AuthUIFail}
	if got := q.Dict(); !reflect.DeepEqual(map[Key]any(got), map[Key]any(want)) {
		t.Errorf("got %v, want %v", got, want)
	}
	change := Change{Value: []byte{}, Generic: []byte("r"), Label: "l"}.Dict()
	if want := (Dict{KeyValueData: []byte{}, KeyGeneric: []byte("r"), KeyLabel: "l"}); !reflect.DeepEqual(map[Key]any(change), map[Key]any(want)) {
		t.Errorf("change: got %v, want %v", change, want)
	}
}

// TestNothingPrintsValues guards I8.
func TestNothingPrintsValues(t *testing.T) {
	d := Query{Service: "s3cret", Value: []byte("s3cret"), Generic: []byte("s3cret")}.Dict()
	item := Item{Attributes: d, Data: []byte("s3cret")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{d, item, &item, []Item{item}} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, "s3cret") || strings.Contains(out, "733363726574") || strings.Contains(out, "115 51") {
				t.Errorf("%s prints %s", verb, out)
			}
		}
	}
}

func TestStatus(t *testing.T) {
	wrapped := fmt.Errorf("add: %w", ErrDuplicateItem)
	if s, ok := StatusOf(wrapped); !ok || s != ErrDuplicateItem || !errors.Is(wrapped, ErrDuplicateItem) {
		t.Errorf("%v, %v", s, ok)
	}
	if _, ok := StatusOf(&TypeError{"SecItemCopyMatching", "CFNumber"}); ok {
		t.Error("an answer of the wrong type has a status")
	}
	if got := Status(-99).Error(); got != "OSStatus -99" {
		t.Errorf("unknown status: %q", got)
	}
	names := map[string]Status{}
	for s, k := range known {
		if k.text == "" || !strings.HasPrefix(k.name, "errSec") || names[k.name] != 0 {
			t.Errorf("%d: %+v", s, k)
		}
		names[k.name] = s
		if !strings.Contains(s.Error(), k.name) || !strings.Contains(s.Error(), fmt.Sprint(int32(s))) {
			t.Errorf("%d reads %q", s, s.Error())
		}
	}
}

// TestStrings: one member of another type voids a list of groups.
func TestStrings(t *testing.T) {
	for _, c := range []struct {
		in   any
		want []string
	}{
		{nil, nil},
		{"TEAM.g", nil},
		{true, nil},
		{[]any{}, []string{}},
		{[]any{"a", "b"}, []string{"a", "b"}},
		{[]any{"a", int64(1)}, nil},
	} {
		if got := Strings(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestValidated(t *testing.T) {
	for status, want := range map[uint32]bool{
		0:                                     false,
		CodeValid | CodeKill:                  false,
		CodeEntitlementsValidated:             false,
		CodeDebugged:                          false,
		CodeValid | CodeEntitlementsValidated: false,
		CodeValid | CodeKill | CodeEntitlementsValidated: true,
		CodeDebugged | CodeEntitlementsValidated:         true,
	} {
		if got := (Identity{Status: status}).Validated(); got != want {
			t.Errorf("%#x: %v", status, got)
		}
	}
}

// one is a Mac that counts its calls.
type one struct {
	Mac
	calls int
}

func (o *one) Add(Dict) error                    { o.calls++; return nil }
func (o *one) CopyMatching(Dict) ([]Item, error) { o.calls++; return []Item{{}}, nil }
func (o *one) Update(_, _ Dict) error            { o.calls++; return ErrItemNotFound }
func (o *one) Delete(Dict) error                 { o.calls++; return nil }
func (o *one) Entitlement(string) (any, error)   { o.calls++; return true, nil }

func TestFaults(t *testing.T) {
	mac := &one{}
	calls := func(f Faults) (errs []error) {
		_, found := f.CopyMatching(nil)
		_, entitlement := f.Entitlement("")
		return []error{f.Add(nil), f.Update(nil, nil), f.Delete(nil), found, entitlement}
	}
	plain := calls(Faults{Mac: mac})
	if mac.calls != 5 || !reflect.DeepEqual(plain, []error{nil, ErrItemNotFound, nil, nil, nil}) {
		t.Errorf("without faults: %v, %d calls", plain, mac.calls)
	}
	before := calls(Faults{Mac: mac, Before: func(string) error { return ErrNotAvailable }})
	if mac.calls != 5 {
		t.Errorf("a call that failed before took effect")
	}
	var seen []string
	after := calls(Faults{Mac: mac, After: func(call string, err error) error { seen = append(seen, call); return ErrNotAvailable }})
	if mac.calls != 10 || len(seen) != 5 {
		t.Errorf("calls that failed after: %d took effect, %q", mac.calls-5, seen)
	}
	for _, err := range append(before, after...) {
		if err != error(ErrNotAvailable) {
			t.Errorf("got %v", err)
		}
	}
}
