/*
 * A double of the functions of the Security framework that are used, for
 * generic passwords. It calls nothing but CoreFoundation's public functions, so
 * that the same source runs on the double in cf.c and on Apple's own
 * CoreFoundation. What it answers comes from Apple's documentation and published
 * source; it is no proof of what a Mac does.
 *
 * A query has to say which keychain it means. Prompts, trust and partitions are
 * left to the emulator in Go; SecDoubleStatus gives any status instead.
 */
#define _GNU_SOURCE
#include "sec.h"

#include <pthread.h>
#include <time.h>

#define DEFINE(symbol, content, kind) CFStringRef symbol;
CONSTANTS(DEFINE)
#define ENTRY(symbol, content, kind) {&symbol, content, kind},
static const struct constant { CFStringRef *symbol; const char *content; enum kind kind; } constants[] = {CONSTANTS(ENTRY)};
enum { CONSTANT_COUNT = sizeof constants / sizeof *constants };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static CFMutableArrayRef items[2]; /* of the login keychain, of the other one */
CFMutableDictionaryRef entitlements;
static CFTypeRef answer;
static CFStringRef groups_name, token_group;
static OSStatus forced;
static long forced_in;
static int locked;

void enter(void) {
	if (CFDoubleEnter)
		CFDoubleEnter();
	pthread_mutex_lock(&lock);
}
void leave(int *unused) {
	(void)unused;
	pthread_mutex_unlock(&lock);
	if (CFDoubleLeave)
		CFDoubleLeave();
}

__attribute__((constructor)) static void begin(void) {
	ENTER;
	for (int i = 0; i < CONSTANT_COUNT; i++)
		*constants[i].symbol = text(constants[i].content);
	items[0] = array();
	items[1] = array();
	entitlements = dictionary();
	groups_name = text("keychain-access-groups");
	token_group = text("com.apple.token");
}

/* What a test sets. */

void SecDoubleReset(void) {
	ENTER;
	for (int i = 0; i < 2; i++) {
		CFRelease(items[i]);
		items[i] = array();
	}
	CFRelease(entitlements);
	entitlements = dictionary();
	replace(&answer, NULL);
	forced_in = locked = 0;
	self_reset();
	guest_reset();
}
void SecDoubleEntitle(CFStringRef name, CFTypeRef value) { ENTER; CFDictionarySetValue(entitlements, name, value); }
/* The nth call of a SecItem function or of SecTaskCopyValueForEntitlement from
 * now gives this status. */
void SecDoubleStatus(long nth, OSStatus status) { ENTER; forced_in = nth; forced = status; }
/* All searches find this, with success. */
void SecDoubleAnswer(CFTypeRef v) { ENTER; replace(&answer, v); }
void SecDoubleLock(int on) { ENTER; locked = on; }

int force(OSStatus *status) {
	if (forced_in == 0 || --forced_in > 0)
		return 0;
	*status = forced;
	return 1;
}

/* Queries. */

static int is_true(CFTypeRef v) { return v != NULL && v == kCFBooleanTrue; }
static int asks(CFDictionaryRef q, CFStringRef key) { return is_true(CFDictionaryGetValue(q, key)); }

static int64_t number(CFTypeRef v) {
	int64_t n = 0;
	if (is_a(v, CFBooleanGetTypeID()))
		return CFBooleanGetValue(v);
	CFNumberGetValue(v, kCFNumberSInt64Type, &n);
	return n;
}
static int is_number(CFTypeRef v) { return is_a(v, CFBooleanGetTypeID()) || is_a(v, CFNumberGetTypeID()); }

static const struct constant *constant_of(CFTypeRef key) {
	for (int i = 0; i < CONSTANT_COUNT; i++)
		if (CFEqual(*constants[i].symbol, key))
			return &constants[i];
	return NULL;
}
static int is_accessible(CFTypeRef v) {
	const struct constant *c = constant_of(v);
	return c != NULL && (c->content[1] == 'k' && (c->content[0] == 'a' || c->content[0] == 'c'));
}

