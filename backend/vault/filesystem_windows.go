package vault

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// networkFileSystem names the file system of a directory if it is one of a
// network, else it returns nothing.
func networkFileSystem(dir string) (string, error) {
	volume := filepath.VolumeName(dir) + `\`
	root, err := windows.UTF16PtrFromString(volume)
	if err != nil {
		return "", err
	}
	if windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		return "the network drive " + volume, nil
	}
	return "", nil
}
