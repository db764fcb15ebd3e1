package secitemtest

import (
	"github.com/kinring/kinring/internal/secitem"
)

// DataProtection are the states of the data-protection keychain that need no
// control over the machine.
var DataProtection = []Row{
	{ID: "1", Name: "no class", Call: func(s Stage) error { return s.Same(But(Item(), "class", nil)) }, Want: secitem.ErrParam},
	{ID: "2", Name: "unknown class", Call: func(s Stage) error { return s.Same(But(Item(), "class", "zzzz")) }, Want: secitem.ErrNoSuchClass},
	{ID: "3", Name: "unknown attribute", Call: func(s Stage) error { return s.Same(But(Item(), "abcd", "x")) }, Want: secitem.ErrNoSuchAttr},
	{ID: "5", Name: "Add with nothing to write to", Unentitled: true,
		Call: func(s Stage) error { return s.Add(But(AnyGroup(), "class", nil)) }, Want: secitem.ErrMissingEntitlement},
	{ID: "5", Name: "Update with nothing to write to", Unentitled: true,
		Call: func(s Stage) error { return s.Update(But(AnyGroup(), "class", "zzzz"), Value("")) }, Want: secitem.ErrMissingEntitlement},
	{ID: "5", Name: "Delete with nothing to write to", Unentitled: true,
		Call: func(s Stage) error { return s.Delete(But(AnyGroup(), "abcd", "x")) }, Want: secitem.ErrMissingEntitlement},
	{ID: "5", Name: "Copy with nothing to write to reads as nothing there", Unentitled: true,
		Call: func(s Stage) error { return s.Status(AnyGroup().Dict()) }, Want: secitem.ErrItemNotFound},
	{ID: "6", Name: "Copy in a foreign group", Call: func(s Stage) error { return s.Status(But(Item(), "agrp", "X.y", "abcd", "z")) }, Want: secitem.ErrMissingEntitlement},
	{ID: "6", Name: "Update in a foreign group", Call: func(s Stage) error { return s.Update(But(Item(), "agrp", "X.y"), Value("")) }, Want: secitem.ErrMissingEntitlement},
	{ID: "6", Name: "Delete in a foreign group", Call: func(s Stage) error { return s.Delete(But(Item(), "agrp", "X.y")) }, Want: secitem.ErrMissingEntitlement},
	{ID: "7", Name: "Add to a foreign group", Call: func(s Stage) error { return s.Add(But(Item(), "agrp", "X.y")) }, Want: secitem.ErrMissingEntitlement},
	{ID: "7", Name: "Add to the token's group", Call: func(s Stage) error { return s.Add(But(Item(), "agrp", secitem.TokenGroup)) }, Want: secitem.ErrMissingEntitlement},
	{ID: "8", Name: "Add without a group lands in the first one", Call: func(s Stage) error { return s.Add(AnyGroup().Dict()) },
		After: func(s Stage) {
			if err := s.Status(Item().Dict()); err != nil {
				s.Error(err)
			}
		}},
	{ID: "9", Name: "Add twice", Before: func(s Stage) { s.Make(Item(), "one") },
		Call: func(s Stage) error { return s.Add(But(Item(), "v_Data", []byte("two"))) }, Want: secitem.ErrDuplicateItem,
		After: func(s Stage) { s.Holds("one", "") }},
	{ID: "10", Name: "Add to another group", Before: func(s Stage) { s.Make(Item(), "one") },
		Call:  func(s Stage) error { return s.Add(But(Item(), "agrp", Other, "v_Data", []byte("two"))) },
		After: func(s Stage) { s.Holds("one two", "") }},
	{ID: "10", Name: "Add synchronised", Before: func(s Stage) { s.Make(Item(), "one") },
		Call:  func(s Stage) error { return s.Add(But(Item(), "sync", true, "v_Data", []byte("two"))) },
		After: func(s Stage) { s.Holds("one two", "") }},
	{ID: "11", Name: "Copy over several groups", Before: Two, Call: func(s Stage) error {
		items, err := s.CopyMatching(AnyGroup().Dict())
		if len(items) != 1 {
			s.Errorf("%d items", len(items))
		}
		return err
	}},
	{ID: "12", Name: "Copy finds no synchronised item", Before: func(s Stage) { s.Make(Item(), "one", "sync", true) },
		Call: func(s Stage) error { return s.Status(But(Item(), "sync", nil)) }, Want: secitem.ErrItemNotFound},
	{ID: "13", Name: "Copy of either kind", Before: func(s Stage) { s.Make(Item(), "one", "sync", true) },
		Call: func(s Stage) error { return s.Status(But(Item(), "sync", secitem.SynchronizableAny)) }},
	{ID: "14", Name: "the value of an item without one", Before: func(s Stage) { s.Make(Item(), "", "v_Data", nil) },
		Call: func(s Stage) error {
			items, err := s.CopyMatching(Data(Item()).Dict())
			if len(items) != 1 || items[0].Data == nil || len(items[0].Data) != 0 {
				s.Errorf("got %v", items)
			}
			return err
		}},
	{ID: "14", Name: "its attributes and value", Before: func(s Stage) { s.Make(Item(), "", "v_Data", nil) },
		Call: func(s Stage) error {
			items, err := s.CopyMatching(But(Data(Item()), "r_Attributes", true))
			if len(items) != 1 || items[0].Data != nil || items[0].Attributes.String(secitem.KeyAccount) != Account {
				s.Errorf("got %v", items)
			}
			return err
		}},
	{ID: "15", Name: "Copy that asks for nothing", Before: func(s Stage) { s.Make(Item(), "one") },
		Call: func(s Stage) error {
			items, err := s.CopyMatching(Item().Dict())
			if len(items) != 1 || items[0].Data != nil || items[0].Attributes != nil {
				s.Errorf("got %v", items)
			}
			return err
		}},
	{ID: "16", Name: "Update changes all matches", Before: Two,
		Call:  func(s Stage) error { return s.Update(AnyGroup().Dict(), Value("new")) },
		After: func(s Stage) { s.Holds("new new", "") }},
	{ID: "17", Name: "Update to text", Before: Two,
		Call:  func(s Stage) error { return s.Update(Item().Dict(), secitem.Dict{secitem.KeyValueData: "text"}) },
		Want:  secitem.ErrParam,
		After: func(s Stage) { s.Holds("one two", "") }},
	{ID: "17", Name: "Update to null, nothing there", Call: func(s Stage) error {
		return s.Update(Item().Dict(), secitem.Dict{secitem.KeyValueData: secitem.Null{}})
	},
		Want: secitem.ErrParam},
	{ID: "18", Name: "Update to a foreign group, nothing there", Call: func(s Stage) error { return s.Update(Item().Dict(), secitem.Dict{secitem.KeyAccessGroup: "X.y"}) },
		Want: secitem.ErrMissingEntitlement},
	{ID: "19", Name: "Update onto another item", Before: Two,
		Call: func(s Stage) error {
			return s.Update(Item().Dict(), secitem.Dict{secitem.KeyAccessGroup: Other, secitem.KeyValueData: []byte("new")})
		},
		Want:  secitem.ErrDuplicateItem,
		After: func(s Stage) { s.Holds("one two", "") }},
	{ID: "20", Name: "Update of nothing", Call: func(s Stage) error { return s.Update(Item().Dict(), Value("new")) }, Want: secitem.ErrItemNotFound},
	{ID: "20", Name: "Delete of nothing", Call: func(s Stage) error { return s.Delete(Item().Dict()) }, Want: secitem.ErrItemNotFound},
	{ID: "20", Name: "Copy of nothing", Call: func(s Stage) error {
		items, err := s.CopyMatching(Data(Item()).Dict())
		if items != nil {
			s.Errorf("got %v", items)
		}
		return err
	}, Want: secitem.ErrItemNotFound},
	{ID: "21", Name: "Delete in all groups", Before: Two, Call: func(s Stage) error { return s.Delete(AnyGroup().Dict()) },
		After: func(s Stage) { s.Holds("", "") }},
	{ID: "21", Name: "Delete in one group", Before: Two, Call: func(s Stage) error { return s.Delete(Item().Dict()) },
		After: func(s Stage) { s.Holds("two", "") }},
}

