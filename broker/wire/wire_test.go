package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kinring/kinring/store"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name, in   string
		body, rest string
		err        error
	}{
		{"one", "Content-Length: 2\r\n\r\n{}", "{}", "", nil},
		{"two", "Content-Length: 2\r\n\r\n{}Content-", "{}", "Content-", nil},
		{"case and type", "content-length:2\r\nContent-Type: application/vscode-jsonrpc; charset=utf8\r\n\r\n{}", "{}", "", nil},
		{"unknown field", "X-Other: a:b\r\nContent-Length: 2\r\n\r\n{}", "{}", "", nil},
		{"no header yet", "Content-Le", "", "", nil},
		{"no body yet", "Content-Length: 3\r\n\r\n{}", "", "", nil},
		{"no length", "Content-Type: a\r\n\r\n{}", "", "", ErrFrame},
		{"twice", "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "", "", ErrFrame},
		{"negative", "Content-Length: -2\r\n\r\n{}", "", "", ErrFrame},
		{"plus", "Content-Length: +2\r\n\r\n{}", "", "", ErrFrame},
		{"zero", "Content-Length: 0\r\n\r\n", "", "", ErrFrame},
		{"huge", "Content-Length: 99999999999999999999\r\n\r\n", "", "", ErrFrame},
		{"too large", fmt.Sprintf("Content-Length: %d\r\n\r\n", MaxFrame+1), "", "", ErrFrameTooLarge},
		{"no colon", "Content-Length 2\r\n\r\n{}", "", "", ErrFrame},
		{"charset", "Content-Length: 2\r\nContent-Type: a; charset=latin1\r\n\r\n{}", "", "", ErrFrame},
		{"endless header", strings.Repeat("x", MaxHeader), "", "", ErrFrame},
	} {
		body, size, err := Split([]byte(c.in), MaxFrame)
		if string(body) != c.body || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", c.name, body, err)
		}
		if body != nil && c.in[size:] != c.rest {
			t.Errorf("%s: the rest is %q", c.name, c.in[size:])
		}
	}
}

// TestSplitBytewise: however a frame arrives, it is the same frame, and until it is
// complete there is none.
func TestSplitBytewise(t *testing.T) {
	frame := AppendFrame(nil, []byte(`{"jsonrpc":"2.0"}`))
	for n := range frame {
		if body, size, err := Split(frame[:n], MaxFrame); body != nil || err != nil || size != 0 && size != len(frame) {
			t.Fatalf("after %d bytes: %q, %d, %v", n, body, size, err)
		}
	}
	if body, size, err := Split(frame, MaxFrame); string(body) != `{"jsonrpc":"2.0"}` || size != len(frame) || err != nil {
		t.Errorf("%q, %d, %v", body, size, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for text, code := range map[string]int{
		`{`: CodeParse, `"x"`: CodeParse, `{"jsonrpc":"2.0","id":1,"method":1}`: CodeParse,
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}":                           CodeParse,
		` [{"jsonrpc":"2.0","id":1,"method":"ping"}]`:                                  CodeInvalidRequest,
		`{"id":1,"method":"ping"}`:                                                     CodeInvalidRequest,
		`{"jsonrpc":"1.0","id":1,"method":"ping"}`:                                     CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":{},"method":"ping"}`:                                    CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":true,"method":"ping"}`:                                  CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":null,"method":"ping"}`:                                  CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":1}`:                                                     CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":1,"method":""}`:                                         CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":"x"}}`:         CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":"` + strings.Repeat("x", MaxID) + `","method":"ping"}`:  CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", MaxMethod+1) + `"}`: CodeInvalidRequest,
	} {
		if m, refusal := Decode([]byte(text)); refusal == nil || refusal.Code != code {
			t.Errorf("%s: %+v, %v", text, m, refusal)
		}
	}
}

