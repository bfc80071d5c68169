/* SPDX-License-Identifier: MIT */
/*
 * Cache: allocate and free, the two calls that everything else exists for.
 *
 * An object's life, with the state byte of its first granule in brackets:
 *
 *            1 take                2 alloc                  3 free
 *   slab ------------> magazine [0] -------> user [tag] -----------> magazine [0] ---> slab
 *
 * 2. cache_alloc: pop the thread's magazine, write the tag, return the address.
 * 3. cache_free: offset of the address in the arena, rotated by the granule's shift, so that low
 *    bits of an interior pointer become high bits and fail the same bounds check as a foreign
 *    pointer; the state byte there must be this cache's tag; clear it, push the magazine.
 *
 * Guarantee: cache_free(c, p) accepts p if and only if p is the start of a live object of c. All
 * other state bytes are 0 or another cache's tag, so a double free, an interior, foreign or
 * wrong-cache pointer is refused before anything is written, wherever the object is by then.
 * Where two caches share STATE_TAG_SHARED, and in caches with SLAB_CONSISTENCY_CHECKS, the fast
 * tag equals no state byte, and the slow path confirms by page map and descriptor.
 *
 * Neither path takes a lock or an atomic while the thread's magazine has an object or room.
 *
 * Two threads that free one object in the same instant: with the option exact_double_free the
 * state byte is exchanged atomically and one of them is refused; without it both may pass, with
 * a probability measured at 0.002 to 0.35 % a try.
 *
 * Observe: slabpool_cache_info(): refills, flushes and exchanges count the slow paths.
 */
#include "core/bulk.h"
#include "core/cache.h"
#include "core/check.h"
#include "core/instance.h"
#include "core/locks.h"
#include "core/lookup.h"
#include "core/memory.h"
#include "core/thread.h"
#include "../../proofs/logic/Claim.acsl"

_Static_assert(offsetof(struct kmem_cache, hot) == 0, "inline.h takes a cache for its hot part");

/* Once an instance. */
/*@ requires memory: \valid_read(cache) && \valid(cache->pool) && reports_known(cache->pool);
    requires apart: \separated(&cache->pool->warned_ctor_zero, cache, &cache->pool->platform,
      &cache->pool->options);
    terminates always: \true;
    exits ended: \true;
    assigns cache->pool->warned_ctor_zero;
    ensures once: cache->pool->warned_ctor_zero != 0;
*/
static SLABPOOL_COLD void warn_ctor_zero(struct kmem_cache *cache)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_CTOR_ZERO, .call = "kmem_cache_alloc",
		.cache = cache->name,
	};

	if (cache->pool->warned_ctor_zero)
		return;
	cache->pool->warned_ctor_zero = true;
	check_report(cache->pool, &report);
}

/*@ requires memory: \valid_read(cache) && \valid(cache->pool) && reports_known(cache->pool);
    requires apart: \separated(&cache->pool->warned_ctor_zero, cache, &cache->pool->platform,
      &cache->pool->options);
    requires object: \valid((char *)object + (0 .. cache->size - 1));
    terminates always: \true;
    exits ended: \true;
    assigns cache->pool->warned_ctor_zero, ((char *)object)[0 .. cache->size - 1];
    ensures same: \result == object;
    ensures zero: \forall integer k; 0 <= k < cache->size ==> ((char *)object)[k] == 0;
*/
static inline void *zero(struct kmem_cache *cache, void *object)
{
	if (SLABPOOL_UNLIKELY(cache->ctor != NULL))
		warn_ctor_zero(cache);
	memory_zero(object, cache->size);
	return object;
}

bool cache_has_ctor(const struct kmem_cache *cache)
{
	return cache->ctor != NULL;
}

/* An object out of the thread's magazines, the depot or the slabs. */
static void *take_object(struct kmem_cache *cache)
{
	struct slabpool_slot *slot = thread_slot_get(cache);

	if (!slot)
		return depot_alloc_one(cache);
	if (slot->loaded.count == 0) {
		if (slot->spare.count > 0)
			magazine_swap(&slot->loaded, &slot->spare);
		else if (!depot_refill(cache, slot))
			return NULL;
	}
	return slabpool_magazine_pop(&slot->loaded, slot->loaded.count - 1);
}

/*@ requires memory: \valid_read(cache) && \valid_read(cache->pool) && event_known(cache->pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
static void event_alloc(struct kmem_cache *cache, gfp_t gfp, const void *object)
{
	/* Through a number: WP's typed memory has no cast from a structure to untyped bytes. */
	uintptr_t owner = (uintptr_t)cache;
	struct slabpool_event event = {
		.kind = SLABPOOL_EVENT_CACHE_ALLOC, .owner = (const void *)owner,
		.result = object,
		.flags = gfp, .size = cache->size,
	};

	if (cache->life == CACHE_LIVE)
		instance_event(cache->pool, &event);
}

