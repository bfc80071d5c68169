/* SPDX-License-Identifier: MIT */
/* Stands in for libc's, which a freestanding compiler need not have: all that slabpool uses. */
#ifndef BARE_CORTEXM_STRING_H
#define BARE_CORTEXM_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);

#endif
