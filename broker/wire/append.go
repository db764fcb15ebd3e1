package wire

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// rawID is the id of a request as JSON.
type rawID = json.RawMessage

// appendFast appends what most messages consist of, for which reflection would
// cost more than all the rest. Types are named and not found by a method, because
// a type that embeds one of them would have its method and lose its own fields.
func appendFast(buf []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case Reading:
		return appendReading(buf, v), true
	case Item:
		return appendItem(buf, v), true
	case Key:
		return appendKey(buf, v), true
	case KeyRef:
		return appendKeyRef(buf, v), true
	case Put:
		return appendPut(buf, v), true
	case Set:
		return appendSet(buf, v), true
	}
	return buf, false
}

// sizeOf is about how long the JSON of a message with v is: a guess that is too
// small costs a copy.
func sizeOf(v any) int {
	const frame = 128
	switch v := v.(type) {
	case Reading:
		return frame + sizeReading(v)
	case Item:
		return frame + sizeItem(v)
	case Put:
		return frame + sizePut(v)
	case Set:
		return frame + sizeSet(v)
	}
	return 2 * frame
}

func sizeReading(r Reading) int {
	return base64.StdEncoding.EncodedLen(len(r.Value)) + len(r.Revision) + len(r.Source)
}

func appendReading(buf []byte, r Reading) []byte {
	buf = appendSecret(append(buf, `{"value":`...), r.Value)
	buf = appendField(buf, "provenance", r.Provenance)
	buf = appendOptional(buf, "source", r.Source)
	buf = appendOptional(buf, "revision", r.Revision)
	buf = strconv.AppendUint(append(buf, `,"generation":`...), r.Generation, 10)
	return append(buf, '}')
}

func sizeItem(i Item) int {
	return base64.StdEncoding.EncodedLen(len(i.Value)) + len(i.Record) + len(i.Revision)
}

func appendItem(buf []byte, i Item) []byte {
	buf = appendSecret(append(buf, `{"value":`...), i.Value)
	buf = appendOptional(buf, "record", i.Record)
	buf = appendOptional(buf, "revision", i.Revision)
	return append(buf, '}')
}

func sizeKey(k Key) int { return len(k.Service) + len(k.Account) }

func appendKey(buf []byte, k Key) []byte {
	buf = appendString(append(buf, `{"service":`...), k.Service)
	return append(appendField(buf, "account", k.Account), '}')
}

func sizePut(p Put) int {
	return base64.StdEncoding.EncodedLen(len(*p.Value)) + sizeKey(p.Key) + len(p.Record)
}

func appendPut(buf []byte, p Put) []byte {
	buf = appendString(append(buf, `{"service":`...), p.Service)
	buf = appendField(buf, "account", p.Account)
	buf = appendSecret(append(buf, `,"value":`...), *p.Value)
	buf = appendOptional(buf, "record", p.Record)
	buf = appendField(buf, "if", p.If)
	return append(appendOptional(buf, "revision", p.Revision), '}')
}

func sizeKeyRef(k KeyRef) int { return len(k.Key) + len(k.Service) + len(k.Account) }

func appendKeyRef(buf []byte, k KeyRef) []byte {
	if k.Key != "" {
		return append(appendString(append(buf, `{"key":`...), k.Key), '}')
	}
	return appendKey(buf, Key{k.Service, k.Account})
}

func sizeSet(s Set) int {
	return base64.StdEncoding.EncodedLen(len(*s.Value)) + sizeKeyRef(s.KeyRef)
}

func appendSet(buf []byte, s Set) []byte {
	buf = appendKeyRef(buf, s.KeyRef)
	buf = appendSecret(append(buf[:len(buf)-1], `,"value":`...), *s.Value)
	return append(buf, '}')
}

func appendSecret(buf []byte, s Secret) []byte {
	buf = append(buf, '"')
	buf = base64.StdEncoding.AppendEncode(buf, s)
	return append(buf, '"')
}

func appendOptional(buf []byte, name, value string) []byte {
	if value == "" {
		return buf
	}
	return appendField(buf, name, value)
}

func appendField(buf []byte, name, value string) []byte {
	buf = append(append(append(buf, `,"`...), name...), `":`...)
	return appendString(buf, value)
}

// appendString leaves what needs an escape to the standard library.
func appendString(buf []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			text, err := json.Marshal(s)
			if err != nil {
				return append(buf, `""`...) // a string always marshals
			}
			return append(buf, text...)
		}
	}
	return append(append(append(buf, '"'), s...), '"')
}
