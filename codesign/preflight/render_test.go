package preflight

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/signfixture"
)

// sample is a report with findings of each level, two claimants, a suppressed
// finding, and a path that tries to steer a terminal.
func sample(t *testing.T) *Report {
	k := newKit(t)
	app := k.app(nest("Frameworks", k.helper(func(b *bdl) { b.Signing.Entitlements = k.claims(appID + ".helper") }))).Build(k)
	app["evil\x1b[2Jtool"] = k.bare(dict{"made-up": true})["tool"]
	app["linked"] = signfixture.Code{Path: "linked", Unsigned: true}.Tree(k)["linked"]
	app["debug"] = k.bare(dict{"com.apple.security.get-task-allow": true})["tool"]
	o := options()
	o.Suppressions = []Suppression{{Rule: "KR107", Path: "debug", Reason: "kept for a test", Expires: signfixture.Now.Add(time.Hour)}}
	r := k.check(app, o)
	for _, l := range []Level{Error, Warning, Note} {
		if r.Count(l) == 0 {
			t.Fatalf("the sample has no %s: %s", l, describe(r))
		}
	}
	return r
}

func render(t *testing.T, f func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTextSaysEverything(t *testing.T) {
	r := sample(t)
	text := string(render(t, func(b *bytes.Buffer) error { return r.Text(b) }))
	for _, want := range []string{
		"error KR203-helper-without-profile", "warning KR219-unknown-entitlement", "note KR106-linker-signed",
		"microsoft/vscode#312680", "electron-builder", "kept for a test", "not checked", "only a launch on a Mac",
		"1 error, 1 warning, 1 note, 1 suppressed; 5 executables", "keychain access groups (1 is where",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the text:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("a name inside the artefact reaches the terminal as it stands")
	}
}

func TestTextReportsAFailedWrite(t *testing.T) {
	r := sample(t)
	whole := len(render(t, func(b *bytes.Buffer) error { return r.Text(b) }))
	for room := 0; room < whole; room += 50 {
		if err := r.Text(&full{room: room}); !errors.Is(err, errFull) {
			t.Fatalf("room for %d bytes of %d: %v", room, whole, err)
		}
	}
}

var errFull = errors.New("no space left")

// full is a writer with room for some bytes.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		return 0, errFull
	}
	f.room -= len(p)
	return len(p), nil
}

func TestJSONReadsBack(t *testing.T) {
	r := sample(t)
	var d struct {
		Schema     string           `json:"schema"`
		Inputs     []string         `json:"inputs"`
		Date       time.Time        `json:"date"`
		Findings   []Finding        `json:"findings"`
		Suppressed []Finding        `json:"suppressed"`
		NotChecked []string         `json:"not_checked"`
		Checked    []string         `json:"checked"`
		Counts     map[string]int   `json:"counts"`
		Executable []Executable     `json:"executables"`
		Rules      []map[string]any `json:"rules"`
	}
	decoder := json.NewDecoder(bytes.NewReader(render(t, func(b *bytes.Buffer) error { return r.JSON(b) })))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	if d.Schema != Schema || len(d.Findings) != len(r.Findings) || d.Findings[0] != r.Findings[0] {
		t.Errorf("document of schema %q has findings %v", d.Schema, d.Findings)
	}
	if d.Counts["error"] != r.Count(Error) || len(d.Rules) != len(r.IDs()) || len(d.Suppressed) != 1 || len(d.Executable) != 5 {
		t.Errorf("counts %v, %d rules, %d suppressed, %d executables", d.Counts, len(d.Rules), len(d.Suppressed), len(d.Executable))
	}
	empty := string(render(t, func(b *bytes.Buffer) error { return (&Report{}).JSON(b) }))
	if strings.Contains(empty, "null") {
		t.Errorf("an empty report has null lists:\n%s", empty)
	}
}

