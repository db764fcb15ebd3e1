package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/tomltext"
	"github.com/kinring/kinring/store"
)

var theKey = store.Key{Service: "com.example", Account: "login"}

const sentinel = "sk-test-file-sentinel"

func open(t testing.TB, path, format, pointer string) store.Store {
	t.Helper()
	s, err := Layout{}.Open(store.SourceConfig{Name: "older", Path: path, Options: map[string]string{"format": format, "pointer": pointer},
		Keys: []store.SourceKey{{Key: theKey}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func item(value string) store.Item { return store.Item{Value: store.NewValue([]byte(value))} }

// TestEdits: a change touches the value and leaves every other byte as it was.
func TestEdits(t *testing.T) {
	tests := []struct {
		name, format, pointer, before string
		value                         string // in it; empty: nothing there
		put, after                    string
		deleted                       string // of after
	}{
		{"json", "json", "/a/token", "{\n  \"a\": {\n    \"token\": \"old\",\n    \"x\": 1e400\n  },\n  \"b\":[]}\n", "old",
			"new", "{\n  \"a\": {\n    \"token\": \"new\",\n    \"x\": 1e400\n  },\n  \"b\":[]}\n", "{\n  \"a\": {\n    \"x\": 1e400\n  },\n  \"b\":[]}\n"},
		{"json added", "json", "/token", "{\n  \"a\": 1\n}", "", "n\"w\u2028", "{\n  \"a\": 1,\n  \"token\": \"n\\\"w\\u2028\"\n}", "{\n  \"a\": 1\n}"},
		{"json compact", "json", "/token", `{"a":1}`, "", "new", `{"a":1,"token":"new"}`, `{"a":1}`},
		{"json nested", "json", "/x/y/z", `{}`, "", "new", `{"x": {"y": {"z": "new"}}}`, `{"x": {"y": {}}}`},
		{"json text", "json", "/t", `{"t": {"n": 1.0}}`, `{"n": 1.0}`, `[1, 2]`, `{"t": [1, 2]}`, `{}`},
		{"json list", "json", "/l/1/t", `{"l":[{"t":"a"},{"t":"b"}]}`, "b", "new", `{"l":[{"t":"a"},{"t":"new"}]}`, `{"l":[{"t":"a"},{}]}`},
		{"json escapes", "json", "/a~1b/~0", `{"a/b":{"~":"\u0041"}}`, "A", "é", `{"a/b":{"~":"é"}}`, `{"a/b":{}}`},
		{"yaml", "yaml", "/auth/token", "# login\nauth: # of the tool\n  token: \"old\" # secret\n  other: 1\n", "old",
			"new", "# login\nauth: # of the tool\n  token: \"new\" # secret\n  other: 1\n", "# login\nauth: # of the tool\n  other: 1\n"},
		{"yaml plain", "yaml", "/token", "b: [1, 2]\ntoken: abc.def\na: x\n", "abc.def", "ghi.jkl", "b: [1, 2]\ntoken: ghi.jkl\na: x\n", "b: [1, 2]\na: x\n"},
		{"yaml plain to quoted", "yaml", "/token", "token: abc\n", "abc", "yes: no # x", "token: \"yes: no # x\"\n", ""},
		{"yaml single", "yaml", "/token", "token: 'it''s'\nz: 1\n", "it's", "new", "token: \"new\"\nz: 1\n", "z: 1\n"},
		{"yaml added", "yaml", "/auth/token", "auth:\n  user: alice # who\nz: 1\n", "", "new", "auth:\n  user: alice # who\n  token: \"new\"\nz: 1\n", "auth:\n  user: alice # who\nz: 1\n"},
		{"yaml flow", "yaml", "/auth/token", "auth: {user: alice, token: old}\n", "old", "new", "auth: {user: alice, token: new}\n", "auth: {user: alice}\n"},
		{"yaml flow added", "yaml", "/auth/token", "auth: {user: alice}\n", "", "new", "auth: {token: \"new\", user: alice}\n", "auth: {user: alice}\n"},
		{"yaml nothing", "yaml", "/a/b", "# nothing yet", "", "new", "# nothing yet\na:\n  b: \"new\"\n", "# nothing yet\na:\n"},
		{"yaml null", "yaml", "/token", "token:\nb: 1\n", "", "new", "token: \"new\"\nb: 1\n", "b: 1\n"},
		{"yaml list", "yaml", "/l/0/t", "l:\n  - t: a # first\n    u: b\n", "a", "new", "l:\n  - t: new # first\n    u: b\n", "*"},
		{"yaml wide", "yaml", "/日本/é", "日本: {é: ü, x: ö}\n", "ü", "new", "日本: {é: new, x: ö}\n", "日本: {x: ö}\n"},
		{"toml", "toml", "/auth/token", "# top\n[auth] # of the tool\ntoken = 'old' # secret\nn = 1\n\n[z]\n", "old",
			"new", "# top\n[auth] # of the tool\ntoken = \"new\" # secret\nn = 1\n\n[z]\n", "# top\n[auth] # of the tool\nn = 1\n\n[z]\n"},
		{"toml dotted", "toml", "/auth/token", "auth.token = \"\"\"old\"\"\"\n", "old", "new", "auth.token = \"new\"\n", ""},
		{"toml added", "toml", "/token", "a = 1\n\n# about x\n[x]\nb = 2\n", "", "new", "a = 1\ntoken = \"new\"\n\n# about x\n[x]\nb = 2\n", "a = 1\n\n# about x\n[x]\nb = 2\n"},
		{"toml in a table", "toml", "/x/token", "[x]\nb = 2", "", "new", "[x]\nb = 2\ntoken = \"new\"\n", "[x]\nb = 2\n"},
		{"toml new table", "toml", "/x y/token", "a = 1\n", "", "n\x7fw", "a = 1\n\n[\"x y\"]\ntoken = \"n\\u007Fw\"\n", "a = 1\n\n[\"x y\"]\n"},
		{"toml inline", "toml", "/x/token", "x = {token = 'a', b = 1}\n", "a", "new", "x = {token = \"new\", b = 1}\n", "*"},
		{"toml array", "toml", "/l/1/t", "l = [{t = 'a'}, {t = 'b'}, {}] # x\n", "b", "new", "l = [{t = 'a'}, {t = \"new\"}, {}] # x\n", "*"},
		{"toml array of tables", "toml", "/l/1/s/t", "[[l]]\n[l.s]\nt = 'a'\n[[l]]\n[l.s]\nt = 'b'\n", "b", "new", "[[l]]\n[l.s]\nt = 'a'\n[[l]]\n[l.s]\nt = \"new\"\n", "[[l]]\n[l.s]\nt = 'a'\n[[l]]\n[l.s]\n"},
		{"toml added to an array of tables", "toml", "/l/0/t", "[[l]]\na = 1\n[[l]]\na = 2", "", "new", "[[l]]\na = 1\nt = \"new\"\n[[l]]\na = 2", "[[l]]\na = 1\n[[l]]\na = 2"},
		{"toml added behind lines", "toml", "/t", "a = [\n  1, # one\n]\n\n[x]\n", "", "new", "a = [\n  1, # one\n]\nt = \"new\"\n\n[x]\n", "a = [\n  1, # one\n]\n\n[x]\n"},
		{"toml added to dotted keys", "toml", "/x/y/t", "[x]\ny.a = 1\ny.b = 2 # b\nz = 3\n", "", "new", "[x]\ny.a = 1\ny.b = 2 # b\ny.t = \"new\"\nz = 3\n", "[x]\ny.a = 1\ny.b = 2 # b\nz = 3\n"},
		{"toml added to nan", "toml", "/t", "a = nan\n", "", "new", "a = nan\nt = \"new\"\n", "a = nan\n"},
		{"toml CRLF", "toml", "/x/t", "a = 1\r\n", "", "new", "a = 1\r\n\r\n[x]\r\nt = \"new\"\r\n", "a = 1\r\n\r\n[x]\r\n"},
		{"toml with a mark", "toml", "/t", "\ufeffa = 1\n", "", "new", "\ufeffa = 1\nt = \"new\"\n", "\ufeffa = 1\n"},
		{"json with a mark", "json", "/t", "\ufeff{\"t\": \"old\"}", "old", "new", "\ufeff{\"t\": \"new\"}", "\ufeff{}"},
		{"json CRLF", "json", "/t", "{\r\n\t\"a\": 1\r\n}", "", "new", "{\r\n\t\"a\": 1,\r\n\t\"t\": \"new\"\r\n}", "{\r\n\t\"a\": 1\r\n}"},
		{"json number", "json", "/n", `{"n": 12345678901234567890.50}`, "12345678901234567890.50", "1e400", `{"n": 1e400}`, `{}`},
		{"yaml with a mark", "yaml", "/t", "\ufefft: old # c\n", "old", "new", "\ufefft: new # c\n", "\ufeff"},
		{"yaml CRLF", "yaml", "/t", "a: 1 # c\r\n", "", "new", "a: 1 # c\r\nt: \"new\"\r\n", "a: 1 # c\r\n"},
		{"yaml 1.2", "yaml", "/t", "%YAML 1.2\n---\nt: old\n...\n", "old", "new", "%YAML 1.2\n---\nt: new\n...\n", "%YAML 1.2\n---\n...\n"},
		{"yaml added behind a list", "yaml", "/t", "# a\na:\n  - 1\n  - b: 2\n", "", "new", "# a\na:\n  - 1\n  - b: 2\nt: \"new\"\n", "# a\na:\n  - 1\n  - b: 2\n"},
		{"yaml merge of others", "yaml", "/p/t", "d: &d\n  u: a\np:\n  <<: [*d, {v: 1}]\n", "", "new", "d: &d\n  u: a\np:\n  t: \"new\"\n  <<: [*d, {v: 1}]\n", "d: &d\n  u: a\np:\n  <<: [*d, {v: 1}]\n"},
		{"yaml beside aliases", "yaml", "/p/t", "d: &d\n  t: a\np:\n  <<: *d # c\n  t: old\nq: *d\nr: !own {x: 1}\n", "old", "new", "d: &d\n  t: a\np:\n  <<: *d # c\n  t: new\nq: *d\nr: !own {x: 1}\n", "*"},
		{"line", "line", "", "old\r\n", "old", "new", "new\r\n", "-"},
		{"line bare", "line", "", "old", "old", "new", "new", "-"},
		{"bytes", "bytes", "", "old\n\x00", "old\n\x00", "n\r\n", "n\r\n", "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config")
			write(t, path, tt.before)
			s := open(t, path, tt.format, tt.pointer)
			i, err := s.Get(t.Context(), theKey)
			if got := string(i.Value.Bytes()); err == nil && got != tt.value || err != nil && (tt.value != "" || !errors.Is(err, store.ErrNotFound)) {
				t.Fatalf("got %q, %v", got, err)
			}
			_, err = s.Put(t.Context(), theKey, item(tt.put), store.Any())
			if !outcome(t, path, tt.before, tt.after, err) {
				return
			}
			if i, err := s.Get(t.Context(), theKey); err != nil || string(i.Value.Bytes()) != tt.put {
				t.Errorf("then got %q, %v", i.Value.Bytes(), err)
			}
			outcome(t, path, tt.after, tt.deleted, s.Delete(t.Context(), theKey, store.Any()))
		})
	}
}

// outcome compares the file with what it should be: "*" stands for a change that is
// refused as unsupported and leaves it as it was, "-" for no file. It reports a
// change that was made.
func outcome(t *testing.T, path, before, want string, err error) bool {
	t.Helper()
	got, readErr := os.ReadFile(path)
	switch {
	case want == "*":
		if !errors.Is(err, store.ErrUnsupported) || string(got) != before {
			t.Errorf("%v, and the file is %q", err, got)
		}
		return false
	case want == "-":
		if err != nil || !os.IsNotExist(readErr) {
			t.Errorf("%v, %v", err, readErr)
		}
	case err != nil || string(got) != want:
		t.Errorf("%v, the file is\n%q, want\n%q", err, got, want)
	}
	return err == nil
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRefused: what is no whole file of its format, or does not have the value
// where the pointer leads, is neither read nor written, and never "not found".
func TestRefused(t *testing.T) {
	tests := []struct {
		name, format, pointer, text string
		class                       error
	}{
		{"half a JSON", "json", "/a", `{"a": "` + sentinel, store.ErrCorrupt},
		{"empty JSON", "json", "/a", "", store.ErrCorrupt},
		{"JSON twice", "json", "/a", `{"a": "` + sentinel + `", "a": "b"}`, store.ErrCorrupt},
		{"two JSON texts", "json", "/a", `{} {}`, store.ErrCorrupt},
		{"deep JSON", "json", "/a", strings.Repeat("[", 1000) + strings.Repeat("]", 1000), store.ErrCorrupt},
		{"not UTF-8", "json", "/a", "{\"a\": \"\xff\"}", store.ErrCorrupt},
		{"YAML list", "yaml", "/a", "a: [" + sentinel, store.ErrCorrupt},
		{"YAML mapping", "yaml", "/a", "a:\n  b: " + sentinel + "\n", store.ErrCorrupt},
		{"YAML alias", "yaml", "/a", "x: &x " + sentinel + "\na: *x\n", store.ErrUnsupported},
		{"YAML alias on the way", "yaml", "/a/b", "x: &x {b: " + sentinel + "}\na: *x\n", store.ErrUnsupported},
		{"YAML merge", "yaml", "/a/b", "x: &x {b: " + sentinel + "}\na:\n  <<: *x\n  c: 1\n", store.ErrUnsupported},
		{"YAML merge of a merge", "yaml", "/a/b", "x: &x {b: " + sentinel + "}\ny: &y {<<: *x}\na: {<<: [{}, *y]}\n", store.ErrUnsupported},
		{"YAML merge without an end", "yaml", "/a/b", "a: &a\n  <<: *a\n", store.ErrUnsupported},
		{"YAML merges of merges", "yaml", "/l/b", manyMerges(20), store.ErrUnsupported},
		{"YAML merge itself", "yaml", "/a/<<", "x: &x {b: " + sentinel + "}\na:\n  <<: *x\n", store.ErrUnsupported},
		{"YAML names", "yaml", "/a", "? [a]\n: 1\na: " + sentinel + "\n", store.ErrUnsupported},
		{"YAML tag", "yaml", "/a", "a: !secret " + sentinel + "\n", store.ErrUnsupported},
		{"YAML binary", "yaml", "/a", "a: !!binary c2stdGVzdA==\n", store.ErrUnsupported},
		{"YAML to come", "yaml", "/a", "%YAML 2.0\n---\na: " + sentinel + "\n", store.ErrCorrupt},
		{"YAML bomb", "yaml", "/a", "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", store.ErrCorrupt},
		{"two YAML documents", "yaml", "/a", "a: 1\n---\na: 2\n", store.ErrUnsupported},
		{"TOML number", "toml", "/a", "a = 1\n", store.ErrCorrupt},
		{"TOML twice", "toml", "/a", "a = \"" + sentinel + "\"\na = \"b\"\n", store.ErrCorrupt},
		{"TOML twice, dotted", "toml", "/a/b", "a.b = \"" + sentinel + "\"\n[a]\nb = \"b\"\n", store.ErrCorrupt},
		{"JSON twice, escaped", "json", "/b", `{"b": "x", "a": 1, "\u0061": 2}`, store.ErrCorrupt},
		{"half a surrogate pair", "json", "/a", `{"a": "x\ud800"}`, store.ErrCorrupt},
		{"half a TOML", "toml", "/a", "a = \"" + sentinel, store.ErrCorrupt},
		{"lines", "line", "", sentinel + "\nb\n", store.ErrCorrupt},
		{"many values, JSON", "json", "/a", "{\"a\": [" + strings.Repeat("1,", maxNodes) + "1]}", store.ErrTooLarge},
		{"many values, YAML", "yaml", "/a", "a: [" + strings.Repeat("1,", maxNodes) + "]\n", store.ErrTooLarge},
		{"many keys, TOML", "toml", "/a", strings.Repeat("[[a]]\n", tomltext.MaxKeys+1), store.ErrTooLarge},
		{"large", "bytes", "", strings.Repeat("x", limit+1), store.ErrTooLarge},
		{"large value", "bytes", "", strings.Repeat("x", store.MaxValue+1), store.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config")
			write(t, path, tt.text)
			s := open(t, path, tt.format, tt.pointer)
			_, get := s.Get(t.Context(), theKey)
			_, put := s.Put(t.Context(), theKey, item("new"), store.Any())
			_, list := s.List(t.Context(), "")
			for call, err := range map[string]error{"get": get, "put": put, "list": list, "delete": s.Delete(t.Context(), theKey, store.Any())} {
				if !errors.Is(err, tt.class) || strings.Contains(err.Error(), sentinel) {
					t.Errorf("%s: %v", call, err)
				}
			}
			outcome(t, path, "", tt.text, nil)
			if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
				t.Errorf("%d files, %v", len(entries), err)
			}
		})
	}
}

// manyMerges returns mappings of which each has the one before merged into it twice.
func manyMerges(n int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 {x: " + sentinel + "}\n")
	for i := range n {
		fmt.Fprintf(&b, "a%d: &a%d {<<: [*a%d, *a%d]}\n", i+1, i+1, i, i)
	}
	fmt.Fprintf(&b, "l: {<<: *a%d}\n", n)
	return b.String()
}

// TestUneditable: a form that cannot be edited without touching what is around the
// value stays as it is; it can be read.
func TestUneditable(t *testing.T) {
	for _, tt := range []struct{ name, format, pointer, text, value string }{
		{"YAML block", "yaml", "/a", "a: |\n  old\n  lines\n", "old\nlines\n"},
		{"YAML over lines", "yaml", "/a", "a: old\n  words\n", "old words"},
		{"YAML behind a dash", "yaml", "/l/0/t", "l:\n  - u: b\n", ""},
		{"YAML with an anchor", "yaml", "/a", "a: &x old\nb: *x\n", "old"},
		{"YAML with a tag", "yaml", "/a", "a: !!str old\n", "old"},
		{"YAML with odd line ends", "yaml", "/a", "a: old\r# b\r", "old"},
		{"TOML inline table", "toml", "/a/t", "a = {b = 1}\n", ""},
		{"TOML array of tables without an index", "toml", "/l/t", "[[l]]\nt = 'old'\n", ""},
		{"a scalar on the way, JSON", "json", "/a/b", `{"a": 1}`, ""},
		{"a scalar on the way, YAML", "yaml", "/a/b", "a: 1\n", ""},
		{"a scalar on the way, TOML", "toml", "/a/b", "a = 1\n", ""},
		{"behind a list's end", "json", "/l/1", `{"l": ["x"]}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config")
			write(t, path, tt.text)
			s := open(t, path, tt.format, tt.pointer)
			i, err := s.Get(t.Context(), theKey)
			if string(i.Value.Bytes()) != tt.value || err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q, %v", i.Value.Bytes(), err)
			}
			_, err = s.Put(t.Context(), theKey, item("new"), store.Any())
			outcome(t, path, tt.text, "*", err)
		})
	}
}

func TestProfileRefused(t *testing.T) {
	abs, err := filepath.Abs("config")
	if err != nil {
		t.Fatal(err)
	}
	keys := []store.SourceKey{{Key: theKey}}
	for name, c := range map[string]store.SourceConfig{
		"no key":         {Path: abs},
		"two keys":       {Path: abs, Keys: append(keys, keys...)},
		"no path":        {Keys: keys},
		"relative path":  {Path: "config", Keys: keys},
		"unknown option": {Path: abs, Keys: keys, Options: map[string]string{"colour": "red"}},
		"unknown format": {Path: abs, Keys: keys, Options: map[string]string{"format": "xml"}},
		"no pointer":     {Path: abs, Keys: keys, Options: map[string]string{"format": "json"}},
		"bare pointer":   {Path: abs, Keys: keys, Options: map[string]string{"format": "json", "pointer": "a"}},
		"bad escape":     {Path: abs, Keys: keys, Options: map[string]string{"format": "json", "pointer": "/a~2"}},
		"deep pointer":   {Path: abs, Keys: keys, Options: map[string]string{"format": "json", "pointer": strings.Repeat("/a", 17)}},
		"vain pointer":   {Path: abs, Keys: keys, Options: map[string]string{"format": "line", "pointer": "/a"}},
	} {
		c.Name = "older"
		_, err := Layout{}.Open(c)
		var e *store.Error
		if !errors.Is(err, store.ErrInvalid) || !errors.As(err, &e) || e.Remedy == "" || e.Store != "older" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFileOnUnix: links and foreign things are refused, a wide file is read and
// written narrow, a read-only one is honoured.
func TestFileOnUnix(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs modes and symbolic links")
	}
	dir := t.TempDir()
	path, link := filepath.Join(dir, "config"), filepath.Join(dir, "link")
	write(t, path, sentinel)
	if err := errors.Join(os.Symlink(path, link), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{link, dir} {
		if _, err := open(t, p, "bytes", "").Get(t.Context(), theKey); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", p, err)
		}
	}
	s := open(t, path, "bytes", "")
	if _, err := s.Put(t.Context(), theKey, item("new"), store.Any()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), theKey, item("newer"), store.Any()); !errors.Is(err, store.ErrDenied) {
		t.Error(err)
	}
}

// TestJSONWithSpaceAround: what would be read back without its white space is not
// taken.
func TestJSONWithSpaceAround(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	write(t, path, `{"a": 1}`)
	s := open(t, path, "json", "/a")
	for _, value := range []string{" 5", "5\n", "x", ""} {
		if _, err := s.Put(t.Context(), theKey, item(value), store.Any()); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: %v", value, err)
		}
	}
	outcome(t, path, "", `{"a": 1}`, nil)
}

// TestWrittenMeanwhile: what the vendor's program wrote after the last read is
// neither replaced nor removed.
func TestWrittenMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	write(t, path, "old")
	s := open(t, path, "bytes", "").(*secret)
	c, err := s.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "a new sign-in")
	for call, err := range map[string]error{"remove": s.remove(t.Context(), c), "write": s.write(t.Context(), c, []byte("ours"))} {
		if !errors.Is(err, errMoved) {
			t.Errorf("%s: %v", call, err)
		}
	}
	outcome(t, path, "", "a new sign-in", nil)
}

// TestTwoSecretsOfOneFile: two sources of one file, which programs change at once,
// undo none of each other's changes.
func TestTwoSecretsOfOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	write(t, path, "# keep\na: x\nb: x\n")
	done := make(chan error)
	for _, pointer := range []string{"/a", "/b"} {
		s := open(t, path, "yaml", pointer)
		go func() {
			var err error
			for n := 0; n < 20 && err == nil; n++ {
				_, err = s.Put(t.Context(), theKey, item(strings.Repeat("y", n+1)), store.Any())
			}
			done <- err
		}()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	end := strings.Repeat("y", 20)
	outcome(t, path, "", "# keep\na: "+end+"\nb: "+end+"\n", nil)
}

// FuzzEdit: a change that is made can be read back; one that added something can be
// taken back, which restores every other byte; and no text makes an editor panic.
func FuzzEdit(f *testing.F) {
	for _, text := range []string{`{"a":{"b":"x"},"l":[{}]}`, "a: {b: x}\nl: [{}]\n", "[[l]]\n[a]\nc.b = 1 # c\r\n", "a: &a\n  <<: {c: 1}\nl: [*a]\n",
		"a:\r\n  c: # x\r\n    - 1\r\nz: 2", "a: { c: 1 }", "[a]\nc = [\n  1,\n] # x\n\n[b]", "{ \"a\" : { \"c\" : 1 } }", "a:\n  b: 'x' # c\n", "[a]\nb = \"x\"\n", "a.b = 'x'\nl = [{}]\n"} {
		for format := range formats {
			f.Add(format, text, "/a/b", "new")
			f.Add(format, text, "/l/0", "1")
		}
	}
	f.Fuzz(func(t *testing.T, format, text, pointer, value string) {
		e, known := formats[format]
		steps, err := parsePointer(pointer)
		if !known || err != nil || len(text) > 1<<12 || e.check([]byte(text)) != nil {
			return
		}
		e.steps = steps
		after, err := e.with([]byte(text), []byte(value))
		if err != nil {
			return
		}
		got, present, err := e.value(after)
		if err != nil || !present || string(got) != value {
			t.Fatalf("%q became %q, which gives %q, %v, %v", text, after, got, present, err)
		}
		if e.tree == nil {
			return
		}
		without, err := e.without(after)
		if err != nil {
			return
		}
		if _, present, err := e.value(without); present || err != nil {
			t.Fatalf("%q became %q, which still has it, %v", after, without, err)
		}
		if added(e, text) && string(without) != text && string(without) != string(endLine([]byte(text))) {
			t.Fatalf("%q became %q and then %q", text, after, without)
		}
	})
}

// added reports whether a value is one member more in a mapping that is there and has
// others: whoever takes it away again restores the text.
func added(e editor, text string) bool {
	root, err := e.tree.parse([]byte(text))
	mapping, _ := reach(root, e.steps[:len(e.steps)-1])
	others, _ := mapping.(map[string]any)
	_, there := others[e.steps[len(e.steps)-1]]
	return err == nil && len(others) > 0 && !there
}
