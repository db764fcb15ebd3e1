package storetest

import (
	"slices"
	"strings"

	"github.com/kinring/kinring/store"
)

// apart puts a value under each key and sees that none stands for another, not
// in reading, not in listing and not in deleting.
func (p *trial) apart(keys []store.Key) {
	p.Helper()
	var services []string
	under := map[string][]store.Key{}
	for _, k := range keys {
		p.putValue(k, "value of "+show(k))
		if under[k.Service] == nil {
			services = append(services, k.Service)
		}
		under[k.Service] = append(under[k.Service], k)
	}
	for _, k := range keys {
		p.wantValue(k, []byte("value of "+show(k)))
	}
	p.wantListed("", keys...)
	for _, s := range services {
		p.wantListed(s, under[s]...)
	}
	p.removeEach(keys)
}

// removeEach deletes one key after the other and sees that the rest stays.
func (p *trial) removeEach(keys []store.Key) {
	p.Helper()
	for i, k := range keys {
		if err := p.s.Delete(p.ctx, k, store.Any()); err != nil {
			p.Errorf("delete %s: %v", show(k), err)
		}
		p.wantAbsent(k)
		if i+1 < len(keys) {
			p.wantValue(keys[i+1], []byte("value of "+show(keys[i+1])))
		}
	}
	p.wantListed("")
}

// keysOf makes a key of every text as an account and as a service.
func keysOf(texts ...string) []store.Key {
	var keys []store.Key
	slices.Sort(texts)
	for _, t := range slices.Compact(texts) {
		keys = append(keys, key(t), store.Key{Service: t, Account: "account"})
	}
	return keys
}

func keysAwkward(p *trial) {
	texts := []string{"%2F", "%", "..", ".", "~", "$HOME", "a\\b", "a\nb", "a\tb", "a\rb", "a ", " a", "a", "''", "[a]", "*", "?", "_",
		"a%", "-a", "--", ";", "#", "\x7f", "\x01", "0", "00", "null", "CON", "a.", "\ufeffa", "a\u200b", "a\u00a0"}
	for _, c := range []string{"/", "|", ":", "{", "}", `"`, "%", " "} {
		texts = append(texts, c, "a"+c+"b", c+c)
	}
	texts = append(texts, `{"a":"b"}`, "cli|0123456789abcdef", "user@example.org", "ünïcödé/mixed")
	p.apart(keysOf(texts...))
}

// keysUnicode has pairs that Unicode normalisation makes equal (UAX #15): each
// is two different keys here.
func keysUnicode(p *trial) {
	p.apart(keysOf(
		"caf\u00e9", "cafe\u0301", // composed and decomposed
		"\u212b", "\u00c5", "A\u030a", // ångström sign, letter, letter and ring
		"\uac00", "\u1100\u1161", // a Hangul syllable and its letters
		"\ufb01", "fi", // a ligature
		"\uff21", "A", // full width
		"a\u0323\u0307", "a\u0307\u0323", // two orders of combining marks
		"\U0001f511", "\U0001f511\ufe0f", // with a variation selector
		"\u05d0\u05d1", "\u202e\u05d0\u05d1", // with a change of direction
	))
}

// keysCase has pairs that some way of folding case makes equal.
func keysCase(p *trial) {
	p.apart(keysOf("account", "Account", "ACCOUNT", "stra\u00dfe", "strasse", "STRASSE", "\u212a", "k", "K",
		"\u0130", "i", "I", "\u0131", "\u03c3", "\u03c2", "\u03a3"))
}

// keysBoundary has keys that are equal, or begin alike, once service and account
// are joined.
func keysBoundary(p *trial) {
	keys := []store.Key{
		{Service: "ab", Account: "c"}, {Service: "a", Account: "bc"},
		{Service: "foo", Account: "bar"}, {Service: "foobar", Account: "bar"}, {Service: "bar", Account: "foo"},
		{Service: "foo", Account: "foo"}, {Service: "foo", Account: "ba"}, {Service: "foo", Account: "barr"},
		{Service: "fo", Account: "bar"},
	}
	for _, c := range []string{"/", ":", "|", ".", "-", "_", " ", "%", "\n", "\x1f", "\\", "@", "=", ",", ";"} {
		keys = append(keys, store.Key{Service: "foo" + c + "bar", Account: "baz"},
			store.Key{Service: "foo", Account: "bar" + c + "baz"}, store.Key{Service: "foo" + c, Account: "bar"},
			store.Key{Service: "foo", Account: c + "bar"})
	}
	p.apart(keys)
}

// keyLimit counts bytes, not letters, and lets both parts be long at once.
func keyLimit(p *trial) {
	s, a := strings.Repeat("s", store.MaxService), strings.Repeat("a", store.MaxAccount)
	wide := strings.Repeat("\u00e9", store.MaxAccount/2)
	p.apart([]store.Key{{Service: s, Account: a}, {Service: s[1:], Account: a}, {Service: s, Account: a[1:]}, {Service: s, Account: wide}})
	for _, k := range []store.Key{{Service: s + "s", Account: "a"}, {Service: "s", Account: a + "a"}, {Service: "s", Account: wide + "a"}} {
		for _, c := range p.calls("under a long key") {
			if c.verb != VerbList {
				p.wantClass(c.make(p.ctx, k), string(c.verb)+" with a key over the limit", store.ErrTooLarge)
			}
		}
	}
	p.wantListed("")
}

func keyInvalid(p *trial) {
	before := len(p.list(""))
	for name, k := range map[string]store.Key{
		"nothing at all":       {},
		"an empty service":     {Account: "a"},
		"an empty account":     {Service: "s"},
		"a service not UTF-8":  {Service: "s\xff", Account: "a"},
		"an account not UTF-8": {Service: "s", Account: "\xc3("},
		"a surrogate":          {Service: "s", Account: "\xed\xa0\x80"},
		"a service with NUL":   {Service: "s\x00", Account: "a"},
		"an account with NUL":  {Service: "s", Account: "a\x00b"},
	} {
		for _, c := range p.calls("under an invalid key") {
			if c.verb != VerbList {
				p.wantClass(c.make(p.ctx, k), string(c.verb)+" with "+name, p.allow(c.verb, store.ErrInvalid)...)
			}
		}
	}
	if after := len(p.list("")); after != before {
		p.Errorf("%d items are listed, %d before invalid keys were tried", after, before)
	}
}
