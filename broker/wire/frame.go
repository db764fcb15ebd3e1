package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrFrame is what every error of Split matches: after it nobody can tell where
// the next frame begins, so the connection ends.
var ErrFrame = errors.New("broker: the framing is broken")

// ErrFrameTooLarge is the ErrFrame of a frame that is longer than allowed.
var ErrFrameTooLarge error = tooLarge{}

type tooLarge struct{}

func (tooLarge) Error() string { return ErrFrame.Error() + ": the frame is too large" }
func (tooLarge) Unwrap() error { return ErrFrame }

var endOfHeader = []byte("\r\n\r\n")

// Split finds the first frame in buf. It returns the JSON text, which is a part of
// buf, and how many bytes the frame takes. A frame that is not complete yet has no
// body; size is then the bytes that it will take, or 0 where its header is not
// complete either. limit is the largest body in bytes.
func Split(buf []byte, limit int) (body []byte, size int, err error) {
	head := bytes.Index(buf[:min(len(buf), MaxHeader)], endOfHeader)
	if head < 0 {
		if len(buf) >= MaxHeader {
			return nil, 0, fmt.Errorf("%w: the header block is longer than %d bytes", ErrFrame, MaxHeader)
		}
		return nil, 0, nil
	}
	length, err := parseHeader(string(buf[:head]))
	if err != nil {
		return nil, 0, err
	}
	if length > limit {
		return nil, 0, fmt.Errorf("%w: it has %d bytes and may have %d", ErrFrameTooLarge, length, limit)
	}
	head += len(endOfHeader)
	size = head + length
	if len(buf) < size {
		return nil, size, nil
	}
	return buf[head:size], size, nil
}

// parseHeader returns the length of the body. Names of fields are compared as in
// HTTP, without regard to case.
func parseHeader(block string) (int, error) {
	length := -1
	for field := range strings.SplitSeq(block, "\r\n") {
		name, value, ok := strings.Cut(field, ":")
		if !ok {
			return 0, fmt.Errorf("%w: a header field has no colon", ErrFrame)
		}
		value = strings.Trim(value, " \t")
		switch {
		case strings.EqualFold(name, "Content-Length"):
			n, err := contentLength(value)
			if err != nil || length >= 0 {
				return 0, fmt.Errorf("%w: Content-Length is given twice or is no number", ErrFrame)
			}
			length = n
		case strings.EqualFold(name, "Content-Type"):
			if !isUTF8(value) {
				return 0, fmt.Errorf("%w: the Content-Type names another charset than utf-8", ErrFrame)
			}
		}
	}
	if length < 0 {
		return 0, fmt.Errorf("%w: there is no Content-Length", ErrFrame)
	}
	return length, nil
}

func contentLength(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return 0, ErrFrame
	}
	return int(n), nil
}

// isUTF8 reports whether a content type names no charset or UTF-8, which the
// framing's specification also spells utf8.
func isUTF8(contentType string) bool {
	for part := range strings.SplitSeq(contentType, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(name, "charset") {
			return strings.EqualFold(value, "utf-8") || strings.EqualFold(value, "utf8")
		}
	}
	return true
}

// headerRoom is more than any header that AppendFrame writes.
const headerRoom = 32

// AppendFrame appends the frame of a body to buf.
func AppendFrame(buf, body []byte) []byte {
	buf = append(buf, "Content-Length: "...)
	buf = strconv.AppendInt(buf, int64(len(body)), 10)
	buf = append(buf, endOfHeader...)
	return append(buf, body...)
}

// frameOf returns the frame of the body that write appends. The body is written
// once, after room for a header of the right length.
func frameOf(sizeHint int, write func([]byte) ([]byte, error)) ([]byte, error) {
	buf, err := write(make([]byte, headerRoom, headerRoom+sizeHint))
	if err != nil {
		clear(buf)
		return nil, err
	}
	head := strconv.AppendInt(append(make([]byte, 0, headerRoom), "Content-Length: "...), int64(len(buf)-headerRoom), 10)
	head = append(head, endOfHeader...)
	start := headerRoom - len(head)
	copy(buf[start:], head)
	return buf[start:], nil
}
