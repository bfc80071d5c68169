/* SPDX-License-Identifier: MIT */
/*
 * Stats: what can be known about caches and memory, and the limits that can be tuned.
 *
 * Nothing is counted on the fast path. Objects with the user are what is left of all objects
 * when those in magazines, depot and slabs are taken away, so the four always add up:
 *
 *   total_objects = active_objects + magazine_objects + depot_objects + slab_objects
 *
 * Locking: the instance's lock (for the threads' magazines), then the cache's. Magazines of running
 * threads are read while they change; the counts are exact when no other thread uses the cache. If
 * one moves objects between its magazines meanwhile, they may be seen twice: what the magazines are
 * said to hold is never more than what is neither in depot nor slabs.
 */
#include "core/check.h"
#include "core/instance.h"
#include "core/locks.h"
#include "core/thread.h"

#include "../../proofs/logic/MultipleLemmas.acsl"
#include "../../proofs/logic/PowerLemmas.acsl"
#include "../../proofs/logic/Stats.acsl"

/* Bytes of a slab. */
/*@ requires order: order <= GEOMETRY_MAX_ORDER;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bytes: \result == two(SLABPOOL_PAGE_SHIFT + order);
    ensures range: 1 <= \result <= SLAB_MAX_BYTES;
*/
static uint32_t run_bytes_of(uint32_t order)
{
	/*@ ghost run_is_power(SLABPOOL_PAGE_SHIFT + order); */
	return 1u << (SLABPOOL_PAGE_SHIFT + order);
}

/*@ requires memory: \valid_read(geometry);
    requires order: geometry->order <= GEOMETRY_MAX_ORDER;
    requires granule: 0 < geometry->granule;
    requires capacity: geometry->capacity <= SLAB_MAX_OBJECTS;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bytes: \result ==
            metadata_of(geometry->order, geometry->granule, geometry->capacity);
*/
static size_t metadata_bytes(const struct geometry *geometry)
{
	uint32_t granules = run_bytes_of(geometry->order) / geometry->granule;
	uint32_t words = (geometry->capacity + 63) / 64, pages;

	/*@ ghost run_is_power(geometry->order); */
	pages = 1u << geometry->order;
	return granules + words * sizeof(uint64_t) + pages * sizeof(uint32_t) +
	       sizeof(struct slab);
}

/*@ requires memory: \valid_read(cache) && \valid(info) && \separated(cache, info);
    requires order: cache->geometry.order <= GEOMETRY_MAX_ORDER;
    requires granule: 0 < cache->geometry.granule;
    requires capacity: cache->geometry.capacity <= SLAB_MAX_OBJECTS;
    terminates always: \true;
    exits never: \false;
    assigns info->size, info->stride, info->align, info->num, info->gfporder, info->colour,
      info->colour_off, info->metadata_bytes;
    ensures object: info->size == cache->size && info->stride == cache->geometry.stride &&
            info->align == cache->geometry.align;
    ensures slab: info->num == cache->geometry.capacity &&
            info->gfporder == cache->geometry.order;
    ensures colours: info->colour == cache->geometry.colours &&
            info->colour_off == cache->geometry.colour_off;
    ensures metadata: info->metadata_bytes ==
            metadata_of(cache->geometry.order, cache->geometry.granule,
                        cache->geometry.capacity);
*/
static void info_of_geometry(const struct kmem_cache *cache, struct slabpool_cache_info *info)
{
	const struct geometry *geometry = &cache->geometry;

	info->metadata_bytes = metadata_bytes(geometry);
	info->size = cache->size;
	info->stride = geometry->stride;
	info->align = geometry->align;
	info->num = geometry->capacity;
	info->gfporder = geometry->order;
	info->colour = geometry->colours;
	info->colour_off = geometry->colour_off;
}

