// Package profile describes families: which programs of one vendor share which
// secrets, where the older builds keep theirs, and by which policy both live
// side by side. A profile is written in Go or in TOML; both are the same type
// and pass the same validator. The families that kinring knows are built in.
package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// Schema is the version of the TOML form that this build reads.
const Schema = 1

// Profile describes one family.
type Profile struct {
	// Name is the family's name, and a flavour's: lower-case letters, digits and
	// hyphens.
	Name string
	// Team and Group name the macOS access group TEAM.GROUP. Without Team it is the
	// team that the program itself is signed by.
	Team, Group string
	// GroupFallback says which access group to use if Group is empty:
	// GroupFirstEntitled, or none.
	GroupFallback string
	// Development names the kind of store that may stand in where a build cannot
	// get at the shared one, as a developer's own build cannot: DevelopmentVault or
	// DevelopmentMemory. Empty allows none.
	Development string
	// Service is the service of a key that is given by its account alone.
	Service string
	// ServiceFrom is the path of a product.json of VS Code's kind, with {var} for
	// variables, whose service takes the place of Service. If it names none nothing
	// is shared: the legacy sources are the store.
	ServiceFrom string
	// Share lists the aliases of the keys that are shared; "*" is all. Other
	// keys stay in the legacy sources. Empty means all.
	Share []string
	// Policy says how new builds live beside older ones.
	Policy Policy
	// Vars are values that accounts and paths are made from.
	Vars map[string]Var
	// Keys describes keys by alias. An alias may hold placeholders, as in
	// "mcp/{name}"; each stands for one or more characters and may be used in
	// the account.
	Keys map[string]Key
	// Legacy lists the older build's stores in the order in which it reads them.
	Legacy []Legacy
}

// GroupFirstEntitled is the first access group that the program is entitled to,
// whatever it is called. The order is a detail of packaging: name the group if
// you can.
const GroupFirstEntitled = "first-entitled"

// The stores that may stand in for one that is out of reach.
const (
	DevelopmentVault  = "vault"
	DevelopmentMemory = "memory"
)

// Policy is a preset with fields overridden. Empty fields are the preset's.
type Policy struct {
	Preset       string
	Reads        coexist.Reads
	Writes       coexist.Writes
	Backfill     coexist.Backfill
	Adopt        coexist.Taking
	FastForward  coexist.Taking
	OlderSignout coexist.Signout
	BulkMigrate  coexist.Bulk
}

// Var is a path that the older build takes from the environment.
type Var struct {
	Env string // the variable that names it
	// Places is where it is if Env is unset or empty: the first that counts. Each is
	// a path, where a leading ~ is the home directory; "$NAME/rest" counts if that
	// variable holds an absolute path, "linux:…" on that system only.
	Places  []string
	Default string // if none of them counts; a leading ~ is the home directory
	// Form says how {name} is written into accounts: "path", or
	// "realpath-sha256-16", the first 16 hexadecimal digits of the SHA-256 of the
	// path with symbolic links resolved. Empty means "path".
	Form string
}

// The forms of a Var.
const (
	FormPath             = "path"
	FormRealpathSHA25616 = "realpath-sha256-16"
)

// Key describes one key, or all keys that match a pattern.
type Key struct {
	Account string
	Service string // empty: the profile's
	Value   string // what values are: "bytes" (or empty), "utf8" or "json"
	Escape  string // how placeholders are written into Account: as they are, or EscapeJSON
	Rotates bool   // each use of the value may replace it, as with refresh tokens
	Env     string // a variable that wins over every store, read-only
}

// The kinds of value.
const (
	ValueBytes = "bytes"
	ValueUTF8  = "utf8"
	ValueJSON  = "json"
)

// Legacy describes one store of the older builds.
type Legacy struct {
	// Layout names how the store is laid out, for example "authjson".
	Layout string
	// Name tells the source apart in records and reports; empty means Layout.
	Name string
	// OS lists the systems on which older builds have the store, as Go calls them:
	// "darwin", "linux", "windows". Empty means all.
	OS []string
	// Active is "SELECTOR:MODE,MODE": the older build uses the store only in
	// these modes of its own configuration. Empty means always.
	Active string
	// Path is the place of the store, with {var} for variables; empty leaves it
	// to the layout.
	Path string
	// Options are the layout's own, with {var} for variables.
	Options map[string]string
	// Keys lists the aliases of the keys that the store can hold; empty means all.
	Keys []string
	// Optional is "SELECTOR:MODE,MODE": in these modes the older build goes on to
	// the next store when it cannot read this one.
	Optional string
	// Attributes are those that the older build gives an item of the layout
	// ItemsLayout, with {service} and {account} for the key's. It is searched by the
	// ones that have a placeholder.
	Attributes map[string]string
	// Label is the label of such an item, with the same placeholders.
	Label string
}

// SourceName returns the name that records and reports use.
func (l Legacy) SourceName() string {
	if l.Name != "" {
		return l.Name
	}
	return l.Layout
}

// On reports whether older builds on a system have the store.
func (l Legacy) On(system string) bool { return len(l.OS) == 0 || slices.Contains(l.OS, system) }

