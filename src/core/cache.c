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
#include "core/cache.h"
#include "core/check.h"
#include "core/instance.h"
#include "core/lookup.h"
#include "core/memory.h"
#include "core/sync.h"
#include "core/thread.h"

/* Granule of an address in this cache's arena; beyond granules for anything else. */
static inline size_t granule_of(const struct kmem_cache *cache, const void *object)
{
	size_t offset = (uintptr_t)object - cache->address;
	uint32_t shift = cache->granule_shift;

	return offset >> shift | offset << (sizeof(size_t) * 8 - shift);
}

static inline void publish(const struct kmem_cache *cache, const void *object)
{
	slabpool_store_u8(&cache->state[granule_of(cache, object)], cache->tag);
}

static void *zero(struct kmem_cache *cache, void *object)
{
	struct slabpool *pool = cache->pool;

	if (cache->ctor && !pool->warned_ctor_zero) {
		struct slabpool_report report = {
			.kind = SLABPOOL_REPORT_CTOR_ZERO, .call = "kmem_cache_alloc",
			.cache = cache->name,
		};

		pool->warned_ctor_zero = true;
		check_report(pool, &report);
	}
	return memset(object, 0, cache->size);
}

bool cache_has_ctor(const struct kmem_cache *cache)
{
	return cache->ctor != NULL;
}

void *cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	struct thread_slot *slot = thread_slot(cache);
	void *object;

	if (SLABPOOL_UNLIKELY(slot->loaded.count == 0))
		return cache_alloc_slow(cache, gfp);
	object = magazine_pop(&slot->loaded);
	publish(cache, object);
	if (SLABPOOL_UNLIKELY((gfp | cache->gfp_or) & __GFP_ZERO))
		return zero(cache, object);
	return object;
}

/* An object out of the thread's magazines, the depot or the slabs. */
static void *take_object(struct kmem_cache *cache)
{
	struct thread_slot *slot = thread_slot_get(cache);

	if (!slot)
		return depot_alloc_one(cache);
	if (slot->loaded.count == 0) {
		if (slot->spare.count > 0)
			magazine_swap(&slot->loaded, &slot->spare);
		else if (!depot_refill(cache, slot))
			return NULL;
	}
	return magazine_pop(&slot->loaded);
}

static void event_alloc(struct kmem_cache *cache, gfp_t gfp, const void *object)
{
	struct slabpool_event event = {
		.kind = SLABPOOL_EVENT_CACHE_ALLOC, .owner = cache, .result = object,
		.flags = gfp, .size = cache->size,
	};

	if (cache->life == CACHE_LIVE)
		instance_event(cache->pool, &event);
}

static void report_dead(struct kmem_cache *cache, const char *call)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_BAD_CACHE, .call = call, .pointer = cache, .crime = true,
	};

	check_report(cache->pool, &report);
}

void *cache_alloc_slow(struct kmem_cache *cache, gfp_t gfp)
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
		sync_lock(cache->pool, &cache->lock);
		cache->failures++;
		sync_unlock(cache->pool, &cache->lock);
		check_no_memory(cache->pool, "kmem_cache_alloc", cache->name, cache->size, gfp);
		event_alloc(cache, gfp, NULL);
		return NULL;
	}
	publish(cache, object);
	if ((gfp | cache->gfp_or) & __GFP_ZERO)
		zero(cache, object);
	event_alloc(cache, gfp, object);
	return object;
}

/* The object is free: into a magazine, or straight to its slab. */
static SLABPOOL_COLD void push_slow(struct kmem_cache *cache, void *object)
{
	struct slabpool_event event = {
		.kind = SLABPOOL_EVENT_CACHE_FREE, .owner = cache, .object = object,
	};
	struct thread_slot *slot;

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
	magazine_push(&slot->loaded, object);
}

static inline void push(struct kmem_cache *cache, void *object)
{
	struct thread_slot *slot = thread_slot(cache);

	if (SLABPOOL_UNLIKELY(slot->loaded.count == slot->loaded.capacity))
		push_slow(cache, object);
	else
		magazine_push(&slot->loaded, object);
}

