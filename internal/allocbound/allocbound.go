// Package allocbound lets a test hold a parser to a stated multiple of its
// input: a few bytes that claim to be huge must not make it allocate.
package allocbound

import (
	"runtime"
	"testing"
)

// slack is what every call may allocate whatever its input: error values,
// buffers of fixed size, tables that are made once.
const slack = 2 << 20

// Check runs f and fails the test where it allocated more than multiple times
// input bytes and a fixed slack. It counts what was allocated in all, not what
// was live at once, so it also bounds work. Nothing else may run at the time.
func Check(t testing.TB, input, multiple int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(input)*uint64(multiple)+slack; got > most {
		t.Errorf("%d bytes of input made the parser allocate %d bytes; at most %d times and %d more are allowed", input, got, multiple, slack)
	}
}
