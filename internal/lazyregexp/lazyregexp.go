// Package lazyregexp keeps regular expressions that are compiled when they are
// first needed. A command that reads one secret runs for less time than it would
// take to compile those of all the other verbs.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns what compiles an expression once. An expression that cannot be
// compiled panics at its first use, as with regexp.MustCompile.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
