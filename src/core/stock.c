/* SPDX-License-Identifier: MIT */
/*
 * Stock: the lists of a depot, and their counts.
 *
 *   home[0].full -> store -> store         count, low
 *   home[1].full -> store                  count, low       full_count: the sum of the counts
 *   ...
 *   old -> store -> store                  old_count
 *   spare -> store                         spare_count      empty, of the cache's limit
 *
 * Guarantee, proved by the contracts in stock.h, with n the objects in the store that moves:
 *
 *   moves                     home's count, full_count   old_count   spare_count   depot_objects
 *   stock_full_put            + 1                                                  + n
 *   stock_full_get            - 1                                                  with the caller
 *   stock_old_get                                        - 1                       with the caller
 *   stock_spare_put                                                  + 1
 *   stock_spare_get                                                  - 1
 *   stock_retire (m of them)  - m                        + m
 *
 * A store that is put is its list's first, with the former first behind it; one that is got was the
 * first, and is in no list. full_count is the sum of the homes' counts, before and after; no home's
 * low is above its count. What is refused, or not there, changes nothing.
 *
 * A list ends where its count says, too: a count that were wrong would lose stores, and not follow
 * a pointer that is none.
 *
 * Locking: the cache's lock.
 */
#include "core/stock.h"

/* Empty stores that a cache keeps. */
#define SPARES 64u

bool stock_spare_put(struct kmem_cache *cache, struct slabpool_store *store)
{
	if (store->capacity != cache->limit || cache->spare_count >= SPARES)
		return false;
	magazine_list_push(&cache->spare, store);
	cache->spare_count++;
	return true;
}

struct slabpool_store *stock_spare_get(struct kmem_cache *cache)
{
	struct slabpool_store *store = NULL;

	if (cache->spare_count && cache->spare)
		store = magazine_list_pop(&cache->spare);
	if (store)
		cache->spare_count--;
	return store;
}

/*@ requires memory: \valid(cache);
    requires range: home < DEPOT_HOMES;
    requires some: cache->home[home].count > 0;
    requires counted: homes_counted(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->home[home].count, cache->home[home].low, cache->full_count;
    ensures count: cache->home[home].count == \old(cache->home[home].count) - 1;
    ensures full_count: cache->full_count == \old(cache->full_count) - 1;
    ensures counted: homes_counted(cache);
*/
SLABPOOL_UNDER(cache_locks)
static void count_less(struct kmem_cache *cache, uint32_t home)
{
	struct depot_home *h = &cache->home[home];

	/*@ assert one: one_home(home); */
	/*@ assert part: h->count <= homes_sum(cache); */
	h->low = h->low < h->count ? h->low : h->count - 1;
	h->count--;
	cache->full_count--;
	/*@ assert less: homes_changed{Pre, Here}(cache, home, -1); */
	/*@ assert sum: homes_sum(cache) == homes_sum{Pre}(cache) - 1; */
	/*@ assert low: homes_low(cache); */
}

/*@ requires memory: \valid(cache);
    requires range: home < DEPOT_HOMES;
    requires room: cache->full_count < UINT32_MAX;
    requires counted: homes_counted(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->home[home].count, cache->full_count;
    ensures count: cache->home[home].count == \old(cache->home[home].count) + 1;
    ensures full_count: cache->full_count == \old(cache->full_count) + 1;
    ensures counted: homes_counted(cache);
*/
SLABPOOL_UNDER(cache_locks)
static void count_more(struct kmem_cache *cache, uint32_t home)
{
	/*@ assert one: one_home(home); */
	/*@ assert part: cache->home[home].count <= homes_sum(cache); */
	cache->home[home].count++;
	cache->full_count++;
	/*@ assert more: homes_changed{Pre, Here}(cache, home, 1); */
	/*@ assert sum: homes_sum(cache) == homes_sum{Pre}(cache) + 1; */
	/*@ assert low: homes_low(cache); */
}

struct slabpool_store *stock_full_get(struct kmem_cache *cache, uint32_t home)
{
	struct slabpool_store *store = NULL;

	if (cache->home[home].count && cache->home[home].full)
		store = magazine_list_pop(&cache->home[home].full);
	/*@ assert counts: homes_counted(cache); */
	/*@ assert homes: homes_in_heap(cache); */
	if (store)
		count_less(cache, home);
	/*@ assert homes_still: homes_in_heap(cache); */
	return store;
}

struct slabpool_store *stock_old_get(struct kmem_cache *cache)
{
	struct slabpool_store *store = NULL;

	if (cache->old_count && cache->old)
		store = magazine_list_pop(&cache->old);
	/*@ assert linked: heap_linked; */
	/*@ assert counts: homes_counted(cache); */
	/*@ assert homes: homes_in_heap(cache); */
	/*@ assert lists: depot_in_heap(cache); */
	if (store)
		cache->old_count--;
	/*@ assert sum: homes_sum(cache) == cache->full_count; */
	/*@ assert low: homes_low(cache); */
	return store;
}

