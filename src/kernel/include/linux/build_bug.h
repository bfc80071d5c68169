/* SPDX-License-Identifier: MIT */
/* Kernel face: conditions that the compiler checks. */
#ifndef SLABPOOL_KERNEL_BUILD_BUG_H
#define SLABPOOL_KERNEL_BUILD_BUG_H

#include <linux/compiler.h>

#define BUILD_BUG_ON_MSG(condition, text)            \
	do {                                         \
		_Static_assert(!(condition), text);  \
	} while (0)
#define BUILD_BUG_ON(condition) BUILD_BUG_ON_MSG(condition, "BUILD_BUG_ON: " #condition)
#define BUILD_BUG() BUILD_BUG_ON_MSG(1, "BUILD_BUG")
#define BUILD_BUG_ON_NOT_POWER_OF_2(n) BUILD_BUG_ON((n) == 0 || (((n) & ((n) - 1)) != 0))
/** 0, or a compile error if @p condition holds; for use in initialisers. */
#define BUILD_BUG_ON_ZERO(condition) \
	((int)(sizeof(struct { char field : (condition) ? -1 : 1; }) * 0))
#define BUILD_BUG_ON_INVALID(e) ((void)(sizeof((long)(e))))

#ifndef static_assert
#define static_assert(condition, ...) \
	SLABPOOL_KERNEL_STATIC_ASSERT(condition, ##__VA_ARGS__, #condition)
#define SLABPOOL_KERNEL_STATIC_ASSERT(condition, text, ...) _Static_assert(condition, text)
#endif

#endif
