package framework

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/secitemtest"
)

const numberFloat64 index = 6 // CFNumber.h: kCFNumberFloat64Type

func address(v *float64) unsafe.Pointer { return unsafe.Pointer(v) }

// TestSuite: what every secitem.Mac must do, through the FFI.
func TestSuite(t *testing.T) { secitemtest.All(t, fresh) }

// TestStatuses: whatever status a function gives, it is what the caller sees.
func TestStatuses(t *testing.T) {
	d := open(t, groups...)
	query := secitemtest.Data(item()).Dict()
	calls := map[string]func() error{
		"SecItemAdd":          func() error { return d.Add(item().Dict()) },
		"SecItemCopyMatching": func() error { _, err := d.CopyMatching(query); return err },
		"SecItemUpdate":       func() error { return d.Update(item().Dict(), secitemtest.Value("new")) },
		"SecItemDelete":       func() error { return d.Delete(item().Dict()) },
		"SecTaskCopyValueForEntitlement": func() error {
			_, err := d.Entitlement(secitem.EntitlementAccessGroups)
			return err
		},
	}
	for name, call := range calls {
		for _, want := range []secitem.Status{secitem.ErrUserCanceled, secitem.ErrNotAvailable, secitem.ErrAuthFailed,
			secitem.ErrInteractionNotAllowed, secitem.ErrMissingEntitlement, secitem.ErrItemNotFound, -1, math.MinInt32, math.MaxInt32} {
			d.statusAt(1, int32(want))
			if err := call(); err != error(want) {
				t.Errorf("%s: got %v, want %v", name, err, want)
			}
		}
	}
}

