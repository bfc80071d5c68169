/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: a count that sticks at its end instead of wrapping around, so that an object with
 * too many or too few users leaks rather than being freed under one of them.
 */
#ifndef SLABPOOL_KERNEL_REFCOUNT_H
#define SLABPOOL_KERNEL_REFCOUNT_H

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/compiler.h>

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

#define REFCOUNT_INIT(n) { .refs = ATOMIC_INIT(n) }
#define REFCOUNT_MAX 0x7fffffff
#define REFCOUNT_SATURATED ((int)0xc0000000)

static inline void refcount_set(refcount_t *r, int n)
{
	atomic_set(&r->refs, n);
}

static inline unsigned int refcount_read(const refcount_t *r)
{
	return (unsigned int)atomic_read(&r->refs);
}

static inline bool __must_check refcount_inc_not_zero(refcount_t *r)
{
	int old = atomic_read(&r->refs);

	do {
		if (old == 0)
			return false;
		if (WARN_ONCE(old < 0 || old == REFCOUNT_MAX, "refcount_t: saturated\n")) {
			atomic_set(&r->refs, REFCOUNT_SATURATED);
			return true;
		}
	} while (!atomic_try_cmpxchg(&r->refs, &old, old + 1));
	return true;
}

static inline void refcount_inc(refcount_t *r)
{
	WARN_ONCE(!refcount_inc_not_zero(r), "refcount_t: increment of 0: use after free\n");
}

static inline bool __must_check refcount_dec_and_test(refcount_t *r)
{
	int old = atomic_read(&r->refs);

	do {
		if (WARN_ONCE(old <= 0, "refcount_t: underflow: use after free\n")) {
			atomic_set(&r->refs, REFCOUNT_SATURATED);
			return false;
		}
	} while (!atomic_try_cmpxchg(&r->refs, &old, old - 1));
	return old == 1;
}

static inline void refcount_dec(refcount_t *r)
{
	WARN_ONCE(refcount_dec_and_test(r), "refcount_t: decrement hit 0: leaking memory\n");
}

#endif
