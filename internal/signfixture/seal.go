package signfixture

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"
)

// codeDirectories are the places in Contents where codesign expects code and
// seals it by its code directory hash instead of its bytes.
var codeDirectories = []string{
	"Frameworks", "SharedFrameworks", "PlugIns", "Plug-ins", "XPCServices", "Helpers", "MacOS",
	"Library/Automator", "Library/Spotlight", "Library/LoginItems",
}

func nestedCode(p string) bool {
	return slices.ContainsFunc(codeDirectories, func(d string) bool { return strings.HasPrefix(p, d+"/") })
}

// codeSeal is the entry of nested code: its hash and what it must satisfy.
func codeSeal(data []byte, s Signing) Dict {
	thin := data
	if le.Uint32(data) != machMagic64 {
		thin = firstSlice(data)
	}
	return Dict{"cdhash": CDHash(thin), "requirement": requirementText(s)}
}

// firstSlice cuts the first architecture out of a fat file.
func firstSlice(fat []byte) []byte {
	be := func(at int) int {
		return int(fat[at])<<24 | int(fat[at+1])<<16 | int(fat[at+2])<<8 | int(fat[at+3])
	}
	return fat[be(16) : be(16)+be(20)]
}

func requirementText(s Signing) string {
	if s.Signer == nil {
		return fmt.Sprintf("identifier %q", s.Identifier)
	}
	return fmt.Sprintf("identifier %q and anchor apple generic and certificate 1[field.1.2.840.113635.100.6.2.6] /* exists */"+
		" and certificate leaf[field.1.2.840.113635.100.6.1.13] /* exists */ and certificate leaf[subject.OU] = %s",
		s.Identifier, s.Signer.Certificate.Subject.OrganizationalUnit[0])
}

// resources writes CodeResources for the tree as it stands, without the main
// executable. Nested code is already in sealed.
func (b Bundle) resources(t Tree, sealed Dict) []byte {
	files, files2 := Dict{}, sealed.Clone()
	for _, p := range t.paths() {
		if !b.sealable(p) {
			continue
		}
		if e := t[p]; e.Link != "" {
			files2[p] = Dict{"symlink": e.Link}
			continue
		}
		new := sha256.Sum256(t[p].Data)
		files2[p] = Dict{"hash2": new[:]}
		if strings.HasPrefix(p, "Resources/") {
			old := sha1.Sum(t[p].Data)
			files[p] = old[:]
		}
	}
	if b.Seal != nil {
		b.Seal(files2)
	}
	return Dict{"files": files, "files2": files2, "rules": oldRules(), "rules2": newRules()}.XML()
}

// sealable says whether the file's own bytes are sealed.
func (b Bundle) sealable(p string) bool {
	return !nestedCode(p) && p != "Info.plist" && p != "PkgInfo" && path.Dir(p) != "_CodeSignature"
}

func oldRules() Dict {
	return Dict{"^Resources/": true, "^version.plist$": true}
}

// newRules are the rules that codesign writes into the seal of an app.
func newRules() Dict {
	weighted := func(weight int, key string) Dict { return Dict{key: true, "weight": weight} }
	return Dict{
		".*\\.dSYM($|/)":                Dict{"weight": 11},
		"^.*":                           true,
		"^Info\\.plist$":                weighted(20, "omit"),
		"^PkgInfo$":                     weighted(20, "omit"),
		"^embedded\\.provisionprofile$": Dict{"weight": 20},
		"^Resources/":                   Dict{"weight": 20},
		"^[^/]+$":                       weighted(10, "nested"),
		"^(.*/)?\\.DS_Store$":           weighted(2000, "omit"),
		codeDirectoryRule():             weighted(10, "nested"),
		"^Resources/.*\\.lproj/":        Dict{"optional": true, "weight": 1000},
		"^Resources/.*\\.lproj/locversion.plist$": weighted(1100, "omit"),
	}
}

func codeDirectoryRule() string {
	return "^(Frameworks|SharedFrameworks|PlugIns|Plug-ins|XPCServices|Helpers|MacOS|Library/(Automator|Spotlight|LoginItems))/"
}
