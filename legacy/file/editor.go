package file

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/kinring/kinring/store"
)

// editor finds and changes the value in the text of a file: one that is the value,
// or one that has it somewhere in a tree.
type editor struct {
	whole whole
	tree  tree
	steps []string // to the value in the tree
	// endSeen says that no part of a text is a whole text of the format.
	endSeen bool
}

// whole is a format in which the file is the value.
type whole interface {
	value(text []byte) ([]byte, error)
	// with returns the text with a value in the place of the one in old, which is
	// nil if there is no file.
	with(old, value []byte) ([]byte, error)
}

// tree is a format that has values in mappings and lists.
type tree interface {
	// parse returns mappings as map[string]any, lists as []any, and scalars as
	// anything that can be compared.
	parse(text []byte) (any, error)
	// value returns the value, and false if nothing is there.
	value(text []byte, steps []string) ([]byte, bool, error)
	// with returns the text with a value put in, and the value as parse would return
	// it; without returns the text without it. They may fail at what they do not
	// master: the caller checks what they did.
	with(text []byte, steps []string, value []byte) ([]byte, any, error)
	without(text []byte, steps []string) ([]byte, error)
}

// errForm is the cause of a change that would touch more than the value.
var errForm = errors.New("the value cannot be changed without touching what is around it")

// maxNodes bounds what a text of a tree may have.
const maxNodes = 1 << 16

var errTooMany = tooMany(fmt.Errorf("it has more than %d values", maxNodes))

// tooMany refuses a text that it would take long to look through.
func tooMany(cause error) error {
	return &store.Error{Class: store.ErrTooLarge, Detail: cause.Error(), Remedy: "check that it is the right file"}
}

// check refuses a text that is not whole. One that is, and that this package does
// not master, is value's to refuse: no waiting makes another of it.
func (e editor) check(text []byte) error {
	if e.tree == nil {
		_, err := e.whole.value(text)
		return err
	}
	_, err := e.tree.parse(text)
	var own *store.Error
	if errors.As(err, &own) {
		return nil
	}
	return err
}

// value returns the value, and false if nothing is there.
func (e editor) value(text []byte) ([]byte, bool, error) {
	if e.tree == nil {
		v, err := e.whole.value(text)
		return v, err == nil, err
	}
	return e.tree.value(text, e.steps)
}

// with returns the text with the value put in. old is nil if there is no file.
func (e editor) with(old, value []byte) ([]byte, error) {
	if e.tree == nil {
		return e.whole.with(old, value)
	}
	if !utf8.Valid(value) {
		return nil, &store.Error{Class: store.ErrInvalid, Detail: "the value is not UTF-8, and the file is text", Remedy: "encode it"}
	}
	before, err := e.tree.parse(old)
	if err != nil && old != nil {
		return nil, err
	}
	text, parsed, err := e.tree.with(old, e.steps, value)
	if err != nil {
		return nil, err
	}
	want, err := put(before, e.steps, parsed)
	if err != nil {
		return nil, err
	}
	if err := e.confirm(text, want); err != nil {
		return nil, err
	}
	if got, there, err := e.tree.value(text, e.steps); err != nil || !there || !bytes.Equal(got, value) {
		return nil, errFormOf("the file would give back another value")
	}
	return text, nil
}

// without returns the text without the value.
func (e editor) without(old []byte) ([]byte, error) {
	before, err := e.tree.parse(old)
	if err != nil {
		return nil, err
	}
	text, err := e.tree.without(old, e.steps)
	if err != nil {
		return nil, err
	}
	want, err := drop(before, e.steps)
	if err != nil {
		return nil, err
	}
	if _, there, err := e.tree.value(text, e.steps); there || err != nil {
		return nil, errFormOf("another value would show in its place")
	}
	return text, e.confirm(text, want, prune(want, e.steps[:len(e.steps)-1]))
}

