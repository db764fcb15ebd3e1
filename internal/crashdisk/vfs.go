package crashdisk

import (
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite "modernc.org/sqlite/lib"
)

// The C functions of SQLite's interface of files, as the translation has them.
type (
	openFunc     = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32
	writeFunc    = func(tls *libc.TLS, file, data uintptr, size int32, offset int64) int32
	truncateFunc = func(tls *libc.TLS, file uintptr, size int64) int32
	syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32
)

// shim is the table of functions in front of the system's.
type shim struct {
	mu      sync.Mutex
	system  uintptr              // the system's sqlite3_vfs
	methods map[uintptr]*methods // of the system's sqlite3_io_methods
	wrapped map[uintptr]*methods // the same by our own
	open    map[uintptr]string   // paths by sqlite3_file
	into    *Recording
}

// methods is one table of the functions of an open file, and the one that it
// stands for.
type methods struct {
	table  uintptr // a sqlite3_io_methods
	system *sqlite.Tsqlite3_io_methods
}

// At most one shim is installed, for the life of the process: connections keep a
// pointer to it.
var (
	installed shim
	install   = sync.OnceFunc(func() { installed.install() })
)

// at turns an address of the translated C into a pointer.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// pointer is how the translation stores a function where C has its address: as
// that of the variable that a func value points to. f must live as long as it.
func pointer[F any](f *F) uintptr { return *(*uintptr)(unsafe.Pointer(f)) }

// function is the opposite of pointer.
func function[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&address)) }

// The functions of the shim, in variables that live for ever.
var (
	shimOpen openFunc = func(tls *libc.TLS, _, name, file uintptr, flags int32, out uintptr) int32 {
		return installed.openFile(tls, name, file, flags, out)
	}
	shimWrite writeFunc = func(tls *libc.TLS, file, data uintptr, size int32, offset int64) int32 {
		return installed.write(tls, file, data, size, offset)
	}
	shimTruncate truncateFunc = func(tls *libc.TLS, file uintptr, size int64) int32 { return installed.truncate(tls, file, size) }
	shimSync     syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32 { return installed.sync(tls, file, flags) }
)

func (s *shim) install() {
	tls := libc.NewTLS()
	defer tls.Close()
	s.system = sqlite.Xsqlite3_vfs_find(tls, 0)
	s.methods, s.wrapped, s.open = map[uintptr]*methods{}, map[uintptr]*methods{}, map[uintptr]string{}
	table := keep(tls, *at[sqlite.Tsqlite3_vfs](s.system))
	vfs := at[sqlite.Tsqlite3_vfs](table)
	vfs.FzName = keep(tls, [...]byte{'c', 'r', 'a', 's', 'h', 'd', 'i', 's', 'k', 0})
	vfs.FxOpen = pointer(&shimOpen)
	if code := sqlite.Xsqlite3_vfs_register(tls, table, 1); code != sqlite.SQLITE_OK {
		panic("crashdisk: SQLite takes no table of files") // in a test
	}
}

// keep copies a value to where the translated C has its memory, for the life of
// the process: under the race detector it may not reach into Go's.
func keep[T any](tls *libc.TLS, value T) uintptr {
	address := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(value)))
	if address == 0 {
		panic("crashdisk: no memory") // in a test
	}
	*at[T](address) = value
	return address
}

func (s *shim) openFile(tls *libc.TLS, name, file uintptr, flags int32, out uintptr) int32 {
	system := at[sqlite.Tsqlite3_vfs](s.system)
	code := function[openFunc](system.FxOpen)(tls, s.system, name, file, flags, out)
	f := at[sqlite.Tsqlite3_file](file)
	if code != sqlite.SQLITE_OK || f.FpMethods == 0 || name == 0 {
		return code
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.methods[f.FpMethods]
	if m == nil {
		m = wrap(tls, f.FpMethods)
		s.methods[f.FpMethods], s.wrapped[m.table] = m, m
	}
	f.FpMethods = m.table
	s.open[file] = libc.GoString(name)
	return code
}

// wrap makes the table that stands for one of the system's.
func wrap(tls *libc.TLS, system uintptr) *methods {
	m := &methods{system: at[sqlite.Tsqlite3_io_methods](system)}
	m.table = keep(tls, *m.system)
	own := at[sqlite.Tsqlite3_io_methods](m.table)
	own.FxWrite, own.FxTruncate, own.FxSync = pointer(&shimWrite), pointer(&shimTruncate), pointer(&shimSync)
	return m
}

// note tells the recording, if one is on, of a call before it is made, and
// returns the system's functions for the file.
func (s *shim) note(file uintptr, e Event) *sqlite.Tsqlite3_io_methods {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.into != nil {
		s.into.add(s.open[file], e)
	}
	return s.wrapped[at[sqlite.Tsqlite3_file](file).FpMethods].system
}

func (s *shim) write(tls *libc.TLS, file, data uintptr, size int32, offset int64) int32 {
	content := append([]byte{}, unsafe.Slice(at[byte](data), size)...)
	m := s.note(file, Event{Call: Write, Offset: offset, Data: content})
	return function[writeFunc](m.FxWrite)(tls, file, data, size, offset)
}

func (s *shim) truncate(tls *libc.TLS, file uintptr, size int64) int32 {
	m := s.note(file, Event{Call: Truncate, Offset: size})
	return function[truncateFunc](m.FxTruncate)(tls, file, size)
}

func (s *shim) sync(tls *libc.TLS, file uintptr, flags int32) int32 {
	m := s.note(file, Event{Call: Sync})
	return function[syncFunc](m.FxSync)(tls, file, flags)
}
