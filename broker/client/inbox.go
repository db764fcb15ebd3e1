package client

import (
	"net"

	"github.com/kinring/kinring/broker/wire"
)

// inbox reads frames. A read that is interrupted loses nothing: what has arrived
// stays in the buffer.
type inbox struct {
	nc         net.Conn
	buf        []byte
	start, end int
}

// maxAnswer is the largest answer in bytes. A list of many keys is larger than any
// request.
const maxAnswer = 64 << 20

// usual is the size of buffer that a connection keeps.
const usual = 4 << 10

// next returns the next message. What cannot be understood ends the connection.
func (in *inbox) next() (wire.Message, error) {
	for {
		body, size, err := wire.Split(in.buf[in.start:in.end], maxAnswer)
		if err != nil {
			return wire.Message{}, err
		}
		if body != nil {
			m, refusal := wire.Decode(body)
			clear(body) // it may hold a value
			in.take(size)
			if refusal != nil {
				return m, refusal
			}
			return m, nil
		}
		if err := in.fill(size); err != nil {
			return wire.Message{}, err
		}
	}
}

func (in *inbox) take(size int) {
	if in.start += size; in.start < in.end {
		return
	}
	in.start, in.end = 0, 0
	if len(in.buf) > usual {
		in.buf = nil
	}
}

func (in *inbox) fill(size int) error {
	if in.start > 0 {
		moved := copy(in.buf, in.buf[in.start:in.end])
		clear(in.buf[moved:in.end]) // it may hold a value
		in.start, in.end = 0, moved
	}
	if in.end == len(in.buf) {
		old := in.buf
		in.buf = make([]byte, max(usual, min(size, 4*in.end), 2*in.end))
		copy(in.buf, old[:in.end])
		clear(old)
	}
	n, err := in.nc.Read(in.buf[in.end:])
	in.end += n
	if n > 0 {
		return nil
	}
	return err
}
