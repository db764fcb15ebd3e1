package framework

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/ebitengine/purego"
	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/secitemtest"
	"github.com/kinring/kinring/store/storetest"
)

// The tests run the package's own source against libraries that stand in for
// Apple's: a double of Security on a double of CoreFoundation, or on Apple's own
// CoreFoundation. Both are of the process, so no two tests run at once.

const (
	coreVariable     = "KINRING_COREFOUNDATION_LIBRARY"
	securityVariable = "KINRING_SECURITY_LIBRARY"
)

// given: whoever started the tests named the libraries.
var given = os.Getenv(coreVariable) != ""

// double is the Mac that the libraries make, and what a test can set in it.
type double struct {
	*Framework
	reset       func()
	entitle     func(name, value ref)
	statusAt    func(nth int, status int32)
	answer      func(v ref)
	information func(v ref)
	lock        func(on int32)
	unsigned    func(on int32)
	kernel      func(status uint32, fails int32)
	sessionIs   func(session, keychain uint32, none int32)
	guestIs     func(token, requirement ref)
	socketsAre  func(status, fd int32)
	// Of CoreFoundation, for making what a test needs.
	retain      func(v ref) ref
	arrayCreate func(allocator ref, capacity index, callBacks uintptr) ref
	arrayAppend func(array, v ref)
	callBacks   uintptr
	// Of the double of CoreFoundation alone; nil on Apple's own.
	live, calls func() int
	failAt      func(nth int)
}

// libraryDir is made by the first test that builds, and removed by TestMain.
var libraryDir string

func TestMain(m *testing.M) {
	if name := os.Getenv(mistakeVariable); name != "" {
		mistake(name)
		return
	}
	storetest.WorkerMain(worker)
	code := m.Run()
	if libraryDir != "" {
		_ = os.RemoveAll(libraryDir)
	}
	os.Exit(code)
}

// Sources of the two doubles.
var (
	coreSources     = []string{"cf.c", "text.c"}
	securitySources = []string{"sec.c", "self.c", "guest.c"}
)