enum call { ADD, COPY, CHANGE, CHANGES };

static OSStatus check_value(enum call call, const struct constant *c, CFTypeRef v) {
	int right = 1;
	switch (c->kind) {
	case TEXT: right = is_a(v, CFStringGetTypeID()); break;
	case BYTES:
	case VALUE: right = is_a(v, CFDataGetTypeID()); break;
	case WHEN: right = is_a(v, CFDateGetTypeID()); break;
	case RETURN: right = is_a(v, CFBooleanGetTypeID()); break;
	case FLAG: right = is_number(v); break;
	case ACCESSIBLE: right = is_a(v, CFStringGetTypeID()) && is_accessible(v); break;
	case SYNC: right = is_number(v) || ((call == COPY || call == CHANGE) && CFEqual(v, kSecAttrSynchronizableAny)); break;
	case LIMIT: right = is_number(v) ? number(v) >= 0 : CFEqual(v, kSecMatchLimitAll) || CFEqual(v, kSecMatchLimitOne); break;
	case UI: right = call == COPY ? constant_of(v) != NULL : !CFEqual(v, kSecUseAuthenticationUISkip); break;
	case CLASS: break;
	case NOTHING: right = 0; break;
	}
	return right ? 0 : errSecParam;
}

static OSStatus check_class(CFDictionaryRef q) {
	CFTypeRef class = CFDictionaryGetValue(q, kSecClass);
	if (class == NULL || !is_a(class, CFStringGetTypeID()))
		return errSecParam;
	if (CFEqual(class, kSecClassGenericPassword))
		return 0;
	return CFEqual(class, kSecClassInternetPassword) ? errSecUnimplemented : errSecNoSuchClass;
}

/* each calls f for every entry until it gives a status. */
static OSStatus each(CFDictionaryRef d, OSStatus (*f)(enum call, CFTypeRef, CFTypeRef), enum call call) {
	CFIndex n = CFDictionaryGetCount(d);
	CFTypeRef keys[n + 1], values[n + 1];
	CFDictionaryGetKeysAndValues(d, keys, values);
	for (CFIndex i = 0; i < n; i++) {
		OSStatus status = f(call, keys[i], values[i]);
		if (status != 0)
			return status;
	}
	return 0;
}

static int is_attribute(CFTypeRef key) {
	const struct constant *c = constant_of(key);
	return c != NULL && ((c->kind >= TEXT && c->kind <= WHEN) || c->kind == ACCESSIBLE || c->kind == SYNC);
}
/* is_dropped says what a keychain does not look at in a query. */
static int is_dropped(int dp, CFTypeRef key) {
	if (dp)
		return CFEqual(key, kSecAttrModificationDate);
	return CFEqual(key, kSecAttrAccessGroup) || CFEqual(key, kSecAttrAccessible) || CFEqual(key, kSecAttrSynchronizable);
}

static OSStatus check_entry(enum call call, CFTypeRef key, CFTypeRef v) {
	if (!is_a(key, CFStringGetTypeID()))
		return errSecParam;
	const struct constant *c = constant_of(key);
	if (c == NULL || c->kind == NOTHING)
		return CFStringGetLength(key) == 4 ? errSecNoSuchAttr : errSecParam;
	if (call == CHANGES && (c->kind == CLASS || c->kind == RETURN || c->kind == LIMIT))
		return errSecNoSuchAttr;
	/* Other calls drop these keys before they look. */
	if ((call == CHANGE && (c->kind == RETURN || c->kind == LIMIT || c->kind == VALUE)) || (call == ADD && c->kind == LIMIT) || (call == COPY && c->kind == VALUE))
		return 0;
	if (call != CHANGES && is_dropped(1, key))
		return 0;
	return check_value(call, c, v);
}

static OSStatus check_query(enum call call, CFDictionaryRef q) {
	OSStatus status = call == CHANGES ? 0 : check_class(q);
	return status != 0 ? status : each(q, check_entry, call);
}

