// Package storetest tests stores. Run is the conformance suite: every store
// passes it, whoever wrote it. Faults wraps a store and makes chosen calls go
// wrong, for tests of what is built on stores.
package storetest
