package entitlements_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/kinring/kinring/codesign/entitlements"
	"github.com/kinring/kinring/codesign/unreadable"
	"github.com/kinring/kinring/internal/allocbound"
	"github.com/kinring/kinring/internal/signfixture"
)

var claims = signfixture.Dict{
	"com.apple.application-identifier":    "ABCDE12345.com.example.app",
	"keychain-access-groups":              []string{"ABCDE12345.com.example.shared", "ABCDE12345.other"},
	"com.apple.security.cs.allow-jit":     true,
	"com.apple.security.app-sandbox":      false,
	"com.example.number":                  -300,
	"com.example.nested":                  signfixture.Dict{"a": []string{}, "b": signfixture.Dict{"c": "d"}},
	"com.apple.developer.team-identifier": "ABCDE12345",
}

func TestBothFormsAgree(t *testing.T) {
	fromXML, err := entitlements.ParseXML(claims.XML())
	if err != nil {
		t.Fatal(err)
	}
	fromDER, err := entitlements.ParseDER(claims.DER())
	if err != nil {
		t.Fatal(err)
	}
	if diff := entitlements.Compare(fromXML, fromDER); len(diff) > 0 {
		t.Errorf("the forms differ: %v", diff)
	}
	if len(fromDER.Entries) != len(claims) || fromDER.Unsorted || fromDER.Duplicates != nil {
		t.Errorf("%d entries, unsorted %v, duplicates %v", len(fromDER.Entries), fromDER.Unsorted, fromDER.Duplicates)
	}
	if groups, ok := fromDER.Entries.Strings("keychain-access-groups"); !ok || strings.Join(groups, " ") != "ABCDE12345.com.example.shared ABCDE12345.other" {
		t.Errorf("groups %v", groups)
	}
}

func TestCompareTellsWhere(t *testing.T) {
	changed := claims.With("keychain-access-groups", []string{"ABCDE12345.com.example.shared"}).Without("com.apple.security.app-sandbox")
	a, err := entitlements.ParseXML(claims.XML())
	if err != nil {
		t.Fatal(err)
	}
	b, err := entitlements.ParseDER(changed.DER())
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, d := range entitlements.Compare(a, b) {
		paths = append(paths, d.Path)
	}
	if got := strings.Join(paths, " "); got != "com.apple.security.app-sandbox keychain-access-groups[1]" {
		t.Errorf("differences at %s", got)
	}
}

func TestXMLKeepsComments(t *testing.T) {
	doc, err := entitlements.ParseXML([]byte("\xef\xbb\xbf<dict><!-- shared --><key>a</key><true/><key>a</key><false/></dict>"))
	if err != nil {
		t.Fatal(err)
	}
	if doc.Comments != 1 || !doc.ByteMark || len(doc.Duplicates) != 1 {
		t.Errorf("%+v", doc)
	}
}

// der builds the DER form with a body of the caller's.
func der(body func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.Tag(0x70), func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(asn1.Tag(0xb0), body)
	})
	return b.BytesOrPanic()
}

// pair adds a key with a raw value.
func pair(b *cryptobyte.Builder, key string, value ...byte) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(key)) })
		b.AddBytes(value)
	})
}

