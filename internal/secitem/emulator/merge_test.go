package emulator

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/secitem"
	. "github.com/kinring/kinring/internal/secitem/secitemtest"
)

// unsaid is what an older program asks: it names neither keychain nor group.
func unsaid() secitem.Query {
	return secitem.Query{Keychain: secitem.Unsaid, Service: "svc", Account: "acc"}
}

func bothKeychains(s stage) { s.Make(AnyGroup(), "dp"); s.Make(LoginItem(), "login") }

// mergeRows: a query without the flag reaches both keychains.
var mergeRows = []tableRow{
	{id: "add", name: "goes to the login keychain and loses its group",
		call:  func(s stage) error { return s.Add(But(unsaid(), "agrp", Group, "v_Data", []byte("new"))) },
		after: func(s stage) { s.holds("", "new") }},
	{id: "add", name: "synchronised goes to the other one",
		call:  func(s stage) error { return s.Add(But(unsaid(), "sync", true, "v_Data", []byte("new"))) },
		after: func(s stage) { s.holds("new", "") }},
	{id: "both found", name: "the data-protection keychain's value hides the other", before: bothKeychains,
		call: func(s stage) error { s.Finds(Data(unsaid()).Dict(), "dp"); return nil }},
	{id: "both found", name: "attributes of all are one array", before: bothKeychains,
		call: func(s stage) error {
			items, err := s.CopyMatching(But(unsaid(), "r_Attributes", true, "m_Limit", secitem.MatchLimitAll))
			if len(items) != 2 {
				s.Errorf("got %v", items)
			}
			return err
		}},
	{id: "both found", name: "asking for nothing gives the login keychain's", before: bothKeychains,
		call: func(s stage) error { return s.Status(unsaid().Dict()) }},
	{id: "not entitled", name: "the login keychain answers", program: noGroups(), before: func(s stage) { s.Make(LoginItem(), "login") },
		call: func(s stage) error { s.Finds(Data(unsaid()).Dict(), "login"); return nil }},
	{id: "locked", name: "a locked keychain looks like nothing there", before: func(s stage) { s.Make(AnyGroup(), "dp"); s.mac.SetDevice(ScreenLocked) },
		call: func(s stage) error { return s.Status(unsaid().Dict()) }, want: secitem.ErrItemNotFound},
	{id: "login fails", name: "what was found stands", before: func(s stage) { s.Make(AnyGroup(), "dp"); older(s); s.mac.RemoveLogin() },
		call: func(s stage) error { s.Finds(Data(unsaid()).Dict(), "dp"); return nil }},
	{id: "change", name: "an Update changes both", before: bothKeychains,
		call:  func(s stage) error { return s.Update(unsaid().Dict(), Value("new")) },
		after: func(s stage) { s.holds("new", "new") }},
	{id: "change", name: "a Delete removes both", before: bothKeychains,
		call:  func(s stage) error { return s.Delete(unsaid().Dict()) },
		after: func(s stage) { s.holds("", "") }},
	{id: "change", name: "a move between keychains is refused here", before: bothKeychains,
		call: func(s stage) error { return s.Update(unsaid().Dict(), secitem.Dict{secitem.KeySynchronizable: true}) }, want: secitem.ErrUnimplemented},
	{id: "categorize", name: "a token's item is never in the login keychain", before: bothKeychains,
		call: func(s stage) error { return s.Status(But(unsaid(), "agrp", secitem.TokenGroup)) }, want: secitem.ErrItemNotFound},
	{id: "categorize", name: "a keychain's name and a token exclude each other",
		call: func(s stage) error { return s.Status(But(unsaid(), "u_Keychain", "x", "tkid", "y")) }, want: secitem.ErrParam},
	{id: "categorize", name: "a sharing group is never in the login keychain",
		call: func(s stage) error { return s.Status(But(LoginItem(), "ggrp", "x")) }, want: secitem.ErrParam},
	{id: "categorize", name: "no class", call: func(s stage) error { return s.Status(But(unsaid(), "class", nil)) }, want: secitem.ErrParam},
}

func TestMerge(t *testing.T) { run(t, mergeRows) }