/*@ requires memory: \valid_read(cache) && \valid_read(cache->pool) && reports_known(cache->pool);
    terminates always: \true;
    exits ended: \true;
    assigns \nothing;
*/
static void report_dead(struct kmem_cache *cache, const char *call)
{
	/* Through a number: WP's typed memory has no cast from a structure to untyped bytes. */
	uintptr_t number = (uintptr_t)cache;
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_BAD_CACHE, .call = call,
		.pointer = (const void *)number, .crime = true,
	};

	check_report(cache->pool, &report);
}

/* The loaded magazine is empty, or there is none. */
static SLABPOOL_COLD void *alloc_from_depot(struct kmem_cache *cache, gfp_t gfp)
{
	void *object;

	if (cache->life == CACHE_DEAD) {
		report_dead(cache, "kmem_cache_alloc");
		return NULL;
	}
	object = take_object(cache);
	if (!object) {
		slabpool_reap(cache->pool);
		object = take_object(cache);
	}
	if (!object) {
		cache_lock(cache);
		cache->failures++;
		cache_unlock(cache);
		check_no_memory(cache->pool, "kmem_cache_alloc", cache->name, cache->size, gfp);
		event_alloc(cache, gfp, NULL);
		return NULL;
	}
	slabpool_store_u8(slabpool_state_at(cache->hot.state, cache->hot.state_of_0, object,
					    cache->hot.granule_shift), cache->hot.tag);
	if ((gfp | cache->gfp_or) & __GFP_ZERO)
		zero(cache, object);
	event_alloc(cache, gfp, object);
	return object;
}

void *cache_alloc_slow(struct kmem_cache *cache, gfp_t gfp)
{
	struct slabpool_magazine *m = &thread_slot(cache)->loaded;
	void *object;

	if (m->count == 0)
		return alloc_from_depot(cache, gfp);
	object = slabpool_hot_take(&cache->hot, m, m->count - 1);
	return (gfp | cache->gfp_or) & __GFP_ZERO ? zero(cache, object) : object;
}

void *cache_zalloc(struct kmem_cache *cache, gfp_t gfp)
{
	struct slabpool_magazine *m = &slabpool_slot_of(&cache->hot)->loaded;
	uint32_t count = m->count;

	if (SLABPOOL_UNLIKELY(count == 0))
		return cache_alloc_slow(cache, gfp | __GFP_ZERO);
	return zero(cache, slabpool_hot_take(&cache->hot, m, count - 1));
}

void *slabpool_alloc_slow(struct kmem_cache *cache, gfp_t gfp)
{
	return cache_alloc_slow(cache, gfp);
}

/* The object is free: into a magazine, or straight to its slab. */
static SLABPOOL_COLD void push_slow(struct kmem_cache *cache, void *object)
{
	struct slabpool_event event = {
		.kind = SLABPOOL_EVENT_CACHE_FREE, .owner = cache, .object = object,
	};
	struct slabpool_slot *slot;

	if (cache->life == CACHE_LIVE)
		instance_event(cache->pool, &event);
	slot = thread_slot_get(cache);
	if (!slot) {
		depot_free_one(cache, object);
		return;
	}
	if (slot->loaded.count == slot->loaded.capacity) {
		if (slot->spare.count > 0)
			depot_accept(cache, slot);
		magazine_swap(&slot->loaded, &slot->spare);
	}
	slabpool_magazine_push(&slot->loaded, slot->loaded.count, object);
}

static inline void push(struct kmem_cache *cache, void *object)
{
	struct slabpool_slot *slot = thread_slot(cache);

	if (SLABPOOL_UNLIKELY(slot->loaded.count == slot->loaded.capacity))
		push_slow(cache, object);
	else
		slabpool_magazine_push(&slot->loaded, slot->loaded.count, object);
}

/* By page map and descriptor: at this offset an object of this cache starts, and it is not in its
 * slab. */
/*@ requires cache: \valid_read(cache) && arena_tables(cache->arena);
    requires slabs: named_whole(cache->arena);
    requires inside: offset < arena_bytes(cache->arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> object_taken(cache, offset);
*/
SLABPOOL_UNDER(cache_locks)
static bool is_taken(struct kmem_cache *cache, size_t offset)
{
	const struct arena *arena = cache->arena;
	uint32_t which = lookup_slab(arena, offset), index;
	bool taken;

	/*@ assert owner: which == page_owner(arena, offset / LOOKUP_PAGE_BYTES); */
	if (which == SLAB_NO_SLAB || arena->slab[which].owner != cache)
		return false;
	/*@ assert whole: run_whole(arena, which); */
	index = lookup_object(arena, which, offset);
	/*@ assert holds: \forall integer i; taken_of_slab(arena, which, i, offset) ==>
	      object_holds(&arena->slab[which], i, offset - run_start(arena, which)); */
	if (index == SLAB_NO_OBJECT || lookup_start(arena, which, index) != offset) {
		/*@ assert none: \forall integer i; !taken_of_slab(arena, which, i, offset); */
		return false;
	}
	taken = !slab_is_free(&arena->slab[which], index);
	/*@ assert one: taken != 0 <==> taken_of_slab(arena, which, index, offset); */
	/*@ assert there: taken != 0 <==> taken_there(cache, which, offset); */
	return taken;
}

