// Package keychain is the shared store on macOS: the data-protection keychain,
// in the access group that the family's programs are signed into. It needs no
// cgo. Importing the package registers the kind "keychain".
//
// Built and vetted for macOS, run against an emulator of the documented
// semantics, not yet run on a Mac.
//
// # What it promises
//
// Every call names keychain, group, service and account, and means items that
// stay on this device: it cannot meet an item of the login keychain, of another
// group or of iCloud. Put under Absent is one SecItemAdd, Put under Match one
// SecItemUpdate whose search holds the attribute gena as it was read: both are
// atomic among all programs of the group. Value and record are written in one
// step. Group and accessibility of an item are never changed. Nothing asks a
// person, whatever the context allows.
//
// # Self-check
//
// Before its first use a store looks whether its own program is entitled to the
// group. One that is not gets ErrOutOfReach without a single call to a keychain:
// an unentitled program that leaves the group out would reach the login keychain
// and be told "not found" where it may not look.
//
// # What it does not promise
//
// A program that replaces an item's value and leaves gena alone is not seen by
// Match, only by the engine, which compares the value with the record's digest.
// Where another program made an item without gena, macOS has nothing to compare;
// then the item's date of change and a lock among programs with kinring take its
// place. An item that macOS cannot decode is not there, says macOS.
package keychain
