package signfixture

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Dict is a property list dictionary. Values are string, bool, int, []byte,
// time.Time, []string, []any, [][]byte or Dict.
type Dict map[string]any

// plistHead is the head that every XML property list of Apple's tools carries.
const plistHead = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
`

// XML writes the dictionary as an XML property list, keys sorted.
func (d Dict) XML() []byte {
	b := bytes.NewBufferString(plistHead)
	writeXML(b, d)
	b.WriteString("\n</plist>\n")
	return b.Bytes()
}

// Clone returns a copy that can be changed at the top level.
func (d Dict) Clone() Dict { return maps.Clone(d) }

// With returns a copy with one key set.
func (d Dict) With(key string, value any) Dict {
	c := Dict{key: value}
	for k, v := range d {
		if k != key {
			c[k] = v
		}
	}
	return c
}

// Without returns a copy that lacks the keys.
func (d Dict) Without(keys ...string) Dict {
	c := d.Clone()
	for _, k := range keys {
		delete(c, k)
	}
	return c
}

func writeXML(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case string:
		writeElement(b, "string", v)
	case bool:
		fmt.Fprintf(b, "<%t/>", v)
	case int:
		fmt.Fprintf(b, "<integer>%d</integer>", v)
	case float64:
		fmt.Fprintf(b, "<real>%v</real>", v)
	case []byte:
		writeElement(b, "data", base64.StdEncoding.EncodeToString(v))
	case time.Time:
		writeElement(b, "date", v.UTC().Format("2006-01-02T15:04:05Z"))
	case Dict:
		writeDict(b, v)
	default:
		writeArray(b, elements(v))
	}
}

// elements turns the array types into one; another type is a mistake in a test.
func elements(v any) (out []any) {
	switch v := v.(type) {
	case []any:
		return v
	case []string:
		for _, s := range v {
			out = append(out, s)
		}
	case [][]byte:
		for _, s := range v {
			out = append(out, s)
		}
	default:
		panic(fmt.Sprintf("signfixture: no property list form for %T", v))
	}
	return out
}

func writeElement(b *bytes.Buffer, name, text string) {
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(b, []byte(text)) // a Buffer's Write does not fail
	b.WriteString("</" + name + ">")
}

func writeDict(b *bytes.Buffer, d Dict) {
	b.WriteString("<dict>\n")
	for _, k := range slices.Sorted(maps.Keys(d)) {
		writeElement(b, "key", k)
		writeXML(b, d[k])
		b.WriteByte('\n')
	}
	b.WriteString("</dict>")
}

func writeArray(b *bytes.Buffer, list []any) {
	b.WriteString("<array>")
	for _, v := range list {
		writeXML(b, v)
	}
	b.WriteString("</array>")
}