// detailRows are semantics beside the tables of states.
var detailRows = []tableRow{
	{id: "limit", name: "zero never matches", before: func(s stage) { s.Make(LoginItem(), "one"); s.Make(Item(), "two") },
		call: func(s stage) error {
			return statuses{s.Status(But(LoginItem(), "m_Limit", int64(0))), s.Status(But(Item(), "m_Limit", int64(0)))}.sum()
		}, want: list("-25300 -25300 ")},
	{id: "limit", name: "below zero, and of the wrong type", call: func(s stage) error {
		return statuses{s.Status(But(LoginItem(), "m_Limit", int64(-1))), s.Status(But(Item(), "m_Limit", "x")), s.Status(But(Item(), "m_Policy", "x"))}.sum()
	}, want: list("-50 -50 -4 ")},
	{id: "limit", name: "a text means one in the login keychain", before: func(s stage) { s.Make(LoginItem(), "one"); s.Make(LoginItem(), "two", "acct", "b") },
		call: func(s stage) error { s.Finds(But(Data(LoginItem()), "acct", nil, "m_Limit", "x"), "one"); return nil }},
	{id: "search list", name: "the first keychain that has it answers", before: func(s stage) {
		s.mac.AddSearched("second")
		if err := s.mac.MakeInSearched(s.Process, "second", But(LoginItem(), "v_Data", []byte("two"))); err != nil {
			s.Fatal(err)
		}
		s.Make(LoginItem(), "one")
	}, call: func(s stage) error { s.Finds(Data(LoginItem()).Dict(), "one"); return s.Delete(LoginItem().Dict()) },
		after: func(s stage) { s.holds("", "two") }},
	{id: "search list", name: "no login keychain reads as nothing there", before: func(s stage) { s.mac.RemoveLogin() },
		call: func(s stage) error {
			_, state := s.LoginKeychain()
			return statuses{s.Status(LoginItem().Dict()), s.Add(LoginItem().Dict()), state}.sum()
		}, want: list("-25300 -25307 -25294 ")},
	{id: "unlock", name: "a person unlocks the login keychain", before: func(s stage) {
		s.Make(LoginItem(), "one")
		s.mac.SetLoginLocked(true)
		s.mac.SetAnswer(Script(Allow))
	}, call: func(s stage) error {
		s.Finds(Data(LoginItem()).Dict(), "one")
		s.Finds(Data(LoginItem()).Dict(), "one")
		return nil
	},
		after: func(s stage) { s.prompted(1) }},
	{id: "unlock", name: "a locked login keychain takes no write unasked", before: func(s stage) { s.Make(LoginItem(), "one"); s.mac.SetLoginLocked(true) },
		call: func(s stage) error {
			return statuses{s.Update(LoginItem().Dict(), Value("new")), s.Add(But(LoginItem(), "acct", "b"))}.sum()
		}, want: list("-128 -128 "), after: func(s stage) { s.holds("", "one") }},
	{id: "label", name: "of an item without one", before: func(s stage) { s.Make(LoginItem(), "one"); s.Make(LoginItem(), "two", "svce", nil) },
		call: func(s stage) error {
			items, err := s.CopyMatching(But(LoginItem(), "svce", nil, "acct", nil, "r_Attributes", true, "m_Limit", secitem.MatchLimitAll))
			if len(items) != 2 || items[0].Attributes.String(secitem.KeyLabel) != "svc" || items[1].Attributes.String(secitem.KeyLabel) != "acc" {
				s.Errorf("got %v", items)
			}
			return err
		}},
	{id: "text", name: "a new item of the login keychain takes a text", call: func(s stage) error {
		taken, refused := s.Add(But(LoginItem(), "v_Data", "text")), s.Add(But(LoginItem(), "acct", "b", "v_Data", "te\x00xt"))
		return statuses{taken, refused, s.Update(LoginItem().Dict(), secitem.Dict{secitem.KeyValueData: "text"})}.sum()
	}, want: list("0 -50 -50 "), after: func(s stage) { s.holds("", "text") }},
	{id: "generic", name: "an Update with the old attribute changes once", before: func(s stage) { s.Make(Item(), "one", "gena", []byte("r1")) },
		call: func(s stage) error {
			match := Item()
			match.Generic = []byte("r1")
			change := secitem.Change{Value: []byte("two"), Generic: []byte("r2")}.Dict()
			return statuses{s.Update(match.Dict(), change), s.Update(match.Dict(), change)}.sum()
		}, want: list("0 -25300 "), after: func(s stage) { s.holds("two", "") }},
	{id: "dates", name: "an item is found by its date", before: func(s stage) { s.Make(Item(), "one", "cdat", time.Unix(1, 0)) },
		call: func(s stage) error {
			return statuses{s.Status(But(Item(), "cdat", time.Unix(1, 0).UTC())), s.Status(But(Item(), "cdat", time.Unix(2, 0))), s.Status(But(Item(), "cdat", "x"))}.sum()
		}, want: list("0 -25300 -50 ")},
	{id: "asking", name: "old ways to say that nobody is to be asked", before: func(s stage) { s.Make(Item(), "one"); s.mac.Protect(Service, Account) },
		call: func(s stage) error {
			read := Data(Item())
			return statuses{s.Status(But(read, "u_NoAuthUI", true)), s.Status(But(read, "u_NoAuthUI", false, "u_OpPrompt", "why")), s.Status(But(read, "u_OpPrompt", int64(1))),
				s.Status(But(read, "u_AuthUI", "x")), s.Status(But(read, "u_SystemKeychain", true)), s.Status(Item().Dict())}.sum()
		}, want: list("-25308 -128 -50 -50 -50 0 "), after: func(s stage) { s.prompted(1) }},
	{id: "references", name: "are given and not taken", before: func(s stage) { s.Make(Item(), "one") },
		call: func(s stage) error {
			return statuses{s.Status(But(Item(), "r_Ref", true)), s.Status(But(Item(), "r_PersistentRef", true)), s.Status(But(Item(), "r_Unknown", true)),
				s.Status(But(Item(), "v_Ref", "x")), s.Status(But(Item(), "class", "inet")), s.Status(But(LoginItem(), "class", "inet"))}.sum()
		}, want: list("0 0 -50 -50 -4 -4 ")},
	{id: "locked", name: "nothing locked is deleted", before: func(s stage) { s.Make(Item(), "one"); s.mac.SetDevice(ScreenLocked) },
		call: func(s stage) error { return s.Delete(Item().Dict()) }, want: secitem.ErrInteractionNotAllowed,
		after: func(s stage) { s.holds("one", "") }},
	{id: "types", name: "wrong types and unknown keys", call: func(s stage) error {
		return statuses{s.Add(But(Item(), "svce", int64(1))), s.Add(But(Item(), "gena", "x")), s.Add(But(Item(), "pdmn", "zz")), s.Add(But(Item(), "sync", secitem.SynchronizableAny)),
			s.Add(But(Item(), "unknown", "x")), s.Status(But(Item(), "r_Data", "x")), s.Update(Item().Dict(), secitem.Dict{secitem.KeyReturnData: true}),
			s.Update(Item().Dict(), secitem.Dict{secitem.KeyDataProtection: true}), s.Add(But(Item(), "v_PersistentRef", []byte{1})), s.Add(But(LoginItem(), "svce", []byte("x")))}.sum()
	}, want: list("-50 -50 -50 -50 -50 -50 -25303 -25303 -50 -50 ")},
}