uint32_t stock_other_home(const struct kmem_cache *cache, uint32_t home)
{
	uint32_t k;

	/*@ loop invariant range: 1 <= k <= DEPOT_HOMES;
	    loop invariant none: \forall integer h; 0 <= h < 16 && 1 <= homes_on(home, h) < k ==>
	                         !has_full(cache, h);
	    loop assigns k;
	    loop variant DEPOT_HOMES - k;
	*/
	for (k = 1; k < DEPOT_HOMES; k++) {
		uint32_t other = home + k < DEPOT_HOMES ? home + k : home + k - DEPOT_HOMES;

		if (cache->home[other].count && cache->home[other].full)
			return other;
	}
	return DEPOT_HOMES;
}

void stock_full_put(struct kmem_cache *cache, uint32_t home, struct slabpool_store *store)
{
	cache->depot_objects += store->count;
	magazine_list_push(&cache->home[home].full, store);
	/*@ assert counts: homes_counted(cache); */
	count_more(cache, home);
}

bool stock_has_room(const struct kmem_cache *cache)
{
	return cache->full_count < cache->shared &&
	       cache->old_count < cache->shared - cache->full_count &&
	       cache->depot_objects <= SIZE_MAX - MAGAZINE_MAX;
}

/* So many of a home's magazines are old from now on that `keep` remain. */
/*@ requires memory: \valid(cache);
    requires range: home < DEPOT_HOMES;
    requires keep: keep <= cache->home[home].count;
    requires room: cache->old_count + cache->home[home].count <= UINT32_MAX;
    requires counted: homes_counted(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->home[home].count, cache->home[home].low, cache->full_count,
            cache->old_count;
    ensures count: cache->home[home].count == keep && cache->home[home].low == keep;
    ensures moved: cache->old_count + cache->full_count ==
            \old(cache->old_count) + \old(cache->full_count);
    ensures old_count: cache->old_count ==
            \old(cache->old_count) + \old(cache->home[home].count) - keep;
    ensures counted: homes_counted(cache);
*/
SLABPOOL_UNDER(cache_locks)
static void count_retire(struct kmem_cache *cache, uint32_t home, uint32_t keep)
{
	struct depot_home *h = &cache->home[home];
	uint32_t moved = h->count - keep;

	/*@ assert one: one_home(home); */
	/*@ assert part: h->count <= homes_sum(cache); */
	h->low = h->count = keep;
	cache->full_count -= moved;
	cache->old_count += moved;
	/*@ assert less: homes_changed{Pre, Here}(cache, home, -moved); */
	/*@ assert others: \forall integer i; 0 <= i < 16 && i != home ==>
	      cache->home[i].count == \at(cache->home[i].count, Pre); */
	/*@ assert lows: \forall integer i; 0 <= i < 16 && i != home ==>
	      cache->home[i].low == \at(cache->home[i].low, Pre); */
	/*@ assert this: cache->home[home].count + moved == \at(cache->home[home].count, Pre); */
	/*@ assert sum: homes_sum(cache) + moved == homes_sum{Pre}(cache); */
	/*@ assert low: homes_low(cache); */
}

/* The store that so many steps lead to, or the last of a shorter list. */
/*@ requires some: in_store_heap(first);
    requires heads: heap_heads;
    requires linked: heap_linked;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures store: in_store_heap(\result);
*/
static struct slabpool_store *list_at(struct slabpool_store *first, uint32_t steps)
{
	struct slabpool_store *store = first;
	uint32_t k;

	/*@ loop invariant range: 0 <= k <= steps;
	    loop invariant store: in_store_heap(store);
	    loop assigns k, store;
	    loop variant steps - k;
	*/
	for (k = 0; k < steps && store->next; k++)
		store = store->next;
	return store;
}

/* Cuts a list behind its first `keep` stores: what followed them. */
/*@ requires memory: \valid(list) && \separated(list, store_heap + (0 .. store_end - 1));
    requires list: store_or_none(*list);
    requires heads: heap_heads;
    requires linked: heap_linked;
    terminates always: \true;
    exits never: \false;
    assigns *list, STORE_LINKS;
    ensures kept: keep > 0 ==> *list == \old(*list);
    ensures all: keep == 0 ==> *list == \null && \result == \old(*list);
    ensures rest: store_or_none(\result);
    ensures linked: heap_linked;
*/
static struct slabpool_store *list_cut(struct slabpool_store **list, uint32_t keep)
{
	struct slabpool_store *rest = *list, *last;

	if (keep == 0) {
		*list = NULL;
	} else if (rest) {
		last = list_at(rest, keep - 1);
		rest = last->next;
		last->next = NULL;
	}
	return rest;
}

void stock_retire(struct kmem_cache *cache, uint32_t home, uint32_t keep)
{
	struct slabpool_store *rest = list_cut(&cache->home[home].full, keep);

	if (rest) {
		list_at(rest, cache->home[home].count - keep)->next = cache->old;
		cache->old = rest;
	}
	/*@ assert linked: heap_linked; */
	/*@ assert homes: homes_in_heap(cache); */
	/*@ assert counts: homes_counted(cache); */
	count_retire(cache, home, keep);
}
