// Package loginkeychain reads and writes the items that older builds keep in the
// macOS login keychain, as legacy sources. Importing the package registers four
// layouts:
//
//	mackeyring    the Rust keyring crate, keybase/go-keychain and whoever else
//	              files a value under its very service and account
//	mackeyring99  the same as 99designs/keyring labels it
//	macgokeyring  zalando/go-keyring, which has /usr/bin/security make its items
//	macsafekey    the key "<App> Safe Storage" of Chromium and Electron; read-only
//
// Built and vetted for macOS, run against an emulator of the documented
// semantics, not yet run on a Mac.
//
// # Reading
//
// Whether an item is there is asked by its attributes, which nobody has to
// permit. Only then its value is read, and macOS may ask a person whether this
// program may: at most once for each value that is read. One that must not be
// asked for (store.Never, or nobody there under store.IfAttended) is ErrDenied
// or ErrLocked. Only one such question of a process is open at a time. Items that
// /usr/bin/security made are read through it, because it is trusted with them and
// this program is not.
//
// Every query says that it means the login keychain: it cannot meet an item of
// the shared one, and what is wrong there cannot pass for absence here.
//
// # Writing
//
// The value of an item that is there is replaced and nothing else about it: its
// maker stays trusted. An item that kinring makes is trusted to kinring, so the
// older build will ask once before it reads it.
//
// # What it does not promise
//
// macOS knows one switch for a process: while a call of this package must ask
// nobody, for some milliseconds, nothing else in the process can be asked about a
// login keychain either.
//
// /usr/bin/security asks by itself about an item that it did not make, which
// somebody filed under go-keyring's names: store.Never cannot keep it quiet, and
// only the end of the caller's time takes its question away.
//
// macOS searches all keychains of the user's search list, where the older build
// may have looked into one. An item that several of them hold is ErrAmbiguous.
// The login keychain dates changes to the second and compares nothing as it
// writes: a Match can miss a write of another program between look and act.
package loginkeychain
