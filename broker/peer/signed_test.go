package peer

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
)

// script stands in for a Mac's kernel and its code checking: a double, which knows
// one program, by the token first, and answers each question for the token with
// the next of its tokens, the last one for ever.
type script struct {
	user   int
	tokens []secitem.AuditToken
	gone   bool // the process has ended
	code   secitem.Code
	failed error // what asking for the code gives
	unmet  error // what checking it gives
	asked  []string
}

func (s *script) UID() (int, error) { return s.user, nil }

func (s *script) Token() (secitem.AuditToken, error) {
	if s.gone {
		return secitem.AuditToken{}, syscall.EINVAL
	}
	t := s.tokens[0]
	if len(s.tokens) > 1 {
		s.tokens = s.tokens[1:]
	}
	return t, nil
}

func (s *script) Guest(t secitem.AuditToken) (secitem.Code, error) {
	if t != first {
		return secitem.Code{}, secitem.ErrCodeNoSuchCode
	}
	return s.code, s.failed
}

func (s *script) Meets(t secitem.AuditToken, requirement string) error {
	s.asked = append(s.asked, requirement)
	if t != first {
		return secitem.ErrCodeNoSuchCode
	}
	return s.unmet
}

// token is process 42 as a version of itself.
func token(uid, pid, version uint32) secitem.AuditToken {
	return secitem.NewAuditToken([8]uint32{uid, uid, 20, uid, 20, pid, 100, version})
}

var (
	first   = token(501, 42, 7)
	execed  = token(501, 42, 8)
	another = token(501, 43, 7)
)

// good is a program that nothing is wrong with.
func good() *script {
	return &script{user: 501, tokens: []secitem.AuditToken{first}, code: secitem.Code{Identity: secitem.Identity{
		Identifier: "com.example.helper", Team: "TEAM000001", Flags: secitem.CodeRuntime, Status: secitem.CodeValid | secitem.CodeKill}}}
}

func (s *script) peer() (Peer, error) {
	return identify(s, s, func(pid int) string { return "/Applications/Example.app/helper" })
}

// TestSigned: a program that its code proves has a team and an identifier.
func TestSigned(t *testing.T) {
	s := good()
	p, err := s.peer()
	if err != nil {
		t.Fatal(err)
	}
	want := Identity{UID: 501, PID: 42, Started: "7", Label: "/Applications/Example.app/helper", Team: "TEAM000001", Identifier: "com.example.helper"}
	if p.Identity() != want {
		t.Errorf("it is %+v, want %+v", p.Identity(), want)
	}
	if !p.Proves() || p.Prove() != nil || p.Check() != nil || p.Close() != nil {
		t.Errorf("it does not hold: %v, %v", p.Prove(), p.Check())
	}
	for _, part := range []string{"anchor apple generic", `identifier "com.example.helper"`, `certificate leaf[subject.OU] = "TEAM000001"`} {
		if len(s.asked) == 0 || !strings.Contains(s.asked[0], part) {
			t.Errorf("the requirements %q lack %q", s.asked, part)
		}
	}
}

// TestUnproven: whatever a program's code does not prove leaves it without a
// signature, and says why; it is still a program of its user.
func TestUnproven(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*script)
		why    string
	}{
		"unsigned":                {func(s *script) { s.failed = secitem.ErrCodeUnsigned }, "not signed"},
		"signed by the linker":    {func(s *script) { s.code.Team = "" }, "no team"},
		"another program":         {func(s *script) { s.unmet = secitem.ErrCodeRequirement }, "not the one that is required"},
		"changed since":           {func(s *script) { s.unmet = secitem.ErrCodeSignature }, "not what was signed"},
		"no hardened runtime":     {func(s *script) { s.code.Flags = 0 }, "hardened runtime"},
		"invalid":                 {func(s *script) { s.code.Status = 0 }, "vouch"},
		"being debugged":          {func(s *script) { s.code.Status |= secitem.CodeDebugged }, "debugged"},
		"may be debugged":         {func(s *script) { s.code.Status |= secitem.CodeGetTaskAllow }, "debuggers"},
		"entitled to be debugged": {func(s *script) { s.entitle(secitem.EntitlementGetTaskAllow, true) }, "debuggers"},
		"entitled to DYLD_":       {func(s *script) { s.entitle(secitem.EntitlementDyldVariables, true) }, "environment"},
		"foreign libraries":       {func(s *script) { s.entitle(secitem.EntitlementLibraryValidation, true) }, "libraries"},
		"an entitlement that is no flag": {func(s *script) { s.entitle(secitem.EntitlementLibraryValidation, int64(1)) },
			"libraries"},
		"quotes in the identifier": {func(s *script) { s.code.Identifier = `x" or identifier "com.apple.ls` }, "characters"},
		"a pattern as identifier":  {func(s *script) { s.code.Identifier = "*" }, "characters"},
		"a slash in the team":      {func(s *script) { s.code.Team = "TEAM000001/x" }, "is none"},
		"a team that is too long":  {func(s *script) { s.code.Team = "TEAM0000010" }, "is none"},
		"another user since":       {func(s *script) { s.user = 0 }, "another user"},
	} {
		s := good()
		c.change(s)
		p, err := s.peer()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		id := p.Identity()
		if id.Team != "" || id.Identifier != "" || !strings.Contains(id.Unproven, c.why) || id.UID != s.user || id.PID != 42 {
			t.Errorf("%s: it is %+v", name, id)
		}
		if err := p.Prove(); err != nil {
			t.Errorf("%s: it is still there: %v", name, err)
		}
	}
}

