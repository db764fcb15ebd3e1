package mac

import (
	"errors"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/store"
)

// meaning is what a status is to a caller of a store.
type meaning struct {
	class  *store.Class
	reason error
	remedy string
}

var (
	noService = meaning{store.ErrUnavailable, store.ErrNoService, "run the program in a login session of the user"}
	writable  = meaning{class: store.ErrDenied, remedy: "make the keychain's file and its folder writable for this user"}
)

// unlocking names both ways: no password opens the data-protection keychain, and no
// login the other one where its password is another.
const unlocking = "log in to this Mac or unlock its screen; for a login keychain: security unlock-keychain"

// meanings holds each status that says something definite. A write that ends in
// one of them has changed nothing.
var meanings = map[secitem.Status]meaning{
	secitem.ErrItemNotFound:          {class: store.ErrNotFound},
	secitem.ErrInvalidItemRef:        {class: store.ErrNotFound},
	secitem.ErrDuplicateItem:         {class: store.ErrConflict, remedy: "read it again"},
	secitem.ErrMissingEntitlement:    {store.ErrUnavailable, store.ErrOutOfReach, "sign the program into the access group; kinring doctor says what it is entitled to"},
	secitem.ErrRestrictedAPI:         {store.ErrUnavailable, store.ErrOutOfReach, "sign the program into the access group; kinring doctor says what it is entitled to"},
	secitem.ErrNoDefaultKeychain:     {store.ErrUnavailable, store.ErrNoService, "make a login keychain with Keychain Access"},
	secitem.ErrNoSuchKeychain:        {store.ErrUnavailable, store.ErrNoService, "look at the list of keychains: security list-keychains"},
	secitem.ErrInvalidKeychain:       {class: store.ErrCorrupt, remedy: "restore the keychain's file from a backup"},
	secitem.ErrDecode:                {class: store.ErrCorrupt, remedy: "sign in again"},
	secitem.ErrInteractionNotAllowed: {class: store.ErrLocked, remedy: unlocking},
	secitem.ErrInteractionRequired:   {class: store.ErrLocked, remedy: "run the program where a person can be asked"},
	secitem.ErrInDarkWake:            {class: store.ErrLocked, remedy: "try again when the machine is awake"},
	secitem.ErrAuthNeeded:            {class: store.ErrLocked, remedy: unlocking},
	secitem.ErrAuthFailed:            {class: store.ErrDenied, remedy: "allow the program to use the item when macOS asks"},
	secitem.ErrWritePermission:       writable,
	secitem.ErrReadOnly:              writable,
	secitem.ErrUserCanceled:          {class: store.ErrCancelled, remedy: "allow it when macOS asks"},
	secitem.ErrVerifyFailed:          {class: store.ErrCorrupt, remedy: "sign in again"},
	secitem.ErrFileNotPermitted:      writable,
	secitem.ErrFileAccess:            writable,
	secitem.ErrFileReadOnly:          writable,
	secitem.ErrFileNoSpace:           {store.ErrUnavailable, store.ErrNoService, "make room on the disk"},
	secitem.ErrDiskFull:              {store.ErrUnavailable, store.ErrNoService, "make room on the disk"},
	secitem.ErrDataNotAvailable:      {store.ErrUnavailable, store.ErrNoService, "try again after the first unlock"},
	secitem.ErrUpgradePending:        {store.ErrUnavailable, store.ErrNoService, "try again when macOS has upgraded the keychain"},
	secitem.ErrParam:                 {class: store.ErrUnsupported},
	secitem.ErrNoSuchAttr:            {class: store.ErrUnsupported},
	secitem.ErrNoSuchClass:           {class: store.ErrUnsupported},
	secitem.ErrBadReq:                {class: store.ErrUnsupported},
	secitem.ErrUnimplemented:         {class: store.ErrUnsupported},
}

// vague holds statuses after which a write may have been made: what served it
// went away, or does not know.
var vague = map[secitem.Status]meaning{
	secitem.ErrNotAvailable: noService,
	secitem.ErrIO:           {store.ErrUnavailable, store.ErrNoService, "check the disk"},
	secitem.ErrAllocate:     {store.ErrUnavailable, store.ErrNoService, "close other programs"},
}

// Failure returns the error of a store for what a call answered, and nil for nil.
// Errors of package store pass through.
func Failure(err error) error {
	var own *store.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return err
	}
	s, isStatus := secitem.StatusOf(err)
	if !isStatus {
		return &store.Error{Class: store.ErrCorrupt, Detail: "the keychain's answer makes no sense", Err: err,
			Remedy: "report this with the version of macOS"}
	}
	m, known := meanings[s]
	if !known {
		m, known = vague[s]
	}
	if !known {
		m = meaning{store.ErrUnavailable, store.ErrNoService, "look into the system's log: log show --last 5m --predicate 'process == \"secd\" || process == \"securityd\"'"}
	}
	return &store.Error{Class: m.class, Reason: m.reason, Detail: s.Meaning(), Native: s.Native(), Remedy: m.remedy}
}

// Settled reports whether a write that ended so has surely changed nothing.
func Settled(err error) bool {
	var own *store.Error
	if err == nil || errors.As(err, &own) {
		return err == nil || own.Class != store.ErrOutcomeUnknown
	}
	s, isStatus := secitem.StatusOf(err)
	_, definite := meanings[s]
	return isStatus && definite
}
