package file

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/store"
)

// yamlText is the format yaml: one document of YAML 1.2.
type yamlText struct{}

var (
	errNotYAML   = errors.New("it is not YAML")
	errDocuments = notFollowed("it has more than one YAML document")
	errNames     = notFollowed("it has a mapping whose names are not all scalars")
	errElsewhere = notFollowed("the value stands elsewhere, where an alias or a merge leads")
	errNotScalar = errors.New("the value is no scalar")
)

// notFollowed is for YAML that is whole, and says more than this package reads.
func notFollowed(detail string) error {
	return &store.Error{Class: store.ErrUnsupported, Detail: detail, Remedy: "let the pointer lead to a plain value"}
}

// document parses a text and returns its outermost node, nil if it has none.
func (yamlText) document(text []byte) (*yaml.Node, error) {
	if !utf8.Valid(text) {
		return nil, errNotYAML
	}
	d := yaml.NewDecoder(bytes.NewReader(withoutDirective(text)))
	var doc, more yaml.Node
	if err := d.Decode(&doc); err == io.EOF {
		return nil, nil
	} else if err != nil {
		return nil, errNotYAML // its own error would quote the text
	}
	switch err := d.Decode(&more); {
	case err == nil:
		return nil, errDocuments
	case err != io.EOF || len(doc.Content) != 1:
		return nil, errNotYAML
	}
	return doc.Content[0], nil
}

// withoutDirective makes a comment of the directive that names YAML 1.2, which the
// parser does not know; everything stays in its place.
func withoutDirective(text []byte) []byte {
	if rest, ok := bytes.CutPrefix(text, []byte("%YAML 1.2")); ok {
		return append([]byte("#YAML 1.2"), rest...)
	}
	return text
}

func (f yamlText) parse(text []byte) (any, error) {
	root, err := f.document(text)
	if err != nil || root == nil {
		return nil, err
	}
	return treeFrom(root)
}

func treeFrom(root *yaml.Node) (any, error) {
	left := maxNodes
	return treeOf(root, &left, 0)
}

// scalar is one of YAML's: 1 and "1" differ.
type scalar struct{ tag, value string }

func scalarOf(n *yaml.Node) scalar { return scalar{n.ShortTag(), n.Value} }

// alias stands for the node that has the name as its anchor. It is not followed, so
// that no document grows when it is read.
type alias string

// merge is what the name << merges into its mapping.
type merge struct{ what any }

func treeOf(n *yaml.Node, left *int, depth int) (any, error) {
	switch *left--; {
	case *left < 0:
		return nil, errTooMany
	case depth > jsontext.MaxDepth:
		return nil, errTooDeep
	}
	switch n.Kind {
	case yaml.ScalarNode:
		if n.ShortTag() == "!!null" {
			return nil, nil
		}
		return scalarOf(n), nil
	case yaml.AliasNode:
		return alias(n.Value), nil
	case yaml.SequenceNode:
		list := []any{}
		for _, child := range n.Content {
			v, err := treeOf(child, left, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	return mappingOf(n, left, depth)
}

func mappingOf(n *yaml.Node, left *int, depth int) (any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if name.Kind != yaml.ScalarNode {
			return nil, errNames
		}
		if _, twice := m[name.Value]; twice {
			return nil, errTwice
		}
		v, err := treeOf(n.Content[i+1], left, depth+1)
		if err != nil {
			return nil, err
		}
		if isMerge(name) {
			v = merge{v}
		}
		m[name.Value] = v
	}
	return m, nil
}

// elsewhere reports whether the steps lead to an alias, or to nothing in a mapping
// into which one is merged that has the name.
func elsewhere(n *yaml.Node, steps []string) bool {
	for _, s := range steps {
		child, name := step(n, s)
		if child == nil {
			left := maxMerged
			return merged(n, s, &left)
		}
		if n = child; n.Kind == yaml.AliasNode || name != nil && isMerge(name) {
			return true
		}
	}
	return false
}

func isMerge(name *yaml.Node) bool { return name.ShortTag() == "!!merge" }

// maxMerged bounds the mappings that are looked through for a name: they may be
// merged into each other many times over.
const maxMerged = 1 << 10

// merged reports whether a mapping has a name from others that are merged into it,
// or too many are to know.
func merged(n *yaml.Node, name string, left *int) bool {
	if *left--; *left < 0 {
		return true
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if !isMerge(n.Content[i]) {
			continue
		}
		sources := []*yaml.Node{n.Content[i+1]}
		if sources[0].Kind == yaml.SequenceNode {
			sources = sources[0].Content
		}
		for _, from := range sources {
			if from.Kind == yaml.AliasNode {
				from = from.Alias
			}
			if child, _ := step(from, name); child != nil || merged(from, name, left) {
				return true
			}
		}
	}
	return false
}

// plainTags are those of scalars whose text is the value. Others say that the value
// is another one, say in a file of secrets that the text names.
var plainTags = []string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp"}

func (f yamlText) value(text []byte, steps []string) ([]byte, bool, error) {
	root, err := f.document(text)
	if err != nil || root == nil {
		return nil, false, err
	}
	tree, err := treeFrom(root)
	if err != nil {
		return nil, false, err
	}
	if elsewhere(root, steps) {
		return nil, false, errElsewhere
	}
	v, there := reach(tree, steps)
	switch v := v.(type) {
	case nil:
		return nil, false, nil // null is how YAML says that there is nothing
	case scalar:
		if !slices.Contains(plainTags, v.tag) {
			return nil, false, notFollowed("the value has the tag " + v.tag)
		}
		return []byte(v.value), there, nil
	}
	return nil, false, errNotScalar
}
