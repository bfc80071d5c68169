/* SPDX-License-Identifier: MIT */
/* From a pointer to its arena, slab and object. See lookup.c. */
#ifndef SLABPOOL_CORE_LOOKUP_H
#define SLABPOOL_CORE_LOOKUP_H

#include "core/arena.h"

#define LOOKUP_NOT_IN SIZE_MAX

/* Byte offset of p from the arena's base, or LOOKUP_NOT_IN if it points outside. */
size_t lookup_offset(const struct arena *arena, const void *p);
/* The slab that owns the page at a byte offset, or SLAB_NO_SLAB (page unowned, or a page run). */
uint32_t lookup_slab(const struct arena *arena, size_t offset);
/* The object of this slab that holds the byte at offset (start or interior): index, or
 * SLAB_NO_OBJECT. */
uint32_t lookup_object(const struct arena *arena, uint32_t slab, size_t offset);
/* Address of object index of a slab. */
unsigned char *lookup_address(const struct arena *arena, uint32_t slab, uint32_t index);

#endif
