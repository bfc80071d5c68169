/* SPDX-License-Identifier: MIT */
/* What kfree() does while the thread's magazine has room, for the preload library to compile in. */
#ifndef SLABPOOL_CORE_KMALLOC_H
#define SLABPOOL_CORE_KMALLOC_H

#include "core/instance.h"

/* Granule that starts at p; beyond all granules if none does. */
/*@ requires memory: \valid_read(arena);
    requires granule: 3 <= arena->granule_shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures starts: (uintptr_t)p >= arena->address &&
      ((uintptr_t)p - arena->address) % granule_size(arena->granule_shift) == 0 ==>
      \result == ((uintptr_t)p - arena->address) / granule_size(arena->granule_shift);
*/
static inline size_t kmalloc_granule(const struct arena *arena, const void *p)
{
	return slabpool_rotate(instance_distance(arena->address, (uintptr_t)p),
			       arena->granule_shift);
}

/* Takes a live object back whose state byte names its cache, if the thread's magazine has room. */
/*@ requires pool: \valid(pool);
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
static inline bool kmalloc_put_fast(struct slabpool *pool, const void *object)
{
	struct arena *arena = instance_find(pool, object);
	struct kmem_cache *cache;
	struct slabpool_magazine *m;
	size_t granule, count;
	uint8_t *state;

	if (SLABPOOL_UNLIKELY(!arena))
		return false;
	granule = kmalloc_granule(arena, object);
	if (SLABPOOL_UNLIKELY(granule >= slabpool_load_size(&arena->open_granules)))
		return false;
	state = &arena->state[granule];
	cache = arena->fast[slabpool_load_u8(state)];
	if (SLABPOOL_UNLIKELY(!cache))
		return false;
	m = &slabpool_slot_of(&cache->hot)->loaded;
	count = m->count;
	if (SLABPOOL_UNLIKELY(count == m->capacity))
		return false;
	slabpool_store_u8(state, STATE_NONE);
	slabpool_magazine_push(m, count, (void *)(uintptr_t)object);
	return true;
}

#endif
