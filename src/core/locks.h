/* SPDX-License-Identifier: MIT */
/* Taking and releasing the locks of guard.h. */
#ifndef SLABPOOL_CORE_LOCKS_H
#define SLABPOOL_CORE_LOCKS_H

#include "core/instance.h"
#include "core/sync.h"

SLABPOOL_LOCKS(instance_locks)
static inline void instance_lock(struct slabpool *pool)
{
	sync_lock(pool, &pool->lock);
}

SLABPOOL_UNLOCKS(instance_locks)
static inline void instance_unlock(struct slabpool *pool)
{
	sync_unlock(pool, &pool->lock);
}

/* An arena is made by one thread at a time. */
SLABPOOL_LOCKS(making_locks)
static inline void making_lock(struct slabpool *pool)
{
	sync_lock(pool, &pool->arena_lock);
}

SLABPOOL_UNLOCKS(making_locks)
static inline void making_unlock(struct slabpool *pool)
{
	sync_unlock(pool, &pool->arena_lock);
}

SLABPOOL_LOCKS(arena_locks)
static inline void arena_lock(struct slabpool *pool, struct arena *arena)
{
	sync_lock(pool, &arena->lock);
}

SLABPOOL_UNLOCKS(arena_locks)
static inline void arena_unlock(struct slabpool *pool, struct arena *arena)
{
	sync_unlock(pool, &arena->lock);
}

SLABPOOL_LOCKS(cache_locks)
static inline void cache_lock(struct kmem_cache *cache)
{
	sync_lock(cache->pool, &cache->lock);
}

SLABPOOL_UNLOCKS(cache_locks)
static inline void cache_unlock(struct kmem_cache *cache)
{
	sync_unlock(cache->pool, &cache->lock);
}

#endif
