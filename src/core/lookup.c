/* SPDX-License-Identifier: MIT */
#include "core/lookup.h"

#define PAGE_BYTES ((size_t)1 << SLABPOOL_PAGE_SHIFT)

size_t lookup_offset(const struct arena *arena, const void *p)
{
	return slabpool_pointer_offset(arena->base, arena->pages * PAGE_BYTES,
				       (const unsigned char *)p);
}

uint32_t lookup_slab(const struct arena *arena, size_t offset)
{
	uint32_t page = (uint32_t)(offset / PAGE_BYTES);
	uint32_t owner = slabpool_load_u32(&arena->page_map[page]);

	/* What is beyond the table is the length of a page run. */
	if (owner == PAGE_UNOWNED || owner > arena->pages)
		return SLAB_NO_SLAB;
	return owner - 1;
}

uint32_t lookup_object(const struct arena *arena, uint32_t slab, size_t offset)
{
	const struct slab *s = &arena->slab[slab];
	size_t start = s->page * PAGE_BYTES;

	if (offset < start || offset - start >= s->bytes)
		return SLAB_NO_OBJECT;
	return slab_object_at(s, (uint32_t)(offset - start));
}

unsigned char *lookup_address(const struct arena *arena, uint32_t slab, uint32_t index)
{
	const struct slab *s = &arena->slab[slab];

	return arena->base + (s->page * PAGE_BYTES + slab_object_offset(s, index));
}
