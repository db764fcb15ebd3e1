/*
 * What the files of the double of CoreFoundation share.
 */
#ifndef KINRING_OBJECT_H
#define KINRING_OBJECT_H

#include "cf.h"

#include <pthread.h>

enum { LIVE = 0x4b43464c, DEAD = 0x6b636664 };
enum type { STRING = 7, NULL_TYPE = 16, DICTIONARY = 18, ARRAY = 19, DATA = 20, BOOLEAN = 21, NUMBER = 22, ERROR = 27, DATE = 42 };

struct object {
	uint32_t magic;
	int32_t references;
	uint32_t type;
	uint32_t room; /* of a container, in entries */
	union {
		uint8_t *bytes;
		struct object **members;
		int64_t integer;
		double real;
	} as;
	long count; /* of bytes, members or entries; of a number: whether it is real */
};

extern pthread_mutex_t object_lock __attribute__((visibility("hidden")));
static inline void give_back(int *unused) { (void)unused; pthread_mutex_unlock(&object_lock); }
/* GUARDED holds the lock to the end of the function. */
#define GUARDED int guard __attribute__((cleanup(give_back), unused)) = pthread_mutex_lock(&object_lock)

#pragma GCC visibility push(hidden)
/* complain ends the process. */
void complain(const char *call, const char *what);
/* check and typed end the process at what is no live object, or not of the type. */
struct object *check(const char *call, CFTypeRef v);
struct object *typed(const char *call, CFTypeRef v, enum type type);
/* fails counts a call and says whether it is the one to fail. */
int fails(void);
/* bytes makes a string or data. */
struct object *bytes(enum type type, const uint8_t *from, CFIndex n);
#pragma GCC visibility pop

#endif
