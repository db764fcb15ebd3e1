// Package file makes one value of a vendor's own plain file a legacy source: the
// layout "file". Importing the package registers it.
//
//	[[legacy]]
//	layout  = "file"
//	path    = "{home}/config.yaml"
//	options = { format = "yaml", pointer = "/auth/token" }
//
// The option format is one of
//
//   - bytes: the whole file is the value, byte for byte; the default
//   - line: the file is one line, whose LF or CRLF is no part of the value
//   - json, yaml, toml: the value that pointer, a JSON pointer (RFC 6901), leads
//     to. A string is the value as text. In JSON anything else is the value as
//     JSON text; in YAML another plain scalar is its text.
//
// # Reading
//
// A file counts as read when two reads agree and the format's own parser takes
// it. Symlinks, files of other users and anything that is no file are refused; a
// file that others may read is read, because the older build made it so. A file
// over 4 MiB is refused.
//
// # Writing
//
// A change touches the value and leaves every other byte as it was: comments,
// order, indentation. Whether it did is checked by parsing the outcome; a form of
// file in which that cannot be done is unsupported, and stays untouched. The file
// is replaced in one step, with mode 0600, after it was looked at once more, under
// a lock file of kinring's own beside it. The vendor's program knows nothing of
// that lock and can write between the look and the act, which is why the source
// does not declare AtomicMatch.
package file
