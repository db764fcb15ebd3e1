package bundle

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign/unreadable"
)

// SealState says how a file stands to its bundle's resource seal.
type SealState string

// The states that VerifySeal reports.
const (
	SealMissing   SealState = "missing"    // sealed, but not there
	SealChanged   SealState = "changed"    // other content than was sealed
	SealWrongLink SealState = "wrong-link" // a link to another target, or a file where a link was sealed
	SealUnsealed  SealState = "unsealed"   // there, but not sealed
	SealUnread    SealState = "unread"     // could not be read
)

// SealProblem is one file that is not as the seal says.
type SealProblem struct {
	Path   string // from the root of the walk
	State  SealState
	Detail string
}

// SealReport is what VerifySeal found in one bundle.
type SealReport struct {
	Checked  int // entries of the seal
	Problems []SealProblem
	Read     int64 // bytes that were read
}

// maxProblems bounds the problems that a report lists.
const maxProblems = 1000

// Orderer is implemented by file systems over archives that can only be read
// forward: Order tells where a file lies. Files that are read in that order are
// found in one pass.
type Orderer interface{ Order(name string) int }

// verifier compares one bundle's files with its seal.
type verifier struct {
	fsys   fs.FS
	b      *Bundle
	rules  []compiledRule
	inner  map[string]bool // directories of nested bundles, and of their frameworks
	report *SealReport
}

type compiledRule struct {
	*regexp.Regexp
	Rule
}

// VerifySeal reads every file that a bundle's resource seal names and compares
// it, and looks for files that should be sealed but are not. Nested code is only
// looked for: its own signature says what it is, and its hash stands in
// Seal.CDHash.
func VerifySeal(fsys fs.FS, t *Tree, b *Bundle) (*SealReport, error) {
	if b.Resources == nil || b.Resources.Err != nil {
		return nil, &unreadable.Error{Path: b.Contents + "/_CodeSignature/CodeResources", Structure: "resource seal", Problem: "it is not there or does not read"}
	}
	v := &verifier{fsys: fsys, b: b, report: &SealReport{}, inner: innerDirs(t, b)}
	if err := v.compile(); err != nil {
		return nil, err
	}
	for _, s := range v.ordered() {
		v.report.Checked++
		v.seal(s)
	}
	if err := errors.Join(v.findUnsealed(), v.findBeside()); err != nil {
		return nil, unreadable.Within(err, b.Contents, 0)
	}
	return v.report, nil
}

// innerDirs are the directories of the bundles directly or deeper inside b.
func innerDirs(t *Tree, b *Bundle) map[string]bool {
	dirs := map[string]bool{}
	for _, other := range t.Bundles {
		if other == b || !strings.HasPrefix(other.Path, b.Contents+"/") {
			continue
		}
		dirs[other.Path] = true
		if isVersion(other.Path) {
			dirs[path.Dir(path.Dir(other.Path))] = true
		}
	}
	return dirs
}

func (v *verifier) compile() error {
	for _, r := range v.b.Resources.Rules {
		re, err := regexp.Compile(r.Pattern)
		if err != nil {
			return unreadable.Within(unreadable.Because(err, "resource seal", 0, "a rule is no regular expression"), v.b.Resources.Path, 0)
		}
		v.rules = append(v.rules, compiledRule{re, r})
	}
	return nil
}

// ordered returns the seals in the order in which the file system reads best.
func (v *verifier) ordered() []Seal {
	o, ok := v.fsys.(Orderer)
	if !ok {
		return v.b.Resources.Seals
	}
	seals := slices.Clone(v.b.Resources.Seals)
	slices.SortStableFunc(seals, func(a, b Seal) int { return cmp.Compare(o.Order(v.at(a)), o.Order(v.at(b))) })
	return seals
}

func (v *verifier) at(s Seal) string { return path.Join(v.b.Contents, s.Path) }

func (v *verifier) problem(at string, state SealState, format string, args ...any) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, SealProblem{Path: at, State: state, Detail: fmt.Sprintf(format, args...)})
	}
}

// seal compares one entry with the file that it names.
func (v *verifier) seal(s Seal) {
	at := v.at(s)
	if !strings.HasPrefix(at, v.b.Contents+"/") {
		v.problem(at, SealMissing, "the seal names a path outside the bundle")
		return
	}
	info, err := fs.Lstat(v.fsys, at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !s.Optional {
			v.problem(at, SealMissing, "the seal names it")
		}
	case err != nil:
		v.problem(at, SealUnread, "%v", err)
	case s.Symlink != "" || info.Mode()&fs.ModeSymlink != 0:
		v.sealedLink(at, s, info)
	case s.CDHash == nil && (s.SHA256 != nil || s.SHA1 != nil):
		v.sealedFile(at, s)
	}
}

