package vault

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/store"
)

// The kernel's keyrings, as keyrings(7) describes them. Keys lie in the user
// keyring: it belongs to the user id, is the same in every session and login
// shell of that user, and nobody else finds it. A session keyring would end with
// the shell that ran unlock.
const (
	userKeyring    = unix.KEY_SPEC_USER_KEYRING
	processKeyring = unix.KEY_SPEC_PROCESS_KEYRING
	keyType        = "user"
)

// keyPermissions let the user do everything, and nobody else anything:
// keyctl_setperm(3), KEY_USR_ALL. Whoever possesses the key gets nothing for that:
// what the user started under another user id, say with sudo -u, still has the
// user's session, and by way of it possesses what is in the user's keyring.
const keyPermissions = 0x003f0000

// holdKey leaves a key in the user keyring. It gets its time and permissions
// before it is linked there, so that a crash leaves no key without an end; one of
// the same name is replaced in one step.
func holdKey(name string, key []byte, d time.Duration) error {
	id, err := unix.AddKey(keyType, name, key, processKeyring)
	if err != nil {
		return heldFailure(err)
	}
	defer unix.KeyctlInt(unix.KEYCTL_UNLINK, id, processKeyring, 0, 0) // the process ends soon
	if err := unix.KeyctlSetperm(id, keyPermissions); err != nil {
		return heldFailure(err)
	}
	seconds := int((d + time.Second - 1) / time.Second)
	if _, err := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, seconds, 0, 0); err != nil {
		return heldFailure(err)
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_LINK, id, userKeyring, 0, 0); err != nil {
		return heldFailure(err)
	}
	return nil
}

func heldKey(name string) ([]byte, error) {
	id, err := unix.KeyctlSearch(userKeyring, keyType, name, 0)
	if err != nil {
		return nil, err
	}
	key := make([]byte, keySize+1) // one byte more than there may be
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, key, 0)
	if err != nil || n > len(key) {
		clear(key)
		return nil, err
	}
	return key[:n], nil
}

// dropKey revokes a key, for processes that have found it already too.
func dropKey(name string) (bool, error) {
	id, err := unix.KeyctlSearch(userKeyring, keyType, name, 0)
	switch {
	case errors.Is(err, unix.ENOKEY), errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED):
		return false, nil
	case err != nil:
		return false, heldFailure(err)
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_REVOKE, id, 0, 0, 0); err != nil {
		return false, heldFailure(err)
	}
	return true, nil
}

// heldFailure tells a kernel or a container without keyrings from one whose
// quota is used up.
func heldFailure(err error) error {
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return noHolder(err) // Docker's default profile answers so
	case errors.Is(err, unix.EDQUOT):
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Err: err,
			Detail: "the user's quota of the kernel's keyrings is used up", Remedy: "remove keys with keyctl"}
	}
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Err: err,
		Detail: "the kernel's keyring does not answer", Remedy: "use a key file"}
}
