package desk

import (
	"errors"
	"net"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/internal/secitem/secitemtest"
)

func program(groups ...string) emulator.Program {
	p := emulator.Program{Name: "app", Identifier: "com.example.app", Team: secitemtest.Team, Validated: true, Attended: true}
	if groups != nil {
		p.Entitlements = map[string]any{secitem.EntitlementAccessGroups: groups}
	}
	return p
}

// dial returns a Mac as another process sees it.
func dial(t testing.TB, m secitem.Mac) secitem.Mac {
	t.Helper()
	remote, err := Dial(Share(t, m))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = remote.(*client).rpc.Close() })
	return remote
}

// TestSuite: what every secitem.Mac must do, from another process.
func TestSuite(t *testing.T) {
	secitemtest.All(t, func(t testing.TB, groups ...string) secitem.Mac {
		return dial(t, emulator.New().Run(program(groups...)))
	})
}

// TestSelfAndSession: what a program finds out about itself is the same on both
// sides of the socket.
func TestSelfAndSession(t *testing.T) {
	p := program(secitemtest.Group)
	p.Entitlements["flag"], p.Entitlements["number"], p.Entitlements["mixed"] = true, 7, []any{"a", int64(1), true}
	near := emulator.New().Run(p)
	far := dial(t, near)
	for _, name := range []string{secitem.EntitlementAccessGroups, "flag", "number", "mixed", "absent"} {
		want, _ := near.Entitlement(name)
		if got, err := far.Entitlement(name); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v; want %#v", name, got, err, want)
		}
	}
	wantID, _ := near.Identity()
	wantState, _ := near.LoginKeychain()
	id, err1 := far.Identity()
	state, err2 := far.LoginKeychain()
	graphic, err3 := far.Graphic()
	if err := errors.Join(err1, err2, err3); err != nil || !reflect.DeepEqual(id, wantID) || state != wantState || !graphic {
		t.Errorf("%+v, %+v, %v, %v", id, state, graphic, err)
	}
	for _, allowed := range []bool{false, true} {
		before, err := far.SetInteraction(allowed)
		if err != nil || before == allowed {
			t.Errorf("set to %v: it was %v, %v", allowed, before, err)
		}
	}
}

// TestErrors: a status stays a status, another error keeps its text, and with
// either no items come.
func TestErrors(t *testing.T) {
	for _, want := range []error{secitem.ErrUserCanceled, secitem.Status(-1), errors.New("some other error"), &secitem.TypeError{Got: "a date"}} {
		fail := func(string) error { return want }
		far := dial(t, secitem.Faults{Mac: emulator.New().Run(program(secitemtest.Group)), Before: fail})
		query := secitemtest.Item().Dict()
		items, copied := far.CopyMatching(query)
		_, entitled := far.Entitlement("x")
		for name, err := range map[string]error{"Add": far.Add(query), "CopyMatching": copied, "Update": far.Update(query, secitemtest.Value("v")),
			"Delete": far.Delete(query), "Entitlement": entitled} {
			status, isStatus := secitem.StatusOf(want)
			got, _ := secitem.StatusOf(err)
			if err == nil || isStatus && got != status || !isStatus && err.Error() != want.Error() {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
		if items != nil {
			t.Errorf("%v came with %v", items, want)
		}
	}
}

// TestGone: a Mac that went away is no service, and never an absent item (I4).
func TestGone(t *testing.T) {
	socket, done, err := Open(emulator.New().Run(program(secitemtest.Group)))
	if err != nil {
		t.Fatal(err)
	}
	far, err := Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := far.(*client).rpc.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := far.CopyMatching(secitemtest.Item().Dict()); err != error(secitem.ErrNotAvailable) {
		t.Errorf("the connection ended: %v", err)
	}
	done()
	if _, err := Dial(socket); err == nil {
		t.Error("it is still served")
	}
}

// TestServeEnds: the listener's end is the end of serving.
func TestServeEnds(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		Serve(l, emulator.New().Run(program()))
		close(ended)
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}
