package store

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"text/template"
)

const secret = "sentinel-9d2b-of-a-secret"

func secretValue() Value { return NewValue([]byte(secret)) }

// leaks reports whether a text holds the secret in some usual spelling.
func leaks(text string) bool {
	b := []byte(secret)
	for _, spelling := range []string{secret, fmt.Sprint(b), fmt.Sprintf("%#v", b), strings.Trim(fmt.Sprintf("%#v", b), "[]byte{}"), fmt.Sprintf("%d", b),
		hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), fmt.Sprintf("% x", b), fmt.Sprintf("%o", b), fmt.Sprintf("%b", b),
		base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b)} {
		if strings.Contains(text, spelling) {
			return true
		}
	}
	return false
}

type exported struct {
	Name string
	V    Value
}

type hidden struct {
	name string
	v    Value
}

type deep struct {
	list  []Value
	table map[string]Value
	keys  map[Value]string
	ptr   *Value
	any   any
	item  Item
	array [2]Value
	next  *deep
}

// holders returns a value in every place where it may stand.
func holders() map[string]any {
	v := secretValue()
	inner := &deep{ptr: &v}
	d := deep{[]Value{v}, map[string]Value{"k": v}, map[Value]string{v: "k"}, &v, v, Item{Value: v}, [2]Value{v, v}, inner}
	return map[string]any{
		"value": v, "pointer": &v, "slice": []Value{v}, "array": [1]Value{v}, "map": map[string]Value{"k": v}, "map key": map[Value]int{v: 1},
		"exported field": exported{"n", v}, "pointer to exported field": &exported{"n", v},
		"hidden field": hidden{"n", v}, "pointer to hidden field": &hidden{"n", v},
		"interface": []any{v, &v}, "slice of structs": []hidden{{"n", v}}, "map of structs": map[string]hidden{"k": {"n", v}},
		"item": Item{Value: v}, "items": []Item{{Value: v}}, "deep": d, "pointer to deep": &d,
		"pointer to pointer": func() **Value { p := &v; return &p }(),
	}
}

func TestValueHidesFromFmt(t *testing.T) {
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%p", "%T", "%w", "%08v", "%-40s", "%.3s", "%z"}
	for name, h := range holders() {
		for _, verb := range verbs {
			if text := fmt.Sprintf(verb, h); leaks(text) {
				t.Errorf("%s with %s shows the secret: %s", name, verb, text)
			}
		}
		if leaks(fmt.Sprint(h)) || leaks(fmt.Sprintln(h)) || leaks(fmt.Errorf("wrapped: %v", h).Error()) {
			t.Errorf("%s shows the secret when printed", name)
		}
	}
	for _, verb := range verbs {
		if text := fmt.Sprintf(verb, secretValue()); text != redacted && verb != "%T" && verb != "%p" && verb != "%w" {
			t.Errorf("%s prints %q, want %q", verb, text, redacted)
		}
	}
}

func TestLeaksSees(t *testing.T) {
	for _, text := range []string{"a" + secret, fmt.Sprintf("%v", []byte(secret)), fmt.Sprintf("%x", secret), fmt.Sprintf("%#v", struct{ b []byte }{[]byte(secret)})} {
		if !leaks(text) {
			t.Errorf("the secret in %s is not seen", text)
		}
	}
}

func TestValueHidesFromLogs(t *testing.T) {
	for name, h := range holders() {
		var out bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			l := slog.New(handler)
			l.Info("message", "holder", h)
			l.With("holder", h).WithGroup("group").Error("message", slog.Group("inner", "holder", h))
		}
		log.New(&out, "", 0).Printf("%v %s %q", h, h, h)
		if err := template.Must(template.New("t").Parse(`{{.}} {{printf "%v" .}}`)).Execute(&out, h); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if out.Len() == 0 || leaks(out.String()) {
			t.Errorf("%s shows the secret in a log: %s", name, out.String())
		}
	}
}

func TestValueRefusesEncoding(t *testing.T) {
	v := secretValue()
	direct := map[string]any{"value": v, "pointer": &v, "field": exported{"n", v}, "slice": []Value{v}, "map": map[string]Value{"k": v}, "item": Item{Value: v}}
	encoders := map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"gob": func(h any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(h)
			return b.Bytes(), err
		},
		"xml": xml.Marshal,
	}
	for format, encode := range encoders {
		for name, h := range direct {
			if out, err := encode(h); err == nil || leaks(string(out)) || leaks(err.Error()) {
				t.Errorf("%s as %s: %q, %v; want an error and nothing written", name, format, out, err)
			}
		}
		for name, h := range holders() {
			if out, err := encode(h); leaks(string(out)) || err != nil && leaks(err.Error()) {
				t.Errorf("%s as %s shows the secret", name, format)
			}
		}
	}
	for name, marshal := range map[string]func() ([]byte, error){"text": v.MarshalText, "binary": v.MarshalBinary, "json": v.MarshalJSON, "gob": v.GobEncode} {
		if out, err := marshal(); err == nil || out != nil {
			t.Errorf("%s: %q, %v; want an error", name, out, err)
		}
	}
	if out, err := json.Marshal(map[Value]int{v: 1}); err == nil {
		t.Errorf("a value as a key of a JSON object: %s", out)
	}
}

func TestValueOwnsItsBytes(t *testing.T) {
	given := []byte(secret)
	v := NewValue(given)
	clear(given)
	if got := v.Bytes(); string(got) != secret {
		t.Fatalf("changing what it was made from made it %q", got)
	}
	clear(v.Bytes())
	if got := v.Bytes(); string(got) != secret {
		t.Errorf("changing its bytes made it %q", got)
	}
	v.View(func(b []byte) {
		if string(b) != secret {
			t.Errorf("View shows %q", b)
		}
	})
}

func TestValueEmpty(t *testing.T) {
	for name, v := range map[string]Value{"zero": {}, "nil": NewValue(nil), "empty": NewValue([]byte{})} {
		if v.Len() != 0 || len(v.Bytes()) != 0 || v.Bytes() == nil || !v.Equal(Value{}) || v.String() != redacted {
			t.Errorf("%s: %d bytes, shown as %q", name, v.Len(), v)
		}
		v.Wipe()
		v.View(func(b []byte) {
			if len(b) != 0 {
				t.Errorf("%s shows %d bytes", name, len(b))
			}
		})
	}
}

func TestValueEqual(t *testing.T) {
	texts := []string{"", "a", "b", "ab", "a\x00", "\x00", secret}
	for _, x := range texts {
		for _, y := range texts {
			if got := NewValue([]byte(x)).Equal(NewValue([]byte(y))); got != (x == y) {
				t.Errorf("%q equals %q: %v", x, y, got)
			}
		}
	}
}

func TestValueWipe(t *testing.T) {
	v := secretValue()
	twin := v
	apart := NewValue(v.Bytes())
	var held []byte
	v.View(func(b []byte) { held = b })
	v.Wipe()
	if v.Len() != 0 || twin.Len() != 0 {
		t.Errorf("%d and %d bytes are left after a wipe", v.Len(), twin.Len())
	}
	if slices.ContainsFunc(held, func(b byte) bool { return b != 0 }) {
		t.Error("the bytes were not overwritten")
	}
	if string(apart.Bytes()) != secret {
		t.Error("a value of its own was wiped too")
	}
}
