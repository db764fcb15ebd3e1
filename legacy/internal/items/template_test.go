package items

import (
	"testing"
	"unicode/utf8"

	"github.com/kinring/kinring/store"
)

func TestTemplates(t *testing.T) {
	a := Attributes{"of": "s:" + Service, "name": "<" + Account + ">", "kind": "app"}
	key := store.Key{Service: "{account}", Account: "{service}"}
	of := a.of(key)
	if of["of"] != "s:{account}" || of["name"] != "<{service}>" || of["kind"] != "app" {
		t.Errorf("a key with placeholders in it is taken for a template: %v", of)
	}
	if all := a.ofService("x"); len(all) != 2 || all["of"] != "s:x" || all["kind"] != "app" {
		t.Errorf("attributes of a service: %v", all)
	}
	if placed := a.Placed(); len(placed) != 2 || placed["kind"] != "" {
		t.Errorf("attributes with a placeholder: %v", placed)
	}
	for text, want := range map[string]string{"<a>": "a", "<<a>>": "<a>", "<>": "", "a>": "", "": ""} {
		got, ok := a.account(map[string]string{"name": text})
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: account %q, %v; want %q", text, got, ok, want)
		}
	}
}

// FuzzTemplates: an account is read back from the attributes that it makes.
func FuzzTemplates(f *testing.F) {
	f.Add("<", ">", "service", "account")
	f.Add("", "", "{account}", "{service}")
	f.Add("a", "a", "a", "aa")
	f.Fuzz(func(t *testing.T, before, after, service, account string) {
		key := store.Key{Service: service, Account: account}
		if store.CheckKey(key) != nil || !utf8.ValidString(before+after) {
			t.Skip()
		}
		a := Attributes{"service": Service, "account": before + Account + after}
		if fill(before, key) != before || fill(after, key) != after {
			t.Skip("a template has one placeholder")
		}
		if got, ok := a.account(a.of(key)); !ok || got != account {
			t.Errorf("%q comes back as %q, %v", account, got, ok)
		}
	})
}

func TestUnescape(t *testing.T) {
	for text, want := range map[string]string{"lab_2dsvc": "lab-svc", "_5fx_5f": "_x_", "login": "login", "a_2": "a_2", "_zz": "_zz", "_2": "_2"} {
		if got := unescape(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
