package kinring_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/keyringtest"
)

// maxMinimal is how large the smallest useful program may be when it is stripped,
// in bytes.
const maxMinimal = 5_100_000

// linkedByNone are packages that a program gets with another store, with a legacy
// layout or with the command, and never with a keyring alone.
var linkedByNone = []string{
	"modernc.org/", // SQLite
	"filippo.io/",
	"github.com/spf13/",
	"github.com/kinring/kinring/backend/vault",
	"github.com/kinring/kinring/legacy/",
	"github.com/kinring/kinring/internal/keyringtest",
	"golang.org/x/crypto/",
}

// A program that keeps its secrets in the system's keyring pays for nothing else.
func TestMinimalProgram(t *testing.T) {
	for goos, alone := range map[string][]string{
		"linux":  {"github.com/ebitengine/purego"},
		"darwin": {"github.com/godbus/"},
	} {
		t.Run(goos, func(t *testing.T) {
			for _, dep := range strings.Fields(goFor(t, goos, "amd64", "list", "-deps", "./testdata/minimal")) {
				for _, unwanted := range append(alone, linkedByNone...) {
					if strings.HasPrefix(dep, unwanted) {
						t.Errorf("it links %s", dep)
					}
				}
			}
			program := filepath.Join(t.TempDir(), "minimal")
			goFor(t, goos, "amd64", "build", "-ldflags=-s -w", "-o", program, "./testdata/minimal")
			info, err := os.Stat(program)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("stripped, it has %d bytes", info.Size())
			if info.Size() > maxMinimal {
				t.Errorf("it has %d bytes, more than %d", info.Size(), maxMinimal)
			}
		})
	}
}

// TestMinimalProgramWorks: it is small, and not because something is missing.
func TestMinimalProgramWorks(t *testing.T) {
	k := keyringtest.NewGNOME(t)
	program := filepath.Join(t.TempDir(), "minimal")
	goFor(t, runtime.GOOS, runtime.GOARCH, "build", "-ldflags=-s -w", "-o", program, "./testdata/minimal")
	cmd := exec.Command(program)
	cmd.Env = k.Bus.Environment()
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "[redacted] 7 bytes\n" {
		t.Errorf("it says %q, %v", out, err)
	}
}

// goFor runs the go tool for a system.
func goFor(t *testing.T, goos, goarch string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