bool cache_free(struct kmem_cache *cache, void *object, const char *call)
{
	size_t granule = granule_of(cache, object);
	uint8_t *state;

	if (SLABPOOL_UNLIKELY(granule >= slabpool_load_size(cache->granules)))
		return cache_free_slow(cache, object, call);
	state = &cache->state[granule];
	if (SLABPOOL_UNLIKELY(slabpool_load_u8(state) != cache->fast_tag))
		return cache_free_slow(cache, object, call);
	slabpool_store_u8(state, STATE_NONE);
	push(cache, object);
	return true;
}

/* By page map and descriptor: p is the start of an object of this cache that is not in its slab. */
static bool confirmed(struct kmem_cache *cache, const void *object)
{
	const struct arena *arena = cache->arena;
	size_t offset = lookup_offset(arena, object);
	uint32_t which = lookup_slab(arena, offset), index;
	bool taken;

	if (which == SLAB_NO_SLAB || arena->slab[which].owner != cache)
		return false;
	index = lookup_object(arena, which, offset);
	if (index == SLAB_NO_OBJECT || lookup_address(arena, which, index) != object)
		return false;
	sync_lock(cache->pool, &cache->lock);
	taken = !slab_is_free(&arena->slab[which], index);
	sync_unlock(cache->pool, &cache->lock);
	return taken;
}

/* If object is a live object of this cache: it is no longer. */
static bool claim(struct kmem_cache *cache, const void *object)
{
	size_t granule = granule_of(cache, object);
	uint8_t *state;

	if (granule >= slabpool_load_size(cache->granules))
		return false;
	state = &cache->state[granule];
	if (slabpool_load_u8(state) != cache->tag)
		return false;
	if (cache->confirm && !confirmed(cache, object))
		return false;
	if (cache->pool->options.exact_double_free)
		return slabpool_exchange_u8(state, STATE_NONE) == cache->tag;
	slabpool_store_u8(state, STATE_NONE);
	return true;
}

bool cache_free_slow(struct kmem_cache *cache, void *object, const char *call)
{
	if (object == NULL)
		return true;
	if (cache->life == CACHE_DEAD) {
		report_dead(cache, call);
		return false;
	}
	if (!claim(cache, object)) {
		check_bad_free(cache->pool, call, cache, object);
		return false;
	}
	if (cache->zero_on_free)
		memset(object, 0, cache->size);
	push(cache, object);
	return true;
}

/* Zeroes only when all were got: what goes back must be as its constructor left it. */
int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t n, void **objects)
{
	size_t k;

	for (k = 0; k < n; k++) {
		objects[k] = cache_alloc(cache, gfp & ~__GFP_ZERO);
		if (SLABPOOL_UNLIKELY(!objects[k])) {
			cache_free_many(cache, k, objects, "kmem_cache_alloc_bulk");
			return 0;
		}
	}
	for (k = 0; k < n && (gfp & __GFP_ZERO); k++)
		zero(cache, objects[k]);
	return (int)n;
}

void cache_free_many(struct kmem_cache *cache, size_t n, void **objects, const char *call)
{
	size_t k;

	for (k = 0; k < n; k++)
		cache_free(cache, objects[k], call);
}

void cache_reap(struct kmem_cache *cache)
{
	if (cache->life != CACHE_META) {
		thread_flush_own(cache);
		depot_flush(cache);
		sync_lock(cache->pool, &cache->lock);
		slabpool_store_u32(&cache->epoch, cache->epoch + 1);
		sync_unlock(cache->pool, &cache->lock);
	}
	if (!(cache->flags & SLAB_TYPESAFE_BY_RCU))
		depot_trim(cache, 0, 0);
}

void *meta_alloc(struct slabpool *pool, unsigned int which)
{
	return depot_alloc_one(&pool->meta[which]);
}

void meta_free(struct slabpool *pool, unsigned int which, void *object)
{
	depot_free_one(&pool->meta[which], object);
}
