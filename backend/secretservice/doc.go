// Package secretservice speaks to the desktop's keyring on Linux: whatever
// serves the Secret Service API on the session bus, such as gnome-keyring,
// KWallet or KeePassXC.
//
// It has two levels. [Conn] is the item level: items with labels, attributes
// and secrets, as any program sees them; layouts of older builds read and write
// their items through it. On top of it, [Open] gives the shared store of
// kinring.
//
// The API is the one of https://specifications.freedesktop.org/secret-service/
// (version 0.2). Secrets cross the bus only encrypted, in one session for all
// connections of a process to one bus.
//
// # What it never does
//
// It starts no keyring: a call goes to the provider that owns the name now, by
// its unique name, so that nothing is activated and no other provider answers
// in the middle of an operation. Unless [Options] allow it, it asks nobody for
// anything: what would need a person is [store.ErrLocked] at once.
package secretservice
