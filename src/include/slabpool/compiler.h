/* SPDX-License-Identifier: MIT */
/*
 * The words that differ between compilers, and those that Frama-C 25 does not parse.
 * This is the only file that may look at __FRAMAC__: everywhere else the compiled code is the
 * proved code, to the letter.
 */
#ifndef SLABPOOL_COMPILER_H
#define SLABPOOL_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SLABPOOL_BEGIN_DECLS extern "C" {
#define SLABPOOL_END_DECLS }
#else
#define SLABPOOL_BEGIN_DECLS
#define SLABPOOL_END_DECLS
#endif

#if defined(__FRAMAC__)
#define SLABPOOL_API
#define SLABPOOL_LIKELY(x) (x)
#define SLABPOOL_UNLIKELY(x) (x)
#define SLABPOOL_COLD
#define SLABPOOL_NORETURN
#define SLABPOOL_MALLOC
#define SLABPOOL_PRINTF(fmt, args)
#define SLABPOOL_THREAD_LOCAL
#define SLABPOOL_ALIGNED(n)
#define SLABPOOL_ALIGNOF(type) (sizeof(type) < 8 ? sizeof(type) : 8)
#else
#if defined(_WIN32) || defined(__CYGWIN__)
#define SLABPOOL_API
#else
#define SLABPOOL_API __attribute__((visibility("default")))
#endif
#define SLABPOOL_LIKELY(x) __builtin_expect(!!(x), 1)
#define SLABPOOL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define SLABPOOL_COLD __attribute__((noinline, cold))
#define SLABPOOL_NORETURN __attribute__((noreturn))
#define SLABPOOL_MALLOC __attribute__((malloc))
#define SLABPOOL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SLABPOOL_ALIGNED(n) __attribute__((aligned(n)))
#define SLABPOOL_ALIGNOF(type) __alignof__(type)
#if defined(SLABPOOL_BARE)
#define SLABPOOL_THREAD_LOCAL
#else
/* One pointer of initial-exec storage: the fastest form that dlopen() still accepts. */
#define SLABPOOL_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#endif
#endif

#endif
