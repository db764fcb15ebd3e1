package requirement

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kinring/kinring/codesign/unreadable"
)

// Opcodes of compiled requirements, in Apple's numbering.
const (
	opFalse = iota
	opTrue
	opIdent
	opAppleAnchor
	opAnchorHash
	opInfoKeyValue
	opAnd
	opOr
	opCDHash
	opNot
	opInfoKeyField
	opCertField
	opTrustedCert
	opTrustedCerts
	opCertGeneric
	opAppleGenericAnchor
	opEntitlementField
	opCertPolicy
	opNamedAnchor
	opNamedCode
	opPlatform
	opNotarized
	opCertFieldDate
	opLegacyDevID
)

// High bits of an opcode that a reader does not know: what it then counts as.
const (
	opGenericFalse = 0x80000000
	opGenericSkip  = 0x40000000
	opFlags        = 0xff000000
)

// Match operations.
const (
	matchExists = iota
	matchEqual
	matchContains
	matchBeginsWith
	matchEndsWith
	matchLessThan
	matchGreaterThan
	matchLessEqual
	matchGreaterEqual
	matchOn
	matchBefore
	matchAfter
	matchOnOrBefore
	matchOnOrAfter
	matchAbsent
)

// maxDepth bounds the nesting of expressions, and so the stack.
const maxDepth = 128

// Binding strengths of the text form: "or" binds weakest, "!" strongest.
const (
	bindOr = iota
	bindAnd
	bindNot
)

// epoch is the zero of the dates in requirements: CFAbsoluteTime's.
var epoch = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

// decoder reads the prefix-order operations of one requirement.
type decoder struct {
	blob []byte
	at   int
	out  strings.Builder
}

func decompile(blob []byte) (string, error) {
	d := &decoder{blob: blob, at: 12}
	if err := d.expression(bindOr, 0); err != nil {
		return "", err
	}
	if d.at != len(blob) {
		return "", d.fail("%d bytes follow the expression", len(blob)-d.at)
	}
	return d.out.String(), nil
}

func (d *decoder) fail(format string, args ...any) error {
	return unreadable.At("requirement", int64(d.at), format, args...)
}

// expression writes one expression; around is the binding strength of the
// operator that it is an operand of.
func (d *decoder) expression(around, depth int) error {
	if depth > maxDepth {
		return d.fail("expressions nest deeper than %d", maxDepth)
	}
	op, err := d.number()
	if err != nil {
		return err
	}
	switch op {
	case opAnd:
		return d.binary(" and ", bindAnd, around, depth)
	case opOr:
		return d.binary(" or ", bindOr, around, depth)
	case opNot:
		d.out.WriteString("! ")
		return d.expression(bindNot, depth+1)
	}
	if fixed, ok := words[op]; ok {
		d.out.WriteString(fixed)
		return nil
	}
	if write, ok := terms[op]; ok {
		return write(d)
	}
	return d.unknown(op)
}

// words are the operations without operands.
var words = map[uint32]string{
	opFalse: "never", opTrue: "always", opAppleAnchor: "anchor apple", opAppleGenericAnchor: "anchor apple generic",
	opTrustedCerts: "anchor trusted", opNotarized: "notarized", opLegacyDevID: "legacy",
}

// terms are the operations with operands other than expressions.
var terms = map[uint32]func(*decoder) error{
	opIdent:            (*decoder).identifier,
	opAnchorHash:       (*decoder).anchorHash,
	opInfoKeyValue:     (*decoder).infoKeyValue,
	opCDHash:           (*decoder).cdHash,
	opInfoKeyField:     func(d *decoder) error { return d.keyed("info") },
	opEntitlementField: func(d *decoder) error { return d.keyed("entitlement") },
	opCertField:        func(d *decoder) error { return d.certificate("", (*decoder).fieldName) },
	opCertGeneric:      func(d *decoder) error { return d.certificate("field.", (*decoder).oid) },
	opCertPolicy:       func(d *decoder) error { return d.certificate("policy.", (*decoder).oid) },
	opCertFieldDate:    func(d *decoder) error { return d.certificate("timestamp.", (*decoder).oid) },
	opTrustedCert:      (*decoder).trustedCert,
	opNamedAnchor:      (*decoder).namedAnchor,
	opNamedCode:        (*decoder).namedCode,
	opPlatform:         (*decoder).platform,
}

