/*
 * What the files of the double of Security share.
 */
#ifndef KINRING_SEC_H
#define KINRING_SEC_H

#include "cf.h"

#include <string.h>

enum {
	errSecUnimplemented = -4,
	errSecParam = -50,
	errSecInteractionNotAllowed = -25308,
	errSecDuplicateItem = -25299,
	errSecItemNotFound = -25300,
	errSecNoSuchAttr = -25303,
	errSecNoSuchClass = -25306,
	errSecNoDefaultKeychain = -25307,
	errSecMissingEntitlement = -34018,
	errSecCSReqFailed = -67050,
	errSecCSUnsigned = -67062,
	errSecCSNoSuchCode = -67065,
	errSecCSInvalidAttributeValues = -67066,
	errSecCSReqInvalid = -67052,
};

/* Constants: symbol, content, and what a value of that key may be. */
enum kind { NOTHING, TEXT, BYTES, FLAG, WHEN, CLASS, ACCESSIBLE, SYNC, LIMIT, RETURN, VALUE, UI };
#define CONSTANTS(X) \
	X(kSecClass, "class", CLASS) X(kSecClassGenericPassword, "genp", NOTHING) X(kSecClassInternetPassword, "inet", NOTHING) \
	X(kSecUseDataProtectionKeychain, "nleg", RETURN) X(kSecAttrAccessGroup, "agrp", TEXT) X(kSecAttrService, "svce", TEXT) \
	X(kSecAttrAccount, "acct", TEXT) X(kSecAttrLabel, "labl", TEXT) X(kSecAttrDescription, "desc", TEXT) X(kSecAttrComment, "icmt", TEXT) \
	X(kSecAttrGeneric, "gena", BYTES) X(kSecAttrSynchronizable, "sync", SYNC) X(kSecAttrSynchronizableAny, "syna", NOTHING) \
	X(kSecAttrAccessible, "pdmn", ACCESSIBLE) X(kSecAttrCreationDate, "cdat", WHEN) X(kSecAttrModificationDate, "mdat", WHEN) \
	X(kSecAttrAccessibleWhenUnlocked, "ak", NOTHING) X(kSecAttrAccessibleWhenUnlockedThisDeviceOnly, "aku", NOTHING) \
	X(kSecAttrAccessibleAfterFirstUnlock, "ck", NOTHING) X(kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, "cku", NOTHING) \
	X(kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly, "akpu", NOTHING) X(kSecUseAuthenticationUI, "u_AuthUI", UI) \
	X(kSecUseAuthenticationUIAllow, "u_AuthUIA", NOTHING) X(kSecUseAuthenticationUIFail, "u_AuthUIF", NOTHING) \
	X(kSecUseAuthenticationUISkip, "u_AuthUIS", NOTHING) X(kSecMatchLimit, "m_Limit", LIMIT) X(kSecMatchLimitOne, "m_LimitOne", NOTHING) \
	X(kSecMatchLimitAll, "m_LimitAll", NOTHING) X(kSecReturnAttributes, "r_Attributes", RETURN) X(kSecReturnData, "r_Data", RETURN) \
	X(kSecReturnRef, "r_Ref", RETURN) X(kSecValueData, "v_Data", VALUE) X(kSecCodeInfoIdentifier, "identifier", NOTHING) \
	X(kSecCodeInfoTeamIdentifier, "teamid", NOTHING) X(kSecCodeInfoUnique, "unique", NOTHING) X(kSecCodeInfoFlags, "flags", NOTHING) \
	X(kSecCodeInfoStatus, "status", NOTHING) X(kSecCodeInfoEntitlementsDict, "entitlements-dict", NOTHING) \
	X(kSecGuestAttributeAudit, "audit", NOTHING)
#define DECLARE(symbol, content, kind) extern CFStringRef symbol;
CONSTANTS(DECLARE)

/* The double of CoreFoundation is told that its caller is this one, so that it
 * neither counts nor fails these calls. Apple's own does not know the names. */
__attribute__((weak)) void CFDoubleEnter(void);
__attribute__((weak)) void CFDoubleLeave(void);

#pragma GCC visibility push(hidden)
/* ENTER holds the lock to the end of the function. */
void enter(void);
void leave(int *unused);
#define ENTER int guard __attribute__((cleanup(leave), unused)) = (enter(), 0)

/* force says whether this call is to give a status that a test set. */
int force(OSStatus *status);
/* self_reset forgets what a test set of the calling program and its session. */
void self_reset(void);
/* guest_reset forgets what a test set of another running program. */
void guest_reset(void);
/* is_guest says whether a reference is the other program's code. */
int is_guest(CFTypeRef code);
extern CFMutableDictionaryRef entitlements;
#pragma GCC visibility pop

static inline CFStringRef text(const char *s) { return CFStringCreateWithBytes(NULL, (const uint8_t *)s, strlen(s), kCFStringEncodingUTF8, 0); }
static inline CFMutableDictionaryRef dictionary(void) { return CFDictionaryCreateMutable(NULL, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks); }
static inline CFMutableArrayRef array(void) { return CFArrayCreateMutable(NULL, 0, &kCFTypeArrayCallBacks); }
static inline void replace(CFTypeRef *at, CFTypeRef with) {
	if (with)
		CFRetain(with);
	if (*at)
		CFRelease(*at);
	*at = with;
}

/* set puts a value of which the caller gives up its reference. */
static inline void set(CFMutableDictionaryRef d, CFStringRef key, CFTypeRef value) {
	CFDictionarySetValue(d, key, value);
	CFRelease(value);
}

static inline int is_a(CFTypeRef v, CFTypeID type) { return CFGetTypeID(v) == type; }

#endif
