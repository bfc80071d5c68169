/* SPDX-License-Identifier: MIT */
/*
 * What ASan and MSan are told of memory that one static buffer is cut into: without it all of it
 * would be in use, and initialised, from the start.
 */
#ifndef FUZZ_POISON_H
#define FUZZ_POISON_H

#if defined(__SANITIZE_ADDRESS__)
#define FUZZ_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN 1
#elif __has_feature(memory_sanitizer)
#define FUZZ_MSAN 1
#endif
#endif

#if defined(FUZZ_ASAN)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#define UNWATCHED __attribute__((no_sanitize("address")))
#elif defined(FUZZ_MSAN)
#include <sanitizer/msan_interface.h>
#define POISON(p, n) __msan_poison((p), (n))
#define UNPOISON(p, n) __msan_unpoison((p), (n))
#define UNWATCHED __attribute__((no_sanitize("memory")))
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define UNWATCHED
#endif

/* What was in it is nobody's any more: MSan reports who decides by it. */
#ifdef FUZZ_MSAN
#define UNINITIALISED(p, n) __msan_allocated_memory((p), (n))
#else
#define UNINITIALISED(p, n) ((void)(p), (void)(n))
#endif

#endif
