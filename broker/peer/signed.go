package peer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kinring/kinring/internal/secitem"
)

// ends is what the kernel says of the other end of a macOS socket.
type ends interface {
	// UID is the user who connected, or who began to listen: LOCAL_PEERCRED.
	UID() (int, error)
	// Token is the audit token of the process that used the other end last, as that
	// process is now: LOCAL_PEERTOKEN.
	Token() (secitem.AuditToken, error)
}

// signed is a peer on macOS. A process can connect and then become another
// program, which the system trusts, with the connection still open; a number can
// go to another process; and a connection can be handed on. So the audit token,
// which changes with all of that, is read when the connection is made, and again
// after each message; the code is looked at by the token and by nothing less.
type signed struct {
	ends  ends
	codes secitem.Guests
	first secitem.AuditToken
	id    Identity
}

// identify is who is at the other end. A program whose code proves nothing is an
// identity without a signature.
func identify(e ends, codes secitem.Guests, label func(pid int) string) (Peer, error) {
	uid, err := e.UID()
	if err != nil {
		return nil, fmt.Errorf("asking who connected: %w", err)
	}
	first, err := e.Token()
	if err != nil {
		return nil, fmt.Errorf("asking which program connected: %w", err)
	}
	p := &signed{ends: e, codes: codes, first: first}
	p.id = Identity{UID: uid, PID: first.PID(), Started: strconv.FormatUint(uint64(first.Version()), 10), Label: label(first.PID())}
	if first.UID() != uid {
		p.id.Unproven = "it runs as another user than connected"
	} else if p.id.Team, p.id.Identifier, err = p.signature(); err != nil {
		p.id.Unproven = err.Error()
	}
	if err := p.Check(); err != nil { // what was found out may be another one's
		return nil, err
	}
	return p, nil
}

func (p *signed) Identity() Identity { return p.id }

// Proves is true: whom the system trusts is a program, and a process can become
// another one.
func (*signed) Proves() bool { return true }

func (*signed) Close() error { return nil }

func (p *signed) Check() error {
	now, err := p.ends.Token()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	if now != p.first {
		return fmt.Errorf("%w: it was %v and is %v", ErrGone, p.first, now)
	}
	return nil
}

func (p *signed) Prove() error {
	if err := p.Check(); err != nil {
		return err
	}
	if p.id.Team == "" {
		return nil // nothing was proven that could have changed
	}
	team, identifier, err := p.signature()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	if team != p.id.Team || identifier != p.id.Identifier {
		return ErrGone
	}
	return p.Check()
}

// signature returns the team and identifier that the program's code proves.
func (p *signed) signature() (team, identifier string, err error) {
	code, err := p.codes.Guest(p.first)
	if err != nil {
		return "", "", err
	}
	requirement, err := Requirement(code.Team, code.Identifier)
	if err != nil {
		return "", "", err
	}
	if err := p.codes.Meets(p.first, requirement); err != nil {
		return "", "", err
	}
	if why := weakness(code); why != "" {
		return "", "", errors.New(why)
	}
	return code.Team, code.Identifier, nil
}

// maxIdentifier is the longest identifier, in bytes, that is taken for one.
const maxIdentifier = 255

// Requirement is what the code of a program has to meet to be taken for this one:
// signed for the Mac App Store, or with a Developer ID, by the team. It is the
// designated requirement that codesign gives such programs (TN3127), so that no
// development certificate will do, nor a signature without one.
func Requirement(team, identifier string) (string, error) {
	switch {
	case team == "":
		return "", errors.New("no team signed it")
	// Other characters could end the quotes of the requirement, or look like a
	// pattern of a grant.
	case !secitem.IsTeam(team):
		return "", fmt.Errorf("its team %q is none", team)
	case !secitem.IsName(identifier) || len(identifier) > maxIdentifier:
		return "", fmt.Errorf("its identifier %q has characters that identifiers do not have", identifier)
	}
	return `anchor apple generic and identifier "` + identifier + `"` +
		` and certificate leaf[subject.OU] = "` + team + `"` +
		` and (certificate leaf[field.1.2.840.113635.100.6.1.9] exists` + // Mac App Store
		` or certificate 1[field.1.2.840.113635.100.6.2.6] exists` + // Developer ID's authority
		` and certificate leaf[field.1.2.840.113635.100.6.1.13] exists)`, nil // Developer ID Application
}

// opens are entitlements that let other code into a program.
var opens = []struct{ entitlement, why string }{
	{secitem.EntitlementGetTaskAllow, "debuggers may attach to it"},
	{secitem.EntitlementDyldVariables, "variables of its environment may load code into it"},
	{secitem.EntitlementLibraryValidation, "it loads libraries that others have signed"},
}

// weakness says why a program that is what was signed may still run somebody
// else's code; empty if it may not.
func weakness(code secitem.Code) string {
	var why []string
	if code.Flags&secitem.CodeRuntime == 0 {
		why = append(why, "it is not under the hardened runtime")
	}
	if code.Status&secitem.CodeValid == 0 {
		why = append(why, "the kernel does not vouch for it")
	}
	if code.Status&secitem.CodeDebugged != 0 {
		why = append(why, "it is being debugged")
	}
	for _, o := range opens {
		allowed := code.Entitlements[o.entitlement]
		// Anything but a plain no is taken for a yes.
		if set, isBool := allowed.(bool); allowed != nil && (!isBool || set) {
			why = append(why, o.why)
		}
	}
	if code.Status&secitem.CodeGetTaskAllow != 0 && code.Entitlements[secitem.EntitlementGetTaskAllow] == nil {
		why = append(why, opens[0].why)
	}
	return strings.Join(why, "; ")
}
