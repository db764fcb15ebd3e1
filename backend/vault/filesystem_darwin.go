package vault

import "golang.org/x/sys/unix"

// networkFileSystem names the file system of a directory if it is one of a
// network, else it returns nothing: macOS marks those that are local.
func networkFileSystem(dir string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", err
	}
	if st.Flags&unix.MNT_LOCAL != 0 {
		return "", nil
	}
	return unix.ByteSliceToString(st.Fstypename[:]), nil
}
