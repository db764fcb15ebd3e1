package vault

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/kinring/kinring/store"
)

// disk reads a vault's files past SQLite, which takes a sector that the disk does
// not give (EIO) for damage to the content: SQLITE_IOERR_CORRUPTFS becomes
// SQLITE_CORRUPT before anybody sees it. The files stay open until SQLite's are
// closed, see file.
type disk struct {
	mu   sync.Mutex
	open map[string]*os.File
}

// read returns the error of a disk that does not give all of the files at the paths.
func (d *disk) read(ctx context.Context, paths ...string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, path := range paths {
		if cause := d.readThrough(ctx, path); cause != nil {
			var own *store.Error
			if errors.As(cause, &own) {
				return own
			}
			return failing(&store.Error{Err: cause})
		}
	}
	return nil
}

func (d *disk) readThrough(ctx context.Context, path string) error {
	f := d.open[path]
	if f == nil {
		opened, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.open == nil {
			d.open = map[string]*os.File{}
		}
		f, d.open[path] = opened, opened
	}
	part := make([]byte, 1<<18)
	for at := int64(0); ; at += int64(len(part)) {
		if err := store.FromContext(ctx); err != nil {
			return err
		}
		if _, err := f.ReadAt(part, at); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (d *disk) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, f := range d.open {
		errs = append(errs, f.Close())
	}
	d.open = nil
	return errors.Join(errs...)
}
