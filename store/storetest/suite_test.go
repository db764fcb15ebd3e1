package storetest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

func TestRecorder(t *testing.T) {
	cases := []struct {
		name            string
		f               func(testing.TB)
		failed, skipped bool
		log             string
	}{
		{"nothing", func(testing.TB) {}, false, false, ""},
		{"log", func(t testing.TB) { t.Log("a", 1); t.Logf("b%d", 2) }, false, false, "a 1\nb2"},
		{"error", func(t testing.TB) { t.Error("a"); t.Errorf("b%d", 2) }, true, false, "a\nb2"},
		{"fail", func(t testing.TB) { t.Fail(); t.Log("on") }, true, false, "failed\non"},
		{"fatal", func(t testing.TB) { t.Fatal("a"); t.Log("never") }, true, false, "a"},
		{"fatalf", func(t testing.TB) { t.Fatalf("a%d", 1); t.Log("never") }, true, false, "a1"},
		{"fail now", func(t testing.TB) { t.FailNow(); t.Log("never") }, true, false, "failed"},
		{"skip", func(t testing.TB) { t.Skip("a"); t.Log("never") }, false, true, "a"},
		{"skipf", func(t testing.TB) { t.Skipf("a%d", 1); t.Log("never") }, false, true, "a1"},
		{"skip now", func(t testing.TB) { t.SkipNow(); t.Log("never") }, false, true, "skipped"},
		{"cleanup", func(t testing.TB) {
			t.Cleanup(func() { t.Error("last") })
			t.Cleanup(func() { t.Log("first") })
		}, true, false, "first\nlast"},
		{"cleanup after fatal", func(t testing.TB) { t.Cleanup(func() { t.Log("cleaned") }); t.Fatal("a") }, true, false, "a\ncleaned"},
	}
	for _, c := range cases {
		r := record(t, c.f)
		if r.Failed() != c.failed || r.Skipped() != c.skipped || r.log() != c.log {
			t.Errorf("%s: failed %v, skipped %v, log %q; want %v, %v, %q", c.name, r.Failed(), r.Skipped(), r.log(), c.failed, c.skipped, c.log)
		}
	}
}

func TestRecorderPanic(t *testing.T) {
	r := record(t, func(testing.TB) { panic("oh") })
	if !r.Failed() || !strings.HasPrefix(r.log(), "panic: oh") {
		t.Errorf("failed %v with %q, want a failure that names the panic", r.Failed(), r.log())
	}
}

// TestDeviations runs one case of a store that trims values, which is known, not
// known, or known of a sound store.
func TestDeviations(t *testing.T) {
	const name = "I1/value-bytes"
	trims := valueBugs[0]
	for _, c := range []struct {
		what            string
		bug             bug
		of              string
		failed, skipped bool
	}{
		{"known", trims, name, false, true},
		{"no longer", bug{bend: plain}, name, true, false},
		{"does not apply", bug{bend: plain}, "I1/reopen", true, false},
	} {
		r := record(t, func(t testing.TB) {
			target := c.bug.target()
			deviate(t, target, capabilities(t, target), caseNamed(t, c.of), "it trims")
		})
		if r.Failed() != c.failed || r.Skipped() != c.skipped || !strings.Contains(r.log(), "it trims") {
			t.Errorf("%s: failed %v, skipped %v, log %q; want %v, %v and the reason", c.what, r.Failed(), r.Skipped(), r.log(), c.failed, c.skipped)
		}
	}
}

// TestRunDeviates lets Run itself meet a store with a known deviation.
func TestRunDeviates(t *testing.T) {
	target := bug{bend: recordBug(keepHead)}.target()
	target.Deviations = map[string]string{"I1/record-newer": "it keeps the head"}
	Run(t, target)
}

