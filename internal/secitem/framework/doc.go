// Package framework calls Apple's CoreFoundation and Security frameworks without
// cgo. It implements [secitem.Mac] with the real thing.
//
// It is built for macOS, and for Linux so that its tests can run this very code
// against a double of the frameworks and against Apple's own CoreFoundation. On
// Linux nothing but tests may import it: a program that does is no longer linked
// statically. It has not been run on a Mac yet.
//
// # Rules
//
// All prototypes are in prototypes.go, nowhere else: C checks none of them.
// A reference that a Create or Copy function gave goes into a pool right away,
// and the pool is released when the call of this package ends, whatever happens.
// A reference from a Get function, and a constant, is never released. Nothing is
// taken for a string, a number or a dictionary before CFGetTypeID says so.
package framework
