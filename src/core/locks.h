/* SPDX-License-Identifier: MIT */
/* Taking and releasing the locks of guard.h. */
#ifndef SLABPOOL_CORE_LOCKS_H
#define SLABPOOL_CORE_LOCKS_H

#include "core/instance.h"
#include "core/slabs.h"
#include "core/sync.h"

/* The instance's lists may have changed. An empty list has no end. */
/*@ predicate list_ends{L}(struct slabpool *pool) =
      (pool->first == \null <==> pool->last == \null) && pool->next_id <= 8192;
*/
/*@ requires memory: \valid(pool) && platform_ok(&pool->platform);
    terminates always: \true;
    exits never: \false;
    assigns pool->lock, pool->first, pool->last, pool->retired, pool->retired_last,
      pool->retired_count, pool->next_id, pool->threads, pool->home_users[0 .. 15];
    ensures invariant: list_ends(pool);
*/
SLABPOOL_LOCKS(instance_locks)
void instance_lock(struct slabpool *pool);
/*@ requires memory: \valid(pool) && platform_ok(&pool->platform);
    requires invariant: list_ends(pool);
    terminates always: \true;
    exits never: \false;
    assigns pool->lock;
*/
SLABPOOL_UNLOCKS(instance_locks)
void instance_unlock(struct slabpool *pool);

/* An arena is made by one thread at a time. */
/*@ requires memory: \valid(pool) && platform_pages(pool);
    terminates always: \true;
    exits never: \false;
    assigns pool->arena_lock;
*/
SLABPOOL_LOCKS(making_locks)
void making_lock(struct slabpool *pool);
/*@ requires memory: \valid(pool) && platform_pages(pool);
    terminates always: \true;
    exits never: \false;
    assigns pool->arena_lock;
*/
SLABPOOL_UNLOCKS(making_locks)
void making_unlock(struct slabpool *pool);

/* An arena's lock, for its pages: what it protects of them may have changed. Of the run that the
 * thread names as its own, which it is about to give back, it keeps hold. */
/*@ requires memory: \valid(pool) && platform_pages(pool) && arena_ready(arena);
    requires own: pages != 0 ==> run_inside(arena, page, pages) && use <= 1;
    terminates always: \true;
    exits never: \false;
    assigns arena->lock, arena->opened, arena->open_granules,
      arena->free_run[0 .. ARENA_ORDERS - 1], arena->idle_pages, arena->used[0 .. 1],
      arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1];
    ensures invariant: arena_ready(arena);
    ensures grown: arena->opened >= \old(arena->opened);
    ensures own: pages != 0 ==> run_owned(arena, page, pages, use);
*/
SLABPOOL_LOCKS(arena_locks)
void arena_lock(struct slabpool *pool, struct arena *arena)
	/*@ ghost (uint32_t page, uint32_t pages, uint32_t use) */;
/* The same lock, for the slab descriptors. Those in use stay with who uses them. */
/*@ requires memory: \valid(pool) && platform_pages(pool) && arena_ready(arena);
    terminates always: \true;
    exits never: \false;
    assigns arena->lock, arena->slab_count, arena->slab_free,
      arena->slab[0 .. arena->pages - 1].next, arena->slab[0 .. arena->pages - 1].cache;
    ensures invariant: arena_ready(arena);
    ensures used: descriptors_kept{Pre, Post}(arena);
*/
SLABPOOL_LOCKS(arena_locks)
void descriptors_lock(struct slabpool *pool, struct arena *arena);
/*@ requires memory: \valid(pool) && platform_pages(pool) && arena_ready(arena);
    terminates always: \true;
    exits never: \false;
    assigns arena->lock;
*/
SLABPOOL_UNLOCKS(arena_locks)
void arena_unlock(struct slabpool *pool, struct arena *arena);

/* A cache's lock: its slabs and all else that it protects may have changed. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->lock, CACHE_PROTECTED(cache), CACHE_PROTECTED_SLABS(cache);
    ensures ready: cache_ready(cache);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures invariant: cache_steady(cache);
*/
SLABPOOL_LOCKS(cache_locks)
void cache_lock(struct kmem_cache *cache);
/*@ requires cache: cache_ready(cache);
    requires invariant: cache_steady(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->lock;
*/
SLABPOOL_UNLOCKS(cache_locks)
void cache_unlock(struct kmem_cache *cache);

#endif
