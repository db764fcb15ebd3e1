// Package rooms holds the rules about which package may import which, as a
// test. Each rule says why it is there.
package rooms

import (
	"cmp"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kinring/kinring"

// rule says what the packages of one room may import. Names are relative to the
// module; "x/..." is x and everything below. What a room's tests import is their
// own affair.
type rule struct {
	room    string
	own     []string // of this module
	noStd   []string // standard packages that are forbidden, with what is below them
	only    bool     // nothing outside this module and the standard library
	because string
}

var rules = []rule{
	{room: "store", noStd: []string{"os", "net", "syscall"}, only: true,
		because: "it is the contract: everything depends on it, so it depends on nothing"},
	{room: "store/storetest", own: []string{"store"}, only: true,
		because: "the conformance suite is public: it must judge any store by the contract alone"},
	{room: "coexist", own: []string{"store"}, noStd: []string{"os", "net", "syscall", "time", "crypto/rand", "sync"}, only: true,
		because: "the explorer owns all nondeterminism: a clock, a lock or a random number here would escape it"},
	{room: "profile", own: []string{"store", "coexist"}, noStd: []string{"os", "net", "syscall"},
		because: "a profile is data; what it is resolved in comes from outside"},
	{room: "backend/...", own: []string{"store", "internal/..."},
		because: "a store must not know why it is called"},
	{room: "legacy/safestorage", own: []string{"store", "internal/durable"},
		because: "the forms are used wherever an app's key may lie: a program that has it in one place must not link the libraries of the others"},
	{room: "legacy/...", own: []string{"store", "internal/...", "backend/...", "legacy/internal/...", "legacy/safestorage/...", "legacy/loginkeychain"},
		because: "an older build's layout must not know the policy that reads it; what it holds may be sealed by another's format, with a key in a keychain"},
	{room: "codesign/...", own: []string{"codesign/...", "store", "internal/lazyregexp"}, noStd: []string{"os", "net", "syscall"},
		because: "parsers of hostile input are fuzzed and run everywhere: bytes in, structures out"},
	{room: "broker/wire", own: []string{"store"}, noStd: []string{"os", "net", "syscall"}, only: true,
		because: "the protocol is bytes in and messages out: hostile input is fuzzed here, without a socket"},
	{room: "broker/policy", own: []string{"store"}, noStd: []string{"os", "net", "syscall"}, only: true,
		because: "a decision depends on who was proven to call and on the grants, and on nothing that a test cannot give"},
	{room: "broker/peer", own: []string{"internal/..."},
		because: "identity is not permission: who is calling is found out without knowing what that allows"},
	{room: "broker/client", own: []string{"store", "broker/wire", "broker/peer", "internal/fifo"},
		because: "the client is a store like any other and knows nothing of the engine"},
	{room: "broker", own: []string{".", "store", "coexist", "broker/...", "internal/..."},
		because: "the server wraps a ring, and reaches no store but through it"},
	{room: "internal/explorer/...", own: []string{"store", "coexist", "internal/explorer/..."},
		because: "the explorer runs the engine over models, never over a real store"},
	{room: "internal/...", own: []string{"store", "internal/...", "codesign/..."},
		because: "helpers serve the rooms above and know none of them"},
	{room: ".", own: []string{"store", "coexist", "profile", "broker/client", "internal/..."},
		because: "composition only: a concrete store comes in by import, so that a program links what it uses"},
	{room: "kinringtest", own: []string{".", "store", "store/storetest", "backend/memory", "internal/durable", "internal/filelock", "internal/source"},
		because: "adopters' tests get what adopters use, on a store in memory, and no way around it"},
	{room: "cmd/...", own: []string{"...", "!internal/..."},
		because: "the command gets no power that the API lacks"},
}

// pure are packages below a forbidden one that neither block nor reach outside.
var pure = []string{"sync/atomic", "net/url"}

// matches reports whether a package is named by a pattern.
func matches(pattern, pkg string) bool {
	if prefix, below := strings.CutSuffix(pattern, "/..."); below {
		return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
	}
	return pattern == "..." || pattern == pkg
}

func ruleFor(pkg string) (rule, bool) {
	for _, r := range rules {
		if matches(r.room, pkg) {
			return r, true
		}
	}
	return rule{}, false
}

// breaks returns why the import is forbidden, or nothing.
func (r rule) breaks(imported string) string {
	own, isOwn := strings.CutPrefix(imported, module)
	switch {
	case isOwn:
		return r.breaksOwn(cmp.Or(strings.TrimPrefix(own, "/"), "."))
	case strings.Contains(strings.Split(imported, "/")[0], "."):
		if r.only {
			return "nothing outside this module and the standard library"
		}
	case slices.ContainsFunc(r.noStd, func(p string) bool {
		return imported == p || strings.HasPrefix(imported, p+"/") && !slices.Contains(pure, imported)
	}):
		return "forbidden here"
	}
	return ""
}

func (r rule) breaksOwn(pkg string) string {
	for _, p := range r.own {
		if not, excluded := strings.CutPrefix(p, "!"); excluded && matches(not, pkg) {
			return "not " + not
		}
	}
	if slices.ContainsFunc(r.own, func(p string) bool { return matches(p, pkg) }) {
		return ""
	}
	return "only " + strings.Join(r.own, ", ")
}

// imports returns the imports of every package's shipped files, for all systems.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	root := filepath.Join("..", "..")
	out := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"testdata", "node_modules", ".git"}, d.Name()):
			return fs.SkipDir
		case !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		pkg := path.Clean(filepath.ToSlash(rel))
		out[pkg] = append(out[pkg], "")
		for _, i := range f.Imports {
			out[pkg] = append(out[pkg], strings.Trim(i.Path.Value, `"`))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestImportRules(t *testing.T) {
	for pkg, list := range imports(t) {
		r, ok := ruleFor(pkg)
		if !ok {
			t.Errorf("%s belongs to no room: add a rule and say why", pkg)
			continue
		}
		for _, i := range slices.Compact(slices.Sorted(slices.Values(list))) {
			if why := r.breaks(i); i != "" && why != "" {
				t.Errorf("%s imports %s: %s; because %s", pkg, i, why, r.because)
			}
		}
	}
}

// TestEveryRuleIsNeeded: a rule for a room that is gone hides that it is gone.
func TestEveryRuleIsNeeded(t *testing.T) {
	used := map[string]bool{}
	for pkg := range imports(t) {
		r, _ := ruleFor(pkg)
		used[r.room] = true
	}
	for _, r := range rules {
		if !used[r.room] {
			t.Errorf("no package is in room %s", r.room)
		}
	}
}

// TestRulesCatch: the rules refuse what they are there to refuse.
func TestRulesCatch(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		refused       bool
	}{
		{"store", "os", true},
		{"store", "net/http", true},
		{"store", module + "/coexist", true},
		{"store", "context", false},
		{"coexist", "time", true},
		{"coexist", "sync", true},
		{"coexist", "sync/atomic", false},
		{"coexist", "crypto/rand", true},
		{"coexist", "github.com/spf13/cobra", true},
		{"backend/memory", module + "/coexist", true},
		{"backend/memory", module, true},
		{"legacy/authjson", module + "/store", false},
		{".", module + "/backend/vault", true},
		{".", module + "/internal/fifo", false},
		{"cmd/kinring", module + "/internal/durable", true},
		{"cmd/kinring", module + "/backend/vault", false},
		{"codesign", "os", true},
	} {
		r, ok := ruleFor(c.pkg)
		if why := r.breaks(c.imported); !ok || (why != "") != c.refused {
			t.Errorf("%s importing %s: %q, refused should be %v", c.pkg, c.imported, why, c.refused)
		}
	}
}
