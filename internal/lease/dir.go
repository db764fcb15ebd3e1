package lease

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// DefaultDir is where the locks of stores are that have no place of their own.
// It depends on the user alone and not on HOME or TMPDIR, because programs of
// one family may run with different ones. Others can make it first, but then it
// is theirs and refused.
func DefaultDir() string {
	if runtime.GOOS == "windows" {
		if dir, err := os.UserCacheDir(); err == nil {
			return filepath.Join(dir, "kinring", "locks")
		}
	}
	return filepath.Join("/var/tmp", "kinring-"+strconv.Itoa(os.Getuid()))
}
