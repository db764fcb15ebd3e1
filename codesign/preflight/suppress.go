package preflight

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Suppression silences one rule at some paths until a date. It needs a reason,
// and it ends: a fault that is accepted for ever belongs in the rule.
type Suppression struct {
	Rule    string    // id or number
	Path    string    // pattern of path.Match over the whole path; empty: everywhere
	Reason  string    // why it is accepted
	Expires time.Time // the first day on which it counts no more
}

// suppressionFile is the TOML form.
type suppressionFile struct {
	Schema   int `toml:"schema"`
	Suppress []struct {
		Rule    string         `toml:"rule"`
		Path    string         `toml:"path"`
		Reason  string         `toml:"reason"`
		Expires toml.LocalDate `toml:"expires"`
	} `toml:"suppress"`
}

// MaxSuppressions bounds the bytes of a suppression file: more is a sign that
// the wrong file was given.
const MaxSuppressions = 1 << 20

// ParseSuppressions reads a suppression file:
//
//	schema = 1
//	[[suppress]]
//	rule    = "KR204"
//	path    = "Demo.app/Contents/MacOS/*"
//	reason  = "the helper is rebuilt in March"
//	expires = 2026-04-01
//
// Unknown keys, unknown rules, and entries without reason or date are refused.
func ParseSuppressions(data []byte) ([]Suppression, error) {
	if len(data) > MaxSuppressions {
		return nil, fmt.Errorf("suppression file has %d bytes, more than %d: is it the right file", len(data), MaxSuppressions)
	}
	var file suppressionFile
	decoder := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("suppression file: %w", tomlPlace(err))
	}
	if file.Schema != 1 {
		return nil, fmt.Errorf("suppression file has schema %d: write schema = 1", file.Schema)
	}
	var out []Suppression
	for i, s := range file.Suppress {
		expires := s.Expires.AsTime(time.UTC)
		if s.Expires == (toml.LocalDate{}) {
			expires = time.Time{}
		}
		one := Suppression{s.Rule, s.Path, s.Reason, expires}
		if err := one.validate(); err != nil {
			return nil, fmt.Errorf("suppression %d: %w", i+1, err)
		}
		out = append(out, one)
	}
	return out, nil
}

// tomlPlace turns the decoder's errors into one line with the place.
func tomlPlace(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		row, column := strict.Errors[0].Position()
		return fmt.Errorf("line %d, column %d: unknown key %v", row, column, strict.Errors[0].Key())
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		row, column := decode.Position()
		return fmt.Errorf("line %d, column %d: %w", row, column, err)
	}
	return err
}

func (s Suppression) validate() error {
	if _, err := Lookup(s.Rule); err != nil {
		return err
	}
	if s.Reason == "" {
		return fmt.Errorf("%s has no reason: say why the finding is accepted", s.Rule)
	}
	if s.Expires.IsZero() {
		return fmt.Errorf("%s has no expires date: say until when the finding is accepted", s.Rule)
	}
	if _, err := path.Match(strings.TrimSuffix(s.Path, below), ""); err != nil {
		return fmt.Errorf("%s has the path pattern %q: %w", s.Rule, s.Path, err)
	}
	return nil
}

// covers reports whether the suppression names the finding.
func (s Suppression) covers(f Finding) bool {
	if !strings.EqualFold(number(s.Rule), number(f.Rule)) {
		return false
	}
	return s.Path == "" || matchPath(s.Path, f.Path)
}

// below ends a pattern that means everything under a directory; a star by itself
// stays within one element of a path.
const below = "/**"

// matchPath reports whether the pattern covers the whole path.
func matchPath(pattern, at string) bool {
	if dir, found := strings.CutSuffix(pattern, below); found {
		elements := strings.Split(at, "/")
		n := strings.Count(dir, "/") + 1
		return len(elements) > n && matchPath(dir, strings.Join(elements[:n], "/"))
	}
	matched, err := path.Match(pattern, at)
	return err == nil && matched
}

// suppress moves accepted findings aside. An expired suppression moves nothing
// and is itself a finding, so that it does not go unnoticed.
func (r *Report) suppress(list []Suppression) {
	var kept []Finding
	for _, f := range r.Findings {
		if s, ok := covering(list, f, r.Date); ok {
			f.Reason, f.Expires = s.Reason, s.Expires.Format(time.DateOnly)
			r.Suppressed = append(r.Suppressed, f)
			continue
		}
		kept = append(kept, f)
	}
	r.Findings = append(kept, expired(list, r.Date)...)
}

func covering(list []Suppression, f Finding, now time.Time) (Suppression, bool) {
	for _, s := range list {
		if s.covers(f) && now.Before(s.Expires) {
			return s, true
		}
	}
	return Suppression{}, false
}

func expired(list []Suppression, now time.Time) (out []Finding) {
	for _, s := range list {
		if now.Before(s.Expires) {
			continue
		}
		rule := ruleByNumber()["KR504"]
		out = append(out, Finding{
			Rule: rule.ID, Level: rule.Level, Path: s.Path,
			Seen: fmt.Sprintf("the suppression of %s (%s) ended on %s", s.Rule, s.Reason, s.Expires.Format(time.DateOnly)),
		})
	}
	return out
}
