package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// exitCodeMain is a program for scripts: `exitcode N COMMAND…` runs the command
// and succeeds if that exits with N.
func exitCodeMain() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: exitcode N COMMAND...")
		os.Exit(2)
	}
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if got := cmd.ProcessState.ExitCode(); strconv.Itoa(got) != os.Args[1] {
		fmt.Fprintf(os.Stderr, "exitcode: %d, want %s\n", got, os.Args[1])
		os.Exit(1)
	}
}

// damage FILE flips bits in the middle of a file.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	for i := len(data) / 4; i < len(data)*3/4; i++ {
		data[i] ^= 0x55
	}
	ts.Check(os.WriteFile(path, data, 0o600))
}

// nothing-in DIR fails if there is anything in the directory, or below it.
func nothingIn(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		ts.Fatalf("%v", err)
	}
	for _, e := range entries {
		ts.Fatalf("%s is in %s", e.Name(), args[0])
	}
}

// snapshot FILE writes name, mode and digest of every file in the script's
// folder, but for snapshots and traces.
func snapshot(ts *testscript.TestScript, _ bool, args []string) {
	root := ts.MkAbs(".")
	var out bytes.Buffer
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == ts.MkAbs(args[0]) || d.Name() == "before" || d.Name() == "trace" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&out, "%s %s %s %x\n", path, info.Mode(), info.ModTime(), sha256.Sum256(data))
		return err
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out.Bytes(), 0o600))
}

// changesFiles matches what changes a file in a trace that names the files
// behind descriptors. Opening for writing is none of it: SQLite opens so what it
// only reads.
var changesFiles = regexp.MustCompile(`\b(unlink|unlinkat|rename|renameat2?|mkdir|mkdirat|link|linkat|symlink|symlinkat|f?chmod|fchmodat|utimensat|truncate)\(.*= 0` +
	`|\b(write|writev|pwrite64|ftruncate)\(\d+</[^>]*>` +
	`|\bopen(at)?\(.*O_TRUNC.*= \d`)

// readonly TRACE fails if a trace of system calls shows a file written, made,
// renamed or removed.
func readOnly(ts *testscript.TestScript, neg bool, args []string) {
	found := ""
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if changesFiles.MatchString(line) && !strings.Contains(line, "</dev/") {
			found = line
			break
		}
	}
	if (found == "") == neg {
		ts.Fatalf("the trace shows a write: %q", found)
	}
}
