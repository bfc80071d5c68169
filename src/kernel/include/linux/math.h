/* SPDX-License-Identifier: MIT */
/* Kernel face: whole-number rounding. */
#ifndef SLABPOOL_KERNEL_MATH_H
#define SLABPOOL_KERNEL_MATH_H

#include <linux/types.h>

/* <sys/param.h> has two of these, with the same meaning. */
#undef roundup
#undef rounddown
#undef round_up
#undef round_down
#undef DIV_ROUND_UP
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define DIV_ROUND_DOWN_ULL(n, d) ((unsigned long long)(n) / (d))
#define DIV_ROUND_UP_ULL(n, d) DIV_ROUND_DOWN_ULL((unsigned long long)(n) + (d) - 1, d)
#define DIV_ROUND_CLOSEST(n, d)                                                      \
	({                                                                           \
		__typeof__(n) __n = (n);                                             \
		__typeof__(d) __d = (d);                                             \
		(((__typeof__(n))-1) > 0 || ((__typeof__(d))-1) > 0 || (__n > 0) == (__d > 0)) ? \
			(__n + __d / 2) / __d : (__n - __d / 2) / __d;               \
	})
#define roundup(x, y)                                           \
	({                                                      \
		const __typeof__(y) __y = (y);                  \
		(((x) + (__y - 1)) / __y) * __y;                \
	})
#define rounddown(x, y)                                         \
	({                                                      \
		__typeof__(x) __x = (x);                        \
		__x - (__x % (y));                              \
	})
/* y is a power of two. */
#define SLABPOOL_KERNEL_ROUND_MASK(x, y) ((__typeof__(x))((y) - 1))
#define round_up(x, y) ((((x) - 1) | SLABPOOL_KERNEL_ROUND_MASK(x, y)) + 1)
#define round_down(x, y) ((x) & ~SLABPOOL_KERNEL_ROUND_MASK(x, y))

#endif