func TestDERNotesOrderAndDuplicates(t *testing.T) {
	for _, c := range []struct {
		keys       string
		unsorted   bool
		duplicates int
	}{{"a b c", false, 0}, {"b a", true, 0}, {"a a", false, 1}, {"a b a", true, 1}} {
		doc, err := entitlements.ParseDER(der(func(b *cryptobyte.Builder) {
			for key := range strings.FieldsSeq(c.keys) {
				pair(b, key, 1, 1, 0xff)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if doc.Unsorted != c.unsorted || len(doc.Duplicates) != c.duplicates {
			t.Errorf("%s: unsorted %v, duplicates %v", c.keys, doc.Unsorted, doc.Duplicates)
		}
	}
}

func TestDERRefuses(t *testing.T) {
	deep := []byte{}
	for range 80 {
		var b cryptobyte.Builder
		inner := deep
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(inner) })
		deep = b.BytesOrPanic()
	}
	one := func(value ...byte) []byte { return der(func(b *cryptobyte.Builder) { pair(b, "k", value...) }) }
	good := one(1, 1, 0xff)
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"nothing", nil, "does not start with the tag"},
		{"other tag", []byte{0x30, 0}, "does not start with the tag"},
		{"more after it", append(append([]byte{}, good...), 0), "1 bytes follow it"},
		{"cut off", good[:len(good)-1], "does not start with the tag"},
		{"no version", []byte{0x70, 0}, "version is not 1"},
		{"version 2", []byte{0x70, 5, 2, 1, 2, 0xb0, 0}, "version is not 1"},
		{"no dictionary", []byte{0x70, 3, 2, 1, 1}, "a dictionary is expected"},
		{"two dictionaries", []byte{0x70, 7, 2, 1, 1, 0xb0, 0, 0xb0, 0}, "2 bytes follow its dictionary"},
		{"entry is no pair", der(func(b *cryptobyte.Builder) { b.AddASN1Int64(1) }), "a key with its value is expected"},
		{"key is no text", der(func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Int64(1) })
		}), "a text is expected"},
		{"key is no utf-8", der(func(b *cryptobyte.Builder) { pair(b, "\xff", 1, 1, 0xff) }), "a text is expected"},
		{"value twice", one(1, 1, 0xff, 1, 1, 0xff), "3 bytes follow the value"},
		{"no value", one(), "a tag that entitlements do not use"},
		{"boolean 1", one(1, 1, 1), "neither 0x00 nor 0xff"},
		{"integer of nine bytes", one(2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0), "does not fit into 64 bits"},
		{"integer not minimal", one(2, 2, 0, 1), "does not fit into 64 bits"},
		{"data", one(4, 1, 0), "a tag that entitlements do not use"},
		{"time", append(one(23, 0), []byte{}...), "a tag that entitlements do not use"},
		{"deep", one(deep...), "deeper than 64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := entitlements.ParseDER(c.raw)
			var e *unreadable.Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if e.Offset < 0 || e.Offset > int64(len(c.raw)) {
				t.Errorf("offset %d lies outside %d bytes", e.Offset, len(c.raw))
			}
		})
	}
}

func TestDERErrorSaysWhere(t *testing.T) {
	raw := der(func(b *cryptobyte.Builder) { pair(b, "k", 1, 1, 1) })
	_, err := entitlements.ParseDER(raw)
	var e *unreadable.Error
	if !errors.As(err, &e) || e.Offset != int64(len(raw)-3) {
		t.Errorf("%v, want the offset of the last 3 of %d bytes", err, len(raw))
	}
}

func TestXMLRefuses(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"nothing", "", "ends where"},
		{"array", "<array/>", "not a dictionary"},
		{"binary", "bplist00\xd0\x08\x00\x00\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09", "only xml is accepted"},
	} {
		if _, err := entitlements.ParseXML([]byte(c.raw)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func FuzzParseDER(f *testing.F) {
	f.Add(claims.DER())
	f.Add(der(func(b *cryptobyte.Builder) { pair(b, "b", 1, 1, 0xff); pair(b, "a", 0x30, 3, 2, 1, 5) }))
	f.Fuzz(func(t *testing.T, raw []byte) {
		allocbound.Check(t, len(raw), 128, func() { _, _ = entitlements.ParseDER(raw) })
	})
}

func FuzzParseXML(f *testing.F) {
	f.Add(claims.XML())
	f.Fuzz(func(t *testing.T, raw []byte) {
		allocbound.Check(t, len(raw), 256, func() { _, _ = entitlements.ParseXML(raw) })
	})
}

func FuzzParseDictionaryDER(f *testing.F) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
		pair(b, "Certificates", 4, 2, 1, 2)
		pair(b, "Entitlements", claims.DER()...)
		pair(b, "Other", 0x05, 0)
	})
	f.Add(b.BytesOrPanic())
	f.Fuzz(func(t *testing.T, raw []byte) {
		allocbound.Check(t, len(raw), 128, func() { _, _ = entitlements.ParseDictionaryDER(raw) })
	})
}
