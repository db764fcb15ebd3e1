package file

import (
	"bytes"
	"errors"

	"github.com/kinring/kinring/store"
)

// wholeFile is the format bytes.
type wholeFile struct{}

func (wholeFile) value(text []byte) ([]byte, error) { return bytes.Clone(text), nil }

func (wholeFile) with(_, value []byte) ([]byte, error) { return bytes.Clone(value), nil }

// oneLine is the format line.
type oneLine struct{}

var errLines = errors.New("it has more than one line")

func (oneLine) value(text []byte) ([]byte, error) {
	line := text[:len(text)-len(lineEnd(text))]
	if bytes.ContainsAny(line, "\r\n") {
		return nil, errLines
	}
	return bytes.Clone(line), nil
}

// with keeps the line's end as it was; a new file gets LF.
func (oneLine) with(old, value []byte) ([]byte, error) {
	if bytes.ContainsAny(value, "\r\n") {
		return nil, &store.Error{Class: store.ErrInvalid, Detail: "the value has more than one line, and the file has one", Remedy: "use the format bytes"}
	}
	end := "\n"
	if old != nil {
		end = lineEnd(old)
	}
	return append(bytes.Clone(value), end...), nil
}
