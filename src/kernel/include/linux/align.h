/* SPDX-License-Identifier: MIT */
/* Kernel face: alignment to a power of two. */
#ifndef SLABPOOL_KERNEL_ALIGN_H
#define SLABPOOL_KERNEL_ALIGN_H

#include <linux/types.h>

/* Some libcs have ALIGN in <sys/param.h>, with one argument. */
#undef ALIGN
#define ALIGN(x, a) (((x) + ((__typeof__(x))(a) - 1)) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define PTR_ALIGN(p, a) ((__typeof__(p))ALIGN((unsigned long)(p), (a)))
#define PTR_ALIGN_DOWN(p, a) ((__typeof__(p))ALIGN_DOWN((unsigned long)(p), (a)))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)

#endif
