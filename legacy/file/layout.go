package file

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

const (
	layoutName = "file"
	// limit is the largest file in bytes: one that holds a secret among others, and
	// perhaps has it escaped.
	limit = 4 * store.MaxValue
	// maxSteps bounds how deep a pointer leads.
	maxSteps = 16
)

func init() { store.RegisterLayout(Layout{}) }

// Layout is the layout "file".
type Layout struct{}

// Name returns file.
func (Layout) Name() string { return layoutName }

// Capabilities says what a source will promise. Nothing is atomic for all
// programs, because the vendor's own takes no locks of ours.
func (Layout) Capabilities() store.Capabilities { return store.Capabilities{Persistent: true} }

// Canonical returns the value as it is.
func (Layout) Canonical(value []byte) []byte { return value }

// The names of the options.
const (
	optionFormat  = "format"
	optionPointer = "pointer"
)

// Open returns the source. The profile must assign exactly one key to it, and
// name its path.
func (Layout) Open(config store.SourceConfig) (store.Store, error) {
	if len(config.Keys) != 1 {
		return nil, refused(config, fmt.Sprintf("it holds one secret, and the profile assigns %d keys to it", len(config.Keys)),
			"assign exactly one key to the source, in keys")
	}
	if !filepath.IsAbs(config.Path) {
		return nil, refused(config, fmt.Sprintf("%q is no absolute path", config.Path), "give the file's path in path, with a variable such as {home}")
	}
	edit, err := editorFor(config)
	if err != nil {
		return nil, err
	}
	return &secret{Door: source.Door{Name: config.Name}, path: config.Path, key: config.Keys[0].Key, edit: edit}, nil
}

func refused(config store.SourceConfig, detail, remedy string) error {
	return &store.Error{Class: store.ErrInvalid, Op: "open", Store: config.Name, Detail: detail, Remedy: remedy}
}

// formats are what the option format may say.
var formats = map[string]editor{
	"bytes": {whole: wholeFile{}},
	"line":  {whole: oneLine{}},
	"json":  {tree: marked{jsonText{}}, endSeen: true},
	"yaml":  {tree: marked{yamlText{}}},
	"toml":  {tree: marked{tomlText{}}},
}

// editorFor reads the options.
func editorFor(config store.SourceConfig) (editor, error) {
	for name := range config.Options {
		if name != optionFormat && name != optionPointer {
			return editor{}, refused(config, fmt.Sprintf("it has no option %q", name), "use format and pointer")
		}
	}
	name := config.Options[optionFormat]
	if name == "" {
		name = "bytes"
	}
	e, known := formats[name]
	if !known {
		return editor{}, refused(config, fmt.Sprintf("the format %q is unknown", name), "use "+strings.Join(slices.Sorted(maps.Keys(formats)), ", "))
	}
	pointer := config.Options[optionPointer]
	switch {
	case e.tree == nil && pointer != "":
		return editor{}, refused(config, "a pointer leads nowhere in the format "+name, "leave it out, or name the format json, yaml or toml")
	case e.tree != nil:
		steps, err := parsePointer(pointer)
		if err != nil {
			return editor{}, refused(config, fmt.Sprintf("the pointer %q %s", pointer, err), "write it as /auth/token (RFC 6901)")
		}
		e.steps = steps
	}
	return e, nil
}

// parsePointer splits a JSON pointer, RFC 6901, section 4.
func parsePointer(pointer string) ([]string, error) {
	rest, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return nil, fmt.Errorf("does not begin with /")
	}
	if !utf8.ValidString(pointer) {
		return nil, fmt.Errorf("is not UTF-8")
	}
	steps := strings.Split(rest, "/")
	if len(steps) > maxSteps {
		return nil, fmt.Errorf("has more than %d steps", maxSteps)
	}
	for i, s := range steps {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(s), "~") {
			return nil, fmt.Errorf("has a ~ that is neither ~0 nor ~1")
		}
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
	}
	return steps, nil
}
