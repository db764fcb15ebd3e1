package profile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kinring/kinring/store"
)

var flavours = []string{"vscode", "vscode-exploration", "vscode-insiders", "vscode-oss"}

// TestF1FlavoursNeverMix: no two flavours have a service or a database in common,
// though all may be in one access group.
func TestF1FlavoursNeverMix(t *testing.T) {
	services, databases := map[string]string{}, map[string]string{}
	for _, name := range flavours {
		f := resolve(t, builtin(t, name), nil)
		if len(f.Services()) != 1 || services[f.Service] != "" {
			t.Errorf("%s: services %v, also of %s", name, f.Services(), services[f.Service])
		}
		path := f.Path(f.Legacy[0].Path)
		if databases[path] != "" || !strings.Contains(path, "state.vscdb") {
			t.Errorf("%s: %s, also of %s", name, path, databases[path])
		}
		services[f.Service], databases[path] = name, name
	}
}

// TestVSCodeAccounts: EXTENSION/KEY is the JSON under which VS Code itself files a
// secret, and back.
func TestVSCodeAccounts(t *testing.T) {
	f := resolve(t, builtin(t, "vscode"), nil)
	for name, account := range map[string]string{
		"vscode.github-authentication/github.auth": `{"extensionId":"vscode.github-authentication","key":"github.auth"}`,
		"pub.ext/a/b c":   `{"extensionId":"pub.ext","key":"a/b c"}`,
		`pub.ext/"q"\<&>`: `{"extensionId":"pub.ext","key":"\"q\"\\<&>"}`,
		"pub.ext/\n\x01é": `{"extensionId":"pub.ext","key":"\n\u0001é"}`,
	} {
		key, err := f.Key(name)
		if err != nil || key != (store.Key{Service: "com.microsoft.vscode.shared-secrets", Account: account}) {
			t.Errorf("%q: %v, %v", name, key, err)
		}
		if back, err := f.Key(f.KeyName(key)); err != nil || back != key {
			t.Errorf("%q: by its name %q it is %v, %v", name, f.KeyName(key), back, err)
		}
	}
}

// TestVSCodeShares: what is shared is the named key alone, as in the product's
// last form; the rest stays with the app.
func TestVSCodeShares(t *testing.T) {
	f := resolve(t, builtin(t, "vscode"), nil)
	for name, want := range map[string]bool{
		"vscode.github-authentication/github.auth": true, "vscode.github-authentication/other": false,
		"Vscode.github-authentication/github.auth": false, "pub.ext/github.auth": false,
	} {
		key, err := f.Key(name)
		if err != nil || f.Shared(key) != want || !f.Serves(f.Legacy[0], key) {
			t.Errorf("%s: shared %v, served %v, %v", name, f.Shared(key), f.Serves(f.Legacy[0], key), err)
		}
	}
}

// TestEscapeIsInvertible: any names come back from the account that they make.
func TestEscapeIsInvertible(t *testing.T) {
	f := resolve(t, builtin(t, "vscode"), nil)
	rapid.Check(t, func(t *rapid.T) {
		extension := rapid.StringMatching(`[a-z.-]{1,20}`).Draw(t, "extension")
		key := rapid.StringN(1, 50, 300).Draw(t, "key")
		account := aliasOf(f).account(map[string]string{"extension": extension, "key": key})
		values, ok := aliasOf(f).matchAccount(account)
		if !ok || values["extension"] != extension || values["key"] != key {
			t.Fatalf("%q and %q: %s: %v", extension, key, account, values)
		}
	})
}

func aliasOf(f *Family) aliasPattern {
	for _, a := range f.patterns {
		if a.alias == "{extension}/{key}" {
			return a
		}
	}
	panic("the profile has no pattern")
}

// TestOtherSpellingsAreNotTheAlias: an account that the app would have written in
// another way keeps its own name.
func TestOtherSpellingsAreNotTheAlias(t *testing.T) {
	f := resolve(t, builtin(t, "vscode"), nil)
	for _, account := range []string{`{"extensionId":"a","key":"\u0041"}`, `{"extensionId":"a","key":"\/"}`, `{"extensionId":"a","key":"x`, `{"extensionId":"a"}`} {
		key := store.Key{Service: f.Service, Account: account}
		if alias, _ := f.Describe(key); alias != "" {
			t.Errorf("%s: taken for %s", account, alias)
		}
		if back, err := f.Key(f.KeyName(key)); err != nil || back != key {
			t.Errorf("%s: by its name it is %v, %v", account, back, err)
		}
	}
}

