// Package secitem is what kinring needs of macOS, as Go types: the SecItem
// functions over both keychains, the calling program's own entitlements and code
// identity, and the state of its session. It holds no code of any platform:
// package framework calls Apple's frameworks, package emulator imitates a Mac.
//
// Nothing in it has been run on a Mac yet. What the contracts below say comes
// from Apple's headers, documentation and published source.
//
// # Two keychains
//
// macOS has two keychains behind one interface. The data-protection keychain
// has access groups and serves entitled programs; the login keychain is a file
// with a list of trusted programs per item. A query that does not say which one
// it means addresses both, an Add that does not say goes to the login keychain
// and silently loses its group. A [Query] says it by default.
//
// # Blocking
//
// No call can be cancelled, and one that asks a person blocks for minutes. The
// caller runs calls on goroutines of its own. All implementations may be used
// from several goroutines at once.
package secitem

// Table is the four SecItem functions. The error is nil, a [Status], or, from
// the real one, a [*TypeError] for an answer of a type that Apple's headers
// exclude. Dictionaries are not changed and not kept.
//
// Statuses that each function may give for either keychain:
//
//	ErrParam                   class or value missing, null or of the wrong type
//	ErrInteractionNotAllowed   login keychain: there is no session to ask in;
//	                           data-protection: the item's class is locked
//	ErrInternalComponent       a defect on Apple's side
//
// Of the data-protection keychain alone:
//
//	ErrMissingEntitlement      the group is not one of the program's, or it has
//	                           none to write to; this wins over ErrParam
//	ErrNotAvailable            no service to talk to (no login session, a daemon)
//	ErrNoSuchAttr              an attribute that nobody knows
//	ErrNoSuchClass             a class that nobody knows
//
// Of the login keychain alone:
//
//	ErrAuthFailed              not trusted by the item, or the keychain is locked,
//	                           and asking is switched off
//	ErrUserCanceled            a person was asked and said no
type Table interface {
	// Add stores one item and gives no result.
	//
	// ErrDuplicateItem: an item with the same primary key is there; nothing was
	// changed. The primary key is service, account, group and synchronizable in
	// the data-protection keychain; service and account in the login keychain.
	// An item without a group lands in the program's first one.
	// ErrNoDefaultKeychain: there is no login keychain.
	Add(attributes Dict) error

	// CopyMatching returns what matches: one item unless the query has a limit, and
	// of each what it asks for. There is at least one, or an error. Without a Return
	// key an item is an empty Item (data-protection keychain).
	//
	// ErrItemNotFound: nothing matches, or only items in groups of others. To a
	// query that names no group this is also the answer for a program that has no
	// entitlement at all: name the group, always.
	// ErrParam also for MatchLimitAll with ReturnData in the login keychain.
	// Attributes of the login keychain are read without asking anybody; the value
	// (ReturnData) may ask.
	CopyMatching(query Dict) ([]Item, error)

	// Update changes all items that match in the data-protection keychain, and
	// the first one in the login keychain, unless the limit says all. It is one
	// transaction in the former. Writing a login keychain's value asks nobody,
	// whoever made the item.
	//
	// ErrItemNotFound: nothing matches, and nothing was changed.
	// ErrDuplicateItem: the changed primary key exists; nothing was changed.
	// ErrNoSuchAttr: changes hold a class, a flag, a limit or a Return key.
	Update(query, changes Dict) error

	// Delete removes all items that match in the data-protection keychain, and
	// the first one in the login keychain, unless the limit says all.
	//
	// ErrItemNotFound: nothing matches, and nothing was removed.
	Delete(query Dict) error
}

// Self is what the calling program can find out about itself. It touches no
// keychain and asks nobody.
type Self interface {
	// Entitlement returns the value of one entitlement as this process holds it:
	// nil when it is absent, else string, bool, int64, []byte, time.Time, []any or
	// map[string]any. Use [Strings] for a list.
	Entitlement(name string) (any, error)

	// Identity returns the code identity of this process. Unsigned code has an
	// empty one, and no error.
	Identity() (Identity, error)
}

