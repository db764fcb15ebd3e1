//go:build unix

package authjson_test

import (
	"strconv"

	"golang.org/x/sys/unix"
)

func inodeOf(path string) (string, bool) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return "", false
	}
	return strconv.FormatUint(uint64(st.Ino), 10), true
}