// TestSARIFKeepsTheStandard checks what SARIF 2.1.0 demands of the parts that
// are used: sections 3.13, 3.14, 3.19, 3.20, 3.27, 3.49.
func TestSARIFKeepsTheStandard(t *testing.T) {
	r := sample(t)
	var log struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []struct {
			Tool        struct{ Driver sarifDriver } `json:"tool"`
			Results     []sarifResult                `json:"results"`
			Invocations []sarifInvocation            `json:"invocations"`
		} `json:"runs"`
	}
	decoder := json.NewDecoder(bytes.NewReader(render(t, func(b *bytes.Buffer) error { return r.SARIF(b, "1.2.3") })))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 || !strings.HasPrefix(log.Schema, "https://") {
		t.Fatalf("version %q, %d runs, schema %q", log.Version, len(log.Runs), log.Schema)
	}
	run := log.Runs[0]
	if run.Tool.Driver.Name == "" || run.Tool.Driver.Version != "1.2.3" || len(run.Tool.Driver.Rules) != len(Rules()) {
		t.Errorf("driver %q of version %q with %d rules", run.Tool.Driver.Name, run.Tool.Driver.Version, len(run.Tool.Driver.Rules))
	}
	if len(run.Results) != len(r.Findings)+len(r.Suppressed) || len(run.Invocations) != 1 || !run.Invocations[0].Successful {
		t.Errorf("%d results, invocations %v", len(run.Results), run.Invocations)
	}
	for _, result := range run.Results {
		checkResult(t, result, run.Tool.Driver.Rules)
	}
}

func checkResult(t *testing.T, result sarifResult, rules []sarifRule) {
	t.Helper()
	if rules[result.RuleIndex].ID != result.RuleID {
		t.Errorf("rule %s has the index of %s", result.RuleID, rules[result.RuleIndex].ID)
	}
	if result.Level.rank() < 0 || result.Message.Text == "" || len(result.Locations) != 1 {
		t.Errorf("result %+v lacks a level, message or place", result)
	}
	if at := result.Locations[0].Physical.Artifact.URI; at == "" || strings.ContainsAny(at, " \x1b\\") {
		t.Errorf("%q is no URI reference", at)
	}
	for _, s := range result.Suppressions {
		if s.Kind != "external" || s.Justification == "" {
			t.Errorf("suppression %+v", s)
		}
	}
}

func TestJUnitReadsBack(t *testing.T) {
	r := sample(t)
	data := render(t, func(b *bytes.Buffer) error { return r.JUnit(b) })
	var all junitSuites
	if err := xml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	suite := all.Suites[0]
	if all.Tests != len(suite.Cases) || all.Failures != 1 || suite.Skipped != 1 || all.Tests < 6 {
		t.Errorf("%d tests, %d failures, %d skipped, %d cases", all.Tests, all.Failures, suite.Skipped, len(suite.Cases))
	}
	for _, c := range suite.Cases {
		if failed := strings.Contains(c.Name, "Helper"); failed != (c.Failure != nil) {
			t.Errorf("case %q: failure %v", c.Name, c.Failure)
		}
	}
	for _, required := range []string{"name", "tests", "failures", "errors"} { // by the schema that Jenkins' xUnit plug-in checks
		if !regexp.MustCompile(`<testsuite [^>]*` + required + `="`).Match(data) {
			t.Errorf("the suite has no attribute %s", required)
		}
	}
	if !strings.Contains(suite.Out, "only a launch") {
		t.Error("the suite does not say what was not checked")
	}
}

func TestExplain(t *testing.T) {
	text := string(render(t, func(b *bytes.Buffer) error { return Explain(b, "kr203") }))
	for _, want := range []string{"KR203-helper-without-profile (error)", "osx-sign", "Xcode", "microsoft/vscode#312680"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the explanation:\n%s", want, text)
		}
	}
	if err := Explain(&bytes.Buffer{}, "KR000"); err == nil {
		t.Error("an unknown rule is explained")
	}
	list := string(render(t, func(b *bytes.Buffer) error { return ExplainAll(b) }))
	if strings.Count(list, "\n") != len(Rules()) {
		t.Errorf("the list has %d lines for %d rules", strings.Count(list, "\n"), len(Rules()))
	}
}
