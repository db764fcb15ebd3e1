// Package plist reads Apple property lists, XML and binary, into one ordered
// value type. It keeps what other readers drop and a release check needs: the
// order of keys, duplicate keys, comments and a byte order mark.
//
// Reading is bounded: a document nests at most MaxDepth levels, and the values
// of a document take at most a fixed multiple of its bytes, because a binary
// list may name one object in a million places.
//
// Formats: the PropertyList-1.0 document type for XML, and CoreFoundation's
// published description of the "bplist00" layout for binary lists.
package plist

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind says which of a Value's fields holds its content.
type Kind uint8

// The kinds of values that property lists and DER entitlements have.
const (
	Invalid Kind = iota
	String
	Integer
	Real
	Boolean
	Date
	Data
	Array
	Dictionary
)

var kindNames = [...]string{"invalid", "string", "integer", "real", "boolean", "date", "data", "array", "dictionary"}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// Value is one node of a property list.
type Value struct {
	Kind    Kind
	Text    string    // String
	Integer int64     // Integer
	Real    float64   // Real
	Bool    bool      // Boolean
	Time    time.Time // Date, UTC
	Data    []byte    // Data
	Items   []Value   // Array
	Entries Dict      // Dictionary
}

// Dict is a dictionary in the order of the document.
type Dict []Entry

// Entry is one key of a dictionary with its value.
type Entry struct {
	Key   string
	Value Value
}

// Get returns the value of the first entry with the key.
func (d Dict) Get(key string) (Value, bool) {
	for _, e := range d {
		if e.Key == key {
			return e.Value, true
		}
	}
	return Value{}, false
}

// Text returns the string at key, or "" where there is none or another kind.
func (d Dict) Text(key string) string {
	v, _ := d.Get(key)
	if v.Kind != String {
		return ""
	}
	return v.Text
}

// Bool reports whether key holds the boolean true.
func (d Dict) Bool(key string) bool {
	v, _ := d.Get(key)
	return v.Kind == Boolean && v.Bool
}

// Strings returns the strings of the array at key; ok is false where there is
// no array or it holds another kind of value. A lone string counts as an array
// of one, as Apple's own readers take it.
func (d Dict) Strings(key string) (list []string, ok bool) {
	v, found := d.Get(key)
	if !found {
		return nil, false
	}
	return v.Strings()
}

// Dict returns the dictionary at key, or nil.
func (d Dict) Dict(key string) Dict {
	v, _ := d.Get(key)
	return v.Entries
}

// Keys returns the keys in the order of the document.
func (d Dict) Keys() []string {
	keys := make([]string, len(d))
	for i, e := range d {
		keys[i] = e.Key
	}
	return keys
}

// Strings returns the strings of an array, or a lone string as an array of one.
func (v Value) Strings() (list []string, ok bool) {
	if v.Kind == String {
		return []string{v.Text}, true
	}
	if v.Kind != Array {
		return nil, false
	}
	list = make([]string, 0, len(v.Items))
	for _, item := range v.Items {
		if item.Kind != String {
			return nil, false
		}
		list = append(list, item.Text)
	}
	return list, true
}

// Equal reports whether two values have the same kind and content. The order of
// dictionary keys does not matter, that of array items does.
func (v Value) Equal(w Value) bool {
	return len(Diff(v, w)) == 0
}

// String renders a value on one line, for people.
func (v Value) String() string {
	switch v.Kind {
	case String:
		return strconv.Quote(v.Text)
	case Integer:
		return strconv.FormatInt(v.Integer, 10)
	case Real:
		return strconv.FormatFloat(v.Real, 'g', -1, 64)
	case Boolean:
		return strconv.FormatBool(v.Bool)
	case Date:
		return v.Time.Format(time.RFC3339)
	case Data:
		return "<" + hex.EncodeToString(v.Data) + ">"
	case Array:
		return renderItems(v.Items)
	case Dictionary:
		return renderEntries(v.Entries)
	}
	return "invalid"
}

func renderItems(items []Value) string {
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = item.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func renderEntries(entries Dict) string {
	parts := make([]string, len(entries))
	for i, e := range entries {
		parts[i] = strconv.Quote(e.Key) + ": " + e.Value.String()
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Difference is one place where two values are not equal.
type Difference struct {
	Path string // keys and indices, "keychain-access-groups[0]"; empty for the values themselves
	A, B string // what each side has; empty where a side has nothing
}

// String renders the difference for people.
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s, %s", d.Path, orNothing(d.A), orNothing(d.B))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// Diff lists where a and b differ; it is empty when they are equal.
func Diff(a, b Value) []Difference { return diffAt("", a, b) }

func diffAt(path string, a, b Value) []Difference {
	switch {
	case a.Kind == Dictionary && b.Kind == Dictionary:
		return diffDicts(path, a.Entries, b.Entries)
	case a.Kind == Array && b.Kind == Array:
		return diffArrays(path, a.Items, b.Items)
	case sameScalar(a, b):
		return nil
	}
	return []Difference{{Path: path, A: a.String(), B: b.String()}}
}

func sameScalar(a, b Value) bool {
	return a.Kind == b.Kind && a.Kind != Array && a.Kind != Dictionary &&
		a.Text == b.Text && a.Integer == b.Integer && a.Bool == b.Bool &&
		sameReal(a.Real, b.Real) && a.Time.Equal(b.Time) && bytes.Equal(a.Data, b.Data)
}

// sameReal counts two values that are not a number as the same content.
func sameReal(a, b float64) bool { return a == b || a != a && b != b }

func diffArrays(path string, a, b []Value) []Difference {
	var out []Difference
	for i := range max(len(a), len(b)) {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case i >= len(a):
			out = append(out, Difference{Path: at, B: b[i].String()})
		case i >= len(b):
			out = append(out, Difference{Path: at, A: a[i].String()})
		default:
			out = append(out, diffAt(at, a[i], b[i])...)
		}
	}
	return out
}

func diffDicts(path string, a, b Dict) []Difference {
	var out []Difference
	inA, inB := index(a), index(b)
	for _, e := range a {
		at := join(path, e.Key)
		if other, found := inB[e.Key]; found {
			out = append(out, diffAt(at, inA[e.Key], other)...)
		} else {
			out = append(out, Difference{Path: at, A: e.Value.String()})
		}
	}
	for _, e := range b {
		if _, found := inA[e.Key]; !found {
			out = append(out, Difference{Path: join(path, e.Key), B: e.Value.String()})
		}
	}
	return out
}

// index maps the keys of a dictionary to their first value, so that comparing
// two large dictionaries takes no quadratic time.
func index(d Dict) map[string]Value {
	m := make(map[string]Value, len(d))
	for _, e := range d {
		if _, seen := m[e.Key]; !seen {
			m[e.Key] = e.Value
		}
	}
	return m
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
