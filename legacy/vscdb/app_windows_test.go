package vscdb

import (
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// TestAppIsAtItsPipe: code.lock is gone while the app ends; its pipe is not.
func TestAppIsAtItsPipe(t *testing.T) {
	a := app{userData: t.TempDir()}
	name := a.scope() + "-1.99.0-main-sock"
	text, err := windows.UTF16PtrFromString(pipes + name)
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := windows.CreateNamedPipe(text, windows.PIPE_ACCESS_DUPLEX, windows.PIPE_TYPE_BYTE, 1, 4096, 4096, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if why := a.running(t.Context()); !strings.Contains(why, name) {
		t.Errorf("the app at its pipe: %q", why)
	}
	if why := (app{userData: t.TempDir()}).running(t.Context()); why != "" {
		t.Errorf("another app: %q", why)
	}
	if err := windows.CloseHandle(pipe); err != nil {
		t.Fatal(err)
	}
	if why := a.running(t.Context()); why != "" {
		t.Errorf("when it has ended: %q", why)
	}
}
