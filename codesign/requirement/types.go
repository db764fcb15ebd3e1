// Package requirement turns the compiled code requirements of a signature back
// into the text of Apple's requirement language.
//
// Format: Apple's published "Code Signing Requirement Language" for the text;
// the opcodes as numbered in Apple's published requirement headers.
package requirement

import "fmt"

// Type says what a requirement of a set is for.
type Type uint32

// The types of requirements.
const (
	Host       Type = 1
	Guest      Type = 2
	Designated Type = 3
	Library    Type = 4
	Plugin     Type = 5
)

var typeNames = map[Type]string{Host: "host", Guest: "guest", Designated: "designated", Library: "library", Plugin: "plugin"}

// String returns the type's name as the requirement language writes it.
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("type-%d", uint32(t))
}

// Requirement is one requirement of a set.
type Requirement struct {
	Type Type
	Text string // in the requirement language
	Raw  []byte // the compiled form, with its header
}
