//go:build unix

package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/require"
)

// world is a folder with a vault, and the packages installed as a user would.
type world struct {
	*testing.T
	dir, project string
	binary       string
	env          []string
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// run runs a program to its end and returns what it said.
func (w *world) run(dir, name string, args ...string) string {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, w.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// platform is npm's name for this machine.
func platform() string {
	cpu := runtime.GOARCH
	if cpu == "amd64" {
		cpu = "x64"
	}
	return runtime.GOOS + "-" + cpu
}

// newWorld builds and packs the package and the one with the binary, and installs
// both in a fresh folder.
func newWorld(t *testing.T) *world {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		_, err := exec.LookPath(tool)
		require.Need(t, "npm", err == nil, tool+" builds, packs and runs the package")
	}
	dir, err := os.MkdirTemp("", "kr") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{T: t, dir: dir, project: filepath.Join(dir, "project")}
	w.env = append(os.Environ(), "npm_config_ignore_scripts=true", "npm_config_update_notifier=false", "npm_config_fund=false", "npm_config_audit=false")
	for _, name := range []string{"project", "run", "home", "vault", "clients", "clients/node"} {
		if err := os.Mkdir(w.path(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.install()
	w.binary = filepath.Join(w.project, "node_modules", "@kinring", "preflight-"+platform(), "bin", "kinring")
	w.env = append(w.env, "HOME="+w.path("home"), "XDG_RUNTIME_DIR="+w.path("run"), "XDG_STATE_HOME="+w.path("home/state"), "CODEX_HOME="+w.path("home/codex"),
		"KINRING_STORE=vault", "KINRING_VAULT="+w.path("vault/v.db"), "KINRING_KEY_FILE="+w.path("vault/v.key"), "KINRING_TIMEOUT=60s",
		"KINRING_SOCK=", "KINRING_FAMILY=", "KINRING_PROFILE="+w.path("clients/node/examples/electron/family.toml"))
	w.run(dir, w.binary, "init")
	return w
}

// install does what a publisher and then a user would.
func (w *world) install() {
	w.Helper()
	source, repository := w.path("clients/node"), filepath.Join("..", "..")
	for _, name := range []string{"package.json", "package-lock.json", "tsconfig.json", "build.mjs", "README.md", "src", "examples"} {
		w.run(".", "cp", "-R", name, source)
	}
	w.run(repository, "cp", "LICENSE", w.dir)
	w.run(source, "npm", "ci", "--silent", "--ignore-scripts")
	w.run(source, "node", "build.mjs", "--version", "1.2.3", "--out", w.path("packages"), "--only", platform())
	w.run(repository, "node", "clients/preflight-npm/build.mjs", "--version", "1.2.3", "--out", w.path("packages"), "--only", platform())
	if err := os.WriteFile(filepath.Join(w.project, "package.json"), []byte(`{"name": "project", "private": true}`), 0o600); err != nil {
		w.Fatal(err)
	}
	install := []string{"install", "--silent", "--no-save"}
	for _, name := range []string{platform(), "client"} {
		lines := strings.Fields(w.run(w.dir, "npm", "pack", "--silent", "./packages/"+name))
		install = append(install, w.path(lines[len(lines)-1]))
	}
	w.run(w.project, "npm", install...)
	for _, name := range []string{"client.js", "vscode-jsonrpc.js"} {
		w.run(".", "cp", filepath.Join("test", name), w.project)
	}
}

// TestInstalledPackage (I4, I8, I10, I11): installed in a fresh folder it starts a
// broker, shares with the command, and serves what only it can decrypt.
func TestInstalledPackage(t *testing.T) {
	w := newWorld(t)
	profile := w.path("clients/node/examples/electron/family.toml")
	if out := w.run(w.project, "node", "client.js", w.binary, profile); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
	w.env = append(w.env, "KINRING_PROFILE=", "KINRING_FAMILY=codex")
	socket := w.path("run/codex/b.sock")
	broker := exec.Command(w.binary, "serve", "--socket", socket)
	broker.Env = w.env
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = broker.Process.Signal(os.Interrupt)
		if err := broker.Wait(); err != nil {
			t.Errorf("the broker: %v", err)
		}
	}()
	w.await(socket)
	if out := w.run(w.project, "node", "vscode-jsonrpc.js", socket); !strings.HasSuffix(out, "ok\n") {
		t.Error(out)
	}
	w.shell(socket)
}

// shell tries the example for scripts.
func (w *world) shell(socket string) {
	w.Helper()
	w.env = append(w.env, "KINRING_SOCK="+socket, "PATH="+filepath.Dir(w.binary)+":"+os.Getenv("PATH"))
	w.run(w.project, "sh", "-c", `printf '{"a":1}' | kinring set auth`)
	if out := w.run(w.project, w.path("clients/node/examples/shell/secret.sh"), "cat"); out != `{"a":1}` {
		w.Errorf("the script's command read %q", out)
	}
}

// await waits until a broker that runs in the background has made its socket.
func (w *world) await(socket string) {
	w.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	watchdog := time.NewTimer(time.Minute)
	defer watchdog.Stop()
	for {
		if _, err := os.Stat(socket); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-watchdog.C:
			w.Fatalf("%s does not come", socket)
		}
	}
}
