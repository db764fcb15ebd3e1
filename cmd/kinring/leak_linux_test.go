package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// leakLab is a user whose every file can be searched for a secret.
type leakLab struct {
	*testing.T
	dir string
}

func newLeakLab(t *testing.T) *leakLab {
	t.Helper()
	l := &leakLab{t, t.TempDir()}
	for _, dir := range []string{"codex", "tmp", "run", "home"} {
		if err := os.Mkdir(l.path(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	l.run("", "init")
	return l
}

func (l *leakLab) path(name string) string { return filepath.Join(l.dir, name) }

func (l *leakLab) command(args ...string) *exec.Cmd {
	l.Helper()
	program, err := exec.LookPath("kinring")
	if err != nil {
		l.Fatal(err)
	}
	cmd := exec.CommandContext(l.Context(), program, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.path("home"), "TMPDIR=" + l.path("tmp"), "XDG_RUNTIME_DIR=" + l.path("run"),
		"CODEX_HOME=" + l.path("codex"), "KINRING_FAMILY=codex", "KINRING_VAULT=" + l.path("vault"), "KINRING_KEY_FILE=" + l.path("key"),
		reportVariable + "=" + l.path("report")}
	return cmd
}

// run runs kinring to its end and returns all that it and its child said.
func (l *leakLab) run(stdin string, args ...string) (said string) {
	l.Helper()
	cmd := l.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.Fatalf("kinring %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// report returns what the probe saw, and forgets it.
func (l *leakLab) report() probeReport {
	l.Helper()
	var r probeReport
	text, err := os.ReadFile(l.path("report"))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		l.Fatalf("the probe saw nothing: %v", err)
	}
	if len(r.ArgumentLists) > 0 || r.ParentEnvironment {
		l.Errorf("the secret is in the argument lists %v, in kinring's environment: %v", r.ArgumentLists, r.ParentEnvironment)
	}
	return r
}

// clean checks that the secret is in no file, apart from the given ones, and that
// nothing was left in the temporary folders.
func (l *leakLab) clean(apartFrom ...string) {
	l.Helper()
	err := filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for _, known := range apartFrom {
			if path == l.path(known) {
				return nil
			}
		}
		if holds(path, leakText) {
			l.Errorf("the secret is in %s", path)
		}
		return nil
	})
	if err != nil {
		l.Error(err)
	}
	for _, dir := range []string{"tmp", "run"} {
		if left, err := os.ReadDir(l.path(dir)); err != nil || len(left) > 0 {
			l.Errorf("left in %s: %v, %v", dir, left, err)
		}
	}
}

// TestSetLeaksNothing (I8): while set has the secret, and afterwards.
func TestSetLeaksNothing(t *testing.T) {
	l := newLeakLab(t)
	cmd := l.command("--json", "set", "auth")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte(leakSentinel)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"cmdline", "environ"} { // it waits for more
		if found := processesWith(file, leakText); len(found) > 0 {
			t.Errorf("the secret is in %v", found)
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil || strings.Contains(said.String(), leakText) {
		t.Errorf("set: %v, said %s", err, said.String())
	}
	l.clean()
	if got := l.run("", "get", "auth"); got != leakSentinel {
		t.Errorf("what was set reads %q", got)
	}
}

// TestExecLeaksNothing (I8): the secret is where the command line asked for it,
// and nowhere else; when the command has ended it is nowhere.
func TestExecLeaksNothing(t *testing.T) {
	l := newLeakLab(t)
	l.run(leakSentinel, "set", "auth")
	for _, c := range []struct{ file, env bool }{{true, false}, {false, true}, {true, true}} {
		args := []string{"exec"}
		if c.file {
			args = append(args, "--file", "LOGIN=auth")
		}
		if c.env {
			args = append(args, "--env", "SECRET=auth")
		}
		said := l.run("", append(args, "--", probeProgram)...)
		r := l.report()
		if r.OwnEnvironment != c.env || r.FileHolds != c.file || strings.Contains(said, leakText) {
			t.Errorf("%v: the command saw %+v; kinring said %s", args, r, said)
		}
		if c.file && (r.FileMode != 0o600 || r.DirMode.Perm() != 0o700 || !strings.HasPrefix(r.File, l.path("run"))) {
			t.Errorf("the file is %s, mode %v, in a folder with mode %v", r.File, r.FileMode, r.DirMode)
		}
		l.clean()
	}
}

// TestUpdateLeaksNothing (I8): the secret goes to the command's standard input
// and comes from its standard output.
func TestUpdateLeaksNothing(t *testing.T) {
	l := newLeakLab(t)
	l.run(leakSentinel, "set", "auth")
	said := l.run("", "--json", "update", "auth", "--", probeProgram)
	if r := l.report(); !r.Stdin || r.OwnEnvironment || strings.Contains(said, leakText) {
		t.Errorf("the command saw %+v; kinring said %s", r, said)
	}
	l.clean()
	// An older build that holds the key is given it, in its own file and nowhere
	// beside it.
	if err := os.WriteFile(l.path("codex/auth.json"), []byte(leakSentinel), 0o600); err != nil {
		t.Fatal(err)
	}
	l.run("", "delete", "auth")
	if err := os.WriteFile(l.path("codex/auth.json"), []byte(leakSentinel), 0o600); err != nil {
		t.Fatal(err)
	}
	l.run("", "update", "auth", "--", probeProgram)
	l.report()
	l.clean("codex/auth.json")
}

// TestFailuresLeakNothing (I8): what goes wrong with a secret in hand is told
// without it.
func TestFailuresLeakNothing(t *testing.T) {
	l := newLeakLab(t)
	l.run(leakSentinel, "set", "auth")
	for _, args := range [][]string{
		{"exec", "--file", "LOGIN=auth", "--", "/no/such/command"},
		{"exec", "--env", "SECRET=auth", "--env", "OTHER=missing", "--", probeProgram},
		{"update", "auth", "--", "sh", "-c", "cat >/dev/null; printf '%s' '{\"half\":'"},
		{"update", "auth", "--", "/no/such/command"},
		{"set", "auth"},
	} {
		cmd := l.command(args...)
		cmd.Stdin = strings.NewReader(leakText) // which is no login: not JSON
		out, err := cmd.CombinedOutput()
		if err == nil || strings.Contains(string(out), leakText) || len(out) == 0 {
			t.Errorf("kinring %s: %v, said %q", strings.Join(args, " "), err, out)
		}
		l.clean()
	}
}

// TestExecSignalled (I8): a kinring that is asked to end passes that on, waits,
// and takes the file away.
func TestExecSignalled(t *testing.T) {
	l := newLeakLab(t)
	l.run(leakSentinel, "set", "auth")
	// The command says when it has the file, and would wait for ever.
	script := fmt.Sprintf("trap 'exit 7' TERM; cp \"$LOGIN\" %q; echo ready; while :; do read -r line || :; done", l.path("seen"))
	cmd := l.command("exec", "--file", "LOGIN=auth", "--", "sh", "-c", script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit %d, %v; want the command's own 7", code, err)
	}
	if !holds(l.path("seen"), leakSentinel) {
		t.Error("the command did not see the file")
	}
	l.clean("seen")
}
