package vault

import "github.com/kinring/kinring/store"

// checkFileSystem refuses a directory on a file system of a network: two
// machines that wrote to one vault there would destroy it.
func checkFileSystem(dir string) error {
	name, err := networkFileSystem(dir)
	switch {
	case err != nil:
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Store: dir, Err: err,
			Detail: "its file system cannot be looked at", Remedy: "check the vault's directory"}
	case name != "":
		return &store.Error{Class: store.ErrUnsupported, Store: dir,
			Detail: "it is on " + name + ", where processes of two machines cannot share a vault",
			Remedy: "keep the vault on a local disk: set KINRING_VAULT"}
	}
	return nil
}
