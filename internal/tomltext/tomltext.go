// Package tomltext bounds TOML that somebody else wrote before it is decoded.
package tomltext

import (
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// MaxKeys is how many keys a text may have, each part of a dotted key counted. To
// find one that is given twice the decoder compares each with all before it, so that
// a text of a few MiB would keep it for minutes. It is far beyond what a person
// writes.
const MaxKeys = 1 << 13

// ErrTooMany is the error for a text of more keys.
var ErrTooMany = fmt.Errorf("it has more than %d keys", MaxKeys)

// Check returns ErrTooMany for a text of too many keys. What else is wrong with it
// the decoder says.
func Check(text []byte) error {
	var p unstable.Parser
	p.Reset(text)
	left := MaxKeys
	for p.NextExpression() {
		if count(p.Expression(), &left); left < 0 {
			return ErrTooMany
		}
	}
	return nil
}

func count(n *unstable.Node, left *int) {
	if n.Kind == unstable.Key {
		*left--
	}
	for it := n.Children(); it.Next() && *left >= 0; {
		count(it.Node(), left)
	}
}