func (d *decoder) binary(word string, binds, around, depth int) error {
	if binds < around {
		d.out.WriteString("(")
		defer d.out.WriteString(")")
	}
	if err := d.expression(binds, depth+1); err != nil {
		return err
	}
	d.out.WriteString(word)
	return d.expression(binds, depth+1)
}

// unknown handles an opcode of a newer system that says itself how to read it.
func (d *decoder) unknown(op uint32) error {
	if op&(opGenericFalse|opGenericSkip) == 0 {
		return d.fail("operation %d is unknown", op)
	}
	if _, err := d.data(); err != nil {
		return err
	}
	value := "never"
	if op&opGenericSkip != 0 {
		value = "always"
	}
	fmt.Fprintf(&d.out, "%s /* unknown operation %d */", value, op&^uint32(opFlags))
	return nil
}

func (d *decoder) number() (uint32, error) {
	if len(d.blob)-d.at < 4 {
		return 0, d.fail("it ends inside an expression")
	}
	n := be.Uint32(d.blob[d.at:])
	d.at += 4
	return n, nil
}

// data reads a length-prefixed operand, padded with zeros to four bytes.
func (d *decoder) data() ([]byte, error) {
	size, err := d.number()
	if err != nil {
		return nil, err
	}
	padded := (int64(size) + 3) &^ 3
	if padded > int64(len(d.blob)-d.at) {
		return nil, d.fail("an operand of %d bytes reaches past the end", size)
	}
	b := d.blob[d.at : d.at+int(size)]
	d.at += int(padded)
	return b, nil
}

// quoted writes an operand in quotes, or as hexadecimal where it is not text.
func (d *decoder) quoted(before, after string) error {
	b, err := d.data()
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		fmt.Fprintf(&d.out, "0x%x", b)
		return nil
	}
	d.out.WriteString(`"` + before + escape(string(b)) + after + `"`)
	return nil
}

// escape protects the two characters that end or change a quoted string, and
// shows control characters, which the language has no form for, as \x escapes.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (d *decoder) identifier() error {
	d.out.WriteString("identifier ")
	return d.quoted("", "")
}

func (d *decoder) cdHash() error {
	d.out.WriteString("cdhash ")
	return d.hash()
}

func (d *decoder) hash() error {
	b, err := d.data()
	d.out.WriteString(`H"` + hex.EncodeToString(b) + `"`)
	return err
}

func (d *decoder) anchorHash() error {
	if err := d.slot(); err != nil {
		return err
	}
	d.out.WriteString(" = ")
	return d.hash()
}

func (d *decoder) trustedCert() error {
	err := d.slot()
	d.out.WriteString(" trusted")
	return err
}

func (d *decoder) namedAnchor() error {
	d.out.WriteString("anchor apple ")
	return d.quoted("", "")
}

func (d *decoder) namedCode() error {
	d.out.WriteString("(")
	defer d.out.WriteString(")")
	return d.quoted("", "")
}

func (d *decoder) platform() error {
	n, err := d.number()
	fmt.Fprintf(&d.out, "platform = %d", int32(n))
	return err
}

func (d *decoder) infoKeyValue() error {
	d.out.WriteString("info[")
	if err := d.quoted("", ""); err != nil {
		return err
	}
	d.out.WriteString("] = ")
	return d.quoted("", "")
}

// keyed writes NAME["key"] and a match.
func (d *decoder) keyed(name string) error {
	d.out.WriteString(name + "[")
	if err := d.quoted("", ""); err != nil {
		return err
	}
	d.out.WriteString("]")
	return d.match()
}

