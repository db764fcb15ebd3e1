package profile

import (
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kinring/kinring/store"
)

// here is an environment without symbolic links.
func here(vars map[string]string) Environment {
	return Environment{
		OS:       "linux",
		Getenv:   func(name string) string { return vars[name] },
		HomeDir:  func() (string, error) { return "/home/alice", nil },
		Realpath: func(p string) (string, error) { return p, nil },
	}
}

func resolve(t *testing.T, p Profile, vars map[string]string) *Family {
	t.Helper()
	f, err := p.Resolve(here(vars))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func builtin(t testing.TB, name string) Profile {
	t.Helper()
	p, err := Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCodexAccounts: the accounts are those under which Codex itself stores its
// login; the digests were computed from the paths by another implementation.
func TestCodexAccounts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the known digests are of Unix paths")
	}
	for home, want := range map[string]string{
		"":                    "cli|186293cbcd01a1e8", // ~/.codex of alice
		"/home/alice/.codex":  "cli|186293cbcd01a1e8",
		"/Users/greg/.codex":  "cli|1d386b5b98ca9232",
		"/Users/greg/.codex/": "cli|1d386b5b98ca9232",
	} {
		f := resolve(t, builtin(t, "codex"), map[string]string{"CODEX_HOME": home})
		key, err := f.Key("auth")
		if err != nil || key != (store.Key{Service: "Codex Auth", Account: want}) {
			t.Errorf("CODEX_HOME=%q: %v, %v; want account %s", home, key, err, want)
		}
	}
}

func TestRealpathIsHashed(t *testing.T) {
	env := here(map[string]string{"CODEX_HOME": "/link"})
	env.Realpath = func(string) (string, error) { return "/home/alice/.codex", nil }
	f, err := builtin(t, "codex").Resolve(env)
	if err != nil {
		t.Fatal(err)
	}
	if key, _ := f.Key("auth"); key.Account != "cli|186293cbcd01a1e8" {
		t.Errorf("a link is not resolved: %s", key.Account)
	}
	if got := f.Paths()["home"]; got != "/home/alice/.codex" {
		t.Errorf("path %q", got)
	}
}

func TestKeyNames(t *testing.T) {
	f := resolve(t, builtin(t, "codex"), nil)
	auth, _ := f.Key("auth")
	cases := []struct {
		name string
		want store.Key
	}{
		{"auth", auth},
		{"mcp/linear|638130d5ab3558f4", store.Key{Service: "Codex MCP Credentials", Account: "linear|638130d5ab3558f4"}},
		{"mcp/a/b", store.Key{Service: "Codex MCP Credentials", Account: "a/b"}},
		{"other", store.Key{Service: "Codex Auth", Account: "other"}},
		{"a/b/c", store.Key{Service: "Codex Auth", Account: "a/b/c"}},
		{"My%20App/me%2Fyou", store.Key{Service: "My App", Account: "me/you"}},
		{"%6Dcp/x", store.Key{Service: "mcp", Account: "x"}},
	}
	for _, c := range cases {
		got, err := f.Key(c.name)
		if err != nil || got != c.want {
			t.Errorf("%q: %v, %v; want %v", c.name, got, err, c.want)
		}
		if back, err := f.Key(f.KeyName(c.want)); err != nil || back != c.want {
			t.Errorf("%v is printed as %q, which means %v, %v", c.want, f.KeyName(c.want), back, err)
		}
	}
}

func TestBadKeyNames(t *testing.T) {
	f := resolve(t, builtin(t, "codex"), nil)
	for name, want := range map[string]error{
		"":                              store.ErrInvalid,
		"a/":                            store.ErrInvalid,
		"/a":                            store.ErrInvalid,
		"a/%zz":                         store.ErrInvalid,
		"a/%00":                         store.ErrInvalid,
		"a/%ff":                         store.ErrInvalid,
		strings.Repeat("x", 1025):       store.ErrTooLarge,
		"mcp/" + strings.Repeat("x", 2): nil,
	} {
		if _, err := f.Key(name); !errors.Is(err, want) {
			t.Errorf("%q: %v; want %v", name, err, want)
		}
	}
}

