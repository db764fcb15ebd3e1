package preflight

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Plan is what is going to be signed: programs with the entitlements and
// profiles meant for them. It needs no certificate, so that it can be judged
// where there is none, as for a pull request.
type Plan struct {
	Name        string // of the file that says so
	Team        string // that will sign; empty: not known
	Certificate []byte // SHA-256 of the certificate that will sign; nil: not known
	Targets     []Target
	Faults      []PlanFault // found while reading the plan
}

// PlanFault is a finding about the plan's own files.
type PlanFault struct{ Rule, Path, Seen string }

// Target is one program, or all nested code where one file is for all of it.
type Target struct {
	Path         string // where it will lie in the product: Demo.app, Demo.app/Contents/Helpers/x
	Identifier   string // CFBundleIdentifier; empty: not known
	Place        Place
	Entitlements *PlanFile // nil: none
	Profile      *PlanFile // nil: none
}

// Place says what a target can carry.
type Place string

// The places.
const (
	PlaceApp     Place = "app"     // outermost app: may have a profile
	PlaceHelper  Place = "helper"  // bundle inside another: may have a profile of its own
	PlaceBare    Place = "bare"    // executable that is no bundle's main one
	PlaceLibrary Place = "library" // loaded by other programs
	PlaceInherit Place = "inherit" // every helper and binary that has no file of its own
)

// PlanFile is a file that the plan names.
type PlanFile struct {
	Name string
	Data []byte
}

// maxPlanFile bounds every file of a plan; real ones have a few kilobytes.
const maxPlanFile = 4 << 20

// fault notes a finding about the plan itself.
func (p *Plan) fault(rule, at, format string, args ...any) {
	p.Faults = append(p.Faults, PlanFault{rule, at, fmt.Sprintf(format, args...)})
}

// file reads a file that the plan names; one that cannot be read is a finding.
func (p *Plan) file(fsys fs.FS, name string) *PlanFile {
	if name == "" {
		return nil
	}
	data, err := readPlanFile(fsys, path.Clean(strings.ReplaceAll(name, `\`, "/")))
	if err != nil {
		p.fault("KR702", name, "%v", err)
		return nil
	}
	return &PlanFile{name, data}
}

// readPlanFile reads one bounded file.
func readPlanFile(fsys fs.FS, name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%q leads out of the directory of the plan", name)
	}
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // opening a pipe may never return
		return nil, fmt.Errorf("%s is no file", name)
	case info.Size() > maxPlanFile:
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, info.Size(), maxPlanFile)
	}
	return fs.ReadFile(fsys, name)
}

// ReadPlan reads a plan: kinring's own TOML form, or the configuration of
// electron-builder or electron-forge. Files that it names are looked up in the
// directory of the plan, which is the root of fsys. A plan that leaves nothing to
// judge is an error.
func ReadPlan(fsys fs.FS, name string) (*Plan, error) {
	p := &Plan{Name: name}
	switch ext := path.Ext(name); ext {
	case ".js", ".cjs", ".mjs", ".ts":
		return nil, fmt.Errorf("plan %s: it is a program; print its value and judge that: "+
			"node -p 'JSON.stringify(require(\"./%s\"))' > config.json", name, name)
	case ".toml", ".json", ".yml", ".yaml":
		data, err := readPlanFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
		if err := p.parse(fsys, ext, data); err != nil {
			return nil, err
		}
		if len(p.Targets)+len(p.Faults) == 0 {
			return nil, fmt.Errorf("plan %s names no code, so there is nothing to judge", name)
		}
		return p, nil
	}
	return nil, fmt.Errorf("plan %s: not a .toml, .json, .yml or .yaml file", name)
}

// parse fills the plan from its file.
func (p *Plan) parse(fsys fs.FS, ext string, data []byte) error {
	if ext == ".toml" {
		return p.parseTOML(fsys, data)
	}
	config, err := decodeConfig(data)
	if err != nil {
		return fmt.Errorf("plan %s: %w", p.Name, err)
	}
	switch {
	case config.child("build") != nil:
		p.builder(fsys, config.child("build"))
	case config.child("config", "forge") != nil:
		p.forge(fsys, config.child("config", "forge"))
	case config.child("packagerConfig") != nil:
		p.forge(fsys, config)
	case config.child("mac") != nil || config.text("appId") != "":
		p.builder(fsys, config)
	default:
		return fmt.Errorf("plan %s: neither an electron-builder nor an electron-forge configuration", p.Name)
	}
	return nil
}

// ParseFingerprint reads the SHA-256 of a certificate: hexadecimal, colons and
// spaces allowed, as certificate viewers print it.
func ParseFingerprint(text string) ([]byte, error) {
	clean := strings.NewReplacer(":", "", " ", "").Replace(text)
	out, err := hex.DecodeString(clean)
	if err != nil || len(out) != 32 {
		return nil, errors.New("a certificate fingerprint is 64 hexadecimal digits: the SHA-256 of the certificate")
	}
	return out, nil
}
