package vault

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// networked maps the magic numbers of statfs(2), as linux/magic.h has them, to
// names. SQLite's log needs memory that all its users share, which the file
// systems of a network do not give, and most of them lock unreliably.
var networked = map[int64]string{
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	unix.SMB2_SUPER_MAGIC: "SMB",
	unix.CIFS_SUPER_MAGIC: "SMB",
	unix.AFS_FS_MAGIC:     "AFS",
	unix.AFS_SUPER_MAGIC:  "AFS",
	unix.CODA_SUPER_MAGIC: "Coda",
	unix.CEPH_SUPER_MAGIC: "Ceph",
	unix.V9FS_MAGIC:       "9P",
	0x564c:                "NCP",
	0x0bd00bd0:            "Lustre",
	0x47504653:            "GPFS",
	0x01161970:            "GFS2",
	0x7461636f:            "OCFS2",
}

// fuse is the magic number of every file system that a program serves.
const fuse = 0x65735546

// networkedPrograms are those that serve what lies on another machine, as they call
// themselves in the type of their mounts, fuse.NAME. A program that is not here, or
// does not say its name, is taken for a local one.
var networkedPrograms = []string{
	"afpfs", "blobfuse", "blobfuse2", "ceph-fuse", "curlftpfs", "davfs", "dbxfs", "gcsfuse", "gdfuse",
	"glusterfs", "goofys", "google-drive-ocamlfuse", "gvfsd-fuse", "juicefs", "mfs", "mount-s3", "mountpoint-s3",
	"onedriver", "prl_fsd", "rclone", "s3backer", "s3fs", "s3ql", "seaweedfs", "smbnetfs", "sshfs", "vmhgfs-fuse",
}

// networkFileSystem names the file system of a directory if it is one of a
// network, else it returns nothing.
func networkFileSystem(dir string) (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return "", err
	}
	magic := int64(fs.Type) & 0xffffffff
	if magic != fuse {
		return networked[magic], nil
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return "", err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", nil // without /proc nobody can tell
	}
	return networkedProgram(mounts, unix.Major(st.Dev), unix.Minor(st.Dev)), nil
}

// networkedProgram returns the program that serves a device, if it is one of
// networkedPrograms, by the text of proc_pid_mountinfo(5): the device is the third
// field, and the type the first behind the one that is a dash.
func networkedProgram(mounts []byte, major, minor uint32) string {
	device := fmt.Sprintf("%d:%d", major, minor)
	for line := range bytes.Lines(mounts) {
		front, back, _ := strings.Cut(string(line), " - ")
		fields, kind := strings.Fields(front), strings.Fields(back)
		if len(fields) < 3 || fields[2] != device || len(kind) == 0 {
			continue
		}
		name, _ := strings.CutPrefix(kind[0], "fuse.")
		if i, there := slices.BinarySearch(networkedPrograms, name); there {
			return networkedPrograms[i]
		}
	}
	return ""
}