static CFTypeRef groups(void) {
	CFTypeRef list = CFDictionaryGetValue(entitlements, groups_name);
	return list != NULL && is_a(list, CFArrayGetTypeID()) && CFArrayGetCount(list) > 0 ? list : NULL;
}

static int in(CFTypeRef list, CFTypeRef v) {
	for (CFIndex i = 0; list != NULL && i < CFArrayGetCount(list); i++)
		if (CFEqual(CFArrayGetValueAtIndex(list, i), v))
			return 1;
	return 0;
}

/* entitled checks the group that a dictionary names. A group that is no text is
 * left to check_query. */
static OSStatus entitled(enum call call, CFDictionaryRef d) {
	CFTypeRef group = CFDictionaryGetValue(d, kSecAttrAccessGroup);
	if (group == NULL || !is_a(group, CFStringGetTypeID()) || in(groups(), group) || (call == COPY && CFEqual(group, token_group)))
		return 0;
	return errSecMissingEntitlement;
}

static int equal(CFTypeRef a, CFTypeRef b) {
	if (a == NULL)
		return 0;
	return is_number(a) && is_number(b) ? number(a) == number(b) : CFEqual(a, b);
}

/* matches says whether an item has all attributes of a query. */
static int matches(int dp, CFDictionaryRef item, CFDictionaryRef q) {
	CFIndex n = CFDictionaryGetCount(q);
	CFTypeRef keys[n + 1], values[n + 1], sync = CFDictionaryGetValue(q, kSecAttrSynchronizable);
	CFDictionaryGetKeysAndValues(q, keys, values);
	if (dp && sync == NULL && number(CFDictionaryGetValue(item, kSecAttrSynchronizable)) != 0)
		return 0;
	for (CFIndex i = 0; i < n; i++) {
		if (!is_attribute(keys[i]) || is_dropped(dp, keys[i]) || CFEqual(values[i], kSecAttrSynchronizableAny))
			continue;
		if (!equal(CFDictionaryGetValue(item, keys[i]), values[i]))
			return 0;
	}
	return !dp || in(groups(), CFDictionaryGetValue(item, kSecAttrAccessGroup));
}

static int same_key(int dp, CFDictionaryRef a, CFDictionaryRef b) {
	const CFStringRef keys[] = {kSecAttrService, kSecAttrAccount, kSecAttrAccessGroup, kSecAttrSynchronizable};
	for (int i = 0; i < (dp ? 4 : 2); i++)
		if (!equal(CFDictionaryGetValue(a, keys[i]), CFDictionaryGetValue(b, keys[i])))
			return 0;
	return 1;
}

/* find returns the place of the next match, and -1 if there is none. */
static CFIndex find(int dp, CFDictionaryRef q, CFIndex from) {
	for (CFIndex i = from; i < CFArrayGetCount(items[dp]); i++)
		if (matches(dp, CFArrayGetValueAtIndex(items[dp], i), q))
			return i;
	return -1;
}

/* limit returns how many items a query means; -1 is all. */
static int64_t limit(CFDictionaryRef q) {
	CFTypeRef v = CFDictionaryGetValue(q, kSecMatchLimit);
	if (v == NULL)
		return 1;
	if (is_number(v))
		return number(v);
	return CFEqual(v, kSecMatchLimitAll) ? -1 : 1;
}

/* The login keychain's dates have seconds. */
static CFDateRef now(int dp) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return CFDateCreate(NULL, (double)(t.tv_sec - 978307200) + (dp ? t.tv_nsec / 1e9 : 0));
}

/* copy_entries puts attributes and value into an item. */
static void copy_entries(int dp, int changes, CFMutableDictionaryRef item, CFDictionaryRef from) {
	CFIndex n = CFDictionaryGetCount(from);
	CFTypeRef keys[n + 1], values[n + 1];
	CFDictionaryGetKeysAndValues(from, keys, values);
	for (CFIndex i = 0; i < n; i++)
		if ((is_attribute(keys[i]) && (changes || !is_dropped(dp, keys[i]))) || CFEqual(keys[i], kSecValueData))
			CFDictionarySetValue(item, keys[i], values[i]);
}