// compile makes a shared library of the C sources of a double.
func compile(compiler, out string, sources []string, flags ...string) error {
	args := []string{"-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-shared", "-fPIC", "-o", out}
	for _, source := range sources {
		args = append(args, filepath.Join("testdata/double", source))
	}
	if text, err := exec.Command(compiler, append(args, flags...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", compiler, sources, err, text)
	}
	return nil
}

// buildDouble makes the doubles, unless the environment names libraries already.
var buildDouble = sync.OnceValue(func() error {
	if given {
		return nil
	}
	var err error
	if libraryDir, err = os.MkdirTemp("", "framework-double-*"); err != nil {
		return err
	}
	libraries, err := doubles("gcc", libraryDir)
	if err != nil {
		return err
	}
	return setAll(libraries)
})

// doubles compiles both doubles into a folder and returns the variables that
// name them.
func doubles(compiler, dir string) (map[string]string, error) {
	cf, sec := filepath.Join(dir, "libcf.so"), filepath.Join(dir, "libsec.so")
	if err := compile(compiler, cf, coreSources, "-lpthread"); err != nil {
		return nil, err
	}
	err := compile(compiler, sec, securitySources, "-L"+dir, "-lcf", "-Wl,-rpath,$ORIGIN")
	return map[string]string{coreVariable: cf, securityVariable: sec}, err
}

func setAll(env map[string]string) error {
	for k, v := range env {
		if err := os.Setenv(k, v); err != nil {
			return err
		}
	}
	return nil
}

// needDouble skips a test where there is no compiler.
func needDouble(t testing.TB) {
	t.Helper()
	_, err := exec.LookPath("gcc")
	require.Need(t, "gcc", err == nil || given, "the C double of the frameworks is built with it")
}

// loaded loads the libraries once: their constants are made once, too.
var loaded = sync.OnceValues(func() (*double, error) {
	if err := buildDouble(); err != nil {
		return nil, err
	}
	from := paths()
	framework, err := load(from)
	if err != nil {
		return nil, err
	}
	d := &double{Framework: framework}
	return d, d.controls(from)
})

func (d *double) controls(from libraries) error {
	sec, err := purego.Dlopen(from.security, purego.RTLD_NOW)
	if err != nil {
		return err
	}
	cf, err := purego.Dlopen(from.core, purego.RTLD_NOW)
	if err != nil {
		return err
	}
	for symbol, to := range map[string]any{
		"SecDoubleReset": &d.reset, "SecDoubleEntitle": &d.entitle, "SecDoubleStatus": &d.statusAt, "SecDoubleAnswer": &d.answer,
		"SecDoubleInformation": &d.information, "SecDoubleLock": &d.lock, "SecDoubleUnsigned": &d.unsigned, "SecDoubleKernel": &d.kernel,
		"SecDoubleSession": &d.sessionIs, "SecDoubleGuest": &d.guestIs, "SecDoubleSockets": &d.socketsAre,
	} {
		purego.RegisterLibFunc(to, sec, symbol)
	}
	for symbol, to := range map[string]any{"CFRetain": &d.retain, "CFArrayCreateMutable": &d.arrayCreate, "CFArrayAppendValue": &d.arrayAppend} {
		purego.RegisterLibFunc(to, cf, symbol)
	}
	if d.callBacks, err = purego.Dlsym(cf, "kCFTypeArrayCallBacks"); err != nil {
		return err
	}
	for symbol, to := range map[string]any{"CFDoubleLive": &d.live, "CFDoubleCalls": &d.calls, "CFDoubleFailAt": &d.failAt} {
		if address, err := purego.Dlsym(cf, symbol); err == nil {
			purego.RegisterFunc(to, address)
		}
	}
	return nil
}

// open returns the double, fresh, entitled to these groups. When the test ends as
// many objects have to live as before.
func open(t testing.TB, groups ...string) *double {
	t.Helper()
	needDouble(t)
	d, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	d.reset()
	before := d.alive()
	t.Cleanup(func() {
		d.reset()
		if after := d.alive(); after != before {
			t.Errorf("%d objects of CoreFoundation leaked", after-before)
		}
	})
	d.member(t, secitem.EntitlementAccessGroups, groups...)
	return d
}

// alive returns how many objects live, as far as that can be told.
func (d *double) alive() int {
	if d.live == nil {
		return 0
	}
	return d.live()
}

// needCounts skips a test that only the double of CoreFoundation can decide.
func (d *double) needCounts(t testing.TB) {
	t.Helper()
	if d.live == nil {
		t.Skip("Apple's CoreFoundation counts no objects")
	}
}

// member sets an entitlement that is a list of texts; none is no entitlement.
func (d *double) member(t testing.TB, name string, texts ...string) {
	t.Helper()
	if len(texts) == 0 {
		return
	}
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	d.make(t, list, func(v ref) { d.named(t, name, v) })
}

func (d *double) named(t testing.TB, name string, v ref) {
	t.Helper()
	p := d.pool()
	defer p.release()
	key, err := p.string(name)
	if err != nil {
		t.Fatal(err)
	}
	d.entitle(key, v)
}

// make builds a value for as long as use runs: what secitem.Dict holds, and
// []any, map[any]any, float64, nil for a null pointer.
func (d *double) make(t testing.TB, v any, use func(ref)) {
	t.Helper()
	p := d.pool()
	defer p.release()
	made, err := d.build(p, v)
	if err != nil {
		t.Fatal(err)
	}
	use(made)
}

func (d *double) build(p *pool, v any) (ref, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case []any:
		return d.array(p, v)
	case map[any]any:
		return d.dictOf(p, v)
	case float64:
		return p.own(p.f.numberCreate(0, numberFloat64, address(&v)))
	}
	return p.value(v)
}

func (d *double) array(p *pool, members []any) (ref, error) {
	array, err := p.own(d.arrayCreate(0, 0, d.callBacks))
	for _, m := range members {
		member, e := d.build(p, m)
		if err = firstError(err, e); err != nil {
			return 0, err
		}
		d.arrayAppend(array, member)
	}
	return array, err
}

func (d *double) dictOf(p *pool, entries map[any]any) (ref, error) {
	dict, err := p.own(p.f.dictCreate(0, 0, p.keyCallBacks, p.valueCallBacks))
	for k, v := range entries {
		key, e1 := d.build(p, k)
		value, e2 := d.build(p, v)
		if err = firstError(err, e1, e2); err != nil {
			return 0, err
		}
		p.f.dictSet(dict, key, value)
	}
	return dict, err
}

func firstError(errs ...error) error {
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// fresh is open as the shared suite wants it.
func fresh(t testing.TB, groups ...string) secitem.Mac { return open(t, groups...) }

// item is what most tests store.
func item() secitem.Query { return secitemtest.Item() }

var groups = []string{secitemtest.Group, secitemtest.Other}
