package store

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

// redacted is what a Value shows of itself, always.
const redacted = "[redacted]"

// errMarshal is what every encoder is told.
var errMarshal = errors.New("store: a secret value refuses to be marshalled; call Bytes where the secret may go")

// Value is the secret itself: any bytes, also none. It shows itself as
// [redacted] to fmt and slog and refuses to be marshalled, so that it reaches a
// log or a file only through Bytes, where a reader of the code can see it. The
// zero Value is empty.
type Value struct {
	// The bytes are behind a pointer because fmt prints what it finds in
	// unexported fields by reflection, past every method, but stops at pointers.
	p *[]byte
}

// NewValue returns a Value that holds a copy of b.
func NewValue(b []byte) Value {
	c := append([]byte{}, b...)
	return Value{p: &c}
}

// Bytes returns a copy of the secret. The caller keeps it as short as it can.
func (v Value) Bytes() []byte { return append([]byte{}, v.view()...) }

// Len returns the number of bytes.
func (v Value) Len() int { return len(v.view()) }

// Equal reports whether both hold the same bytes, in a time that depends only
// on their lengths.
func (v Value) Equal(w Value) bool { return subtle.ConstantTimeCompare(v.view(), w.view()) == 1 }

// View calls f with the secret itself, not a copy. f must neither change nor
// keep the slice.
func (v Value) View(f func([]byte)) { f(v.view()) }

// Wipe overwrites the secret with zeros and makes the value empty, and with it
// every copy of this Value. The garbage collector may have moved or copied the
// bytes before: this shortens a secret's life, it does not promise its end.
func (v Value) Wipe() {
	if v.p == nil {
		return
	}
	clear(*v.p)
	*v.p = nil
}

func (v Value) view() []byte {
	if v.p == nil {
		return nil
	}
	return *v.p
}

// String returns [redacted].
func (Value) String() string { return redacted }

// GoString returns [redacted].
func (Value) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns [redacted].
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses.
func (Value) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// MarshalText refuses.
func (Value) MarshalText() ([]byte, error) { return nil, errMarshal }

// MarshalBinary refuses.
func (Value) MarshalBinary() ([]byte, error) { return nil, errMarshal }

// GobEncode refuses.
func (Value) GobEncode() ([]byte, error) { return nil, errMarshal }
