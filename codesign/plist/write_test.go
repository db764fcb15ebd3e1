package plist

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestWrittenListsReadBack(t *testing.T) {
	d := Dict{
		{"s", text("a <b> & \"c\"\n")}, {"n", number64(-7)}, {"r", Value{Kind: Real, Real: 1e300}}, {"nan", Value{Kind: Real, Real: math.NaN()}},
		{"t", boolean(true)}, {"f", boolean(false)}, {"d", Value{Kind: Date, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}},
		{"b", bytesOf("\x00\xff")}, {"l", array(text("x"), array(), dict())}, {"k<>", dict(Entry{"inner", number64(1)})},
	}
	raw, err := d.XML()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := ParseDict(raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	if diff := Diff(doc.Root, dict(d...)); len(diff) > 0 || doc.Comments != 0 || doc.ByteMark {
		t.Errorf("%v\n%s", diff, raw)
	}
	if got := strings.Join(doc.Root.Entries.Keys(), " "); got != strings.Join(d.Keys(), " ") {
		t.Errorf("order %s", got)
	}
}

func TestWrittenForm(t *testing.T) {
	raw, err := Dict{{"groups", array(text("T.a"))}}.XML()
	want := documentHead + "<dict>\n\t<key>groups</key>\n\t<array>\n\t\t<string>T.a</string>\n\t</array>\n</dict>\n</plist>\n"
	if err != nil || string(raw) != want {
		t.Errorf("%v\n%s", err, raw)
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	for _, v := range []Value{{}, text("a\x00b"), array(Value{Kind: 99}), dict(Entry{"\x01", text("")})} {
		if raw, err := (Dict{{"k", v}}).XML(); err == nil {
			t.Errorf("written as %s", raw)
		}
	}
}
