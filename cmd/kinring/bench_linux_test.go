package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/keyringtest"
)

// contestant is a whole process that prints one secret.
type contestant struct {
	name string
	cmd  func() *exec.Cmd
	took []time.Duration
}

func (c *contestant) run(b *testing.B, want string) {
	cmd := c.cmd()
	start := time.Now()
	out, err := cmd.Output()
	c.took = append(c.took, time.Since(start))
	if err != nil || !strings.HasPrefix(string(out), want) {
		b.Fatalf("%s: %q, %v", c.name, out, err)
	}
}

func (c *contestant) median() time.Duration {
	slices.Sort(c.took)
	return c.took[len(c.took)/2]
}

// BenchmarkGetProcess compares `kinring get` through a broker, as a whole process,
// with an empty static Go program, and with secret-tool and pass where they are
// there, in turn. "empties" is how many empty programs a get takes.
func BenchmarkGetProcess(b *testing.B) {
	const secret = "made-up"
	dir, err := os.MkdirTemp("", "kr") // a socket's path has to be short
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	empty := &contestant{name: "empty", cmd: command(installed(b, dir, "empty", "package main\n\nfunc main() {}\n"))}
	get := &contestant{name: "get", cmd: brokered(b, dir, installed(b, dir, "kinring", ""), secret)}
	others := []*contestant{get}
	if secretTool := inGNOMEKeyring(b, secret); secretTool != nil {
		others = append(others, &contestant{name: "secret-tool", cmd: secretTool})
	}
	if pass := inPass(b, dir, secret); pass != nil {
		others = append(others, &contestant{name: "pass", cmd: pass})
	}
	for b.Loop() {
		empty.run(b, "")
		for _, c := range others {
			c.run(b, secret)
		}
	}
	b.ReportMetric(0, "ns/op") // all of them together mean nothing
	for _, c := range append(others, empty) {
		b.ReportMetric(float64(c.median().Microseconds()), c.name+"-p50-µs")
	}
	b.ReportMetric(float64(get.median())/float64(empty.median()), "empties")
}

func command(program string, args ...string) func() *exec.Cmd {
	return func() *exec.Cmd { return exec.Command(program, args...) }
}

// installed builds a program, this one if there is no source, and copies it as
// installing does: a file that the linker has just written lies in the page cache in
// smaller pieces, and a start from it takes half as long again.
func installed(b *testing.B, dir, name, source string) string {
	what := "."
	if source != "" {
		what = filepath.Join(dir, name+".go")
		if err := os.WriteFile(what, []byte(source), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	built := filepath.Join(dir, name+".built")
	cmd := exec.Command("go", "build", "-o", built, what)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	content, err := os.ReadFile(built)
	if err != nil {
		b.Fatal(err)
	}
	program := filepath.Join(dir, name)
	if err := os.WriteFile(program, content, 0o700); err != nil {
		b.Fatal(err)
	}
	return program
}

// brokered starts a broker that has the secret, and returns what reads it.
func brokered(b *testing.B, dir, kinring, secret string) func() *exec.Cmd {
	home := filepath.Join(dir, "home")
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + home, "KINRING_STORE=vault", "KINRING_FAMILY=codex",
		"KINRING_KEY_FILE=" + filepath.Join(home, "key")}
	if err := os.Mkdir(home, 0o700); err != nil {
		b.Fatal(err)
	}
	verb := func(args ...string) *exec.Cmd {
		cmd := exec.Command(kinring, args...)
		cmd.Env = env
		return cmd
	}
	set := verb("set", "benchmark")
	set.Stdin = strings.NewReader(secret)
	for _, cmd := range []*exec.Cmd{verb("init", "--key-file", filepath.Join(home, "key")), set} {
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	serve := verb("serve")
	if err := serve.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = serve.Process.Signal(syscall.SIGTERM)
		_ = serve.Wait() // how it ends is what other tests look at
	})
	awaitFile(b, filepath.Join(home, "kinring", "codex.sock"))
	return func() *exec.Cmd { return verb("get", "benchmark") }
}

// inGNOMEKeyring puts the secret into a GNOME keyring, if there is one.
func inGNOMEKeyring(b *testing.B, secret string) func() *exec.Cmd {
	for _, program := range []string{"secret-tool", "gnome-keyring-daemon", "dbus-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil
		}
	}
	bus := keyringtest.NewGNOME(b).Bus
	tool := func(args ...string) *exec.Cmd {
		cmd := exec.Command("secret-tool", args...)
		cmd.Env = bus.Environment()
		return cmd
	}
	store := tool("store", "--label=benchmark", "kind", "benchmark")
	store.Stdin = strings.NewReader(secret)
	if out, err := store.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return func() *exec.Cmd { return tool("lookup", "kind", "benchmark") }
}

// inPass puts the secret into a password store, if pass is there.
func inPass(b *testing.B, dir, secret string) func() *exec.Cmd {
	for _, program := range []string{"pass", "gpg", "gpgconf"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil
		}
	}
	gnupg := filepath.Join(dir, "gnupg")
	if err := os.Mkdir(gnupg, 0o700); err != nil {
		b.Fatal(err)
	}
	run := func(input, program string, args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GNUPGHOME=" + gnupg, "PASSWORD_STORE_DIR=" + filepath.Join(dir, "pass")}
		cmd.Stdin = bytes.NewReader([]byte(input))
		return cmd
	}
	b.Cleanup(func() { _ = run("", "gpgconf", "--kill", "all").Run() }) // its agent ends with its directory too
	for _, cmd := range []*exec.Cmd{
		run("", "gpg", "--batch", "--passphrase", "", "--quick-gen-key", "benchmark@example.com", "default", "default", "never"),
		run("", "pass", "init", "benchmark@example.com"), run(secret+"\n", "pass", "insert", "--echo", "benchmark"),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %v: %s", cmd.Args, err, out)
		}
	}
	return func() *exec.Cmd { return run("", "pass", "show", "benchmark") }
}
