package vscdb

import (
	"encoding/json"
	"strconv"

	"github.com/kinring/kinring/store"
)

// The text of a Node Buffer around its bytes, as JSON.stringify writes it.
const (
	bufferHead = `{"type":"Buffer","data":[`
	bufferTail = `]}`
)

// maxText bounds the text of a value: each byte takes at most four characters,
// and sealing adds less than 1 KiB.
const maxText = 4*(store.MaxValue+1<<10) + 64

// encodeBuffer returns the JSON of a Node Buffer.
func encodeBuffer(b []byte) string {
	out := make([]byte, 0, 4*len(b)+len(bufferHead)+len(bufferTail))
	out = append(out, bufferHead...)
	for i, c := range b {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, uint64(c), 10)
	}
	return string(append(out, bufferTail...))
}

// decodeBuffer returns the bytes of a Node Buffer's JSON.
func decodeBuffer(text []byte) ([]byte, error) {
	var buffer struct {
		Type *string
		Data *[]uint16 // not bytes: those are base64 to Go
	}
	if err := json.Unmarshal(text, &buffer); err != nil {
		return nil, notABuffer("it is not the JSON that it should be")
	}
	switch {
	case buffer.Type == nil || *buffer.Type != "Buffer":
		return nil, notABuffer(`its type is not "Buffer"`)
	case buffer.Data == nil:
		return nil, notABuffer("it has no data")
	}
	out := make([]byte, len(*buffer.Data))
	for i, n := range *buffer.Data {
		if n > 255 {
			return nil, notABuffer("its data are not bytes")
		}
		out[i] = byte(n)
	}
	return out, nil
}

func notABuffer(what string) error {
	return &store.Error{Class: store.ErrCorrupt, Detail: "the value is no Buffer of Node: " + what,
		Remedy: "it is left as it is; sign in again in the app"}
}