/*@ requires cache: cache_ready(cache) && cache_states(cache);
    requires apart: cache_tables_apart(cache);
    requires inside: offset < arena_bytes(cache->arena);
    terminates always: \true;
    exits never: \false;
    assigns cache->lock, CACHE_PROTECTED(cache), CACHE_PROTECTED_SLABS(cache);
    ensures exact: \result <==> object_taken(cache, offset);
    ensures hot: hot_kept{Pre, Post}(&cache->hot);
    ensures states: table_kept{Pre, Post}(\old(cache->hot.state));
    ensures setup: cache->confirm == \old(cache->confirm) && cache->pool == \old(cache->pool) &&
      cache->arena == \old(cache->arena) &&
      cache->arena->address == \old(cache->arena->address) &&
      cache->arena->open_granules == \old(cache->arena->open_granules);
    ensures still: cache_states(cache) && cache_tables_apart(cache);
*/
SLABPOOL_OUTSIDE(cache_locks)
static bool confirmed(struct kmem_cache *cache, size_t offset)
{
	bool taken;

	cache_lock(cache);
	taken = is_taken(cache, offset);
	cache_unlock(cache);
	return taken;
}

/* The state byte of a pointer's granule if it is the cache's tag, else NULL. */
/*@ requires cache: cache_states(cache);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result != \null <==> tag_at(cache, (void *)object);
    ensures byte: \result != \null ==>
      \result == cache->hot.state + granule(&cache->hot, (void *)object);
    ensures inside: \result != \null ==> cache->arena->address <= (uintptr_t)object &&
      (uintptr_t)object - cache->arena->address < arena_bytes(cache->arena);
*/
static uint8_t *tagged_byte(struct kmem_cache *cache, const void *object)
{
	/* All granules, while the fast path may know of fewer; and the tag, where it has none. */
	size_t granules = slabpool_load_size(&cache->arena->open_granules);
	size_t granule = slabpool_granule_of(&cache->hot, object);
	uint8_t *byte;

	if (granule >= granules)
		return NULL;
	/*@ assert start: starts_granule(&cache->hot, (void *)object); */
	/*@ assert granule: granule == granule(&cache->hot, (void *)object); */
	/*@ assert shifts: cache->hot.granule_shift == 3 || cache->hot.granule_shift == 4 ||
	      cache->hot.granule_shift == 5 || cache->hot.granule_shift == 6 ||
	      cache->hot.granule_shift == 7 || cache->hot.granule_shift == 8 ||
	      cache->hot.granule_shift == 9 || cache->hot.granule_shift == 10 ||
	      cache->hot.granule_shift == 11 || cache->hot.granule_shift == 12; */
	/*@ assert inside: (uintptr_t)object - cache->hot.address < arena_bytes(cache->arena); */
	byte = &cache->hot.state[granule];
	return slabpool_load_u8(byte) == cache->hot.tag ? byte : NULL;
}

/* Ends a life, once even if two threads try at the same moment, where this is asked for. */
/*@ requires memory: \valid(byte) && \valid_read(cache) && \valid_read(cache->pool);
    requires apart: \separated(byte, cache, &cache->pool->options);
    requires live: *byte == cache->hot.tag;
    terminates always: \true;
    exits never: \false;
    assigns *byte;
    ensures ended: \result && *byte == 0;
*/
static bool life_end(const struct kmem_cache *cache, uint8_t *byte)
{
	if (cache->pool->options.exact_double_free)
		return slabpool_exchange_u8(byte, STATE_NONE) == cache->hot.tag;
	return slabpool_state_clear(byte, cache->hot.tag);
}

