package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// errNoCanonical says that a text has no canonical form that is surely its own.
var errNoCanonical = errors.New("no canonical form")

// Canonical returns the form of a value that fingerprints are made from: its
// JSON without white space, names sorted, numbers digit for digit. Codex writes
// one login indented to its file and compact to a keyring, and older builds
// order the fields in another way. What is not JSON, or cannot be told apart
// once it is decoded (a name given twice, half a surrogate pair), is returned as
// it is.
func Canonical(value []byte) []byte {
	if !utf8.Valid(value) || TooDeep(value) || !json.Valid(value) {
		return value
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	tree, err := decode(d)
	if err != nil {
		return value
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return value
	}
	out, err := encode(tree)
	if err != nil || LosesSurrogates(value, out) {
		return value
	}
	return out
}

// decode reads one value. Objects become maps, which encode sorted; the depth
// was limited before.
func decode(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return decodeObject(d)
	case json.Delim('['):
		return decodeArray(d)
	}
	return t, nil
}

func decodeObject(d *json.Decoder) (any, error) {
	m := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if _, twice := m[name]; twice || !ok {
			return nil, errNoCanonical
		}
		if m[name], err = decode(d); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return m, err
}

func decodeArray(d *json.Decoder) (any, error) {
	a := []any{}
	for d.More() {
		v, err := decode(d)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := d.Token()
	return a, err
}

func encode(tree any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// LosesSurrogates reports whether decoding may have put the replacement
// character where the text escapes half a surrogate pair, so that two different
// texts would look the same.
func LosesSurrogates(in, out []byte) bool {
	if !bytes.ContainsRune(out, utf8.RuneError) {
		return false
	}
	return bytes.Contains(in, []byte(`\ud`)) || bytes.Contains(in, []byte(`\uD`))
}