func TestAmbiguousAlias(t *testing.T) {
	p := Profile{Name: "x", Service: "s", Keys: map[string]Key{
		"a/{n}":   {Account: "1-{n}"},
		"{n}/tok": {Account: "2-{n}"},
	}}
	f := resolve(t, p, nil)
	if _, err := f.Key("a/tok"); !errors.Is(err, store.ErrAmbiguous) {
		t.Errorf("got %v, want ambiguous", err)
	}
	for _, account := range []string{"1-tok", "2-a"} {
		key := store.Key{Service: "s", Account: account}
		if back, err := f.Key(f.KeyName(key)); err != nil || back != key {
			t.Errorf("%v is printed as %q: %v, %v", key, f.KeyName(key), back, err)
		}
	}
}

// TestKeyNamesRoundTrip: whatever list prints, get accepts, in one line.
func TestKeyNamesRoundTrip(t *testing.T) {
	f := resolve(t, builtin(t, "codex"), nil)
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab/%-|:{}\" \n\u00e9\u2028mcpauth")), 1, 12, -1)
	services := rapid.OneOf(text, rapid.SampledFrom([]string{"Codex Auth", "Codex MCP Credentials", "mcp", "auth"}))
	rapid.Check(t, func(t *rapid.T) {
		key := store.Key{Service: services.Draw(t, "service"), Account: text.Draw(t, "account")}
		name := f.KeyName(key)
		if back, err := f.Key(name); err != nil || back != key {
			t.Fatalf("%q is printed as %q, which means %q, %v", key, name, back, err)
		}
		if !plain(name) {
			t.Fatalf("%q does not stand in one line", name)
		}
	})
}

