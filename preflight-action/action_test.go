package action

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kinring/kinring/internal/require"
)

// script runs one of the action's scripts with a stand-in for kinring, and
// returns its output and exit code.
func script(t *testing.T, name, kinring string, env ...string) (string, int) {
	t.Helper()
	for _, tool := range []string{"bash", "jq"} {
		_, err := exec.LookPath(tool)
		require.Need(t, tool, err == nil, "the action's scripts are written for it")
	}
	bin := t.TempDir()
	program(t, filepath.Join(bin, "log"), `echo "amfid: $LOGGED not valid: No matching profile found, -413"`)
	standIn := filepath.Join(bin, "kinring")
	program(t, standIn, kinring)
	cmd := exec.Command("bash", name, standIn)
	cmd.Env = append(os.Environ(), append(env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// program writes a small shell program.
func program(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// report is what kinring preflight --json says of an app with these programs.
func report(paths ...string) string {
	var list []string
	for _, p := range paths {
		list = append(list, `{"path": "`+p+`", "kind": "main"}`)
	}
	list = append(list, `{"path": "Demo.app/lib", "kind": "library"}`)
	return "cat <<'END'\n{\"executables\": [" + strings.Join(list, ",") + "]}\nEND\nexit 1"
}

func TestLaunchTellsAKillFromAnEnd(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		code int
		want string
	}{
		"ends well":           {"exit 0", 0, "1 started, 0 killed"},
		"ends with a failure": {"exit 3", 0, "(exit code 3)"},
		"runs on":             {"exec sleep 60", 0, "1 started, 0 killed"},
		"ignores the end":     {"trap '' TERM; sleep 2", 0, "1 started, 0 killed"},
		"is killed":           {"kill -KILL $$", 1, "title=killed at launch"},
		"is another's":        {"exit 126", 2, "cannot run"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			program(t, filepath.Join(dir, "Demo.app", "main"), c.body)
			out, code := script(t, "launch", report("Demo.app/main"),
				"PREFLIGHT_PATH="+filepath.Join(dir, "Demo.app"), "PREFLIGHT_SECONDS=1", "LOGGED=main")
			if code != c.code || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want %d; output:\n%s", code, c.code, out)
			}
			if told := strings.Contains(out, "No matching profile found"); told != (c.code == 1) {
				t.Errorf("amfid's line: %v; output:\n%s", told, out)
			}
		})
	}
}

func TestLaunchStartsEveryProgramAndNoLibrary(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"one", "t w o", "lib"} {
		program(t, filepath.Join(dir, "Demo.app", name), "exit 0")
	}
	out, code := script(t, "launch", report("Demo.app/one", "Demo.app/t w o"), "PREFLIGHT_PATH="+filepath.Join(dir, "Demo.app")+"/.\nx.zip\n")
	if code != 0 || !strings.Contains(out, "2 started, 0 killed") || strings.Contains(out, "Demo.app/lib") || !strings.Contains(out, "x.zip is packed") {
		t.Errorf("exit code %d; output:\n%s", code, out)
	}
}

func TestLaunchOfNothingFails(t *testing.T) {
	for _, kinring := range []string{"exit 2", report()} {
		if out, code := script(t, "launch", kinring, "PREFLIGHT_PATH="+t.TempDir()); code != 2 {
			t.Errorf("exit code %d; output:\n%s", code, out)
		}
	}
}

func TestCheckPassesInputsOn(t *testing.T) {
	kinring := `for a in "$@"; do echo "[$a]"; done; exit 1`
	out, code := script(t, "check", kinring, "PREFLIGHT_PATH=a b.app\n\n$(touch x).zip", "PREFLIGHT_TEAM=TEAM", "PREFLIGHT_VERIFY_PAGES=true",
		"PREFLIGHT_PLAN=false", "PREFLIGHT_SARIF=out.sarif", "PREFLIGHT_GROUP=", "PREFLIGHT_AGAINST=old app", "PREFLIGHT_SUPPRESS=")
	want := "[preflight]\n[--expect-team=TEAM]\n[--against=old app]\n[--sarif-file=out.sarif]\n[--verify-pages]\n[--]\n[a b.app]\n[$(touch x).zip]\n"
	if out != want || code != 1 {
		t.Errorf("exit code %d; got\n%swant\n%s", code, out, want)
	}
	if out, code := script(t, "check", kinring, "PREFLIGHT_PATH=\n"); code != 2 {
		t.Errorf("without a path: exit code %d; output:\n%s", code, out)
	}
}

// action is the part of action.yml that the tests look at.
type action struct {
	Name, Description string
	Inputs            map[string]struct {
		Description string
		Required    bool
		Default     *string
	}
	Runs struct {
		Using string
		Steps []struct {
			Name, Shell, Run, Uses, If string
			Env                        map[string]string
			With                       map[string]string
		}
	}
}

func TestActionIsWellFormed(t *testing.T) {
	data, err := os.ReadFile("action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	if a.Name == "" || a.Description == "" || a.Runs.Using != "composite" || len(a.Runs.Steps) == 0 {
		t.Fatalf("incomplete: %+v", a)
	}
	for _, s := range a.Runs.Steps {
		if (s.Run == "") == (s.Uses == "") || s.Run != "" && s.Shell == "" {
			t.Errorf("step %q: needs either uses, or run with a shell", s.Name)
		}
		if strings.Contains(s.Run, "${{") {
			t.Errorf("step %q: an input written into a script can be code", s.Name)
		}
	}
	for name, in := range a.Inputs {
		if in.Description == "" || in.Required == (in.Default != nil) {
			t.Errorf("input %q: needs a description, and a default unless required", name)
		}
	}
	for _, m := range regexp.MustCompile(`inputs\.([\w-]+)`).FindAllStringSubmatch(string(data), -1) {
		if _, found := a.Inputs[m[1]]; !found {
			t.Errorf("%s is used and not declared", m[1])
		}
	}
}
