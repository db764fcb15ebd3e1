package keychain

import (
	"context"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/store"
)

// Examination is what a program can say about itself and both keychains without
// reading a value and without asking anybody.
type Examination struct {
	// Identifier and Team are of the program's own signature; empty without one.
	Identifier, Team string
	// Groups are the access groups that the signature claims, as it spells them.
	Groups []string
	// Validated: the system takes the program's word for what it claims beyond
	// access groups. It is advice, not proof.
	Validated bool
	// ProgramErr says why the program could not be examined.
	ProgramErr error

	// Group is the family's access group, and GroupErr why it is not to be had.
	Group    string
	GroupErr error
	// SharedErr says why the shared keychain does not answer; nil if it does, or
	// was not asked for want of a group.
	SharedErr error

	// Login is the path of the login keychain, LoginErr what is wrong with it.
	Login         string
	LoginUnlocked bool
	LoginErr      error
	// Attended: there is a screen on which somebody could be asked.
	Attended bool
}

// Examine looks at the program and at both keychains for a family. The error says
// that this is no Mac, or one whose frameworks cannot be called.
func Examine(ctx context.Context, o Options, family store.Family) (Examination, error) {
	program, err := o.program()
	if err != nil {
		return Examination{}, err
	}
	var e Examination
	e.examineProgram(program)
	if e.Group, e.GroupErr = groupOf(program, family); e.GroupErr == nil {
		k := &keychain{program: program, group: e.Group, options: o}
		_, e.SharedErr = k.List(ctx, family.Service)
	}
	state, err := mac.Do(ctx, program, store.Key{}, mac.Reading, program.LoginKeychain)
	e.Login, e.LoginUnlocked, e.LoginErr = state.Path, state.Unlocked, mac.Failure(err)
	e.Attended, err = program.Graphic()
	if err != nil {
		e.Attended = false // nobody is asked where it cannot be told
	}
	return e, nil
}

func (e *Examination) examineProgram(self secitem.Self) {
	claim, err := self.Entitlement(secitem.EntitlementAccessGroups)
	if err == nil {
		var id secitem.Identity
		id, err = self.Identity()
		e.Identifier, e.Team, e.Validated = id.Identifier, id.Team, id.Validated()
	}
	e.Groups, e.ProgramErr = secitem.Strings(claim), mac.Failure(err)
}
