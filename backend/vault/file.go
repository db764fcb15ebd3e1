package vault

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/store"
	codes "modernc.org/sqlite/lib"
)

// maxReaders is how many reads of one vault run at the same time in a process.
const maxReaders = 4

// file is a vault's file as this process has it open. All stores on one file
// share it, for two reasons that lie in POSIX: locks belong to the process, so
// whoever opened the file beside SQLite and closed it again would drop SQLite's
// locks (nothing in this package does); and SQLite keeps one view of the shared
// memory a process, so a quiet reader and a writer cannot live side by side.
type file struct {
	path string
	info fs.FileInfo
	refs int // guarded by files

	// mode is held for reading while a connection is used, and for writing
	// while connections are closed to open them in another way.
	mode    sync.RWMutex
	reading access

	slots  chan struct{} // one for each read under way
	idleMu sync.Mutex
	idle   []*conn

	log  atomic.Pointer[os.File] // see bareLog; nil until it is needed
	disk disk

	// turn is held by the one that writes.
	turn   chan struct{}
	writer *conn // or nil
}

var files struct {
	sync.Mutex
	open []*file
}

// acquire returns the process's one file for what is at path.
func acquire(path string, info fs.FileInfo) *file {
	files.Lock()
	defer files.Unlock()
	for _, f := range files.open {
		if os.SameFile(f.info, info) {
			f.refs++
			return f
		}
	}
	f := &file{path: path, info: info, refs: 1, reading: accessQuiet,
		slots: make(chan struct{}, maxReaders), turn: make(chan struct{}, 1)}
	files.open = append(files.open, f)
	return f
}

// release closes the connections when the last store lets go.
func (f *file) release() error {
	files.Lock()
	defer files.Unlock()
	if f.refs--; f.refs > 0 {
		return nil
	}
	for i, o := range files.open {
		if o == f {
			files.open = append(files.open[:i], files.open[i+1:]...)
			break
		}
	}
	f.mode.Lock()
	defer f.mode.Unlock()
	// The writer goes last: only it can move the log into the file.
	return errors.Join(f.closeReaders(), f.closeWriter(), f.closeLog(), f.disk.close())
}

// read calls f with a connection, again if a lock hindered it, so f must not
// keep what it did in a call that failed.
func (f *file) read(ctx context.Context, use func(*conn) error) error {
	return translate(f.unlessDamaged(ctx, func() error { return f.readPatiently(ctx, use) }))
}

// unlessDamaged calls do, and once more if SQLite says that the file is damaged and
// the disk gives all of it: a disk that fails now and then may have been the cause,
// and damage stays.
func (f *file) unlessDamaged(ctx context.Context, do func() error) error {
	err := do()
	if litedb.Code(err) != codes.SQLITE_CORRUPT || !errors.Is(translate(err), store.ErrCorrupt) {
		return err
	}
	if cause := f.readDisk(ctx); cause != nil {
		return cause
	}
	return do()
}

// readDisk returns the error of a disk that does not give all of the vault. Another
// vault that has taken its place is left alone: it may be open here too, see file.
func (f *file) readDisk(ctx context.Context) error {
	if now, err := os.Lstat(f.path); err != nil || !os.SameFile(now, f.info) {
		return nil
	}
	return f.disk.read(ctx, f.path, f.path+companions[0])
}

func (f *file) readPatiently(ctx context.Context, use func(*conn) error) error {
	return patiently(ctx, func() error {
		err := f.readOnce(ctx, use)
		if isUnsettled(err) {
			f.joinSharedMemory()
		}
		return err
	})
}

func (f *file) readOnce(ctx context.Context, use func(*conn) error) error {
	f.mode.RLock()
	defer f.mode.RUnlock()
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		return store.FromContext(ctx)
	}
	defer func() { <-f.slots }()
	if f.reading == accessQuiet && f.bareLog() {
		return errLog
	}
	n, err := f.takeReader(ctx)
	if err != nil {
		return err
	}
	err = use(n)
	var own *store.Error
	if err != nil && !errors.As(err, &own) {
		// Whatever SQLite thinks of this connection now, the next use gets a new one.
		_ = n.Close()
		return err
	}
	f.putReader(n)
	return err
}

// takeReader returns the connection that was used last, whose pages are the most
// likely to be at hand, or a new one.
func (f *file) takeReader(ctx context.Context) (*conn, error) {
	f.idleMu.Lock()
	if last := len(f.idle) - 1; last >= 0 {
		n := f.idle[last]
		f.idle = f.idle[:last]
		f.idleMu.Unlock()
		return n, nil
	}
	f.idleMu.Unlock()
	if f.reading == accessQuiet && !soundLog(f.path) {
		return nil, errLog
	}
	return openConn(ctx, f.path, f.reading)
}

func (f *file) putReader(n *conn) {
	f.idleMu.Lock()
	defer f.idleMu.Unlock()
	f.idle = append(f.idle, n)
}

// joinSharedMemory gives up reading quietly. It is needed for writing, and
// where a writer died and left the shared memory to be rebuilt while other
// readers hold on to it.
func (f *file) joinSharedMemory() {
	f.mode.Lock()
	defer f.mode.Unlock()
	if f.reading == accessQuiet {
		_ = f.closeReaders() // readers have nothing to lose
		f.reading = accessRead
	}
}

// closeReaders is called with mode held for writing, so all of them are idle.
func (f *file) closeReaders() error {
	f.idleMu.Lock()
	defer f.idleMu.Unlock()
	var errs []error
	for _, n := range f.idle {
		errs = append(errs, n.Close())
	}
	f.idle = nil
	return errors.Join(errs...)
}

// closeWriter is called with the turn held, or when nobody is left.
func (f *file) closeWriter() error {
	if f.writer == nil {
		return nil
	}
	w := f.writer
	f.writer = nil
	return w.Close()
}

// write calls use with the writing connection, one caller at a time.
func (f *file) write(ctx context.Context, use func(*conn) error) error {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return store.FromContext(ctx)
	}
	defer func() { <-f.turn }()
	if err := f.unlessDamaged(ctx, func() error { return f.openWriter(ctx) }); err != nil {
		return translate(err)
	}
	var err error
	return f.unlessDamaged(ctx, func() error {
		if f.writer != nil { // else it failed so that nothing may follow
			err = use(f.writer)
		}
		return err
	})
}

// openWriter opens the file for writing at the first write: a store that only
// reads never does.
func (f *file) openWriter(ctx context.Context) error {
	if f.writer != nil {
		return nil
	}
	f.joinSharedMemory()
	return patiently(ctx, func() error {
		w, err := openConn(ctx, f.path, accessWrite)
		if err == nil {
			f.writer = w
		}
		return err
	})
}
