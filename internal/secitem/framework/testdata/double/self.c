/*
 * The part of the double of Security that is about the calling program: its
 * entitlements, its signature, its session, and the state of its login keychain.
 */
#include "sec.h"

static CFTypeRef information;
static int is_unsigned, no_keychain, csops_fails, asking = 1;
static uint32_t csops_status, session_bits, keychain_bits;

void self_reset(void) {
	replace(&information, NULL);
	is_unsigned = no_keychain = csops_fails = 0;
	asking = 1;
}

/* What a test sets. */

void SecDoubleInformation(CFTypeRef v) { ENTER; replace(&information, v); }
void SecDoubleUnsigned(int on) { ENTER; is_unsigned = on; }
void SecDoubleKernel(uint32_t status, int fail) { ENTER; csops_status = status; csops_fails = fail; }
void SecDoubleSession(uint32_t session, uint32_t keychain, int none) { ENTER; session_bits = session; keychain_bits = keychain; no_keychain = none; }

/* The calling program. */

CFTypeRef SecTaskCreateFromSelf(CFAllocatorRef a) { (void)a; ENTER; return text("task"); }

CFTypeRef SecTaskCopyValueForEntitlement(CFTypeRef task, CFStringRef name, CFErrorRef *error) {
	ENTER;
	OSStatus status;
	if (force(&status)) {
		CFStringRef domain = text("NSOSStatusErrorDomain");
		*error = CFErrorCreate(NULL, domain, status, NULL);
		CFRelease(domain);
		return NULL;
	}
	CFTypeRef value = is_a(task, CFStringGetTypeID()) ? CFDictionaryGetValue(entitlements, name) : NULL;
	return value == NULL ? NULL : CFRetain(value);
}

OSStatus SecCodeCopySelf(uint32_t flags, CFTypeRef *code) { ENTER; *code = flags == 0 ? text("code") : NULL; return flags == 0 ? 0 : errSecParam; }

OSStatus SecCodeCopySigningInformation(CFTypeRef code, uint32_t flags, CFDictionaryRef *out) {
	ENTER;
	int64_t runtime = 0x10000, status = 0x1, sha256 = 2;
	OSStatus failure;
	if (is_unsigned)
		return errSecCSUnsigned;
	if (force(&failure))
		return failure;
	if (flags != (is_guest(code) ? 1 << 1 | 1 << 2 | 1 << 3 : 1 << 1 | 1 << 3) || !is_a(code, CFStringGetTypeID()))
		return errSecParam;
	if (information != NULL) {
		*out = information == kCFNull ? NULL : CFRetain(information);
		return 0;
	}
	CFMutableDictionaryRef d = dictionary();
	set(d, kSecCodeInfoIdentifier, text("com.example.app"));
	set(d, kSecCodeInfoTeamIdentifier, text("TEAM000001"));
	set(d, kSecCodeInfoUnique, CFDataCreate(NULL, (const uint8_t *)"0123456789abcdefghij", 20));
	set(d, kSecCodeInfoFlags, CFNumberCreate(NULL, kCFNumberSInt64Type, &runtime));
	set(d, kSecCodeInfoStatus, CFNumberCreate(NULL, kCFNumberSInt64Type, &status));
	/* Said of every signed program; its keys are no texts. */
	CFMutableDictionaryRef hashes = dictionary();
	CFTypeRef kind = CFNumberCreate(NULL, kCFNumberSInt64Type, &sha256);
	set(hashes, kind, CFDataCreate(NULL, (const uint8_t *)"0123456789abcdefghijklmnopqrstuv", 32));
	CFRelease(kind);
	CFStringRef name = text("cdhashes-full");
	set(d, name, hashes);
	CFRelease(name);
	*out = d;
	return 0;
}

int csops(int32_t pid, unsigned int operation, void *to, unsigned long size) {
	(void)pid;
	if (csops_fails || operation != 0 || size != sizeof csops_status)
		return -1;
	memcpy(to, &csops_status, sizeof csops_status);
	return 0;
}

/* The session. */

OSStatus SessionGetInfo(uint32_t session, uint32_t *id, uint32_t *attributes) {
	if (session != (uint32_t)-1)
		return errSecParam;
	*id = 100000;
	*attributes = session_bits;
	return 0;
}
OSStatus SecKeychainSetUserInteractionAllowed(Boolean allowed) { asking = allowed; return 0; }
OSStatus SecKeychainGetUserInteractionAllowed(Boolean *allowed) { *allowed = asking; return 0; }
OSStatus SecKeychainCopyDefault(CFTypeRef *keychain) {
	ENTER;
	*keychain = no_keychain ? NULL : text("login.keychain-db");
	return no_keychain ? errSecNoDefaultKeychain : 0;
}
OSStatus SecKeychainGetStatus(CFTypeRef keychain, uint32_t *status) { ENTER; *status = keychain_bits; return is_a(keychain, CFStringGetTypeID()) ? 0 : errSecParam; }
OSStatus SecKeychainGetPath(CFTypeRef keychain, uint32_t *length, char *path) {
	ENTER;
	static const char file[] = "/Users/person/Library/Keychains/login.keychain-db";
	if (*length < sizeof file || !is_a(keychain, CFStringGetTypeID()))
		return errSecParam;
	memcpy(path, file, sizeof file);
	*length = sizeof file - 1;
	return 0;
}
