// Package packaging writes what a family's programs need before they are
// signed: entitlements lists, and the helper app around a bare binary, which is
// the only place where such a binary can have a provisioning profile.
//
// It is pure: files come in as bytes and go out as data. Rules: Technical Notes
// TN3125 and TN3137, and Apple's article "Signing a daemon with a restricted
// entitlement".
package packaging

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign/plist"

	"github.com/kinring/kinring/internal/lazyregexp"
)

// Keys of the entitlements that put a program into a keychain access group.
const (
	keyAppID  = "com.apple.application-identifier"
	keyTeam   = "com.apple.developer.team-identifier"
	keyGroups = "keychain-access-groups"
	keyDebug  = "com.apple.security.get-task-allow"
)

// Family is what all programs of a family share.
type Family struct {
	Team  string // as in the signing certificate
	Group string // without the team
}

// Kind says what a program is, and so where its profile can lie.
type Kind string

// The kinds of programs.
const (
	App    Kind = "app"
	Helper Kind = "helper" // an app inside another one, with an App ID and a profile of its own
	Tool   Kind = "cli"    // a bare binary: it can carry no restricted entitlement
)

// ParseKind returns the kind that a word names.
func ParseKind(word string) (Kind, error) {
	kinds := []Kind{App, Helper, Tool}
	if !slices.Contains(kinds, Kind(word)) {
		return "", fmt.Errorf("%q is no kind of program; use app, helper or cli", word)
	}
	return Kind(word), nil
}

// Program is one program of a family.
type Program struct {
	Kind Kind
	ID   string // bundle identifier
}

// Forms of the names that go into entitlements: Apple's team ids have ten
// characters; bundle identifiers and groups consist of these letters.
var (
	teamForm = lazyregexp.New(`^[A-Z0-9]{10}$`)
	nameForm = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)
)

// check refuses names that would make entitlements which no profile covers.
func (f Family) check(p Program) error {
	switch {
	case p.Kind == Tool:
		return nil
	case !teamForm().MatchString(f.Team):
		return fmt.Errorf("the family's team is %q; it must be the ten letters and digits of the signing certificate's organizational unit", f.Team)
	case !nameForm().MatchString(f.Group):
		return fmt.Errorf("the family's group is %q; it must be a name like com.example.shared, without the team", f.Group)
	case !nameForm().MatchString(p.ID):
		return fmt.Errorf("the bundle identifier is %q; it must be a name like com.example.tool", p.ID)
	}
	return nil
}

// AccessGroup is the name of the keychain access group, TEAM.GROUP.
func (f Family) AccessGroup() string { return f.Team + "." + f.Group }

// Entitlements returns what a program must claim to reach the family's group.
// A bare binary may claim none of it.
func (f Family) Entitlements(p Program) (plist.Dict, error) {
	if err := f.check(p); err != nil {
		return nil, err
	}
	if p.Kind == Tool {
		return plist.Dict{}, nil
	}
	return plist.Dict{
		{Key: keyAppID, Value: text(f.Team + "." + p.ID)},
		{Key: keyTeam, Value: text(f.Team)},
		{Key: keyGroups, Value: plist.Value{Kind: plist.Array, Items: []plist.Value{text(f.AccessGroup())}}},
	}, nil
}

func text(s string) plist.Value { return plist.Value{Kind: plist.String, Text: s} }

// restricted reports whether an entitlement needs a profile that allows it
// (TN3125 gives the rule; these are the families of keys that it is about here).
func restricted(key string) bool {
	return key == keyGroups || key == keyAppID || key == "application-identifier" || key == "aps-environment" ||
		key == "com.apple.vm.networking" || strings.HasPrefix(key, "com.apple.developer.")
}
