package framework

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
)

// These run on a Mac, by a test program that is not entitled to anything. They
// write nothing and ask nobody. Nobody has run them yet.

func onMac(t *testing.T) *Framework {
	t.Helper()
	f, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestEverySymbol: this system has all functions and constants; an optional one
// that is gone is named.
func TestEverySymbol(t *testing.T) {
	f := onMac(t)
	if len(f.constants) != len(constantSymbols) || len(f.types) != 7 {
		t.Errorf("%d constants, %d types", len(f.constants), len(f.types))
	}
	for content, name := range f.named {
		if content != name {
			t.Logf("%s contains %q, not %q", constantSymbols[name], content, name)
		}
	}
}

// TestUnentitledOnMac: what a program without entitlements is told.
func TestUnentitledOnMac(t *testing.T) {
	f := onMac(t)
	if got, err := f.Entitlement(secitem.EntitlementAccessGroups); got != nil || err != nil {
		t.Errorf("access groups: %v, %v", got, err)
	}
	service := fmt.Sprintf("kinring test %s", rand.Text())
	_, err := f.CopyMatching(secitem.Query{AccessGroup: "TEAM000001.com.example.shared", Service: service, ReturnAttributes: true}.Dict())
	if !errors.Is(err, secitem.ErrMissingEntitlement) {
		t.Errorf("a group that is not ours: %v", err)
	}
	_, err = f.CopyMatching(secitem.Query{Keychain: secitem.Login, Service: service, ReturnAttributes: true}.Dict())
	if !errors.Is(err, secitem.ErrItemNotFound) {
		t.Errorf("nothing in the login keychain: %v", err)
	}
}

func TestSelfOnMac(t *testing.T) {
	f := onMac(t)
	id, err := f.Identity()
	if err != nil || id.Team != "" {
		t.Errorf("%+v, %v", id, err)
	}
	graphic, err := f.Graphic()
	if err != nil {
		t.Error(err)
	}
	state, err := f.LoginKeychain()
	if _, isStatus := secitem.StatusOf(err); err != nil && !isStatus {
		t.Error(err)
	}
	t.Logf("identity %+v, validated %v; screen %v; login keychain %+v, %v", id, id.Validated(), graphic, state, err)
	before, err := f.SetInteraction(false)
	if err != nil {
		t.Fatal(err)
	}
	if off, err := f.SetInteraction(before); off || err != nil {
		t.Errorf("switched off, it is %v, %v", off, err)
	}
}

// TestGuestOnMac: a token of nobody names no program, and launchd made no sockets
// for a test.
func TestGuestOnMac(t *testing.T) {
	f := onMac(t)
	if _, err := f.Guest(secitem.AuditToken{}); err == nil {
		t.Error("a token of nobody names a program")
	}
	if err := f.Meets(secitem.AuditToken{}, "anchor apple"); err == nil {
		t.Error("a token of nobody names one of Apple's programs")
	}
	if fds, err := f.ActivatedSockets("broker"); len(fds) != 0 || err == nil {
		t.Errorf("sockets: %v, %v", fds, err)
	}
}
