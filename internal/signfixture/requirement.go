package signfixture

import (
	"encoding/asn1"
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte"
)

// Opcodes and match operations of the code requirement language, from Apple's
// published requirement.h.
const (
	opIdent       = 2
	opAnd         = 6
	opCertField   = 11
	opCertGeneric = 14
	opAppleAnchor = 15 // "anchor apple generic"
	matchExists   = 0
	matchEqual    = 1
	kindExpr      = 1
	designated    = 3
	leafSlot      = 0
)

// DeveloperIDRequirement is the designated requirement that codesign writes for
// Developer ID code, in binary form: identifier, Apple anchor, the two marker
// extensions and the team in the leaf's organizational unit.
func DeveloperIDRequirement(identifier, team string) []byte {
	e := expression{}
	e.op(opAnd).op(opAnd).op(opAnd).op(opAnd)
	e.op(opIdent).str(identifier)
	e.op(opAppleAnchor)
	e.op(opCertGeneric).u32(1).oid(MarkDeveloperIDCA).u32(matchExists)
	e.op(opCertGeneric).u32(leafSlot).oid(MarkDeveloperID).u32(matchExists)
	e.op(opCertField).u32(leafSlot).str("subject.OU").u32(matchEqual).str(team)
	return requirementSet(e.bytes)
}

// requirementSet wraps one expression as a set with a designated requirement.
func requirementSet(expr []byte) []byte {
	be := binary.BigEndian
	requirement := blob(magicRequirement, append(be.AppendUint32(nil, kindExpr), expr...))
	body := be.AppendUint32(nil, 1)
	body = be.AppendUint32(body, designated)
	body = be.AppendUint32(body, 20) // magic, length, count, type, offset
	return blob(magicRequirements, append(body, requirement...))
}

// expression is a prefix-order requirement in the making.
type expression struct{ bytes []byte }

func (e *expression) u32(n uint32) *expression {
	e.bytes = binary.BigEndian.AppendUint32(e.bytes, n)
	return e
}

func (e *expression) op(code uint32) *expression { return e.u32(code) }

// str appends a counted string, zero-padded to four bytes.
func (e *expression) str(s string) *expression {
	e.u32(uint32(len(s)))
	e.bytes = append(e.bytes, s...)
	e.bytes = append(e.bytes, make([]byte, (4-len(s)%4)%4)...)
	return e
}

// oid appends the content octets of an object identifier as a counted string.
func (e *expression) oid(id asn1.ObjectIdentifier) *expression {
	der := must(build(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(id) }))
	return e.str(string(setContent(der)))
}
