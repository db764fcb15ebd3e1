package secitem

import (
	"errors"
	"fmt"
)

// Status is an OSStatus of the Security framework that is not success
// (SecBase.h, SecBasePriv.h, CSCommon.h).
type Status int32

// Statuses that a Table or a Session gives. One code may have several names in
// Apple's headers: all that say "a parameter is wrong" are ErrParam.
const (
	ErrUnimplemented         Status = -4
	ErrDiskFull              Status = -34
	ErrIO                    Status = -36
	ErrWritePermission       Status = -61
	ErrParam                 Status = -50
	ErrAllocate              Status = -108
	ErrUserCanceled          Status = -128
	ErrBadReq                Status = -909
	ErrInternalComponent     Status = -2070
	ErrNotAvailable          Status = -25291
	ErrReadOnly              Status = -25292
	ErrAuthFailed            Status = -25293
	ErrNoSuchKeychain        Status = -25294
	ErrInvalidKeychain       Status = -25295
	ErrDuplicateItem         Status = -25299
	ErrItemNotFound          Status = -25300
	ErrNoSuchAttr            Status = -25303
	ErrInvalidItemRef        Status = -25304
	ErrNoSuchClass           Status = -25306
	ErrNoDefaultKeychain     Status = -25307
	ErrInteractionNotAllowed Status = -25308
	ErrInteractionRequired   Status = -25315
	ErrDataNotAvailable      Status = -25316
	ErrInDarkWake            Status = -25320
	ErrAuthNeeded            Status = -25330
	ErrDecode                Status = -26275
	ErrInternal              Status = -26276
	ErrMissingEntitlement    Status = -34018
	ErrUpgradePending        Status = -34019
	ErrRestrictedAPI         Status = -34020
	ErrVerifyFailed          Status = -67808

	// What the kernel answers about the login keychain's file or another process:
	// errSecErrnoBase (errors.cpp) and the error's number.
	ErrFileNotPermitted Status = 100000 + 1
	ErrProcessGone      Status = 100000 + 3
	ErrFileAccess       Status = 100000 + 13
	ErrFileNoSpace      Status = 100000 + 28
	ErrFileReadOnly     Status = 100000 + 30

	ErrCodeRequirement   Status = -67050
	ErrCodeSignature     Status = -67061
	ErrCodeUnsigned      Status = -67062
	ErrCodeNoSuchCode    Status = -67065
	ErrCodeInvalidAttrs  Status = -67066
	ErrCodeInvalidObject Status = -67071
)