// Selector splits Active into the selector's name and its modes.
func (l Legacy) Selector() (name string, modes []string) { return splitModes(l.Active) }

// Passes splits Optional into the selector's name and its modes.
func (l Legacy) Passes() (name string, modes []string) { return splitModes(l.Optional) }

func splitModes(text string) (name string, modes []string) {
	name, list, _ := strings.Cut(text, ":")
	if text == "" {
		return "", nil
	}
	return name, strings.Split(list, ",")
}

var (
	nameForm = form{first: lower + digits, rest: lower + digits + "-", last: lower + digits, atMost: 64}
	// Short, because a record of 200 bytes holds each source's name.
	sourceForm = form{first: lower + digits, rest: lower + digits + "-", atMost: 12}
	varForm    = form{first: lower, rest: lower + digits + "_"}
	modeForm   = form{first: lower + digits + "-", rest: lower + digits + "-"}
	// Apple's team identifiers have ten characters.
	teamForm = form{first: upper + digits, rest: upper + digits, atLeast: 10, atMost: 10}
	// No wildcard: a group of one item is a name, and macOS takes a wildcard in a
	// program's own entitlements literally.
	groupForm = form{first: upper + lower + digits, rest: upper + lower + digits + "._-"}
)

// systems are those that a legacy store can be limited to.
var systems = []string{"darwin", "linux", "windows"}

// maxSources is how many legacy sources of one key a record has room for: the
// head with the digest takes at most 52 of its 200 bytes, a source with a
// 12-byte name and two fingerprints 48.
const maxSources = 3

// Check validates a profile. It is the one validator for both forms.
func (p Profile) Check() error {
	if !nameForm.has(p.Name) {
		return invalid("name", fmt.Sprintf("%q is not a family name", p.Name), "use lower-case letters, digits and hyphens, at most 64")
	}
	if p.Service == "" {
		return invalid("service", "it is empty", "name the service of the family's keys")
	}
	for _, check := range []func() error{p.checkGroup, p.checkPolicy, p.checkVars, p.checkServiceFrom, p.checkKeys, p.checkShare, p.checkLegacy} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p Profile) checkGroup() error {
	switch {
	case p.Team != "" && !teamForm.has(p.Team):
		return invalid("team", fmt.Sprintf("%q is not a team identifier", p.Team), "use the ten characters of the signing certificate")
	case p.Group != "" && !groupForm.has(p.Group):
		return invalid("group", fmt.Sprintf("%q is not the name of an access group", p.Group), "use letters, digits, dots and hyphens; no wildcard")
	case p.Team != "" && strings.HasPrefix(p.Group, p.Team+"."):
		return invalid("group", "it begins with the team", "leave the team out of it")
	case !slices.Contains([]string{"", GroupFirstEntitled}, p.GroupFallback):
		return invalid("group_fallback", fmt.Sprintf("%q is unknown", p.GroupFallback), "use "+GroupFirstEntitled+", or leave it out")
	case p.GroupFallback != "" && p.Group != "":
		return invalid("group_fallback", "a group is named too", "keep one of them")
	case !slices.Contains([]string{"", DevelopmentVault, DevelopmentMemory}, p.Development):
		return invalid("development", fmt.Sprintf("%q is unknown", p.Development), "use vault or memory, or leave it out")
	}
	return nil
}

func (p Profile) checkPolicy() error {
	_, err := p.Policy.Resolve(true)
	return err
}

// Resolve returns the policy with its preset's fields filled in. guarded says
// whether the legacy stores are as well guarded against writing as the shared
// one.
func (p Policy) Resolve(guarded bool) (coexist.Policy, error) {
	c, err := coexist.Preset(p.Preset, guarded)
	if err != nil {
		return c, err
	}
	override(&c.Reads, p.Reads)
	override(&c.Writes, p.Writes)
	override(&c.Backfill, p.Backfill)
	override(&c.Adopt, p.Adopt)
	override(&c.FastForward, p.FastForward)
	override(&c.OlderSignout, p.OlderSignout)
	override(&c.BulkMigrate, p.BulkMigrate)
	return c, c.Check()
}

func override[T ~string](field *T, v T) {
	if v != "" {
		*field = v
	}
}

func (p Profile) checkVars() error {
	for name, v := range p.Vars {
		where := "vars." + name
		switch {
		case !varForm.has(name):
			return invalid(where, "it is not a variable name", "use lower-case letters, digits and underscores")
		case v.Env == "" && v.Default == "" && len(v.Places) == 0:
			return invalid(where, "it has neither env nor default", "give at least one of them, or places")
		case v.checkPlaces() != nil:
			return invalid(where+".places", v.checkPlaces().Error(), "write it as ~/DIR, $NAME/DIR or linux:~/DIR")
		case !slices.Contains([]string{"", FormPath, FormRealpathSHA25616}, v.Form):
			return invalid(where+".form", fmt.Sprintf("%q is unknown", v.Form), "use path or realpath-sha256-16")
		}
	}
	return nil
}

func (p Profile) checkServiceFrom() error { return p.checkPath("service_from", p.ServiceFrom) }

