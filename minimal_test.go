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

// maxOnLinux is how large the smallest useful program for Linux may be when it is
// stripped, in bytes. The figure that is aimed at is 4 MB, as on a Mac: the
// D-Bus library and what it links are more than the difference.
const maxOnLinux = 4_800_000

// linkedByNone are packages that a program gets with another store, with a legacy
// layout or with the command, and never with a keyring alone.
var linkedByNone = []string{
	"modernc.org/", // SQLite
	"filippo.io/",
	"github.com/ebitengine/purego",
	"github.com/spf13/",
	"github.com/kinring/kinring/backend/vault",
	"github.com/kinring/kinring/legacy/",
	"github.com/kinring/kinring/internal/keyringtest",
	"golang.org/x/crypto/",
	"regexp",
}

// A program that keeps its secrets in the desktop's keyring pays for nothing else.
func TestMinimalProgramOnLinux(t *testing.T) {
	for _, dep := range strings.Fields(goFor(t, "linux", "amd64", "list", "-deps", "./testdata/minimal")) {
		for _, unwanted := range linkedByNone {
			if strings.HasPrefix(dep, unwanted) {
				t.Errorf("it links %s", dep)
			}
		}
	}
	if size := minimalSize(t, "linux", "amd64"); size > maxOnLinux {
		t.Errorf("it has %d bytes, more than %d", size, maxOnLinux)
	}
}

// minimalSize builds the program, stripped.
func minimalSize(t *testing.T, goos, goarch string) int64 {
	t.Helper()
	program := filepath.Join(t.TempDir(), "minimal")
	goFor(t, goos, goarch, "build", "-ldflags=-s -w", "-o", program, "./testdata/minimal")
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("stripped, it has %d bytes", info.Size())
	return info.Size()
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
