package vault

import "golang.org/x/sys/unix"

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

// networkFileSystem names the file system of a directory if it is one of a
// network, else it returns nothing.
func networkFileSystem(dir string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", err
	}
	return networked[int64(st.Type)&0xffffffff], nil
}
