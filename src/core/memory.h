/* SPDX-License-Identifier: MIT */
/* What the core uses of libc. On bare metal the program brings these functions, and there need not
 * be a <string.h>. */
#ifndef SLABPOOL_CORE_MEMORY_H
#define SLABPOOL_CORE_MEMORY_H

#if defined(SLABPOOL_BARE)
#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *memory, int byte, size_t bytes);
#else
#include <string.h>
#endif

#endif
