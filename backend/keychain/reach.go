package keychain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/store"
)

// concrete reports whether an entitlement can be a group. macOS takes a wildcard
// literally, and so it does with a build setting that nobody expanded.
func concrete(g string) bool { return secitem.IsName(g) }

// nameIn returns the name in "TEAM.name".
func nameIn(group string) string {
	team, name, _ := strings.Cut(group, ".")
	if !secitem.IsTeam(team) {
		return ""
	}
	return name
}

// groupOf returns the family's access group, if the program is entitled to it.
// It looks at the program itself and at no keychain.
func groupOf(self secitem.Self, f store.Family) (string, error) {
	claim, err := self.Entitlement(secitem.EntitlementAccessGroups)
	if err != nil {
		return "", mac.Failure(err)
	}
	claimed := secitem.Strings(claim)
	held := slices.DeleteFunc(slices.Clone(claimed), func(g string) bool { return !concrete(g) || g == secitem.TokenGroup })
	switch {
	case f.Group == "" && !f.FirstGroup:
		return "", &store.Error{Class: store.ErrUnavailable, Reason: store.ErrAbsentByDesign,
			Detail: "the profile names no access group", Remedy: "give the profile team and group, or use another store"}
	case f.Group == "" && len(held) > 0:
		return held[0], nil
	case f.Group == "":
		return "", notEntitled("any access group", claimed)
	case f.Team != "":
		want := f.Team + "." + f.Group
		if slices.Contains(held, want) {
			return want, nil
		}
		return "", notEntitled("the access group "+want, claimed)
	}
	return ownGroup(self, f.Group, held, claimed)
}

// ownGroup finds the group of that name among those of the program, whatever the
// team. Where several teams have one, it is that of the program's own team.
func ownGroup(self secitem.Self, name string, held, claimed []string) (string, error) {
	named := slices.DeleteFunc(held, func(g string) bool { return nameIn(g) != name })
	switch len(named) {
	case 0:
		return "", notEntitled("an access group TEAM."+name, claimed)
	case 1:
		return named[0], nil
	}
	team, err := self.Entitlement(secitem.EntitlementTeam)
	if err != nil {
		return "", mac.Failure(err)
	}
	if own := fmt.Sprint(team, ".", name); slices.Contains(named, own) {
		return own, nil
	}
	return "", &store.Error{Class: store.ErrAmbiguous, Detail: "the program is entitled to " + strings.Join(named, " and "),
		Remedy: "give the profile the team"}
}

// signing is what makes an unentitled program an entitled one.
const signing = "sign it into the group, inside an app with a provisioning profile: kinring wrap --help"

func notEntitled(what string, claimed []string) error {
	detail := "this program is not entitled to " + what
	for _, g := range claimed {
		if !concrete(g) {
			detail += fmt.Sprintf("; it claims %q, which macOS takes literally", g)
			break
		}
	}
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Detail: detail, Remedy: signing}
}
