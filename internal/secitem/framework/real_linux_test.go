package framework

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/ebitengine/purego"
	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/secitemtest"
)

// Apple's own CoreFoundation, as it is built for Linux: what it says about
// strings, numbers, types and lengths is no reading of ours. It counts no
// objects, so the double stays the judge of who owns what.

// unpackedVariable names the folder of scripts/fetch-corefoundation.
const unpackedVariable = "KINRING_COREFOUNDATION"

// selfVariable tells a test program that a loader started where it is.
const selfVariable = "KINRING_TEST_SELF"

// TestRealCoreFoundation runs this very binary's tests again, under the loader
// that Apple's library needs, with the double of Security on top of it.
func TestRealCoreFoundation(t *testing.T) {
	if given {
		t.Skip("libraries are named already")
	}
	if testing.Short() {
		t.Skip("runs the tests of this package once more")
	}
	dir := os.Getenv(unpackedVariable)
	require.Need(t, "corefoundation", dir != "", "scripts/fetch-corefoundation unpacks it; "+unpackedVariable+" names the folder")
	needDouble(t)
	swift := filepath.Join(dir, "usr/libexec/swift/lib/swift/linux")
	system := filepath.Join(dir, "usr/lib/x86_64-linux-gnu")
	libraries := swift + ":" + system
	sec := filepath.Join(t.TempDir(), "libsec.so")
	if err := compile("gcc", sec, securitySources, "-L"+swift, "-l:libFoundation.so", "-Wl,-rpath-link,"+libraries, "-Wl,--allow-shlib-undefined"); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(filepath.Join(system, "ld-linux-x86-64.so.2"), "--library-path", libraries, self, "-test.v", "-test.run="+onReal)
	child.Env = append(os.Environ(), coreVariable+"="+filepath.Join(swift, "libFoundation.so"), securityVariable+"="+sec, selfVariable+"="+self)
	out, err := child.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, interesting(out))
	}
	passed(t, onReal, string(out))
}

// onReal are the tests that do not count objects.
const onReal = "^(TestSuite|TestStore|TestLegacySource|TestStatuses|TestLocked|TestWrongAnswers|TestWrongQueries|TestEntitlement|TestIdentity|TestSession|TestNewerSystem|TestAppleSays|TestHeap|TestSame|FuzzAnswers|FuzzQueries|FuzzSame)$"

// interesting leaves out of a test's output what went well.
func interesting(out []byte) []byte {
	return regexp.MustCompile(`(?m)^( *--- PASS|=== RUN).*\n`).ReplaceAll(out, nil)
}

// passed fails unless each test of a pattern ran and passed.
func passed(t *testing.T, pattern, out string) {
	t.Helper()
	tests := strings.Split(strings.Trim(pattern, "^$()"), "|")
	for _, name := range tests {
		if !regexp.MustCompile(`(?m)^--- PASS: ` + name + ` `).MatchString(out) {
			t.Errorf("%s did not pass", name)
		}
	}
	t.Logf("%d tests and %d parts of them passed", len(tests), strings.Count(out, "    --- PASS: "))
}

// real returns the libraries if they are Apple's.
func real(t *testing.T) *double {
	t.Helper()
	d := open(t, groups...)
	if d.live != nil {
		t.Skip("runs on Apple's CoreFoundation, from TestRealCoreFoundation")
	}
	return d
}

// TestAppleSays: what the double takes for granted about CoreFoundation, from
// CoreFoundation itself.
func TestAppleSays(t *testing.T) {
	d := real(t)
	p := d.pool()
	defer p.release()
	half, err := p.own(d.f.stringCreate(0, first([]uint16{0xd83d, 'm'}), 2))
	if got, e := d.text(half); err != nil || e != nil || got != "\ufffdm" {
		t.Errorf("half a surrogate pair reads %q, %v, %v", got, err, e)
	}
	for _, text := range []string{"", "\x00", "\ufeffmark", "e\u0301", "\U0001f511"} {
		v, err := p.string(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.text(v); got != text || err != nil {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
	}
	for value, whole := range map[float64]bool{1: true, 1.5: false, 1e300: false, -3: true} {
		v, err := d.build(p, value)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := d.integer(v); ok != whole || ok && got != int64(value) {
			t.Errorf("the number %v is %v, %v", value, got, ok)
		}
	}
	for want, v := range map[kind]ref{booleanKind: d.yes, textKind: d.constants["svce"], unknownKind: d.null} {
		if got := d.kind(v); got != want {
			t.Errorf("a constant is of kind %d, not %d", got, want)
		}
	}
}

// mallinfo2 is glibc's struct of that name; inUse is its uordblks.
type mallinfo2 struct {
	_     [7]uintptr
	inUse uintptr
	_     [2]uintptr
}

// TestHeap: on Apple's CoreFoundation a leak shows as growth of the heap alone.
func TestHeap(t *testing.T) {
	d := real(t)
	libc, err := purego.Dlopen("libc.so.6", purego.RTLD_NOW)
	if err != nil {
		t.Fatal(err)
	}
	var info func() mallinfo2
	purego.RegisterLibFunc(&info, libc, "mallinfo2")
	// One operating-system thread: each has a heap of its own.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const rounds, slack = 2000, 64 << 10
	s := secitemtest.Stage{TB: t, Mac: d}
	grown := growth(info, rounds, func() { heapRound(s) })
	leaked := growth(info, rounds, func() { heapRound(s); _, _ = d.pool().string("a reference that is forgotten") })
	if grown > slack || leaked < grown+slack {
		t.Errorf("the heap grew by %d bytes in %d rounds, and by %d with a leak in each", grown, rounds, leaked)
	}
	t.Logf("the heap grew by %d bytes in %d rounds, and by %d with a leak in each", grown, rounds, leaked)
}

func growth(info func() mallinfo2, rounds int, round func()) int {
	for range 100 {
		round()
	}
	before := info().inUse
	for range rounds {
		round()
	}
	return int(info().inUse) - int(before)
}

func heapRound(s secitemtest.Stage) {
	s.Make(item(), "one", "gena", []byte("record"))
	query := secitemtest.But(secitemtest.Data(item()), "r_Attributes", true)
	_, copied := s.CopyMatching(query)
	updated := s.Update(item().Dict(), secitemtest.Value("two"))
	_, entitled := s.Entitlement(secitem.EntitlementAccessGroups)
	if err := firstError(copied, updated, entitled, s.Delete(item().Dict())); err != nil {
		s.Fatal(err)
	}
}