func TestParse(t *testing.T) {
	const head = "schema = 1\nname = \"x\"\nservice = \"s\"\n"
	cases := []struct{ name, text, want string }{
		{"unknown key", head + "colour = \"red\"\n", "line 4: the key \"colour\" is unknown"},
		{"unknown key in a table", head + "[[key]]\nalias = \"a\"\naccount = \"b\"\ncolor = 1\n", "line 7: the key \"key.color\" is unknown"},
		{"not TOML", head + "[[", "line 4"},
		{"wrong type", "schema = 1\nname = 5\n", "line 2"},
		{"no schema", "name = \"x\"\nservice = \"s\"\n", "schema is 0"},
		{"newer schema", "schema = 2\n", "schema is 2"},
		{"no service", "schema = 1\nname = \"x\"\n", "service"},
		{"bad name", "schema = 1\nname = \"../x\"\nservice = \"s\"\n", "not a family name"},
		{"bad preset", head + "policy = { preset = \"both\" }\n", "preset \"both\" is unknown"},
		{"bad field", head + "policy = { reads = \"lax\" }\n", "reads is \"lax\""},
		{"no alias", head + "[[key]]\naccount = \"b\"\n", "it is empty"},
		{"twice", head + "[[key]]\nalias = \"a\"\naccount = \"b\"\n[[key]]\nalias = \"a\"\naccount = \"c\"\n", "two keys have this alias"},
		{"no account", head + "[[key]]\nalias = \"a\"\n", "it is empty"},
		{"unknown variable", head + "[[key]]\nalias = \"a\"\naccount = \"{home}\"\n", "{home} is neither"},
		{"a placeholder that is a variable", head + "[vars.n]\nenv = \"N\"\n[[key]]\nalias = \"a/{n}\"\naccount = \"b{n}\"\n", "{n} is a variable too"},
		{"lost placeholder", head + "[[key]]\nalias = \"a/{n}\"\naccount = \"b\"\n", "does not use {n}"},
		{"bad value", head + "[[key]]\nalias = \"a\"\naccount = \"b\"\nvalue = \"xml\"\n", "\"xml\" is unknown"},
		{"bad share", head + "share = [\"a\"]\n", "no alias"},
		{"bad selector", head + "[[legacy]]\nlayout = \"l\"\nactive = \"x\"\n", "not SELECTOR:MODE"},
		{"reserved source", head + "[[legacy]]\nlayout = \"shared\"\n", "the name is taken"},
		{"source twice", head + "[[legacy]]\nlayout = \"l\"\n[[legacy]]\nlayout = \"l\"\n", "two sources have this name"},
		{"long source", head + "[[legacy]]\nlayout = \"abcdefghijklm\"\n", "not a source name"},
		{"bad place", head + "[vars.a]\nplaces = [\"linux:\"]\n", "is no place"},
		{"bad escape", head + "[[key]]\nalias = \"a\"\naccount = \"a\"\nescape = \"xml\"\n", "\"xml\" is unknown"},
		{"option's variable", head + "[[legacy]]\nlayout = \"l\"\noptions = { a = \"{b}\" }\n", "{b} is not a variable"},
		{"bad system", head + "[[legacy]]\nlayout = \"l\"\nos = [\"macos\"]\n", "\"macos\" is unknown"},
		{"bad team", head + "team = \"TEAM\"\n", "not a team identifier"},
		{"wildcard group", head + "team = \"ABCDE12345\"\ngroup = \"*\"\n", "not the name of an access group"},
		{"unexpanded group", head + "group = \"$(TeamIdentifierPrefix)x\"\n", "not the name of an access group"},
		{"team in the group", head + "team = \"ABCDE12345\"\ngroup = \"ABCDE12345.x\"\n", "begins with the team"},
		{"bad fallback", head + "group_fallback = \"any\"\n", "\"any\" is unknown"},
		{"fallback beside a group", head + "group = \"x\"\ngroup_fallback = \"first-entitled\"\n", "a group is named too"},
		{"bad development store", head + "development = \"keychain\"\n", "\"keychain\" is unknown"},
		{"bad form", head + "[vars.a]\nenv = \"A\"\nform = \"md5\"\n", "\"md5\" is unknown"},
		{"empty var", head + "[vars.a]\nform = \"path\"\n", "neither env nor default"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("x.toml", []byte(c.text))
			if !errors.Is(err, store.ErrInvalid) {
				t.Fatalf("got %v, want invalid", err)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "x.toml") {
				t.Errorf("%q does not name the file and %q", err, c.want)
			}
		})
	}
	if _, err := Parse("x.toml", make([]byte, MaxFile+1)); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a huge file: %v", err)
	}
}

// TestSystems: a source of another system is not there, and does not count.
func TestSystems(t *testing.T) {
	p := Profile{Name: "x", Service: "s", Keys: map[string]Key{"a": {Account: "a"}}, Legacy: []Legacy{
		{Layout: "mac", Name: "keyring", OS: []string{"darwin"}}, {Layout: "bus", Name: "keyring", OS: []string{"linux"}},
		{Layout: "file"}, {Layout: "two", OS: []string{"darwin", "windows"}}, {Layout: "three", OS: []string{"linux"}},
	}}
	for system, want := range map[string]string{"darwin": "mac file two", "linux": "bus file three", "windows": "file two", "freebsd": "file"} {
		env := here(nil)
		env.OS = system
		f, err := p.Resolve(env)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range f.Legacy {
			got = append(got, l.Layout)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", system, got, want)
		}
	}
	p.Legacy = append(p.Legacy, Legacy{Layout: "four", OS: []string{"darwin"}})
	if err := p.Check(); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "4 sources") {
		t.Errorf("four sources on one system: %v", err)
	}
}

