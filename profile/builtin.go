package profile

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kinring/kinring/store"
)

//go:embed families/*.toml
var families embed.FS

// Names returns the built-in families, sorted.
func Names() []string {
	entries, err := fs.ReadDir(families, "families")
	if err != nil {
		panic(err) // the files are part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	slices.Sort(names)
	return names
}

// Builtin returns a built-in family.
func Builtin(name string) (Profile, error) {
	data, err := families.ReadFile(path.Join("families", name+".toml"))
	if err != nil || !nameForm.has(name) {
		return Profile{}, &store.Error{Class: store.ErrInvalid, Op: "profile",
			Detail: fmt.Sprintf("the family %q is not built in", name),
			Remedy: "use one of " + strings.Join(Names(), ", ") + ", or a profile file"}
	}
	return Parse("built-in family "+name, data)
}
