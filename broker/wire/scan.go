package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// What most messages consist of is read without reflection, which would take
// longer than all the rest of a read. Whatever is not as kinring itself writes it
// (escapes, null, names in another case, unknown fields) is left to the standard
// library, so that both always mean the same; a fuzz target compares them.

// eachField calls f for each field of an object, with its name and its value as
// JSON, until f returns false. The text has to be valid JSON. It reports whether
// the text is an object of fields with plain names, all of which f took.
func eachField(text []byte, f func(name, value []byte) bool) bool {
	s := skipSpace(text)
	if len(s) == 0 || s[0] != '{' {
		return false
	}
	s = skipSpace(s[1:])
	for len(s) > 0 && s[0] != '}' {
		name, rest, ok := plainString(s)
		if !ok {
			return false
		}
		s = skipSpace(skipSpace(rest)[1:]) // the colon
		n := valueLength(s)
		if !f(name, s[:n]) {
			return false
		}
		if s = skipSpace(s[n:]); len(s) > 0 && s[0] == ',' {
			s = skipSpace(s[1:])
		}
	}
	return len(s) > 0
}

func skipSpace(s []byte) []byte {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t' || s[0] == '\n' || s[0] == '\r') {
		s = s[1:]
	}
	return s
}

// plainString splits a string without escapes off, and returns what is between the
// quotation marks.
func plainString(s []byte) (in, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(s[1:], '"')
	if end < 0 || bytes.IndexByte(s[1:1+end], '\\') >= 0 {
		return nil, nil, false
	}
	return s[1 : 1+end], s[2+end:], true
}

// valueLength returns the length of the value that a valid text begins with.
func valueLength(s []byte) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += stringLength(s[i:]) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',', ' ', '\t', '\n', '\r', ':':
			if depth == 0 {
				return i
			}
			continue
		default:
			if depth > 0 || i+1 < len(s) && !ends(s[i+1]) {
				continue
			}
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(s)
}

// ends reports whether a number or a word ends before this byte.
func ends(c byte) bool {
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\n' || c == '\r'
}

// stringLength returns the length of the string that a valid text begins with,
// quotation marks included.
func stringLength(s []byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// scanEnvelope reads the envelope of a valid message.
func scanEnvelope(body []byte) (envelope, bool) {
	var e envelope
	ok := eachField(body, func(name, value []byte) bool {
		switch string(name) {
		case "jsonrpc":
			return takeString(value, &e.JSONRPC)
		case "method":
			e.Method = new(string)
			return takeString(value, e.Method)
		case "id":
			e.ID = value
		case "params":
			e.Params = value
		case "result":
			e.Result = value
		default: // an error, or what nobody knows
			return false
		}
		return true
	})
	return e, ok
}

func takeString(value []byte, into *string) bool {
	in, rest, ok := plainString(value)
	*into = string(in)
	return ok && len(rest) == 0
}

func takeSecret(value []byte, into *Secret) bool {
	in, rest, ok := plainString(value)
	if !ok || len(rest) > 0 {
		return false
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(in)))
	n, err := base64.StdEncoding.Strict().Decode(out, in)
	*into = out[:n]
	return err == nil
}

func takeUint(value []byte, into *uint64) bool {
	n, err := strconv.ParseUint(string(value), 10, 64)
	*into = n
	return err == nil
}

// fields returns what takes each field of one of the common types, nil for the
// others.
func fields(into any) func(name, value []byte) bool {
	switch into := into.(type) {
	case *Key:
		return func(name, value []byte) bool { return into.take(name, value) }
	case *KeyRef:
		return func(name, value []byte) bool { return into.take(name, value) }
	case *Item:
		return func(name, value []byte) bool { return into.take(name, value) }
	case *Reading:
		return func(name, value []byte) bool { return into.take(name, value) }
	case *Written:
		return func(name, value []byte) bool { return string(name) == "revision" && takeString(value, &into.Revision) }
	}
	return nil
}

func (k *Key) take(name, value []byte) bool {
	switch string(name) {
	case "service":
		return takeString(value, &k.Service)
	case "account":
		return takeString(value, &k.Account)
	}
	return false
}

func (k *KeyRef) take(name, value []byte) bool {
	switch string(name) {
	case "key":
		return takeString(value, &k.Key)
	case "service":
		return takeString(value, &k.Service)
	case "account":
		return takeString(value, &k.Account)
	}
	return false
}

func (i *Item) take(name, value []byte) bool {
	switch string(name) {
	case "value":
		return takeSecret(value, &i.Value)
	case "record":
		return takeString(value, &i.Record)
	case "revision":
		return takeString(value, &i.Revision)
	}
	return false
}

func (r *Reading) take(name, value []byte) bool {
	switch string(name) {
	case "value":
		return takeSecret(value, &r.Value)
	case "provenance":
		return takeString(value, &r.Provenance)
	case "source":
		return takeString(value, &r.Source)
	case "revision":
		return takeString(value, &r.Revision)
	case "generation":
		return takeUint(value, &r.Generation)
	}
	return false
}

// Unmarshal reads the JSON of parameters or of a result that Decode has returned.
func Unmarshal(text json.RawMessage, into any) error {
	if take := fields(into); take != nil && eachField(text, take) {
		return nil
	}
	reset(into)
	return json.Unmarshal(text, into)
}

// reset takes back what was read before something was met that is left to the
// standard library.
func reset(into any) {
	switch into := into.(type) {
	case *Key:
		*into = Key{}
	case *KeyRef:
		*into = KeyRef{}
	case *Item:
		*into = Item{}
	case *Reading:
		*into = Reading{}
	case *Written:
		*into = Written{}
	}
}
