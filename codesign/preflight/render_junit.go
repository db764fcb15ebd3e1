package preflight

import (
	"encoding/xml"
	"io"
	"strings"
)

// The parts of the JUnit XML format that build servers read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"` // cases that could not be judged: none, for what cannot be read is a failure
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
		Out      string      `xml:"system-out,omitempty"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Failure *junitFailure `xml:"failure"`
		Skipped *junitSkipped `xml:"skipped"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit writes the report as JUnit XML: a case per executable, and one per
// place that has findings of its own. Errors are failures; warnings and notes
// are printed with the case; what is suppressed counts as skipped.
func (r *Report) JUnit(w io.Writer) error {
	suite := junitSuite{Name: strings.Join(r.Inputs, ", "), Out: "not checked:\n" + strings.Join(r.NotChecked, "\n")}
	for _, at := range r.places() {
		suite.Cases = append(suite.Cases, r.testCase(at))
	}
	for _, f := range r.Suppressed {
		suite.Cases = append(suite.Cases, junitCase{
			Name: f.Rule, Class: place(f), Skipped: &junitSkipped{f.Reason + " (until " + f.Expires + ")"},
		})
		suite.Skipped++
	}
	for _, c := range suite.Cases {
		suite.Tests++
		if c.Failure != nil {
			suite.Failures++
		}
	}
	all := junitSuites{Name: toolName, Tests: suite.Tests, Failures: suite.Failures, Suites: []junitSuite{suite}}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// places lists executables and every other path with a finding, each once.
func (r *Report) places() (out []string) {
	seen := map[string]bool{}
	add := func(at string) {
		if !seen[at] {
			seen[at] = true
			out = append(out, at)
		}
	}
	for _, e := range r.Executables {
		add(e.Path)
	}
	for _, f := range r.Findings {
		add(f.Path)
	}
	return out
}

// testCase gathers the findings at one place.
func (r *Report) testCase(at string) junitCase {
	c := junitCase{Name: dash(at), Class: "preflight"}
	var failures, remarks []string
	for _, f := range r.Findings {
		switch {
		case f.Path != at:
		case f.Level == Error:
			if c.Failure == nil {
				c.Failure = &junitFailure{Message: f.Rule + ": " + f.Seen, Type: f.Rule}
			}
			failures = append(failures, sentence(f))
		default:
			remarks = append(remarks, sentence(f))
		}
	}
	if c.Failure != nil {
		c.Failure.Text = strings.Join(failures, "\n")
	}
	c.Out = strings.Join(remarks, "\n")
	return c
}

func sentence(f Finding) string {
	rule := ruleByNumber()[number(f.Rule)]
	text := string(f.Level) + " " + f.Rule + ": " + f.Seen
	if lines := rule.Remedy.lines(); len(lines) > 0 {
		text += "; remedy: " + lines[0].Text
	}
	return text
}
