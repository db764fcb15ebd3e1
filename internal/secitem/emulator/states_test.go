package emulator

import (
	"testing"

	"github.com/kinring/kinring/internal/secitem"
)

// all returns the four functions with the same query.
func (s stage) all(d secitem.Dict) map[string]error {
	add := secitem.Dict{secitem.KeyValueData: []byte("v")}
	for k, v := range d {
		add[k] = v
	}
	return map[string]error{"Add": s.Add(add), "CopyMatching": s.status(d), "Update": s.Update(d, value("w")), "Delete": s.Delete(d)}
}

// same returns the one status that all functions gave, or fails.
func (s stage) same(d secitem.Dict) error {
	s.Helper()
	errs := s.all(d)
	for name, err := range errs {
		if err != errs["Add"] {
			s.Fatalf("%s says %v, Add says %v", name, err, errs["Add"])
		}
	}
	return errs["Add"]
}

func (s stage) two() {
	s.make(dp(), "one")
	s.make(secitem.Query{AccessGroup: other, Service: "svc", Account: "acc"}, "two")
}

// inGroups is a query that names no group.
func inGroups() secitem.Query { q := dp(); q.AccessGroup = ""; return q }

var dataProtectionStates = []tableRow{
	{id: "1", name: "no class", call: func(s stage) error { return s.same(but(dp(), "class", nil)) }, want: secitem.ErrParam},
	{id: "2", name: "unknown class", call: func(s stage) error { return s.same(but(dp(), "class", "zzzz")) }, want: secitem.ErrNoSuchClass},
	{id: "3", name: "unknown attribute", call: func(s stage) error { return s.same(but(dp(), "abcd", "x")) }, want: secitem.ErrNoSuchAttr},
	{id: "4", name: "Copy without any group", program: noGroups(),
		call: func(s stage) error { return s.status(inGroups().Dict()) }, want: secitem.ErrMissingEntitlement},
	{id: "5", name: "Add with nothing to write to", program: unentitled(),
		call: func(s stage) error { return s.Add(but(inGroups(), "class", nil)) }, want: secitem.ErrMissingEntitlement},
	{id: "5", name: "Update with nothing to write to", program: unentitled(),
		call: func(s stage) error { return s.Update(but(inGroups(), "class", "zzzz"), value("")) }, want: secitem.ErrMissingEntitlement},
	{id: "5", name: "Delete with nothing to write to", program: unentitled(),
		call: func(s stage) error { return s.Delete(but(inGroups(), "abcd", "x")) }, want: secitem.ErrMissingEntitlement},
	{id: "6", name: "Copy in a foreign group", call: func(s stage) error { return s.status(but(dp(), "agrp", "X.y", "abcd", "z")) }, want: secitem.ErrMissingEntitlement},
	{id: "6", name: "Update in a foreign group", call: func(s stage) error { return s.Update(but(dp(), "agrp", "X.y"), value("")) }, want: secitem.ErrMissingEntitlement},
	{id: "6", name: "Delete in a foreign group", call: func(s stage) error { return s.Delete(but(dp(), "agrp", "X.y")) }, want: secitem.ErrMissingEntitlement},
	{id: "7", name: "Add to a foreign group", call: func(s stage) error { return s.Add(but(dp(), "agrp", "X.y")) }, want: secitem.ErrMissingEntitlement},
	{id: "7", name: "Add to the token's group", call: func(s stage) error { return s.Add(but(dp(), "agrp", secitem.TokenGroup)) }, want: secitem.ErrMissingEntitlement},
	{id: "8", name: "Add without a group", call: func(s stage) error { return s.Add(inGroups().Dict()) },
		after: func(s stage) {
			if err := s.status(dp().Dict()); err != nil {
				s.Errorf("not in the first group: %v", err)
			}
		}},
	{id: "9", name: "Add twice", before: func(s stage) { s.make(dp(), "one") },
		call: func(s stage) error { return s.Add(but(dp(), "v_Data", []byte("two"))) }, want: secitem.ErrDuplicateItem,
		after: func(s stage) { s.holds("one", "") }},
	{id: "10", name: "Add to another group", before: func(s stage) { s.make(dp(), "one") },
		call:  func(s stage) error { return s.Add(but(dp(), "agrp", other, "v_Data", []byte("two"))) },
		after: func(s stage) { s.holds("one two", "") }},
	{id: "10", name: "Add synchronised", before: func(s stage) { s.make(dp(), "one") },
		call:  func(s stage) error { return s.Add(but(dp(), "sync", true, "v_Data", []byte("two"))) },
		after: func(s stage) { s.holds("one two", "") }},
	{id: "11", name: "Copy over several groups", before: stage.two, call: func(s stage) error {
		items, err := s.CopyMatching(inGroups().Dict())
		if len(items) != 1 {
			s.Errorf("%d items", len(items))
		}
		return err
	}},
	{id: "12", name: "Copy finds no synchronised item", before: func(s stage) { s.make(dp(), "one", "sync", true) },
		call: func(s stage) error { return s.status(but(dp(), "sync", nil)) }, want: secitem.ErrItemNotFound},
	{id: "13", name: "Copy of either kind", before: func(s stage) { s.make(dp(), "one", "sync", true) },
		call: func(s stage) error { return s.status(but(dp(), "sync", secitem.SynchronizableAny)) }},
	{id: "14", name: "the value of an item without one", before: func(s stage) { s.make(dp(), "", "v_Data", nil) },
		call: func(s stage) error {
			items, err := s.CopyMatching(data(dp()).Dict())
			if len(items) != 1 || items[0].Data == nil || len(items[0].Data) != 0 {
				s.Errorf("got %v", items)
			}
			return err
		}},
	{id: "15", name: "Copy that asks for nothing", before: func(s stage) { s.make(dp(), "one") },
		call: func(s stage) error {
			items, err := s.CopyMatching(dp().Dict())
			if len(items) != 1 || items[0].Data != nil || items[0].Attributes != nil {
				s.Errorf("got %v", items)
			}
			return err
		}},
	{id: "16", name: "Update changes all matches", before: stage.two,
		call:  func(s stage) error { return s.Update(inGroups().Dict(), value("new")) },
		after: func(s stage) { s.holds("new new", "") }},
	{id: "17", name: "Update to text", before: stage.two,
		call:  func(s stage) error { return s.Update(dp().Dict(), secitem.Dict{secitem.KeyValueData: "text"}) },
		want:  secitem.ErrParam,
		after: func(s stage) { s.holds("one two", "") }},
	{id: "17", name: "Update to null, nothing there", call: func(s stage) error { return s.Update(dp().Dict(), secitem.Dict{secitem.KeyValueData: secitem.Null{}}) },
		want: secitem.ErrParam},
	{id: "18", name: "Update to a foreign group, nothing there", call: func(s stage) error { return s.Update(dp().Dict(), secitem.Dict{secitem.KeyAccessGroup: "X.y"}) },
		want: secitem.ErrMissingEntitlement},
	{id: "19", name: "Update onto another item", before: stage.two,
		call: func(s stage) error {
			return s.Update(dp().Dict(), secitem.Dict{secitem.KeyAccessGroup: other, secitem.KeyValueData: []byte("new")})
		},
		want:  secitem.ErrDuplicateItem,
		after: func(s stage) { s.holds("one two", "") }},
	{id: "20", name: "Update of nothing", call: func(s stage) error { return s.Update(dp().Dict(), value("new")) }, want: secitem.ErrItemNotFound},
	{id: "20", name: "Delete of nothing", call: func(s stage) error { return s.Delete(dp().Dict()) }, want: secitem.ErrItemNotFound},
	{id: "21", name: "Delete in all groups", before: stage.two, call: func(s stage) error { return s.Delete(inGroups().Dict()) },
		after: func(s stage) { s.holds("", "") }},
	{id: "22", name: "Copy of a locked class", before: func(s stage) { s.make(dp(), "one"); s.mac.SetDevice(ScreenLocked) },
		call: func(s stage) error { return s.status(data(dp()).Dict()) }, want: secitem.ErrInteractionNotAllowed},
	{id: "22", name: "Add of a locked class", before: func(s stage) { s.mac.SetDevice(ScreenLocked) },
		call: func(s stage) error { return s.Add(dp().Dict()) }, want: secitem.ErrInteractionNotAllowed},
	{id: "22", name: "after the first unlock the screen may be locked", before: func(s stage) {
		s.make(dp(), "one", "pdmn", secitem.AccessibleAfterFirstUnlockThisDevice)
		s.mac.SetDevice(ScreenLocked)
	}, call: func(s stage) error { return s.status(data(dp()).Dict()) }},
	{id: "22", name: "before the first unlock nothing opens", before: func(s stage) {
		s.make(dp(), "one", "pdmn", secitem.AccessibleAfterFirstUnlockThisDevice)
		s.mac.SetDevice(BeforeFirstUnlock)
	}, call: func(s stage) error { return s.Update(dp().Dict(), value("new")) }, want: secitem.ErrInteractionNotAllowed},
	{id: "23", name: "no service", before: func(s stage) { s.mac.SetService(false) },
		call: func(s stage) error { return s.same(dp().Dict()) }, want: secitem.ErrNotAvailable},
	{id: "24", name: "Copy skips what is corrupt", before: func(s stage) { s.two(); s.mac.Damage("svc", "acc") },
		call:  func(s stage) error { return s.status(dp().Dict()) },
		want:  secitem.ErrItemNotFound,
		after: func(s stage) { s.holds("one two", "") }},
	{id: "24", name: "Update removes what is corrupt", before: func(s stage) { s.two(); s.mac.Damage("svc", "acc") },
		call:  func(s stage) error { return s.Update(dp().Dict(), value("new")) },
		want:  secitem.ErrItemNotFound,
		after: func(s stage) { s.holds("two", "") }},
}

