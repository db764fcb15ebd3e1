package preflight

import (
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign/plist"
)

// Keys of entitlements that rules name.
const (
	keyGroups    = "keychain-access-groups"
	keyAppID     = "com.apple.application-identifier"
	keyTeamID    = "com.apple.developer.team-identifier"
	keyAppGroups = "com.apple.security.application-groups"
	keyDebug     = "com.apple.security.get-task-allow"
	keyForeign   = "com.apple.security.cs.disable-library-validation"
)

// class says what it takes to have an entitlement.
type class int

const (
	unknown    class = iota
	free             // needs no profile
	restricted       // needs a profile that allows it
	private          // not to be had
)

// restrictedKeys outside the prefixes below. Technical Note TN3125 gives the
// rule and no list; these are the keys that Apple's own texts call restricted.
var restrictedNames = []string{
	keyGroups, keyAppID, "application-identifier", "com.apple.vm.networking", "aps-environment", "com.apple.developer.aps-environment",
}

// freeNames need no profile though they begin with no free prefix.
var freeNames = []string{"get-task-allow"}

// classify sorts an entitlement by its key.
func classify(key string) class {
	switch {
	case slices.Contains(restrictedNames, key), strings.HasPrefix(key, "com.apple.developer."):
		return restricted
	case strings.HasPrefix(key, "com.apple.private."), strings.HasPrefix(key, "com.apple.rootless."):
		return private
	case strings.HasPrefix(key, "com.apple.security."), slices.Contains(freeNames, key):
		return free
	}
	return unknown
}

// restrictedKeys lists the claims that need a profile, private ones left out:
// those have a rule of their own.
func restrictedKeys(claims plist.Dict) (out []string) {
	for _, key := range claims.Keys() {
		if classify(key) == restricted {
			out = append(out, key)
		}
	}
	return out
}

// covers reports whether a profile's value allows a claimed one: equal strings,
// a pattern that ends in a star, each element of a list, true for true.
func covers(allowed, claimed plist.Value) bool {
	switch claimed.Kind {
	case plist.String:
		return coversText(allowed, claimed.Text)
	case plist.Array:
		for _, item := range claimed.Items {
			if item.Kind != plist.String || !coversText(allowed, item.Text) {
				return false
			}
		}
		return true
	case plist.Boolean:
		return !claimed.Bool || allowed.Kind == plist.Boolean && allowed.Bool
	}
	return allowed.Equal(claimed)
}

func coversText(allowed plist.Value, text string) bool {
	patterns, ok := allowed.Strings()
	return ok && slices.ContainsFunc(patterns, func(p string) bool { return matchPattern(p, text) })
}

// matchPattern is the profile's wildcard: a star at the end stands for anything.
func matchPattern(pattern, text string) bool {
	if prefix, found := strings.CutSuffix(pattern, "*"); found {
		return strings.HasPrefix(text, prefix)
	}
	return pattern == text
}

// isEmpty reports whether a value grants nothing.
func isEmpty(v plist.Value) bool {
	switch v.Kind {
	case plist.String:
		return v.Text == ""
	case plist.Array:
		return len(v.Items) == 0 || !slices.ContainsFunc(v.Items, func(i plist.Value) bool { return !isEmpty(i) })
	case plist.Dictionary:
		return len(v.Entries) == 0
	}
	return false
}

// texts lists every string in a value, however deep.
func texts(v plist.Value) (out []string) {
	switch v.Kind {
	case plist.String:
		out = append(out, v.Text)
	case plist.Array:
		for _, item := range v.Items {
			out = append(out, texts(item)...)
		}
	case plist.Dictionary:
		for _, e := range v.Entries {
			out = append(out, texts(e.Value)...)
		}
	}
	return out
}
