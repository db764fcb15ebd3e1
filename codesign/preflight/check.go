package preflight

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/plist"
)

// defaultProfileWarning is how long before its end a profile is reported.
const defaultProfileWarning = 90 * 24 * time.Hour

// Options say what is expected of the artefacts.
type Options struct {
	Now            time.Time     // the day on which the artefact is judged
	ProfileWarning time.Duration // zero: 90 days
	Group          string        // expected shared group, with or without the team; empty: none expected
	Team           string        // expected team; empty: none expected
	Against        *Input        // the build that is installed; nil: none given
	Suppressions   []Suppression
}

// Check judges artefacts that belong together. It never fails: what cannot be
// read is a finding.
func Check(inputs []Input, options Options) *Report {
	if options.ProfileWarning == 0 {
		options.ProfileWarning = defaultProfileWarning
	}
	c := &checker{Options: options, report: &Report{Date: options.Now}, several: len(inputs) > 1}
	for i := range inputs {
		c.input(&inputs[i])
	}
	c.checkFamily()
	if options.Against != nil {
		c.checkUpdate(inputs)
	}
	c.report.Findings = mergeArches(c.report.Findings, c.arches)
	c.report.suppress(options.Suppressions)
	c.report.Checked, c.report.NotChecked = scope(inputs, options)
	c.report.sort()
	return c.report
}

// checker carries one call of Check.
type checker struct {
	Options
	report  *Report
	several bool     // paths need the name of their input
	current *Input   // the input being judged
	members []member // for the comparison within the family
	arches  map[string]int
}

// input runs every check that looks at one artefact.
func (c *checker) input(in *Input) {
	c.current = in
	c.report.Inputs = append(c.report.Inputs, in.Name)
	for _, err := range in.Tree.Problems {
		c.addPath("KR409", problemPath(err), "", "%v", err)
	}
	for _, l := range in.Tree.Links {
		if l.Leaves {
			c.addPath("KR408", l.Path, "", "it leads to %q", l.Target)
		}
	}
	for _, e := range in.Tree.Executables {
		c.executable(e)
	}
	for _, b := range in.Tree.Bundles {
		c.bundle(b)
	}
	c.checkIdentifiers(in.Tree.Bundles)
	c.changes(in.Changes)
}

// executable runs the checks of one file and of each of its slices.
func (c *checker) executable(e *bundle.Executable) {
	if e.Err != nil {
		c.addPath("KR409", e.Path, "", "%v", e.Err)
		return
	}
	if e.Role == bundle.RoleOther || len(e.File.Slices) == 0 {
		return // nothing in it is ever run
	}
	c.countArches(e)
	var all []*subject
	for i := range e.File.Slices {
		s := c.subject(e, &e.File.Slices[i])
		all = append(all, s)
		s.check()
	}
	c.checkSlicesAgree(all)
	c.report.Executables = append(c.report.Executables, row(c.path(e.Path), all))
	c.noteMember(e, all)
}

// countArches remembers how many slices a path has, so that a finding on all of
// them can be told as one.
func (c *checker) countArches(e *bundle.Executable) {
	if c.arches == nil {
		c.arches = map[string]int{}
	}
	c.arches[c.path(e.Path)] = len(e.File.Slices)
}

// subject is one slice with what every check asks of it.
type subject struct {
	c      *checker
	exe    *bundle.Executable
	code   *codesign.Slice
	sig    *codesign.Signature     // nil: unsigned
	dir    *codesign.CodeDirectory // the one that the system prefers; nil: unsigned
	claims plist.Dict              // entitlements as the system reads them
}

func (c *checker) subject(e *bundle.Executable, code *codesign.Slice) *subject {
	s := &subject{c: c, exe: e, code: code, sig: code.Signature}
	if s.sig == nil {
		return s
	}
	s.dir = preferred(s.sig.Directories)
	switch in := s.sig.Entitlements; {
	case in.DER != nil:
		s.claims = in.DER.Entries
	case in.XML != nil:
		s.claims = in.XML.Entries
	}
	return s
}

// check runs the checks of one slice.
func (s *subject) check() {
	if s.dir == nil {
		s.add("KR101", "the %s code is not signed", s.code.Arch)
		return
	}
	s.checkDirectory()
	s.checkSlots()
	s.checkSigner()
	s.checkForms()
	s.checkPlace()
	s.checkClaims()
	s.checkCoverage()
}