// TestRecordHoldsAllSources: a profile that passes Check never makes a record
// that the smallest store could not hold.
func TestRecordHoldsAllSources(t *testing.T) {
	full := store.Record{Version: 1, Kind: store.KindMarker, Generation: ^uint64(0),
		KeyID: "01234567", Digest: "0123456789abcdef"}
	for i := range maxSources {
		full.Sources = append(full.Sources, store.Agreement{Source: strings.Repeat("x", 11) + string(rune('a'+i)),
			Kind: store.Held, Fingerprint: "0123456789abcdef", Pending: "0123456789abcdef"})
	}
	if _, err := full.Encode(); err != nil {
		t.Error(err)
	}
}

func TestShareAndServe(t *testing.T) {
	p := Profile{
		Name: "x", Service: "s", Share: []string{"a"},
		Keys:   map[string]Key{"a": {Account: "1"}, "b/{n}": {Account: "2-{n}", Service: "t"}},
		Legacy: []Legacy{{Layout: "all"}, {Layout: "some", Keys: []string{"b/{n}"}}},
	}
	f := resolve(t, p, nil)
	a, b, other := store.Key{Service: "s", Account: "1"}, store.Key{Service: "t", Account: "2-x"}, store.Key{Service: "s", Account: "9"}
	for key, want := range map[store.Key][3]bool{a: {true, true, false}, b: {false, true, true}, other: {false, true, false}} {
		got := [3]bool{f.Shared(key), f.Serves(p.Legacy[0], key), f.Serves(p.Legacy[1], key)}
		if got != want {
			t.Errorf("%v: shared, served by all, served by some: %v; want %v", key, got, want)
		}
	}
	if got := f.ServiceOf(p.Legacy[1]); got != "t" {
		t.Errorf("service of the source: %q", got)
	}
	if got := strings.Join(f.Services(), ","); got != "s,t" {
		t.Errorf("services: %q", got)
	}
}

func TestValueKinds(t *testing.T) {
	for _, c := range []struct {
		kind, value string
		ok          bool
	}{
		{ValueUTF8, "é", true}, {ValueUTF8, "\xff", false},
		{ValueJSON, `{"a":1}`, true}, {ValueJSON, `{"a":`, false}, {ValueJSON, "", false},
	} {
		if err := (Key{Value: c.kind}).CheckValue()([]byte(c.value)); (err == nil) != c.ok {
			t.Errorf("%s %q: %v", c.kind, c.value, err)
		}
	}
	if (Key{}).CheckValue() != nil || (Key{Value: ValueBytes}).CheckValue() != nil {
		t.Error("bytes are checked")
	}
}

func TestVariables(t *testing.T) {
	p := Profile{Name: "x", Service: "s", Vars: map[string]Var{"dir": {Env: "DIR"}}}
	if _, err := p.Resolve(here(nil)); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "DIR") {
		t.Errorf("an unset variable: %v", err)
	}
	f := resolve(t, p, map[string]string{"DIR": "sub"})
	if !filepath.IsAbs(f.Path("{dir}/x")) {
		t.Errorf("a relative path stays relative: %s", f.Path("{dir}/x"))
	}
	env := here(nil)
	env.HomeDir = func() (string, error) { return "", errors.New("no home") }
	p.Vars["dir"] = Var{Default: "~/x"}
	if _, err := p.Resolve(env); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("no home directory: %v", err)
	}
}

func TestBuiltins(t *testing.T) {
	for _, name := range Names() {
		if p := builtin(t, name); p.Name != name {
			t.Errorf("the built-in family %s calls itself %s", name, p.Name)
		}
	}
	for _, name := range []string{"", "nobody", "../profile", "codex.toml"} {
		if _, err := Builtin(name); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range Names() {
		data, _ := families.ReadFile("families/" + name + ".toml")
		f.Add(data)
	}
	f.Add([]byte("schema = 1\nname = \"x\"\nservice = \"s\"\n[[key]]\nalias = \"{a}/{b}\"\naccount = \"{b}{a}\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("f", data)
		if err != nil {
			if store.ClassOf(err) == nil {
				t.Fatalf("an error without a class: %v", err)
			}
			return
		}
		if err := p.Check(); err != nil {
			t.Fatalf("parsed, but not valid: %v", err)
		}
	})
}
