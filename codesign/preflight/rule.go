package preflight

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Level says how grave a finding is.
type Level string

// The levels, gravest first. Only errors decide the exit code.
const (
	Error   Level = "error"   // the system will refuse the code, or a release promise is broken
	Warning Level = "warning" // works for some users, or will stop working
	Note    Level = "note"    // worth knowing, nothing to repair
)

// rank orders levels, gravest first.
func (l Level) rank() int { return slices.Index([]Level{Error, Warning, Note}, l) }

// Remedy is what to do, in the words of the tools that sign.
type Remedy struct {
	General  string // whatever tool is used
	Codesign string // Apple's codesign
	Builder  string // electron-builder
	Forge    string // electron-forge and @electron/osx-sign
	Xcode    string
}

// remedyLine is one tool's part of a remedy.
type remedyLine struct{ Tool, Text string }

// lines lists the parts that are filled, the general one first.
func (r Remedy) lines() (out []remedyLine) {
	for _, l := range []remedyLine{
		{"", r.General}, {"codesign", r.Codesign}, {"electron-builder", r.Builder},
		{"electron-forge, osx-sign", r.Forge}, {"Xcode", r.Xcode},
	} {
		if l.Text != "" {
			out = append(out, l)
		}
	}
	return out
}

// Rule is one thing that preflight looks at.
type Rule struct {
	ID        string   // stable, for example KR201-restricted-on-bare-binary
	Level     Level    // of its findings
	Title     string   // what is wrong, in a few words
	Why       string   // what follows from it
	Remedy    Remedy   // what to do
	Incidents []string // public reports of the same fault: owner/repository#number, or a document
}

// Number is the part of the id that never changes: KR201.
func (r Rule) Number() string { return number(r.ID) }

func number(id string) string {
	n, _, _ := strings.Cut(id, "-")
	return n
}

// Rules returns every rule, ordered by id.
func Rules() []Rule {
	out := slices.Concat(signatureRules, signerRules, entitlementRules, claimRules, profileRules, bundleRules, familyRules, updateRules, planRules)
	slices.SortFunc(out, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Lookup finds a rule by its id or by its number alone.
func Lookup(id string) (Rule, error) {
	for _, r := range Rules() {
		if strings.EqualFold(r.ID, id) || strings.EqualFold(r.Number(), id) {
			return r, nil
		}
	}
	return Rule{}, fmt.Errorf("no rule %q: kinring preflight --rules lists them", id)
}

// ruleByNumber is for the rules' own checks, which name rules by number.
var ruleByNumber = sync.OnceValue(func() map[string]Rule {
	m := map[string]Rule{}
	for _, r := range Rules() {
		m[r.Number()] = r
	}
	return m
})