// known holds Apple's name of each status and what it means to a caller.
var known = map[Status]struct{ name, text string }{
	ErrUnimplemented:         {"errSecUnimplemented", "the system cannot do that"},
	ErrDiskFull:              {"errSecDiskFull", "the disk is full"},
	ErrIO:                    {"errSecIO", "reading or writing failed"},
	ErrWritePermission:       {"errSecWrPerm", "the keychain's file may not be written"},
	ErrParam:                 {"errSecParam", "a parameter is missing or of the wrong type"},
	ErrAllocate:              {"errSecAllocate", "out of memory"},
	ErrUserCanceled:          {"errSecUserCanceled", "the person who was asked said no"},
	ErrBadReq:                {"errSecBadReq", "the request makes no sense"},
	ErrInternalComponent:     {"errSecInternalComponent", "a component of the keychain failed"},
	ErrNotAvailable:          {"errSecNotAvailable", "no keychain service can be reached from here"},
	ErrReadOnly:              {"errSecReadOnly", "read only"},
	ErrAuthFailed:            {"errSecAuthFailed", "this program is not trusted with the item, or the keychain is locked"},
	ErrNoSuchKeychain:        {"errSecNoSuchKeychain", "no such keychain"},
	ErrInvalidKeychain:       {"errSecInvalidKeychain", "the file is not a keychain"},
	ErrDuplicateItem:         {"errSecDuplicateItem", "the item is there already"},
	ErrItemNotFound:          {"errSecItemNotFound", "no such item"},
	ErrNoSuchAttr:            {"errSecNoSuchAttr", "no such attribute"},
	ErrInvalidItemRef:        {"errSecInvalidItemRef", "the item is gone"},
	ErrNoSuchClass:           {"errSecNoSuchClass", "no such class of items"},
	ErrNoDefaultKeychain:     {"errSecNoDefaultKeychain", "there is no default keychain"},
	ErrInteractionNotAllowed: {"errSecInteractionNotAllowed", "locked, and nobody can be asked in this session"},
	ErrInteractionRequired:   {"errSecInteractionRequired", "a person would have to be asked"},
	ErrDataNotAvailable:      {"errSecDataNotAvailable", "the value is not available"},
	ErrInDarkWake:            {"errSecInDarkWake", "the machine is awake without its screen"},
	ErrAuthNeeded:            {"errSecAuthNeeded", "authentication is needed"},
	ErrDecode:                {"errSecDecode", "the item cannot be decoded"},
	ErrInternal:              {"errSecInternal", "an internal error of the keychain"},
	ErrMissingEntitlement:    {"errSecMissingEntitlement", "this program is not entitled to the access group"},
	ErrUpgradePending:        {"errSecUpgradePending", "the keychain waits for an upgrade"},
	ErrRestrictedAPI:         {"errSecRestrictedAPI", "the system keeps that to itself"},
	ErrVerifyFailed:          {"errSecVerifyFailed", "the item does not decrypt"},
	ErrFileNotPermitted:      {"errSecErrnoBase+EPERM", "the keychain's file may not be changed"},
	ErrProcessGone:           {"errSecErrnoBase+ESRCH", "the process has ended"},
	ErrFileAccess:            {"errSecErrnoBase+EACCES", "the keychain's file may not be opened"},
	ErrFileNoSpace:           {"errSecErrnoBase+ENOSPC", "the disk is full"},
	ErrFileReadOnly:          {"errSecErrnoBase+EROFS", "the keychain's file is on a volume that is read only"},
	ErrCodeRequirement:       {"errSecCSReqFailed", "the program is not the one that is required"},
	ErrCodeSignature:         {"errSecCSSignatureFailed", "the program is not what was signed"},
	ErrCodeInvalidAttrs:      {"errSecCSInvalidAttributeValues", "a program cannot be named like that"},
	ErrCodeUnsigned:          {"errSecCSUnsigned", "the program is not signed"},
	ErrCodeNoSuchCode:        {"errSecCSNoSuchCode", "no such program"},
	ErrCodeInvalidObject:     {"errSecCSInvalidObjectRef", "not a code object"},
}

// Name returns Apple's name, or "OSStatus N".
func (s Status) Name() string {
	if k, ok := known[s]; ok {
		return k.name
	}
	return fmt.Sprintf("OSStatus %d", int32(s))
}

// Native returns the name and the number, as errors of package store carry them.
func (s Status) Native() string { return fmt.Sprintf("%s %d", s.Name(), int32(s)) }

// Meaning returns what the status means, without its name; empty if it is not
// known.
func (s Status) Meaning() string { return known[s].text }

// Error returns what the status means, with its name and number.
func (s Status) Error() string {
	if k, ok := known[s]; ok {
		return fmt.Sprintf("%s (%s, %d)", k.text, k.name, int32(s))
	}
	return s.Name()
}

// StatusOf returns the status in an error.
func StatusOf(err error) (Status, bool) {
	var s Status
	ok := errors.As(err, &s)
	return s, ok
}

// TypeError: an answer was not of the type that Apple documents. It is never
// taken for an absent item.
type TypeError struct {
	// Call is the function, Got the type of its answer.
	Call, Got string
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("%s answered with %s, which its documentation excludes", e.Call, e.Got)
}