// confirm parses the outcome: nothing but the value may be another. wants are the
// trees that are right.
func (e editor) confirm(text []byte, wants ...any) error {
	got, err := e.tree.parse(text)
	right := func(want any) bool { return reflect.DeepEqual(hollow(got), hollow(want)) }
	if err != nil || !slices.ContainsFunc(wants, right) {
		return errFormOf("the file has a form that kinring cannot edit")
	}
	return nil
}

// errFormOf refuses a change, or a look, for what the file is like.
func errFormOf(detail string) error {
	return &store.Error{Class: store.ErrUnsupported, Err: errForm, Detail: detail,
		Remedy: "change the value with the program that owns the file"}
}

// hollow makes trees comparable: it takes an empty mapping for nothing, which some
// formats cannot tell apart, and a number that is none for its name.
func hollow(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) {
			return "nan"
		}
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
		out := map[string]any{}
		for name, child := range v {
			out[name] = hollow(child)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = hollow(child)
		}
		return out
	}
	return v
}

// put returns a tree with a value at the end of steps; missing mappings are made.
func put(in any, steps []string, value any) (any, error) {
	if len(steps) == 0 {
		return value, nil
	}
	switch node := in.(type) {
	case nil:
		return put(map[string]any{}, steps, value)
	case map[string]any:
		out := maps.Clone(node)
		child, err := put(node[steps[0]], steps[1:], value)
		out[steps[0]] = child
		return out, err
	case []any:
		i, ok := index(steps[0], len(node))
		if !ok {
			return nil, noMapping(steps[0])
		}
		out := append([]any{}, node...)
		child, err := put(node[i], steps[1:], value)
		out[i] = child
		return out, err
	}
	return nil, noMapping(steps[0])
}

// drop returns a tree without what is at the end of steps.
func drop(in any, steps []string) (any, error) {
	switch node := in.(type) {
	case map[string]any:
		out := maps.Clone(node)
		if len(steps) == 1 {
			delete(out, steps[0])
			return out, nil
		}
		child, err := drop(node[steps[0]], steps[1:])
		out[steps[0]] = child
		return out, err
	case []any:
		i, ok := index(steps[0], len(node))
		if !ok || len(steps) == 1 {
			return nil, noMapping(steps[0])
		}
		out := append([]any{}, node...)
		child, err := drop(node[i], steps[1:])
		out[i] = child
		return out, err
	}
	return nil, noMapping(steps[0])
}

// prune returns a tree without the mappings at the end of steps that are empty:
// in TOML a table that only its members' names make goes with the last of them.
func prune(in any, steps []string) any {
	node, ok := in.(map[string]any)
	if !ok || len(steps) == 0 {
		return in
	}
	out := maps.Clone(node)
	out[steps[0]] = prune(node[steps[0]], steps[1:])
	if child, ok := out[steps[0]].(map[string]any); ok && len(child) == 0 {
		delete(out, steps[0])
	}
	return out
}

// index reads a step into a list: RFC 6901 allows no leading zeros.
func index(step string, size int) (int, bool) {
	n := 0
	for i, c := range []byte(step) {
		if c < '0' || c > '9' || i > 0 && step[0] == '0' || n > size {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, step != "" && n < size
}

// noMapping refuses a pointer that leads into what has no members, or behind a
// list's end.
func noMapping(step string) error {
	return &store.Error{Class: store.ErrUnsupported, Detail: fmt.Sprintf("the file has nothing that could have a member %q there", step),
		Remedy: "correct the pointer, or let the program that owns the file make it"}
}

// reach follows steps in a parsed tree.
func reach(in any, steps []string) (any, bool) {
	for _, step := range steps {
		switch node := in.(type) {
		case map[string]any:
			child, ok := node[step]
			if !ok {
				return nil, false
			}
			in = child
		case []any:
			i, ok := index(step, len(node))
			if !ok {
				return nil, false
			}
			in = node[i]
		default:
			return nil, false
		}
	}
	return in, true
}

// span is a part of a text: text[start:end].
type span struct{ start, end int }

// splice returns the text with another in the place of a part.
func splice(text []byte, out span, in []byte) []byte {
	return slices.Concat(text[:out.start], in, text[out.end:])
}
