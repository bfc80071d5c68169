/* SPDX-License-Identifier: MIT */
/*
 * Slabs: new ones for a cache, and old ones given back.
 *
 *   arena's pages --slabs_add--> LIST_EMPTY ... partial, full ... LIST_EMPTY --slabs_trim--> pages
 *
 * A slab without live or cached objects is kept, up to retain_kib a cache and for retain_ms; then
 * its run goes back to its arena, and its pages to the system. The slabs of a cache that is
 * destroyed leave their memory idle in the arena, for the next cache.
 *
 * Guarantee: a slab that goes has no live object, and none that a magazine or the depot holds; no
 * slab of a cache with SLAB_TYPESAFE_BY_RCU goes before a grace period.
 *
 * Locking: slabs are made, constructed and given back without the cache's lock; only for its lists
 * it is held.
 *
 * Observe: slabpool_cache_info(): grows, releases, slabs, empty_slabs.
 */
#include "core/slabs.h"
#include "core/locks.h"
#include "core/memory.h"

#include "../../proofs/logic/MultipleLemmas.acsl"
#include "../../proofs/logic/PowerLemmas.acsl"

/*@ requires memory: \valid_read(cache);
    requires order: cache->geometry.order <= GEOMETRY_MAX_ORDER;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bytes: \result == run_bytes(cache);
*/
static size_t slab_run_bytes(const struct kmem_cache *cache)
{
	uint32_t shift = SLABPOOL_PAGE_SHIFT + cache->geometry.order;

	/*@ ghost run_is_power(shift); */
	return (size_t)1 << shift;
}

uint32_t slabs_now(struct kmem_cache *cache)
{
	return (uint32_t)(sync_clock(cache->pool) / 1000 % ((uint64_t)UINT32_MAX + 1));
}

uint32_t slabs_retain(const struct kmem_cache *cache)
{
	return cache->pool->options.retain_ms / 1000 +
	       (cache->pool->options.retain_ms % 1000 != 0);
}

/* Most of what has to read zero is never touched: rather without memory than written. */
static void slab_wipe(struct kmem_cache *cache, uint32_t which)
{
	const struct slabpool_platform *platform = &cache->pool->platform;
	void *start = cache->arena->base +
		      ((size_t)cache->arena->slab[which].page << SLABPOOL_PAGE_SHIFT);

	if (platform->commit(platform->context, start, slab_run_bytes(cache), SLABPOOL_DISCARD))
		memset(start, 0, slab_run_bytes(cache));
}

static void construct_all(struct kmem_cache *cache, uint32_t which, bool fresh)
{
	uint32_t k;

	if (cache->zeroed && !fresh)
		slab_wipe(cache, which);
	if (!cache->ctor)
		return;
	for (k = 0; k < cache->geometry.capacity; k++)
		cache->ctor(lookup_address(cache->arena, which, k));
}

/* The colour for the next slab: bytes before its first object. */
/*@ requires memory: \valid(cache);
    requires geometry: cache_geometry(cache);
    requires next: cache->colour_next < cache->geometry.colours;
    terminates always: \true;
    exits never: \false;
    assigns cache->colour_next;
    ensures next: cache->colour_next < cache->geometry.colours;
    ensures step: cache->colour_next ==
      (\old(cache->colour_next) + 1) % cache->geometry.colours;
    ensures colour: \result == \old(cache->colour_next) * cache->geometry.colour_off;
    ensures fits: slab_sizes(cache->geometry.capacity, \result, cache->geometry.stride,
      run_bytes(cache));
*/
SLABPOOL_UNDER(cache_locks)
static uint32_t colour_step(struct kmem_cache *cache)
{
	uint32_t next = cache->colour_next;
	uint32_t colour;

	/*@ assert fits: slab_sizes(cache->geometry.capacity, next * cache->geometry.colour_off,
	      cache->geometry.stride, run_bytes(cache)); */
	/*@ ghost product_in_order(0, cache->geometry.capacity, cache->geometry.stride); */
	colour = next * cache->geometry.colour_off;
	cache->colour_next = (next + 1) % cache->geometry.colours;
	return colour;
}

static uint32_t next_colour(struct kmem_cache *cache)
{
	uint32_t colour;

	cache_lock(cache);
	colour = colour_step(cache);
	cache_unlock(cache);
	return colour;
}

