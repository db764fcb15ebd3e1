// Package policy decides who may do what with which keys through the broker. It is
// pure: who is calling was found out before, the time is given, and nothing is
// remembered outside of its values.
//
// What a request says of itself counts for nothing here. A Subject is made from
// what the kernel, and on macOS the code signature, say of the peer.
package policy

import (
	"slices"
	"strings"
	"time"
)

// Right is something that a client may be allowed to do.
type Right string

// The rights.
const (
	Get     Right = "get"     // read a value, and be told that it was refused by a server
	Set     Right = "set"     // write a value, and update it under a lease
	Delete  Right = "delete"  // delete a key
	List    Right = "list"    // see a key named, with its status and its changes
	Migrate Right = "migrate" // start a migration
	Store   Right = "store"   // use the shared store itself: everything, past the engine's rules
	Legacy  Right = "legacy"  // serve a legacy source to the broker
	Admin   Right = "admin"   // lock, unlock and stop the broker, and see who uses it
)

// Rights returns all rights in a fixed order.
func Rights() []Right { return []Right{Get, Set, Delete, List, Migrate, Store, Legacy, Admin} }

// ofKeys are the rights that are about a key; the others are about the family.
var ofKeys = []Right{Get, Set, Delete, List}

// Subject is who is calling, as far as it is proven.
type Subject struct {
	// Owner: the peer runs as the user whose broker this is.
	Owner bool
	// Program is the path of the peer's executable. It is a label: on Linux
	// whoever runs as the user can make it say anything.
	Program string
	// Team and Identifier are the peer's code signature, where a platform has
	// checked it; empty otherwise.
	Team, Identifier string
	// Inherited: the peer was given its end of the connection by whoever started
	// the broker, as with exec:COMMAND.
	Inherited bool
}

// Grant allows what it names. There is no grant that forbids: what none allows is
// denied.
type Grant struct {
	// Name stands in the audit record.
	Name string
	// Programs are patterns of Subject.Program; empty means any. They narrow a
	// grant and prove nothing.
	Programs []string
	// Signed are patterns of TEAM/IDENTIFIER; empty means that no signature is
	// asked for.
	Signed []string
	// Keys are patterns of names of keys, as list prints them.
	Keys []string
	// Rights are what is allowed.
	Rights []Right
	// Until is when the grant ends; zero means never.
	Until time.Time
}

// Policy is a broker's grants. The zero Policy denies everything.
type Policy struct {
	Grants []Grant
}

// Owners lets programs of the broker's own user do everything.
func Owners() Policy {
	return Policy{[]Grant{{Name: "owner", Keys: []string{"*"}, Rights: Rights()}}}
}

// Signed is Owners where the platform checks code: programs of the team may do
// everything, others nothing.
func Signed(team string) Policy {
	return Policy{[]Grant{{Name: "team", Signed: []string{team + "/*"}, Keys: []string{"*"}, Rights: Rights()}}}
}

// Usual is the policy of a broker that nobody gave another one: where signatures
// can be proven and the family names its team, programs of the team; else programs
// of the broker's user.
func Usual(signatures bool, team string) Policy {
	if signatures && team != "" {
		return Signed(team)
	}
	return Owners()
}

// Decision is the answer to one question.
type Decision struct {
	Allowed bool
	// Grant names what allowed it.
	Grant string
	// Reason says why it was denied.
	Reason string
	// Until is when the answer may become another one; zero means never.
	Until time.Time
}

// Decide says whether the subject may do it to the key with this name. For a right
// that is about the family the name is not looked at.
func (p Policy) Decide(s Subject, r Right, name string, now time.Time) Decision {
	if !s.Owner {
		return Decision{Reason: "the caller is another user"}
	}
	reason := "no grant allows it"
	var best *Grant
	for i := range p.Grants {
		g := &p.Grants[i]
		switch {
		case !g.covers(s, r, name):
		case g.ended(now):
			reason = "the grant " + g.Name + " has ended"
		case best == nil || later(g.Until, best.Until):
			best = g
		}
	}
	if best == nil {
		return Decision{Reason: reason}
	}
	return Decision{Allowed: true, Grant: best.Name, Until: best.Until}
}

// Any says whether the subject may do it to some key at all.
func (p Policy) Any(s Subject, r Right, now time.Time) bool {
	return s.Owner && slices.ContainsFunc(p.Grants, func(g Grant) bool {
		return !g.ended(now) && g.meets(s) && slices.Contains(g.Rights, r) && (len(g.Keys) > 0 || !slices.Contains(ofKeys, r))
	})
}

func (g *Grant) covers(s Subject, r Right, name string) bool {
	if !g.meets(s) || !slices.Contains(g.Rights, r) {
		return false
	}
	return !slices.Contains(ofKeys, r) || matchesAny(g.Keys, name)
}

// meets reports whether the grant is for the subject.
func (g *Grant) meets(s Subject) bool {
	if len(g.Programs) > 0 && !matchesAny(g.Programs, s.Program) {
		return false
	}
	return len(g.Signed) == 0 || s.Team != "" && matchesAny(g.Signed, s.Team+"/"+s.Identifier)
}

func (g *Grant) ended(now time.Time) bool { return !g.Until.IsZero() && !now.Before(g.Until) }

// later reports whether a grant that ends at a lasts longer than one that ends
// at b.
func later(a, b time.Time) bool { return !b.IsZero() && (a.IsZero() || a.After(b)) }

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return Match(p, name) })
}

// Match reports whether a name fits a pattern, in which * stands for any text,
// also an empty one and one with slashes. Nothing else is special.
func Match(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	rest := name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}
