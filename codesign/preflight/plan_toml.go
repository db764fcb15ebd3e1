package preflight

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// planFile is the TOML form of a plan:
//
//	schema      = 1
//	team        = "ABCDE12345"
//	certificate = "SHA-256 of the certificate, in hexadecimal"
//	[[code]]
//	path         = "Demo.app"
//	identifier   = "org.example.demo"
//	entitlements = "demo.entitlements"
//	profile      = "demo.provisionprofile"
//	[[code]]
//	path = "Demo.app/Contents/Helpers/tool"
type planFile struct {
	Schema      int    `toml:"schema"`
	Team        string `toml:"team"`
	Certificate string `toml:"certificate"`
	Code        []struct {
		Path         string `toml:"path"`
		Identifier   string `toml:"identifier"`
		Entitlements string `toml:"entitlements"`
		Profile      string `toml:"profile"`
	} `toml:"code"`
}

// parseTOML fills the plan from kinring's own form.
func (p *Plan) parseTOML(fsys fs.FS, data []byte) error {
	var file planFile
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&file); err != nil {
		return fmt.Errorf("plan %s: %w", p.Name, tomlPlace(err))
	}
	if file.Schema != 1 {
		return fmt.Errorf("plan %s has schema %d: write schema = 1", p.Name, file.Schema)
	}
	if file.Certificate != "" {
		digest, err := ParseFingerprint(file.Certificate)
		if err != nil {
			return fmt.Errorf("plan %s: %w", p.Name, err)
		}
		p.Certificate = digest
	}
	p.Team = file.Team
	for i, c := range file.Code {
		if c.Path == "" {
			return fmt.Errorf("plan %s: code %d has no path", p.Name, i+1)
		}
		p.Targets = append(p.Targets, Target{
			Path: c.Path, Identifier: c.Identifier, Place: placeOf(c.Path),
			Entitlements: p.file(fsys, c.Entitlements), Profile: p.file(fsys, c.Profile),
		})
	}
	p.checkLayout()
	return nil
}

// bundleExtensions are those of bundles that are started as programs.
var bundleExtensions = map[string]bool{".app": true, ".xpc": true, ".appex": true, ".systemextension": true}

// libraryExtensions are those of code that other programs load.
var libraryExtensions = map[string]bool{".framework": true, ".dylib": true, ".so": true, ".node": true, ".bundle": true, ".plugin": true}

// placeOf says what code at a path can carry.
func placeOf(at string) Place {
	ext := path.Ext(at)
	switch {
	case libraryExtensions[ext]:
		return PlaceLibrary
	case !bundleExtensions[ext]:
		return PlaceBare
	case insideBundle(at):
		return PlaceHelper
	}
	return PlaceApp
}

func insideBundle(at string) bool {
	for dir := path.Dir(at); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if bundleExtensions[path.Ext(dir)] {
			return true
		}
	}
	return false
}

// checkLayout looks for bundles of the plan that share an identifier.
func (p *Plan) checkLayout() {
	first := map[string]string{}
	for _, t := range p.Targets {
		if t.Identifier == "" || t.Place != PlaceApp && t.Place != PlaceHelper {
			continue
		}
		top, _, _ := strings.Cut(t.Path, "/")
		key := top + "\x00" + t.Identifier
		if other, found := first[key]; found {
			p.fault("KR407", t.Path, "%q is also the identifier of %s", t.Identifier, other)
			continue
		}
		first[key] = t.Path
	}
}
