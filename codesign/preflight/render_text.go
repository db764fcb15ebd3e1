package preflight

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// Text writes the report for people: the table of executables, who claims which
// keychain group, findings by rule, and what was not checked.
func (r *Report) Text(w io.Writer) error {
	t := &printer{w: w}
	t.table(r.Executables)
	t.matrix(r)
	t.findings(r.Findings)
	t.suppressed(r.Suppressed)
	t.list("checked", r.Checked)
	t.list("not checked", r.NotChecked)
	t.line("%s, %s, %s, %d suppressed; %s", plural(r.Count(Error), "error"), plural(r.Count(Warning), "warning"),
		plural(r.Count(Note), "note"), len(r.Suppressed), plural(len(r.Executables), "executable"))
	return t.err
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// printer remembers the first write error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err != nil {
		return
	}
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = printable(s)
		}
	}
	_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
}

// printable keeps names inside an artefact from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// table prints one line per executable.
func (p *printer) table(list []Executable) {
	if len(list) == 0 {
		p.line("no executables found")
		return
	}
	columns := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	inner := &printer{w: columns, err: p.err}
	inner.line("EXECUTABLE\tKIND\tARCH\tIDENTIFIER\tTEAM\tRUNTIME\tRESTRICTED\tPROFILE")
	for _, e := range list {
		inner.line("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", e.Path, e.Kind, strings.Join(e.Arches, "+"), dash(e.Identifier), dash(e.Team),
			yes(e.Runtime), dash(strings.Join(e.Restricted, ",")), dash(e.Profile))
	}
	if p.err = inner.err; p.err == nil {
		p.err = columns.Flush()
	}
	p.line("")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// matrix prints who claims which group; one claimant needs no comparison.
func (p *printer) matrix(r *Report) {
	groups, rows := r.Matrix()
	if len(rows) < 2 {
		return
	}
	p.line("keychain access groups (1 is where writes go that name no group)")
	columns := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	inner := &printer{w: columns, err: p.err}
	inner.tabbed(append([]string{"EXECUTABLE"}, groups...))
	for _, row := range rows {
		inner.tabbed(append([]string{row.Path}, row.Places...))
	}
	if p.err = inner.err; p.err == nil {
		p.err = columns.Flush()
	}
	p.line("")
}

func (p *printer) tabbed(cells []string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.Join(cells, "\t")+"\n")
	}
}

// findings prints each rule once, with every place where it was broken.
func (p *printer) findings(list []Finding) {
	var order []string
	places := map[string][]Finding{}
	for _, f := range list {
		if places[f.Rule] == nil {
			order = append(order, f.Rule)
		}
		places[f.Rule] = append(places[f.Rule], f)
	}
	for _, id := range order {
		rule := ruleByNumber()[number(id)]
		p.line("%s %s: %s", string(rule.Level), rule.ID, rule.Title)
		for _, f := range places[id] {
			p.line("  at      %s", place(f))
			p.line("  seen    %s", f.Seen)
		}
		p.rule(rule)
	}
}

func place(f Finding) string {
	if f.Arch == "" {
		return dash(f.Path)
	}
	return f.Path + " (" + f.Arch + ")"
}

// rule prints why a finding matters and what to do.
func (p *printer) rule(r Rule) {
	p.line("  why     %s", r.Why)
	for _, l := range r.Remedy.lines() {
		if l.Tool == "" {
			p.line("  remedy  %s", l.Text)
		} else {
			p.line("  remedy  (%s) %s", l.Tool, l.Text)
		}
	}
	if len(r.Incidents) > 0 {
		p.line("  as in   %s", strings.Join(r.Incidents, ", "))
	}
	p.line("")
}

func (p *printer) suppressed(list []Finding) {
	if len(list) == 0 {
		return
	}
	p.line("suppressed")
	for _, f := range list {
		p.line("  %s at %s until %s: %s", f.Rule, place(f), f.Expires, f.Reason)
	}
	p.line("")
}

func (p *printer) list(title string, entries []string) {
	p.line("%s", title)
	for _, e := range entries {
		p.line("  - %s", e)
	}
	p.line("")
}

// Explain writes one rule for people.
func Explain(w io.Writer, id string) error {
	r, err := Lookup(id)
	if err != nil {
		return err
	}
	p := &printer{w: w}
	p.line("%s (%s): %s", r.ID, string(r.Level), r.Title)
	p.rule(r)
	return p.err
}

// ExplainAll writes one line per rule.
func ExplainAll(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := &printer{w: columns}
	for _, r := range Rules() {
		p.line("%s\t%s\t%s", r.ID, string(r.Level), r.Title)
	}
	if p.err != nil {
		return p.err
	}
	return columns.Flush()
}
