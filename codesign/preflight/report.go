package preflight

import (
	"cmp"
	"slices"
	"time"
)

// Finding is one fault at one place.
type Finding struct {
	Rule    string `json:"rule"`
	Level   Level  `json:"level"`
	Path    string `json:"path"`           // of the executable, bundle or file, within the input
	Arch    string `json:"arch,omitempty"` // where only one slice is meant
	Seen    string `json:"seen"`
	Expires string `json:"suppressed_until,omitempty"` // set on a suppressed finding
	Reason  string `json:"suppressed_because,omitempty"`
}

// Executable is one row of the table of what was looked at.
type Executable struct {
	Path         string   `json:"path"`
	Kind         string   `json:"kind"` // executable, library, plug-in …
	Arches       []string `json:"arches"`
	Identifier   string   `json:"identifier"`
	Team         string   `json:"team"`
	Signer       string   `json:"signer"` // common name of the certificate, or how it is signed without one
	CDHash       string   `json:"cdhash"`
	Runtime      bool     `json:"hardened_runtime"`
	Restricted   []string `json:"restricted_entitlements"`
	Entitlements []string `json:"entitlements"`
	Groups       []string `json:"keychain_access_groups"` // in their order
	Profile      string   `json:"profile"`                // name of the profile that covers it
}

// Report is the outcome of one check.
type Report struct {
	Inputs      []string     `json:"inputs"`
	Date        time.Time    `json:"date"`
	Executables []Executable `json:"executables"`
	Findings    []Finding    `json:"findings"`
	Suppressed  []Finding    `json:"suppressed"`
	Checked     []string     `json:"checked"`
	NotChecked  []string     `json:"not_checked"`
}

// Count returns how many findings have the level.
func (r *Report) Count(l Level) (n int) {
	for _, f := range r.Findings {
		if f.Level == l {
			n++
		}
	}
	return n
}

// Failed reports whether any finding is an error.
func (r *Report) Failed() bool { return r.Count(Error) > 0 }

// IDs lists the ids of the findings, each once, sorted.
func (r *Report) IDs() []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Rule)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sort orders findings by level, path, rule and slice, and drops repetitions
// that differ in nothing.
func (r *Report) sort() {
	order := func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Level.rank(), b.Level.rank()), cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Seen, b.Seen))
	}
	for _, list := range []*[]Finding{&r.Findings, &r.Suppressed} {
		slices.SortFunc(*list, order)
		*list = slices.Compact(*list)
	}
	slices.SortFunc(r.Executables, func(a, b Executable) int { return cmp.Compare(a.Path, b.Path) })
}

// Join puts two reports into one; a nil report adds nothing.
func Join(a, b *Report) *Report {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := *a
	out.Inputs = slices.Concat(a.Inputs, b.Inputs)
	out.Executables = slices.Concat(a.Executables, b.Executables)
	out.Findings = slices.Concat(a.Findings, b.Findings)
	out.Suppressed = slices.Concat(a.Suppressed, b.Suppressed)
	out.Checked = unite(a.Checked, b.Checked)
	out.NotChecked = unite(a.NotChecked, b.NotChecked)
	out.sort()
	return &out
}

// unite appends what a does not have yet.
func unite(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
