package preflight

import (
	"encoding/json"
	"io"
)

// Schema names the JSON document. A change that removes or renames anything
// raises the number.
const Schema = "kinring.preflight/1"

// RulesSchema names the JSON document about rules alone.
const RulesSchema = "kinring.preflight.rules/1"

// RulesJSON writes one rule, or all of them where id is empty.
func RulesJSON(w io.Writer, id string) error {
	list := Rules()
	if id != "" {
		r, err := Lookup(id)
		if err != nil {
			return err
		}
		list = []Rule{r}
	}
	d := struct {
		Schema string        `json:"schema"`
		Rules  []explanation `json:"rules"`
	}{Schema: RulesSchema}
	for _, r := range list {
		d.Rules = append(d.Rules, explain(r))
	}
	return writeJSON(w, d)
}

// document is the JSON form of a report.
type document struct {
	Schema string `json:"schema"`
	*Report
	Counts counts        `json:"counts"`
	Rules  []explanation `json:"rules"` // of the findings, each once
}

type counts struct {
	Error   int `json:"error"`
	Warning int `json:"warning"`
	Note    int `json:"note"`
}

// explanation is a rule in JSON.
type explanation struct {
	ID        string            `json:"id"`
	Level     Level             `json:"level"`
	Title     string            `json:"title"`
	Why       string            `json:"why"`
	Remedy    map[string]string `json:"remedy"` // by tool; "general" for all
	Incidents []string          `json:"incidents"`
}

// JSON writes the report as one document of Schema.
func (r *Report) JSON(w io.Writer) error {
	d := document{
		Schema: Schema, Report: r.filled(),
		Counts: counts{r.Count(Error), r.Count(Warning), r.Count(Note)},
		Rules:  []explanation{},
	}
	for _, id := range r.IDs() {
		d.Rules = append(d.Rules, explain(ruleByNumber()[number(id)]))
	}
	return writeJSON(w, d)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func explain(r Rule) explanation {
	out := explanation{
		ID: r.ID, Level: r.Level, Title: r.Title, Why: r.Why,
		Remedy: map[string]string{}, Incidents: orEmpty(r.Incidents),
	}
	for _, l := range r.Remedy.lines() {
		if l.Tool == "" {
			l.Tool = "general"
		}
		out.Remedy[l.Tool] = l.Text
	}
	return out
}

// filled returns a copy in which no list is null.
func (r *Report) filled() *Report {
	c := *r
	c.Inputs, c.Checked, c.NotChecked = orEmpty(r.Inputs), orEmpty(r.Checked), orEmpty(r.NotChecked)
	c.Findings, c.Suppressed = orEmpty(r.Findings), orEmpty(r.Suppressed)
	c.Executables = make([]Executable, len(r.Executables))
	for i, e := range r.Executables {
		e.Arches, e.Restricted = orEmpty(e.Arches), orEmpty(e.Restricted)
		e.Entitlements, e.Groups = orEmpty(e.Entitlements), orEmpty(e.Groups)
		c.Executables[i] = e
	}
	return &c
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
