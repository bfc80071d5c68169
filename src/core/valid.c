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
#include "core/kmalloc.h"
#include "core/lookup.h"
#include "core/pages.h"
#include "core/thread.h"

#include "../../proofs/logic/Owners.acsl"
#include "../../proofs/logic/PowerLemmas.acsl"
#include "../../proofs/logic/Valid.acsl"

/* What a walk over a cache's lists finds. */
struct tally {
	size_t slabs, empty, full, free_objects, live;
	uint64_t taken;  /* the marks of objects that are neither free nor live, in one */
	uint64_t held;   /* the marks of objects in magazines and depot */
};

/* The XOR of a set's marks tells it from nearly every other set; the counts are compared, too. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures mixed: \result == mark_mixed(number % 0x100000000, number / 0x100000000);
*/
static uint64_t mark_of(uint64_t number)
{
	uint64_t low = number % 0x100000000u, high = number / 0x100000000u;
	uint64_t mark = (low + 1) * 0x9e3779b1u;

	mark = (mark / 0x100000000u + mark % 0x100000000u) / 2;
	return mark * 0x85ebca6bu + high * 0x61c88647u;
}

/* The state byte where an object starts: the tag, or 0 if the object is free or held. */
/*@ requires memory: \valid_read(cache) && arena_tables(cache->arena) && \valid(tally);
    requires slab: which < cache->arena->pages && slab_in_arena(cache->arena, which) &&
      slab_memory(&cache->arena->slab[which]);
    requires index: index < cache->arena->slab[which].capacity;
    requires apart: \separated(tally, cache, cache->arena,
      cache->arena->slab + (0 .. cache->arena->pages - 1));
    terminates always: \true;
    exits never: \false;
    assigns tally->taken, tally->live;
    ensures exact: \result <==> state == STATE_NONE || (state == cache->hot.tag &&
      !\old(object_free(&cache->arena->slab[which], index)));
    ensures live: tally->live == (state == STATE_NONE || \old(tally->live) == SIZE_MAX ?
      \old(tally->live) : \old(tally->live) + 1);
    ensures taken: state != STATE_NONE || \old(object_free(&cache->arena->slab[which], index)) ==>
      tally->taken == \old(tally->taken);
*/
static bool start_is_valid(const struct kmem_cache *cache, uint32_t which, uint32_t index,
			   uint8_t state, struct tally *tally)
{
	const struct arena *arena = cache->arena;
	bool is_free = slab_is_free(&arena->slab[which], index), tagged = state == cache->hot.tag;

	if (state == STATE_NONE && !is_free)
		tally->taken ^= mark_of(arena->address + lookup_start(arena, which, index));
	if (state == STATE_NONE)
		return true;
	if (tally->live < SIZE_MAX)
		tally->live++;
	return !is_free && tagged;
}

/*@ requires range: k <= SIZE_MAX - 8;
    requires memory: \valid_read(state + (k .. k + 7));
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> states_clear(state, k, k + 8);
*/
static inline bool none_of_8(const uint8_t *state, size_t k)
{
	return state[k] == 0 && state[k + 1] == 0 && state[k + 2] == 0 && state[k + 3] == 0 &&
	       state[k + 4] == 0 && state[k + 5] == 0 && state[k + 6] == 0 && state[k + 7] == 0;
}

/* No state byte is set in a stretch; many are long. */
/*@ requires memory: \valid_read(state + (from .. to - 1));
    requires range: to <= SIZE_MAX - 8;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> states_clear(state, from, to);
*/
static bool none_between(const uint8_t *state, size_t from, size_t to)
{
	size_t k = from;

	/*@ loop invariant range: from <= k && (k <= to || k == from);
	    loop invariant clear: states_clear(state, from, k);
	    loop assigns k;
	    loop variant to - k;
	*/
	while (k < to && to - k >= 8) {
		if (!none_of_8(state, k))
			return false;
		k += 8;
	}
	/*@ loop invariant range: from <= k && (k <= to || k == from);
	    loop invariant clear: states_clear(state, from, k);
	    loop assigns k;
	    loop variant to - k;
	*/
	for (; k < to; k++)
		if (state[k] != STATE_NONE)
			return false;
	return true;
}