func TestDetails(t *testing.T) { run(t, detailRows) }

// TestGroups: the list of groups that the system gives a program.
func TestGroups(t *testing.T) {
	const token = secitem.TokenGroup
	everything := map[string]any{
		secitem.EntitlementAccessGroups: []string{token, Group}, secitem.EntitlementAssociatedIDs: []string{"T.assoc"},
		secitem.EntitlementApplicationID: "T.new", secitem.EntitlementApplicationIDOld: "T.old",
		secitem.EntitlementApplicationGroups: []string{"T.ag"},
	}
	for _, c := range []struct {
		name string
		p    Program
		want []string
	}{
		{"nothing", claims(true, nil), []string{token}},
		{"all, validated", claims(true, everything), []string{Group, "T.assoc", "T.old", "T.ag", token}},
		{"all, not validated", claims(false, everything), []string{Group, token}},
		{"one member is no text", claims(true, map[string]any{secitem.EntitlementAccessGroups: []any{Group, 1}}), []string{token}},
		{"an application identifier, not validated", noGroups(), nil},
	} {
		if got := c.p.groups(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestWhoIsTrusted: what the login keychain takes for the same program.
func TestWhoIsTrusted(t *testing.T) {
	signed := func(identifier, Team, build string) Program {
		return Program{Name: identifier, Identifier: identifier, Team: Team, Build: build, Attended: true}
	}
	for _, c := range []struct {
		name    string
		maker   Program
		reader  Program
		prompts int
	}{
		{"the same build", signed("app", Team, "1"), signed("app", Team, "1"), 0},
		{"a later build of the same team", signed("app", Team, "1"), signed("app", Team, "2"), 0},
		{"another program of the team", signed("app", Team, "1"), signed("cli", Team, "1"), 1},
		{"another team", signed("app", Team, "1"), signed("app", "TEAM000009", "1"), 1},
		{"a later ad-hoc build", signed("app", "", "1"), signed("app", "", "2"), 1},
		{"the security tool's item, read by the tool", SecurityTool(), SecurityTool(), 0},
		{"the security tool's item, read by a program", SecurityTool(), signed("app", Team, "1"), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			mac := New()
			mac.SetAnswer(Script(Allow))
			on(t, mac, c.maker).Make(LoginItem(), "v")
			reader := on(t, mac, c.reader)
			reader.Finds(Data(LoginItem()).Dict(), "v")
			reader.prompted(c.prompts)
		})
	}
}

// TestSelf: what a program finds out about itself.
func TestSelf(t *testing.T) {
	mac := New()
	p := mac.Run(entitledProgram())
	groups, err := p.Entitlement(secitem.EntitlementAccessGroups)
	if got := secitem.Strings(groups); err != nil || !reflect.DeepEqual(got, []string{Group, Other}) {
		t.Errorf("%v, %v", got, err)
	}
	if v, err := p.Entitlement("absent"); v != nil || err != nil {
		t.Errorf("absent: %v, %v", v, err)
	}
	id, err := p.Identity()
	if err != nil || id.Team != Team || !id.Validated() || len(id.CDHash) != 20 || id.Flags&secitem.CodeRuntime == 0 {
		t.Errorf("%+v, %v", id, err)
	}
	adHoc, _ := mac.Run(Program{Name: "x"}).Identity()
	if adHoc.Validated() || adHoc.Flags&secitem.CodeAdHoc == 0 {
		t.Errorf("%+v", adHoc)
	}
	mac.SetLoginLocked(true)
	state, err := p.LoginKeychain()
	graphic, _ := p.Graphic()
	if err != nil || state.Unlocked || state.Path == "" || !graphic {
		t.Errorf("%+v, %v, %v", state, err, graphic)
	}
	if p.Calls() != 0 {
		t.Errorf("%d calls of SecItem", p.Calls())
	}
}

// TestPromptBlocksNobodyElse: while a person thinks, other programs go on, and
// what they change counts.
func TestPromptBlocksNobodyElse(t *testing.T) {
	mac := New()
	asked, answered := make(chan Prompt), make(chan Answer)
	mac.SetAnswer(func(p Prompt) Answer { asked <- p; return <-answered })
	app := on(t, mac, entitledProgram())
	older(app)
	result := make(chan error)
	go func() { result <- app.Status(Data(LoginItem()).Dict()) }()
	if p := <-asked; p.Kind != Access || p.Program != "app" || p.Service != "svc" || p.Account != "acc" {
		t.Errorf("asked %+v", p)
	}
	second := on(t, mac, unentitled())
	if err := second.Delete(LoginItem().Dict()); err != nil {
		t.Error(err)
	}
	answered <- AlwaysAllow
	if err := <-result; err != secitem.ErrInvalidItemRef {
		t.Errorf("the item is gone: %v", err)
	}
}

// TestDates: every write moves the modification date; the login keychain's has
// seconds.
func TestDates(t *testing.T) {
	mac := New()
	now := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	mac.SetClock(func() time.Time { return now })
	s := on(t, mac, entitledProgram())
	s.Make(Item(), "one")
	s.Make(LoginItem(), "one")
	now = now.Add(10 * time.Second)
	for _, q := range []secitem.Query{Item(), LoginItem()} {
		if err := s.Update(q.Dict(), Value("two")); err != nil {
			t.Fatal(err)
		}
	}
	c := mac.Contents()
	for name, i := range map[string]secitem.Item{"data-protection": c.DataProtection[0], "login": c.Login[0]} {
		created, _ := i.Attributes[secitem.KeyCreated].(time.Time)
		modified, _ := i.Attributes[secitem.KeyModified].(time.Time)
		if modified.Sub(created) != 10*time.Second || (name == "login") != (created.Nanosecond() == 0) {
			t.Errorf("%s: created %v, modified %v", name, created, modified)
		}
	}
}

// TestManyPrograms is for the race detector: one Add of many wins.
func TestManyPrograms(t *testing.T) {
	mac := New()
	var wg sync.WaitGroup
	won := make(chan int, 16)
	for i := range 16 {
		wg.Go(func() {
			p := mac.Run(entitledProgram())
			if err := p.Add(But(Item(), "v_Data", []byte{byte(i)})); err == nil {
				won <- i
			}
			_, _ = p.CopyMatching(Data(Item()).Dict())
			_ = p.Update(Item().Dict(), Value("x"))
		})
	}
	wg.Wait()
	if len(won) != 1 || len(mac.Contents().DataProtection) != 1 {
		t.Errorf("%d Adds won", len(won))
	}
}
