/* SPDX-License-Identifier: MIT */
/*
 * The size classes of the preload library: steps of 16 bytes up to 512, then eight to the doubling.
 *
 *	16 32 ... 496 512 | 576 640 ... 1024 | ... | 18432 20480 ... 32768
 *
 * With 1 <= size <= SIZE_CLASS_LARGEST and c = size_class_of(size):
 *
 *	size <= size_class_bytes(c)  &&  (c == 0 || size_class_bytes(c - 1) < size)
 *	size_class_bytes(c) - size < (size <= 512 ? 16 : (size + 7) / 8)
 *	a power of two from 16 on that divides size divides size_class_bytes(c)
 */
#ifndef SLABPOOL_TOOLS_SIZE_CLASS_H
#define SLABPOOL_TOOLS_SIZE_CLASS_H

#include <stddef.h>
#include <stdint.h>

#define SIZE_CLASS_LARGEST 32768u
#define SIZE_CLASSES 80u

static inline uint32_t size_class_of(size_t size)
{
	uint32_t last = (uint32_t)size - 1;
	uint32_t top = 31 - (uint32_t)__builtin_clz(last | 256);

	return last < 512 ? last >> 4 : (top - 9) * 8 + 24 + (last >> (top - 3));
}

static inline uint32_t size_class_bytes(uint32_t c)
{
	return c < 32 ? (c + 1) * 16 : (c % 8 + 9) << (c / 8 + 2);
}

#endif
