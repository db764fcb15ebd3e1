/*
 * A double of the part of CoreFoundation that is used. It is stricter than
 * Apple's: every object has a magic number, a type and a count of references;
 * every call checks them, and ends the process with a word on stderr when they
 * are wrong. A dead object's memory is never used again, so that one reference
 * too many released, or one used after its release, is always seen. Objects are
 * counted, so that one too few released is seen as well.
 *
 * CFDoubleFailAt makes one call fail, in the order in which the caller makes
 * them; what a double of another framework calls is not counted.
 */
#define _GNU_SOURCE
#include "object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct callbacks { long version; };
const struct callbacks kCFTypeDictionaryKeyCallBacks, kCFTypeDictionaryValueCallBacks, kCFTypeArrayCallBacks;

static struct object yes = {LIVE, 1, BOOLEAN, 0, {.integer = 1}, 0}, no = {LIVE, 1, BOOLEAN, 0, {.integer = 0}, 0}, null = {LIVE, 1, NULL_TYPE, 0, {0}, 0};
const CFBooleanRef kCFBooleanTrue = &yes, kCFBooleanFalse = &no;
const CFTypeRef kCFNull = &null;

pthread_mutex_t object_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static long live, created, calls, fail_at;
static __thread int inside;

void complain(const char *call, const char *what) {
	fprintf(stderr, "CoreFoundation double: %s: %s\n", call, what);
	abort();
}

struct object *check(const char *call, CFTypeRef v) {
	struct object *o = (struct object *)v;
	if (o == NULL)
		complain(call, "a null pointer");
	if ((uintptr_t)o % 8 != 0 || (o->magic != LIVE && o->magic != DEAD))
		complain(call, "not an object");
	if (o->magic == DEAD)
		complain(call, "an object that was released to its end");
	return o;
}

struct object *typed(const char *call, CFTypeRef v, enum type type) {
	struct object *o = check(call, v);
	if (o->type != type)
		complain(call, "an object of another type");
	return o;
}

int fails(void) {
	if (inside > 0)
		return 0;
	calls++;
	return calls == fail_at;
}

void CFDoubleEnter(void) { inside++; }
void CFDoubleLeave(void) { inside--; }
long CFDoubleLive(void) { GUARDED; return live; }
long CFDoubleCreated(void) { GUARDED; return created; }
long CFDoubleCalls(void) { GUARDED; return calls; }
void CFDoubleFailAt(long nth) { GUARDED; fail_at = nth; calls = 0; }

/* make takes memory that is never given back. */
static struct object *make(enum type type) {
	static struct object *next;
	static long left;
	if (left == 0) {
		left = 4096;
		next = calloc(left, sizeof *next);
		if (next == NULL)
			complain("make", "out of memory");
	}
	left--;
	live++;
	created++;
	next->magic = LIVE;
	next->references = 1;
	next->type = type;
	return next++;
}

static void release(const char *call, struct object *o);

static void bury(struct object *o) {
	long members = o->type == DICTIONARY ? 2 * o->count : o->type == ARRAY ? o->count : 0;
	for (long i = 0; i < members; i++)
		release("CFRelease of a container", o->as.members[i]);
	if (members > 0 || o->room > 0) {
		free(o->as.members);
	} else if (o->type == STRING || o->type == DATA) {
		memset(o->as.bytes, 0xdd, o->count);
		free(o->as.bytes);
	}
	memset(&o->as, 0xdd, sizeof o->as);
	o->magic = DEAD;
	live--;
}

static void release(const char *call, struct object *o) {
	check(call, o);
	if (--o->references == 0)
		bury(o);
}

CFTypeRef CFRetain(CFTypeRef v) {
	GUARDED;
	check(__func__, v)->references++;
	return v;
}

void CFRelease(CFTypeRef v) {
	GUARDED;
	release(__func__, check(__func__, v));
}

CFTypeID CFGetTypeID(CFTypeRef v) {
	GUARDED;
	return check(__func__, v)->type;
}

CFTypeID CFStringGetTypeID(void) { return STRING; }
CFTypeID CFDataGetTypeID(void) { return DATA; }
CFTypeID CFDictionaryGetTypeID(void) { return DICTIONARY; }
CFTypeID CFArrayGetTypeID(void) { return ARRAY; }
CFTypeID CFBooleanGetTypeID(void) { return BOOLEAN; }
CFTypeID CFNumberGetTypeID(void) { return NUMBER; }
CFTypeID CFDateGetTypeID(void) { return DATE; }