// TestVSCodePlaces: where VS Code itself has its user data, in its order.
func TestVSCodePlaces(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the paths are Unix's")
	}
	for _, c := range []struct {
		os, want, argv string
		vars           map[string]string
	}{
		{"linux", "/home/alice/.config/Code", "/home/alice/.vscode/argv.json", nil},
		{"linux", "/xdg/Code", "/home/alice/.vscode/argv.json", map[string]string{"XDG_CONFIG_HOME": "/xdg"}},
		{"linux", "/home/alice/.config/Code", "/home/alice/.vscode/argv.json", map[string]string{"XDG_CONFIG_HOME": "relative", "APPDATA": "/other"}},
		{"darwin", "/home/alice/Library/Application Support/Code", "/home/alice/.vscode/argv.json", map[string]string{"XDG_CONFIG_HOME": "/xdg"}},
		{"windows", "/appdata/Code", "/home/alice/.vscode/argv.json", map[string]string{"APPDATA": "/appdata"}},
		{"linux", "/moved/Code", "/home/alice/.vscode/argv.json", map[string]string{"VSCODE_APPDATA": "/moved", "XDG_CONFIG_HOME": "/xdg"}},
		{"darwin", "/portable/user-data", "/portable/argv.json", map[string]string{"VSCODE_PORTABLE": "/portable", "VSCODE_APPDATA": "/moved"}},
		{"linux", "/told", "/portable/argv.json", map[string]string{"KINRING_VSCODE_USER_DATA": "/told", "VSCODE_PORTABLE": "/portable"}},
	} {
		env := here(c.vars)
		env.OS = c.os
		f, err := builtin(t, "vscode").Resolve(env)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Paths(); got["userdata"] != c.want || got["argv"] != c.argv {
			t.Errorf("%s %v: %v", c.os, c.vars, got)
		}
		if got := f.Options(f.Legacy[0])["userdata"]; got != c.want {
			t.Errorf("the option says %s", got)
		}
	}
}

// TestF1ServiceFrom: the flavour's own product.json names the service; one that
// names none shares nothing, and one that cannot be read is an error.
func TestF1ServiceFrom(t *testing.T) {
	p := builtin(t, "vscode")
	p.ServiceFrom = "{userdata}/product.json"
	for text, want := range map[string]string{
		`{"darwinSharedKeychainServiceName":"com.example.own"}`: "com.example.own",
		`{"darwinSharedKeychainServiceName":""}`:                "unshared",
		`{"nameShort":"Code"}`:                                  "unshared",
		`{"darwinSharedKeychainServiceName":7}`:                 "error",
		`{"darwinSharedKeychainServiceName":`:                   "error",
		`{"darwinSharedKeychainServiceName":"a\u0000b"}`:        "error",
		`[]`:   "error",
		`null`: "error",
		``:     "missing",
	} {
		env := here(nil)
		env.ReadFile = func(path string) ([]byte, error) {
			if want := filepath.FromSlash("/home/alice/.config/Code/product.json"); path != want && runtime.GOOS != "windows" {
				t.Errorf("read %s", path)
			}
			if text == "" {
				return nil, os.ErrNotExist
			}
			return []byte(text), nil
		}
		f, err := p.Resolve(env)
		switch {
		case err != nil:
			if want != "error" && want != "missing" || !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "product.json") {
				t.Errorf("%s: %v", text, err)
			}
		case want == "unshared":
			if !f.Unshared || f.Service != p.Service {
				t.Errorf("%s: %v, %s", text, f.Unshared, f.Service)
			}
		default:
			if key, err := f.Key("a.b/c"); err != nil || key.Service != want || f.Unshared {
				t.Errorf("%s: %v, %v", text, key, err)
			}
		}
	}
	p.ServiceFrom = "{nowhere}/product.json"
	if err := p.Check(); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an unknown variable: %v", err)
	}
}

// FuzzServiceFrom: whatever stands in a product.json, the family shares nothing,
// or shares under a service that a store takes, or the error names the file.
func FuzzServiceFrom(f *testing.F) {
	for _, text := range []string{`{"darwinSharedKeychainServiceName":"com.example.own"}`, `{"darwinSharedKeychainServiceName":""}`,
		`{"darwinSharedKeychainServiceName":null,"x":[{}]}`, `{"darwinSharedKeychainServiceName":7}`, `null`, `[]`, `{"a":`} {
		f.Add([]byte(text))
	}
	p := builtin(f, "vscode")
	p.ServiceFrom = "{userdata}/product.json"
	f.Fuzz(func(t *testing.T, text []byte) {
		env := here(nil)
		env.ReadFile = func(string) ([]byte, error) { return text, nil }
		family, err := p.Resolve(env)
		if err != nil {
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "product.json") {
				t.Fatal(err)
			}
			return
		}
		key := store.Key{Service: family.Service, Account: "x"}
		if err := store.CheckKey(key); err != nil || family.Unshared && family.Service != p.Service {
			t.Fatalf("%q, unshared %v: %v", family.Service, family.Unshared, err)
		}
	})
}
