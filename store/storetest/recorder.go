package storetest

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder is a test that notes how it ended instead of failing the test that
// it runs in.
type recorder struct {
	testing.TB

	mu              sync.Mutex
	failed, skipped bool
	lines           []string
	cleanups        []func()
}

// record runs f as a test of its own inside t. Its failure, also by panic, is
// not t's.
func record(t testing.TB, f func(testing.TB)) *recorder {
	r := &recorder{TB: t}
	r.guard(func() { f(r) })
	for len(r.cleanups) > 0 {
		last := len(r.cleanups) - 1
		clean := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		r.guard(clean)
	}
	return r
}

// guard runs f in a goroutine, because FailNow and SkipNow end theirs.
func (r *recorder) guard(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		f()
	}()
	<-done
}

func (r *recorder) note(line string, failed, skipped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, strings.TrimSuffix(line, "\n"))
	r.failed = r.failed || failed
	r.skipped = r.skipped || skipped
}

// log returns what the test said.
func (r *recorder) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(slices.Clone(r.lines), "\n")
}

func (r *recorder) Helper()                   {}
func (r *recorder) Log(a ...any)              { r.note(fmt.Sprintln(a...), false, false) }
func (r *recorder) Logf(f string, a ...any)   { r.note(fmt.Sprintf(f, a...), false, false) }
func (r *recorder) Fail()                     { r.note("failed", true, false) }
func (r *recorder) Error(a ...any)            { r.note(fmt.Sprintln(a...), true, false) }
func (r *recorder) Errorf(f string, a ...any) { r.note(fmt.Sprintf(f, a...), true, false) }
func (r *recorder) FailNow()                  { r.Fail(); runtime.Goexit() }
func (r *recorder) Fatal(a ...any)            { r.Error(a...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
func (r *recorder) SkipNow()                  { r.note("skipped", false, true); runtime.Goexit() }
func (r *recorder) Skip(a ...any)             { r.note(fmt.Sprintln(a...), false, true); runtime.Goexit() }
func (r *recorder) Skipf(f string, a ...any) {
	r.note(fmt.Sprintf(f, a...), false, true)
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Skipped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.skipped
}

// Cleanup registers f to run when the recorded test ends, not its parent.
func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}
