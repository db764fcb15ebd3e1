// Package wire is the broker's protocol as bytes: JSON-RPC 2.0 in the framing of
// the Language Server Protocol, the methods with their parameters, and the closed
// set of errors as codes. It is pure: bytes in, messages out, and back.
//
// A message is a header block, an empty line and a JSON text:
//
//	Content-Length: 42\r\n
//	\r\n
//	{"jsonrpc":"2.0","id":1,"method":"ping"}
//
// docs/BROKER.md describes all of it with examples, which this package's tests
// replay.
//
// The codec is kinring's own. The libraries that speak this framing read from
// connections, start goroutines and take messages of any size; here every limit
// has to hold before a byte is kept, and hostile input has to be tried by a fuzzer
// millions of times a minute.
package wire

// Version is the version of the protocol that this build speaks. A client names
// the versions that it knows in hello and is told which one holds.
const Version = 1

// Limits of the protocol. A peer that goes beyond one is told so and, where it is
// a matter of framing, cut off.
const (
	MaxFrame  = 2 << 20 // bytes of one JSON text
	MaxHeader = 512     // bytes of one header block
	MaxID     = 64      // bytes of a request's id as JSON
	MaxMethod = 64      // bytes of a method's name
)
