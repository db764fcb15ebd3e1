package emulator

import (
	"testing"

	"github.com/kinring/kinring/internal/secitem"
	. "github.com/kinring/kinring/internal/secitem/secitemtest"
)

var dataProtectionStates = []tableRow{
	{id: "4", name: "Copy without any group", program: noGroups(),
		call: func(s stage) error { return s.Status(AnyGroup().Dict()) }, want: secitem.ErrMissingEntitlement},
	{id: "22", name: "Copy of a locked class", before: func(s stage) { s.Make(Item(), "one"); s.mac.SetDevice(ScreenLocked) },
		call: func(s stage) error { return s.Status(Data(Item()).Dict()) }, want: secitem.ErrInteractionNotAllowed},
	{id: "22", name: "Add of a locked class", before: func(s stage) { s.mac.SetDevice(ScreenLocked) },
		call: func(s stage) error { return s.Add(Item().Dict()) }, want: secitem.ErrInteractionNotAllowed},
	{id: "22", name: "after the first unlock the screen may be locked", before: func(s stage) {
		s.Make(Item(), "one", "pdmn", secitem.AccessibleAfterFirstUnlockThisDevice)
		s.mac.SetDevice(ScreenLocked)
	}, call: func(s stage) error { return s.Status(Data(Item()).Dict()) }},
	{id: "22", name: "before the first unlock nothing opens", before: func(s stage) {
		s.Make(Item(), "one", "pdmn", secitem.AccessibleAfterFirstUnlockThisDevice)
		s.mac.SetDevice(BeforeFirstUnlock)
	}, call: func(s stage) error { return s.Update(Item().Dict(), Value("new")) }, want: secitem.ErrInteractionNotAllowed},
	{id: "23", name: "no service", before: func(s stage) { s.mac.SetService(false) },
		call: func(s stage) error { return s.Same(Item().Dict()) }, want: secitem.ErrNotAvailable},
	{id: "24", name: "Copy skips what is corrupt", before: func(s stage) { Two(s.Stage); s.mac.Damage("svc", "acc") },
		call:  func(s stage) error { return s.Status(Item().Dict()) },
		want:  secitem.ErrItemNotFound,
		after: func(s stage) { s.holds("one two", "") }},
	{id: "24", name: "Update removes what is corrupt", before: func(s stage) { Two(s.Stage); s.mac.Damage("svc", "acc") },
		call:  func(s stage) error { return s.Update(Item().Dict(), Value("new")) },
		want:  secitem.ErrItemNotFound,
		after: func(s stage) { s.holds("two", "") }},
}

func TestDataProtectionStates(t *testing.T) {
	covers(t, DataProtection, dataProtectionStates, numbers(1, 24)...)
	run(t, dataProtectionStates)
}

// older makes an item by another program, so that reading it has to ask.
func older(s stage) {
	s.Helper()
	p := Program{Name: "older", Identifier: "com.example.older", Team: "TEAM000009", Attended: true}
	on(s.TB, s.mac, p).Make(LoginItem(), "old")
}

// ssh returns the program in a session without a screen.
func ssh(p Program) Program { p.Attended = false; return p }

var loginStates = []tableRow{
	{id: "32", name: "attributes never ask", before: func(s stage) { older(s); s.mac.SetLoginLocked(true) },
		call:  func(s stage) error { return s.Status(But(LoginItem(), "r_Attributes", true)) },
		after: func(s stage) { s.prompted(0) }},
	{id: "34", name: "another program's value, allowed once", before: func(s stage) { older(s); s.mac.SetAnswer(Script(Allow, Allow)) },
		call: func(s stage) error {
			s.Finds(Data(LoginItem()).Dict(), "old")
			s.Finds(Data(LoginItem()).Dict(), "old")
			return nil
		},
		after: func(s stage) { s.prompted(2) }},
	{id: "34", name: "another program's value, allowed for good", before: func(s stage) { older(s); s.mac.SetAnswer(Script(AlwaysAllow)) },
		call: func(s stage) error {
			s.Finds(Data(LoginItem()).Dict(), "old")
			s.Finds(Data(LoginItem()).Dict(), "old")
			return nil
		},
		after: func(s stage) { s.prompted(1) }},
	{id: "34", name: "another program's value, denied", before: func(s stage) { older(s) },
		call: func(s stage) error { return s.Status(Data(LoginItem()).Dict()) }, want: secitem.ErrUserCanceled,
		after: func(s stage) { s.prompted(1) }},
	{id: "35", name: "asking is switched off", before: func(s stage) { older(s); _, _ = s.SetInteraction(false) },
		call: func(s stage) error { return s.Status(Data(LoginItem()).Dict()) }, want: secitem.ErrAuthFailed,
		after: func(s stage) { s.prompted(0) }},
	{id: "36", name: "no screen", program: ssh(entitledProgram()), before: older,
		call: func(s stage) error { return s.Status(Data(LoginItem()).Dict()) }, want: secitem.ErrInteractionNotAllowed},
	{id: "36", name: "locked, and no screen", program: ssh(entitledProgram()), before: func(s stage) { s.Make(LoginItem(), "one"); s.mac.SetLoginLocked(true) },
		call: func(s stage) error { return s.Status(Data(LoginItem()).Dict()) }, want: secitem.ErrInteractionNotAllowed},
	{id: "37", name: "locked, and asking is switched off", before: func(s stage) {
		s.Make(LoginItem(), "one")
		s.mac.SetLoginLocked(true)
		_, _ = s.SetInteraction(false)
	}, call: func(s stage) error { return s.Status(Data(LoginItem()).Dict()) }, want: secitem.ErrAuthFailed},
	{id: "41", name: "anybody may overwrite a value", before: older,
		call:  func(s stage) error { return s.Update(LoginItem().Dict(), Value("new")) },
		after: func(s stage) { s.holds("", "new"); s.prompted(0) }},
}

func TestLoginStates(t *testing.T) {
	covers(t, Login, loginStates, numbers(30, 41)...)
	run(t, loginStates)
}
