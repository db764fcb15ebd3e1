package profile

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// place is one of a variable's places: where it counts, the environment variable
// that it begins with, and the rest.
type place struct {
	system string // empty: all
	env    string // empty: none
	path   string
}

// parsePlace reads "SYSTEM:$NAME/rest", of which the first two may be missing.
func parsePlace(text string) place {
	var p place
	if system, rest, ok := strings.Cut(text, ":"); ok && slices.Contains(systems, system) {
		p.system, text = system, rest
	}
	if name, ok := strings.CutPrefix(text, "$"); ok {
		p.env, text, _ = strings.Cut(name, "/")
	}
	p.path = text
	return p
}

func (v Var) checkPlaces() error {
	for _, text := range v.Places {
		if p := parsePlace(text); p.env == "" && p.path == "" || strings.HasPrefix(text, "$/") {
			return fmt.Errorf("%q is no place", text)
		}
	}
	return nil
}

// first returns the first place that counts in an environment, or nothing.
func (v Var) first(env Environment) string {
	for _, text := range v.Places {
		p := parsePlace(text)
		if p.system != "" && p.system != env.OS {
			continue
		}
		if p.env == "" {
			return p.path
		}
		if dir := env.Getenv(p.env); filepath.IsAbs(dir) {
			return filepath.Join(dir, filepath.FromSlash(p.path))
		}
	}
	return ""
}

// chosen returns the variable's text: what its own environment variable says,
// else the first place that counts, else the default.
func (v Var) chosen(env Environment) string {
	own := ""
	if v.Env != "" {
		own = env.Getenv(v.Env)
	}
	return cmp.Or(own, v.first(env), v.Default)
}