/* Where all objects are: with the user is what is nowhere else. */
/*@ requires memory: \valid_read(cache) && \valid(info) && \separated(cache, info);
    requires counts: counts_ok((struct kmem_cache *)cache);
    terminates always: \true;
    exits never: \false;
    assigns info->total_objects, info->magazine_objects, info->depot_objects,
      info->slab_objects, info->active_objects;
    ensures total: info->total_objects == cache->slabs * cache->geometry.capacity;
    ensures depot: info->depot_objects == cache->depot_objects;
    ensures free: info->slab_objects == cache->free_objects;
    ensures held: info->magazine_objects == held_of((struct kmem_cache *)cache, held);
    ensures conserved: objects_add_up(info);
*/
SLABPOOL_UNDER(cache_locks)
static void info_of_objects(const struct kmem_cache *cache, size_t held,
			    struct slabpool_cache_info *info)
{
	size_t total = (size_t)cache->slabs * cache->geometry.capacity;
	size_t rest = total - cache->depot_objects - cache->free_objects;

	if (held > rest)
		held = rest;
	info->total_objects = total;
	info->depot_objects = cache->depot_objects;
	info->slab_objects = cache->free_objects;
	info->magazine_objects = held;
	info->active_objects = rest - held;
}

/*@ requires memory: \valid_read(cache) && \valid(info) && \separated(cache, info);
    requires counts: counts_ok((struct kmem_cache *)cache) &&
             bytes_ok((struct kmem_cache *)cache);
    terminates always: \true;
    exits never: \false;
    assigns info->slabs, info->full_slabs, info->empty_slabs, info->partial_slabs,
      info->slab_bytes;
    ensures slabs: info->slabs == cache->slabs && info->full_slabs == cache->full_slabs &&
            info->empty_slabs == cache->empty_slabs;
    ensures conserved: slabs_add_up(info);
    ensures bytes: info->slab_bytes ==
            cache->slabs * two(SLABPOOL_PAGE_SHIFT + cache->geometry.order);
*/
SLABPOOL_UNDER(cache_locks)
static void info_of_slabs(const struct kmem_cache *cache, struct slabpool_cache_info *info)
{
	info->slabs = cache->slabs;
	info->full_slabs = cache->full_slabs;
	info->empty_slabs = cache->empty_slabs;
	info->partial_slabs = info->slabs - info->full_slabs - info->empty_slabs;
	info->slab_bytes = info->slabs * run_bytes_of(cache->geometry.order);
}

/*@ requires memory: \valid_read(cache) && \valid(info) && \separated(cache, info);
    terminates always: \true;
    exits never: \false;
    assigns info->refills, info->flushes, info->exchanges, info->grows, info->releases,
      info->failures;
    ensures magazines: info->refills == cache->refills && info->flushes == cache->flushes &&
            info->exchanges == cache->exchanges;
    ensures slabs: info->grows == cache->grows && info->releases == cache->releases &&
            info->failures == cache->failures;
*/
SLABPOOL_UNDER(cache_locks)
static void info_of_events(const struct kmem_cache *cache, struct slabpool_cache_info *info)
{
	info->refills = cache->refills;
	info->flushes = cache->flushes;
	info->exchanges = cache->exchanges;
	info->grows = cache->grows;
	info->releases = cache->releases;
	info->failures = cache->failures;
}

/*@ requires memory: \valid_read(cache) && \valid(info) && \separated(cache, info);
    terminates always: \true;
    exits never: \false;
    assigns info->name, info->flags, info->limit, info->batchcount, info->shared,
      info->colour_next, info->aliases, info->useroffset, info->usersize;
    ensures asked: info->name == cache->name && info->flags == cache->flags &&
            info->useroffset == cache->useroffset && info->usersize == cache->usersize;
    ensures limits: info->limit == cache->limit && info->batchcount == cache->batchcount &&
            info->shared == cache->shared;
    ensures now: info->colour_next == cache->colour_next && info->aliases == cache->aliases;
*/
SLABPOOL_ALONE
static void info_of_setting(const struct kmem_cache *cache, struct slabpool_cache_info *info)
{
	info->name = cache->name;
	info->flags = cache->flags;
	info->limit = cache->limit;
	info->batchcount = cache->batchcount;
	info->shared = cache->shared;
	info->colour_next = cache->colour_next;
	info->aliases = cache->aliases;
	info->useroffset = cache->useroffset;
	info->usersize = cache->usersize;
}

