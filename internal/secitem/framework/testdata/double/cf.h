/*
 * The part of CoreFoundation's public interface that the doubles use, declared
 * anew from Apple's documentation. Types are plain pointers. The structures of
 * callbacks are opaque: only their addresses count.
 */
#ifndef KINRING_CF_H
#define KINRING_CF_H

#include <stdint.h>

typedef const void *CFTypeRef;
typedef CFTypeRef CFAllocatorRef, CFStringRef, CFDataRef, CFDictionaryRef, CFArrayRef, CFBooleanRef, CFNumberRef, CFDateRef, CFErrorRef;
typedef void *CFMutableDictionaryRef, *CFMutableArrayRef;
typedef long CFIndex;
typedef struct { CFIndex location, length; } CFRange;
typedef unsigned long CFTypeID;
typedef unsigned char Boolean;
typedef uint32_t CFStringEncoding;
typedef double CFAbsoluteTime;
typedef int32_t OSStatus;

struct callbacks;
extern const struct callbacks kCFTypeDictionaryKeyCallBacks, kCFTypeDictionaryValueCallBacks, kCFTypeArrayCallBacks;
extern const CFBooleanRef kCFBooleanTrue, kCFBooleanFalse;
extern const CFTypeRef kCFNull;

enum { kCFStringEncodingUTF8 = 0x08000100, kCFNumberSInt32Type = 3, kCFNumberSInt64Type = 4, kCFNumberFloat64Type = 6 };

CFTypeRef CFRetain(CFTypeRef);
void CFRelease(CFTypeRef);
CFTypeID CFGetTypeID(CFTypeRef);
Boolean CFEqual(CFTypeRef, CFTypeRef);

CFTypeID CFStringGetTypeID(void);
CFTypeID CFDataGetTypeID(void);
CFTypeID CFDictionaryGetTypeID(void);
CFTypeID CFArrayGetTypeID(void);
CFTypeID CFBooleanGetTypeID(void);
CFTypeID CFNumberGetTypeID(void);
CFTypeID CFDateGetTypeID(void);

CFStringRef CFStringCreateWithBytes(CFAllocatorRef, const uint8_t *, CFIndex, CFStringEncoding, Boolean);
CFStringRef CFStringCreateWithCharacters(CFAllocatorRef, const uint16_t *, CFIndex);
CFIndex CFStringGetLength(CFStringRef);
void CFStringGetCharacters(CFStringRef, CFRange, uint16_t *);

CFDataRef CFDataCreate(CFAllocatorRef, const uint8_t *, CFIndex);
CFIndex CFDataGetLength(CFDataRef);
const uint8_t *CFDataGetBytePtr(CFDataRef);

CFMutableDictionaryRef CFDictionaryCreateMutable(CFAllocatorRef, CFIndex, const struct callbacks *, const struct callbacks *);
CFMutableDictionaryRef CFDictionaryCreateMutableCopy(CFAllocatorRef, CFIndex, CFDictionaryRef);
void CFDictionarySetValue(CFMutableDictionaryRef, CFTypeRef, CFTypeRef);
void CFDictionaryRemoveValue(CFMutableDictionaryRef, CFTypeRef);
CFTypeRef CFDictionaryGetValue(CFDictionaryRef, CFTypeRef);
CFIndex CFDictionaryGetCount(CFDictionaryRef);
void CFDictionaryGetKeysAndValues(CFDictionaryRef, CFTypeRef *, CFTypeRef *);

CFMutableArrayRef CFArrayCreateMutable(CFAllocatorRef, CFIndex, const struct callbacks *);
void CFArrayAppendValue(CFMutableArrayRef, CFTypeRef);
void CFArrayRemoveValueAtIndex(CFMutableArrayRef, CFIndex);
void CFArraySetValueAtIndex(CFMutableArrayRef, CFIndex, CFTypeRef);
CFIndex CFArrayGetCount(CFArrayRef);
CFTypeRef CFArrayGetValueAtIndex(CFArrayRef, CFIndex);

Boolean CFBooleanGetValue(CFBooleanRef);
CFNumberRef CFNumberCreate(CFAllocatorRef, CFIndex, const void *);
Boolean CFNumberGetValue(CFNumberRef, CFIndex, void *);
CFDateRef CFDateCreate(CFAllocatorRef, CFAbsoluteTime);
CFAbsoluteTime CFDateGetAbsoluteTime(CFDateRef);
CFErrorRef CFErrorCreate(CFAllocatorRef, CFStringRef, CFIndex, CFDictionaryRef);
CFIndex CFErrorGetCode(CFErrorRef);

#endif
