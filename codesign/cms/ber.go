package cms

import (
	"github.com/kinring/kinring/codesign/unreadable"
)

// maxDepth bounds the nesting of a message, and so the stack.
const maxDepth = 64

// Apple's own signer writes its outer layers with indefinite lengths (X.690,
// 8.1.3.6), which DER does not know. toDER rewrites those, and octet strings in
// pieces, and leaves every other byte as it is, so that digests and signatures
// still hold. The result is at most twice as long as the input.
func toDER(b []byte) ([]byte, error) {
	der, rest, _, err := element(b, b, 0)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, berError(b, rest, "bytes follow the message")
	}
	return der, nil
}

func berError(whole, rest []byte, problem string) error {
	return unreadable.At("cms message", int64(len(whole)-len(rest)), "%s", problem)
}

// element rewrites the first element of b, a suffix of whole or of an element
// of it. changed tells whether anything had to be rewritten.
func element(whole, b []byte, depth int) (der, rest []byte, changed bool, err error) {
	if depth > maxDepth {
		return nil, nil, false, berError(whole, b, "it nests too deep")
	}
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return nil, nil, false, berError(whole, b, "an element does not end or has a tag of several bytes")
	}
	constructed := b[0]&0x20 != 0
	if b[1] == 0x80 {
		if !constructed {
			return nil, nil, false, berError(whole, b, "a primitive element has an indefinite length")
		}
		return indefinite(whole, b, depth)
	}
	head, size, ok := length(b)
	if !ok || size > len(b)-head {
		return nil, nil, false, berError(whole, b, "an element reaches past the end")
	}
	der, rest = b[:head+size], b[head+size:]
	if !constructed {
		return der, rest, false, nil
	}
	content, changed, err := children(whole, b[head:head+size], depth)
	if err != nil || !changed && b[0] != constructedOctets {
		return der, rest, false, err
	}
	return rewrap(b[0], content), rest, true, nil
}

// children rewrites the elements that fill b.
func children(whole, b []byte, depth int) (content []byte, changed bool, err error) {
	for at := b; len(at) > 0; {
		child, rest, c, err := element(whole, at, depth+1)
		if err != nil {
			return nil, false, err
		}
		content, changed, at = append(content, child...), changed || c, rest
	}
	return content, changed, nil
}

// indefinite rewrites an element whose content ends with two zero bytes.
func indefinite(whole, b []byte, depth int) (der, rest []byte, changed bool, err error) {
	var content []byte
	at := b[2:]
	for {
		if len(at) >= 2 && at[0] == 0 && at[1] == 0 {
			return rewrap(b[0], content), at[2:], true, nil
		}
		child, next, _, err := element(whole, at, depth+1)
		if err != nil {
			return nil, nil, false, err
		}
		content, at = append(content, child...), next
	}
}

// length reads a definite length and returns how long tag and length are.
func length(b []byte) (head, size int, ok bool) {
	if b[1] < 0x80 {
		return 2, int(b[1]), true
	}
	n := int(b[1] & 0x7f)
	if n > 4 || len(b) < 2+n {
		return 0, 0, false
	}
	for _, c := range b[2 : 2+n] {
		size = size<<8 | int(c)
	}
	return 2 + n, size, true
}

// constructedOctets is the tag of an octet string in pieces, octets that of a
// whole one.
const (
	constructedOctets = 0x24
	octets            = 0x04
)

// rewrap puts content under a tag with a DER length. The pieces of an octet
// string are joined.
func rewrap(tag byte, content []byte) []byte {
	if tag == constructedOctets {
		if joined, ok := join(content); ok {
			tag, content = octets, joined
		}
	}
	out := append(make([]byte, 0, len(content)+6), tag)
	switch n := len(content); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 1<<8:
		out = append(out, 0x81, byte(n))
	case n < 1<<16:
		out = append(out, 0x82, byte(n>>8), byte(n))
	case n < 1<<24:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	default:
		out = append(out, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, content...)
}

// join concatenates the contents of octet strings in DER.
func join(pieces []byte) (joined []byte, ok bool) {
	for len(pieces) > 0 {
		if len(pieces) < 2 || pieces[0] != octets {
			return nil, false
		}
		head, size, ok := length(pieces)
		if !ok || size > len(pieces)-head {
			return nil, false
		}
		joined = append(joined, pieces[head:head+size]...)
		pieces = pieces[head+size:]
	}
	return joined, true
}
