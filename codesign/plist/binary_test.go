package plist

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	howett "howett.net/plist"

	"github.com/kinring/kinring/internal/allocbound"
)

// bplist puts objects behind a binary list's header and adds the table of
// offsets, one byte each, and the trailer.
func bplist(root byte, objects ...string) []byte {
	b := bytes.NewBufferString("bplist00")
	var table []byte
	for _, o := range objects {
		table = append(table, byte(b.Len()))
		b.WriteString(o)
	}
	top := b.Len()
	b.Write(table)
	trailer := make([]byte, trailerSize)
	trailer[6], trailer[7] = 1, 1
	binary.BigEndian.PutUint64(trailer[8:], uint64(len(objects)))
	trailer[23] = root
	binary.BigEndian.PutUint64(trailer[24:], uint64(top))
	b.Write(trailer)
	return b.Bytes()
}

func TestBinary(t *testing.T) {
	for _, c := range []struct {
		name    string
		objects []string
		want    Value
	}{
		{"true", []string{"\x09"}, boolean(true)},
		{"false", []string{"\x08"}, boolean(false)},
		{"one byte", []string{"\x10\xff"}, number64(255)},
		{"two bytes", []string{"\x11\x01\x00"}, number64(256)},
		{"eight bytes, negative", []string{"\x13\xff\xff\xff\xff\xff\xff\xff\xfe"}, number64(-2)},
		{"sixteen bytes", []string{"\x14" + strings.Repeat("\x00", 15) + "\x05"}, number64(5)},
		{"real of four bytes", []string{"\x22\x3f\xc0\x00\x00"}, Value{Kind: Real, Real: 1.5}},
		{"date", []string{"\x33\x00\x00\x00\x00\x00\x00\x00\x00"}, Value{Kind: Date, Time: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"data", []string{"\x42hi"}, bytesOf("hi")},
		{"ascii", []string{"\x52hi"}, text("hi")},
		{"utf-16", []string{"\x62\x00h\x00\xe4"}, text("hä")},
		{"length in an integer", []string{"\x5f\x10\x02hi"}, text("hi")},
		{"array", []string{"\xa2\x01\x01", "\x09"}, array(boolean(true), boolean(true))},
		{"dict", []string{"\xd1\x01\x02", "\x51k", "\x09"}, dict(Entry{"k", boolean(true)})},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := Parse(bplist(0, c.objects...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := Diff(doc.Root, c.want); len(diff) > 0 || doc.Format != Binary {
				t.Error(diff)
			}
		})
	}
}

func TestBinaryRefuses(t *testing.T) {
	good := bplist(0, "\xd1\x01\x02", "\x51k", "\x09")
	edit := func(from int, b ...byte) []byte {
		out := bytes.Clone(good)
		copy(out[len(out)-trailerSize+from:], b)
		return out
	}
	for _, c := range []struct {
		name string
		list []byte
		want string
	}{
		{"short", []byte("bplist00"), "too short"},
		{"other version", append([]byte("bplist15"), make([]byte, 40)...), "version 00"},
		{"offsets of no bytes", edit(6, 0), "offsets of 0"},
		{"references of nine bytes", edit(7, 9), "references of 9"},
		{"huge count", edit(8, 0xff), "do not fit"},
		{"root outside", edit(23, 3), "object 3 is named; there are 3"},
		{"table outside", edit(24, 0xff), "do not fit"},
		{"object outside", bplist(0, "\xa1\x07"), "object 7 is named"},
		{"loop", bplist(0, "\xa1\x00"), "more often than it has bytes"},
		{"loop of two", bplist(0, "\xa1\x01", "\xa1\x00"), "more often than it has bytes"},
		{"key is no string", bplist(0, "\xd1\x01\x01", "\x09"), "a key is of kind boolean"},
		{"data too long", bplist(0, "\x4f\x12\x7f\xff\xff\xff"), "reaches past"},
		{"text too long", bplist(0, "\x6f\x13\x7f\xff\xff\xff\xff\xff\xff\xff"), "reaches past"},
		{"array too long", bplist(0, "\xaf\x12\x7f\xff\xff\xff"), "names its objects more often"},
		{"length no integer", bplist(0, "\x4f\x51x"), "length is no integer"},
		{"integer of 32 bytes", bplist(0, "\x15"), "2^5 bytes"},
		{"integer too large", bplist(0, "\x14\x01"+strings.Repeat("\x00", 15)), "64 bits"},
		{"real of one byte", bplist(0, "\x20\x00"), "2^0 bytes"},
		{"date out of range", bplist(0, "\x33\x7f\xf8\x00\x00\x00\x00\x00\x00"), "out of range"},
		{"null", bplist(0, "\x00"), "unknown"},
		{"unknown type", bplist(0, "\x70"), "unknown"},
		{"text not ascii", bplist(0, "\x51\xff"), "not ASCII"},
		{"integer cut off", bplist(0, "\x13\x00"), "reaches past"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse(c.list); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestBinaryBomb builds lists in lists: each of 20 levels names the next one ten
// times, which would make 10^20 values.
func TestBinaryBomb(t *testing.T) {
	var objects []string
	for i := range 20 {
		objects = append(objects, "\xaa"+strings.Repeat(string(rune(i+1)), 10))
	}
	bomb := bplist(0, append(objects, "\x09")...)
	allocbound.Check(t, len(bomb), 256, func() {
		if _, err := Parse(bomb); err == nil || !strings.Contains(err.Error(), "more often than it has bytes") {
			t.Errorf("got %v", err)
		}
	})
}

// TestReadersAgree compares with another reader on what Apple's tools and that
// reader's own writer make.
func TestReadersAgree(t *testing.T) {
	original := map[string]any{
		"s": "text", "long": strings.Repeat("x", 300), "umlaut": "äöü€", "n": int64(-5), "big": int64(1) << 40, "r": 2.25, "b": true,
		"d": []byte{0, 1, 2}, "t": time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC), "l": []any{"a", int64(1), map[string]any{"x": false}},
	}
	for _, format := range []int{howett.XMLFormat, howett.BinaryFormat} {
		raw, err := howett.MarshalIndent(original, format, "\t")
		if err != nil {
			t.Fatal(err)
		}
		doc, err := ParseDict(raw)
		if err != nil {
			t.Fatal(err)
		}
		want := dict(
			Entry{"s", text("text")}, Entry{"long", text(strings.Repeat("x", 300))}, Entry{"umlaut", text("äöü€")}, Entry{"n", number64(-5)},
			Entry{"big", number64(1 << 40)}, Entry{"r", Value{Kind: Real, Real: 2.25}}, Entry{"b", boolean(true)}, Entry{"d", bytesOf("\x00\x01\x02")},
			Entry{"t", Value{Kind: Date, Time: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)}},
			Entry{"l", array(text("a"), number64(1), dict(Entry{"x", boolean(false)}))},
		)
		if diff := Diff(doc.Root, want); len(diff) > 0 {
			t.Errorf("format %d: %v", format, diff)
		}
	}
}

func TestTooLarge(t *testing.T) {
	if _, err := Parse(make([]byte, MaxSize+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("got %v", err)
	}
}

// TestBinaryFile keeps a list made by another writer as a file, so that a
// change of that writer does not change the test.
func TestBinaryFile(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "info.bplist"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := ParseDict(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := doc.Root.Entries.Text("CFBundleIdentifier"); got != "com.example.demo" {
		t.Errorf("identifier %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "<plist><dict><key>a</key><array><string>&lt;x</string><integer>1</integer></array></dict></plist>"))
	f.Add([]byte("<dict><key>d</key><data>aGk=</data><key>d</key><date>2026-01-02T03:04:05Z</date></dict>"))
	f.Add(bplist(0, "\xd1\x01\x02", "\x51k", "\xa2\x03\x03", "\x62\x00h\x00i"))
	f.Add(bplist(0, "\xaa\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var doc *Document
		var err error
		allocbound.Check(t, len(b), 256, func() { doc, err = Parse(b) })
		if err == nil && !doc.Root.Equal(doc.Root) {
			t.Error("a value is not equal to itself")
		}
	})
}
