package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/bundle"
)

// checkUpdate compares each program with the one that it replaces.
func (c *checker) checkUpdate(inputs []Input) {
	old := programs(c.Against.Tree)
	for i := range inputs {
		c.current = &inputs[i]
		new := programs(inputs[i].Tree)
		for key, was := range old {
			if is := new[key]; is != nil {
				c.compare(was, is)
			} else {
				c.addPath("KR606", was.Path, "", "%s has it", c.Against.Name)
			}
		}
		c.compareVersions(c.Against.Tree, inputs[i].Tree)
	}
}

// programs indexes the executables of a tree by their path within the
// outermost bundle, whose own name may change from build to build.
func programs(t *bundle.Tree) map[string]*bundle.Executable {
	out := map[string]*bundle.Executable{}
	for _, e := range t.Executables {
		if e.File == nil || e.Role == bundle.RoleOther {
			continue
		}
		key := e.Path
		if e.Bundle != nil {
			key = strings.TrimPrefix(key, outermost(e.Bundle).Path+"/")
		}
		out[key] = e
	}
	return out
}

// compare reports what changed between two builds of one executable.
func (c *checker) compare(was, is *bundle.Executable) {
	a, b := c.signed(was), c.signed(is)
	if a == nil || b == nil || !a.isProgram() {
		return
	}
	if a.dir.Team != b.dir.Team {
		c.addPath("KR601", is.Path, "", "installed: team %q, update: %q", a.dir.Team, b.dir.Team)
	}
	if a.dir.Identifier != b.dir.Identifier {
		c.addPath("KR602", is.Path, "", "installed: %q, update: %q", a.dir.Identifier, b.dir.Identifier)
	}
	c.compareGroups(a, b)
	c.compareRequirements(a, b)
	if had, has := provisioned(a), provisioned(b); has && !had {
		c.addPath("KR605", is.Path, "", "installed: no profile and no restricted entitlement; update: %s", provision(b))
	}
}

// signed returns the first signed slice of an executable, or nil.
func (c *checker) signed(e *bundle.Executable) *subject {
	for i := range e.File.Slices {
		if s := c.subject(e, &e.File.Slices[i]); s.dir != nil {
			return s
		}
	}
	return nil
}

// compareGroups wants the installed groups to stay where they are; new ones may
// follow them.
func (c *checker) compareGroups(a, b *subject) {
	was, _ := a.claims.Strings(keyGroups)
	is, _ := b.claims.Strings(keyGroups)
	if len(was) > 0 && (len(is) < len(was) || !slices.Equal(is[:len(was)], was)) {
		c.addPath("KR603", b.exe.Path, "", "installed: %s, update: %s", list(was), list(is))
	}
}

func list(groups []string) string {
	if len(groups) == 0 {
		return "none"
	}
	return quoted(groups)
}

// compareRequirements looks at requirements that differ in more than what the
// other rules have told.
func (c *checker) compareRequirements(a, b *subject) {
	was, is := designated(a.sig.Requirements), designated(b.sig.Requirements)
	if was != is && a.dir.Team == b.dir.Team && a.dir.Identifier == b.dir.Identifier {
		c.addPath("KR604", b.exe.Path, "", "installed: %s; update: %s", orNone(was), orNone(is))
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func provisioned(s *subject) bool { return provision(s) != "" }

// provision tells what of a program depends on a profile.
func provision(s *subject) string {
	if keys := restrictedKeys(s.claims); len(keys) > 0 {
		return "claims " + quoted(keys)
	}
	if b := s.owner(); b != nil && b.Profile != nil {
		return "has a profile"
	}
	return ""
}

// compareVersions looks for two builds under one version.
func (c *checker) compareVersions(was, is *bundle.Tree) {
	for _, a := range was.Bundles {
		for _, b := range is.Bundles {
			if a.Parent == nil && b.Parent == nil && sameBuild(a, b) && !sameCode(a, b) {
				c.addPath("KR607", b.Path, "", "both are version %s", version(b))
			}
		}
	}
}

func sameBuild(a, b *bundle.Bundle) bool {
	return a.Info != nil && b.Info != nil && a.Info.Identifier == b.Info.Identifier && version(a) == version(b)
}

func version(b *bundle.Bundle) string {
	return fmt.Sprintf("%s (%s)", b.Info.Values.Text("CFBundleShortVersionString"), b.Info.Values.Text("CFBundleVersion"))
}

func sameCode(a, b *bundle.Bundle) bool {
	x, y := mainDirectory(a), mainDirectory(b)
	return x == nil || y == nil || codesignHash(x) == codesignHash(y)
}

func codesignHash(d *codesign.CodeDirectory) string { return fmt.Sprintf("%x", d.CDHash) }