/* take_text makes data of a value that is a text of ASCII, which a new item of
 * the login keychain may have. */
static void take_text(CFMutableDictionaryRef item) {
	CFTypeRef value = CFDictionaryGetValue(item, kSecValueData);
	if (value == NULL || !is_a(value, CFStringGetTypeID()))
		return;
	CFIndex n = CFStringGetLength(value);
	uint16_t characters[n + 1];
	uint8_t data[n + 1];
	CFStringGetCharacters(value, (CFRange){0, n}, characters);
	for (CFIndex i = 0; i < n; i++)
		data[i] = characters[i];
	set(item, kSecValueData, CFDataCreate(NULL, data, n));
}

static CFMutableDictionaryRef new_item(int dp, CFDictionaryRef from) {
	CFMutableDictionaryRef item = dictionary();
	set(item, kSecAttrService, text(""));
	set(item, kSecAttrAccount, text(""));
	set(item, kSecAttrCreationDate, now(dp));
	set(item, kSecAttrModificationDate, now(dp));
	if (dp) {
		int64_t zero = 0;
		set(item, kSecAttrSynchronizable, CFNumberCreate(NULL, kCFNumberSInt64Type, &zero));
		CFDictionarySetValue(item, kSecAttrAccessible, kSecAttrAccessibleWhenUnlocked);
		CFDictionarySetValue(item, kSecAttrAccessGroup, CFArrayGetValueAtIndex(groups(), 0));
	}
	copy_entries(dp, 0, item, from);
	if (!dp && CFDictionaryGetValue(item, kSecAttrLabel) == NULL)
		CFDictionarySetValue(item, kSecAttrLabel, CFDictionaryGetValue(item, CFStringGetLength(CFDictionaryGetValue(item, kSecAttrService)) > 0 ? kSecAttrService : kSecAttrAccount));
	if (!dp)
		take_text(item);
	return item;
}

/* which says which keychain a query means. */
static OSStatus which(CFDictionaryRef q, int *dp) {
	CFTypeRef flag = q == NULL ? NULL : CFDictionaryGetValue(q, kSecUseDataProtectionKeychain);
	if (q == NULL)
		return errSecParam;
	if (flag == NULL)
		return CFDictionaryGetValue(q, kSecClass) == NULL ? errSecParam : errSecUnimplemented;
	*dp = is_true(flag);
	return 0;
}

/* The login keychain looks at less. */
static OSStatus check_login_entry(enum call call, CFTypeRef key, CFTypeRef v) {
	const struct constant *c = is_a(key, CFStringGetTypeID()) ? constant_of(key) : NULL;
	if (c == NULL || !is_attribute(key) || is_dropped(0, key))
		return 0;
	return check_value(call, c, v);
}
static OSStatus check_login(enum call call, CFDictionaryRef q) {
	CFTypeRef class = CFDictionaryGetValue(q, kSecClass), most = CFDictionaryGetValue(q, kSecMatchLimit);
	if (call != CHANGES && (class == NULL || !CFEqual(class, kSecClassGenericPassword)))
		return errSecParam;
	if (call != ADD && call != CHANGES && most != NULL && !is_a(most, CFStringGetTypeID()) && (!is_number(most) || number(most) < 0))
		return errSecParam;
	return each(q, check_login_entry, call);
}

static OSStatus check_add(int dp, CFDictionaryRef attributes) {
	OSStatus status;
	if (!dp) {
		CFTypeRef value = CFDictionaryGetValue(attributes, kSecValueData);
		if (value != NULL && !is_a(value, CFDataGetTypeID()) && !is_a(value, CFStringGetTypeID()))
			return errSecParam;
		return check_login(ADD, attributes);
	}
	if (groups() == NULL)
		return errSecMissingEntitlement;
	if ((status = check_query(ADD, attributes)) != 0 || (status = entitled(ADD, attributes)) != 0)
		return status;
	return locked ? errSecInteractionNotAllowed : 0;
}

