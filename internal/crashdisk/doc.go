// Package crashdisk records what SQLite does to the files of a directory, so that
// tests can put together what a crash at any moment would have left there.
//
// SQLite reaches its files through a table of functions, the VFS. This package
// puts a table of its own in front of the system's: everything is done as it
// would be, and writes, truncations and syncs are noted down in their order. From
// them follow two kinds of image:
//
//   - of a process that was killed: everything up to some call, the last one
//     whole, half, or not at all;
//   - of a machine that lost its power: what was synced, and of the rest whatever
//     the disk happened to have written.
//
// It is for tests alone: it reaches into the memory of the translated SQLite.
package crashdisk