int slabpool_cache_info(struct kmem_cache *cache, struct slabpool_cache_info *info)
{
	static const struct slabpool_cache_info nothing;

	if (!cache || !info)
		return -22; /* -EINVAL */
	*info = nothing;
	instance_lock(cache->pool);
	if (cache->life == CACHE_DEAD) {
		instance_unlock(cache->pool);
		return -22; /* -EINVAL */
	}
	cache_lock(cache);
	info_of_setting(cache, info);
	info_of_geometry(cache, info);
	info_of_objects(cache, thread_held(cache), info);
	info_of_slabs(cache, info);
	info_of_events(cache, info);
	cache_unlock(cache);
	instance_unlock(cache->pool);
	return 0;
}

int slabpool_for_each_cache(struct slabpool *pool,
			    int (*visit)(struct kmem_cache *cache, void *context), void *context)
{
	struct kmem_cache *cache, *next;
	int result = 0;

	instance_lock(pool);
	cache = pool->first;
	instance_unlock(pool);
	while (cache && result == 0) {
		result = visit(cache, context);
		instance_lock(pool);
		next = cache->next;
		instance_unlock(pool);
		cache = next;
	}
	return result;
}

/* What a cache may be tuned to. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> 1 <= batchcount <= limit <= MAGAZINE_MAX && shared <= 65536;
*/
static bool limits_are_sane(unsigned int limit, unsigned int batchcount, unsigned int shared)
{
	return batchcount >= 1 && batchcount <= limit && limit <= MAGAZINE_MAX && shared <= 65536;
}

int slabpool_cache_tune(struct kmem_cache *cache, unsigned int limit, unsigned int batchcount,
			unsigned int shared)
{
	if (!cache || cache->life == CACHE_DEAD || !limits_are_sane(limit, batchcount, shared))
		return -22; /* -EINVAL */
	thread_flush_own(cache);
	depot_flush(cache);
	cache_lock(cache);
	slabpool_store_u32(&cache->first, limit);
	slabpool_store_u32(&cache->limit, limit);
	cache->batchcount = batchcount;
	cache->shared = shared;
	slabpool_store_u32(&cache->epoch, cache->epoch + 1);
	cache_unlock(cache);
	return 0;
}

/*@ requires range: pages <= SIZE_MAX / 4096;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bytes: \result == pages * 4096;
*/
static size_t bytes_of(uint32_t pages)
{
	return pages * SLABPOOL_PAGE_SIZE;
}

static size_t bytes_of_slabs(struct kmem_cache *cache)
{
	size_t slabs;

	cache_lock(cache);
	slabs = cache->slabs;
	cache_unlock(cache);
	return slabs * run_bytes_of(cache->geometry.order);
}

void slabpool_memory_info(struct slabpool *pool, struct slabpool_memory_info *info)
{
	static const struct slabpool_memory_info nothing;
	struct kmem_cache *cache;
	uint32_t k;

	*info = nothing;
	info->reserved = pool->bytes;
	for (k = 0; k < INSTANCE_ARENAS; k++) {
		struct arena *arena = &pool->arena[k];

		if (!slabpool_acquire_u8(&pool->arena_made[k]))
			continue;
		arena_lock(pool, arena) /*@ ghost (0, 0, 0) */;
		info->reserved += arena->reserved;
		info->opened += bytes_of(arena->opened);
		info->slabs += bytes_of(arena->used[ARENA_SLAB]);
		info->runs += bytes_of(arena->used[ARENA_RUN]);
		info->idle += bytes_of(arena->idle_pages);
		arena_unlock(pool, arena);
	}
	instance_lock(pool);
	for (cache = pool->first; cache; cache = cache->next)
		if (cache->flags & SLAB_RECLAIM_ACCOUNT)
			info->reclaimable += bytes_of_slabs(cache);
	instance_unlock(pool);
	for (k = 0; k < META_COUNT; k++)
		info->metadata += bytes_of_slabs(&pool->meta[k]);
	info->slabs -= info->metadata;
}
