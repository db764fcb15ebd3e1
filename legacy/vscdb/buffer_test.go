package vscdb

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

// TestBufferIsNodes: the text is what JSON.stringify makes of a Buffer.
func TestBufferIsNodes(t *testing.T) {
	text := `{"type":"Buffer","data":[118,49,49,0,255]}`
	if got := encodeBuffer([]byte{'v', '1', '1', 0, 255}); got != text {
		t.Errorf("encoded %s", got)
	}
	if got := encodeBuffer(nil); got != `{"type":"Buffer","data":[]}` {
		t.Errorf("encoded %s", got)
	}
	for _, same := range []string{text, ` { "data" : [ 118, 49,49,0,255 ], "type":"Buffer" } `} {
		if got, err := decodeBuffer([]byte(same)); err != nil || !bytes.Equal(got, []byte{'v', '1', '1', 0, 255}) {
			t.Errorf("%s: %v, %v", same, got, err)
		}
	}
}

// malformed are values that no app wrote.
var malformed = []string{
	``, `null`, `[]`, `{}`, `{"type":"Buffer"}`, `{"type":"Buffer","data":null}`, `{"data":[1]}`, `{"type":"buffer ","data":[1]}`,
	`{"type":"Buffer","data":"djEx"}`, `{"type":"Buffer","data":[256]}`, `{"type":"Buffer","data":[-1]}`, `{"type":"Buffer","data":[1.5]}`,
	`{"type":"Buffer","data":[1e1000]}`, `{"type":"Buffer","data":["118"]}`, `{"type":"Buffer","data":[118,49`, `{"type":"Buffer","data":[118]}x`,
	"s3cret in clear text",
}

func TestBufferMalformed(t *testing.T) {
	for _, text := range malformed {
		if b, err := decodeBuffer([]byte(text)); !errors.Is(err, store.ErrCorrupt) || b != nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v, %v", text, b, err)
		}
	}
}

func FuzzDecodeBuffer(f *testing.F) {
	for _, text := range append(malformed, `{"type":"Buffer","data":[118,49,48]}`) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := decodeBuffer(text)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := decodeBuffer([]byte(encodeBuffer(b)))
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v, %v", again, err)
		}
	})
}

func TestStripComments(t *testing.T) {
	for in, want := range map[string]string{
		"// top\n{\"a\": 1, /* b */ \"c\": \"//no\", }": `{"a":1,"c":"//no"}`,
		`{"a":[1,2,],"b":"x\",}"}`:                      `{"a":[1,2],"b":"x\",}"}`,
		"{\"a\":1//end":                                 `{"a":1`,
		`/**/{}/***/`:                                   `{}`,
		`/*/{}`:                                         ``,
		`{"u":"http:\/\/x"}`:                            `{"u":"http:\/\/x"}`,
	} {
		var got bytes.Buffer
		out := stripComments([]byte(in))
		if len(out) != len(in) {
			t.Errorf("%q: other length", in)
		}
		if err := json.Compact(&got, out); err != nil {
			got.Reset()
			got.Write(bytes.TrimSpace(out))
		}
		if got.String() != want {
			t.Errorf("%q: %q, want %q", in, got.String(), want)
		}
	}
}

func FuzzParseArgv(f *testing.F) {
	for _, text := range []string{"", "{}", "// c\n{\"password-store\":\"basic\",}", `{"use-inmemory-secretstorage":true}`, `{"password-store":1}`, "/*", `{"a":"\`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		s, err := parseArgv(text)
		if err != nil && !errors.Is(err, store.ErrCorrupt) || err != nil && s != (settings{}) {
			t.Fatalf("%+v, %v", s, err)
		}
		if !bytes.Equal(before, text) {
			t.Fatal("the text was changed")
		}
		// What is plain JSON already means the same without comments stripped.
		if json.Valid(text) {
			if plain, failed := parseSettings(text); plain != s || (failed == nil) != (err == nil) {
				t.Fatalf("%+v, %v; as plain JSON %+v, %v", s, err, plain, failed)
			}
		}
	})
}
