// Package broker serves a ring over a local socket to programs that cannot reach
// the family's shared store themselves: bare binaries that cannot carry the
// entitlement, scripts, renderers, programs in other languages.
//
//	listener, err := broker.Listen(path)
//	...
//	err = broker.Serve(ctx, ring, listener, broker.Options{})
//
// The protocol is described in docs/BROKER.md, its codec is package wire, and its
// client package client, whose Store is a store like any other. Who is calling is
// found out by package peer; what they may do is decided by package policy, from
// that alone and never from what a request says.
package broker