func TestDecode(t *testing.T) {
	m, refusal := Decode([]byte(`{"jsonrpc":"2.0","id":"a-1","method":"get","params":{"key":"auth"}}`))
	if refusal != nil || !m.IsRequest() || m.IsNotification() || string(m.ID) != `"a-1"` || m.Method != "get" {
		t.Errorf("a request: %+v, %v", m, refusal)
	}
	m, refusal = Decode([]byte(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`))
	if refusal != nil || m.IsRequest() || !m.IsNotification() {
		t.Errorf("a notification: %+v, %v", m, refusal)
	}
	m, refusal = Decode([]byte(`{"jsonrpc":"2.0","id":7,"result":null}`))
	if refusal != nil || m.IsRequest() || m.IsNotification() || string(m.Result) != "null" {
		t.Errorf("a response: %+v, %v", m, refusal)
	}
	if (Params("get", json.RawMessage(`{"key":1}`), &KeyRef{}) == nil) || (Params("get", json.RawMessage(`["auth"]`), &KeyRef{}) == nil) {
		t.Error("parameters of the wrong shape are taken")
	}
}

// TestFastEncodingsAreJSON: what writes itself says what the standard library would.
func TestFastEncodingsAreJSON(t *testing.T) {
	v := Secret("\x00\xffsecret")
	empty := Secret("")
	for _, text := range []string{"plain", `quo"te\`, "ünï\u2028", "new\nline", ""} {
		for _, x := range []any{
			Reading{Value: v, Provenance: text, Source: text, Revision: text, Generation: 7}, Item{Value: v, Record: text, Revision: text},
			Key{text, text}, KeyRef{Key: "k" + text}, KeyRef{Service: "s" + text, Account: "a" + text},
			Put{Key{text, text}, &v, text, Condition{"match", text}}, Put{Key{text, text}, &empty, text, Condition{"any", ""}},
			Set{KeyRef{Key: "k" + text}, &v}, Set{KeyRef{Service: "s" + text, Account: "a"}, &empty},
		} {
			fast, is := appendFast(nil, x)
			if !is {
				t.Fatalf("%T does not write itself", x)
			}
			want, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			if !sameJSON(fast, want) {
				t.Errorf("%T: %s, want %s", x, fast, want)
			}
		}
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && fmt.Sprint(x) == fmt.Sprint(y)
}

// TestFrames: what is framed is found again, with a header of the right length.
func TestFrames(t *testing.T) {
	for n := range 300 {
		v := Secret(bytes.Repeat([]byte{'x'}, n))
		frame, err := Request(json.RawMessage("1"), MethodSet, Set{KeyRef{Key: "auth"}, &v})
		if err != nil {
			t.Fatal(err)
		}
		body, size, err := Split(frame, MaxFrame)
		if err != nil || size != len(frame) {
			t.Fatalf("%d of %d bytes, %v", size, len(frame), err)
		}
		m, refusal := Decode(body)
		var back Set
		if refusal != nil || Params(m.Method, m.Params, &back) != nil || back.Key != "auth" || !bytes.Equal(*back.Value, v) {
			t.Fatalf("%s reads back as %+v, %v", body, m, refusal)
		}
	}
}

// TestErrors (I4, I9): every class and reason comes out as it went in, and nothing
// else does; each has a code of its own.
func TestErrors(t *testing.T) {
	seen := map[int]bool{}
	for _, class := range store.Classes() {
		code := CodeOf(class)
		if code == CodeInternal || seen[code] || code >= -32768 && code <= -32000 {
			t.Errorf("%v has the code %d", class, code)
		}
		seen[code] = true
		in := &store.Error{Class: class, Op: "get", Store: "vault", Key: "service/acco…", Detail: "why", Native: "-25300",
			Remedy: "do this", Done: []string{"a"}, Missing: []string{"b"}}
		var out *store.Error
		if back := over(t, in); !errors.As(back, &out) || store.ClassOf(back) != class || back.Error() != in.Error() {
			t.Errorf("%v became %v", in, back)
		}
		if back := over(t, class); store.ClassOf(back) != class {
			t.Errorf("a bare %v became %v", class, back)
		}
		if back := (&Error{Code: code, Message: "said by hand"}).Unwire(); store.ClassOf(back) != class {
			t.Errorf("the code of %v alone became %v", class, back)
		}
	}
	for _, reason := range []error{store.ErrOutOfReach, store.ErrAbsentByDesign, store.ErrNoService} {
		in := &store.Error{Class: store.ErrUnavailable, Reason: reason, Err: &store.Error{Class: store.ErrDenied, Detail: "inner", Remedy: "ask"}}
		back := over(t, in)
		if !errors.Is(back, reason) || errors.Is(back, store.ErrDenied) || !strings.Contains(back.Error(), "inner") || !strings.HasSuffix(back.Error(), "ask") {
			t.Errorf("%v became %v", in, back)
		}
	}
}

// TestForeignErrorsStay (I8): the text of an error that is not kinring's own is
// not told: nobody knows what it holds.
func TestForeignErrorsStay(t *testing.T) {
	back := over(t, errors.New("sk-test-secret"))
	if store.ClassOf(back) != nil || strings.Contains(back.Error(), "sk-test") {
		t.Errorf("became %v", back)
	}
}

func over(t *testing.T, err error) error {
	t.Helper()
	frame, e := Failure(json.RawMessage("1"), FromError(err))
	if e != nil {
		t.Fatal(e)
	}
	body, _, e := Split(frame, MaxFrame)
	if e != nil {
		t.Fatal(e)
	}
	m, refusal := Decode(body)
	if refusal != nil || m.Err == nil {
		t.Fatalf("%s: %v", body, refusal)
	}
	return m.Err.Unwire()
}

// TestSecretsHide (I8).
func TestSecretsHide(t *testing.T) {
	s := Secret("sk-test-secret")
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%s %x %q %#v %+v", s, s, s, s, Reading{Value: s}), s.LogValue().String(), s.String(), s.GoString()} {
		if strings.Contains(text, "sk-test") || strings.Contains(text, "736b2d") {
			t.Errorf("shows %s", text)
		}
	}
	if s.Wipe(); s[0] != 0 {
		t.Error("a wiped secret is still there")
	}
}

// TestInfo: a store's description comes out as it went in.
func TestInfo(t *testing.T) {
	all := store.Info{Kind: "vault", ID: "/a", Capabilities: store.Capabilities{AtomicAbsent: true, AtomicMatch: true, Fenced: true,
		Records: true, ReadOnly: true, Persistent: true, MayPrompt: true, MaxValue: 2560}}
	for _, info := range []store.Info{all, {Kind: "memory", ID: "1"}} {
		if back := FromInfo(info).Info(); back != info {
			t.Errorf("%+v became %+v", info, back)
		}
	}
	for _, c := range []store.Condition{store.Any(), store.Absent(), store.Match("7"), store.Match("")} {
		if back, err := FromCondition(c).Store(); err != nil || back != c {
			t.Errorf("%v became %v, %v", c, back, err)
		}
	}
	for _, c := range []Condition{{}, {If: "any", Revision: "1"}, {If: "ever"}} {
		if _, err := c.Store(); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// FuzzSplit: no input makes the framing panic, read on past its limit or find a
// frame that is not there.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"Content-Length: 2\r\n\r\n{}", "content-length: 5\r\nX: y\r\n\r\nhello", "Content-Length: 9\r\n\r\n", "\r\n\r\n", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 64
		body, size, err := Split(in, limit)
		switch {
		case err != nil:
			if !errors.Is(err, ErrFrame) || body != nil {
				t.Errorf("%q: %q, %v", in, body, err)
			}
		case body != nil:
			if len(body) == 0 || len(body) > limit || size > len(in) || !bytes.HasSuffix(in[:size], body) {
				t.Errorf("%q: %q, %d", in, body, size)
			}
		case size != 0 && size <= len(in), size > MaxHeader+limit:
			t.Errorf("%q: no body and size %d", in, size)
		}
	})
}

