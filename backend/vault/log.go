package vault

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// The header of SQLite's log, as the SQLite file format describes it under "WAL
// header": eight words, big-endian. The magic number's last bit says in which
// byte order the checksum adds up the first six.
const (
	logHeaderSize = 32
	logMagic      = 0x377f0682
	logVersion    = 3007000
)

// errLog is the error for a log that SQLite cannot read quietly: it would try
// for ten seconds, which are its own and no context's, and give up. With the
// shared memory it passes over the same log at once, as it has to.
var errLog = errors.New("the log cannot be read without the shared memory")

// bareLog reports a log that holds a header and nothing else, as a writer leaves
// it that is killed between the two. It is asked before every quiet read,
// because that may happen at any time; so the log is kept open for it, which
// spares the walk along its path. It is called with a slot taken and mode held.
func (f *file) bareLog() bool {
	log := f.log.Load()
	if log == nil {
		opened, err := os.Open(f.path + companions[0])
		if err != nil {
			return false
		}
		if log = opened; !f.log.CompareAndSwap(nil, opened) {
			opened.Close()
			log = f.log.Load()
		}
	}
	info, err := log.Stat()
	return err == nil && info.Size() == logHeaderSize
}

// closeLog is called when nobody reads any more.
func (f *file) closeLog() error {
	if log := f.log.Swap(nil); log != nil {
		return log.Close()
	}
	return nil
}

// soundLog reports whether a log is empty or begins as SQLite's logs do; a power
// failure may have left anything there.
//
// SQLite holds no locks on the log, so it may be opened and closed here.
func soundLog(path string) bool {
	f, err := os.Open(path + companions[0])
	if err != nil {
		return false
	}
	defer f.Close()
	var h [logHeaderSize]byte
	if _, err := io.ReadFull(f, h[:]); err != nil {
		return err == io.EOF || err == io.ErrUnexpectedEOF
	}
	return soundLogHeader(h)
}

func soundLogHeader(h [logHeaderSize]byte) bool {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(h[4*i:]) }
	magic := word(0)
	if magic&^1 != logMagic || word(1) != logVersion {
		return false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if magic&1 == 1 {
		order = binary.BigEndian
	}
	var a, b uint32
	for i := 0; i < 24; i += 8 {
		a += order.Uint32(h[i:]) + b
		b += order.Uint32(h[i+4:]) + a
	}
	return a == word(6) && b == word(7)
}
