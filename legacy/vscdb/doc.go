// Package vscdb reads and writes the secrets of VS Code and of its relatives in
// their state.vscdb, as a legacy source: layout "vscdb". Importing the package
// registers it, and the selector "vscode-storage", which tells whether the app
// keeps secrets on disk at all.
//
// # Layout
//
// state.vscdb is an SQLite file with the table ItemTable (key, value). A secret
// has the key "secret://" and the name that the app gave it, which is kinring's
// account; its value is the JSON of a Node Buffer, {"type":"Buffer","data":[…]},
// whose bytes are sealed by the app's safe storage, see package safestorage. The
// secret itself is text: what is not UTF-8 the app could not read.
//
// Options of the profile's source:
//
//	app       the app's name for its key, such as "Code"; needed to decrypt
//	userdata  the app's user-data directory; empty: three above the database
//	argv      the app's argv.json; empty: the app has none
//
// # Beside a running app
//
// Reading never writes, not even to tidy up: a journal that a crash left is
// store.ErrUnavailable until the app itself has rolled it back. Changes are one
// transaction each, under SQLite's own locks; the condition is checked inside. A
// database that is busy is waited for as long as the caller's context lives. The
// schema is never changed, and a database that is not there is not made.
//
// VS Code reads the database when it starts and answers from memory after that.
// So a change made while it runs is store.ErrPartial: the database has it, the
// app does from its next start on, unless it writes the same secret itself first.
// The app counts as running if the process that code.lock names lives and began
// before the file was written, or if something answers at the app's main socket.
package vscdb