static int same(struct object *a, struct object *b) {
	if (a == b)
		return 1;
	if (a->type != b->type)
		return 0;
	switch (a->type) {
	case STRING:
	case DATA:
		return a->count == b->count && memcmp(a->as.bytes, b->as.bytes, a->count) == 0;
	case NUMBER:
		return a->count == b->count && a->as.integer == b->as.integer;
	case DATE:
		return a->as.real == b->as.real;
	case ARRAY:
		if (a->count != b->count)
			return 0;
		for (long i = 0; i < a->count; i++)
			if (!same(a->as.members[i], b->as.members[i]))
				return 0;
		return 1;
	}
	return 0;
}

Boolean CFEqual(CFTypeRef a, CFTypeRef b) {
	GUARDED;
	return same(check(__func__, a), check(__func__, b));
}

struct object *bytes(enum type type, const uint8_t *from, CFIndex n) {
	struct object *o = make(type);
	o->as.bytes = malloc(n + 1);
	if (o->as.bytes == NULL)
		complain("make", "out of memory");
	memcpy(o->as.bytes, from, n);
	o->count = n;
	return o;
}

CFDataRef CFDataCreate(CFAllocatorRef a, const uint8_t *from, CFIndex n) {
	GUARDED;
	if (a != NULL || from == NULL || n < 0)
		complain(__func__, "an argument that the double does not take");
	return fails() ? NULL : bytes(DATA, from, n);
}

CFIndex CFDataGetLength(CFDataRef d) {
	GUARDED;
	return typed(__func__, d, DATA)->count;
}

const uint8_t *CFDataGetBytePtr(CFDataRef d) {
	GUARDED;
	struct object *o = typed(__func__, d, DATA);
	return fails() ? NULL : o->as.bytes;
}

/* grow makes room for one more entry of so many members. */
static void grow(struct object *o, int width) {
	if (o->count < (long)o->room)
		return;
	o->room = o->room == 0 ? 8 : 2 * o->room;
	o->as.members = realloc(o->as.members, o->room * width * sizeof *o->as.members);
	if (o->as.members == NULL)
		complain("grow", "out of memory");
}

CFMutableDictionaryRef CFDictionaryCreateMutable(CFAllocatorRef a, CFIndex capacity, const struct callbacks *keys, const struct callbacks *values) {
	GUARDED;
	if (a != NULL || capacity < 0)
		complain(__func__, "an argument that the double does not take");
	if (keys != &kCFTypeDictionaryKeyCallBacks || values != &kCFTypeDictionaryValueCallBacks)
		complain(__func__, "not the callbacks that retain");
	return fails() ? NULL : make(DICTIONARY);
}

static long find(struct object *dict, struct object *key) {
	for (long i = 0; i < dict->count; i++)
		if (same(dict->as.members[2 * i], key))
			return i;
	return -1;
}

void CFDictionarySetValue(CFMutableDictionaryRef d, CFTypeRef k, CFTypeRef v) {
	GUARDED;
	struct object *dict = typed(__func__, d, DICTIONARY), *key = check(__func__, k), *value = check(__func__, v);
	if (fails())
		return;
	value->references++;
	long at = find(dict, key);
	if (at >= 0) {
		release(__func__, dict->as.members[2 * at + 1]);
		dict->as.members[2 * at + 1] = value;
		return;
	}
	grow(dict, 2);
	key->references++;
	dict->as.members[2 * dict->count] = key;
	dict->as.members[2 * dict->count + 1] = value;
	dict->count++;
}

