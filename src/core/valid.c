/* SPDX-License-Identifier: MIT */
/*
 * Valid: walks every structure of an instance and checks what the theories in the other files
 * promise. Slow, for tests, fuzzers and a user's debugger; no other call may run meanwhile.
 *
 *  - each slab is in exactly the list that its free count says, and the counts are the lengths;
 *  - descriptor, page map and owner agree; the bits are as many as free_count says;
 *  - no state byte is set for an object that is free in its slab, held by a magazine or by the depot,
 *    nor outside an object's first granule;
 *  - the four places of a cache's objects add up;
 *  - the page layer's free runs are where its tables say.
 *
 * Locking: none is taken.
 */
#include "core/instance.h"
#include "core/lookup.h"
#include "core/thread.h"

static uint32_t state_at(const struct arena *arena, const unsigned char *object)
{
	return slabpool_load_u8(&arena->state[(size_t)(object - arena->base) >>
					      arena->granule_shift]);
}

/* State bytes of a slab's run: the tag at starts of objects that are not free, 0 elsewhere. */
static bool states_are_valid(const struct kmem_cache *cache, uint32_t which, size_t *live)
{
	const struct arena *arena = cache->arena;
	const struct slab *slab = &arena->slab[which];
	size_t first = (size_t)slab->page << (SLABPOOL_PAGE_SHIFT - arena->granule_shift);
	size_t granules = slab->bytes >> arena->granule_shift, k;

	for (k = 0; k < granules; k++) {
		uint32_t offset = (uint32_t)(k << arena->granule_shift), index;

		if (slabpool_load_u8(&arena->state[first + k]) == STATE_NONE)
			continue;
		index = slab_object_at(slab, offset);
		if (index == SLAB_NO_OBJECT || slab_object_offset(slab, index) != offset ||
		    slab_is_free(slab, index) || arena->state[first + k] != cache->tag)
			return false;
		++*live;
	}
	return true;
}

static bool pages_are_owned(const struct kmem_cache *cache, uint32_t which)
{
	const struct arena *arena = cache->arena;
	uint32_t page = arena->slab[which].page, k;

	for (k = 0; k < 1u << cache->geometry.order; k++)
		if (page + k >= arena->opened || arena->page_map[page + k] != which + 1)
			return false;
	return true;
}

static bool slab_of_cache_is_valid(const struct kmem_cache *cache, uint32_t which, size_t *live)
{
	const struct slab *slab = &cache->arena->slab[which];

	return which < cache->arena->slab_count && slab->owner == cache &&
	       slab->cache == cache->id && slab->capacity == cache->geometry.capacity &&
	       slab->stride == cache->geometry.stride && slab_is_valid(slab) &&
	       pages_are_owned(cache, which) && states_are_valid(cache, which, live);
}

static bool belongs_in(const struct kmem_cache *cache, const struct slab *slab, uint32_t list)
{
	if (list == LIST_FULL)
		return slab->free_count == 0;
	if (list == LIST_EMPTY)
		return slab->free_count == slab->capacity;
	return slab->free_count > 0 && slab->free_count < slab->capacity && slab->list == list;
}

/* What a walk over a cache's lists finds. */
struct tally {
	size_t slabs, empty, full, free_objects, live;
};

static bool list_is_valid(const struct kmem_cache *cache, uint32_t list, struct tally *tally)
{
	uint32_t which, prev = SLAB_NO_SLAB;

	for (which = cache->list[list]; which != SLAB_NO_SLAB;
	     which = cache->arena->slab[which].next) {
		const struct slab *slab = &cache->arena->slab[which];

		if (slab->list != list || slab->prev != prev || tally->slabs > cache->slabs ||
		    !belongs_in(cache, slab, list) ||
		    !slab_of_cache_is_valid(cache, which, &tally->live))
			return false;
		tally->slabs++;
		tally->empty += list == LIST_EMPTY;
		tally->full += list == LIST_FULL;
		tally->free_objects += slab->free_count;
		prev = which;
	}
	return list != LIST_EMPTY || cache->empty_last == prev;
}

