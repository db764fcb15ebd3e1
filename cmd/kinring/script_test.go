package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kinring/kinring/internal/codextest"
	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/internal/tokenserver"
)

func TestMain(m *testing.M) {
	leaveKeychainsAlone()
	testscript.Main(m, map[string]func(){
		"kinring":      main,
		"codex":        codextest.Main,
		"codex-old":    codextest.OldMain,
		"exitcode":     exitCodeMain,
		refreshProgram: tokenserver.Main,
		keepProgram:    keepMain,
		seedProgram:    seedRulesMain,
		probeProgram:   probeMain,
		macProgram:     macMain,
	})
}

// scripts are the folders of scripts and what each needs besides Go. A folder
// that is not here fails TestEveryScriptIsRun.
var scripts = map[string]func(*testing.T){
	"script":  func(*testing.T) {},
	"codex":   func(t *testing.T) { codextest.Find(t) },
	"tracing": needStrace,
	"keyring": needKeyring,

	"codexkeyring": needCodexAndKeyring,
}

func TestScripts(t *testing.T)        { runScripts(t, "script") }
func TestCodexScripts(t *testing.T)   { runScripts(t, "codex") }
func TestTracingScripts(t *testing.T) { runScripts(t, "tracing") }

func runScripts(t *testing.T, folder string, variables ...string) {
	heedHangup(t)
	p := scriptParams(t, folder)
	setup := p.Setup
	p.Setup = func(e *testscript.Env) error {
		e.Vars = append(e.Vars, variables...)
		return setup(e)
	}
	testscript.Run(t, p)
}

func scriptParams(t *testing.T, folder string) testscript.Params {
	scripts[folder](t)
	return testscript.Params{
		Dir:   filepath.Join("testdata", folder),
		Setup: isolate,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"damage":     damage,
			"is":         is,
			"nothing-in": nothingIn,
			"readonly":   readOnly,
			"snapshot":   snapshot,
			"schema":     schema,
			"hugefile":   hugeFile,
			"fixture":    fixture(t),
			"await":      await,
			"vscode":     vscode,
		},
		Condition:           condition,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	}
}

// heedHangup lets the programs of scripts be hung up on, also where the tests run
// under nohup: what ignores a signal has children that do.
func heedHangup(t *testing.T) {
	t.Helper()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangup) })
}

// condition knows what the machine has beyond testscript's own conditions.
func condition(name string) (bool, error) {
	if name == "keyctl" {
		return hasKernelKeyring(), nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// TestEveryScriptIsRun: a script in a folder that no test runs guards nothing.
func TestEveryScriptIsRun(t *testing.T) {
	folders, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		found, err := filepath.Glob(filepath.Join("testdata", f.Name(), "*.txtar"))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 && scripts[f.Name()] == nil {
			t.Errorf("nothing runs the scripts in testdata/%s", f.Name())
		}
	}
	for folder := range scripts {
		found, _ := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
		if len(found) == 0 {
			t.Errorf("there are no scripts in testdata/%s", folder)
		}
	}
}

// isolate keeps a script away from the user's own files and settings.
func isolate(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, "home")
	tmp := filepath.Join(e.WorkDir, "tmp")
	for _, dir := range []string{home, tmp, filepath.Join(home, ".codex"), filepath.Join(home, "tmp")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	e.Vars = append(e.Vars,
		"HOME="+home, "USERPROFILE="+home, "LOCALAPPDATA="+filepath.Join(home, "local"),
		"XDG_DATA_HOME="+filepath.Join(home, "data"), "XDG_STATE_HOME="+filepath.Join(home, "state"),
		"XDG_CONFIG_HOME="+filepath.Join(home, "config"), "TMPDIR="+tmp, "TMP="+tmp, "TEMP="+tmp,
		"CODEX_HOME="+filepath.Join(home, ".codex"), "KINRING_FAMILY=codex",
		"KINRING_TIMEOUT=60s", // a busy machine is no failure
		"DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(e.WorkDir, "no-bus"), // never the user's own
		codextest.Variable+"="+os.Getenv(codextest.Variable),
		codextest.OldVariable+"="+os.Getenv(codextest.OldVariable))
	return nil
}

func needStrace(t *testing.T) {
	_, err := exec.LookPath("strace")
	require.Need(t, "strace", err == nil, "it shows which files a verb writes")
}

// is FILE PATH VALUE compares one value of a JSON document: `is stdout
// keys.0.verdict in-step`.
func is(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: is FILE PATH VALUE")
	}
	var doc any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &doc))
	got := "absent"
	if v, ok := lookUp(doc, strings.Split(args[1], ".")); ok {
		got = fmt.Sprint(v)
	}
	if (got == args[2]) == neg {
		ts.Fatalf("%s is %s", args[1], got)
	}
}

// indexOf returns the element that a step of a path means: a number, or the first
// one whose field has the value, as in source=authjson. It is -1 for none.
func indexOf(list []any, step string) int {
	field, value, named := strings.Cut(step, "=")
	if i, err := strconv.Atoi(step); !named && err == nil && i < len(list) {
		return i
	}
	return slices.IndexFunc(list, func(e any) bool {
		m, ok := e.(map[string]any)
		return named && ok && m[field] == value
	})
}

func lookUp(v any, path []string) (any, bool) {
	for _, step := range path {
		switch node := v.(type) {
		case map[string]any:
			next, ok := node[step]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i := indexOf(node, step)
			if i < 0 {
				return nil, false
			}
			v = node[i]
		default:
			return nil, false
		}
	}
	if v == nil {
		return "null", true
	}
	return v, true
}

// schema FILE NAME checks a document against docs/schemas/NAME-1.schema.json.
func schema(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: schema FILE NAME")
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	if err := validator(args[1]).Validate(doc); (err == nil) == neg {
		ts.Fatalf("%s: %v", args[1], err)
	}
}

func validator(name string) *jsonschema.Schema {
	return jsonschema.NewCompiler().MustCompile(filepath.Join(schemaDir, name+"-1.schema.json"))
}

// schemaDir is found before any script changes the working directory.
var schemaDir = func() string {
	dir, err := filepath.Abs(filepath.Join("..", "..", "docs", "schemas"))
	if err != nil {
		panic(err)
	}
	return dir
}()

// hugeFile FILE BYTES makes a sparse file.
func hugeFile(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: hugefile FILE BYTES")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(path, nil, 0o600))
	ts.Check(os.Truncate(path, size))
}