func TestDataProtectionStates(t *testing.T) {
	covers(t, dataProtectionStates, numbers(1, 24)...)
	run(t, dataProtectionStates)
}

// older makes an item by another program, so that reading it has to ask.
func older(s stage) {
	s.Helper()
	p := s.mac.Run(Program{Name: "older", Identifier: "com.example.older", Team: "TEAM000009", Attended: true})
	stage{s.T, s.mac, p}.make(file(), "old")
}

// ssh returns the program in a session without a screen.
func ssh(p Program) Program { p.Attended = false; return p }

var loginStates = []tableRow{
	{id: "30", name: "group and accessibility are dropped",
		call: func(s stage) error {
			return s.Add(but(file(), "agrp", "X.y", "pdmn", secitem.AccessibleAfterFirstUnlock, "sync", true))
		},
		after: func(s stage) {
			items, _ := s.CopyMatching(but(file(), "r_Attributes", true))
			if len(items) != 1 || has(items[0].Attributes, secitem.KeyAccessGroup) || has(items[0].Attributes, secitem.KeyAccessible) {
				s.Errorf("got %v", items)
			}
		}},
	{id: "31", name: "Add twice", before: func(s stage) { s.make(file(), "one") },
		call: func(s stage) error { return s.Add(but(file(), "v_Data", []byte("two"))) }, want: secitem.ErrDuplicateItem,
		after: func(s stage) { s.holds("", "one") }},
	{id: "32", name: "attributes never ask", before: func(s stage) { older(s); s.mac.SetLoginLocked(true) },
		call:  func(s stage) error { return s.status(but(file(), "r_Attributes", true)) },
		after: func(s stage) { s.prompted(0) }},
	{id: "33", name: "one's own value", before: func(s stage) { s.make(file(), "mine") },
		call:  func(s stage) error { s.finds(data(file()).Dict(), "mine"); return nil },
		after: func(s stage) { s.prompted(0) }},
	{id: "34", name: "another program's value, allowed once", before: func(s stage) { older(s); s.mac.SetAnswer(Script(Allow, Allow)) },
		call: func(s stage) error {
			s.finds(data(file()).Dict(), "old")
			s.finds(data(file()).Dict(), "old")
			return nil
		},
		after: func(s stage) { s.prompted(2) }},
	{id: "34", name: "another program's value, allowed for good", before: func(s stage) { older(s); s.mac.SetAnswer(Script(AlwaysAllow)) },
		call: func(s stage) error {
			s.finds(data(file()).Dict(), "old")
			s.finds(data(file()).Dict(), "old")
			return nil
		},
		after: func(s stage) { s.prompted(1) }},
	{id: "34", name: "another program's value, denied", before: func(s stage) { older(s) },
		call: func(s stage) error { return s.status(data(file()).Dict()) }, want: secitem.ErrUserCanceled,
		after: func(s stage) { s.prompted(1) }},
	{id: "35", name: "asking is switched off", before: func(s stage) { older(s); _, _ = s.SetInteraction(false) },
		call: func(s stage) error { return s.status(data(file()).Dict()) }, want: secitem.ErrAuthFailed,
		after: func(s stage) { s.prompted(0) }},
	{id: "36", name: "no screen", program: ssh(entitledProgram()), before: older,
		call: func(s stage) error { return s.status(data(file()).Dict()) }, want: secitem.ErrInteractionNotAllowed},
	{id: "36", name: "locked, and no screen", program: ssh(entitledProgram()), before: func(s stage) { s.make(file(), "one"); s.mac.SetLoginLocked(true) },
		call: func(s stage) error { return s.status(data(file()).Dict()) }, want: secitem.ErrInteractionNotAllowed},
	{id: "37", name: "locked, and asking is switched off", before: func(s stage) {
		s.make(file(), "one")
		s.mac.SetLoginLocked(true)
		_, _ = s.SetInteraction(false)
	}, call: func(s stage) error { return s.status(data(file()).Dict()) }, want: secitem.ErrAuthFailed},
	{id: "38", name: "all values at once", before: func(s stage) { s.make(file(), "one") },
		call: func(s stage) error { q := data(file()); q.All = true; return s.status(q.Dict()) }, want: secitem.ErrParam},
	{id: "39", name: "Delete removes the first match", before: func(s stage) { s.make(file(), "one"); s.make(file(), "two", "acct", "second") },
		call:  func(s stage) error { return s.Delete(but(file(), "acct", nil)) },
		after: func(s stage) { s.holds("", "two") }},
	{id: "39", name: "Delete removes all if told to", before: func(s stage) { s.make(file(), "one"); s.make(file(), "two", "acct", "second") },
		call:  func(s stage) error { return s.Delete(but(file(), "acct", nil, "m_Limit", secitem.MatchLimitAll)) },
		after: func(s stage) { s.holds("", "") }},
	{id: "40", name: "Delete of nothing", call: func(s stage) error { return s.Delete(file().Dict()) }, want: secitem.ErrItemNotFound},
	{id: "40", name: "Update of nothing", call: func(s stage) error { return s.Update(file().Dict(), value("new")) }, want: secitem.ErrItemNotFound},
	{id: "41", name: "anybody may overwrite a value", before: older,
		call:  func(s stage) error { return s.Update(file().Dict(), value("new")) },
		after: func(s stage) { s.holds("", "new"); s.prompted(0) }},
}

func TestLoginStates(t *testing.T) {
	covers(t, loginStates, numbers(30, 41)...)
	run(t, loginStates)
}
