package jsontext

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"indented", "{\n  \"b\": 1,\n  \"a\": [true, null]\n}", `{"a":[true,null],"b":1}`},
		{"compact", `{"a":[true,null],"b":1}`, `{"a":[true,null],"b":1}`},
		{"escapes", `{"a":"\u0041\/&<\u2028"}`, `{"a":"A/&<\u2028"}`},
		{"numbers digit for digit", `{"a":1.0,"b":1e2,"c":12345678901234567890,"d":-0}`, `{"a":1.0,"b":1e2,"c":12345678901234567890,"d":-0}`},
		{"nested names", `{"z":{"b":1,"a":{}}}`, `{"z":{"a":{},"b":1}}`},
		{"any value", ` [ ] `, `[]`},
		{"a name twice", `{"a":1, "a":2}`, `{"a":1, "a":2}`},
		{"a name twice, inside", `{"z":{"a":1, "\u0061":2}}`, `{"z":{"a":1, "\u0061":2}}`},
		{"not JSON", `{"a": `, `{"a": `},
		{"empty", ``, ``},
		{"two values", `{} {}`, `{} {}`},
		{"not UTF-8", "{\"a\": \"\xff\"}", "{\"a\": \"\xff\"}"},
		{"half a surrogate pair", `{"a": "\ud800"}`, `{"a": "\ud800"}`},
		{"a replacement character", `{"a": "` + "\ufffd" + `"}`, `{"a":"` + "\ufffd" + `"}`},
		{"a surrogate pair", `{"a": "\ud83d\udd11"}`, `{"a":"` + "\U0001f511" + `"}`},
		{"too deep", nested(MaxDepth+1) + " ", nested(MaxDepth+1) + " "},
	} {
		if got := string(Canonical([]byte(c.in))); got != c.want {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
	}
}

// TestCanonicalOfOneLogin has a login as Codex writes it to its file and to a
// keyring.
func TestCanonicalOfOneLogin(t *testing.T) {
	file := []byte("{\n  \"auth_mode\": \"apikey\",\n  \"OPENAI_API_KEY\": \"sk-test-0001\"\n}")
	keyring := []byte(`{"auth_mode":"apikey","OPENAI_API_KEY":"sk-test-0001"}`)
	other := []byte(`{"auth_mode":"apikey","OPENAI_API_KEY":"sk-test-0002"}`)
	if !bytes.Equal(Canonical(file), Canonical(keyring)) {
		t.Errorf("the file's and the keyring's spelling differ: %q, %q", Canonical(file), Canonical(keyring))
	}
	if bytes.Equal(Canonical(file), Canonical(other)) {
		t.Error("two logins are equal")
	}
}

// FuzzCanonical: the form is stable, and says the same as the text.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"{ \"one\" : [1, 2] }\n", `{"a":1,"a":2}`, `"\ud800"`, `[1.0,1e400,-0]`, `{"b":{},"a":[]}`, ``, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		form := Canonical(text)
		if !bytes.Equal(text, before) {
			t.Fatalf("%q was changed to %q", before, text)
		}
		if again := Canonical(form); !bytes.Equal(again, form) {
			t.Fatalf("%q became %q, and that %q", text, form, again)
		}
		if bytes.Equal(form, text) {
			return
		}
		if !sameJSON(t, text, form) {
			t.Fatalf("%q became %q, which says something else", text, form)
		}
	})
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var sides [2]bytes.Buffer
	for i, text := range [][]byte{a, b} {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := json.NewEncoder(&sides[i]).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.Equal(sides[0].Bytes(), sides[1].Bytes())
}