bool slabs_add(struct kmem_cache *cache)
{
	struct arena *arena = cache->arena;
	uint32_t pages = 1u << cache->geometry.order, page, which;
	struct slab *slab;
	bool fresh;

	page = arena_alloc_run(cache->pool, arena, pages, ARENA_SLAB, &fresh);
	if (page == ARENA_NO_PAGE)
		return false;
	which = arena_slab_new(cache->pool, arena);
	if (which == SLAB_NO_SLAB) {
		arena_free_run(cache->pool, arena, page, pages, ARENA_SLAB, false);
		return false;
	}
	slab = &arena->slab[which];
	slab_init(slab, arena->bits + (size_t)page * arena->words_a_page, cache->geometry.capacity,
		  next_colour(cache), cache->geometry.stride, (uint32_t)slab_run_bytes(cache));
	slab->owner = cache;
	slabpool_store_u32(&slab->cache, cache->id);
	slab->page = page;
	slab->list = LIST_NONE;
	slab->stamp = slabs_now(cache);
	arena_set_owner(arena, page, pages, which + 1);
	construct_all(cache, which, fresh);
	cache_lock(cache);
	shelf_file(cache, which);
	cache->free_objects += cache->geometry.capacity;
	cache->grows++;
	cache_unlock(cache);
	return true;
}

/* Gives a slab that is in no list back to its arena; idle: its memory may stay there. */
static void slab_release(struct kmem_cache *cache, uint32_t which, bool idle)
{
	struct arena *arena = cache->arena;
	uint32_t page = arena->slab[which].page, pages = 1u << cache->geometry.order;

	arena_set_owner(arena, page, pages, PAGE_UNOWNED);
	arena_slab_free(cache->pool, arena, which);
	arena_free_run(cache->pool, arena, page, pages, ARENA_SLAB, idle);
}

/* From one time to a later one; the clock of seconds may have passed its end between them. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures seconds: \result == seconds_between(then, now);
*/
static uint32_t age_of(uint32_t then, uint32_t now)
{
	return now >= then ? now - then : UINT32_MAX - then + now + 1;
}

/* True if the oldest empty slab is to go. */
/*@ requires memory: shelf_memory(cache);
    requires order: cache->geometry.order <= GEOMETRY_MAX_ORDER;
    requires oldest: cache->empty_last == SLAB_NO_SLAB || on_shelf(cache, cache->empty_last);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures none: \result ==> cache->empty_last != SLAB_NO_SLAB;
    ensures many: cache->empty_last != SLAB_NO_SLAB &&
      cache->empty_slabs > keep_bytes / run_bytes(cache) ==> \result;
    ensures old: cache->empty_last != SLAB_NO_SLAB &&
      seconds_between(cache->arena->slab[cache->empty_last].stamp, now) >= max_age ==> \result;
    ensures neither: cache->empty_last != SLAB_NO_SLAB &&
      cache->empty_slabs <= keep_bytes / run_bytes(cache) &&
      seconds_between(cache->arena->slab[cache->empty_last].stamp, now) < max_age ==> !\result;
*/
SLABPOOL_UNDER(cache_locks)
static bool oldest_is_due(struct kmem_cache *cache, size_t keep_bytes, uint32_t max_age,
			  uint32_t now)
{
	uint32_t oldest = cache->empty_last;

	if (oldest == SLAB_NO_SLAB)
		return false;
	if (cache->empty_slabs > keep_bytes / slab_run_bytes(cache))
		return true;
	return age_of(cache->arena->slab[oldest].stamp, now) >= max_age;
}

/* Takes the slabs that are to go out of the lists: a chain by their next field. */
static uint32_t detach_due(struct kmem_cache *cache, size_t keep_bytes, uint32_t max_age)
{
	uint32_t chain = SLAB_NO_SLAB, which, now;

	cache_lock(cache);
	now = slabs_now(cache);
	while (oldest_is_due(cache, keep_bytes, max_age, now)) {
		which = cache->empty_last;
		shelf_remove(cache, which);
		cache->arena->slab[which].next = chain;
		cache->free_objects -= cache->geometry.capacity;
		cache->releases++;
		chain = which;
	}
	cache_unlock(cache);
	return chain;
}

static void chain_release(struct kmem_cache *cache, uint32_t chain, bool idle)
{
	uint32_t next;

	if (chain != SLAB_NO_SLAB && (cache->flags & SLAB_TYPESAFE_BY_RCU) &&
	    cache->pool->options.rcu_synchronize)
		cache->pool->options.rcu_synchronize();
	for (; chain != SLAB_NO_SLAB; chain = next) {
		next = cache->arena->slab[chain].next;
		slab_release(cache, chain, idle);
	}
}

void slabs_trim(struct kmem_cache *cache, size_t keep_bytes, uint32_t max_age)
{
	chain_release(cache, detach_due(cache, keep_bytes, max_age), false);
}

void slabs_close(struct kmem_cache *cache)
{
	chain_release(cache, detach_due(cache, 0, 0), true);
}

void slabs_trim_default(struct kmem_cache *cache)
{
	size_t kib = slabpool_load_u32(&cache->pool->retain_kib);

	/* A free must not wait for a grace period. */
	if (cache->flags & SLAB_TYPESAFE_BY_RCU)
		return;
	slabs_trim(cache, kib > SIZE_MAX / 1024 ? SIZE_MAX : kib * 1024,
		   slabs_retain(cache));
}
