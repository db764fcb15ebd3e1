package vault

import (
	"encoding/binary"
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

// soundLog reports whether SQLite can read a vault quietly. It cannot where a
// power failure left a header that is not SQLite's: without the shared memory
// it waits for many seconds for a writer to write a better one, while with it
// such a log is passed over at once, as it has to be. No log is sound.
//
// SQLite holds no locks on the log, so it may be opened and closed here.
func soundLog(path string) bool {
	f, err := os.Open(path + companions[0])
	if err != nil {
		return false
	}
	defer f.Close()
	var h [logHeaderSize]byte
	n, err := io.ReadFull(f, h[:])
	if err != nil {
		return n < logHeaderSize && (err == io.EOF || err == io.ErrUnexpectedEOF)
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
