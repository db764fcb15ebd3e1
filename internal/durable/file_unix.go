//go:build unix

package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// narrowing and dirNarrowing are the remedies for files and directories that
// others may use.
const (
	narrowing    = "chmod 600 the file"
	dirNarrowing = "chmod 700 the directory"
)

// removesOpen: an open file may be removed, and is removed under its lock.
const removesOpen = true

// ownership is who owns a file and who else may use it.
type ownership struct {
	foreign bool
	owner   string
	wide    string // how others may read or write it, or empty
	writers string // how others may write it, or empty
}

func ownershipOf(_ string, _ *os.File, info fs.FileInfo) (ownership, error) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ownership{}, errors.New("the file system does not tell the owner")
	}
	perm := info.Mode().Perm()
	o := ownership{foreign: int(st.Uid) != os.Geteuid(), owner: "user id " + strconv.Itoa(int(st.Uid))}
	if perm&0o077 != 0 {
		o.wide = fmt.Sprintf("mode %#o", perm)
	}
	if perm&0o022 != 0 {
		o.writers = fmt.Sprintf("mode %#o", perm)
	}
	return o, nil
}

// openRead opens without waiting: a named pipe that nobody writes to would
// otherwise keep open itself waiting.
func openRead(path string, limits Limits) (*os.File, error) {
	if fd, ok := inheritedFD(path, limits); ok {
		return dup(fd, path)
	}
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

func dup(fd int, path string) (*os.File, error) {
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "dup", Path: path, Err: err}
	}
	return os.NewFile(uintptr(d), path), nil
}

func inherited(path string, limits Limits) bool {
	_, ok := inheritedFD(path, limits)
	return ok
}

// inheritedFD recognises the paths by which a shell passes an open file. They
// are links, and opening them anew would ask for permissions that whoever
// passed the file had and this process may not have.
func inheritedFD(path string, limits Limits) (int, bool) {
	if !limits.Pipes {
		return 0, false
	}
	if path == "/dev/stdin" {
		return 0, true
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/"} {
		if rest, ok := strings.CutPrefix(path, dir); ok {
			n, err := strconv.ParseUint(rest, 10, 16)
			return int(n), err == nil
		}
	}
	return 0, false
}

func stampOf(_ *os.File, info fs.FileInfo) Stamp {
	s := Stamp{Size: info.Size(), Modified: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Device, s.File = uint64(st.Dev), uint64(st.Ino)
	}
	return s
}

func stampOfPath(_ string, info fs.FileInfo) (Stamp, error) { return stampOf(nil, info), nil }

func lockTemp(f *os.File) error {
	return control(f, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
}

func isBusy(err error) bool { return errors.Is(err, unix.EWOULDBLOCK) }

func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = do(int(fd)) }); err != nil {
		return err
	}
	return result
}

// beforePlacing: an open file can be renamed, so nothing is to be done.
func (*tempFile) beforePlacing() error { return nil }

func mkdirPrivate(path string) error { return os.Mkdir(path, 0o700) }

// syncDir uses File.Sync, which on macOS asks for F_FULLFSYNC.
func syncDir(dir *os.File) error { return dir.Sync() }

// publish links, because link never replaces; where a file system has no hard
// links the kernel may have a rename that does not replace either.
func publish(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		_ = os.Remove(from) // the file has its name; a second one does no harm
		return nil
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EOPNOTSUPP) {
		return renameNoReplace(from, to)
	}
	return err
}

func nativeName(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	return ""
}

func isLink(err error) bool { return errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK) }

func isNotDirectory(err error) bool { return errors.Is(err, unix.ENOTDIR) }

func isReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
