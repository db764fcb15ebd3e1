// Package kinring gives a family of programs one place for its secrets.
//
// A vendor ships a desktop app, a command line, helpers, stable and preview
// editions, older and newer builds. The user should sign in once. Open returns
// a [Ring]: it reads and writes the family's secrets in a shared store and, as
// long as older builds live, keeps peace with the stores that those know, by an
// explicit policy.
//
//	ring, err := kinring.Open(ctx, profile)
//	...
//	value, err := ring.Get(ctx, "auth")
//
// # Stores
//
// Shared stores and legacy layouts come in by import, as drivers do in
// database/sql, so that a program links only what it uses:
//
//	import _ "github.com/kinring/kinring/backend/vault"
//	import _ "github.com/kinring/kinring/legacy/authjson"
//
// # Promises
//
// What was acknowledged is not lost. A deleted secret does not come back unless
// somebody writes it anew. Copying an older build's secret never replaces what
// a newer build wrote. "Not found" is said only after looking and finding
// nothing. Reading changes no older build's store. docs/POLICIES.md states all
// of them with their conditions.
//
// # Errors
//
// Every error matches exactly one of the Err values of this package with
// [errors.Is]; no error holds a secret.
//
// # Compatibility
//
// Until version 1.0 the Go API may change. What is stored may not: every later
// version reads what this one writes, or says that it cannot.
package kinring
