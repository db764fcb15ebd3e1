package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kinring/kinring/store"
)

// Schema is the form of a file of grants.
const Schema = "kinring.grants/1"

// Limits of a file of grants.
const (
	MaxFile    = 256 << 10 // bytes
	MaxGrants  = 256
	MaxPattern = 4 << 10 // bytes
)

type fileJSON struct {
	Schema string      `json:"schema"`
	Grants []grantJSON `json:"grants"`
}

type grantJSON struct {
	Name     string   `json:"name"`
	Programs []string `json:"programs"`
	Signed   []string `json:"signed"`
	Keys     []string `json:"keys"`
	Rights   []Right  `json:"rights"`
	Until    string   `json:"until"` // RFC 3339
}

// Parse reads a file of grants; name stands in errors. What is not understood is
// refused: a misspelt field would otherwise widen a grant.
func Parse(name string, data []byte) (Policy, error) {
	p, err := parse(data)
	if err != nil {
		return Policy{}, &store.Error{Class: store.ErrInvalid, Op: "grants", Store: name, Err: err, Remedy: "correct the file"}
	}
	return p, nil
}

func parse(data []byte) (Policy, error) {
	if len(data) > MaxFile {
		return Policy{}, fmt.Errorf("it has more than %d bytes", MaxFile)
	}
	if !utf8.Valid(data) {
		return Policy{}, fmt.Errorf("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var f fileJSON
	if err := d.Decode(&f); err != nil {
		return Policy{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Policy{}, fmt.Errorf("something follows the document")
	}
	if f.Schema != Schema {
		return Policy{}, fmt.Errorf("the schema is %q; this build knows %s", f.Schema, Schema)
	}
	if len(f.Grants) > MaxGrants {
		return Policy{}, fmt.Errorf("it has more than %d grants", MaxGrants)
	}
	return f.policy()
}

func (f fileJSON) policy() (Policy, error) {
	var p Policy
	names := map[string]bool{}
	for i, g := range f.Grants {
		grant, err := g.grant()
		if err == nil && names[g.Name] {
			err = fmt.Errorf("another grant has the name")
		}
		if err != nil {
			return Policy{}, fmt.Errorf("grant %d %q: %w", i+1, g.Name, err)
		}
		names[g.Name] = true
		p.Grants = append(p.Grants, grant)
	}
	return p, nil
}

func (g grantJSON) grant() (Grant, error) {
	out := Grant{Name: g.Name, Programs: g.Programs, Signed: g.Signed, Keys: g.Keys, Rights: g.Rights}
	if g.Name == "" || len(g.Name) > 64 {
		return out, fmt.Errorf("it has no name, or one of more than 64 bytes")
	}
	if len(g.Rights) == 0 {
		return out, fmt.Errorf("it names no rights")
	}
	aboutKeys := false
	for _, r := range g.Rights {
		if !slices.Contains(Rights(), r) {
			return out, fmt.Errorf("%q is no right", r)
		}
		aboutKeys = aboutKeys || slices.Contains(ofKeys, r)
	}
	if aboutKeys != (len(g.Keys) > 0) {
		return out, fmt.Errorf("keys and rights that are about keys go together")
	}
	for _, p := range slices.Concat(g.Programs, g.Signed, g.Keys) {
		if p == "" || len(p) > MaxPattern {
			return out, fmt.Errorf("a pattern is empty or has more than %d bytes", MaxPattern)
		}
	}
	for _, s := range g.Signed {
		if team, _, ok := strings.Cut(s, "/"); !ok || team == "" || strings.Contains(team, "*") {
			return out, fmt.Errorf("a signature is TEAM/IDENTIFIER, and the team is no pattern")
		}
	}
	if g.Until == "" {
		return out, nil
	}
	until, err := time.Parse(time.RFC3339, g.Until)
	if err != nil {
		return out, fmt.Errorf("until is no time such as 2027-01-31T12:00:00Z")
	}
	out.Until = until
	return out, nil
}