func (v *verifier) sealedLink(at string, s Seal, info fs.FileInfo) {
	if info.Mode()&fs.ModeSymlink == 0 {
		v.problem(at, SealWrongLink, "a link to %q was sealed, and this is none", s.Symlink)
		return
	}
	target, err := fs.ReadLink(v.fsys, at)
	switch {
	case err != nil:
		v.problem(at, SealUnread, "%v", err)
	case s.Symlink == "" && s.CDHash == nil:
		v.problem(at, SealWrongLink, "a file was sealed, and this is a link to %q", target)
	case s.Symlink != "" && target != s.Symlink:
		v.problem(at, SealWrongLink, "a link to %q was sealed, and this one leads to %q", s.Symlink, target)
	}
}

// sealedFile compares a file with the stronger of its hashes.
func (v *verifier) sealedFile(at string, s Seal) {
	h, want := hash.Hash(sha256.New()), s.SHA256
	if want == nil {
		h, want = sha1.New(), s.SHA1
	}
	if err := v.hash(at, h); err != nil {
		v.problem(at, SealUnread, "%v", err)
		return
	}
	if !bytes.Equal(h.Sum(nil), want) {
		v.problem(at, SealChanged, "its hash is not the sealed one")
	}
}

func (v *verifier) hash(at string, w io.Writer) error {
	f, err := v.fsys.Open(at)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(w, f)
	v.report.Read += n
	return err
}

// findUnsealed walks the bundle for files that the rules want sealed.
func (v *verifier) findUnsealed() error {
	if len(v.rules) == 0 {
		return nil
	}
	return fs.WalkDir(v.fsys, v.b.Contents, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(at, v.b.Contents+"/")
		switch {
		case at == v.b.Contents, excluded[name] && !e.IsDir():
			return nil
		case e.IsDir():
			return v.unsealedDir(at, name)
		case v.b.Main != nil && at == v.b.Main.Path:
			return nil // the signature itself covers it
		}
		if _, sealed := v.b.Resources.Seal(name); !sealed && v.wants(name) {
			v.problem(at, SealUnsealed, "the seal does not name it")
		}
		return nil
	})
}

// excluded is what no seal covers, whatever its rules: the signature itself, the
// file that stapler puts a notarization ticket into, and the receipt of the App
// Store (bundlediskrep.cpp, adjustResources).
var excluded = map[string]bool{"_CodeSignature": true, "CodeResources": true, "_MASReceipt": true}

// unsealedDir skips what other seals cover. A bundle where no code is expected, as
// in Resources, is sealed file by file.
func (v *verifier) unsealedDir(at, name string) error {
	if excluded[name] {
		return fs.SkipDir
	}
	if _, sealed := v.b.Resources.Seal(name); sealed {
		return fs.SkipDir
	}
	if v.inner[at] && !v.b.Resources.sealsBelow(name) {
		v.problem(at, SealUnsealed, "the seal does not name this nested code")
		return fs.SkipDir
	}
	return nil
}

// beside is what macOS bears beside Contents in a bundle's own directory
// (bundlediskrep.cpp, setup).
var beside = map[string]bool{"Contents": true, ".DS_Store": true, ".LSOverride": true, "Icon\r": true, ".SoftwareDepot.tracking": true}

// findBeside looks for files in the bundle's own directory, which no seal reaches.
func (v *verifier) findBeside() error {
	if v.b.Contents == v.b.Path {
		return nil
	}
	entries, err := fs.ReadDir(v.fsys, v.b.Path)
	for _, e := range entries {
		if !beside[e.Name()] {
			v.problem(path.Join(v.b.Path, e.Name()), SealUnsealed, "it lies beside Contents, where no seal reaches")
		}
	}
	return err
}

// wants reports whether the heaviest rule that matches a path says to seal it.
func (v *verifier) wants(name string) bool {
	var best *compiledRule
	for i := range v.rules {
		if r := &v.rules[i]; (best == nil || r.Weight > best.Weight) && r.MatchString(name) {
			best = r
		}
	}
	return best != nil && !best.Omit
}
