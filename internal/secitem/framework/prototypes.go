//go:build darwin || linux

package framework

import "unsafe"

// ref is a CFTypeRef: a pointer into CoreFoundation's memory, of which Go's
// collector knows nothing.
type ref uintptr

// typeID is a CFTypeID, index a CFIndex (CFBase.h: long on 64-bit systems).
type (
	typeID = uint
	index  = int
)

// textRange is a CFRange (CFBase.h), of units of UTF-16. It is passed by value.
type textRange struct{ location, length index }

// Values of parameters.
const (
	numberSInt64     index  = 4          // CFNumber.h: kCFNumberSInt64Type
	signingInfo      uint32 = 1 << 1     // SecCode.h: kSecCSSigningInformation
	requirementInfo  uint32 = 1 << 2     // SecCode.h: kSecCSRequirementInformation; without it no entitlements
	dynamicInfo      uint32 = 1 << 3     // SecCode.h: kSecCSDynamicInformation
	callerSession    uint32 = ^uint32(0) // AuthSession.h: callerSecuritySession, (SecuritySessionId)-1
	graphicAccess    uint32 = 0x10       // AuthSession.h: sessionHasGraphicAccess
	keychainUnlocked uint32 = 1          // SecKeychain.h: kSecUnlockStateStatus
	keychainReadable uint32 = 2          // SecKeychain.h: kSecReadPermStatus
	keychainWritable uint32 = 4          // SecKeychain.h: kSecWritePermStatus
	codeStatus       uint32 = 0          // sys/codesign.h: CS_OPS_STATUS
)

// functions are all functions that are called, each with its header. Boolean is
// an unsigned char, OSStatus an int32.
type functions struct {
	release          func(cf ref)                                                                  // CFBase.h: void CFRelease(CFTypeRef)
	getTypeID        func(cf ref) typeID                                                           // CFBase.h: CFTypeID CFGetTypeID(CFTypeRef)
	stringTypeID     func() typeID                                                                 // CFString.h
	dataTypeID       func() typeID                                                                 // CFData.h
	dictTypeID       func() typeID                                                                 // CFDictionary.h
	arrayTypeID      func() typeID                                                                 // CFArray.h
	booleanTypeID    func() typeID                                                                 // CFNumber.h
	numberTypeID     func() typeID                                                                 // CFNumber.h
	dateTypeID       func() typeID                                                                 // CFDate.h
	stringCreate     func(allocator ref, characters *uint16, length index) ref                     // CFString.h: CFStringCreateWithCharacters
	stringLength     func(text ref) index                                                          // CFString.h
	stringCharacters func(text ref, in textRange, to *uint16)                                      // CFString.h: void CFStringGetCharacters(CFStringRef, CFRange, UniChar *)
	dataCreate       func(allocator ref, bytes *byte, length index) ref                            // CFData.h
	dataLength       func(data ref) index                                                          // CFData.h
	dataBytes        func(data ref) unsafe.Pointer                                                 // CFData.h: const UInt8 *CFDataGetBytePtr(CFDataRef)
	dictCreate       func(allocator ref, capacity index, keyCallBacks, valueCallBacks uintptr) ref // CFDictionary.h: CFDictionaryCreateMutable
	dictSet          func(dict, key, value ref)                                                    // CFDictionary.h
	dictCount        func(dict ref) index                                                          // CFDictionary.h
	dictEntries      func(dict ref, keys, values *ref)                                             // CFDictionary.h: CFDictionaryGetKeysAndValues
	arrayCount       func(array ref) index                                                         // CFArray.h
	arrayAt          func(array ref, i index) ref                                                  // CFArray.h
	booleanValue     func(boolean ref) uint8                                                       // CFNumber.h
	numberCreate     func(allocator ref, kind index, value unsafe.Pointer) ref                     // CFNumber.h
	numberValue      func(number ref, kind index, value unsafe.Pointer) uint8                      // CFNumber.h
	dateCreate       func(allocator ref, at float64) ref                                           // CFDate.h
	dateAt           func(date ref) float64                                                        // CFDate.h: CFDateGetAbsoluteTime
	errorCode        func(err ref) index                                                           // CFError.h: CFErrorGetCode

	add          func(attributes ref, result *ref) int32                           // SecItem.h
	copyMatching func(query ref, result *ref) int32                                // SecItem.h
	update       func(query, attributesToUpdate ref) int32                         // SecItem.h
	delete       func(query ref) int32                                             // SecItem.h
	taskSelf     func(allocator ref) ref                                           // SecTask.h: SecTaskCreateFromSelf
	entitlement  func(task, name ref, err *ref) ref                                // SecTask.h: SecTaskCopyValueForEntitlement
	codeSelf     func(flags uint32, code *ref) int32                               // SecCode.h
	codeInfo     func(code ref, flags uint32, information *ref) int32              // SecCode.h: SecCodeCopySigningInformation
	codeGuest    func(host, attributes ref, flags uint32, guest *ref) int32        // SecCode.h: SecCodeCopyGuestWithAttributes
	codeValid    func(code ref, flags uint32, requirement ref) int32               // SecCode.h: SecCodeCheckValidity
	requirement  func(text ref, flags uint32, requirement *ref) int32              // SecRequirement.h: SecRequirementCreateWithString
	session      func(session uint32, id, attributes *uint32) int32                // AuthSession.h: OSStatus SessionGetInfo(SecuritySessionId, SecuritySessionId *, SessionAttributeBits *)
	setAsking    func(allowed uint8) int32                                         // SecKeychain.h: SecKeychainSetUserInteractionAllowed
	asking       func(allowed *uint8) int32                                        // SecKeychain.h: SecKeychainGetUserInteractionAllowed
	keychain     func(keychain *ref) int32                                         // SecKeychain.h: SecKeychainCopyDefault
	keychainIs   func(keychain ref, status *uint32) int32                          // SecKeychain.h: SecKeychainGetStatus
	keychainPath func(keychain ref, length *uint32, path *byte) int32              // SecKeychain.h: SecKeychainGetPath
	csops        func(pid int32, operation uint32, to *uint32, size uintptr) int32 // sys/codesign.h: int csops(pid_t, unsigned int, void *, size_t)
	activate     func(name *byte, sockets **int32, count *uintptr) int32           // launch.h: int launch_activate_socket(const char *, int **, size_t *)
	free         func(v unsafe.Pointer)                                            // stdlib.h
}

