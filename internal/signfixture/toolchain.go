package signfixture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// source is the whole program that every fixture carries: it only has to be a
// Mach-O file that the Go linker lays out.
const source = "package main\n\nfunc main() { println(\"fixture\") }\n"

// programs caches one unsigned-by-us binary per architecture for the run.
var programs = map[string]func() ([]byte, error){
	"arm64": sync.OnceValues(func() ([]byte, error) { return crossCompile("arm64") }),
	"amd64": sync.OnceValues(func() ([]byte, error) { return crossCompile("amd64") }),
}

// Program returns a darwin executable for arm64 or amd64 as Go's linker leaves
// it: the first with the linker's ad-hoc signature, the second unsigned.
func Program(tb testing.TB, arch string) []byte {
	tb.Helper()
	build, ok := programs[arch]
	if !ok {
		tb.Fatalf("no fixture program for architecture %q: use arm64 or amd64", arch)
	}
	data, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return slices.Clone(data)
}

// crossCompile builds source for darwin in a directory of its own.
func crossCompile(arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "signfixture")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	main := filepath.Join(dir, "main.go")
	if err := os.WriteFile(main, []byte(source), 0o600); err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "program")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", out, main)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=darwin", "GOARCH="+arch, "GOWORK=off", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build for darwin/%s: %w\n%s", arch, err, text)
	}
	return os.ReadFile(out)
}
