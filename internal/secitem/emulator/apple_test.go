package emulator

import (
	"fmt"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
	. "github.com/kinring/kinring/internal/secitem/secitemtest"
)

// Rows of behaviour that Apple's own tests pin, by the name of the test there.

const bundle = Team + ".com.example.cli"

// claims is a program with these entitlements.
func claims(validated bool, entitlements map[string]any) Program {
	p := unentitled()
	p.Entitlements, p.Validated = entitlements, validated
	return p
}

// three runs Copy, Add and Delete of one item and returns their statuses.
func three(d secitem.Dict) func(s stage) error {
	return func(s stage) error {
		copied := s.Status(d)
		added := s.Add(d)
		return statuses{copied, added, s.Delete(d)}.sum()
	}
}

// statuses are several in one error, so that a row has one answer.
type statuses []error

func (s statuses) sum() error {
	out := list("")
	for _, err := range s {
		status, _ := secitem.StatusOf(err)
		out += list(fmt.Sprint(int32(status), " "))
	}
	return out
}

type list string

func (l list) Error() string { return string(l) }

// labelled is a query with a class and a label, as the tests of entitlements use:
// service and account are empty.
func labelled(pairs ...any) secitem.Dict {
	return But(secitem.Query{Label: "label"}, pairs...)
}

// move returns a query of another key, and the change that leads there.
func moved() secitem.Query { q := Item(); q.Account = "moved"; return q }

func move() secitem.Dict { return secitem.Dict{secitem.KeyAccount: "moved"} }

