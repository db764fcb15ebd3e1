package store

import (
	"errors"
	"strings"
	"testing"
)

const example = "kr1;v;12;3f9c2a10;dGVzdC1kaWdlc3Q;file=:c29tZS1wcmludA;ring=-"

var exampleRecord = Record{Version: 1, Generation: 12, KeyID: "3f9c2a10", Digest: "dGVzdC1kaWdlc3Q", Sources: []Agreement{
	{Source: "file", Kind: Held, Fingerprint: "c29tZS1wcmludA"}, {Source: "ring", Kind: AbsentThere},
}}

// TestRecordText pins the text form: what is written today has to be read for
// ever.
func TestRecordText(t *testing.T) {
	cases := []struct {
		text   string
		record Record
	}{
		{"", Record{}},
		{example, exampleRecord},
		{"kr1;v;0;;", Record{Version: 1}},
		{"kr1;m;0;;", Record{Version: 1, Kind: KindMarker}},
		{"kr1;m;18446744073709551615;id;d", Record{Version: 1, Kind: KindMarker, Generation: 1<<64 - 1, KeyID: "id", Digest: "d"}},
		{"kr1;v;1;;;a=?", Record{Version: 1, Generation: 1, Sources: []Agreement{{Source: "a"}}}},
		{"kr1;v;1;;;a=x", Record{Version: 1, Generation: 1, Sources: []Agreement{{Source: "a", Kind: Pruned}}}},
		{"kr1;v;1;;;a=?>p", Record{Version: 1, Generation: 1, Sources: []Agreement{{Source: "a", Pending: "p"}}}},
		{"kr1;v;1;;;a=->p", Record{Version: 1, Generation: 1, Sources: []Agreement{{Source: "a", Kind: AbsentThere, Pending: "p"}}}},
		{"kr1;v;1;;;a=:f>p", Record{Version: 1, Generation: 1, Sources: []Agreement{{Source: "a", Kind: Held, Fingerprint: "f", Pending: "p"}}}},
		{"kr1;v;1;;;a=x>p", Record{Version: 1, Generation: 1, Sources: []Agreement{{Source: "a", Kind: Pruned, Pending: "p"}}}},
		{"kr1;v;1;;;b=:f==;a=:x", Record{Version: 1, Generation: 1, Sources: []Agreement{{Source: "b", Kind: Held, Fingerprint: "f=="}, {Source: "a", Kind: Held, Fingerprint: "x"}}}},
	}
	for _, c := range cases {
		got, err := ParseRecord(c.text)
		if err != nil || !got.Equal(c.record) {
			t.Errorf("%q is read as %+v, %v; want %+v", c.text, got, err, c.record)
		}
		if text := c.record.String(); text != c.text {
			t.Errorf("%+v is written as %q, want %q", c.record, text, c.text)
		}
		if text, err := c.record.Encode(); err != nil || text != c.text {
			t.Errorf("%+v is encoded as %q, %v, want %q", c.record, text, err, c.text)
		}
	}
}

