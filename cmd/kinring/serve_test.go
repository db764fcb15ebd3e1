package main

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// await FILE waits until a program that runs in the background has made a file.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: await FILE")
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	watchdog := time.NewTimer(time.Minute)
	defer watchdog.Stop()
	for {
		_, err := os.Stat(ts.MkAbs(args[0]))
		if err == nil {
			return
		}
		if !errors.Is(err, fs.ErrNotExist) {
			ts.Fatalf("%v", err)
		}
		select {
		case <-tick.C:
		case <-watchdog.C:
			ts.Fatalf("%s does not come", args[0])
		}
	}
}