var appleRows = []tableRow{
	{id: "1", name: "testNoEntitlements", program: claims(false, nil), call: three(labelled()), want: list("-25300 -34018 -34018 ")},
	{id: "2", name: "testInvalidEntitlementsAppID", program: noGroups(), call: three(labelled()), want: list("-34018 -34018 -34018 ")},
	{id: "3", name: "keychain-access-groups, not validated", program: claims(false, map[string]any{secitem.EntitlementAccessGroups: []string{Group}}),
		call: three(labelled()), want: list("-25300 0 0 ")},
	{id: "4", name: "testValidEntitlementsAppID", program: claims(true, map[string]any{secitem.EntitlementApplicationID: bundle}),
		call: three(labelled("agrp", bundle)), want: list("-25300 0 0 ")},
	{id: "5", name: "testEntitlementsAssociatedAppID",
		program: claims(true, map[string]any{secitem.EntitlementApplicationID: bundle, secitem.EntitlementAssociatedIDs: []string{Other}}),
		call: func(s stage) error {
			return statuses{s.Add(labelled()), s.Status(labelled("agrp", bundle)), s.Status(labelled("agrp", Other))}.sum()
		}, want: list("0 -25300 0 ")},
	{id: "6", name: "testDisallowTokenGroupWrite", program: claims(true, map[string]any{secitem.EntitlementApplicationID: bundle}),
		call: three(labelled("agrp", secitem.TokenGroup)), want: list("-25300 -34018 -34018 ")},
	{id: "7", name: "testInvalidAppGroups", program: claims(false, map[string]any{secitem.EntitlementApplicationGroups: []string{Other}}),
		call: three(labelled()), want: list("-25300 -34018 -34018 ")},
	{id: "7", name: "testInvalidAppGroups, by name", program: claims(false, map[string]any{secitem.EntitlementApplicationGroups: []string{Other}}),
		call: three(labelled("agrp", Other)), want: list("-34018 -34018 -34018 ")},
	{id: "8", name: "testEntitlementForExplicitAccessGroupLacking",
		call: func(s stage) error { return s.Same(labelled("agrp", "X.y")) }, want: secitem.ErrMissingEntitlement},
	{id: "9", name: "testEntitlementForImplicitAccessGroupLacking", before: func(s stage) {
		foreign := claims(false, map[string]any{secitem.EntitlementAccessGroups: []string{"X.y"}})
		on(s.TB, s.mac, foreign).Make(secitem.Query{Service: "svc", Account: "acc"}, "foreign")
	}, call: func(s stage) error {
		d := AnyGroup().Dict()
		return statuses{s.Status(d), s.Update(d, Value("new")), s.Delete(d)}.sum()
	}, want: list("-25300 -25300 -25300 "), after: func(s stage) { s.holds("foreign", "") }},
	{id: "10", name: "an Update into a foreign group", before: func(s stage) { s.Make(Item(), "one") },
		call: func(s stage) error { return s.Update(Item().Dict(), secitem.Dict{secitem.KeyAccessGroup: "X.y"}) }, want: secitem.ErrMissingEntitlement},
	{id: "11", name: "testReturnValuesInSecItemUpdate", before: func(s stage) { s.Make(Item(), "one") },
		call:  func(s stage) error { return s.Update(But(Item(), "r_Data", true, "r_Attributes", true), Value("new")) },
		after: func(s stage) { s.holds("new", "") }},
	{id: "12", name: "testBadTypeInParams", call: func(s stage) error { return s.Add(But(Item(), "accc", "text")) }, want: secitem.ErrParam},
	{id: "13", name: "testNotAllowedToPassInternalAttributes", call: func(s stage) error { return s.Add(But(Item(), "clip", true)) }, want: secitem.ErrParam},
	{id: "14", name: "testGenpReturnRef", call: func(s stage) error {
		added, err := s.AddResult(But(LoginItem(), "r_Ref", true))
		if !added.Reference {
			s.Error("no reference")
		}
		if err := s.Add(But(LoginItem(), "acct", "again", "v_Ref", added)); err != secitem.ErrParam {
			s.Errorf("adding by reference: %v", err)
		}
		return err
	}},
	{id: "15", name: "si-34: the login keychain is out of the query's sight", before: func(s stage) { s.Make(LoginItem(), "login") },
		call: func(s stage) error { return s.Status(But(LoginItem(), "nleg", true)) }, want: secitem.ErrItemNotFound},
	{id: "16", name: "si-34: synchronised or not, of the login keychain", before: func(s stage) { s.Make(LoginItem(), "login") },
		call: func(s stage) error {
			return statuses{s.Status(But(LoginItem(), "nleg", nil, "sync", secitem.SynchronizableAny)), s.Status(But(LoginItem(), "nleg", nil, "sync", true))}.sum()
		}, want: list("0 -25300 ")},
	{id: "17", name: "si-34: no change out of sight", before: func(s stage) { s.Make(LoginItem(), "login") },
		call: func(s stage) error {
			d := But(LoginItem(), "nleg", true)
			return statuses{s.Update(d, Value("new")), s.Delete(d)}.sum()
		}, want: list("-25300 -25300 "), after: func(s stage) { s.holds("", "login") }},
	{id: "18", name: "si-34: four ways to the data-protection keychain", before: func(s stage) { s.Make(AnyGroup(), "dp") },
		call: func(s stage) error {
			plain := But(AnyGroup(), "nleg", nil, "sync", nil)
			any, synced := But(AnyGroup(), "nleg", nil, "sync", secitem.SynchronizableAny), But(AnyGroup(), "nleg", nil, "sync", true)
			return statuses{s.Status(plain), s.Status(AnyGroup().Dict()), s.Status(any), s.Status(synced)}.sum()
		}, want: list("0 0 0 -25300 ")},
	{id: "19", name: "si-00: nothing there", call: func(s stage) error {
		items, err := s.CopyMatching(Item().Dict())
		if items != nil {
			s.Errorf("got %v", items)
		}
		return err
	}, want: secitem.ErrItemNotFound},
	{id: "20", name: "si-05: Add twice", before: func(s stage) { s.Make(Item(), "one") },
		call: func(s stage) error { return s.Add(Item().Dict()) }, want: secitem.ErrDuplicateItem},
	{id: "21", name: "si-05: a made-up attribute", call: func(s stage) error {
		return statuses{s.Add(But(Item(), "bogu", "x")), s.Delete(But(Item(), "bogu", "x"))}.sum()
	}, want: list("-25303 -25303 ")},
	{id: "22", name: "si-10: an Update moves the key", before: func(s stage) { s.Make(Item(), "one") },
		call: func(s stage) error {
			return statuses{s.Update(Item().Dict(), move()), s.Update(Item().Dict(), move()), s.Delete(Item().Dict()), s.Status(moved().Dict())}.sum()
		}, want: list("0 -25300 -25300 0 ")},
	{id: "23", name: "si-10: an Update onto another key", before: func(s stage) { s.Make(Item(), "one"); s.Make(moved(), "two") },
		call: func(s stage) error { return s.Update(Item().Dict(), move()) }, want: secitem.ErrDuplicateItem},
	{id: "24", name: "si-11: an Update to null or text", before: func(s stage) { s.Make(Item(), "one") },
		call: func(s stage) error {
			null, text := secitem.Dict{secitem.KeyValueData: secitem.Null{}}, secitem.Dict{secitem.KeyValueData: "text"}
			return statuses{s.Update(Item().Dict(), null), s.Update(Item().Dict(), text)}.sum()
		}, want: list("-50 -50 ")},
	{id: "25", name: "si-72: synchronised items", before: func(s stage) { s.Make(Item(), "one", "sync", true) },
		call: func(s stage) error {
			synced, any := But(Item(), "sync", true), But(Item(), "sync", secitem.SynchronizableAny)
			return statuses{s.Status(synced), s.Status(But(Item(), "sync", nil)), s.Status(any), s.Update(synced, Value("new")), s.Delete(synced)}.sum()
		}, want: list("0 -25300 0 0 0 ")},
	{id: "26", name: "si-78: all values at once", before: func(s stage) { s.Make(Item(), "one"); s.Make(moved(), "two") },
		call: func(s stage) error {
			q := secitem.Query{AccessGroup: Group, Service: "svc", All: true, ReturnData: true}
			s.Finds(q.Dict(), "one", "two")
			return nil
		}},
	{id: "27", name: "si-80: an item without a value", call: func(s stage) error {
		added, err := s.AddResult(But(Item(), "r_Attributes", true, "r_Data", true))
		if added.Item.Attributes.String(secitem.KeyService) != "svc" || added.Item.Data != nil || added.Reference {
			s.Errorf("got %v", added)
		}
		return err
	}},
	{id: "28", name: "secd-01: locked", before: func(s stage) { s.Make(Item(), "one"); s.mac.SetDevice(ScreenLocked) },
		call: func(s stage) error {
			locked := []error{s.Add(moved().Dict()), s.Add(Item().Dict()), s.Status(Item().Dict())}
			s.mac.SetDevice(Unlocked)
			return statuses(append(locked, s.Add(Item().Dict()))).sum()
		}, want: list("-25308 -25308 -25308 -25299 ")},
	{id: "29", name: "secd-81: access control", before: func(s stage) {
		s.Make(Item(), "one")
		s.mac.Protect("svc", "acc")
		s.mac.SetPasscode(false)
		s.mac.SetAnswer(Script(Fail, Deny, Allow))
	}, call: func(s stage) error {
		read := Data(Item()).Dict()
		return statuses{s.Add(But(moved(), "accc", "text")), s.Add(But(moved(), "pdmn", secitem.AccessibleWhenPasscodeSetThisDevice)),
			s.Add(But(moved(), "u_AuthUI", secitem.AuthUISkip)), s.Delete(But(Item(), "u_AuthUI", secitem.AuthUISkip)),
			s.Status(read), s.Status(read), s.Status(read),
			s.Status(But(Data(Item()), "u_AuthUI", secitem.AuthUIFail)), s.Status(But(Data(Item()), "u_AuthUI", secitem.AuthUISkip))}.sum()
	}, want: list("-50 -25291 -50 -50 -25293 -128 0 -25308 -25300 "), after: func(s stage) { s.prompted(3) }},
	{id: "30", name: "KeychainCryptoTests", before: func(s stage) { s.Make(Item(), "one") }, call: func(s stage) error {
		s.mac.SetDevice(ScreenLocked)
		locked := s.Status(Item().Dict())
		s.mac.SetDevice(Unlocked)
		s.mac.Damage("svc", "acc")
		return statuses{locked, s.Status(Item().Dict())}.sum()
	}, want: list("-25308 -25300 ")},
	{id: "31", name: "kc-02, kc-05: locked, asking is switched off", before: func(s stage) {
		s.Make(LoginItem(), "one")
		s.mac.SetLoginLocked(true)
		_, _ = s.SetInteraction(false)
	}, call: func(s stage) error {
		return statuses{s.Status(But(LoginItem(), "r_Attributes", true)), s.Status(Data(LoginItem()).Dict())}.sum()
	}, want: list("0 -25293 ")},
	{id: "32", name: "kc-16: an item that trusts nobody here", before: func(s stage) { older(s); _, _ = s.SetInteraction(false) },
		call: func(s stage) error {
			read := Data(LoginItem()).Dict()
			before := s.Status(read)
			written, attempts := s.Update(LoginItem().Dict(), Value("new")), s.mac.Attempts()
			after := s.Status(read)
			if attempts != 1 || s.mac.Attempts() != 2 {
				s.Errorf("%d attempts to ask after writing, %d at the end; want 1 and 2", attempts, s.mac.Attempts())
			}
			return statuses{before, written, after}.sum()
		}, want: list("-25293 0 -25293 "), after: func(s stage) { s.prompted(0) }},
}

func TestApplesOwnTests(t *testing.T) {
	covers(t, nil, appleRows, numbers(1, 32)...)
	run(t, appleRows)
}
