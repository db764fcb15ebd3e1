package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/kinring/kinring/store"
)

// Environment variables that name a broker.
const (
	// Variable names the socket of a broker, or a command: "exec:COMMAND".
	Variable = "KINRING_SOCK"
	// execPrefix begins an address that is a command, whose standard input and
	// output are the connection.
	execPrefix = "exec:"
)

// MaxPath is the longest path of a socket in bytes. It is macOS's limit, which is
// the smallest: 104 bytes with the final NUL (sys/un.h).
const MaxPath = 103

// DefaultSocket is where a family's broker listens, unless it is told another
// place: in the user's runtime directory, or below /var/tmp where there is none.
// getenv reads XDG_RUNTIME_DIR; without it the place depends on the user alone.
func DefaultSocket(family string, getenv func(string) string) string {
	name := family + ".sock"
	if getenv != nil {
		if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
			return filepath.Join(dir, "kinring", name)
		}
	}
	id := strconv.Itoa(os.Getuid())
	if runtime.GOOS == "linux" {
		if dir := filepath.Join("/run/user", id); isDir(dir) {
			return filepath.Join(dir, "kinring", name)
		}
	}
	return filepath.Join("/var/tmp", "kinring-"+id, "run", name)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// CheckPath refuses a path that cannot be a broker's socket, whatever is there.
func CheckPath(path string) error {
	refuse := func(what, remedy string) error {
		return &store.Error{Class: store.ErrInvalid, Op: "connect", Store: "broker", Detail: what, Remedy: remedy}
	}
	switch {
	case path == "":
		return refuse("the path of the socket is empty", "name a file in a directory of your own")
	case strings.HasPrefix(path, "@") || strings.ContainsRune(path, 0):
		return refuse("abstract sockets have no owner and no mode: others could take the name", "name a file in a directory of your own")
	case !filepath.IsAbs(path):
		return refuse("the path "+path+" is relative", "name the socket by an absolute path")
	case len(path) > MaxPath:
		return refuse(fmt.Sprintf("the path %s has %d bytes, and sockets take %d", path, len(path), MaxPath), "use a shorter one")
	}
	return nil
}

// CheckSocket refuses a socket that others could have made, or could use. Nothing
// there is ErrNoService.
func CheckSocket(path string) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	if err := CheckSocketDir(filepath.Dir(path)); errors.Is(err, store.ErrNoService) {
		return noBroker(path)
	} else if err != nil {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noBroker(path)
	case err != nil:
		return refused("the socket "+path+" cannot be looked at", "make it readable for yourself", err)
	case info.Mode().Type() == fs.ModeSymlink:
		return refused("the socket "+path+" is a symbolic link", "name the socket itself", nil)
	case info.Mode().Type() != fs.ModeSocket:
		return refused(path+" is no socket", "move it out of the way and start the broker again", nil)
	}
	return private(path, "socket", info)
}

// CheckSocketDir refuses a directory in which others could put a socket.
func CheckSocketDir(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noBroker(dir)
	case err != nil:
		return refused("the directory "+dir+" cannot be looked at", "make it readable for yourself", err)
	case info.Mode().Type() == fs.ModeSymlink:
		return refused("the directory "+dir+" is a symbolic link", "name the directory itself", nil)
	case !info.IsDir():
		return refused(dir+" is no directory", "move it out of the way", nil)
	}
	return private(dir, "directory", info)
}

// private refuses what is another user's or open to others.
func private(path, what string, info fs.FileInfo) error {
	if owner, known := ownerOf(info); known && owner != os.Getuid() {
		return refused(fmt.Sprintf("the %s %s belongs to user %d", what, path, owner), "use one of your own", nil)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 && runtime.GOOS != "windows" {
		return refused(fmt.Sprintf("the %s %s has mode %04o: others may use it", what, path, info.Mode().Perm()),
			"chmod go= "+path, nil)
	}
	return nil
}

func noBroker(path string) error {
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Op: "connect", Store: "broker",
		Detail: "there is no broker at " + path, Remedy: "start one with: kinring serve"}
}

func refused(what, remedy string, cause error) error {
	return &store.Error{Class: store.ErrDenied, Op: "connect", Store: "broker", Detail: what, Remedy: remedy, Err: cause}
}