/* If object is a live object of this cache: it is no longer. */
/*@ requires cache: cache_ready(cache) && cache_states(cache);
    requires apart: cache_tables_apart(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->hot.state[0 .. cache->arena->open_granules - 1],
      cache->lock, CACHE_PROTECTED(cache), CACHE_PROTECTED_SLABS(cache);
    ensures exact: \result <==> \old(tag_at(cache, (void *)object)) &&
      no_doubt{Post}(cache, \old((uintptr_t)object - cache->arena->address));
    ensures ended: \result ==>
      \at(cache->hot.state, Pre)[granule{Pre}(&cache->hot, (void *)object)] == 0;
    ensures others: table_kept_but{Pre, Post}(\old(cache->hot.state),
      granule{Pre}(&cache->hot, (void *)object));
    ensures refused: !\result ==> table_kept{Pre, Post}(\old(cache->hot.state));
*/
static bool claim(struct kmem_cache *cache, const void *object)
{
	uint8_t *byte;
	size_t offset;
	bool ended;

	byte = tagged_byte(cache, object);
	if (!byte)
		return false;
	/*@ assert apart: \separated(byte, cache, &cache->pool->options); */
	if (cache->confirm) {
		offset = (uintptr_t)object - cache->arena->address;
		if (!confirmed(cache, offset)) {
			/*@ assert doubt: !no_doubt(cache, offset); */
			/*@ assert same: table_kept{Pre, Here}(\at(cache->hot.state, Pre)); */
			return false;
		}
	}
	/*@ assert hot: hot_kept{Pre, Here}(&cache->hot); */
	/*@ assert kept: table_kept{Pre, Here}(\at(cache->hot.state, Pre)); */
	/*@ assert byte: byte ==
	      \at(cache->hot.state + granule(&cache->hot, (void *)object), Pre); */
	/*@ assert known: no_doubt(cache,
	      (uintptr_t)object - \at(cache->arena->address, Pre)); */
	ended = life_end(cache, byte);
	/*@ assert others: table_kept_but{Pre, Here}(\at(cache->hot.state, Pre),
	      \at(granule(&cache->hot, (void *)object), Pre)); */
	return ended;
}

/* What the fast path may know of the arena's table. */
/*@ requires memory: \valid(cache) && \valid_read(cache->arena);
    terminates always: \true;
    exits never: \false;
    assigns cache->hot.granules;
    ensures all: cache->hot.granules == \old(cache->arena->open_granules);
*/
static void granules_refresh(struct kmem_cache *cache)
{
	slabpool_store_size(&cache->hot.granules,
			    slabpool_load_size(&cache->arena->open_granules));
}

bool cache_free_slow(struct kmem_cache *cache, void *object, const char *call)
{
	if (object == NULL)
		return true;
	if (slabpool_hot_give(&cache->hot, &thread_slot(cache)->loaded, object))
		return true;
	if (cache->life == CACHE_DEAD) {
		report_dead(cache, call);
		return false;
	}
	if (SLABPOOL_CHECKS && !claim(cache, object)) {
		check_bad_free(cache->pool, call, cache, object);
		return false;
	}
	granules_refresh(cache);
	if (cache->zero_on_free)
		memory_zero(object, cache->size);
	push(cache, object);
	return true;
}

void slabpool_free_slow(struct kmem_cache *cache, void *object)
{
	cache_free_slow(cache, object, "kmem_cache_free");
}

/* Zeroes only when all were got: what goes back must be as its constructor left it. */
int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t n, void **objects)
{
	size_t got = 0, k;

	while (got < n) {
		got += bulk_take(&cache->hot, &thread_slot(cache)->loaded, objects + got, n - got);
		if (got == n)
			break;
		objects[got] = cache_alloc_slow(cache, gfp & ~__GFP_ZERO);
		if (SLABPOOL_UNLIKELY(!objects[got])) {
			cache_free_many(cache, got, objects, "kmem_cache_alloc_bulk");
			return 0;
		}
		got++;
	}
	for (k = 0; k < n && ((gfp | cache->gfp_or) & __GFP_ZERO); k++)
		zero(cache, objects[k]);
	return (int)n;
}

void cache_free_many(struct kmem_cache *cache, size_t n, void **objects, const char *call)
{
	size_t k = 0;

	while (k < n) {
		k += bulk_give(&cache->hot, &thread_slot(cache)->loaded, objects + k, n - k);
		if (k < n)
			cache_free_slow(cache, objects[k++], call);
	}
}

void cache_reap(struct kmem_cache *cache)
{
	if (cache->life != CACHE_META) {
		thread_flush_own(cache);
		depot_flush(cache);
		cache_lock(cache);
		slabpool_store_u32(&cache->epoch, cache->epoch + 1);
		cache_unlock(cache);
	}
	if (!(cache->flags & SLAB_TYPESAFE_BY_RCU))
		slabs_trim(cache, 0, 0);
}

void *meta_alloc(struct slabpool *pool, unsigned int which)
{
	return depot_alloc_one(&pool->meta[which]);
}

void meta_free(struct slabpool *pool, unsigned int which, void *object)
{
	depot_free_one(&pool->meta[which], object);
}
