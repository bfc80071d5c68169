/* SPDX-License-Identifier: MIT */
/*
 * Locks: an instance's, an arena's, the one for making arenas, a cache's. In the proof they are
 * monitors: whatever a lock protects may have changed when it is taken, and its invariant holds; it
 * has to hold when the lock is given back (proofs/SOUNDNESS.md).
 */
#include "core/locks.h"

void instance_lock(struct slabpool *pool)
{
	sync_lock(pool, &pool->lock);
}

void instance_unlock(struct slabpool *pool)
{
	sync_unlock(pool, &pool->lock);
}

void making_lock(struct slabpool *pool)
{
	sync_lock(pool, &pool->arena_lock);
}

void making_unlock(struct slabpool *pool)
{
	sync_unlock(pool, &pool->arena_lock);
}

void arena_lock(struct slabpool *pool, struct arena *arena)
	/*@ ghost (uint32_t page, uint32_t pages, uint32_t use) */
{
	sync_lock(pool, &arena->lock);
}

void descriptors_lock(struct slabpool *pool, struct arena *arena)
{
	sync_lock(pool, &arena->lock);
}

void arena_unlock(struct slabpool *pool, struct arena *arena)
{
	sync_unlock(pool, &arena->lock);
}

void cache_lock(struct kmem_cache *cache)
{
	sync_lock(cache->pool, &cache->lock);
}

void cache_unlock(struct kmem_cache *cache)
{
	sync_unlock(cache->pool, &cache->lock);
}
