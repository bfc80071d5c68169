/* SPDX-License-Identifier: MIT */
/*
 * Valid: walks every structure of an instance and checks what the theories in the other files
 * promise. Slow, for tests, fuzzers and a user's debugger; no other call may run meanwhile.
 *
 *  - each slab is in exactly the list that its free count says, and the counts are the lengths;
 *  - descriptor, page map and owner agree; the bits are as many as free_count says;
 *  - no state byte is set for an object that is free in its slab, in a magazine or in the depot,
 *    nor outside an object's first granule;
 *  - what magazines and depot hold is, each object once, what is neither free in its slab nor live;
 *    two sums over both sets say so, as there is no memory here to mark objects;
 *  - the four places of a cache's objects add up;
 *  - each page is a slab's, a run's or free, as many as the arena counts;
 *  - the page layer's free runs are where its tables say.
 *
 * Locking: none is taken.
 */
#include "core/instance.h"
#include "core/lookup.h"
#include "core/memory.h"
#include "core/thread.h"

#include "../../proofs/logic/Valid.acsl"

static uint32_t state_at(const struct arena *arena, const unsigned char *object)
{
	return slabpool_load_u8(&arena->state[(size_t)(object - arena->base) >>
					      arena->granule_shift]);
}

/* What a walk over a cache's lists finds. */
struct tally {
	size_t slabs, empty, full, free_objects, live;
	uint64_t taken;  /* sum of the marks of objects that are neither free nor live */
	uint64_t held;   /* sum of the marks of objects in magazines and depot */
};

/* A number that two different sets of objects will not have the same sum of. */
static uint64_t mark_of(const void *object)
{
	uint64_t mark = (uint64_t)(uintptr_t)object * 0x9e3779b97f4a7c15u;

	return (mark ^ mark >> 29) * (mark >> 32 | 1);
}

/* The state byte where an object starts: the tag, or 0 if the object is free or held. */
static bool start_is_valid(const struct kmem_cache *cache, const struct slab *slab, uint32_t index,
			   uint8_t state, struct tally *tally)
{
	bool is_free = slab_is_free(slab, index);

	if (state == STATE_NONE && !is_free)
		tally->taken += mark_of(cache->arena->base + slab_object_offset(slab, index) +
					((size_t)slab->page << SLABPOOL_PAGE_SHIFT));
	if (state == STATE_NONE)
		return true;
	tally->live++;
	return !is_free && state == cache->hot.tag;
}

/* No state byte is set in a stretch; many are long. */
static bool none_between(const uint8_t *state, size_t from, size_t to)
{
	uint64_t word;

	for (; from + sizeof(word) <= to; from += sizeof(word)) {
		memcpy(&word, state + from, sizeof(word));
		if (word)
			return false;
	}
	for (; from < to; from++)
		if (slabpool_load_u8(&state[from]) != STATE_NONE)
			return false;
	return true;
}

/* State bytes of a slab's run: the tag at starts of objects that are not free, 0 elsewhere. */
static bool states_are_valid(const struct kmem_cache *cache, uint32_t which, struct tally *tally)
{
	const struct arena *arena = cache->arena;
	const struct slab *slab = &arena->slab[which];
	const uint8_t *state = arena->state + ((size_t)slab->page <<
					       (SLABPOOL_PAGE_SHIFT - arena->granule_shift));
	size_t granules = slab->bytes >> arena->granule_shift, done = 0;
	size_t start = slab->first >> arena->granule_shift;
	uint32_t index;

	for (index = 0; index < slab->capacity; index++) {
		if (start >= granules || !none_between(state, done, start) ||
		    !start_is_valid(cache, slab, index, slabpool_load_u8(&state[start]), tally))
			return false;
		done = start + 1;
		start += slab->stride >> arena->granule_shift;
	}
	return none_between(state, done, granules);
}

