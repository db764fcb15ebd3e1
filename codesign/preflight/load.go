package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/unreadable"
)

// Input is one artefact as the readers found it.
type Input struct {
	Name    string // how the user named it
	Tree    *bundle.Tree
	Changes []Change // what reading whole files found
	Whole   bool     // whole files were read: Changes is complete
	Read    int64    // bytes that were read
}

// ChangeKind is the number of the rule that a Change breaks.
type ChangeKind string

// The kinds of changes that only reading whole files shows.
const (
	CodeChanged  ChangeKind = "KR109" // a page does not match its hash
	FileChanged  ChangeKind = "KR403" // a sealed file is missing or does not match its hash
	FileUnsealed ChangeKind = "KR404" // a file is not in the seal
	FileUnread   ChangeKind = "KR409" // could not be read
)

// Change is one difference between an artefact and its signature.
type Change struct {
	Kind ChangeKind
	Path string
	Arch string // of code; empty where the file as a whole is meant
	Seen string
}

// Load reads an artefact: root, a file or directory of fsys. With whole, it
// reads every page of code and every sealed file too. The error is about root
// itself; what cannot be read inside becomes a finding.
func Load(name string, fsys fs.FS, root string, o bundle.Options, whole bool) (Input, error) {
	tree, err := bundle.Walk(fsys, root, o)
	if err != nil {
		return Input{}, err
	}
	if len(tree.Executables)+len(tree.Bundles)+len(tree.Problems) == 0 {
		return Input{}, &unreadable.Error{Path: name, Structure: "artefact", Problem: "there is no macOS code in it, so there is nothing to judge"}
	}
	in := Input{Name: name, Tree: tree, Whole: whole, Read: tree.Read}
	if whole {
		in.verifyPages(fsys)
		in.verifySeals(fsys)
	}
	return in, nil
}

// verifyPages compares the code of every executable with its page hashes.
func (in *Input) verifyPages(fsys fs.FS) {
	changed, n, err := bundle.VerifyPages(fsys, in.Tree)
	in.Read += n
	for _, c := range changed {
		in.Changes = append(in.Changes, Change{CodeChanged, c.Executable.Path, c.Arch,
			fmt.Sprintf("%d of %d pages do not match their hash", c.Report.Bad, c.Report.Pages)})
	}
	if err != nil {
		in.unread(err)
	}
}

// verifySeals compares the files of every bundle with its seal.
func (in *Input) verifySeals(fsys fs.FS) {
	for _, b := range in.Tree.Bundles {
		if b.Resources == nil || b.Resources.Err != nil {
			continue // reported as such
		}
		report, err := bundle.VerifySeal(fsys, in.Tree, b)
		if err != nil {
			in.unread(err)
			continue
		}
		in.Read += report.Read
		for _, p := range report.Problems {
			in.Changes = append(in.Changes, Change{sealRules[p.State], p.Path, "", p.Detail})
		}
	}
}

// sealRules maps what VerifySeal finds to rules.
var sealRules = map[bundle.SealState]ChangeKind{
	bundle.SealMissing: FileChanged, bundle.SealChanged: FileChanged, bundle.SealWrongLink: FileChanged,
	bundle.SealUnsealed: FileUnsealed, bundle.SealUnread: FileUnread,
}

func (in *Input) unread(err error) {
	in.Changes = append(in.Changes, Change{FileUnread, problemPath(err), "", err.Error()})
}

// changes reports what reading whole files found, as far as the quick checks
// have not reported the same.
func (c *checker) changes(list []Change) {
	for _, ch := range list {
		if !c.reported(string(ch.Kind), ch.Path) {
			c.addPath(string(ch.Kind), ch.Path, ch.Arch, "%s", ch.Seen)
		}
	}
}

// reported reports whether a path already has the finding, or the more exact
// one about a profile that is not the sealed one.
func (c *checker) reported(rule, at string) bool {
	at = c.path(at)
	return slices.ContainsFunc(c.report.Findings, func(f Finding) bool {
		return f.Path == at && (number(f.Rule) == rule || number(f.Rule) == "KR313")
	})
}

// problemPath takes the file's name from a reader's error.
func problemPath(err error) string {
	var e *unreadable.Error
	if errors.As(err, &e) {
		return e.Path
	}
	return ""
}
