package secitem

import (
	"encoding/binary"
	"fmt"
)

// AuditToken names a process with its users, as the kernel gives it out
// (bsm/audit.h, audit_token_t): eight numbers in the byte order of the machine.
// No other process has the same one, nor has the same process once it has become
// another program: the last number then changes.
type AuditToken [32]byte

// Places in an audit token (libbsm, audit_token_to_au32).
const (
	tokenUser    = 1 // effective
	tokenPID     = 5
	tokenVersion = 7
)

// NewAuditToken makes a token of its numbers.
func NewAuditToken(numbers [8]uint32) (t AuditToken) {
	for i, n := range numbers {
		binary.NativeEndian.PutUint32(t[4*i:], n)
	}
	return t
}

func (t AuditToken) number(i int) uint32 { return binary.NativeEndian.Uint32(t[4*i:]) }

// UID is the effective user of the process.
func (t AuditToken) UID() int { return int(t.number(tokenUser)) }

// PID is the number of the process.
func (t AuditToken) PID() int { return int(t.number(tokenPID)) }

// Version tells apart what has or had the number: every program that a process
// becomes has its own.
func (t AuditToken) Version() uint32 { return t.number(tokenVersion) }

func (t AuditToken) String() string {
	return fmt.Sprintf("process %d, version %d", t.PID(), t.Version())
}

// Code is what another running program's signature says, before it was checked,
// and what the kernel says of the program.
type Code struct {
	Identity
	// Entitlements are the values of the signature, as Self.Entitlement has them.
	Entitlements map[string]any
}

// Guests looks at the code of other running programs. It touches no keychain and
// asks nobody.
//
// Both functions give ErrCodeNoSuchCode for a token whose process has ended or
// become another program.
type Guests interface {
	// Guest returns what is known of a program's code. ErrCodeUnsigned: it has no
	// signature.
	Guest(t AuditToken) (Code, error)

	// Meets checks that the running program is what was signed, and that it meets a
	// requirement, in the language of csreq(1).
	//
	// ErrCodeUnsigned: it has no signature. ErrCodeRequirement: it is another
	// program than required. Other statuses: its signature does not hold, or the
	// requirement is none.
	Meets(t AuditToken, requirement string) error
}

// Names of entitlements that open a program to other code (hardened runtime).
const (
	EntitlementGetTaskAllow      = "com.apple.security.get-task-allow"
	EntitlementDyldVariables     = "com.apple.security.cs.allow-dyld-environment-variables"
	EntitlementLibraryValidation = "com.apple.security.cs.disable-library-validation"
)