// Session is the login session of the calling program, and its login keychain.
// None of its functions asks anybody.
type Session interface {
	// Graphic reports whether there is a screen on which a person can be asked.
	Graphic() (bool, error)

	// LoginKeychain returns the state of the keychain that Add writes to.
	// ErrNoDefaultKeychain, ErrNoSuchKeychain: there is none.
	// ErrInvalidKeychain: the file is none.
	LoginKeychain() (KeychainState, error)

	// SetInteraction switches asking about the login keychain off and on, for the
	// whole process: it is the only switch that this keychain heeds. Whoever
	// switches restores what was returned, and does so under a lock of its own.
	SetInteraction(allowed bool) (before bool, err error)
}

// Mac is all of it.
type Mac interface {
	Table
	Self
	Session
}

// Names of entitlements.
const (
	// EntitlementAccessGroups is a list of groups, each "TEAM.name". It counts
	// even where Identity.Validated is false.
	EntitlementAccessGroups = "keychain-access-groups"
	// EntitlementApplicationID is "TEAM.bundle-id", a group of its own if validated.
	EntitlementApplicationID = "com.apple.application-identifier"
	// EntitlementApplicationIDOld is the same on iOS and Catalyst, and is looked
	// at first.
	EntitlementApplicationIDOld = "application-identifier"
	// EntitlementAssociatedIDs is a list of application identifiers, each a group
	// if validated, before the program's own.
	EntitlementAssociatedIDs = "com.apple.developer.associated-application-identifier"
	// EntitlementTeam is the team that the profile was issued to.
	EntitlementTeam = "com.apple.developer.team-identifier"
	// EntitlementApplicationGroups is a list of groups that count last, if validated.
	EntitlementApplicationGroups = "com.apple.security.application-groups"
)

// TokenGroup is the read-only group of smart cards, which every program has.
const TokenGroup = "com.apple.token"

// Identity is a program's code identity.
type Identity struct {
	// Identifier is the code-signing identifier, as a rule the bundle identifier.
	Identifier string
	// Team is the team of the signing certificate; empty for ad-hoc and linker
	// signatures.
	Team string
	// CDHash is the code directory's hash, 20 bytes.
	CDHash []byte
	// Flags are those of the code directory; see the Code constants.
	Flags uint32
	// Status is the kernel's view of the running process.
	Status uint32
}

// Bits of Identity.Flags and Identity.Status (kern/cs_blobs.h).
const (
	CodeValid                 = 0x1
	CodeAdHoc                 = 0x2
	CodeGetTaskAllow          = 0x4
	CodeKill                  = 0x200
	CodeEntitlementsValidated = 0x4000
	CodeRuntime               = 0x10000
	CodeLinkerSigned          = 0x20000
	CodeDebugged              = 0x10000000
)

// Validated reports whether the system takes the process's word for entitlements
// beyond keychain-access-groups. Advice, not proof: the kernel decides.
func (i Identity) Validated() bool {
	const hardened = CodeValid | CodeKill | CodeEntitlementsValidated
	const debugged = CodeDebugged | CodeEntitlementsValidated
	return i.Status&hardened == hardened || i.Status&debugged == debugged
}

// KeychainState is the state of a login keychain.
type KeychainState struct {
	// Path is its file; empty if the system did not say.
	Path string
	// Unlocked, Readable and Writable are what the system answers. A locked one
	// still lists its items' attributes.
	Unlocked, Readable, Writable bool
}

// Strings returns an entitlement that is a list of strings. Anything else is
// none: one member of another type voids the list, as it does for the system.
func Strings(entitlement any) []string {
	list, ok := entitlement.([]any)
	if !ok {
		return nil
	}
	out := make([]string, 0, len(list))
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}