/*@ requires memory: \valid_read(cache) && arena_tables(cache->arena);
    requires which: which < cache->arena->pages;
    requires opened: cache->arena->opened <= cache->arena->pages;
    requires order: cache->geometry.order <= 10;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> run_is_owned(cache->arena, which,
            run_pages(cache->geometry.order));
*/
SLABPOOL_ALONE
static bool pages_are_owned(const struct kmem_cache *cache, uint32_t which)
{
	const struct arena *arena = cache->arena;
	uint32_t page = arena->slab[which].page, k;

	/*@ assert pages: (1 << cache->geometry.order) == run_pages(cache->geometry.order); */
	/*@ loop invariant range: 0 <= k <= run_pages(cache->geometry.order);
	    loop invariant owned: run_is_owned(arena, which, k);
	    loop assigns k;
	    loop variant run_pages(cache->geometry.order) - k;
	*/
	for (k = 0; k < 1u << cache->geometry.order; k++)
		if (page >= arena->opened || k >= arena->opened - page ||
		    arena->page_map[page + k] != which + 1)
			return false;
	return true;
}

/* The run where a slab's descriptor says, its bits where its first page's are. */
/*@ requires memory: \valid_read(cache) && \valid_read(slab) && \valid_read(cache->arena);
    requires words: cache->arena->words_a_page <= 8;
    requires opened: cache->arena->opened < 0x1000000;
    requires order: cache->geometry.order <= 10;
    requires colours: cache->geometry.colour_off > 0;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> placed(cache, slab, cache->arena);
*/
SLABPOOL_ALONE
static bool place_is_valid(const struct kmem_cache *cache, const struct slab *slab)
{
	const struct arena *arena = cache->arena;

	return slab->page < arena->opened &&
	       slab->bytes == SLABPOOL_PAGE_SIZE << cache->geometry.order &&
	       slab->free_bits == arena->bits + (size_t)slab->page * arena->words_a_page &&
	       slab->first % cache->geometry.colour_off == 0 &&
	       slab->first / cache->geometry.colour_off < cache->geometry.colours;
}

static bool slab_of_cache_is_valid(const struct kmem_cache *cache, uint32_t which,
				   struct tally *tally)
{
	const struct slab *slab = &cache->arena->slab[which];

	return slab->owner == cache && slab->cache == cache->id &&
	       slab->capacity == cache->geometry.capacity &&
	       slab->stride == cache->geometry.stride && place_is_valid(cache, slab) &&
	       slab_is_valid(slab) && pages_are_owned(cache, which) &&
	       states_are_valid(cache, which, tally);
}

/* The list is the one for a slab with so many free objects, as far as the count says. */
/*@ requires memory: \valid_read(slab);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> belongs(slab, list);
*/
static bool belongs_in(const struct slab *slab, uint32_t list)
{
	if (list == LIST_FULL)
		return slab->free_count == 0;
	if (list == LIST_EMPTY)
		return slab->free_count == slab->capacity;
	return slab->free_count > 0 && slab->free_count < slab->capacity && slab->list == list;
}

SLABPOOL_ALONE
static bool list_is_valid(const struct kmem_cache *cache, uint32_t list, struct tally *tally)
{
	uint32_t which, prev = SLAB_NO_SLAB;

	for (which = cache->list[list]; which != SLAB_NO_SLAB;
	     which = cache->arena->slab[which].next) {
		const struct slab *slab = &cache->arena->slab[which];

		if (which >= cache->arena->slab_count || slab->list != list ||
		    slab->prev != prev || tally->slabs > cache->slabs ||
		    !belongs_in(slab, list) || !slab_of_cache_is_valid(cache, which, tally))
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
SLABPOOL_ALONE
static bool held_are_valid(const struct kmem_cache *cache, void *const *objects, uint32_t n,
			   struct tally *tally)
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
		tally->held += mark_of(objects[k]);
	}
	return true;
}

SLABPOOL_ALONE
static bool spares_are_valid(const struct kmem_cache *cache)
{
	const struct slabpool_store *store;
	size_t count = 0;

	for (store = cache->spare; store; store = store->next) {
		if (store->count != 0 || count > cache->spare_count)
			return false;
		count++;
	}
	return count == cache->spare_count;
}

