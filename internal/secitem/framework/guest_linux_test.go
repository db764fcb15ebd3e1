package framework

import (
	"errors"
	"reflect"
	"syscall"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
)

var guestToken = secitem.NewAuditToken([8]uint32{501, 501, 20, 501, 20, 4711, 100000, 9})

const guestRequirement = `identifier "com.example.app"`

// runs makes a program run that has the token and meets the requirement.
func (d *double) runs(t testing.TB) {
	t.Helper()
	p := d.pool()
	defer p.release()
	token, err := p.value(guestToken[:])
	if err != nil {
		t.Fatal(err)
	}
	requirement, err := p.string(guestRequirement)
	if err != nil {
		t.Fatal(err)
	}
	d.guestIs(token, requirement)
}

// cdHashesFull is what SecCode says of every signed program beside what is asked
// for: the one dictionary of its whose keys are no texts.
var cdHashesFull = map[any]any{int64(2): []byte("0123456789abcdefghijklmnopqrstuv")}

// TestGuest: another program's code is found by all of its audit token, and by
// nothing less: one that has its number now is not found.
func TestGuest(t *testing.T) {
	d := open(t)
	d.runs(t)
	d.make(t, map[any]any{"identifier": "com.example.app", "teamid": "TEAM000001", "flags": int64(secitem.CodeRuntime), "status": int64(secitem.CodeValid),
		"cdhashes-full": cdHashesFull, "entitlements-dict": map[any]any{secitem.EntitlementGetTaskAllow: true, secitem.EntitlementAccessGroups: []any{"TEAM000001.g"}}}, d.information)
	code, err := d.Guest(guestToken)
	want := secitem.Code{Identity: secitem.Identity{Identifier: "com.example.app", Team: "TEAM000001", Flags: secitem.CodeRuntime, Status: secitem.CodeValid},
		Entitlements: map[string]any{secitem.EntitlementGetTaskAllow: true, secitem.EntitlementAccessGroups: []any{"TEAM000001.g"}}}
	if err != nil || !reflect.DeepEqual(code, want) {
		t.Errorf("got %+v, %v", code, err)
	}
	if err := d.Meets(guestToken, guestRequirement); err != nil {
		t.Errorf("the requirement that it meets: %v", err)
	}
	if err := d.Meets(guestToken, `identifier "another"`); err != error(secitem.ErrCodeRequirement) {
		t.Errorf("one that it does not meet: %v", err)
	}
	if err := d.Meets(guestToken, ""); err == nil {
		t.Error("a requirement that is none is met")
	}
	next := secitem.NewAuditToken([8]uint32{501, 501, 20, 501, 20, 4711, 100000, 10})
	_, err = d.Guest(next)
	for what, err := range map[string]error{"Guest": err, "Meets": d.Meets(next, guestRequirement)} {
		if err != error(secitem.ErrCodeNoSuchCode) {
			t.Errorf("%s of what has the number now: %v", what, err)
		}
	}
	d.make(t, map[any]any{"flags": int64(0)}, d.information)
	if _, err := d.Guest(guestToken); err != error(secitem.ErrCodeUnsigned) {
		t.Errorf("without an identifier: %v", err)
	}
	d.make(t, "text", d.information)
	if _, err := d.Guest(guestToken); !errors.As(err, new(*secitem.TypeError)) {
		t.Errorf("information of another type: %v", err)
	}
	for what, call := range map[string]func() error{
		"Guest": func() error { _, err := d.Guest(guestToken); return err },
		"Meets": func() error { return d.Meets(guestToken, guestRequirement) },
	} {
		d.statusAt(1, int32(secitem.ErrProcessGone))
		if err := call(); err != error(secitem.ErrCodeNoSuchCode) {
			t.Errorf("%s of one that ended meanwhile: %v", what, err)
		}
	}
}

// TestGuestFaults: whichever call of CoreFoundation fails, nothing leaks and
// nobody is taken for a program that meets a requirement.
func TestGuestFaults(t *testing.T) {
	d := open(t)
	d.needCounts(t)
	for name, call := range map[string]func() error{
		"Guest": func() error {
			code, err := d.Guest(guestToken)
			if err == nil && (code.Team != "TEAM000001" || code.Identifier != "com.example.app") {
				t.Errorf("wrong: %+v", code)
			}
			return err
		},
		"Meets": func() error { return d.Meets(guestToken, guestRequirement) },
		"Meets another": func() error {
			err := d.Meets(guestToken, guestRequirement+" and something")
			if err == nil {
				t.Error("it is met")
			}
			return err
		},
	} {
		failed := 0
		for nth, more := 1, true; more; nth++ {
			d.reset()
			d.runs(t)
			before := d.live()
			d.failAt(nth)
			err := call()
			more = d.calls() >= nth
			d.failAt(0)
			if more && err != nil {
				failed++
			}
			if after := d.live(); after != before {
				t.Errorf("%s, call %d: %d objects leaked", name, nth, after-before)
			}
		}
		if failed < 3 {
			t.Errorf("%s: only %d calls failed", name, failed)
		}
	}
}

// TestActivatedSockets: what launchd made for this process is its, and what it
// says is told apart.
func TestActivatedSockets(t *testing.T) {
	d := open(t)
	for _, want := range []syscall.Errno{syscall.ESRCH, syscall.ENOENT, syscall.EALREADY} {
		d.socketsAre(int32(want), -1)
		if fds, err := d.ActivatedSockets("broker"); fds != nil || err != error(want) {
			t.Errorf("%v, %v; want %v", fds, err, want)
		}
	}
	d.socketsAre(0, 7)
	if fds, err := d.ActivatedSockets("broker"); err != nil || !reflect.DeepEqual(fds, []int{7}) {
		t.Errorf("%v, %v", fds, err)
	}
	if fds, err := d.ActivatedSockets("another"); fds != nil || err != error(syscall.ENOENT) {
		t.Errorf("another name: %v, %v", fds, err)
	}
	if _, err := d.ActivatedSockets("a\x00b"); err == nil {
		t.Error("a name that C would cut is taken")
	}
	f := *d.Framework
	f.f.activate = nil
	if _, err := f.ActivatedSockets("broker"); err != error(secitem.ErrUnimplemented) {
		t.Errorf("a system that lacks it: %v", err)
	}
}
