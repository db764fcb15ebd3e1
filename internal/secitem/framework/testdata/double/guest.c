/*
 * The part of the double that is about another running program: its code, found
 * by its audit token, and the sockets that launchd made. Of the requirement
 * language it knows nothing: a test says which one is met.
 */
#include "sec.h"

#include <errno.h>
#include <stdlib.h>

static CFTypeRef token, met;
static int sockets_status = ESRCH, sockets_fd = -1;

void guest_reset(void) {
	replace(&token, NULL);
	replace(&met, NULL);
	sockets_status = ESRCH;
	sockets_fd = -1;
}

/* What a test sets: the one program that runs, and the requirement that it meets. */
void SecDoubleGuest(CFTypeRef t, CFTypeRef requirement) { ENTER; replace(&token, t); replace(&met, requirement); }
void SecDoubleSockets(int status, int fd) { ENTER; sockets_status = status; sockets_fd = fd; }

int is_guest(CFTypeRef code) {
	CFStringRef name = text("guest");
	int same = CFEqual(code, name);
	CFRelease(name);
	return same;
}

OSStatus SecCodeCopyGuestWithAttributes(CFTypeRef host, CFDictionaryRef attributes, uint32_t flags, CFTypeRef *guest) {
	ENTER;
	*guest = NULL;
	if (host != NULL || flags != 0 || !is_a(attributes, CFDictionaryGetTypeID()) || CFDictionaryGetCount(attributes) != 1)
		return errSecParam;
	CFTypeRef t = CFDictionaryGetValue(attributes, kSecGuestAttributeAudit);
	if (t == NULL || !is_a(t, CFDataGetTypeID()) || CFDataGetLength(t) != 32)
		return errSecCSInvalidAttributeValues;
	if (token == NULL || !CFEqual(t, token))
		return errSecCSNoSuchCode;
	*guest = text("guest");
	return 0;
}

OSStatus SecRequirementCreateWithString(CFStringRef source, uint32_t flags, CFTypeRef *requirement) {
	ENTER;
	*requirement = NULL;
	if (flags != 0 || !is_a(source, CFStringGetTypeID()))
		return errSecParam;
	if (CFStringGetLength(source) == 0)
		return errSecCSReqInvalid;
	*requirement = CFRetain(source);
	return 0;
}

OSStatus SecCodeCheckValidity(CFTypeRef code, uint32_t flags, CFTypeRef requirement) {
	ENTER;
	OSStatus status;
	if (flags != 0 || !is_guest(code) || requirement == NULL)
		return errSecParam;
	if (force(&status))
		return status;
	return met != NULL && CFEqual(met, requirement) ? 0 : errSecCSReqFailed;
}

int launch_activate_socket(const char *name, int **fds, size_t *count) {
	if (sockets_status != 0)
		return sockets_status;
	if (strcmp(name, "broker") != 0)
		return ENOENT;
	*fds = malloc(sizeof **fds);
	**fds = sockets_fd;
	*count = 1;
	return 0;
}
