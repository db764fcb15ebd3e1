package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// The file format is one JSON object a line: one for the call of an operation
// and one for its return, so that a client that is killed in between leaves an
// operation of unknown outcome and not a gap.
//
//	{"client":"a","op":0,"at":17,"kind":"set","key":"k","value":"v"}
//	{"client":"a","op":0,"at":42,"outcome":"done"}

// event is one line.
type event struct {
	Client  string  `json:"client"`
	Op      int     `json:"op"`
	At      int64   `json:"at"`
	Kind    Kind    `json:"kind,omitempty"`
	Key     string  `json:"key,omitempty"`
	Value   string  `json:"value,omitempty"`
	Outcome Outcome `json:"outcome,omitempty"`
}

// Clock tells the moments of calls and returns in nanoseconds.
type Clock func() int64

// Monotonic returns a clock that begins now and never goes back. It serves the
// clients of one process.
func Monotonic() Clock {
	begin := time.Now()
	return func() int64 { return int64(time.Since(begin)) }
}

// WallClock is the clock that several processes share. A history during which
// it was set back or forward proves nothing.
func WallClock() int64 { return time.Now().UnixNano() }

// Recorder writes operations down as they happen. Its methods may be called
// from any number of goroutines.
type Recorder struct {
	clock Clock
	mu    sync.Mutex
	out   io.Writer
	next  map[string]int
	err   error
}

// NewRecorder returns a recorder that writes to out, each line at once.
func NewRecorder(out io.Writer, clock Clock) *Recorder {
	return &Recorder{clock: clock, out: out, next: map[string]int{}}
}

// Begin notes the call of an operation. The caller calls end when the operation
// has returned, with the value if it was a Get, and never if it never returns.
func (r *Recorder) Begin(client string, kind Kind, key, value string) (end func(outcome Outcome, value string)) {
	r.mu.Lock()
	n := r.next[client]
	r.next[client]++
	r.write(event{Client: client, Op: n, At: r.clock(), Kind: kind, Key: key, Value: value})
	r.mu.Unlock()
	return func(outcome Outcome, value string) {
		at := r.clock() // before waiting for the others, who would make it late
		r.mu.Lock()
		defer r.mu.Unlock()
		r.write(event{Client: client, Op: n, At: at, Outcome: outcome, Value: value})
	}
}

func (r *Recorder) write(e event) {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = r.out.Write(append(line, '\n'))
	}
	if r.err == nil {
		r.err = err
	}
}

// Err returns the first error of writing: then the history is not complete.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Limits of what Read takes, so that a damaged file cannot take the memory.
const (
	maxBytes = 64 << 20
	maxOps   = 1 << 20
)

// Read reads the files of all recorders of one history. A last line that was
// cut off by the end of its process is left out. An operation without a return
// has outcome Unknown.
func Read(files ...io.Reader) ([]Op, error) {
	var ops []Op
	for n, f := range files {
		text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
		if err != nil {
			return nil, err
		}
		if len(text) > maxBytes {
			return nil, fmt.Errorf("history %d: more than %d bytes", n, maxBytes)
		}
		if ops, err = readOps(ops, text); err != nil {
			return nil, fmt.Errorf("history %d: %w", n, err)
		}
	}
	slices.SortStableFunc(ops, func(a, b Op) int {
		switch {
		case a.Call < b.Call:
			return -1
		case a.Call > b.Call:
			return 1
		}
		return 0
	})
	return ops, nil
}

// place names an operation among the lines of a file.
type place struct {
	client string
	op     int
}

func readOps(ops []Op, text []byte) ([]Op, error) {
	open, seen := map[place]int{}, map[place]bool{}
	for number := 1; ; number++ {
		line, rest, whole := bytes.Cut(text, []byte{'\n'})
		if !whole {
			return ops, nil
		}
		text = rest
		e, err := parseEvent(line)
		if err == nil {
			ops, err = addEvent(ops, e, open, seen)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
}

func parseEvent(line []byte) (event, error) {
	var e event
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, err
	}
	if _, err := d.Token(); err != io.EOF {
		return e, errors.New("something follows the object")
	}
	return e, nil
}

// addEvent adds a call to the operations, or a return to its call.
func addEvent(ops []Op, e event, open map[place]int, seen map[place]bool) ([]Op, error) {
	at := place{e.Client, e.Op}
	if e.Outcome == "" {
		return addCall(ops, e, at, open, seen)
	}
	n, ok := open[at]
	if !ok {
		return nil, errors.New("a return without a call")
	}
	delete(open, at)
	o := &ops[n]
	switch {
	case e.Kind != "" || e.Key != "":
		return nil, errors.New("a return with a kind or a key")
	case !slices.Contains(outcomes[o.Kind], e.Outcome):
		return nil, fmt.Errorf("a %s with the outcome %q", o.Kind, e.Outcome)
	case e.At < o.Call:
		return nil, errors.New("a return before its call")
	}
	o.Outcome, o.Return = e.Outcome, e.At
	if o.Kind == Get {
		o.Value = e.Value
	}
	if e.Outcome == Unknown {
		o.Return = never
	}
	return ops, nil
}

func addCall(ops []Op, e event, at place, open map[place]int, seen map[place]bool) ([]Op, error) {
	switch {
	case outcomes[e.Kind] == nil:
		return nil, fmt.Errorf("no kind of operation is %q", e.Kind)
	case seen[at]:
		return nil, errors.New("two calls of one operation")
	case len(ops) == maxOps:
		return nil, fmt.Errorf("more than %d operations", maxOps)
	}
	open[at], seen[at] = len(ops), true
	return append(ops, Op{Client: e.Client, Kind: e.Kind, Key: e.Key, Value: e.Value, Outcome: Unknown, Call: e.At, Return: never}), nil
}
