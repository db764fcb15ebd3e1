// Package keyringtest gives a test a session bus of its own and a real keyring
// on it: gnome-keyring, KWallet or KeePassXC. Nothing on such a bus is ever
// started by asking for it, so that what is not there stays away, and nothing of
// the user's own session is seen or touched. Passwords are made up.
//
// What was started is stopped with the test, by its own process id.
package keyringtest
