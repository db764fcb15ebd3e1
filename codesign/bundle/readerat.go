package bundle

import (
	"io"
	"io/fs"
)

// readerAt gives random access to an open file. One that cannot seek is read
// forward, and opened anew where an earlier part is wanted.
// done closes what that opened.
func readerAt(f fs.File, open func() (fs.File, error)) (r io.ReaderAt, done func()) {
	if r, ok := f.(io.ReaderAt); ok {
		return r, func() {}
	}
	fw := &forward{open: open}
	return fw, fw.close
}

// forward reads a file that only goes forward.
type forward struct {
	open func() (fs.File, error)
	file fs.File
	at   int64
}

// ReadAt implements io.ReaderAt for one reader at a time.
func (f *forward) ReadAt(p []byte, off int64) (int, error) {
	if f.file == nil || off < f.at {
		if err := f.reopen(); err != nil {
			return 0, err
		}
	}
	skipped, err := io.CopyN(io.Discard, f.file, off-f.at)
	f.at += skipped
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(f.file, p)
	f.at += int64(n)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

func (f *forward) reopen() error {
	f.close()
	file, err := f.open()
	if err == nil {
		f.file, f.at = file, 0
	}
	return err
}

func (f *forward) close() {
	if f.file != nil {
		f.file.Close()
	}
	f.file = nil
}