/* State bytes of a slab's run: the tag at starts of objects that are not free, 0 elsewhere. */
/*@ requires memory: \valid_read(cache) && arena_tables(cache->arena) && \valid(tally);
    requires slab: which < cache->arena->pages && slab_in_arena(cache->arena, which) &&
      slab_memory(&cache->arena->slab[which]);
    requires states: 3 <= cache->arena->granule_shift <= 12 &&
      cache->arena->open_granules <= SIZE_MAX - 8 &&
      \valid_read(cache->arena->state + (0 .. cache->arena->open_granules - 1));
    requires apart: \separated(tally, cache, cache->arena,
      cache->arena->slab + (0 .. cache->arena->pages - 1),
      cache->arena->slab[which].free_bits +
        (0 .. words_for(cache->arena->slab[which].capacity) - 1),
      cache->arena->state + (0 .. cache->arena->open_granules - 1));
    terminates always: \true;
    exits never: \false;
    assigns tally->taken, tally->live;
    ensures before: \result && cache->arena->slab[which].capacity > 0 ==>
      states_clear(cache->arena->state + cache->arena->slab[which].page *
        granules_a_page(cache->arena->granule_shift), 0,
        cache->arena->slab[which].first >> cache->arena->granule_shift);
*/
static bool states_are_valid(const struct kmem_cache *cache, uint32_t which, struct tally *tally)
{
	const struct arena *arena = cache->arena;
	const struct slab *slab = &arena->slab[which];
	size_t at = granules_of(slab->page, arena->granule_shift), done = 0;
	size_t granules = slab->bytes >> arena->granule_shift;
	size_t start = slab->first >> arena->granule_shift;
	size_t stride = slab->stride >> arena->granule_shift;
	const uint8_t *state = arena->state + at;
	uint32_t index;

	if (at > arena->open_granules || granules > arena->open_granules - at)
		return false;
	/*@ loop invariant range: 0 <= index <= slab->capacity && done <= granules;
	    loop invariant before: index == 0 ? done == 0 && start == \at(start, LoopEntry) :
	      states_clear(state, 0, \at(start, LoopEntry));
	    loop assigns index, done, start, tally->taken, tally->live;
	    loop variant slab->capacity - index;
	*/
	for (index = 0; index < slab->capacity; index++) {
		if (start >= granules || !none_between(state, done, start) ||
		    !start_is_valid(cache, which, index, slabpool_load_u8(&state[start]), tally))
			return false;
		done = start + 1;
		start = stride < granules - start ? start + stride : granules;
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
            two(cache->geometry.order));
*/
SLABPOOL_ALONE
static bool pages_are_owned(const struct kmem_cache *cache, uint32_t which)
{
	const struct arena *arena = cache->arena;
	uint32_t page = arena->slab[which].page, pages, k;

	/*@ ghost run_is_power(cache->geometry.order); */
	pages = 1u << cache->geometry.order;
	/*@ loop invariant range: 0 <= k <= pages;
	    loop invariant owned: run_is_owned(cache->arena, which, k);
	    loop assigns k;
	    loop variant pages - k;
	*/
	for (k = 0; k < pages; k++) {
		if (page >= arena->opened || k >= arena->opened - page ||
		    arena->page_map[page + k] != which + 1) {
			/*@ assert not: !page_is_owned(cache->arena, which, k); */
			return false;
		}
		/*@ assert one: page_is_owned(cache->arena, which, k); */
	}
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

	/*@ ghost run_is_power(SLABPOOL_PAGE_SHIFT + cache->geometry.order); */
	/*@ ghost product_in_order(slab->page, 0x1000000, arena->words_a_page); */
	return slab->page < arena->opened &&
	       slab->bytes == 1u << (SLABPOOL_PAGE_SHIFT + cache->geometry.order) &&
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

/* An object of the cache starts there, is not free in its slab, and its state byte is 0. */
/*@ requires memory: \valid_read(cache) && arena_tables(cache->arena);
    requires slabs: named_whole(cache->arena);
    requires states: \valid_read(cache->arena->state + (0 .. cache->arena->open_granules - 1));
    requires inside: offset < arena_bytes(cache->arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures idle: \result ==> granule < cache->arena->open_granules &&
      cache->arena->state[granule] == STATE_NONE;
    ensures ours: \result ==>
      owner_named(cache->arena, offset / LOOKUP_PAGE_BYTES, (struct kmem_cache *)cache);
    ensures taken: \result ==> object_there(cache->arena,
      page_owner(cache->arena, offset / LOOKUP_PAGE_BYTES), offset);
*/
static bool is_held(const struct kmem_cache *cache, size_t offset, size_t granule)
{
	const struct arena *arena = cache->arena;
	uint32_t which = lookup_slab(arena, offset), index;

	if (granule >= arena->open_granules || arena->state[granule] != STATE_NONE ||
	    which == SLAB_NO_SLAB || (uintptr_t)arena->slab[which].owner != (uintptr_t)cache)
		return false;
	/*@ assert whole: run_whole((struct arena *)arena, which); */
	index = lookup_object(arena, which, offset);
	return index != SLAB_NO_OBJECT && !slab_is_free(&arena->slab[which], index) &&
	       lookup_start(arena, which, index) == offset;
}

/* Objects that no user may have: state byte 0, and not free in their slab. */
/*@ requires memory: \valid_read(cache) && arena_tables(cache->arena) && \valid(tally);
    requires opened: cache->arena->opened <= cache->arena->pages &&
      3 <= cache->arena->granule_shift <= 12;
    requires slabs: named_whole(cache->arena);
    requires states: \valid_read(cache->arena->state + (0 .. cache->arena->open_granules - 1));
    requires objects: \valid_read(objects + (0 .. n - 1));
    requires apart: \separated(tally, cache, cache->arena,
      cache->arena->page_map + (0 .. cache->arena->pages - 1),
      cache->arena->slab + (0 .. cache->arena->pages - 1));
    terminates always: \true;
    exits never: \false;
    assigns tally->held;
*/
SLABPOOL_ALONE
static bool held_are_valid(const struct kmem_cache *cache, void *const *objects, uint32_t n,
			   struct tally *tally)
{
	const struct arena *arena = cache->arena;
	uint32_t k;

	/*@ loop invariant range: 0 <= k <= n;
	    loop assigns k, tally->held;
	    loop variant n - k;
	*/
	for (k = 0; k < n; k++) {
		size_t offset = instance_distance(arena->address, (uintptr_t)objects[k]);

		if (offset / SLABPOOL_PAGE_SIZE >= arena->opened ||
		    !is_held(cache, offset, kmalloc_granule(arena, (uintptr_t)objects[k])))
			return false;
		tally->held ^= mark_of((uintptr_t)objects[k]);
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
/*@ requires arena: arena_open(arena);
    requires page: page < arena->opened;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> 0 < pages <= arena->opened - page &&
      run_kind(arena->state[first_granule((struct arena *)arena, page)]);
*/
SLABPOOL_ALONE
static bool run_is_valid(const struct arena *arena, uint32_t page, uint32_t pages)
{
	uint8_t state = slabpool_load_u8(&arena->state[pages_granule(arena, page)]);

	return pages > 0 && pages <= arena->opened - page && state >= STATE_RUN_KMALLOC &&
	       state <= STATE_RUN_VMALLOC;
}

/* Every open page is a slab's, a run's or nobody's, and the arena's counts say how many. */
/*@ requires arena: arena_open(arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures counts: \result ==> arena->used[0] + arena->used[1] <= arena->opened;
    ensures empty: \result && map_is_empty((struct arena *)arena) ==>
      arena->used[0] == 0 && arena->used[1] == 0;
    ensures full: \result && map_is_full((struct arena *)arena) ==>
      arena->used[0] + arena->used[1] == arena->opened;
*/
SLABPOOL_ALONE
static bool map_is_valid(const struct arena *arena)
{
	uint32_t page = 0, in_slabs = 0, in_runs = 0;

	/*@ loop invariant range: 0 <= page <= arena->opened;
	    loop invariant counts: in_slabs + in_runs <= page;
	    loop invariant empty: map_is_empty((struct arena *)arena) ==>
	      in_slabs == 0 && in_runs == 0;
	    loop invariant full: map_is_full((struct arena *)arena) ==> in_slabs + in_runs == page;
	    loop assigns page, in_slabs, in_runs;
	    loop variant arena->opened - page;
	*/
	while (page < arena->opened) {
		uint32_t owner = arena->page_map[page];

		if (owner >= PAGE_RUN) {
			if (!run_is_valid(arena, page, owner - PAGE_RUN))
				return false;
			in_runs += owner - PAGE_RUN;
			page += owner - PAGE_RUN;
			continue;
		}
		if (owner > arena->slab_count)
			return false;
		in_slabs += owner != PAGE_UNOWNED;
		page++;
	}
	return in_slabs == arena->used[ARENA_SLAB] && in_runs == arena->used[ARENA_RUN];
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
