package requirement

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/kinring/kinring/codesign/unreadable"
	"github.com/kinring/kinring/internal/allocbound"
	"github.com/kinring/kinring/internal/signfixture"
)

// expr builds an expression: numbers become operations, strings operands.
func expr(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = binary.BigEndian.AppendUint32(b, uint32(p))
		case string:
			b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
			b = append(b, p...)
			b = append(b, make([]byte, -len(p)&3)...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

// compiled puts the header of a requirement in front of an expression.
func compiled(expression []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, magicRequirement)
	b = binary.BigEndian.AppendUint32(b, uint32(12+len(expression)))
	b = binary.BigEndian.AppendUint32(b, kindExpression)
	return append(b, expression...)
}

// markOID is 1.2.840.113635.100.6.2.6 as the content of its DER form.
const markOID = "\x2a\x86\x48\x86\xf7\x63\x64\x06\x02\x06"

func TestDecompile(t *testing.T) {
	for _, c := range []struct {
		want  string
		parts []any
	}{
		{"never", []any{opFalse}},
		{"always", []any{opTrue}},
		{`identifier "com.example"`, []any{opIdent, "com.example"}},
		{`identifier "a\"b\\c"`, []any{opIdent, `a"b\c`}},
		{`identifier "a\x0ab"`, []any{opIdent, "a\nb"}},
		{"identifier 0xff", []any{opIdent, "\xff"}},
		{"anchor apple", []any{opAppleAnchor}},
		{"anchor apple generic", []any{opAppleGenericAnchor}},
		{"anchor trusted", []any{opTrustedCerts}},
		{`anchor apple "name"`, []any{opNamedAnchor, "name"}},
		{`certificate leaf = H"0102"`, []any{opAnchorHash, 0, "\x01\x02"}},
		{`certificate root trusted`, []any{opTrustedCert, -1}},
		{`info["k"] = "v"`, []any{opInfoKeyValue, "k", "v"}},
		{`info["k"] exists`, []any{opInfoKeyField, "k", matchExists}},
		{`entitlement["k"] absent`, []any{opEntitlementField, "k", matchAbsent}},
		{`cdhash H"aa"`, []any{opCDHash, "\xaa"}},
		{`! notarized`, []any{opNot, opNotarized}},
		{`legacy`, []any{opLegacyDevID}},
		{`platform = 2`, []any{opPlatform, 2}},
		{`("code")`, []any{opNamedCode, "code"}},
		{`certificate leaf[subject.OU] = "T"`, []any{opCertField, 0, "subject.OU", matchEqual, "T"}},
		{`certificate 1[field.1.2.840.113635.100.6.2.6] exists`, []any{opCertGeneric, 1, markOID, matchExists}},
		{`certificate 1[policy.1.2.840.113635.100.6.2.6] exists`, []any{opCertPolicy, 1, markOID, matchExists}},
		{`certificate leaf[timestamp.1.2.840.113635.100.6.2.6] > timestamp "20010102000001Z"`, []any{opCertFieldDate, 0, markOID, matchAfter, 0, 86401}},
		{`certificate leaf[timestamp.1.2.840.113635.100.6.2.6] < timestamp -1`, []any{opCertFieldDate, 0, markOID, matchBefore, -1, -1}},
		{`certificate leaf[field.0x80] exists`, []any{opCertGeneric, 0, "\x80", matchExists}},
		{`info["k"] = "*v*"`, []any{opInfoKeyField, "k", matchContains, "v"}},
		{`info["k"] = "v*"`, []any{opInfoKeyField, "k", matchBeginsWith, "v"}},
		{`info["k"] = "*v"`, []any{opInfoKeyField, "k", matchEndsWith, "v"}},
		{`info["k"] < "v"`, []any{opInfoKeyField, "k", matchLessThan, "v"}},
		{`info["k"] >= "v"`, []any{opInfoKeyField, "k", matchGreaterEqual, "v"}},
		{`always and (never or always)`, []any{opAnd, opTrue, opOr, opFalse, opTrue}},
		{`always and never or always`, []any{opOr, opAnd, opTrue, opFalse, opTrue}},
		{`! (always or never)`, []any{opNot, opOr, opTrue, opFalse}},
		{`! (always and never)`, []any{opNot, opAnd, opTrue, opFalse}},
		{`always /* unknown operation 99 */`, []any{opGenericSkip | 99, "x"}},
		{`never /* unknown operation 99 */`, []any{opGenericFalse | 99, "xyz"}},
	} {
		t.Run(c.want, func(t *testing.T) {
			got, err := Decompile(compiled(expr(c.parts...)))
			if err != nil || got != c.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestDecompileRefuses(t *testing.T) {
	nots := make([]any, maxDepth+2)
	for i := range nots {
		nots[i] = opNot
	}
	for _, c := range []struct {
		name string
		blob []byte
		want string
	}{
		{"nothing", nil, "less than its header"},
		{"other magic", append([]byte{1}, compiled(nil)[1:]...), "magic number"},
		{"length", append(compiled(expr(opTrue)), 0), "says that it is 16 bytes long, but it has 17"},
		{"kind", append(compiled(nil)[:8], 0, 0, 0, 9), "kind 9 is unknown"},
		{"empty", compiled(nil), "ends inside an expression"},
		{"and of one", compiled(expr(opAnd, opTrue)), "ends inside an expression"},
		{"more", compiled(expr(opTrue, opTrue)), "4 bytes follow"},
		{"operand too long", compiled(expr(opIdent, 0x7fffffff)), "reaches past the end"},
		{"operand wraps", compiled(expr(opIdent, -1)), "reaches past the end"},
		{"unknown operation", compiled(expr(99)), "operation 99 is unknown"},
		{"unknown match", compiled(expr(opInfoKeyField, "k", 99)), "match operation 99"},
		{"no match", compiled(expr(opInfoKeyField, "k")), "ends inside"},
		{"no date", compiled(expr(opCertFieldDate, 0, markOID, matchOn, 1)), "ends inside"},
		{"deep", compiled(expr(append(nots, opTrue)...)), "deeper than 128"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decompile(c.blob)
			var e *unreadable.Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestLaunchConstraint(t *testing.T) {
	blob := compiled(expr("lwcr"))
	blob[11] = kindConstraint
	if got, err := Decompile(blob); err != nil || got != "/* launch constraint */" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestParseSetOfDeveloperID(t *testing.T) {
	list, err := ParseSet(signfixture.DeveloperIDRequirement("com.example", "2DC432GLL2"))
	if err != nil {
		t.Fatal(err)
	}
	want := `identifier "com.example" and anchor apple generic and certificate 1[field.1.2.840.113635.100.6.2.6] exists` +
		` and certificate leaf[field.1.2.840.113635.100.6.1.13] exists and certificate leaf[subject.OU] = "2DC432GLL2"`
	if len(list) != 1 || list[0].Type != Designated || list[0].Text != want {
		t.Errorf("got %+v", list)
	}
	if Designated.String() != "designated" || Type(9).String() != "type-9" {
		t.Error("names of types")
	}
}

// set builds a requirement set from entries of type and offset and a tail.
func set(tail []byte, entries ...int) []byte {
	b := binary.BigEndian.AppendUint32(nil, magicSet)
	b = binary.BigEndian.AppendUint32(b, uint32(12+4*len(entries)+len(tail)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(entries)/2))
	for _, e := range entries {
		b = binary.BigEndian.AppendUint32(b, uint32(e))
	}
	return append(b, tail...)
}

func TestParseSetRefuses(t *testing.T) {
	one := compiled(expr(opTrue))
	huge := set(nil)
	huge[11] = 200
	for _, c := range []struct {
		name string
		blob []byte
		want string
	}{
		{"nothing", nil, "less than its header"},
		{"count", huge, "200 requirements do not fit"},
		{"offset in the header", set(one, 3, 4), "outside its set"},
		{"offset outside", set(one, 3, 999), "outside its set"},
		{"too long", set(one[:12], 3, 20), "reach past the end"},
		{"overlap", set(one, 3, 44, 4, 44, 5, 44, 1, 44), "overlap"},
		{"broken inside", set(compiled(expr(99)), 3, 20), "offset 36: operation 99"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ParseSet(c.blob); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if list, err := ParseSet(set(nil)); err != nil || len(list) != 0 {
		t.Errorf("an empty set: %v, %v", list, err)
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add(signfixture.DeveloperIDRequirement("com.example", "TEAM"))
	f.Add(set(compiled(expr(opOr, opNot, opNotarized, opInfoKeyField, "k", matchBeginsWith, "v")), 3, 20))
	f.Add(set(compiled(expr(opCertFieldDate, 0, markOID, matchOn, 1, 2)), 3, 20))
	f.Fuzz(func(t *testing.T, blob []byte) {
		allocbound.Check(t, len(blob), 128, func() { _, _ = ParseSet(blob) })
	})
}