// hashRank orders hash types as the kernel prefers them (cs_blobs.h).
var hashRank = map[codesign.HashType]int{
	codesign.SHA1: 1, codesign.SHA256Truncated: 2, codesign.SHA256: 3, codesign.SHA384: 4,
}

// preferred returns the code directory by which the system judges the code.
func preferred(list []*codesign.CodeDirectory) *codesign.CodeDirectory {
	if len(list) == 0 {
		return nil
	}
	return slices.MaxFunc(list, func(a, b *codesign.CodeDirectory) int {
		return cmp.Compare(hashRank[a.HashType], hashRank[b.HashType])
	})
}

// add records a finding on this slice.
func (s *subject) add(rule, format string, args ...any) {
	s.c.addPath(rule, s.exe.Path, s.code.Arch, format, args...)
}

// addPath records a finding on a path of the current input.
func (c *checker) addPath(rule, at, arch, format string, args ...any) {
	r, ok := ruleByNumber()[rule]
	if !ok {
		panic("preflight: no rule " + rule)
	}
	c.report.Findings = append(c.report.Findings, Finding{
		Rule: r.ID, Level: r.Level, Path: c.path(at), Arch: arch, Seen: fmt.Sprintf(format, args...),
	})
}

// path names a file so that two inputs with equal insides stay apart.
func (c *checker) path(at string) string {
	if !c.several || c.current == nil {
		return at
	}
	name := strings.ReplaceAll(c.current.Name, `\`, "/")
	if base := path.Base(name); at == base || strings.HasPrefix(at, base+"/") {
		name = path.Dir(name) // a directory's paths begin with its own name
	}
	return path.Join(name, at)
}

// mergeArches tells a finding that every slice of a file has as one without an
// architecture.
func mergeArches(list []Finding, slicesOf map[string]int) []Finding {
	count := map[Finding]int{}
	bare := func(f Finding) Finding { f.Arch = ""; return f }
	for _, f := range list {
		if f.Arch != "" {
			count[bare(f)]++
		}
	}
	for i, f := range list {
		if f.Arch != "" && count[bare(f)] >= slicesOf[f.Path] {
			list[i] = bare(f)
		}
	}
	return slices.Compact(list)
}

// row describes an executable for the table; slices that differ are reported
// by a finding, so the first signed one speaks for all.
func row(at string, all []*subject) Executable {
	first := all[0]
	for _, s := range all {
		if s.dir != nil {
			first = s
			break
		}
	}
	out := first.row(at)
	for _, s := range all {
		out.Arches = append(out.Arches, s.code.Arch)
	}
	return out
}

func (s *subject) row(at string) Executable {
	out := Executable{Path: at, Kind: string(s.exe.Role), Signer: "unsigned"}
	if s.dir == nil {
		return out
	}
	out.Identifier, out.Team, out.Signer = s.dir.Identifier, s.dir.Team, s.signerName()
	out.CDHash = fmt.Sprintf("%x", s.dir.CDHash)
	out.Runtime = s.dir.Flags&codesign.FlagRuntime != 0
	out.Entitlements = s.claims.Keys()
	out.Restricted = restrictedKeys(s.claims)
	out.Groups, _ = s.claims.Strings(keyGroups)
	if b := s.owner(); b != nil && b.Profile != nil && b.Profile.Profile != nil {
		out.Profile = b.Profile.Profile.Name
	}
	return out
}

func (s *subject) signerName() string {
	switch {
	case s.sig.CMS != nil && s.sig.CMS.Signer != nil:
		return s.sig.CMS.Signer.Subject.CommonName
	case s.dir.Flags&codesign.FlagLinkerSigned != 0:
		return "linker"
	case s.adHoc():
		return "ad hoc"
	}
	return "unknown"
}

// adHoc reports whether the signature is without a certificate.
func (s *subject) adHoc() bool { return s.sig.CMS == nil && s.sig.CMSErr == nil }

// owner returns the app-like bundle whose main executable this is, or nil: only
// such code can have a profile.
func (s *subject) owner() *bundle.Bundle {
	if s.exe.Role == bundle.RoleMain && s.exe.Bundle.Kind.AppLike() {
		return s.exe.Bundle
	}
	return nil
}

// isProgram reports whether the slice is started as a process of its own.
func (s *subject) isProgram() bool { return !s.code.Type.IsLibrary() }

func quoted(list []string) string { return "\"" + strings.Join(list, "\", \"") + "\"" }