OSStatus SecItemAdd(CFDictionaryRef attributes, CFTypeRef *result) {
	ENTER;
	OSStatus status;
	int dp;
	if (result != NULL)
		*result = NULL;
	if (force(&status) || (status = which(attributes, &dp)) != 0 || (status = check_add(dp, attributes)) != 0)
		return status;
	if (result != NULL)
		return errSecUnimplemented;
	CFMutableDictionaryRef item = new_item(dp, attributes);
	for (CFIndex i = 0; i < CFArrayGetCount(items[dp]); i++)
		if (same_key(dp, item, CFArrayGetValueAtIndex(items[dp], i)))
			status = errSecDuplicateItem;
	if (status == 0)
		CFArrayAppendValue(items[dp], item);
	CFRelease(item);
	return status;
}

/* found makes what a query asks of an item. To one that asks for nothing the
 * login keychain gives references, in place of which null stands here, and the
 * other one a null pointer. */
static CFTypeRef found(int dp, CFDictionaryRef item, CFDictionaryRef q) {
	CFTypeRef value = CFDictionaryGetValue(item, kSecValueData);
	int with_value = asks(q, kSecReturnData);
	if (!asks(q, kSecReturnAttributes)) {
		if (!with_value)
			return dp ? NULL : CFRetain(kCFNull);
		return value != NULL ? CFRetain(value) : CFDataCreate(NULL, (const uint8_t *)"", 0);
	}
	CFMutableDictionaryRef out = CFDictionaryCreateMutableCopy(NULL, 0, item);
	if (!with_value)
		CFDictionaryRemoveValue(out, kSecValueData);
	return out;
}

static OSStatus check_copy(int dp, CFDictionaryRef q) {
	OSStatus status;
	if (!dp)
		return limit(q) < 0 && asks(q, kSecReturnData) ? errSecParam : check_login(COPY, q);
	if ((status = check_class(q)) != 0 || (status = entitled(COPY, q)) != 0)
		return status;
	return check_query(COPY, q);
}

static OSStatus search(int dp, CFDictionaryRef q, CFTypeRef *result) {
	CFMutableArrayRef all = array();
	int64_t most = limit(q), count = 0;
	for (CFIndex i = find(dp, q, 0); i >= 0 && (most < 0 || count < most); i = find(dp, q, i + 1), count++) {
		CFTypeRef one = found(dp, CFArrayGetValueAtIndex(items[dp], i), q);
		if (one != NULL) {
			CFArrayAppendValue(all, one);
			CFRelease(one);
		}
	}
	if (count == 0 || CFArrayGetCount(all) == 0) {
		CFRelease(all);
		return count == 0 ? errSecItemNotFound : 0;
	}
	if (dp && locked) {
		CFRelease(all);
		return errSecInteractionNotAllowed;
	}
	*result = most == 1 ? CFRetain(CFArrayGetValueAtIndex(all, 0)) : CFRetain(all);
	CFRelease(all);
	return 0;
}

OSStatus SecItemCopyMatching(CFDictionaryRef query, CFTypeRef *result) {
	ENTER;
	OSStatus status;
	int dp;
	CFTypeRef own = NULL;
	if (force(&status) || (status = which(query, &dp)) != 0)
		return status;
	if (answer != NULL) {
		*result = answer == kCFNull ? NULL : CFRetain(answer);
		return 0;
	}
	status = check_copy(dp, query);
	if (status == 0)
		status = search(dp, query, &own);
	if (result != NULL)
		*result = own;
	else if (own != NULL)
		CFRelease(own);
	return status;
}

static OSStatus check_change(int dp, CFDictionaryRef q) {
	OSStatus status;
	if (!dp)
		return check_login(CHANGE, q);
	if (groups() == NULL)
		return errSecMissingEntitlement;
	if ((status = entitled(CHANGE, q)) != 0)
		return status;
	return check_query(CHANGE, q);
}

