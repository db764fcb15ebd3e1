package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/store"
)

const someMounts = `22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:53 / /home/alice/with\\040space rw,nosuid,nodev shared:9 master:2 - fuse.sshfs alice@example.com: rw,user_id=1000
41 22 0:54 / /home/alice/cipher rw - fuse.gocryptfs /home/alice/.cipher rw
42 22 0:55 / /mnt rw - fuse /dev/fuse rw
43 22 0:56 /sub /srv rw - fuse.s3fs s3fs rw
`

func TestNetworkedProgram(t *testing.T) {
	if !slices.IsSorted(networkedPrograms) {
		t.Error("the names are searched, and not sorted")
	}
	for minor, want := range map[uint32]string{21: "", 53: "sshfs", 54: "", 55: "", 56: "s3fs", 5: "", 3: ""} {
		if got := networkedProgram([]byte(someMounts), 0, minor); got != want {
			t.Errorf("0:%d: %q, want %q", minor, got, want)
		}
	}
	if got := networkedProgram([]byte(someMounts), 1, 53); got != "" {
		t.Errorf("another device: %q", got)
	}
}

func FuzzNetworkedProgram(f *testing.F) {
	f.Add([]byte(someMounts), uint32(53))
	f.Add([]byte("1 2 0:3"), uint32(3))
	f.Add([]byte("1 2 0:3 - - -  - fuse.sshfs"), uint32(3))
	f.Fuzz(func(t *testing.T, mounts []byte, minor uint32) {
		name := networkedProgram(mounts, 0, minor)
		if name != "" && !strings.Contains(string(mounts), name) {
			t.Errorf("%q out of nothing", name)
		}
	})
}

// TestNetworkFileSystemOfAProgram mounts a file system as sshfs and others do, and
// serves as much of it as a look needs.
func TestNetworkFileSystemOfAProgram(t *testing.T) {
	for name, want := range map[string]bool{"sshfs": true, "kinringtest": false} {
		dir := mountFUSE(t, name)
		err := checkFileSystem(dir)
		var e *store.Error
		refused := errors.As(err, &e) && e.Class == store.ErrUnsupported && strings.Contains(e.Detail, name)
		if want && !refused || !want && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mountFUSE(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		t.Cleanup(func() { unix.Close(fd) })
		err = unix.Mount(name, dir, "fuse."+name, unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd, os.Getuid(), os.Getgid()))
	}
	require.Need(t, "fuse", err == nil, "a file system is mounted that a program serves")
	done := make(chan struct{})
	go func() { defer close(done); serveFUSE(fd) }()
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		<-done
	})
	return dir
}

// The requests that a look at a directory makes, and where their answers have what is
// not zero, as linux/fuse.h has them.
const (
	fuseGetattr, fuseStatfs, fuseInit = 3, 17, 26
	fuseHeader                        = 16
)

// serveFUSE answers until the mount ends. To any other request it says ENOSYS, by
// which the kernel knows that a file system does without it.
func serveFUSE(fd int) {
	request := make([]byte, 1<<16+4096)
	for {
		n, err := unix.Read(fd, request)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOENT):
			continue
		case err != nil || n < 40:
			return // ENODEV once it is unmounted
		}
		if _, err := unix.Write(fd, answerFUSE(request)); err != nil && !errors.Is(err, unix.ENOENT) {
			return
		}
	}
}

func answerFUSE(request []byte) []byte {
	var body []byte
	var failure int32
	switch binary.NativeEndian.Uint32(request[4:]) {
	case fuseInit:
		body = make([]byte, 64)
		binary.NativeEndian.PutUint32(body, 7)
		binary.NativeEndian.PutUint32(body[4:], 31)
		binary.NativeEndian.PutUint32(body[20:], 4096)
	case fuseStatfs:
		body = make([]byte, 80)
	case fuseGetattr:
		body = make([]byte, 104)
		binary.NativeEndian.PutUint64(body[16:], 1)
		binary.NativeEndian.PutUint32(body[76:], unix.S_IFDIR|0o700)
		binary.NativeEndian.PutUint32(body[80:], 2)
	default:
		failure = -int32(unix.ENOSYS)
	}
	answer := make([]byte, fuseHeader, fuseHeader+len(body))
	binary.NativeEndian.PutUint32(answer, uint32(fuseHeader+len(body)))
	binary.NativeEndian.PutUint32(answer[4:], uint32(failure))
	copy(answer[8:], request[8:16])
	return append(answer, body...)
}
