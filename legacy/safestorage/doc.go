// Package safestorage encrypts and decrypts as Chromium's os_crypt and Electron's
// safeStorage do, in both directions, on every system: what a desktop app wrote
// is read, and what is written here the app reads.
//
//	form         starts with  cipher                               key is made from
//	DarwinKey    v10          AES-128-CBC, PKCS #7, IV of spaces   PBKDF2-HMAC-SHA1, 1003 rounds, of an item's text
//	LinuxBasic   v10          the same                             the same, 1 round, of the word "peanuts"
//	LinuxKeyring v11          the same                             the same, 1 round, of an item's text
//	LinuxPortal  v12          AES-256-GCM, 12-byte nonce, no AAD   HKDF-SHA-256 of the portal's secret
//	WindowsKey   v10          the same                             32 random bytes, wrapped by DPAPI in Local State
//	WindowsDPAPI (none)       DPAPI                                the user's own
//
// Sources: components/os_crypt in Chromium, shell/browser/api/electron_api_safe_storage.cc
// in Electron, and values that a real Chromium wrote, see the tests.
//
// # What can be told from a value that does not decrypt
//
// The GCM forms are authenticated: whatever was changed is store.ErrCorrupt. The
// CBC forms are not. There a wrong key shows only as bad padding, and in one of
// about 256 cases not even so; a caller whose values are text checks that too.
// LinuxBasic is no protection at all: its key is the same everywhere.
//
// # Keys
//
// A key is never made, replaced or deleted here. One that is locked is
// store.ErrLocked; so is one that is not there, because the value is: neither is
// ever a reason to treat a value as absent, or to write it in a weaker form.
package safestorage