func (s *script) entitle(name string, value any) { s.code.Entitlements = map[string]any{name: value} }

// TestEntitlementsThatAreOff: one that is there and false opens nothing.
func TestEntitlementsThatAreOff(t *testing.T) {
	s := good()
	s.code.Entitlements = map[string]any{secitem.EntitlementGetTaskAllow: false, secitem.EntitlementDyldVariables: false, "com.apple.security.cs.allow-jit": true}
	if p, err := s.peer(); err != nil || p.Identity().Team == "" {
		t.Errorf("it is %+v, %v", p, err)
	}
}

// TestBecameAnotherOnMac: whoever changes under the open connection is gone: by
// exec, which keeps the process's number; by handing the connection on; by ending;
// and each of it at each moment at which the token is read.
func TestBecameAnotherOnMac(t *testing.T) {
	for name, later := range map[string]secitem.AuditToken{"exec": execed, "handed on": another, "another user": token(0, 42, 7)} {
		for at := 1; at <= 3; at++ {
			s := good()
			s.tokens = nil
			for range at {
				s.tokens = append(s.tokens, first)
			}
			s.tokens = append(s.tokens, later)
			p, err := s.peer()
			if err == nil {
				err = p.Prove()
			}
			if !errors.Is(err, ErrGone) {
				t.Errorf("%s after the token was read %d times: %v", name, at, err)
			}
		}
	}
	s := good()
	p, err := s.peer()
	if err != nil {
		t.Fatal(err)
	}
	s.gone = true
	if err := p.Check(); !errors.Is(err, ErrGone) {
		t.Errorf("ended: %v", err)
	}
}

// TestBecameTrusted: a program that proved nothing when it connected, and has
// become one that would, gets nothing from it.
func TestBecameTrusted(t *testing.T) {
	s := good()
	s.failed = secitem.ErrCodeUnsigned
	p, err := s.peer()
	if err != nil {
		t.Fatal(err)
	}
	s.failed, s.tokens = nil, []secitem.AuditToken{execed}
	if err := p.Prove(); !errors.Is(err, ErrGone) || p.Identity().Team != "" {
		t.Errorf("%v, it is %+v", err, p.Identity())
	}
}

// TestCodeLost: a signature that does not hold any more, or is another's, when the
// nonce has come back.
func TestCodeLost(t *testing.T) {
	for name, change := range map[string]func(*script){
		"no longer valid": func(s *script) { s.unmet = secitem.ErrCodeSignature },
		"debugged since":  func(s *script) { s.code.Status |= secitem.CodeDebugged },
		"another team":    func(s *script) { s.code.Team = "TEAM000002" },
		"another program": func(s *script) { s.code.Identifier = "com.example.other" },
	} {
		s := good()
		p, err := s.peer()
		if err != nil {
			t.Fatal(err)
		}
		change(s)
		if err := p.Prove(); !errors.Is(err, ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRequirement: whatever a signature calls itself, it stays within its quotes.
func FuzzRequirement(f *testing.F) {
	f.Add("TEAM000001", "com.example.app")
	f.Add("TEAM000001", `x" or anchor apple or identifier "y`)
	f.Add(`A" or anchor`, "com.example.app")
	f.Fuzz(func(t *testing.T, team, identifier string) {
		got, err := Requirement(team, identifier)
		if err != nil {
			return
		}
		if strings.ContainsAny(team+identifier, `"\*/`+"\n") || strings.Count(got, `"`) != 4 ||
			!strings.Contains(got, `identifier "`+identifier+`"`) || !strings.Contains(got, `= "`+team+`"`) {
			t.Errorf("%q and %q give %s", team, identifier, got)
		}
	})
}
