/* SPDX-License-Identifier: MIT */
/* What kfree() does while the thread's magazine has room, for the preload library to compile in. */
#ifndef SLABPOOL_CORE_KMALLOC_H
#define SLABPOOL_CORE_KMALLOC_H

#include "core/instance.h"

/* Granule that starts at this address; beyond all granules if none does. */
/*@ requires memory: \valid_read(arena);
    requires granule: 3 <= arena->granule_shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures starts: number >= arena->address &&
      (number - arena->address) % granule_size(arena->granule_shift) == 0 ==>
      \result == (number - arena->address) / granule_size(arena->granule_shift);
*/
static inline size_t kmalloc_granule(const struct arena *arena, uintptr_t number)
{
	return slabpool_granule_in(arena->address, arena->granule_shift, (const void *)number);
}

/* More pages have no fewer granules. */
/*@ ghost
  /@ requires shift: 3 <= shift <= 12;
     requires order: x <= y;
     terminates always: \true;
     exits never: \false;
     assigns \nothing;
     ensures order: x * granules_a_page(shift) <= y * granules_a_page(shift);
  @/
  void tables_in_order(uint32_t x, uint32_t y, uint32_t shift) {
    /@ assert one: shift == 3 || shift == 4 || shift == 5 || shift == 6 || shift == 7 ||
         shift == 8 || shift == 9 || shift == 10 || shift == 11 || shift == 12; @/
  }
*/

/* The state byte of the granule that starts at this address in the arena; none for any other. */
/*@ requires arena: arena_ready(arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: \result <= 255;
    ensures byte: starts_at(number, arena->address, arena->granule_shift) &&
      granule_at(number, arena->address, arena->granule_shift) < arena->open_granules ==>
      \result == arena->state[granule_at(number, arena->address, arena->granule_shift)];
*/
static inline uint8_t kmalloc_state(const struct arena *arena, uintptr_t number)
{
	size_t granule = kmalloc_granule(arena, number);

	if (granule >= slabpool_load_size(&arena->open_granules))
		return STATE_NONE;
	/*@ assert opened: arena->opened <= arena->pages; */
	/*@ ghost tables_in_order(arena->opened, arena->pages, arena->granule_shift); */
	/*@ assert table: arena->open_granules <=
	      arena->pages * granules_a_page(arena->granule_shift); */
	return slabpool_load_u8(&arena->state[granule]);
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
	granule = kmalloc_granule(arena, (uintptr_t)object);
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