func (p Profile) checkKeys() error {
	for alias, k := range p.Keys {
		if err := p.checkKey(alias, k); err != nil {
			return err
		}
	}
	return nil
}

func (p Profile) checkKey(alias string, k Key) error {
	where := fmt.Sprintf("key %q", alias)
	pattern, err := parsePattern(alias)
	if err != nil {
		return invalid(where, err.Error(), "write an alias as auth or mcp/{name}")
	}
	if !slices.Contains([]string{"", ValueBytes, ValueUTF8, ValueJSON}, k.Value) {
		return invalid(where+".value", fmt.Sprintf("%q is unknown", k.Value), "use bytes, utf8 or json")
	}
	if k.Escape != "" && k.Escape != EscapeJSON {
		return invalid(where+".escape", fmt.Sprintf("%q is unknown", k.Escape), "use json, or leave it out")
	}
	for _, name := range placeholders(k.Account) {
		if _, isVar := p.Vars[name]; !isVar && !slices.Contains(pattern.names, name) {
			return invalid(where+".account", "{"+name+"} is neither a variable nor in the alias", "declare it under vars")
		}
	}
	for _, name := range pattern.names {
		if _, isVar := p.Vars[name]; isVar {
			return invalid(where, "{"+name+"} is a variable too", "give one of them another name, or two keys become one")
		}
		if !slices.Contains(placeholders(k.Account), name) {
			return invalid(where+".account", "it does not use {"+name+"} of the alias", "use it, or two keys become one")
		}
	}
	if k.Account == "" {
		return invalid(where+".account", "it is empty", "name the account")
	}
	return nil
}

func (p Profile) checkShare() error {
	for _, s := range p.Share {
		if _, known := p.Keys[s]; s != "*" && !known {
			return invalid("share", fmt.Sprintf("%q is no alias of this profile", s), `list aliases, or "*"`)
		}
	}
	return nil
}

func (p Profile) checkLegacy() error {
	for _, l := range p.Legacy {
		if err := p.checkSource(l); err != nil {
			return err
		}
	}
	for _, system := range systems {
		if err := p.checkSystem(system); err != nil {
			return err
		}
	}
	return nil
}

// checkSystem checks the sources of one system together.
func (p Profile) checkSystem(system string) error {
	p.Legacy = p.legacyOn(system)
	seen := map[string]bool{}
	for _, l := range p.Legacy {
		if seen[l.SourceName()] {
			return invalid(fmt.Sprintf("legacy %q", l.SourceName()), "two sources have this name", "give one of them another name")
		}
		seen[l.SourceName()] = true
	}
	for alias := range p.Keys {
		if n := len(p.sourcesOf(alias)); n > maxSources {
			return invalid("legacy", fmt.Sprintf("%d sources can hold the key %q", n, alias),
				fmt.Sprintf("limit the sources' keys: a record has room for %d", maxSources))
		}
	}
	return nil
}

// legacyOn returns the sources of one system.
func (p Profile) legacyOn(system string) []Legacy {
	return slices.DeleteFunc(slices.Clone(p.Legacy), func(l Legacy) bool { return !l.On(system) })
}

func (p Profile) checkSource(l Legacy) error {
	where := fmt.Sprintf("legacy %q", l.SourceName())
	switch {
	case !sourceForm.has(l.SourceName()):
		return invalid(where, "it is not a source name", "use lower-case letters, digits and hyphens, at most 12, in name")
	case l.SourceName() == "shared" || l.SourceName() == "marker":
		return invalid(where, "the name is taken", "give another name")
	case l.Active != "" && !isSelector(l.Active):
		return invalid(where+".active", fmt.Sprintf("%q is not SELECTOR:MODE,MODE", l.Active), "name a selector and its modes")
	}
	for _, system := range l.OS {
		if !slices.Contains(systems, system) {
			return invalid(where+".os", fmt.Sprintf("%q is unknown", system), "list "+strings.Join(systems, ", "))
		}
	}
	if err := p.checkPath(where+".path", l.Path); err != nil {
		return err
	}
	for name, text := range l.Options {
		if err := p.checkPath(where+".options."+name, text); err != nil {
			return err
		}
	}
	for _, alias := range l.Keys {
		if _, known := p.Keys[alias]; !known {
			return invalid(where+".keys", fmt.Sprintf("%q is no alias of this profile", alias), "list aliases of the profile")
		}
	}
	return l.checkReach(where)
}

// checkPath refuses a text with a variable that the profile does not have.
func (p Profile) checkPath(where, text string) error {
	for _, name := range placeholders(text) {
		if _, known := p.Vars[name]; !known {
			return invalid(where, "{"+name+"} is not a variable", "declare it under vars")
		}
	}
	return nil
}

func (p Profile) sourcesOf(alias string) []Legacy {
	var out []Legacy
	for _, l := range p.Legacy {
		if len(l.Keys) == 0 || slices.Contains(l.Keys, alias) {
			out = append(out, l)
		}
	}
	return out
}

// invalid reports a field of a profile.
func invalid(where, what, remedy string) error {
	return &store.Error{Class: store.ErrInvalid, Op: "profile", Detail: where + ": " + what, Remedy: remedy}
}