// library says where a symbol is.
type library int

const (
	core library = iota
	security
	system
)

// prototype ties a symbol to the function value that calls it.
type prototype struct {
	in     library
	symbol string
	to     any
	// optional: deprecated or private, so that a later macOS may lack it. What
	// needs it is then unimplemented, the rest works.
	optional bool
}

func (f *functions) prototypes() []prototype {
	return []prototype{
		{core, "CFRelease", &f.release, false},
		{core, "CFGetTypeID", &f.getTypeID, false},
		{core, "CFStringGetTypeID", &f.stringTypeID, false},
		{core, "CFDataGetTypeID", &f.dataTypeID, false},
		{core, "CFDictionaryGetTypeID", &f.dictTypeID, false},
		{core, "CFArrayGetTypeID", &f.arrayTypeID, false},
		{core, "CFBooleanGetTypeID", &f.booleanTypeID, false},
		{core, "CFNumberGetTypeID", &f.numberTypeID, false},
		{core, "CFDateGetTypeID", &f.dateTypeID, false},
		{core, "CFStringCreateWithCharacters", &f.stringCreate, false},
		{core, "CFStringGetLength", &f.stringLength, false},
		{core, "CFStringGetCharacters", &f.stringCharacters, false},
		{core, "CFDataCreate", &f.dataCreate, false},
		{core, "CFDataGetLength", &f.dataLength, false},
		{core, "CFDataGetBytePtr", &f.dataBytes, false},
		{core, "CFDictionaryCreateMutable", &f.dictCreate, false},
		{core, "CFDictionarySetValue", &f.dictSet, false},
		{core, "CFDictionaryGetCount", &f.dictCount, false},
		{core, "CFDictionaryGetKeysAndValues", &f.dictEntries, false},
		{core, "CFArrayGetCount", &f.arrayCount, false},
		{core, "CFArrayGetValueAtIndex", &f.arrayAt, false},
		{core, "CFBooleanGetValue", &f.booleanValue, false},
		{core, "CFNumberCreate", &f.numberCreate, false},
		{core, "CFNumberGetValue", &f.numberValue, false},
		{core, "CFDateCreate", &f.dateCreate, false},
		{core, "CFDateGetAbsoluteTime", &f.dateAt, false},
		{core, "CFErrorGetCode", &f.errorCode, false},
		{security, "SecItemAdd", &f.add, false},
		{security, "SecItemCopyMatching", &f.copyMatching, false},
		{security, "SecItemUpdate", &f.update, false},
		{security, "SecItemDelete", &f.delete, false},
		{security, "SecTaskCreateFromSelf", &f.taskSelf, false},
		{security, "SecTaskCopyValueForEntitlement", &f.entitlement, false},
		{security, "SecCodeCopySelf", &f.codeSelf, false},
		{security, "SecCodeCopySigningInformation", &f.codeInfo, false},
		{security, "SecCodeCopyGuestWithAttributes", &f.codeGuest, false},
		{security, "SecCodeCheckValidity", &f.codeValid, false},
		{security, "SecRequirementCreateWithString", &f.requirement, false},
		{security, "SessionGetInfo", &f.session, true},
		{security, "SecKeychainSetUserInteractionAllowed", &f.setAsking, true},
		{security, "SecKeychainGetUserInteractionAllowed", &f.asking, true},
		{security, "SecKeychainCopyDefault", &f.keychain, true},
		{security, "SecKeychainGetStatus", &f.keychainIs, true},
		{security, "SecKeychainGetPath", &f.keychainPath, true},
		{system, "csops", &f.csops, true},
		{system, "launch_activate_socket", &f.activate, true},
		{system, "free", &f.free, true},
	}
}

