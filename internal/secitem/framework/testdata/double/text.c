/*
 * The strings of the double of CoreFoundation. They are kept as UTF-8, and their
 * length is told in units of UTF-16, as Apple's is.
 */
#include "object.h"

#include <stdlib.h>

/* utf8 returns the length of the character at p, and 0 if there is none. */
static int utf8(const uint8_t *p, CFIndex left) {
	static const struct { uint8_t mask, lead; int length; uint32_t least; } forms[] = {
		{0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};
	for (int f = 0; f < 4; f++) {
		if ((p[0] & forms[f].mask) != forms[f].lead)
			continue;
		uint32_t c = p[0] & ~forms[f].mask;
		if (forms[f].length > left)
			return 0;
		for (int i = 1; i < forms[f].length; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (p[i] & 0x3f);
		}
		if (c < forms[f].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return 0;
		return forms[f].length;
	}
	return 0;
}

CFStringRef CFStringCreateWithBytes(CFAllocatorRef a, const uint8_t *from, CFIndex n, CFStringEncoding encoding, Boolean external) {
	GUARDED;
	if (a != NULL || from == NULL || n < 0 || encoding != kCFStringEncodingUTF8 || external)
		complain(__func__, "an argument that the double does not take");
	if (fails())
		return NULL;
	for (CFIndex i = 0; i < n;) {
		int length = utf8(from + i, n - i);
		if (length == 0)
			return NULL;
		i += length;
	}
	return bytes(STRING, from, n);
}

/* put writes a character as UTF-8 and returns its end. */
static uint8_t *put(uint8_t *to, uint32_t c) {
	int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
	*to++ = leads[more] | c >> 6 * more;
	while (more-- > 0)
		*to++ = 0x80 | (c >> 6 * more & 0x3f);
	return to;
}

/* Half a surrogate pair is not taken: no caller here makes one. */
CFStringRef CFStringCreateWithCharacters(CFAllocatorRef a, const uint16_t *from, CFIndex n) {
	GUARDED;
	if (a != NULL || from == NULL || n < 0)
		complain(__func__, "an argument that the double does not take");
	if (fails())
		return NULL;
	uint8_t *text = malloc(3 * n + 1), *end = text;
	for (CFIndex i = 0; text != NULL && i < n; i++) {
		uint32_t c = from[i];
		if (c >= 0xd800 && c < 0xe000) {
			if (c >= 0xdc00 || ++i == n || (from[i] & 0xfc00) != 0xdc00)
				complain(__func__, "half a surrogate pair");
			c = 0x10000 + ((c & 0x3ff) << 10 | (from[i] & 0x3ff));
		}
		end = put(end, c);
	}
	if (text == NULL)
		complain(__func__, "out of memory");
	struct object *o = bytes(STRING, text, end - text);
	free(text);
	return o;
}

/* units writes a string as UTF-16 if there is a place for it, and returns how
 * long that is. */
static CFIndex units(const struct object *o, uint16_t *to) {
	CFIndex n = 0;
	for (long i = 0; i < o->count;) {
		int length = utf8(o->as.bytes + i, o->count - i);
		uint32_t c = o->as.bytes[i] & (length == 1 ? 0x7f : 0x3f >> (length - 1));
		for (int more = 1; more < length; more++)
			c = c << 6 | (o->as.bytes[i + more] & 0x3f);
		if (to != NULL && length == 4) {
			to[n] = 0xd800 + ((c - 0x10000) >> 10);
			to[n + 1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
		} else if (to != NULL) {
			to[n] = c;
		}
		n += length == 4 ? 2 : 1;
		i += length;
	}
	return n;
}

CFIndex CFStringGetLength(CFStringRef s) {
	GUARDED;
	return units(typed(__func__, s, STRING), NULL);
}

void CFStringGetCharacters(CFStringRef s, CFRange range, uint16_t *to) {
	GUARDED;
	struct object *o = typed(__func__, s, STRING);
	if (range.location != 0 || range.length != units(o, NULL) || to == NULL)
		complain(__func__, "an argument that the double does not take");
	units(o, to);
}

