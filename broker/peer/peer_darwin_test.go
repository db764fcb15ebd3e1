package peer

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSelfOnMac: this test program, connected to itself, is found by what the
// kernel says of its socket. It is signed by the linker alone, and so proves
// nothing. It runs on a Mac; nobody has run it yet.
func TestSelfOnMac(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "kr")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	mine, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	its, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer its.Close()
	p, err := Of(its)
	if err != nil {
		t.Fatal(err)
	}
	id := p.Identity()
	if id.UID != os.Getuid() || id.PID != os.Getpid() || id.Started == "0" || id.Team != "" {
		t.Errorf("it is %+v", id)
	}
	// "no team signed it" on arm64, "not signed" on amd64; not that it cannot be told.
	if !strings.Contains(id.Unproven, "signed") {
		t.Errorf("it proves nothing because %q", id.Unproven)
	}
	if self, err := os.Executable(); err != nil || filepath.Base(id.Label) != filepath.Base(self) {
		t.Errorf("its label is %q, its path %q, %v", id.Label, self, err)
	}
	if err := p.Prove(); err != nil {
		t.Errorf("it is still there: %v", err)
	}
	if uid, err := UserOf(mine); err != nil || uid != os.Getuid() {
		t.Errorf("who listens is user %d, %v", uid, err)
	}
}