// constantSymbols are Apple's constants, by their content: what a key or a value
// of secitem is passed as (SecItem.h). The symbol is a variable that holds a
// reference.
var constantSymbols = map[string]string{
	"class": "kSecClass", "genp": "kSecClassGenericPassword", "inet": "kSecClassInternetPassword",
	"nleg": "kSecUseDataProtectionKeychain", "agrp": "kSecAttrAccessGroup", "svce": "kSecAttrService", "acct": "kSecAttrAccount",
	"labl": "kSecAttrLabel", "desc": "kSecAttrDescription", "icmt": "kSecAttrComment", "gena": "kSecAttrGeneric",
	"sync": "kSecAttrSynchronizable", "syna": "kSecAttrSynchronizableAny", "pdmn": "kSecAttrAccessible",
	"cdat": "kSecAttrCreationDate", "mdat": "kSecAttrModificationDate",
	"ak": "kSecAttrAccessibleWhenUnlocked", "aku": "kSecAttrAccessibleWhenUnlockedThisDeviceOnly",
	"ck": "kSecAttrAccessibleAfterFirstUnlock", "cku": "kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly",
	"akpu":     "kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly",
	"u_AuthUI": "kSecUseAuthenticationUI", "u_AuthUIA": "kSecUseAuthenticationUIAllow", "u_AuthUIF": "kSecUseAuthenticationUIFail",
	"u_AuthUIS": "kSecUseAuthenticationUISkip",
	"m_Limit":   "kSecMatchLimit", "m_LimitOne": "kSecMatchLimitOne", "m_LimitAll": "kSecMatchLimitAll",
	"r_Attributes": "kSecReturnAttributes", "r_Data": "kSecReturnData", "r_Ref": "kSecReturnRef", "v_Data": "kSecValueData",
	"identifier": "kSecCodeInfoIdentifier", "teamid": "kSecCodeInfoTeamIdentifier", "unique": "kSecCodeInfoUnique",
	"flags": "kSecCodeInfoFlags", "status": "kSecCodeInfoStatus", "entitlements-dict": "kSecCodeInfoEntitlementsDict",
	"audit": "kSecGuestAttributeAudit",
}
