package plist

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/codesign/unreadable"
)

const head = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
`

func text(s string) Value    { return Value{Kind: String, Text: s} }
func number64(n int64) Value { return Value{Kind: Integer, Integer: n} }
func dict(e ...Entry) Value  { return Value{Kind: Dictionary, Entries: e} }
func array(i ...Value) Value { return Value{Kind: Array, Items: i} }
func boolean(b bool) Value   { return Value{Kind: Boolean, Bool: b} }
func bytesOf(s string) Value { return Value{Kind: Data, Data: []byte(s)} }

func TestXML(t *testing.T) {
	for _, c := range []struct {
		name, xml string
		want      Value
	}{
		{"string", "<string>a b</string>", text("a b")},
		{"empty string", "<string/>", text("")},
		{"blanks in a string stay", "<string> a\n</string>", text(" a\n")},
		{"entities", "<string>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;</string>", text(`<>&"'AB`)},
		{"cdata", "<string>a<![CDATA[<b>&]]>c</string>", text("a<b>&c")},
		{"comment in a string", "<string>a<!-- x -->b</string>", text("ab")},
		{"integer", "<integer> -12 </integer>", number64(-12)},
		{"plus", "<integer>+7</integer>", number64(7)},
		{"hexadecimal", "<integer>0xFf</integer>", number64(255)},
		{"real", "<real>1.5</real>", Value{Kind: Real, Real: 1.5}},
		{"not a number", "<real>nan</real>", Value{Kind: Real, Real: math.NaN()}},
		{"true", "<true/>", boolean(true)},
		{"false in two tags", "<false></false>", boolean(false)},
		{"date", "<date>2026-01-02T03:04:05Z</date>", Value{Kind: Date, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}},
		{"data", "<data>\n\taGVs\n\tbG8=\n</data>", bytesOf("hello")},
		{"array", "<array><true/><string>x</string></array>", array(boolean(true), text("x"))},
		{"empty array", "<array/>", array()},
		{"dict", "<dict><key>b</key><true/><key>a</key><array/></dict>", dict(Entry{"b", boolean(true)}, Entry{"a", array()})},
		{"empty dict", "<dict/>", dict()},
		{"attribute", `<string lang="en">x</string>`, text("x")},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, doc := range []string{head + `<plist version="1.0">` + c.xml + "</plist>\n", "<plist>" + c.xml + "</plist>", c.xml} {
				got, err := Parse([]byte(doc))
				if err != nil {
					t.Fatal(err)
				}
				if diff := Diff(got.Root, c.want); len(diff) > 0 || got.Format != XML {
					t.Errorf("%s: %v", doc, diff)
				}
			}
		})
	}
}

func TestXMLKeepsWhatOthersDrop(t *testing.T) {
	doc, err := Parse([]byte("\xef\xbb\xbf" + head + `<plist><!-- one --><dict><key>z</key><true/><key>a</key><false/><!-- two --><key>z</key><false/></dict></plist><!-- three -->`))
	if err != nil {
		t.Fatal(err)
	}
	if doc.Comments != 3 || !doc.ByteMark || strings.Join(doc.Duplicates, ",") != "z" {
		t.Errorf("comments %d, mark %v, duplicates %v", doc.Comments, doc.ByteMark, doc.Duplicates)
	}
	if got := strings.Join(doc.Root.Entries.Keys(), ","); got != "z,a,z" {
		t.Errorf("keys %s", got)
	}
	if !doc.Root.Entries.Bool("z") {
		t.Error("Get did not return the first entry of a duplicate key")
	}
}