func caseNamed(t testing.TB, name string) testCase {
	for _, c := range cases {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("no case is named %s", name)
	return testCase{}
}

func TestTargetProblem(t *testing.T) {
	atomic := store.Capabilities{Persistent: true, AtomicMatch: true}
	reopen := func(testing.TB, store.Store) store.Store { return nil }
	spawn := func(testing.TB, store.Store, ...string) *exec.Cmd { return nil }
	cases := []struct {
		target Target
		caps   store.Capabilities
		want   string
	}{
		{Target{}, store.Capabilities{}, ""},
		{Target{}, store.Capabilities{AtomicAbsent: true}, ""},
		{Target{}, store.Capabilities{Persistent: true}, "Reopen"},
		{Target{Reopen: reopen}, store.Capabilities{Persistent: true}, ""},
		{Target{Reopen: reopen}, atomic, "Spawn"},
		{Target{Reopen: reopen, Spawn: spawn}, atomic, ""},
		{Target{}, store.Capabilities{ReadOnly: true}, "holds"},
		{Target{Holds: []Held{{}}}, store.Capabilities{ReadOnly: true}, ""},
		{Target{Deviations: map[string]string{"I1/reopen": "why"}}, store.Capabilities{}, ""},
		{Target{Deviations: map[string]string{"I1/reopen": ""}}, store.Capabilities{}, "no reason"},
		{Target{Deviations: map[string]string{"I1/none": "why"}}, store.Capabilities{}, "no case is"},
	}
	for i, c := range cases {
		got := c.target.problem(c.caps)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("case %d: got %q, want something with %q", i, got, c.want)
		}
	}
}

// TestCasesAreNamed: names are unique and begin with what they guard.
func TestCasesAreNamed(t *testing.T) {
	guards := map[string]bool{"I1": true, "I2": true, "I3": true, "I4": true, "I5": true, "I8": true, "I9": true, "I10": true, "limit": true, "duty": true}
	seen := map[string]bool{}
	for _, c := range cases {
		guard, rest, _ := strings.Cut(c.name, "/")
		if !guards[guard] || rest == "" || seen[c.name] {
			t.Errorf("case %q is named twice or guards nothing known", c.name)
		}
		seen[c.name] = true
	}
}

func TestWork(t *testing.T) {
	open := func() (store.Store, error) { return memory.New(), nil }
	const j = `{"Name":"w","Tries":[{"Key":{"Service":"s","Account":"a"},"Absent":true}]}`
	cases := []struct {
		name, job string
		open      func() (store.Store, error)
		in, want  string
		fails     bool
	}{
		{"sound", j, open, "go\n", ready + "\n" + `[{"Key":{"Service":"s","Account":"a"},"Won":true,"From":"","To":"1","Class":"","Text":""}]` + "\n", false},
		{"no job", "x", open, "go\n", "", true},
		{"no store", j, func() (store.Store, error) { return nil, errors.New("none") }, "go\n", "", true},
		{"no start", j, open, "", ready + "\n", true},
	}
	for _, c := range cases {
		var out bytes.Buffer
		err := work(c.job, c.open, strings.NewReader(c.in), &out)
		if (err != nil) != c.fails || out.String() != c.want {
			t.Errorf("%s: said %q with %v, want %q", c.name, out.String(), err, c.want)
		}
	}
	if err := work(j, open, strings.NewReader("go\n"), brokenPipe{}); err == nil {
		t.Error("a worker that nobody hears is content")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestWorkersThatFail: a worker that cannot do its share fails the case and does
// not hang it.
func TestWorkersThatFail(t *testing.T) {
	cases := map[string]func(testing.TB, store.Store, ...string) *exec.Cmd{
		"no such program": func(testing.TB, store.Store, ...string) *exec.Cmd {
			return exec.Command(os.DevNull + "/none")
		},
		"a program that is no worker": func(t testing.TB, _ store.Store, _ ...string) *exec.Cmd { return Reexec(t) },
		"a worker without its store": func(t testing.TB, _ store.Store, env ...string) *exec.Cmd {
			return Reexec(t, append(env, addressVariable+"=127.0.0.1:0")...)
		},
	}
	for name, spawn := range cases {
		target := served(sound)
		target.Spawn = spawn
		if r := play(t, "I3/absent-processes", target); !r.Failed() {
			t.Errorf("%s: the case passes", name)
		}
	}
}