CFMutableDictionaryRef CFDictionaryCreateMutableCopy(CFAllocatorRef a, CFIndex capacity, CFDictionaryRef d) {
	GUARDED;
	struct object *from = typed(__func__, d, DICTIONARY);
	CFMutableDictionaryRef copy = CFDictionaryCreateMutable(a, capacity, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
	for (long i = 0; copy != NULL && i < from->count; i++)
		CFDictionarySetValue(copy, from->as.members[2 * i], from->as.members[2 * i + 1]);
	return copy;
}

void CFDictionaryRemoveValue(CFMutableDictionaryRef d, CFTypeRef k) {
	GUARDED;
	struct object *dict = typed(__func__, d, DICTIONARY);
	long at = find(dict, check(__func__, k));
	if (at < 0)
		return;
	struct object *key = dict->as.members[2 * at], *value = dict->as.members[2 * at + 1];
	dict->count--;
	memmove(dict->as.members + 2 * at, dict->as.members + 2 * at + 2, (dict->count - at) * 2 * sizeof *dict->as.members);
	release(__func__, key);
	release(__func__, value);
}

CFTypeRef CFDictionaryGetValue(CFDictionaryRef d, CFTypeRef k) {
	GUARDED;
	struct object *dict = typed(__func__, d, DICTIONARY);
	long at = find(dict, check(__func__, k));
	return at < 0 ? NULL : dict->as.members[2 * at + 1];
}

CFIndex CFDictionaryGetCount(CFDictionaryRef d) {
	GUARDED;
	return typed(__func__, d, DICTIONARY)->count;
}

void CFDictionaryGetKeysAndValues(CFDictionaryRef d, CFTypeRef *keys, CFTypeRef *values) {
	GUARDED;
	struct object *dict = typed(__func__, d, DICTIONARY);
	if (fails())
		return;
	for (long i = 0; i < dict->count; i++) {
		if (keys != NULL)
			keys[i] = dict->as.members[2 * i];
		if (values != NULL)
			values[i] = dict->as.members[2 * i + 1];
	}
}

CFMutableArrayRef CFArrayCreateMutable(CFAllocatorRef a, CFIndex capacity, const struct callbacks *values) {
	GUARDED;
	if (a != NULL || capacity < 0 || values != &kCFTypeArrayCallBacks)
		complain(__func__, "an argument that the double does not take");
	return fails() ? NULL : make(ARRAY);
}

static struct object **member(const char *call, CFTypeRef a, CFIndex i) {
	struct object *array = typed(call, a, ARRAY);
	if (i < 0 || i >= array->count)
		complain(call, "an index outside of the array");
	return &array->as.members[i];
}

void CFArrayAppendValue(CFMutableArrayRef a, CFTypeRef v) {
	GUARDED;
	struct object *array = typed(__func__, a, ARRAY), *value = check(__func__, v);
	grow(array, 1);
	value->references++;
	array->as.members[array->count++] = value;
}

void CFArraySetValueAtIndex(CFMutableArrayRef a, CFIndex i, CFTypeRef v) {
	GUARDED;
	struct object **at = member(__func__, a, i), *value = check(__func__, v), *before = *at;
	value->references++;
	*at = value;
	release(__func__, before);
}

void CFArrayRemoveValueAtIndex(CFMutableArrayRef a, CFIndex i) {
	GUARDED;
	struct object **at = member(__func__, a, i), *array = (struct object *)a, *gone = *at;
	array->count--;
	memmove(at, at + 1, (array->count - i) * sizeof *at);
	release(__func__, gone);
}

CFIndex CFArrayGetCount(CFArrayRef a) {
	GUARDED;
	return typed(__func__, a, ARRAY)->count;
}

CFTypeRef CFArrayGetValueAtIndex(CFArrayRef a, CFIndex i) {
	GUARDED;
	struct object **at = member(__func__, a, i);
	return fails() ? NULL : *at;
}

Boolean CFBooleanGetValue(CFBooleanRef v) {
	GUARDED;
	return typed(__func__, v, BOOLEAN)->as.integer;
}

CFNumberRef CFNumberCreate(CFAllocatorRef a, CFIndex kind, const void *value) {
	GUARDED;
	if (a != NULL || value == NULL)
		complain(__func__, "an argument that the double does not take");
	if (fails())
		return NULL;
	struct object *o = make(NUMBER);
	switch (kind) {
	case kCFNumberSInt32Type:
		o->as.integer = *(const int32_t *)value;
		break;
	case kCFNumberSInt64Type:
		o->as.integer = *(const int64_t *)value;
		break;
	case kCFNumberFloat64Type:
		o->as.real = *(const double *)value;
		o->count = 1;
		break;
	default:
		complain(__func__, "a type that the double does not take");
	}
	return o;
}

/* A number that does not fit gives false, as Apple's does. */
Boolean CFNumberGetValue(CFNumberRef v, CFIndex kind, void *to) {
	GUARDED;
	struct object *o = typed(__func__, v, NUMBER);
	if (kind != kCFNumberSInt64Type || to == NULL)
		complain(__func__, "an argument that the double does not take");
	if (fails())
		return 0;
	if (o->count == 0) {
		*(int64_t *)to = o->as.integer;
		return 1;
	}
	double real = o->as.real;
	if (!(real > -9.2e18 && real < 9.2e18))
		return 0;
	*(int64_t *)to = (int64_t)real;
	return (double)(int64_t)real == real;
}

CFDateRef CFDateCreate(CFAllocatorRef a, CFAbsoluteTime at) {
	GUARDED;
	if (a != NULL)
		complain(__func__, "an argument that the double does not take");
	if (fails())
		return NULL;
	struct object *o = make(DATE);
	o->as.real = at;
	return o;
}

CFAbsoluteTime CFDateGetAbsoluteTime(CFDateRef v) {
	GUARDED;
	return typed(__func__, v, DATE)->as.real;
}

CFErrorRef CFErrorCreate(CFAllocatorRef a, CFStringRef domain, CFIndex code, CFDictionaryRef information) {
	GUARDED;
	typed(__func__, domain, STRING);
	if (a != NULL || information != NULL)
		complain(__func__, "an argument that the double does not take");
	struct object *o = make(ERROR);
	o->as.integer = code;
	return o;
}

CFIndex CFErrorGetCode(CFErrorRef v) {
	GUARDED;
	return typed(__func__, v, ERROR)->as.integer;
}