// certificate writes certificate SLOT[prefix+field] and a match.
func (d *decoder) certificate(prefix string, field func(*decoder) error) error {
	if err := d.slot(); err != nil {
		return err
	}
	d.out.WriteString("[" + prefix)
	if err := field(d); err != nil {
		return err
	}
	d.out.WriteString("]")
	return d.match()
}

// slot writes which certificate of the chain is meant: 0 is the leaf, -1 the
// root.
func (d *decoder) slot() error {
	n, err := d.number()
	switch int32(n) {
	case 0:
		d.out.WriteString("certificate leaf")
	case -1:
		d.out.WriteString("certificate root")
	default:
		d.out.WriteString("certificate " + strconv.Itoa(int(int32(n))))
	}
	return err
}

func (d *decoder) fieldName() error {
	b, err := d.data()
	if utf8.Valid(b) {
		d.out.WriteString(escape(string(b)))
		return err
	}
	fmt.Fprintf(&d.out, "0x%x", b)
	return err
}

// oid writes an object identifier that is stored as the content of its DER form.
func (d *decoder) oid() error {
	b, err := d.data()
	if err != nil {
		return err
	}
	text, ok := oidText(b)
	if !ok {
		text = fmt.Sprintf("0x%x", b)
	}
	d.out.WriteString(text)
	return nil
}

// oidText renders the base-128 numbers of an object identifier (X.690, 8.19).
func oidText(b []byte) (string, bool) {
	var parts []string
	var n uint64
	for i, c := range b {
		if n > math.MaxUint64>>7 {
			return "", false
		}
		n = n<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			if i == len(b)-1 {
				return "", false
			}
			continue
		}
		if parts == nil { // the first number holds two
			first := min(n/40, 2)
			parts, n = append(parts, strconv.FormatUint(first, 10)), n-40*first
		}
		parts, n = append(parts, strconv.FormatUint(n, 10)), 0
	}
	return strings.Join(parts, "."), parts != nil
}

// comparisons are the match operations with a quoted operand: what stands
// before the operand, and what before and after its text.
var comparisons = map[uint32][3]string{
	matchEqual: {" = "}, matchContains: {" = ", "*", "*"}, matchBeginsWith: {" = ", "", "*"}, matchEndsWith: {" = ", "*", ""},
	matchLessThan: {" < "}, matchGreaterThan: {" > "}, matchLessEqual: {" <= "}, matchGreaterEqual: {" >= "},
}

// dates are the match operations with a date as operand.
var dates = map[uint32]string{
	matchOn: " = ", matchBefore: " < ", matchAfter: " > ", matchOnOrBefore: " <= ", matchOnOrAfter: " >= ",
}

// match writes a match operation and its operand.
func (d *decoder) match() error {
	op, err := d.number()
	if err != nil {
		return err
	}
	if c, ok := comparisons[op]; ok {
		d.out.WriteString(c[0])
		return d.quoted(c[1], c[2])
	}
	if word, ok := dates[op]; ok {
		d.out.WriteString(word)
		return d.date()
	}
	switch op {
	case matchExists:
		d.out.WriteString(" exists")
	case matchAbsent:
		d.out.WriteString(" absent")
	default:
		return d.fail("match operation %d is unknown", op)
	}
	return nil
}

// date writes a 64-bit count of seconds since 2001 as a timestamp.
func (d *decoder) date() error {
	high, err := d.number()
	if err != nil {
		return err
	}
	low, err := d.number()
	seconds := int64(uint64(high)<<32 | uint64(low))
	const year10000 = 252423993600 // seconds from 2001; a later date has no form with four digits
	if seconds < 0 || seconds > year10000 {
		fmt.Fprintf(&d.out, "timestamp %d", seconds)
		return err
	}
	fmt.Fprintf(&d.out, "timestamp %q", epoch.AddDate(0, 0, int(seconds/86400)).
		Add(time.Duration(seconds%86400)*time.Second).Format("20060102150405Z"))
	return err
}
