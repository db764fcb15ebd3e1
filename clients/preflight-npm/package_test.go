package preflightnpm

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/internal/signfixture"
)

// npmNames are npm's words for what Go calls otherwise.
var npmNames = map[string]string{"windows": "win32", "amd64": "x64"}

func npmName(goName string) string {
	if n, found := npmNames[goName]; found {
		return n
	}
	return goName
}

func host() string { return npmName(runtime.GOOS) + "-" + npmName(runtime.GOARCH) }

// command runs a program and returns its output and exit code.
func command(t *testing.T, dir, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	// npm keeps to this directory, and to what it is given
	cmd.Env = append(os.Environ(), "npm_config_cache="+filepath.Join(dir, ".npm"), "npm_config_offline=true",
		"npm_config_ignore_scripts=true", "npm_config_update_notifier=false", "npm_config_fund=false", "npm_config_audit=false")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func must(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, code := command(t, dir, name, args...)
	if code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s", name, strings.Join(args, " "), code, out)
	}
	return out
}

func needNode(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		_, err := exec.LookPath(tool)
		require.Need(t, "npm", err == nil, tool+" packs and runs the packages")
	}
}

// installed assembles the packages for this machine, packs them, and installs
// the tarballs into an empty project.
func installed(t *testing.T) (project string) {
	t.Helper()
	script, err := filepath.Abs("build.mjs")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	project = filepath.Join(dir, "project")
	if err := os.Mkdir(project, 0o755); err != nil {
		t.Fatal(err)
	}
	must(t, dir, "node", script, "--version", "1.2.3", "--out", "packages", "--only", host())
	var tarballs []string
	for _, p := range []string{host(), "preflight"} {
		lines := strings.Fields(must(t, dir, "npm", "pack", "--silent", "./"+filepath.ToSlash(filepath.Join("packages", p))))
		tarballs = append(tarballs, filepath.Join(dir, lines[len(lines)-1]))
	}
	if err := os.WriteFile(filepath.Join(project, "package.json"), []byte(`{"name": "project", "private": true}`), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, project, "npm", append([]string{"install", "--silent", "--no-save"}, tarballs...)...)
	return project
}

func TestPackedCommandRunsOffline(t *testing.T) {
	needNode(t)
	project := installed(t)
	claims := signfixture.AppEntitlements(signfixture.Team, "org.kinring.tool", "org.kinring.shared")
	a := signfixture.TestAuthority(t)
	restricted := signfixture.Sign(t, signfixture.Program(t, "arm64"), signfixture.Signing{
		Identifier: "org.kinring.tool", Signer: a.Leaf(t, signfixture.Certificate{}), TSA: a.Timestamp, Entitlements: claims,
	})
	for name, data := range map[string][]byte{"linker": signfixture.Program(t, "arm64"), "restricted": restricted, "text": []byte("no program, but text of some length")} {
		if err := os.WriteFile(filepath.Join(project, name), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	launcher := filepath.Join("node_modules", "@kinring", "preflight", "bin", "preflight.js")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"linker"}, 0, "KR106-linker-signed"},
		{[]string{"--json", "restricted"}, 1, "KR201-restricted-on-bare-binary"},
		{[]string{"text"}, 2, "unreadable"},
		{[]string{"--explain", "KR203"}, 0, "KR203-helper-without-profile"},
	} {
		out, code := command(t, project, "node", append([]string{launcher}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("preflight %s: exit code %d, want %d; output:\n%s", strings.Join(c.args, " "), code, c.code, out)
		}
	}
	if runtime.GOOS != "windows" {
		if out, code := command(t, project, filepath.Join(project, "node_modules", ".bin", "preflight"), "linker"); code != 0 {
			t.Errorf("the installed command: exit code %d; output:\n%s", code, out)
		}
	}
	withoutBinary(t, project, launcher)
}

// withoutBinary removes the platform's package, as --omit=optional does.
func withoutBinary(t *testing.T, project, launcher string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(project, "node_modules", "@kinring", "preflight-"+host())); err != nil {
		t.Fatal(err)
	}
	if out, code := command(t, project, "node", launcher, "linker"); code != 2 || !strings.Contains(out, "is not installed") {
		t.Errorf("without its binary: exit code %d; output:\n%s", code, out)
	}
}

// TestEveryPlatformHasItsPackage assembles all of them around stand-ins.
func TestEveryPlatformHasItsPackage(t *testing.T) {
	needNode(t)
	script, err := filepath.Abs("build.mjs")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, target := range []string{"darwin-arm64", "darwin-amd64", "linux-arm64", "linux-amd64", "windows-arm64", "windows-amd64"} {
		if err := os.WriteFile(filepath.Join(dir, "kinring-"+target), []byte(target), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(t, dir, "node", script, "--version", "1.2.3-rc.1", "--out", "packages", "--binaries", dir)
	var wrapper struct {
		Version              string
		OptionalDependencies map[string]string
	}
	readJSON(t, filepath.Join(dir, "packages", "preflight", "package.json"), &wrapper)
	if len(wrapper.OptionalDependencies) != 6 || wrapper.Version != "1.2.3-rc.1" {
		t.Fatalf("wrapper: %+v", wrapper)
	}
	for name, version := range wrapper.OptionalDependencies {
		platform := strings.TrimPrefix(name, "@kinring/preflight-")
		var p struct {
			Name, Version string
			OS, CPU       []string
		}
		readJSON(t, filepath.Join(dir, "packages", platform, "package.json"), &p)
		if p.Name != name || p.Version != version || len(p.OS) != 1 || p.OS[0]+"-"+p.CPU[0] != platform {
			t.Errorf("%s: %+v", platform, p)
		}
	}
	for _, bad := range [][]string{{"--version", "1.2", "--out", "x"}, {"--version", "1.2.3"}, {"--version", "1.2.3", "--out", "x", "--only", "plan9-mips"},
		{"--version", "1.2.3", "--out", "x", "--binaries", "nowhere"}} {
		if out, code := command(t, dir, "node", append([]string{script}, bad...)...); code != 2 {
			t.Errorf("%v: exit code %d; output:\n%s", bad, code, out)
		}
	}
}

func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
