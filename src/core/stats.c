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
 * threads are read while they change; the counts are exact when no other thread uses the cache.
 */
#include "core/check.h"
#include "core/instance.h"
#include "core/locks.h"
#include "core/thread.h"

static void info_of_geometry(const struct kmem_cache *cache, struct slabpool_cache_info *info)
{
	const struct geometry *geometry = &cache->geometry;
	size_t granules = (SLABPOOL_PAGE_SIZE << geometry->order) / geometry->granule;

	info->size = cache->size;
	info->stride = geometry->stride;
	info->align = geometry->align;
	info->num = geometry->capacity;
	info->gfporder = geometry->order;
	info->colour = geometry->colours;
	info->colour_off = geometry->colour_off;
	info->metadata_bytes = granules + (geometry->capacity + 63) / 64 * sizeof(uint64_t) +
			       (sizeof(uint32_t) << geometry->order) + sizeof(struct slab);
}

SLABPOOL_UNDER(cache_locks)
static void info_of_counts(const struct kmem_cache *cache, size_t held,
			   struct slabpool_cache_info *info)
{
	info->slabs = cache->slabs;
	info->full_slabs = cache->full_slabs;
	info->empty_slabs = cache->empty_slabs;
	info->partial_slabs = info->slabs - info->full_slabs - info->empty_slabs;
	info->slab_bytes = info->slabs * (SLABPOOL_PAGE_SIZE << cache->geometry.order);
	info->total_objects = info->slabs * cache->geometry.capacity;
	info->magazine_objects = held;
	info->depot_objects = cache->depot_objects;
	info->slab_objects = cache->free_objects;
	info->active_objects = info->total_objects - held - cache->depot_objects -
			       cache->free_objects;
	info->refills = cache->refills;
	info->flushes = cache->flushes;
	info->exchanges = cache->exchanges;
	info->grows = cache->grows;
	info->releases = cache->releases;
	info->failures = cache->failures;
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
	info->name = cache->name;
	info->flags = cache->flags;
	info->limit = cache->limit;
	info->batchcount = cache->batchcount;
	info->shared = cache->shared;
	info->colour_next = cache->colour_next;
	info->aliases = cache->aliases;
	info->useroffset = cache->useroffset;
	info->usersize = cache->usersize;
	info_of_geometry(cache, info);
	info_of_counts(cache, thread_held(cache), info);
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

int slabpool_cache_tune(struct kmem_cache *cache, unsigned int limit, unsigned int batchcount,
			unsigned int shared)
{
	if (!cache || cache->life == CACHE_DEAD || batchcount < 1 || batchcount > limit ||
	    limit > MAGAZINE_MAX || shared > 65536)
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

static size_t bytes_of(uint32_t pages)
{
	return (size_t)pages << SLABPOOL_PAGE_SHIFT;
}

static size_t slab_bytes(struct kmem_cache *cache)
{
	size_t slabs;

	cache_lock(cache);
	slabs = cache->slabs;
	cache_unlock(cache);
	return slabs * (SLABPOOL_PAGE_SIZE << cache->geometry.order);
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
			info->reclaimable += slab_bytes(cache);
	instance_unlock(pool);
	for (k = 0; k < META_COUNT; k++)
		info->metadata += slab_bytes(&pool->meta[k]);
	info->slabs -= info->metadata;
}
