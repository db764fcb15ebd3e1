package history

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

// ticks is a clock that goes on by one with every look.
func ticks() Clock {
	var mu sync.Mutex
	var now int64
	return func() int64 {
		mu.Lock()
		defer mu.Unlock()
		now++
		return now
	}
}

func TestRecorder(t *testing.T) {
	var out bytes.Buffer
	r := NewRecorder(&out, ticks())
	endSet := r.Begin("a", Set, "k", "v\n\"")
	endGet := r.Begin("b", Get, "k", "")
	endGet(Done, "v\n\"")
	r.Begin("b", Delete, "k", "")
	endSet(Done, "")
	r.Begin("a", Get, "k", "")(Unknown, "")
	const want = `{"client":"a","op":0,"at":1,"kind":"set","key":"k","value":"v\n\""}
{"client":"b","op":0,"at":2,"kind":"get","key":"k"}
{"client":"b","op":0,"at":3,"value":"v\n\"","outcome":"done"}
{"client":"b","op":1,"at":4,"kind":"delete","key":"k"}
{"client":"a","op":0,"at":5,"outcome":"done"}
{"client":"a","op":1,"at":6,"kind":"get","key":"k"}
{"client":"a","op":1,"at":7,"outcome":"unknown"}
`
	if got := out.String(); got != want {
		t.Errorf("wrote\n%s\nwant\n%s", got, want)
	}
	ops, err := Read(&out)
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	wantOps := []Op{
		{"a", Set, "k", "v\n\"", Done, 1, 5},
		{"b", Get, "k", "v\n\"", Done, 2, 3},
		{"b", Delete, "k", "", Unknown, 4, never},
		{"a", Get, "k", "", Unknown, 6, never},
	}
	if !slices.Equal(ops, wantOps) {
		t.Errorf("read %v, want %v", ops, wantOps)
	}
}

func TestReadSeveral(t *testing.T) {
	first := `{"client":"a","op":0,"at":5,"kind":"set","key":"k","value":"x"}` + "\n" + `{"client":"a","op":0,"at":6,"outcome":"done"}` + "\n"
	second := `{"client":"a","op":0,"at":1,"kind":"get","key":"k"}` + "\n" + `{"client":"a","op":0,"at":9,"outc`
	ops, err := Read(strings.NewReader(first), strings.NewReader(second))
	want := []Op{{"a", Get, "k", "", Unknown, 1, never}, {"a", Set, "k", "x", Done, 5, 6}}
	if err != nil || !slices.Equal(ops, want) {
		t.Errorf("read %v, %v, want %v", ops, err, want)
	}
}

func TestReadRefuses(t *testing.T) {
	const call = `{"client":"a","op":0,"at":5,"kind":"get","key":"k"}`
	cases := []struct{ name, text, want string }{
		{"no JSON", "x", "line 1"},
		{"an empty line", "", "line 1: EOF"},
		{"an array", "[]", "cannot unmarshal"},
		{"an unknown field", `{"client":"a","odd":1}`, "odd"},
		{"two objects", call + call, "follows"},
		{"no kind", `{"client":"a","op":0,"at":5}`, "no kind"},
		{"a kind that is none", `{"client":"a","op":0,"at":5,"kind":"put"}`, "no kind"},
		{"a fraction", `{"client":"a","op":0.5,"at":5,"kind":"get"}`, "cannot unmarshal"},
		{"two calls", call + "\n" + call, "line 2: two calls"},
		{"a return without a call", `{"client":"a","op":0,"at":5,"outcome":"done"}`, "without a call"},
		{"two returns", call + "\n" + `{"client":"a","op":0,"at":6,"outcome":"done"}` + "\n" + `{"client":"a","op":0,"at":7,"outcome":"done"}`, "line 3: a return without"},
		{"a call after its return", call + "\n" + `{"client":"a","op":0,"at":6,"outcome":"done"}` + "\n" + call, "line 3: two calls"},
		{"a return before its call", call + "\n" + `{"client":"a","op":0,"at":4,"outcome":"done"}`, "before its call"},
		{"a return with a kind", call + "\n" + `{"client":"a","op":0,"at":6,"kind":"get","outcome":"done"}`, "with a kind"},
		{"an outcome that is none", call + "\n" + `{"client":"a","op":0,"at":6,"outcome":"maybe"}`, `"maybe"`},
		{"an outcome of another kind", call + "\n" + `{"client":"a","op":0,"at":6,"outcome":"gone"}`, `a get with the outcome "gone"`},
	}
	for _, c := range cases {
		ops, err := Read(strings.NewReader(c.text + "\n"))
		if err == nil || !strings.Contains(err.Error(), c.want) || ops != nil {
			t.Errorf("%s: read %v, %v, want an error with %q", c.name, ops, err, c.want)
		}
	}
}

// endless is a file without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestReadLimits(t *testing.T) {
	if _, err := Read(endless{}); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("an endless file: %v", err)
	}
	failing := io.MultiReader(strings.NewReader("{"), errorReader{})
	if _, err := Read(failing); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that cannot be read: %v", err)
	}
	ops := make([]Op, maxOps)
	if _, err := readOps(ops, []byte(`{"client":"a","kind":"get"}`+"\n")); err == nil || !strings.Contains(err.Error(), "operations") {
		t.Errorf("one operation too many: %v", err)
	}
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// full is a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestRecorderError(t *testing.T) {
	r := NewRecorder(full{}, ticks())
	r.Begin("a", Get, "k", "")(Absent, "")
	if !errors.Is(r.Err(), io.ErrShortWrite) {
		t.Errorf("got %v, want the error of the file", r.Err())
	}
}

func TestClocks(t *testing.T) {
	m := Monotonic()
	if a, b := m(), m(); a < 0 || b < a {
		t.Errorf("the monotonic clock went from %d to %d", a, b)
	}
	if WallClock() <= 0 {
		t.Error("the wall clock stands before 1970")
	}
}

// FuzzRead: whatever is read is well formed, and no more than one operation a line.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"client":"a","op":0,"at":1,"kind":"set","key":"k","value":"v"}` + "\n" + `{"client":"a","op":0,"at":2,"outcome":"done"}` + "\n"))
	f.Add([]byte(`{"client":"a","op":0,"at":1,"kind":"delete","key":"k"}` + "\n" + `{"client":"a","op":0,"at":2,"outcome":"unk`))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ops, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, o := range ops {
			if !slices.Contains(outcomes[o.Kind], o.Outcome) || o.Return < o.Call {
				t.Errorf("read %v", o)
			}
		}
		if len(ops) > bytes.Count(text, []byte("\n")) {
			t.Errorf("read %d operations from %d lines", len(ops), bytes.Count(text, []byte("\n")))
		}
	})
}