// TestLocked: rows 22 and 28 of the state tables, through the FFI.
func TestLocked(t *testing.T) {
	d := open(t, groups...)
	s := secitemtest.Stage{TB: t, Mac: d}
	s.Make(item(), "one")
	d.lock(1)
	for name, err := range map[string]error{
		"Add": s.Add(secitemtest.But(item(), "acct", "b")), "Add of what is there": s.Add(item().Dict()),
		"Copy": s.Status(secitemtest.Data(item()).Dict()), "Update": s.Update(item().Dict(), secitemtest.Value("new")),
	} {
		if err != error(secitem.ErrInteractionNotAllowed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.lock(0)
	s.Finds(secitemtest.Data(item()).Dict(), "one")
}

// TestWrongAnswers: an answer of another type is an error of its own, never an
// absent item (I4), and never a crash.
func TestWrongAnswers(t *testing.T) {
	wrong := &secitem.TypeError{}
	for _, c := range []struct {
		name   string
		answer any
		want   any
	}{
		{"a null pointer", secitem.Null{}, wrong}, // the double answers NULL for it
		{"a string", "text", wrong},
		{"a number", int64(1), wrong},
		{"a date", time.Now(), wrong},
		{"an array of numbers", []any{int64(1)}, wrong},
		{"an array of arrays", []any{[]any{}}, wrong},
		{"an empty array", []any{}, wrong},
		{"data", []byte("v"), []secitem.Item{{Data: []byte("v")}}},
		{"empty data", []byte{}, []secitem.Item{{Data: []byte{}}}},
		{"an array of data", []any{[]byte("a"), []byte("b")}, []secitem.Item{{Data: []byte("a")}, {Data: []byte("b")}}},
		{"a value that is a string", map[any]any{"v_Data": "text"}, wrong},
		{"a value that is null", map[any]any{"v_Data": secitem.Null{}}, wrong},
		{"a key that is a number", map[any]any{int64(1): "x"}, wrong},
		{"an empty dictionary", map[any]any{}, []secitem.Item{{Attributes: secitem.Dict{}}}},
		{"attributes that cannot be read are left out", map[any]any{"acct": "a", "x": secitem.Null{}, "y": []any{"z"}, "z": 1.5, "w": math.NaN(), "v_Data": []byte("v")},
			[]secitem.Item{{Attributes: secitem.Dict{"acct": "a"}, Data: []byte("v")}}},
		{"an account that is data", map[any]any{"acct": []byte("a"), "sync": int64(1), "invi": true},
			[]secitem.Item{{Attributes: secitem.Dict{"acct": []byte("a"), "sync": int64(1), "invi": true}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t, groups...)
			d.make(t, c.answer, d.answer)
			items, err := d.CopyMatching(secitemtest.Data(item()).Dict())
			var typed *secitem.TypeError
			if want, ok := c.want.([]secitem.Item); ok && (err != nil || !reflect.DeepEqual(items, want)) {
				t.Errorf("got %v, %v", items, err)
			} else if !ok && (!errors.As(err, &typed) || typed.Got == "" || items != nil) {
				t.Errorf("got %v, %v", items, err)
			}
			if _, err := d.CopyMatching(item().Dict()); err != nil && c.name != "an empty array" {
				t.Errorf("a query that asks for nothing: %v", err)
			}
		})
	}
}

// TestWrongQueries: what no CFDictionary can hold is refused before a call.
func TestWrongQueries(t *testing.T) {
	d := open(t, groups...)
	for name, v := range map[string]any{"an int": 1, "nothing": nil, "a struct": struct{}{}, "no UTF-8": "\xff", "a constant that is no UTF-8": secitem.Constant("\xff")} {
		bad := secitem.Dict{secitem.KeyClass: secitem.GenericPassword, secitem.KeyDataProtection: true, secitem.KeyService: v}
		_, copied := d.CopyMatching(bad)
		for call, err := range map[string]error{"Add": d.Add(bad), "CopyMatching": copied, "Update": d.Update(bad, nil), "Delete": d.Delete(bad),
			"changes": d.Update(item().Dict(), bad)} {
			if err != error(secitem.ErrParam) {
				t.Errorf("%s with %s: %v", call, name, err)
			}
		}
	}
	if err := d.Add(secitem.Dict{"\xff": "x"}); err != error(secitem.ErrParam) {
		t.Errorf("a key that is no UTF-8: %v", err)
	}
	if err := d.Add(nil); err != error(secitem.ErrParam) {
		t.Errorf("an empty dictionary: %v", err)
	}
}

// TestTimes: dates keep their microseconds, and no number is a wrong date.
func TestTimes(t *testing.T) {
	for _, want := range []time.Time{time.Unix(0, 0), time.Unix(epoch, 0), time.Date(2026, 11, 25, 1, 2, 3, 456_000, time.UTC), time.Date(1999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)} {
		if got, ok := fromAbsolute(toAbsolute(want)); !ok || !got.Equal(want) {
			t.Errorf("%v came back as %v, %v", want, got, ok)
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64} {
		if got, ok := fromAbsolute(bad); ok {
			t.Errorf("%v is %v", bad, got)
		}
	}
}

func TestEntitlement(t *testing.T) {
	d := open(t, groups...)
	got, err := d.Entitlement(secitem.EntitlementAccessGroups)
	if list := secitem.Strings(got); err != nil || !reflect.DeepEqual(list, groups) {
		t.Errorf("groups: %v, %v", got, err)
	}
	if got, err := d.Entitlement("absent"); got != nil || err != nil {
		t.Errorf("absent: %v, %v", got, err)
	}
	if _, err := d.Entitlement("\xff"); err != error(secitem.ErrParam) {
		t.Errorf("a name that is no UTF-8: %v", err)
	}
	for _, c := range []struct{ in, want any }{
		{"text", "text"}, {true, true}, {false, false}, {int64(-7), int64(-7)}, {[]byte{1}, []byte{1}},
		{[]any{"a", int64(1), secitem.Null{}, 1.5, math.NaN()}, []any{"a", int64(1), nil, nil, nil}},
		{map[any]any{"k": []any{map[any]any{"n": "v"}}}, map[string]any{"k": []any{map[string]any{"n": "v"}}}},
	} {
		d.make(t, c.in, func(v ref) { d.named(t, "x", v) })
		if got, err := d.Entitlement("x"); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: got %#v, %v", c.in, got, err)
		}
	}
	for _, unreadable := range []any{secitem.Null{}, 1.5} {
		d.make(t, unreadable, func(v ref) { d.named(t, "x", v) })
		var typed *secitem.TypeError
		if got, err := d.Entitlement("x"); got != nil || !errors.As(err, &typed) {
			t.Errorf("%v: got %v, %v", unreadable, got, err)
		}
	}
	d.unsigned(1)
	d.statusAt(1, int32(secitem.ErrCodeUnsigned))
	if got, err := d.Entitlement("x"); got != nil || err != nil {
		t.Errorf("a program without a signature: %v, %v", got, err)
	}
	if groups := secitem.Strings([]any{"a", nil}); groups != nil {
		t.Errorf("a list with a hole has %q", groups)
	}
}

func TestIdentity(t *testing.T) {
	d := open(t)
	const validated = secitem.CodeValid | secitem.CodeKill | secitem.CodeEntitlementsValidated
	d.kernel(validated, 0)
	id, err := d.Identity()
	want := secitem.Identity{Identifier: "com.example.app", Team: "TEAM000001", CDHash: []byte("0123456789abcdefghij"), Flags: secitem.CodeRuntime, Status: validated}
	if err != nil || !reflect.DeepEqual(id, want) || !id.Validated() {
		t.Errorf("got %+v, %v", id, err)
	}
	d.kernel(validated, 1) // the kernel does not say: the signature's own word is left
	if id, err := d.Identity(); err != nil || id.Status != secitem.CodeValid || id.Validated() {
		t.Errorf("without the kernel's word: %+v, %v", id, err)
	}
	d.make(t, map[any]any{"teamid": int64(1), "unique": "x", "flags": "y", "certificates": []any{[]byte{1}}, "cdhashes-full": cdHashesFull}, d.information)
	if id, err := d.Identity(); err != nil || id.Team != "" || id.CDHash != nil || id.Flags != 0 {
		t.Errorf("facts of other types: %+v, %v", id, err)
	}
	var typed *secitem.TypeError
	for _, answer := range []any{"text", secitem.Null{}} {
		d.make(t, answer, d.information)
		if _, err := d.Identity(); !errors.As(err, &typed) {
			t.Errorf("%v: %v", answer, err)
		}
	}
	d.unsigned(1)
	if id, err := d.Identity(); err != nil || !reflect.DeepEqual(id, secitem.Identity{}) {
		t.Errorf("unsigned: %+v, %v", id, err)
	}
}

func TestSession(t *testing.T) {
	d := open(t)
	for _, bits := range []uint32{0, graphicAccess, ^graphicAccess, ^uint32(0)} {
		d.sessionIs(bits, 0, 0)
		if got, err := d.Graphic(); err != nil || got != (bits&graphicAccess != 0) {
			t.Errorf("%#x: %v, %v", bits, got, err)
		}
	}
	d.sessionIs(0, keychainReadable|keychainWritable, 0)
	state, err := d.LoginKeychain()
	want := secitem.KeychainState{Path: "/Users/person/Library/Keychains/login.keychain-db", Readable: true, Writable: true}
	if err != nil || state != want {
		t.Errorf("got %+v, %v", state, err)
	}
	d.sessionIs(0, 0, 1)
	if _, err := d.LoginKeychain(); err != error(secitem.ErrNoDefaultKeychain) {
		t.Errorf("no keychain: %v", err)
	}
	for _, allowed := range []bool{false, false, true} {
		before, _ := d.SetInteraction(allowed)
		after, err := d.SetInteraction(before)
		if err != nil || after != allowed {
			t.Errorf("set to %v, was %v, %v", allowed, after, err)
		}
	}
}

// TestConstantsAreOpaque: Apple promises no content of its constants. A name that
// reads otherwise there is still the name that the package knows.
func TestConstantsAreOpaque(t *testing.T) {
	d := open(t, groups...)
	f := *d.Framework
	f.named = map[string]string{"new name of the service": string(secitem.KeyService)}
	d.make(t, map[any]any{"new name of the service": "svc"}, d.answer)
	items, err := f.CopyMatching(secitemtest.But(item(), "r_Attributes", true))
	if err != nil || len(items) != 1 || items[0].Attributes.String(secitem.KeyService) != "svc" {
		t.Errorf("got %v, %v", items, err)
	}
}

// TestNewerSystem: what a later macOS may have dropped is unimplemented; the rest
// works.
func TestNewerSystem(t *testing.T) {
	d := open(t, groups...)
	older := d.f
	f := *d.Framework
	f.f.session, f.f.setAsking, f.f.asking, f.f.keychain, f.f.keychainIs, f.f.keychainPath, f.f.csops = nil, nil, nil, nil, nil, nil, nil
	_, graphic := f.Graphic()
	_, keychain := f.LoginKeychain()
	_, asking := f.SetInteraction(true)
	for name, err := range map[string]error{"Graphic": graphic, "LoginKeychain": keychain, "SetInteraction": asking} {
		if err != error(secitem.ErrUnimplemented) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if id, err := f.Identity(); err != nil || id.Status != secitem.CodeValid {
		t.Errorf("%+v, %v", id, err)
	}
	f.f.keychain, f.f.keychainIs = older.keychain, older.keychainIs
	if state, err := f.LoginKeychain(); err != nil || state.Path != "" {
		t.Errorf("without a path: %+v, %v", state, err)
	}
}

// TestMissing: a library or a symbol that is not there is named in an error.
func TestMissing(t *testing.T) {
	needDouble(t)
	if _, err := loaded(); err != nil {
		t.Fatal(err)
	}
	good := paths()
	for _, c := range []struct {
		from libraries
		want string
	}{
		{libraries{core: "/nowhere/CoreFoundation", security: good.security, system: good.security}, "/nowhere/CoreFoundation"},
		{libraries{core: good.core, security: "libc.so.6", system: good.security}, "SecItemAdd"},
		{libraries{core: "libc.so.6", security: good.security, system: good.security}, "CFRelease"},
	} {
		f, err := load(c.from)
		if f != nil || err == nil || !bytes.Contains([]byte(err.Error()), []byte(c.want)) {
			t.Errorf("%+v: %v, %v", c.from, f, err)
		}
	}
}

// TestRoundTrips counts objects over many operations: none is left over.
func TestRoundTrips(t *testing.T) {
	d := open(t, groups...)
	d.needCounts(t)
	operations := 100_000
	if testing.Short() {
		operations = 4_000
	}
	before := d.live()
	query := secitemtest.But(secitemtest.Data(item()), "r_Attributes", true)
	for i := 0; i < operations; i += 8 {
		value := fmt.Append(nil, "value ", i)
		s := secitemtest.Stage{TB: t, Mac: d}
		s.Make(item(), "first", "gena", []byte("record"), "pdmn", secitem.AccessibleAfterFirstUnlockThisDevice)
		if err := d.Add(item().Dict()); err != error(secitem.ErrDuplicateItem) {
			t.Fatal(err)
		}
		if err := d.Update(item().Dict(), secitem.Change{Value: value}.Dict()); err != nil {
			t.Fatal(err)
		}
		items, err := d.CopyMatching(query)
		if err != nil || len(items) != 1 || !bytes.Equal(items[0].Data, value) {
			t.Fatalf("got %v, %v", items, err)
		}
		if err := d.Delete(item().Dict()); err != nil {
			t.Fatal(err)
		}
		absent := s.Status(query)
		_, err1 := d.Entitlement(secitem.EntitlementAccessGroups)
		_, err2 := d.Identity()
		if absent != error(secitem.ErrItemNotFound) || err1 != nil || err2 != nil {
			t.Fatal(absent, err1, err2)
		}
	}
	if after := d.live(); after != before {
		t.Errorf("%d objects live after %d operations, %d before", after, operations, before)
	}
	t.Logf("%d operations, %d objects live before and after", operations, before)
}

// TestFaultAtEachCall: whichever call of CoreFoundation fails, nothing leaks,
// nothing crashes, and no item is said to be absent or has another value (I4).
func TestFaultAtEachCall(t *testing.T) {
	d := open(t, groups...)
	d.needCounts(t)
	for name, call := range map[string]func(s secitemtest.Stage) error{
		"Add": func(s secitemtest.Stage) error {
			return s.Add(secitemtest.But(item(), "acct", "b", "v_Data", []byte("v"), "x", int64(1)))
		},
		"Update": func(s secitemtest.Stage) error {
			return s.Update(item().Dict(), secitem.Change{Value: []byte("v"), Generic: []byte("g")}.Dict())
		},
		"Delete": func(s secitemtest.Stage) error { return s.Delete(item().Dict()) },
		"CopyMatching": func(s secitemtest.Stage) error {
			return wantItems(s.CopyMatching(secitemtest.But(secitemtest.Data(item()), "r_Attributes", true)))
		},
		"CopyMatching of all": func(s secitemtest.Stage) error {
			return wantItems(s.CopyMatching(secitemtest.But(secitemtest.Data(item()), "m_Limit", int64(5), "mdat", nil)))
		},
		"Entitlement": func(s secitemtest.Stage) error {
			got, err := s.Entitlement(secitem.EntitlementAccessGroups)
			if err == nil && !reflect.DeepEqual(secitem.Strings(got), groups) {
				return fmt.Errorf("wrong: %v", got)
			}
			return err
		},
		"Identity": func(s secitemtest.Stage) error {
			id, err := s.Identity()
			if err == nil && (id.Team != "TEAM000001" || id.Identifier != "com.example.app") {
				return fmt.Errorf("wrong: %+v", id)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { faults(t, d, call) })
	}
}

func wantItems(items []secitem.Item, err error) error {
	if err == nil && (len(items) != 1 || string(items[0].Data) != "one") {
		return fmt.Errorf("wrong: %v", items)
	}
	return err
}

// faults runs a call again and again, with the first call of CoreFoundation in it
// failing, then the second, until none is left.
func faults(t *testing.T, d *double, call func(s secitemtest.Stage) error) {
	s := secitemtest.Stage{TB: t, Mac: d}
	failed := 0
	for nth := 1; ; nth++ {
		d.reset()
		d.member(t, secitem.EntitlementAccessGroups, groups...)
		s.Make(item(), "one", "gena", []byte("record"))
		before := d.live()
		d.failAt(nth)
		err := call(s)
		reached := d.calls() >= nth
		d.failAt(0)
		if !reached {
			break
		}
		if err != nil {
			failed++
		}
		switch status, ok := secitem.StatusOf(err); {
		case ok && (status == secitem.ErrItemNotFound || status == secitem.ErrDuplicateItem):
			t.Errorf("call %d: the failure became %v", nth, err)
		case err != nil && !ok && !errors.As(err, new(*secitem.TypeError)):
			t.Errorf("call %d: %v", nth, err)
		}
		d.forget(s)
		if after := d.live(); after != before {
			t.Errorf("call %d: %d objects leaked", nth, after-before)
		}
	}
	if failed == 0 {
		t.Error("no call failed")
	}
}

// forget puts the items back to what they were before a call, so that objects can
// be compared.
func (d *double) forget(s secitemtest.Stage) {
	s.Helper()
	all := secitem.Query{Service: secitemtest.Service, AccessGroup: secitemtest.Group}
	if err := d.Delete(all.Dict()); err != nil && err != error(secitem.ErrItemNotFound) {
		s.Fatal(err)
	}
	s.Make(item(), "one", "gena", []byte("record"))
}
