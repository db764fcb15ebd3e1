package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/kinring/kinring/internal/secitem"
)

// Program is a program as it is signed and started.
type Program struct {
	// Name tells it apart in prompts.
	Name string
	// Identifier is its code-signing identifier, Team the team that signed it.
	// Without a team it is signed ad hoc, and every Build is another program to
	// the login keychain.
	Identifier, Team, Build string
	// Apple is for programs that come with the system: the partition they are in,
	// for example "apple-tool:" for the security command.
	Apple string
	// Entitlements are what the signature claims: string, bool, int64 or []string
	// each, or []any.
	Entitlements map[string]any
	// Validated: the system found the claims covered by a profile. Without it
	// only keychain-access-groups counts.
	Validated bool
	// Attended: there is a screen, and somebody in front of it.
	Attended bool
}

// SecurityTool is /usr/bin/security, run by an attended user.
func SecurityTool() Program {
	return Program{Name: "security", Identifier: "com.apple.security", Apple: "apple-tool:", Attended: true}
}

func (p Program) cdhash() []byte {
	h := sha256.Sum256([]byte(p.Name + "\x00" + p.Identifier + "\x00" + p.Team + "\x00" + p.Build))
	return h[:20]
}

// partition is where the login keychain's items of this program belong.
func (p Program) partition() string {
	switch {
	case p.Apple != "":
		return p.Apple
	case p.Team != "":
		return "teamid:" + p.Team
	}
	return "cdhash:" + hex.EncodeToString(p.cdhash())
}

// requirement is what another build must satisfy to be the same program.
func (p Program) requirement() string {
	if p.Team == "" && p.Apple == "" {
		return "cdhash " + hex.EncodeToString(p.cdhash())
	}
	return fmt.Sprintf("identifier %q, team %q", p.Identifier, p.Team)
}

// groups returns the access groups that the system gives the program, in its
// order: the first one is where an item without a group lands.
func (p Program) groups() []string {
	claim := func(name string) any { return normal(p.Entitlements[name]) }
	groups := secitem.Strings(claim(secitem.EntitlementAccessGroups))
	appID, ok := claim(secitem.EntitlementApplicationIDOld).(string)
	if !ok {
		appID, _ = claim(secitem.EntitlementApplicationID).(string)
	}
	if p.Validated {
		groups = append(groups, secitem.Strings(claim(secitem.EntitlementAssociatedIDs))...)
		if appID != "" {
			groups = append(groups, appID)
		}
		groups = append(groups, secitem.Strings(claim(secitem.EntitlementApplicationGroups))...)
	}
	if len(groups) == 0 && appID != "" {
		return nil
	}
	groups = slices.DeleteFunc(groups, func(g string) bool { return g == secitem.TokenGroup })
	return append(groups, secitem.TokenGroup)
}

// normal returns an entitlement in the types that secitem.Self gives.
func normal(v any) any {
	switch v := v.(type) {
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out
	case int:
		return int64(v)
	}
	return v
}

// Process is a running program. It implements secitem.Mac.
type Process struct {
	mac         *Mac
	program     Program
	read, write []string
	interaction bool
	calls       int
}

var _ secitem.Mac = (*Process)(nil)

// Run starts a program.
func (m *Mac) Run(p Program) *Process {
	groups := p.groups()
	writable := slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return g == secitem.TokenGroup })
	return &Process{mac: m, program: p, read: groups, write: writable, interaction: true}
}

// Calls returns how many SecItem calls the process has made.
func (p *Process) Calls() int {
	p.mac.mu.Lock()
	defer p.mac.mu.Unlock()
	return p.calls
}

// Entitlement is SecTaskCopyValueForEntitlement.
func (p *Process) Entitlement(name string) (any, error) {
	return normal(p.program.Entitlements[name]), nil
}

// Identity is SecCodeCopySigningInformation and csops.
func (p *Process) Identity() (secitem.Identity, error) {
	id := secitem.Identity{Identifier: p.program.Identifier, Team: p.program.Team, CDHash: p.program.cdhash(), Status: secitem.CodeValid}
	if p.program.Team == "" {
		id.Flags |= secitem.CodeAdHoc
	} else {
		id.Flags |= secitem.CodeRuntime
	}
	if p.program.Validated {
		id.Status |= secitem.CodeKill | secitem.CodeEntitlementsValidated
	}
	return id, nil
}

// Graphic is SessionGetInfo.
func (p *Process) Graphic() (bool, error) { return p.program.Attended, nil }

// LoginKeychain is SecKeychainCopyDefault and SecKeychainGetStatus.
func (p *Process) LoginKeychain() (secitem.KeychainState, error) {
	p.mac.mu.Lock()
	defer p.mac.mu.Unlock()
	k := p.mac.keychains[0]
	if k.missing {
		return secitem.KeychainState{}, secitem.ErrNoSuchKeychain
	}
	return secitem.KeychainState{Path: k.path, Unlocked: !k.locked, Readable: true, Writable: true}, nil
}

// SetInteraction is SecKeychainSetUserInteractionAllowed.
func (p *Process) SetInteraction(allowed bool) (before bool, err error) {
	p.mac.mu.Lock()
	defer p.mac.mu.Unlock()
	before, p.interaction = p.interaction, allowed
	return before, nil
}
