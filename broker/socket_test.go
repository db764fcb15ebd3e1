//go:build unix

package broker_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/store"
)

// TestSocketRefused: a place where others could have put a socket, or could use
// it, is refused by broker and client alike, each time with what is wrong.
func TestSocketRefused(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		class   *store.Class
		what    string
		server  bool // the broker refuses it too
		prepare func(dir string) (socket string)
	}{
		"open directory": {store.ErrDenied, "mode 0755", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			must(os.Chmod(filepath.Join(dir, "d"), 0o755))
			return filepath.Join(dir, "d", "s")
		}},
		"writable directory": {store.ErrDenied, "mode 0777", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			must(os.Chmod(filepath.Join(dir, "d"), 0o777))
			return filepath.Join(dir, "d", "s")
		}},
		"directory is a link": {store.ErrDenied, "symbolic link", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			must(os.Symlink("d", filepath.Join(dir, "l")))
			return filepath.Join(dir, "l", "s")
		}},
		"directory is a file": {store.ErrDenied, "no directory", true, func(dir string) string {
			must(os.WriteFile(filepath.Join(dir, "d"), nil, 0o600))
			return filepath.Join(dir, "d", "s")
		}},
		"socket is a file": {store.ErrDenied, "no socket", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			must(os.WriteFile(filepath.Join(dir, "d", "s"), nil, 0o600))
			return filepath.Join(dir, "d", "s")
		}},
		"socket is a link": {store.ErrDenied, "link", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			must(os.Symlink("/dev/null", filepath.Join(dir, "d", "s")))
			return filepath.Join(dir, "d", "s")
		}},
		"open socket": {store.ErrDenied, "mode 0666", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			l, err := net.Listen("unix", filepath.Join(dir, "d", "s"))
			must(err)
			t.Cleanup(func() { l.Close() })
			must(os.Chmod(filepath.Join(dir, "d", "s"), 0o666))
			return filepath.Join(dir, "d", "s")
		}},
		"foreign directory": {store.ErrDenied, "belongs to user", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			if err := os.Chown(filepath.Join(dir, "d"), 12345, -1); err != nil {
				return ""
			}
			return filepath.Join(dir, "d", "s")
		}},
		"foreign socket": {store.ErrDenied, "belongs to user", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			l, err := net.Listen("unix", filepath.Join(dir, "d", "s"))
			must(err)
			t.Cleanup(func() { l.Close() })
			must(os.Chmod(filepath.Join(dir, "d", "s"), 0o600))
			if err := os.Chown(filepath.Join(dir, "d", "s"), 12345, -1); err != nil {
				return ""
			}
			return filepath.Join(dir, "d", "s")
		}},
		"abstract": {store.ErrInvalid, "abstract", true, func(string) string { return "@kinring" }},
		"relative": {store.ErrInvalid, "relative", true, func(string) string { return "run/s" }},
		"too long": {store.ErrInvalid, "bytes", true, func(dir string) string { return filepath.Join(dir, strings.Repeat("d", 100)) }},
		"nothing there": {store.ErrUnavailable, "no broker", false, func(dir string) string {
			return filepath.Join(dir, "d", "s")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			socket := c.prepare(filepath.Dir(filepath.Dir(socketIn(t))))
			if socket == "" {
				t.Skip("only root can give a file to somebody else")
			}
			_, err := client.Open(t.Context(), socket, client.Options{})
			if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.what) {
				t.Errorf("the client: %v", err)
			}
			if !c.server {
				return
			}
			l, err := broker.Listen(t.Context(), socket)
			if err == nil {
				l.Close()
			}
			if !errors.Is(err, c.class) {
				t.Errorf("the broker: %v", err)
			}
		})
	}
}

// TestStaleSocket: what a broker that was killed left behind is replaced; a second
// broker is kept away from a first that lives.
func TestStaleSocket(t *testing.T) {
	socket := socketIn(t)
	if err := os.Mkdir(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := client.Open(t.Context(), socket, client.Options{}); !errors.Is(err, store.ErrNoService) {
		t.Errorf("a stale socket: %v", err)
	}
	b := serveAt(t, socket, family, inMemory(), broker.Options{})
	b.wantGood(t)
	if _, err := broker.Listen(t.Context(), socket); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second broker: %v", err)
	}
	b.wantGood(t)
	info, err := os.Lstat(socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
	if dir, err := os.Lstat(filepath.Dir(socket)); err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("its directory has mode %v, %v", dir.Mode(), err)
	}
}