func TestRecordNewer(t *testing.T) {
	for _, text := range []string{"kr2;v;7;anything", "kr65535;m;7;<what~nobody>+knows=;;;", "kr2;m;0", "kr2;v;18446744073709551615;" + strings.Repeat("x", 100)} {
		r, err := ParseRecord(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if r.Readable() || !r.Present() || r.KeyID != "" || len(r.Sources) > 0 {
			t.Errorf("%q is read as %+v", text, r)
		}
		if wantKind := strings.Contains(text, ";m;"); (r.Kind == KindMarker) != wantKind {
			t.Errorf("%q is read as a %v", text, r.Kind)
		}
		if back, err := r.Encode(); err != nil || back != text {
			t.Errorf("%q is written back as %q, %v", text, back, err)
		}
	}
	a, _ := ParseRecord("kr2;v;7;one")
	b, _ := ParseRecord("kr2;v;7;two")
	if a.Equal(b) || a.Generation != 7 {
		t.Errorf("two newer records of generation %d are equal: %v", a.Generation, a.Equal(b))
	}
}

func TestParseRecordRefuses(t *testing.T) {
	texts := map[string]string{
		"a head alone": "kr1", "a head without generation": "kr1;v", "a newer head without generation": "kr2;v",
		"no key id": "kr1;v;1", "no digest": "kr1;v;1;id",
		"another head": "xx1;v;1;;", "no version": "kr;v;1;;", "version 0": "kr0;v;1;;", "a leading zero": "kr01;v;1;;", "a sign": "kr+1;v;1;;",
		"a negative version": "kr-1;v;1;;", "a huge version": "kr65536;v;1;;", "upper case": "KR1;v;1;;",
		"another kind": "kr1;w;1;;", "no kind": "kr1;;1;;", "another kind in a newer record": "kr2;w;1",
		"no generation": "kr1;v;;;", "a generation that is none": "kr1;v;x;;", "a negative generation": "kr1;v;-1;;",
		"a generation with a leading zero": "kr1;v;01;;", "a generation too large": "kr1;v;18446744073709551616;;",
		"an empty source": "kr1;v;1;;;", "a source without a state": "kr1;v;1;;;a", "a source with an empty state": "kr1;v;1;;;a=",
		"a source without a name": "kr1;v;1;;;=-", "a state that is none": "kr1;v;1;;;a=y", "a longer state": "kr1;v;1;;;a=--",
		"an empty fingerprint": "kr1;v;1;;;a=:", "an empty pending": "kr1;v;1;;;a=->", "only a pending": "kr1;v;1;;;a=>p",
		"a space": "kr1;v;1;a b;", "a newline": "kr1;v;1;;\n", "a NUL": "kr1;v;1;;\x00", "not ASCII": "kr1;v;1;é;", "a delete": "kr1;v;1;\x7f;",
		"too long": "kr1;v;1;;" + strings.Repeat("d", MaxRecord), "too long and newer": "kr2;v;1;" + strings.Repeat("d", MaxRecord),
		"a value": "sk-test-not-a-record",
	}
	for name, text := range texts {
		r, err := ParseRecord(text)
		if !errors.Is(err, ErrCorrupt) || !r.Equal(Record{}) {
			t.Errorf("%s: read as %+v, %v; want corrupt and nothing", name, r, err)
		}
		if err != nil && name == "a value" && strings.Contains(err.Error(), text) {
			t.Errorf("%s is repeated in the error", name)
		}
	}
	for n := 1; n < len(example); n++ {
		if r, err := ParseRecord(example[:n]); err == nil && r.Equal(exampleRecord) {
			t.Errorf("the first %d bytes are read as the whole", n)
		}
	}
}

func TestRecordEncodeRefuses(t *testing.T) {
	with := func(change func(*Record)) Record {
		r := Record{Version: 1, Sources: []Agreement{{Source: "a", Kind: Held, Fingerprint: "f"}}}
		change(&r)
		return r
	}
	cases := []struct {
		name   string
		record Record
		want   *Class
	}{
		{"sound", with(func(*Record) {}), nil},
		{"a key id with a semicolon", with(func(r *Record) { r.KeyID = "a;b" }), ErrInvalid},
		{"a digest with a space", with(func(r *Record) { r.Digest = "a b" }), ErrInvalid},
		{"a digest not ASCII", with(func(r *Record) { r.Digest = "é" }), ErrInvalid},
		{"a source without a name", with(func(r *Record) { r.Sources[0].Source = "" }), ErrInvalid},
		{"a source with an equals sign", with(func(r *Record) { r.Sources[0].Source = "a=b" }), ErrInvalid},
		{"held without a fingerprint", with(func(r *Record) { r.Sources[0].Fingerprint = "" }), ErrInvalid},
		{"a fingerprint where none is held", with(func(r *Record) { r.Sources[0].Kind = Pruned }), ErrInvalid},
		{"a fingerprint with an arrow", with(func(r *Record) { r.Sources[0].Fingerprint = "f>p" }), ErrInvalid},
		{"a newer record made up", Record{Version: 2, Generation: 1}, ErrInvalid},
		{"content without a version", Record{Generation: 1}, ErrInvalid},
		{"a negative version", Record{Version: -1}, ErrInvalid},
		{"too long", with(func(r *Record) { r.Digest = Fingerprint(strings.Repeat("d", MaxRecord)) }), ErrTooLarge},
	}
	for _, c := range cases {
		text, err := c.record.Encode()
		if ClassOf(err) != c.want || err != nil && text != "" {
			t.Errorf("%s: %q, %v; want %v", c.name, text, err, c.want)
		}
	}
}

// TestRecordLimit: the limit itself can be used.
func TestRecordLimit(t *testing.T) {
	r := Record{Version: 1}
	r.Digest = Fingerprint(strings.Repeat("d", MaxRecord-len(r.String())))
	if text, err := r.Encode(); err != nil || len(text) != MaxRecord {
		t.Errorf("%d bytes: %v", len(text), err)
	}
	r.Digest += "d"
	if _, err := r.Encode(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestRecordAgreement(t *testing.T) {
	if got := exampleRecord.Agreement("ring"); got.Kind != AbsentThere || got.Source != "ring" {
		t.Errorf("got %+v", got)
	}
	if got := exampleRecord.Agreement("none"); got != (Agreement{Source: "none", Kind: Unknown}) {
		t.Errorf("a source that is not named: %+v", got)
	}
}

// TestRecordEqual changes one thing at a time.
func TestRecordEqual(t *testing.T) {
	changes := map[string]func(*Record){
		"version":    func(r *Record) { r.Version++ },
		"kind":       func(r *Record) { r.Kind = KindMarker },
		"generation": func(r *Record) { r.Generation++ },
		"key id":     func(r *Record) { r.KeyID += "0" },
		"digest":     func(r *Record) { r.Digest += "0" },
		"one source": func(r *Record) { r.Sources = r.Sources[:1] },
		"the order":  func(r *Record) { r.Sources[0], r.Sources[1] = r.Sources[1], r.Sources[0] },
		"pending":    func(r *Record) { r.Sources[0].Pending = "p" },
	}
	fresh := func() Record {
		r, err := ParseRecord(example)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if !fresh().Equal(fresh()) {
		t.Fatal("a record does not equal itself")
	}
	for name, change := range changes {
		r := fresh()
		change(&r)
		if r.Equal(fresh()) || fresh().Equal(r) {
			t.Errorf("records with another %s are equal", name)
		}
	}
	if KindValue.String() != "value" || KindMarker.String() != "marker" {
		t.Errorf("kinds read %v and %v", KindValue, KindMarker)
	}
}

// FuzzParseRecord: what is read is written back as it was, and what is refused
// is corrupt.
func FuzzParseRecord(f *testing.F) {
	for _, text := range []string{"", example, "kr1;m;0;;", "kr1;v;1;;;a=:f>p", "kr2;v;7;new", "kr1;v;1;id", "sk-test-not-a-record"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecord(text)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) || !r.Equal(Record{}) {
				t.Errorf("%q: %+v, %v", text, r, err)
			}
			return
		}
		if back, err := r.Encode(); err != nil || back != text {
			t.Errorf("%q is written back as %q, %v", text, back, err)
		}
		if r.Present() != (text != "") || len(r.Sources) > MaxRecord {
			t.Errorf("%q is read as %+v", text, r)
		}
	})
}
