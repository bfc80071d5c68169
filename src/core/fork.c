/* SPDX-License-Identifier: MIT */
/*
 * Fork: the child has one thread and a copy of everything.
 *
 * Before fork() all locks are taken, in the order in which they nest, and given back on both sides.
 * So whatever is done under a lock is whole in the child. What other threads did without a lock
 * is not: one may have been between taking an object out of its magazine and giving it to the
 * user, or in the middle of exchanging two magazines. The child therefore does not look at what
 * the vanished threads' magazines say, but searches the slabs:
 *
 *   not free in its slab, state byte 0, not in a magazine of this thread or of the depot
 *
 * is an object that no one has, and goes back. Objects that the vanished threads handed to their
 * users stay live, as all memory does over a fork.
 *
 * Pages likewise: a slab that is in no list, a run whose state byte is 0 and a page that is neither
 * owned nor free was on its way between a vanished thread and the arena, and goes back. But a slab
 * whose pages wait for a grace period stays where it is: this thread may be one of its readers.
 *
 * The search visits every object once, and only in a child whose parent had several threads. A
 * thread may have been at work before it had a record, or without one, so the caller says whether
 * there can have been any.
 *
 * Guarantee: in the child, free objects are in this thread's magazines, in the depot or in slabs.
 *
 * Locking: the child is alone.
 */
#include "core/instance.h"
#include "core/lookup.h"
#include "core/slabs.h"
#include "core/sync.h"
#include "core/thread.h"

SLABPOOL_ALONE
void slabpool_fork_prepare(struct slabpool *pool)
{
	struct kmem_cache *cache;
	uint32_t k;

	sync_lock(pool, &pool->lock);
	for (cache = pool->first; cache; cache = cache->next)
		sync_lock(pool, &cache->lock);
	for (k = 0; k < META_COUNT; k++)
		sync_lock(pool, &pool->meta[k].lock);
	sync_lock(pool, &pool->arena_lock);
	for (k = 0; k < INSTANCE_ARENAS; k++)
		if (pool->arena_made[k])
			sync_lock(pool, &pool->arena[k].lock);
}

SLABPOOL_ALONE
void slabpool_fork_parent(struct slabpool *pool)
{
	struct kmem_cache *cache;
	uint32_t k;

	for (k = 0; k < INSTANCE_ARENAS; k++)
		if (pool->arena_made[k])
			sync_unlock(pool, &pool->arena[k].lock);
	sync_unlock(pool, &pool->arena_lock);
	for (k = 0; k < META_COUNT; k++)
		sync_unlock(pool, &pool->meta[k].lock);
	for (cache = pool->first; cache; cache = cache->next)
		sync_unlock(pool, &cache->lock);
	sync_unlock(pool, &pool->lock);
}

/* Gives back what nobody has in one slab. */
SLABPOOL_ALONE
static void search_slab(struct kmem_cache *cache, uint32_t which)
{
	const struct arena *arena = cache->arena;
	const struct slab *slab = &arena->slab[which];
	uint32_t k;

	for (k = 0; k < slab->capacity; k++) {
		unsigned char *start = lookup_address(arena, which, k);
		size_t granule = (size_t)(start - arena->base) >> arena->granule_shift;
		void *object = start;

		if (!slab_is_free(slab, k) &&
		    slabpool_load_u8(&arena->state[granule]) == STATE_NONE)
			depot_give(cache, &object, 1);
	}
}

SLABPOOL_ALONE
static void search_cache(struct kmem_cache *cache)
{
	uint32_t list, which, next;

	thread_flush_own(cache);
	depot_flush(cache);
	for (list = LIST_PARTIAL_3; list <= LIST_FULL; list++) {
		for (which = cache->list[list]; which != SLAB_NO_SLAB; which = next) {
			next = cache->arena->slab[which].next;
			search_slab(cache, which);
		}
	}
}

/* True if the slab or run that owns this page belongs to nobody. */
static bool is_abandoned(const struct arena *arena, uint32_t page, uint32_t owner)
{
	size_t granule = ((size_t)page << SLABPOOL_PAGE_SHIFT) >> arena->granule_shift;

	if (owner >= PAGE_RUN)
		return slabpool_load_u8(&arena->state[granule]) == STATE_NONE;
	return owner != PAGE_UNOWNED && arena->slab[owner - 1].list == LIST_NONE &&
	       !(arena->slab[owner - 1].owner->flags & SLAB_TYPESAFE_BY_RCU);
}

SLABPOOL_ALONE
static void search_arena(struct slabpool *pool, struct arena *arena)
{
	uint32_t page = 0, pages;

	while (page < arena->opened) {
		uint32_t owner = slabpool_load_u32(&arena->page_map[page]);

		pages = owner >= PAGE_RUN ? owner - PAGE_RUN : 1;
		if (is_abandoned(arena, page, owner))
			arena_set_owner(arena, page, 1, PAGE_UNOWNED);
		page += pages;
	}
	arena_collect(pool, arena);
}

SLABPOOL_ALONE
void slabpool_fork_child(struct slabpool *pool, bool had_threads)
{
	struct kmem_cache *cache;
	uint32_t k;

	slabpool_fork_parent(pool);
	if (!thread_abandon_others(pool) && !had_threads)
		return;
	for (cache = pool->first; cache; cache = cache->next)
		search_cache(cache);
	for (k = 0; k < INSTANCE_ARENAS; k++)
		if (pool->arena_made[k])
			search_arena(pool, &pool->arena[k]);
}
