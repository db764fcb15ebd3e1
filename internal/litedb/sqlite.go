package litedb

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/kinring/kinring/store"
	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// Target is a file and how it is opened.
type Target struct {
	uri     string
	pragmas []string
	// Longest bounds a row, in bytes; a longer one is SQLITE_TOOBIG. 0 leaves it at
	// SQLite's own bound, a gigabyte.
	Longest int
}

// Address is a file, with parameters of SQLite such as "mode=ro" and pragmas that
// are set on the connection. The path is escaped: one with a ? or a % must not be
// read as parameters.
func Address(path, parameters string, pragmas ...string) Target {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // a drive letter
	}
	return Target{uri: (&url.URL{Scheme: "file", Path: p, RawQuery: parameters}).String(), pragmas: pragmas}
}

// Code returns SQLite's extended result code, or 0.
func Code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// Primary returns SQLite's primary result code, or 0.
func Primary(err error) int { return Code(err) & 0xff }

// IsBusy reports a lock of another process or connection.
func IsBusy(err error) bool {
	return Primary(err) == codes.SQLITE_BUSY || Primary(err) == codes.SQLITE_LOCKED
}

// The pauses between two attempts to get a lock.
const (
	firstPause = 500 * time.Microsecond
	lastPause  = 10 * time.Millisecond
)

// Patiently calls f until it ends with something else than what waiting helps
// against, or the context ends. SQLite's own waiting would not see the context,
// and give up at a time of its own.
func Patiently(ctx context.Context, waitingHelps func(error) bool, f func() error) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if err := store.FromContext(ctx); err != nil {
			return err
		}
		err := f()
		if !waitingHelps(err) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}
