/* SPDX-License-Identifier: MIT */
/*
 * Kernel face. Operands are evaluated once and must be of one type: the comparison of pointers
 * makes the compiler complain otherwise.
 */
#ifndef SLABPOOL_KERNEL_MINMAX_H
#define SLABPOOL_KERNEL_MINMAX_H

#include <linux/compiler.h>

#define SLABPOOL_KERNEL_CHOOSE(x, y, a, b, op)  \
	({                                      \
		__typeof__(x) a = (x);          \
		__typeof__(y) b = (y);          \
		(void)(&a == &b);               \
		a op b ? a : b;                 \
	})
#define SLABPOOL_KERNEL_CHOOSE_AS(type, x, y, a, b, op) \
	({                                              \
		type a = (x);                           \
		type b = (y);                           \
		a op b ? a : b;                         \
	})
#define min(x, y) SLABPOOL_KERNEL_CHOOSE(x, y, __UNIQUE_ID(left), __UNIQUE_ID(right), <)
#define max(x, y) SLABPOOL_KERNEL_CHOOSE(x, y, __UNIQUE_ID(left), __UNIQUE_ID(right), >)
#define min_t(type, x, y) \
	SLABPOOL_KERNEL_CHOOSE_AS(type, x, y, __UNIQUE_ID(left), __UNIQUE_ID(right), <)
#define max_t(type, x, y) \
	SLABPOOL_KERNEL_CHOOSE_AS(type, x, y, __UNIQUE_ID(left), __UNIQUE_ID(right), >)
#define min3(x, y, z) min((__typeof__(x))min(x, y), z)
#define max3(x, y, z) max((__typeof__(x))max(x, y), z)
#define min_not_zero(x, y) ((x) == 0 ? (y) : ((y) == 0 ? (x) : min(x, y)))
#define clamp(value, low, high) min((__typeof__(value))max(value, low), high)
#define clamp_t(type, value, low, high) min_t(type, max_t(type, value, low), high)
#define clamp_val(value, low, high) clamp_t(__typeof__(value), value, low, high)
#define swap(a, b) SLABPOOL_KERNEL_SWAP(a, b, __UNIQUE_ID(third))
#define SLABPOOL_KERNEL_SWAP(a, b, t)      \
	do {                               \
		__typeof__(a) t = (a);     \
		(a) = (b);                 \
		(b) = t;                   \
	} while (0)

#endif
