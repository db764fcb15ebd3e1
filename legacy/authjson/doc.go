// Package authjson reads and writes the two files in which the OpenAI Codex CLI
// keeps secrets in clear text, as legacy sources: auth.json (layout "authjson")
// and .credentials.json (layout "credentialsjson"). Importing the package
// registers both.
//
// # Reading
//
// Codex up to 0.145.0 empties auth.json and then writes it, and every version
// known does that to .credentials.json. So a file counts as read when two reads
// agree and it is one JSON object. An empty or half-written file is never taken
// for a secret, nor for the absence of one. Symlinks, files of other users and
// anything that is not a file are refused; a file that others may read is read,
// because older builds leave it so, and kinring never makes it wider.
//
// # Writing
//
// A change is made under the lock files of Codex 0.169.0, in its order, after
// the file was read again and the condition checked; the file is replaced in one
// step, with mode 0600, and the folder is synced. Builds up to 0.145.0 know
// nothing of locks and can write between the look and the act, which is why the
// sources do not declare AtomicMatch.
//
// A change of .credentials.json leaves every byte outside the entry as it was.
package authjson
