package preflight

import (
	"io"
	"net/url"
	"path"
	"strings"
)

// The parts of SARIF 2.1.0 (OASIS standard) that a report needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Results     []sarifResult     `json:"results"`
		Invocations []sarifInvocation `json:"invocations"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string        `json:"id"`
		Name          string        `json:"name"`
		Short         sarifText     `json:"shortDescription"`
		Full          sarifText     `json:"fullDescription"`
		Help          sarifText     `json:"help"`
		Configuration sarifSeverity `json:"defaultConfiguration"`
	}
	sarifSeverity struct {
		Level Level `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        Level              `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications"`
	}
	sarifNotification struct {
		Level   Level     `json:"level"`
		Message sarifText `json:"message"`
	}
)

const (
	sarifSchema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	sarifVersion = "2.1.0"
	toolName     = "kinring preflight"
	toolURI      = "https://github.com/kinring/kinring"
)

// SARIF writes the report as SARIF 2.1.0, which code scanning services read.
// version is that of the tool, or empty.
func (r *Report) SARIF(w io.Writer, version string) error {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: toolName, Version: version, InformationURI: toolURI}},
		Results:     []sarifResult{},
		Invocations: []sarifInvocation{{Successful: !r.Unreadable(), Notifications: r.notifications()}},
	}
	index := map[string]int{}
	for i, rule := range Rules() {
		index[rule.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifOf(rule))
	}
	for _, f := range r.Findings {
		run.Results = append(run.Results, r.result(f, index))
	}
	for _, f := range r.Suppressed {
		result := r.result(f, index)
		result.Suppressions = []sarifSuppression{{"external", f.Reason + " (until " + f.Expires + ")"}}
		run.Results = append(run.Results, result)
	}
	return writeJSON(w, sarifLog{sarifSchema, sarifVersion, []sarifRun{run}})
}

func sarifOf(r Rule) sarifRule {
	var help []string
	for _, l := range r.Remedy.lines() {
		if l.Tool != "" {
			l.Text = l.Tool + ": " + l.Text
		}
		help = append(help, l.Text)
	}
	if len(r.Incidents) > 0 {
		help = append(help, "as in "+strings.Join(r.Incidents, ", "))
	}
	_, name, _ := strings.Cut(r.ID, "-")
	return sarifRule{
		ID: r.ID, Name: name, Short: sarifText{r.Title}, Full: sarifText{r.Why},
		Help: sarifText{strings.Join(help, "\n")}, Configuration: sarifSeverity{r.Level},
	}
}

func (r *Report) result(f Finding, index map[string]int) sarifResult {
	at := f.Path
	if at == "" && len(r.Inputs) > 0 {
		at = r.Inputs[0]
	}
	message := f.Seen
	if f.Arch != "" {
		message = f.Arch + ": " + message
	}
	return sarifResult{
		RuleID: f.Rule, RuleIndex: index[f.Rule], Level: f.Level, Message: sarifText{message},
		Locations: []sarifLocation{{sarifPhysical{sarifArtifact{uri(at)}}}},
	}
}

// uri writes a path as a relative reference; Windows separators and spaces
// included.
func uri(at string) string {
	at = path.Clean(strings.ReplaceAll(at, `\`, "/"))
	return (&url.URL{Path: at}).String()
}

// notifications carries what was not checked into the log.
func (r *Report) notifications() (out []sarifNotification) {
	for _, n := range r.NotChecked {
		out = append(out, sarifNotification{Note, sarifText{"not checked: " + n}})
	}
	return orEmpty(out)
}

// Unreadable reports whether something that looks like code could not be read,
// so that the report says nothing about it.
func (r *Report) Unreadable() bool {
	for _, f := range r.Findings {
		if number(f.Rule) == "KR409" {
			return true
		}
	}
	return false
}