/* Objects that no user may have: state byte 0, and not free in their slab. */
static bool held_are_valid(const struct kmem_cache *cache, void *const *objects, uint32_t n)
{
	const struct arena *arena = cache->arena;
	uint32_t k, which, index;
	size_t offset;

	for (k = 0; k < n; k++) {
		offset = lookup_offset(arena, objects[k]);
		if (offset == LOOKUP_NOT_IN || (offset >> SLABPOOL_PAGE_SHIFT) >= arena->opened ||
		    state_at(arena, objects[k]) != STATE_NONE)
			return false;
		which = lookup_slab(arena, offset);
		if (which == SLAB_NO_SLAB || arena->slab[which].owner != cache)
			return false;
		index = lookup_object(arena, which, offset);
		if (index == SLAB_NO_OBJECT || slab_is_free(&arena->slab[which], index) ||
		    lookup_address(arena, which, index) != objects[k])
			return false;
	}
	return true;
}

static bool depot_is_valid(const struct kmem_cache *cache)
{
	const struct magazine_store *store;
	size_t count = 0, objects = 0;

	for (store = cache->full; store; store = store->next) {
		if (store->count > store->capacity || count > cache->full_count ||
		    !held_are_valid(cache, store->object, store->count))
			return false;
		count++;
		objects += store->count;
	}
	return count == cache->full_count && objects == cache->depot_objects;
}

static bool magazine_of_cache_is_valid(const struct kmem_cache *cache, const struct magazine *m)
{
	return magazine_is_valid(m) &&
	       (m->count == 0 || held_are_valid(cache, m->store->object, m->count));
}

static bool threads_are_valid(const struct kmem_cache *cache)
{
	const struct thread_record *record;

	for (record = cache->pool->threads; record; record = record->next) {
		const struct thread_slot *slot =
			&record->chunk[cache->id / THREAD_CHUNK_SLOTS]
				 ->slot[cache->id % THREAD_CHUNK_SLOTS];

		if (slot->cache == NULL ? slot->loaded.count || slot->spare.count
					: slot->cache != cache ||
						  !magazine_of_cache_is_valid(cache, &slot->loaded) ||
						  !magazine_of_cache_is_valid(cache, &slot->spare))
			return false;
	}
	return true;
}

static bool cache_is_valid(const struct kmem_cache *cache)
{
	struct tally tally = { 0 };
	size_t total = (size_t)cache->slabs * cache->geometry.capacity;
	size_t held = cache->life == CACHE_META ? 0 : thread_held(cache);
	uint32_t list;

	for (list = 0; list < LIST_COUNT; list++)
		if (!list_is_valid(cache, list, &tally))
			return false;
	if (tally.slabs != cache->slabs || tally.empty != cache->empty_slabs ||
	    tally.full != cache->full_slabs || tally.free_objects != cache->free_objects)
		return false;
	if (cache->life == CACHE_META)
		return tally.live == 0;
	return tally.live + held + cache->depot_objects + cache->free_objects == total &&
	       depot_is_valid(cache) && threads_are_valid(cache);
}

bool slabpool_is_valid(struct slabpool *pool)
{
	const struct kmem_cache *cache, *prev = NULL;
	uint32_t k;

	for (k = 0; k < INSTANCE_ARENAS; k++)
		if (pool->arena_made[k] && !arena_is_valid(&pool->arena[k]))
			return false;
	for (k = 0; k < META_COUNT; k++)
		if (!cache_is_valid(&pool->meta[k]))
			return false;
	for (cache = pool->first; cache; cache = cache->next) {
		if (cache->prev != prev || cache->life == CACHE_DEAD || !cache_is_valid(cache))
			return false;
		prev = cache;
	}
	return pool->last == prev;
}