static OSStatus check_changes(int dp, CFDictionaryRef changes) {
	CFTypeRef value = CFDictionaryGetValue(changes, kSecValueData);
	OSStatus status;
	if (!dp)
		return value == NULL || is_a(value, CFDataGetTypeID()) ? check_login(CHANGES, changes) : errSecParam;
	return (status = check_query(CHANGES, changes)) != 0 ? status : entitled(CHANGES, changes);
}

/* most is how many items a change is about: the login keychain heeds a limit. */
static int64_t most(int dp, CFDictionaryRef q) { return dp ? -1 : limit(q); }

static CFMutableDictionaryRef changed_item(int dp, CFDictionaryRef before, CFDictionaryRef changes) {
	CFMutableDictionaryRef after = CFDictionaryCreateMutableCopy(NULL, 0, before);
	copy_entries(dp, dp, after, changes);
	set(after, kSecAttrModificationDate, now(dp));
	return after;
}

/* is_taken says whether another item of a list has the key of the one at i. */
static int is_taken(int dp, CFArrayRef list, CFIndex i, CFDictionaryRef item) {
	for (CFIndex j = 0; j < CFArrayGetCount(list); j++)
		if (j != i && same_key(dp, item, CFArrayGetValueAtIndex(list, j)))
			return 1;
	return 0;
}

/* change_login changes one item after the other, and leaves out what cannot be. */
static OSStatus change_login(CFDictionaryRef query, CFDictionaryRef changes) {
	OSStatus status = 0;
	int64_t left = most(0, query);
	for (CFIndex i = find(0, query, 0), next; i >= 0 && left-- != 0; i = next) {
		next = find(0, query, i + 1);
		CFMutableDictionaryRef after = changed_item(0, CFArrayGetValueAtIndex(items[0], i), changes);
		if (!is_taken(0, items[0], i, after))
			CFArraySetValueAtIndex(items[0], i, after);
		else if (status == 0)
			status = errSecDuplicateItem;
		CFRelease(after);
	}
	return status;
}

/* change_dp changes all items, or none. */
static OSStatus change_dp(CFDictionaryRef query, CFDictionaryRef changes) {
	OSStatus status = errSecItemNotFound;
	CFMutableArrayRef next = array();
	for (CFIndex i = 0; i < CFArrayGetCount(items[1]); i++) {
		CFDictionaryRef item = CFArrayGetValueAtIndex(items[1], i);
		int match = matches(1, item, query);
		CFTypeRef after = match ? changed_item(1, item, changes) : CFRetain(item);
		CFArrayAppendValue(next, after);
		CFRelease(after);
		if (match)
			status = locked ? errSecInteractionNotAllowed : 0;
	}
	for (CFIndex i = 0; status == 0 && i < CFArrayGetCount(next); i++)
		if (is_taken(1, next, i, CFArrayGetValueAtIndex(next, i)))
			status = errSecDuplicateItem;
	replace((CFTypeRef *)&items[1], status == 0 ? next : items[1]);
	CFRelease(next);
	return status;
}

OSStatus SecItemUpdate(CFDictionaryRef query, CFDictionaryRef changes) {
	ENTER;
	OSStatus status;
	int dp;
	if (force(&status) || (status = which(query, &dp)) != 0)
		return status;
	if (changes == NULL)
		return errSecParam;
	if ((status = check_change(dp, query)) != 0)
		return status;
	if (!dp && (most(dp, query) == 0 || find(dp, query, 0) < 0))
		return errSecItemNotFound; /* it looks for items before it looks at changes */
	if ((status = check_changes(dp, changes)) != 0)
		return status;
	return dp ? change_dp(query, changes) : change_login(query, changes);
}

OSStatus SecItemDelete(CFDictionaryRef query) {
	ENTER;
	OSStatus status;
	int dp;
	if (force(&status) || (status = which(query, &dp)) != 0 || (status = check_change(dp, query)) != 0)
		return status;
	int64_t left = most(dp, query), gone = 0;
	for (CFIndex i = find(dp, query, 0); i >= 0 && gone != left; i = find(dp, query, i), gone++)
		CFArrayRemoveValueAtIndex(items[dp], i);
	return gone == 0 ? errSecItemNotFound : 0;
}
