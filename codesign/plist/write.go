package plist

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// documentHead starts every XML list as Apple's tools write it.
const documentHead = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
`

// XML writes a dictionary as an XML property list in the form that Apple's tools
// write: keys in the order of the dictionary, tabs, no comment, no byte order
// mark. A value of no known kind is an error.
func (d Dict) XML() ([]byte, error) {
	w := &writer{}
	w.WriteString(documentHead)
	w.value(Value{Kind: Dictionary, Entries: d}, 0)
	w.WriteString("</plist>\n")
	return []byte(w.String()), w.err
}

// writer writes XML; its first error stays.
type writer struct {
	strings.Builder
	err error
}

func (w *writer) line(depth int, format string, args ...any) {
	w.WriteString(strings.Repeat("\t", depth))
	fmt.Fprintf(w, format+"\n", args...)
}

func (w *writer) value(v Value, depth int) {
	switch v.Kind {
	case Dictionary:
		w.dict(v.Entries, depth)
	case Array:
		w.array(v.Items, depth)
	case String:
		w.line(depth, "<string>%s</string>", w.escape(v.Text))
	case Integer:
		w.line(depth, "<integer>%d</integer>", v.Integer)
	case Real:
		w.line(depth, "<real>%s</real>", formatReal(v.Real))
	case Boolean:
		w.line(depth, "<%t/>", v.Bool)
	case Date:
		w.line(depth, "<date>%s</date>", v.Time.UTC().Format(time.RFC3339))
	case Data:
		w.line(depth, "<data>%s</data>", base64.StdEncoding.EncodeToString(v.Data))
	default:
		w.err = fmt.Errorf("a value of kind %s cannot be written", v.Kind)
	}
}

func formatReal(f float64) string {
	if math.IsNaN(f) {
		return "nan"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func (w *writer) dict(entries Dict, depth int) {
	if len(entries) == 0 {
		w.line(depth, "<dict/>")
		return
	}
	w.line(depth, "<dict>")
	for _, e := range entries {
		w.line(depth+1, "<key>%s</key>", w.escape(e.Key))
		w.value(e.Value, depth+1)
	}
	w.line(depth, "</dict>")
}

func (w *writer) array(items []Value, depth int) {
	if len(items) == 0 {
		w.line(depth, "<array/>")
		return
	}
	w.line(depth, "<array>")
	for _, item := range items {
		w.value(item, depth+1)
	}
	w.line(depth, "</array>")
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape protects text. XML has no form for control characters other than tab
// and line ends.
func (w *writer) escape(s string) string {
	for _, r := range s {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			w.err = fmt.Errorf("text with the control character %#x cannot be written", r)
		}
	}
	return escaper.Replace(s)
}
