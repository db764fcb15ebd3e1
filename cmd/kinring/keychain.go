package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/keychain"
	"github.com/kinring/kinring/store"

	_ "github.com/kinring/kinring/legacy/loginkeychain"
)

// hasKeychain reports whether there is a keychain to speak of: on macOS, and
// where a test brings its own.
func (a *app) hasKeychain() bool { return runtime.GOOS == "darwin" || a.keychain.Program != nil }

// keychainDriver is the shared keychain of macOS.
func (a *app) keychainDriver() (store.Driver, error) {
	if !a.hasKeychain() {
		return nil, &kinring.Error{Class: kinring.ErrUnsupported, Op: "open", Store: keychain.Kind,
			Detail: "there is no keychain on " + runtime.GOOS, Remedy: "use another KINRING_STORE"}
	}
	return keychain.Driver(a.keychain), nil
}

// byGroup is why auto means the keychain where nothing is on record.
const byGroup = "the family has an access group"

// keychainFirst reports whether auto means the keychain for a family, and why:
// there is one, and the family has an access group in it. Whether this program
// is in that group makes no difference, or one that is not would quietly use
// another store than the rest of the family.
func (a *app) keychainFirst(p kinring.Profile) (why string, first bool) {
	return byGroup, a.hasKeychain() && (p.Group != "" || p.GroupFallback != "")
}

// unreached is the keychain as auto chose it, for a program that may turn out not
// to be in the family's group: then there is a way that costs one command.
type unreached struct{ store.Driver }

// Open opens the keychain.
func (u unreached) Open(ctx context.Context, family store.Family) (store.Store, error) {
	opened, err := u.Driver.Open(ctx, family)
	var e *store.Error
	if errors.As(err, &e) && errors.Is(err, kinring.ErrOutOfReach) {
		c := *e
		c.Remedy = "make a vault for this machine: kinring init; or " + e.Remedy
		err = &c
	}
	return opened, err
}

// examineKeychain says what this program and both keychains are like. It reads no
// value and asks nobody.
func (a *app) examineKeychain(ctx context.Context, p kinring.Profile) []finding {
	if !a.hasKeychain() {
		return nil
	}
	e, err := keychain.Examine(ctx, a.keychain, familyOf(p))
	if err != nil {
		return []finding{failed("keychain", err)}
	}
	out := []finding{examinedProgram(e), examinedLogin(e)}
	if p.Name == "" {
		return out
	}
	return append(out, examinedGroup(e, p)...)
}

func familyOf(p kinring.Profile) store.Family {
	return store.Family{Name: p.Name, Service: p.Service, Team: p.Team, Group: p.Group, FirstGroup: p.GroupFallback != ""}
}

// examinedProgram describes the signature of this program.
func examinedProgram(e keychain.Examination) finding {
	if e.ProgramErr != nil {
		return failed("program", e.ProgramErr)
	}
	signed := "not signed by a team"
	if e.Team != "" {
		signed = fmt.Sprintf("signed by %s as %s", e.Team, e.Identifier)
	}
	entitled := "entitled to no access group"
	if len(e.Groups) > 0 {
		entitled = "entitled to " + strings.Join(e.Groups, ", ")
	}
	validated := "entitlements not validated"
	if e.Validated {
		validated = "entitlements validated"
	}
	return finding{Subject: "program", State: "ok", Detail: strings.Join([]string{signed, entitled, validated}, "; ")}
}

// examinedLogin describes the keychain of older builds.
func examinedLogin(e keychain.Examination) finding {
	switch {
	case e.LoginErr != nil:
		return failed("login keychain", e.LoginErr)
	case !e.LoginUnlocked:
		return finding{"login keychain", "locked", e.Login, "unlock it: security unlock-keychain"}
	}
	asked := "nobody can be asked in this session"
	if e.Attended {
		asked = "a person can be asked"
	}
	return finding{Subject: "login keychain", State: "ok", Detail: e.Login + ", unlocked; " + asked}
}

// examinedGroup says whether this program reaches the family's shared keychain,
// and what it does if not.
func examinedGroup(e keychain.Examination, p kinring.Profile) []finding {
	switch {
	case e.GroupErr != nil:
		out := []finding{failed("access group", e.GroupErr)}
		if errors.Is(e.GroupErr, kinring.ErrOutOfReach) {
			out = append(out, instead(p))
		}
		return out
	case e.SharedErr != nil:
		return []finding{failed("keychain", e.SharedErr)}
	}
	return []finding{{Subject: "access group", State: "ok", Detail: e.Group + ", and the keychain answers"}}
}

// instead says what a program does that is not entitled, in order.
func instead(p kinring.Profile) finding {
	ways := []string{"a broker of the family, if one runs", "older builds' values, marked as unverified"}
	if p.Development != "" {
		ways = append(ways, "the development store ("+p.Development+")")
	}
	return finding{Subject: "instead", State: "unused", Detail: strings.Join(ways, "; then ")}
}