// FuzzScan: what is read without reflection means what the standard library says
// it means.
func FuzzScan(f *testing.F) {
	for _, s := range []string{`{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":"auth"}}`, `{ "id" : "x" , "result" : { "value" : "AA==", "generation":7 } , "jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":-1.5e3,"method":"a\u0062","params":[1,{"a":"]}"},null]}`, `{"service":"s","account":"a","value":"AAE=","record":"kr1;v;1;;","revision":"r","provenance":"p"}`,
		`{"id":1,"id":2,"value":null}`, `{}`, `{"value":"AB=="}`, `{"a":[01,1.,-0,{}],"b":tru}`, "{\"a\":\"\x01\"}", `[[[[[[[[[1]]]]]]]]]`, `{"a":1,}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if surelyValid(in) && !json.Valid(in) {
			t.Fatalf("%q is no JSON", in)
		}
		if !utf8.Valid(in) || !json.Valid(in) {
			return
		}
		if e, ok := scanEnvelope(in); ok {
			var want envelope
			if err := json.Unmarshal(in, &want); err != nil || e.JSONRPC != want.JSONRPC || !bytes.Equal(e.ID, want.ID) ||
				(e.Method == nil) != (want.Method == nil) || e.Method != nil && *e.Method != *want.Method ||
				!bytes.Equal(e.Params, want.Params) || !bytes.Equal(e.Result, want.Result) {
				t.Errorf("%q is read as %+v, want %+v, %v", in, e, want, err)
			}
		}
		for _, pair := range [][2]any{{&Key{}, &Key{}}, {&KeyRef{}, &KeyRef{}}, {&Item{}, &Item{}}, {&Reading{}, &Reading{}}, {&Written{}, &Written{}}} {
			got, want := Unmarshal(in, pair[0]), json.Unmarshal(in, pair[1])
			if (got == nil) != (want == nil) || got == nil && !reflect.DeepEqual(pair[0], pair[1]) {
				t.Errorf("%q is read as %T, %v, want %v", in, pair[0], got, want)
			}
		}
	})
}

// FuzzDecode: what is decoded can be sent on and means the same.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":"auth"}}`, `{"jsonrpc":"2.0","id":"x","result":{"value":"AA=="}}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":-31001,"message":"not found","data":{"class":"not-found"}}}`, `{"jsonrpc":"2.0","method":"changed"}`, `[]`, `{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, refusal := Decode(in)
		if refusal != nil {
			if refusal.Code == 0 || refusal.Data == nil {
				t.Errorf("%q is refused with %+v", in, refusal)
			}
			return
		}
		if m.Method == "" {
			if m.Err != nil {
				_ = m.Err.Unwire()
			}
			return
		}
		for _, into := range []any{&Hello{}, &KeyRef{}, &Set{}, &Put{}, &Remove{}, &UpdateEnd{}, &Lease{}, &Unlock{}, &Cancel{}} {
			if err := Params(m.Method, m.Params, into); err != nil && strings.Contains(err.Error(), "sk-test") {
				t.Errorf("%q: %v", in, err)
			}
		}
	})
}