func TestXMLRefuses(t *testing.T) {
	for _, c := range []struct{ name, xml, want string }{
		{"nothing", "", "ends where a tag is expected"},
		{"blanks", " \n", "ends where a tag is expected"},
		{"text", "hello", "text stands where"},
		{"open tag", "<dict", "a tag does not end"},
		{"open dict", "<dict><key>a</key><true/>", "ends where a tag is expected"},
		{"open string", "<string>abc", "<string> is not closed"},
		{"wrong close", "<string>abc</key>", "<string> is not closed"},
		{"stray close", "</dict>", "</dict> stands where a value is expected"},
		{"key without value", "<dict><key>a</key></dict>", "</dict> stands where a value is expected"},
		{"value without key", "<dict><true/></dict>", "<true> stands where a key is expected"},
		{"unknown element", "<thing/>", "<thing> is no element"},
		{"empty plist", "<plist/>", "<plist> is no element"},
		{"two roots", "<plist><true/><true/></plist>", "<plist> is not closed"},
		{"more after the list", "<plist><true/></plist>x", "1 bytes follow the list"},
		{"unknown entity", "<string>&x;</string>", "entity is unknown"},
		{"open entity", "<string>&lt</string>", "entity is unknown or does not end"},
		{"entity zero", "<string>&#0;</string>", "entity is unknown"},
		{"entity too large", "<string>&#x110000;</string>", "entity is unknown"},
		{"declared entities", "<!DOCTYPE plist [<!ENTITY a \"b\">]><true/>", "declares entities"},
		{"open document type", "<!DOCTYPE plist", "document type does not end"},
		{"open comment", "<!-- x", "comment does not end"},
		{"open instruction", "<?xml", "processing instruction does not end"},
		{"open cdata", "<string><![CDATA[x</string>", "CDATA section does not end"},
		{"no integer", "<integer>x</integer>", "no integer of 64 bits"},
		{"integer too large", "<integer>9223372036854775808</integer>", "no integer of 64 bits"},
		{"no real", "<real>x</real>", "holds no number"},
		{"no date", "<date>yesterday</date>", "holds no date"},
		{"no base64", "<data>!</data>", "holds no base64"},
		{"deep", strings.Repeat("<array>", 80) + strings.Repeat("</array>", 80), "nests deeper than 64"},
		{"utf-16", "\xff\xfe<\x00", "not UTF-8"},
		{"open-step", "{ a = b; }", "text stands where"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.xml))
			var e *unreadable.Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if e != nil && (e.Offset < 0 || e.Offset > int64(len(c.xml))) {
				t.Errorf("offset %d lies outside %d bytes", e.Offset, len(c.xml))
			}
		})
	}
}

func TestParseDictWantsADictionary(t *testing.T) {
	if _, err := ParseDict([]byte("<array/>")); err == nil || !strings.Contains(err.Error(), "kind array, not a dictionary") {
		t.Errorf("got %v", err)
	}
	if _, err := ParseDict([]byte("<dict")); err == nil {
		t.Error("a broken list was read")
	}
	if doc, err := ParseDict([]byte("<dict/>")); err != nil || doc.Root.Kind != Dictionary {
		t.Errorf("got %v, %v", doc, err)
	}
}

func TestDiff(t *testing.T) {
	a := dict(Entry{"s", text("x")}, Entry{"l", array(text("1"), text("2"))}, Entry{"only", boolean(true)}, Entry{"d", dict(Entry{"k", number64(1)})})
	b := dict(Entry{"d", dict(Entry{"k", number64(2)})}, Entry{"l", array(text("1"), text("3"), text("4"))}, Entry{"s", text("x")}, Entry{"more", bytesOf("z")})
	var got []string
	for _, d := range Diff(a, b) {
		got = append(got, d.String())
	}
	want := []string{`l[1]: "2", "3"`, `l[2]: nothing, "4"`, `only: true, nothing`, `d.k: 1, 2`, `more: nothing, <7a>`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if a.Equal(b) || !a.Equal(a) || !b.Equal(b) {
		t.Error("Equal disagrees with Diff")
	}
	if text("1").Equal(number64(1)) || array().Equal(dict()) || boolean(false).Equal(text("")) {
		t.Error("values of different kinds are equal")
	}
}

func TestAccessors(t *testing.T) {
	d := Dict{{"s", text("x")}, {"l", array(text("a"), text("b"))}, {"mixed", array(text("a"), boolean(true))}, {"t", boolean(true)}, {"d", dict(Entry{"k", text("v")})}}
	if d.Text("s") != "x" || d.Text("l") != "" || d.Text("none") != "" {
		t.Error("Text")
	}
	if list, ok := d.Strings("l"); !ok || len(list) != 2 {
		t.Error("Strings of an array")
	}
	if list, ok := d.Strings("s"); !ok || len(list) != 1 {
		t.Error("Strings of a lone string")
	}
	for _, key := range []string{"mixed", "t", "none"} {
		if _, ok := d.Strings(key); ok {
			t.Errorf("Strings of %s", key)
		}
	}
	if !d.Bool("t") || d.Bool("s") || d.Dict("d").Text("k") != "v" || d.Dict("s") != nil {
		t.Error("Bool or Dict")
	}
	if got := dict(d...).String(); got != `{"s": "x", "l": ["a", "b"], "mixed": ["a", true], "t": true, "d": {"k": "v"}}` {
		t.Errorf("String: %s", got)
	}
}
