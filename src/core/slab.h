/* SPDX-License-Identifier: MIT */
/* One slab: which of its objects are free, out of line. See slab.c for the theory. */
#ifndef SLABPOOL_CORE_SLAB_H
#define SLABPOOL_CORE_SLAB_H

#include <slabpool/compiler.h>

#define SLAB_NO_OBJECT UINT32_MAX
#define SLAB_NO_SLAB UINT32_MAX
/* Most objects of a slab, and most bytes of its run. */
#define SLAB_MAX_OBJECTS 65536u
#define SLAB_MAX_BYTES 0x400000u

struct slab {
	uint64_t *free_bits;  /* bit i set: object i is free in the slab; (capacity + 63) / 64 words */
	uint32_t capacity;    /* objects, 1 .. SLAB_MAX_OBJECTS */
	uint32_t free_count;  /* bits set */
	uint32_t hint;        /* no word below free_bits[hint] has a bit set */
	uint32_t first;       /* bytes from the run's start to object 0: the colour */
	uint32_t stride;      /* bytes from object to object */
	uint32_t bytes;       /* of the run: first + capacity * stride <= bytes <= SLAB_MAX_BYTES */
	/* Owned by the cache layer; the functions of slab.c leave them alone. */
	uint32_t cache;       /* id of the owning cache, UINT32_MAX while the descriptor is unused */
	uint32_t page;        /* first page of the run in its arena */
	uint32_t next, prev;  /* slab indices in one of the cache's lists */
	uint32_t list;        /* which list */
	uint32_t stamp;       /* when it became empty, in seconds of the platform's clock */
};

/* Starts with every object free. bits: (capacity + 63) / 64 words that belong to this slab. */
void slab_init(struct slab *slab, uint64_t *bits, uint32_t capacity, uint32_t first,
	       uint32_t stride, uint32_t bytes);
/* Takes the lowest free object: its index, or SLAB_NO_OBJECT when all are taken. */
uint32_t slab_take(struct slab *slab);
/* Gives object index back; false (and nothing changes) if it is free already or out of range. */
bool slab_give(struct slab *slab, uint32_t index);
/* True if object index is free in the slab. */
bool slab_is_free(const struct slab *slab, uint32_t index);
/* Byte offset of object index from the run's start. */
uint32_t slab_object_offset(const struct slab *slab, uint32_t index);
/* The object that holds byte offset of the run: its index, or SLAB_NO_OBJECT for the colour
 * before the first and the tail behind the last. */
uint32_t slab_object_at(const struct slab *slab, uint32_t offset);
/* All invariants of the descriptor and its bits. */
bool slab_is_valid(const struct slab *slab);

#endif
