//go:build unix

package vscdb

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// alive reports whether a process runs and may have written a file at that time:
// one that began later only got the same number.
func alive(pid int, wrote time.Time) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	began, known := startOf(pid)
	return !known || !began.After(wrote.Add(startSlack))
}

// startSlack is how far a process's start and a file's time may be apart by the
// coarseness of both and a clock that was set.
const startSlack = 5 * time.Second

// answering goes by the app's main socket: VS Code holds it until it ends. Its
// name holds the version, so any will do.
func (a app) answering(ctx context.Context) string {
	names := []string{filepath.Join(escapeGlob(a.userData), "*-main.sock")}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		names = append(names, filepath.Join(escapeGlob(dir), "vscode-"+a.scope()+"-*-main.sock"))
	}
	for _, pattern := range names {
		sockets, _ := filepath.Glob(pattern) // fails for bad patterns only
		for _, socket := range sockets {
			if answers(ctx, socket) {
				return "something answers at the app's socket " + socket
			}
		}
	}
	return ""
}

// escapeGlob keeps a directory's name from being read as a pattern.
func escapeGlob(dir string) string {
	var out []byte
	for i := range len(dir) {
		switch dir[i] {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, dir[i])
	}
	return string(out)
}

// answers reports whether something listens at a socket. A socket that cannot be
// asked counts: only a refusal says that nobody is there.
func answers(ctx context.Context, socket string) bool {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err == nil {
		_ = conn.Close() // it was only to see whether it opens
		return true
	}
	return !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOENT)
}
