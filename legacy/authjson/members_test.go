package authjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/jsontext"
)

func nested(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }

// pretty is an object in which white space, escapes and brackets in strings are
// where a careless scanner stumbles.
const pretty = ` {
  "one" : { "a": "}\"," , "b": [1, 2] } ,
  "tw\u006f": "x{" ,
  "three": -1.5e3,
  "four":{}
}
`

func TestMembers(t *testing.T) {
	o, err := parseObject([]byte(pretty))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"one": `{ "a": "}\"," , "b": [1, 2] }`, "two": `"x{"`, "three": "-1.5e3", "four": "{}"}
	for _, m := range o.members {
		name := o.nameOf(m)
		if got := string(m.value.of(o.text)); got != want[name] {
			t.Errorf("%s is %q; want %q", name, got, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct{ name, text, edit, want string }{
		{"without the first", `{"a":1, "b":2,"c":3}`, "-a", `{"b":2,"c":3}`},
		{"without one between", `{"a":1, "b":2,"c":3}`, "-b", `{"a":1, "c":3}`},
		{"without the last", "{\"a\":1, \"b\":2,\n \"c\":3\n}", "-c", "{\"a\":1, \"b\":2\n}"},
		{"without the only one", "{ \"a\" : 1 }\n", "-a", "{  }\n"},
		{"with another value", `{"a" : {"x": [1]} , "b":2}`, "=a", `{"a" : {"new":1} , "b":2}`},
		{"with the last replaced", `{"a":1,"b":2 }`, "=b", `{"a":1,"b":{"new":1} }`},
		{"appended to nothing", ` { } `, "+n", ` {"n":{"new":1} } `},
		{"appended", "{\"a\":1\n}", "+n", "{\"a\":1,\"n\":{\"new\":1}\n}"},
		{"appended, name escaped", `{"a":1}`, "+\"&<\n\u2028", `{"a":1,"\"&<\n\u2028":{"new":1}}`},
	} {
		o, err := parseObject([]byte(c.text))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := string(edited(t, o, c.edit)); got != c.want {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
	}
}

// edited applies an edit: - and a name, = and a name, + and a name.
func edited(t *testing.T, o object, edit string) []byte {
	t.Helper()
	name, value := edit[1:], []byte(`{"new":1}`)
	i, err := o.find(name)
	if err != nil {
		t.Fatal(err)
	}
	switch edit[0] {
	case '-':
		return o.without(i)
	case '=':
		return o.with(i, value)
	}
	return o.appended(name, value)
}

func TestFindTwice(t *testing.T) {
	o, err := parseObject([]byte(`{"a":1,"b":2,"\u0061":3}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"a": -1, "b": 1, "c": -1} {
		i, err := o.find(name)
		if i != want || errors.Is(err, errEntryTwice) != (name == "a") {
			t.Errorf("find %s: %d, %v", name, i, err)
		}
	}
}

func TestTooManyMembers(t *testing.T) {
	full := func(n int) []byte {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%d":0`, i)
		}
		return []byte("{" + b.String()[1:] + "}")
	}
	if o, err := parseObject(full(maxMembers)); err != nil || len(o.members) != maxMembers {
		t.Errorf("%d members: %d, %v", maxMembers, len(o.members), err)
	}
	if _, err := parseObject(full(maxMembers + 1)); !errors.Is(err, errTooMany) {
		t.Errorf("one member more: %v; want %v", err, errTooMany)
	}
}

// FuzzMembers edits whatever parses, and holds each edit to its word: what is
// outside the entry stays byte for byte, and the result is an object with
// exactly the members that it should have.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{`{}`, pretty, `{"a":1,"a":2}`, nested(jsontext.MaxDepth), `{"":[{"\\":"\\\""}]}`, `[1]`, "{\"\xff\":1}", `{"a":`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := parseObject(text)
		if (err == nil) != (jsontext.CheckObject(text) == nil) && !errors.Is(err, errTooMany) {
			t.Fatalf("parse says %v, check says %v", err, jsontext.CheckObject(text))
		}
		if err != nil {
			return
		}
		checkParsed(t, o)
		for i := range o.members {
			checkWithout(t, o, i)
			checkWith(t, o, i)
		}
		checkAppended(t, o)
	})
}

// reference reads an object's names and values, compact, with the standard
// library.
func reference(t *testing.T, text []byte) (names, values []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		names, values = append(names, name.(string)), append(values, string(value))
	}
	return names, values
}

func checkParsed(t *testing.T, o object) {
	names, values := reference(t, o.text)
	if len(names) != len(o.members) {
		t.Fatalf("%q has %d members; want %d", o.text, len(o.members), len(names))
	}
	for i, m := range o.members {
		if o.nameOf(m) != names[i] || string(m.value.of(o.text)) != values[i] {
			t.Fatalf("%q: member %d is %q, %q; want %q, %q", o.text, i, o.nameOf(m), m.value.of(o.text), names[i], values[i])
		}
	}
}

func checkResult(t *testing.T, o object, result []byte, wantNames, wantValues []string) {
	t.Helper()
	if err := jsontext.CheckObject(result); err != nil {
		t.Fatalf("%q became %q: %v", o.text, result, err)
	}
	names, values := reference(t, result)
	if fmt.Sprintf("%q", names) != fmt.Sprintf("%q", wantNames) || fmt.Sprintf("%q", values) != fmt.Sprintf("%q", wantValues) {
		t.Fatalf("%q became %q, with %q, %q; want %q, %q", o.text, result, names, values, wantNames, wantValues)
	}
}

// without i leaves everything before the member (or the comma before it) and
// everything after it (or the comma after it).
func checkWithout(t *testing.T, o object, i int) {
	names, values := reference(t, o.text)
	result := o.without(i)
	checkResult(t, o, result, append(names[:i:i], names[i+1:]...), append(values[:i:i], values[i+1:]...))
	cut := len(o.text) - len(result)
	head := 0
	for head < len(result) && result[head] == o.text[head] {
		head++
	}
	tail := result[min(head, len(result)):]
	if !bytes.HasSuffix(o.text, tail) || cut < o.members[i].value.end-o.members[i].name.start {
		t.Fatalf("%q became %q: more than one part was changed", o.text, result)
	}
	if removed := strings.Count(string(o.text), ",") - strings.Count(string(result), ","); len(o.members) > 1 && removed < 1 {
		t.Fatalf("%q became %q: the comma stayed", o.text, result)
	}
}

func checkWith(t *testing.T, o object, i int) {
	names, values := reference(t, o.text)
	const value = `{"new":["}"]}`
	if jsontext.TooDeep([]byte(`{"":` + value + `}`)) {
		t.Fatal("the test's own value is too deep")
	}
	values[i] = value
	result := o.with(i, []byte(value))
	checkResult(t, o, result, names, values)
	v := o.members[i].value
	if !bytes.Equal(result[:v.start], o.text[:v.start]) || !bytes.Equal(result[v.start+len(value):], o.text[v.end:]) {
		t.Fatalf("%q became %q: something else was changed", o.text, result)
	}
}

func checkAppended(t *testing.T, o object) {
	names, values := reference(t, o.text)
	const name, value = "new \"name\"\u2028", `{"new":1}`
	result := o.appended(name, []byte(value))
	checkResult(t, o, result, append(names, name), append(values, value))
	added := len(result) - len(o.text)
	at := 0
	for at < len(o.text) && result[at] == o.text[at] {
		at++
	}
	if !bytes.HasSuffix(result, o.text[at:]) || added <= len(value) {
		t.Fatalf("%q became %q: something else was changed", o.text, result)
	}
}