// Login are the states of the login keychain that need no control over the
// machine.
var Login = []Row{
	{ID: "30", Name: "group and accessibility are dropped",
		Call: func(s Stage) error {
			return s.Add(But(LoginItem(), "agrp", "X.y", "pdmn", secitem.AccessibleAfterFirstUnlock, "sync", true))
		},
		After: func(s Stage) {
			items, _ := s.CopyMatching(But(LoginItem(), "r_Attributes", true))
			if len(items) != 1 || items[0].Attributes[secitem.KeyAccessGroup] != nil || items[0].Attributes[secitem.KeyAccessible] != nil {
				s.Errorf("got %v", items)
			}
		}},
	{ID: "30", Name: "neither keychain sees the other's item", Before: func(s Stage) { s.Make(LoginItem(), "login"); s.Make(Item(), "dp") },
		Call: func(s Stage) error {
			s.Finds(Data(LoginItem()).Dict(), "login")
			s.Finds(Data(Item()).Dict(), "dp")
			return s.Delete(Item().Dict())
		}, After: func(s Stage) { s.Holds("", "login") }},
	{ID: "31", Name: "Add twice", Before: func(s Stage) { s.Make(LoginItem(), "one") },
		Call: func(s Stage) error { return s.Add(But(LoginItem(), "v_Data", []byte("two"))) }, Want: secitem.ErrDuplicateItem,
		After: func(s Stage) { s.Holds("", "one") }},
	{ID: "32", Name: "attributes without the value", Before: func(s Stage) { s.Make(LoginItem(), "one") },
		Call: func(s Stage) error {
			items, err := s.CopyMatching(But(LoginItem(), "r_Attributes", true))
			if len(items) != 1 || items[0].Data != nil || items[0].Attributes.String(secitem.KeyLabel) != Service {
				s.Errorf("got %v", items)
			}
			return err
		}},
	{ID: "33", Name: "one's own value", Before: func(s Stage) { s.Make(LoginItem(), "mine") },
		Call: func(s Stage) error { s.Finds(Data(LoginItem()).Dict(), "mine"); return nil }},
	{ID: "38", Name: "all values at once", Before: func(s Stage) { s.Make(LoginItem(), "one") },
		Call: func(s Stage) error { q := Data(LoginItem()); q.All = true; return s.Status(q.Dict()) }, Want: secitem.ErrParam},
	{ID: "39", Name: "Delete removes the first match", Before: func(s Stage) { s.Make(LoginItem(), "one"); s.Make(LoginItem(), "two", "acct", "second") },
		Call:  func(s Stage) error { return s.Delete(But(LoginItem(), "acct", nil)) },
		After: func(s Stage) { s.Holds("", "two") }},
	{ID: "39", Name: "Delete removes all if told to", Before: func(s Stage) { s.Make(LoginItem(), "one"); s.Make(LoginItem(), "two", "acct", "second") },
		Call:  func(s Stage) error { return s.Delete(But(LoginItem(), "acct", nil, "m_Limit", secitem.MatchLimitAll)) },
		After: func(s Stage) { s.Holds("", "") }},
	{ID: "39", Name: "Update changes the first match", Before: func(s Stage) { s.Make(LoginItem(), "one"); s.Make(LoginItem(), "two", "acct", "second") },
		Call:  func(s Stage) error { return s.Update(But(LoginItem(), "acct", nil), Value("new")) },
		After: func(s Stage) { s.Holds("", "new two") }},
	{ID: "39", Name: "Update of all does what it can", Before: func(s Stage) { s.Make(LoginItem(), "one"); s.Make(LoginItem(), "two", "acct", "second") },
		Call: func(s Stage) error {
			return s.Update(But(LoginItem(), "acct", nil, "m_Limit", secitem.MatchLimitAll), secitem.Dict{secitem.KeyAccount: "moved"})
		}, Want: secitem.ErrDuplicateItem,
		After: func(s Stage) { s.Finds(But(Data(LoginItem()), "acct", "moved"), "one"); s.Holds("", "one two") }},
	{ID: "40", Name: "Delete of nothing", Call: func(s Stage) error { return s.Delete(LoginItem().Dict()) }, Want: secitem.ErrItemNotFound},
	{ID: "40", Name: "Update of nothing", Call: func(s Stage) error { return s.Update(LoginItem().Dict(), Value("new")) }, Want: secitem.ErrItemNotFound},
	{ID: "41", Name: "Update to text", Before: func(s Stage) { s.Make(LoginItem(), "one") },
		Call: func(s Stage) error { return s.Update(LoginItem().Dict(), secitem.Dict{secitem.KeyValueData: "text"}) }, Want: secitem.ErrParam,
		After: func(s Stage) { s.Holds("", "one") }},
}
