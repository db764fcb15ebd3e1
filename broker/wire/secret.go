package wire

import (
	"fmt"
	"log/slog"
)

// Secret is a value on its way through the protocol: base64 in JSON, and
// [redacted] wherever it is printed or logged. In it goes where a store.Value
// would refuse to be marshalled, and nowhere else.
type Secret []byte

const redacted = "[redacted]"

// String returns [redacted].
func (Secret) String() string { return redacted }

// GoString returns [redacted].
func (Secret) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns [redacted].
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Wipe overwrites the secret with zeros.
func (s Secret) Wipe() { clear(s) }
