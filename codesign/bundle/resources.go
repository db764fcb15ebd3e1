package bundle

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/unreadable"
)

// maxRules bounds the rules of a seal; codesign writes about a dozen.
const maxRules = 256

// parse reads the second form of the seal, files2 and rules2, which has been
// the one that counts since OS X 10.9; a seal that has only the first form is
// read from that.
func (r *Resources) parse() error {
	doc, err := plist.ParseDict(r.Raw)
	if err != nil {
		return err
	}
	files, rules := "files2", "rules2"
	if _, ok := doc.Root.Entries.Get(files); !ok {
		files, rules = "files", "rules"
	}
	v, ok := doc.Root.Entries.Get(files)
	if !ok || v.Kind != plist.Dictionary {
		return unreadable.At("resource seal", 0, "it has no dictionary files2 and no files")
	}
	for _, e := range v.Entries {
		seal, ok := parseSeal(e)
		if !ok {
			return unreadable.At("resource seal", 0, "the entry of %q is neither a hash nor a dictionary", e.Key)
		}
		r.Seals = append(r.Seals, seal)
	}
	slices.SortFunc(r.Seals, func(a, b Seal) int { return cmp.Compare(a.Path, b.Path) })
	for i := 1; i < len(r.Seals); i++ {
		if r.Seals[i].Path == r.Seals[i-1].Path {
			return unreadable.At("resource seal", 0, "it seals %q twice", r.Seals[i].Path)
		}
	}
	return r.parseRules(doc.Root.Entries.Dict(rules))
}

// parseSeal reads one entry: a hash, or a dictionary of hashes and conditions.
func parseSeal(e plist.Entry) (Seal, bool) {
	s := Seal{Path: e.Key}
	switch e.Value.Kind {
	case plist.Data:
		s.SHA1 = e.Value.Data
		return s, true
	case plist.Dictionary:
		d := e.Value.Entries
		old, _ := d.Get("hash")
		new, _ := d.Get("hash2")
		code, _ := d.Get("cdhash")
		s.SHA1, s.SHA256, s.CDHash = old.Data, new.Data, code.Data
		s.Symlink, s.Requirement, s.Optional = d.Text("symlink"), d.Text("requirement"), d.Bool("optional")
		return s, true
	}
	return s, false
}

// parseRules reads the rules: a boolean, or a dictionary of flags and a weight.
func (r *Resources) parseRules(rules plist.Dict) error {
	if len(rules) > maxRules {
		return unreadable.At("resource seal", 0, "it has %d rules; at most %d are read", len(rules), maxRules)
	}
	for _, e := range rules {
		rule := Rule{Pattern: e.Key, Weight: 1}
		switch d := e.Value.Entries; e.Value.Kind {
		case plist.Boolean:
			rule.Omit = !e.Value.Bool
		case plist.Dictionary:
			rule.Omit, rule.Optional, rule.Nested = d.Bool("omit"), d.Bool("optional"), d.Bool("nested")
			rule.Weight = weight(d)
		default:
			return unreadable.At("resource seal", 0, "the rule %q is neither a boolean nor a dictionary", e.Key)
		}
		r.Rules = append(r.Rules, rule)
	}
	return nil
}

func weight(d plist.Dict) float64 {
	switch v, _ := d.Get("weight"); v.Kind {
	case plist.Real:
		return v.Real
	case plist.Integer:
		return float64(v.Integer)
	}
	return 1
}

// Seal returns the entry for a path relative to the bundle's Contents.
func (r *Resources) Seal(at string) (Seal, bool) {
	i, found := slices.BinarySearchFunc(r.Seals, at, func(s Seal, at string) int { return cmp.Compare(s.Path, at) })
	if !found {
		return Seal{}, false
	}
	return r.Seals[i], true
}

// sealsBelow reports whether the seal names anything in a directory.
func (r *Resources) sealsBelow(dir string) bool {
	i, _ := slices.BinarySearchFunc(r.Seals, dir+"/", func(s Seal, at string) int { return cmp.Compare(s.Path, at) })
	return i < len(r.Seals) && strings.HasPrefix(r.Seals[i].Path, dir+"/")
}
