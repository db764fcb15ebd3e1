package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// await FILE waits until a program that runs in the background has made a file,
// await COMMAND ARGUMENT… until the command succeeds.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 || neg {
		ts.Fatalf("usage: await FILE, or await COMMAND ARGUMENT...")
	}
	come := func() bool { return ts.Exec(args[0], args[1:]...) == nil }
	if len(args) == 1 {
		come = func() bool { return exists(ts, ts.MkAbs(args[0])) }
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	watchdog := time.NewTimer(time.Minute)
	defer watchdog.Stop()
	for !come() {
		select {
		case <-tick.C:
		case <-watchdog.C:
			ts.Fatalf("%s does not come", strings.Join(args, " "))
		}
	}
}

func exists(ts *testscript.TestScript, file string) bool {
	_, err := os.Stat(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		ts.Fatalf("%v", err)
	}
	return err == nil
}
