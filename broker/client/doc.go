// Package client talks to a broker.
//
// [Dial] returns a [Conn], which calls the ring that the broker serves. [Open]
// returns a [Store]: the family's shared store itself, behind the broker, a
// store.Store like any other. Neither knows the engine.
//
// A client trusts no socket because of its name. Its directory and the socket have
// to belong to the user and to be closed to others, and so has the process that
// listens.
package client