/* The magazines of one of the depot's lists, of which there must be so many. */
static bool stores_are_valid(const struct kmem_cache *cache, const struct slabpool_store *store,
			     uint32_t wanted, size_t *objects, struct tally *tally)
{
	uint32_t count = 0;

	for (; store; store = store->next) {
		if (store->count > store->capacity || count == wanted ||
		    !held_are_valid(cache, store->object, store->count, tally))
			return false;
		count++;
		*objects += store->count;
	}
	return count == wanted;
}

SLABPOOL_ALONE
static bool depot_is_valid(const struct kmem_cache *cache, struct tally *tally)
{
	size_t objects = 0;
	uint32_t full = 0, k;

	for (k = 0; k < DEPOT_HOMES; k++) {
		const struct depot_home *home = &cache->home[k];

		if (home->low > home->count ||
		    !stores_are_valid(cache, home->full, home->count, &objects, tally))
			return false;
		full += home->count;
	}
	return full == cache->full_count &&
	       stores_are_valid(cache, cache->old, cache->old_count, &objects, tally) &&
	       objects == cache->depot_objects && spares_are_valid(cache);
}

static bool magazine_of_cache_is_valid(const struct kmem_cache *cache,
				       const struct slabpool_magazine *m, struct tally *tally)
{
	return m->store && m->capacity == m->store->capacity && magazine_is_valid(m) &&
	       held_are_valid(cache, m->store->object, m->count, tally);
}

SLABPOOL_ALONE
static bool threads_are_valid(const struct kmem_cache *cache, struct tally *tally)
{
	const struct thread_record *record;

	for (record = cache->pool->threads; record; record = record->next) {
		const struct slabpool_slot *slot = &record->slot[cache->id];

		if (!slot->cache && !slot->loaded.count && !slot->spare.count)
			continue;
		if (slot->cache != cache ||
		    !magazine_of_cache_is_valid(cache, &slot->loaded, tally) ||
		    !magazine_of_cache_is_valid(cache, &slot->spare, tally))
			return false;
	}
	return true;
}

SLABPOOL_ALONE
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
	       depot_is_valid(cache, &tally) && threads_are_valid(cache, &tally) &&
	       tally.held == tally.taken;
}

/* The run whose entry in the page map is this: its state byte says what it is. */
SLABPOOL_ALONE
static bool run_is_valid(const struct arena *arena, uint32_t page, uint32_t pages)
{
	uint32_t state = state_at(arena, arena->base + ((size_t)page << SLABPOOL_PAGE_SHIFT));

	return pages > 0 && pages <= arena->opened - page && state >= STATE_RUN_KMALLOC &&
	       state <= STATE_RUN_VMALLOC;
}

/* Every open page is a slab's, a run's or nobody's, and the arena's counts say how many. */
SLABPOOL_ALONE
static bool map_is_valid(const struct arena *arena)
{
	uint32_t page = 0, used[2] = { 0, 0 };

	while (page < arena->opened) {
		uint32_t owner = arena->page_map[page];

		if (owner >= PAGE_RUN) {
			if (!run_is_valid(arena, page, owner - PAGE_RUN))
				return false;
			used[ARENA_RUN] += owner - PAGE_RUN;
			page += owner - PAGE_RUN;
			continue;
		}
		if (owner > arena->slab_count)
			return false;
		used[ARENA_SLAB] += owner != PAGE_UNOWNED;
		page++;
	}
	return used[ARENA_SLAB] == arena->used[ARENA_SLAB] &&
	       used[ARENA_RUN] == arena->used[ARENA_RUN];
}

SLABPOOL_ALONE
bool slabpool_is_valid(struct slabpool *pool)
{
	const struct kmem_cache *cache, *prev = NULL;
	uint32_t k;

	for (k = 0; k < INSTANCE_ARENAS; k++)
		if (pool->arena_made[k] &&
		    !(arena_is_valid(&pool->arena[k]) && map_is_valid(&pool->arena[k])))
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
