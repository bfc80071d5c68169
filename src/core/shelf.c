/* SPDX-License-Identifier: MIT */
/*
 * Shelf: which list of its cache a slab is in.
 *
 *   fullest first                                     all free      none free
 *   PARTIAL_3 -> PARTIAL_2 -> PARTIAL_1 -> PARTIAL_0     EMPTY         FULL
 *   0 < free < 1/4            ...          free >= 3/4   free = all    free = 0
 *
 * Objects are taken from the fullest partial slab, so that sparse ones drain and can be given
 * back. The lists are linked by slab index in the descriptors; a slab is in exactly one of them
 * from shelf_file() to shelf_remove(). Empty slabs are kept newest first, as the newest is warm and
 * the oldest (empty_last) is the next to go back to the system.
 *
 * Guarantee: after shelf_file(cache, s), s is in list_of(free_count of s) and the cache's counts
 * slabs, empty_slabs and full_slabs are the lengths of the lists.
 *
 * Locking: the cache's lock is held; see the annotations in cache.h.
 */
#include "core/cache.h"
#include "../../proofs/logic/ShelfLemmas.acsl"

SLABPOOL_ALONE
void shelf_init(struct kmem_cache *cache)
{
	uint32_t k;

	/*@ loop invariant range: 0 <= k <= LIST_COUNT;
	    loop invariant empty: heads_empty(cache, k);
	    loop assigns k, cache->list[0 .. LIST_COUNT - 1];
	    loop variant LIST_COUNT - k;
	*/
	for (k = 0; k < LIST_COUNT; k++)
		cache->list[k] = SLAB_NO_SLAB;
	cache->empty_last = SLAB_NO_SLAB;
	cache->quarter = cache->geometry.capacity / 4;
}

/* The list for a slab with this many free objects. */
/*@ requires memory: \valid_read(cache);
    requires quarter: shelf_quarter(cache);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: \result < LIST_COUNT;
    ensures list: \result == list_for(cache, free_count);
*/
static uint32_t list_of(const struct kmem_cache *cache, uint32_t free_count)
{
	uint32_t quarter = cache->quarter;

	if (free_count == 0)
		return LIST_FULL;
	if (free_count == cache->geometry.capacity)
		return LIST_EMPTY;
	return LIST_PARTIAL_3 + (free_count > quarter) + (free_count > 2 * quarter) +
	       (free_count > 3 * quarter);
}

/* --- the cache alone: counts and ends of lists --- */

/*@ requires memory: \valid(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->slabs, cache->empty_slabs, cache->full_slabs;
    ensures counts: counted_in{Pre, Post}(cache, list);
*/
SLABPOOL_UNDER(cache_locks)
static void count_in(struct kmem_cache *cache, uint32_t list)
{
	cache->slabs += cache->slabs < UINT32_MAX;
	if (list == LIST_EMPTY)
		cache->empty_slabs += cache->empty_slabs < UINT32_MAX;
	else if (list == LIST_FULL)
		cache->full_slabs += cache->full_slabs < UINT32_MAX;
}

/*@ requires memory: \valid(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->slabs, cache->empty_slabs, cache->full_slabs;
    ensures counts: counted_out{Pre, Post}(cache, list);
*/
SLABPOOL_UNDER(cache_locks)
static void count_out(struct kmem_cache *cache, uint32_t list)
{
	cache->slabs -= cache->slabs > 0;
	if (list == LIST_EMPTY)
		cache->empty_slabs -= cache->empty_slabs > 0;
	else if (list == LIST_FULL)
		cache->full_slabs -= cache->full_slabs > 0;
}

/* The list's ends when a slab between prev and next goes. */
/*@ requires memory: \valid(cache);
    requires list: list < LIST_COUNT;
    terminates always: \true;
    exits never: \false;
    assigns cache->list[list], cache->empty_last;
    ensures head: cache->list[list] ==
      (prev == SLAB_NO_SLAB ? next : \old(cache->list[list]));
    ensures last: cache->empty_last ==
      (next == SLAB_NO_SLAB && list == LIST_EMPTY ? prev : \old(cache->empty_last));
*/
SLABPOOL_UNDER(cache_locks)
static void ends_without(struct kmem_cache *cache, uint32_t list, uint32_t prev, uint32_t next)
{
	if (prev == SLAB_NO_SLAB)
		cache->list[list] = next;
	if (next == SLAB_NO_SLAB && list == LIST_EMPTY)
		cache->empty_last = prev;
}

/* The list's ends when a slab comes before its first; what was the first. */
/*@ requires memory: \valid(cache);
    requires list: list < LIST_COUNT;
    terminates always: \true;
    exits never: \false;
    assigns cache->list[list], cache->empty_last;
    ensures head: cache->list[list] == slab;
    ensures second: \result == \old(cache->list[list]);
    ensures last: cache->empty_last ==
      (\result == SLAB_NO_SLAB && list == LIST_EMPTY ? slab : \old(cache->empty_last));
*/
SLABPOOL_UNDER(cache_locks)
static uint32_t ends_with(struct kmem_cache *cache, uint32_t list, uint32_t slab)
{
	uint32_t head = cache->list[list];

	if (head == SLAB_NO_SLAB && list == LIST_EMPTY)
		cache->empty_last = slab;
	cache->list[list] = slab;
	return head;
}

/* --- the table alone: links between slabs of one cache --- */

/* The links past a slab, which is in no list from then on. */
/*@ requires memory: shelf_memory(cache) && table_of(cache, table, n);
    requires slab: slab < n;
    requires links: link_inside(table[slab].next, n) && link_inside(table[slab].prev, n);
    terminates always: \true;
    exits never: \false;
    assigns table[link_or(table[slab].prev, slab)].next,
      table[link_or(table[slab].next, slab)].prev, table[slab].list;
    ensures none: table[slab].list == LIST_NONE;
    ensures own: table[slab].next == \old(table[slab].next) &&
      table[slab].prev == \old(table[slab].prev);
    ensures before: table[slab].prev != SLAB_NO_SLAB ==>
      table[table[slab].prev].next == table[slab].next;
    ensures after: table[slab].next != SLAB_NO_SLAB ==>
      table[table[slab].next].prev == table[slab].prev;
    ensures other_nexts: slab_nexts_kept_but{Pre, Post}(table, n, \old(table[slab].prev), slab);
    ensures other_prevs: slab_prevs_kept_but{Pre, Post}(table, n, \old(table[slab].next), slab);
    ensures other_lists: lists_kept_but{Pre, Post}(table, n, slab);
    ensures owners: owners_kept{Pre, Post}(table, n);
    ensures free_counts: free_counts_kept{Pre, Post}(table, n);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures ends: ends_kept{Pre, Post}(cache);
    ensures counts: counts_kept{Pre, Post}(cache);
*/
static void links_cut(struct slab *table, uint32_t slab)
	/*@ ghost (struct kmem_cache *cache, uint32_t n) */
{
	uint32_t next = table[slab].next, prev = table[slab].prev;

	if (prev != SLAB_NO_SLAB)
		table[prev].next = next;
	if (next != SLAB_NO_SLAB)
		table[next].prev = prev;
	table[slab].list = LIST_NONE;
}

/* The links of a slab that becomes the first of a list, before what was the first. */
/*@ requires memory: shelf_memory(cache) && table_of(cache, table, n);
    requires slab: slab < n && slab != head;
    requires links: link_inside(head, n);
    terminates always: \true;
    exits never: \false;
    assigns table[slab].next, table[slab].prev, table[link_or(head, slab)].prev,
      table[slab].list;
    ensures where: table[slab].list == list;
    ensures first: table[slab].prev == SLAB_NO_SLAB && table[slab].next == head;
    ensures second: head != SLAB_NO_SLAB ==> table[head].prev == slab;
    ensures other_nexts: slab_nexts_kept_but{Pre, Post}(table, n, slab, slab);
    ensures other_prevs: slab_prevs_kept_but{Pre, Post}(table, n, head, slab);
    ensures other_lists: lists_kept_but{Pre, Post}(table, n, slab);
    ensures owners: owners_kept{Pre, Post}(table, n);
    ensures free_counts: free_counts_kept{Pre, Post}(table, n);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures ends: ends_kept{Pre, Post}(cache);
    ensures counts: counts_kept{Pre, Post}(cache);
*/
static void links_lead(struct slab *table, uint32_t slab, uint32_t head, uint32_t list)
	/*@ ghost (struct kmem_cache *cache, uint32_t n) */
{
	table[slab].list = list;
	table[slab].prev = SLAB_NO_SLAB;
	table[slab].next = head;
	if (head != SLAB_NO_SLAB)
		table[head].prev = slab;
}

/* --- each of the two, with the other unchanged --- */

/*@ requires memory: shelf_memory(cache);
    requires list: list < LIST_COUNT;
    terminates always: \true;
    exits never: \false;
    assigns cache->list[list], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs;
    ensures head: cache->list[list] == (prev == SLAB_NO_SLAB ? next : \old(cache->list[list]));
    ensures heads: list_heads_kept_but{Pre, Post}(cache, list);
    ensures last: cache->empty_last ==
      (next == SLAB_NO_SLAB && list == LIST_EMPTY ? prev : \old(cache->empty_last));
    ensures counts: counted_out{Pre, Post}(cache, list);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures links: slab_links_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
    ensures free_counts: free_counts_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
*/
SLABPOOL_UNDER(cache_locks)
static void leave_list(struct kmem_cache *cache, uint32_t list, uint32_t prev, uint32_t next)
{
	count_out(cache, list);
	ends_without(cache, list, prev, next);
}

/*@ requires memory: shelf_memory(cache);
    requires list: list < LIST_COUNT;
    terminates always: \true;
    exits never: \false;
    assigns cache->list[list], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs;
    ensures head: cache->list[list] == slab;
    ensures heads: list_heads_kept_but{Pre, Post}(cache, list);
    ensures second: \result == \old(cache->list[list]);
    ensures last: cache->empty_last ==
      (\result == SLAB_NO_SLAB && list == LIST_EMPTY ? slab : \old(cache->empty_last));
    ensures counts: counted_in{Pre, Post}(cache, list);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures links: slab_links_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
    ensures free_counts: free_counts_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
*/
SLABPOOL_UNDER(cache_locks)
static uint32_t join_list(struct kmem_cache *cache, uint32_t list, uint32_t slab)
{
	count_in(cache, list);
	return ends_with(cache, list, slab);
}

/* --- both --- */

/*@ requires memory: shelf_memory(cache) && table_of(cache, table, n);
    requires slab: slab < n && table[slab].list < LIST_COUNT;
    requires links: link_inside(table[slab].next, n) && link_inside(table[slab].prev, n);
    terminates always: \true;
    exits never: \false;
    assigns cache->list[table[slab].list], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs, table[link_or(table[slab].prev, slab)].next,
      table[link_or(table[slab].next, slab)].prev, table[slab].list;
    ensures head: cache->list[\old(table[slab].list)] == (\old(table[slab].prev) == SLAB_NO_SLAB ?
      \old(table[slab].next) : \old(cache->list[table[slab].list]));
    ensures heads: list_heads_kept_but{Pre, Post}(cache, \old(table[slab].list));
    ensures last: cache->empty_last == (\old(table[slab].next) == SLAB_NO_SLAB &&
      \old(table[slab].list) == LIST_EMPTY ? \old(table[slab].prev) : \old(cache->empty_last));
    ensures counts: counted_out{Pre, Post}(cache, \old(table[slab].list));
    ensures none: table[slab].list == LIST_NONE;
    ensures before: \old(table[slab].prev) != SLAB_NO_SLAB ==>
      table[\old(table[slab].prev)].next == \old(table[slab].next);
    ensures after: \old(table[slab].next) != SLAB_NO_SLAB ==>
      table[\old(table[slab].next)].prev == \old(table[slab].prev);
    ensures other_nexts: slab_nexts_kept_but{Pre, Post}(table, n, \old(table[slab].prev), slab);
    ensures other_prevs: slab_prevs_kept_but{Pre, Post}(table, n, \old(table[slab].next), slab);
    ensures other_lists: lists_kept_but{Pre, Post}(table, n, slab);
    ensures owners: owners_kept{Pre, Post}(table, n);
    ensures free_counts: free_counts_kept{Pre, Post}(table, n);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
*/
SLABPOOL_UNDER(cache_locks)
static void cut_out(struct kmem_cache *cache, struct slab *table, uint32_t slab)
	/*@ ghost (uint32_t n) */
{
	uint32_t list = table[slab].list, prev = table[slab].prev, next = table[slab].next;

	leave_list(cache, list, prev, next);
	/*@ assert own: table[slab].next == next && table[slab].prev == prev; */
	/*@ ghost uint32_t head = cache->list[list]; */
	links_cut(table, slab) /*@ ghost (cache, n) */;
	/*@ assert head: cache->list[list] == head; */
}

/*@ requires memory: shelf_memory(cache) && table_of(cache, table, n);
    requires slab: slab < n && list < LIST_COUNT;
    requires links: link_inside(cache->list[list], n) && slab != cache->list[list];
    terminates always: \true;
    exits never: \false;
    assigns cache->list[list], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs, table[slab].next, table[slab].prev,
      table[link_or(cache->list[list], slab)].prev, table[slab].list;
    ensures head: cache->list[list] == slab;
    ensures heads: list_heads_kept_but{Pre, Post}(cache, list);
    ensures last: cache->empty_last == (\old(cache->list[list]) == SLAB_NO_SLAB &&
      list == LIST_EMPTY ? slab : \old(cache->empty_last));
    ensures counts: counted_in{Pre, Post}(cache, list);
    ensures where: table[slab].list == list;
    ensures first: table[slab].prev == SLAB_NO_SLAB &&
      table[slab].next == \old(cache->list[list]);
    ensures second: \old(cache->list[list]) != SLAB_NO_SLAB ==>
      table[\old(cache->list[list])].prev == slab;
    ensures other_nexts: slab_nexts_kept_but{Pre, Post}(table, n, slab, slab);
    ensures other_prevs: slab_prevs_kept_but{Pre, Post}(table, n, \old(cache->list[list]), slab);
    ensures other_lists: lists_kept_but{Pre, Post}(table, n, slab);
    ensures owners: owners_kept{Pre, Post}(table, n);
    ensures free_counts: free_counts_kept{Pre, Post}(table, n);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
*/
SLABPOOL_UNDER(cache_locks)
static void put_first(struct kmem_cache *cache, struct slab *table, uint32_t slab, uint32_t list)
	/*@ ghost (uint32_t n) */
{
	uint32_t head = join_list(cache, list, slab);

	links_lead(table, slab, head, list) /*@ ghost (cache, n) */;
}

/*@ requires memory: shelf_memory(cache) && table_of(cache, table, n);
    requires slab: slab < n && table[slab].list < LIST_COUNT && table[slab].owner == cache;
    requires links: link_inside(table[slab].next, n) && link_inside(table[slab].prev, n);
    terminates always: \true;
    exits never: \false;
    assigns cache->list[table[slab].list], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs, table[link_or(table[slab].prev, slab)].next,
      table[link_or(table[slab].next, slab)].prev, table[slab].list;
    ensures links: cut_links{Pre, Post}(table, n, cache, slab);
    ensures ends: cut_ends{Pre, Post}(table, cache, slab);
    ensures counts: counted_out{Pre, Post}(cache, \old(table[slab].list));
    ensures fixed: shelf_fixed{Pre, Post}(cache);
*/
SLABPOOL_UNDER(cache_locks)
static void unlink_slab(struct kmem_cache *cache, struct slab *table, uint32_t slab)
	/*@ ghost (uint32_t n) */
{
	cut_out(cache, table, slab) /*@ ghost (n) */;
}

/*@ requires memory: shelf_memory(cache) && table_of(cache, table, n);
    requires slab: slab < n && table[slab].owner == cache && table[slab].list >= LIST_COUNT;
    requires list: list < LIST_COUNT;
    requires links: link_inside(cache->list[list], n) && slab != cache->list[list];
    terminates always: \true;
    exits never: \false;
    assigns cache->list[list], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs, table[slab].next, table[slab].prev,
      table[link_or(cache->list[list], slab)].prev, table[slab].list;
    ensures links: led_links{Pre, Post}(table, n, cache, slab, list);
    ensures ends: led_ends{Pre, Post}(cache, slab, list);
    ensures counts: counted_in{Pre, Post}(cache, list);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
*/
SLABPOOL_UNDER(cache_locks)
static void link_slab(struct kmem_cache *cache, struct slab *table, uint32_t slab, uint32_t list)
	/*@ ghost (uint32_t n) */
{
	/*@ ghost uint32_t head = cache->list[list]; */
	put_first(cache, table, slab, list) /*@ ghost (n) */;
	/*@ assert own: table[slab].list == list && table[slab].prev == SLAB_NO_SLAB &&
	      table[slab].next == head; */
	/*@ assert second: head != SLAB_NO_SLAB ==> table[head].prev == slab; */
	/*@ assert nexts: slab_nexts_kept_but{Pre, Here}(table, n, slab, slab); */
	/*@ assert prevs: slab_prevs_kept_but{Pre, Here}(table, n, head, slab); */
}

/* Takes a slab out of its list. */
/*@ requires memory: shelf_memory(cache);
    requires shelf: shelf_ok(cache);
    requires slab: on_shelf(cache, slab);
    requires filed: shelf_filed_but(cache, slab);
    terminates always: \true;
    exits never: \false;
    assigns cache->list[0 .. LIST_COUNT - 1], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs, cache->arena->slab[slab].list,
      cache->arena->slab[link_or(cache->arena->slab[slab].prev, slab)].next,
      cache->arena->slab[link_or(cache->arena->slab[slab].next, slab)].prev;
    ensures shelf: shelf_ok(cache);
    ensures filed: shelf_filed_but(cache, SLAB_NO_SLAB);
    ensures out: cache->arena->slab[slab].list == LIST_NONE;
    ensures counts: counted_out{Pre, Post}(cache, \old(cache->arena->slab[slab].list));
    ensures heads: list_heads_kept_but{Pre, Post}(cache, \old(cache->arena->slab[slab].list));
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures owners: owners_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
    ensures free_counts: free_counts_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
    ensures foreign: foreign_kept_but{Pre, Post}(cache->arena->slab, cache->arena->pages, cache,
      slab);
*/
SLABPOOL_UNDER(cache_locks)
static void take_off(struct kmem_cache *cache, uint32_t slab)
{
	struct slab *table = cache->arena->slab;
	/*@ ghost uint32_t n = cache->arena->pages; */
	/*@ ghost uint32_t next = table[slab].next, prev = table[slab].prev; */

	/*@ assert inside: link_inside(next, n) && link_inside(prev, n); */
	unlink_slab(cache, table, slab) /*@ ghost (n) */;
}

/* Makes a slab that is in no list the first of its own. */
/*@ requires memory: shelf_memory(cache);
    requires shelf: shelf_ok(cache);
    requires slab: slab < cache->arena->pages && cache->arena->slab[slab].owner == cache;
    requires out: cache->arena->slab[slab].list >= LIST_COUNT;
    requires list: list == list_for(cache, cache->arena->slab[slab].free_count);
    requires filed: shelf_filed_but(cache, SLAB_NO_SLAB);
    terminates always: \true;
    exits never: \false;
    assigns cache->list[0 .. LIST_COUNT - 1], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs, cache->arena->slab[slab].list, cache->arena->slab[slab].next,
      cache->arena->slab[slab].prev, cache->arena->slab[link_or(cache->list[list], slab)].prev;
    ensures shelf: shelf_ok(cache);
    ensures filed: shelf_filed_but(cache, SLAB_NO_SLAB);
    ensures shelved: cache->arena->slab[slab].list == list && cache->list[list] == slab;
    ensures counts: counted_in{Pre, Post}(cache, list);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures owners: owners_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
    ensures free_counts: free_counts_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
    ensures foreign: foreign_kept_but{Pre, Post}(cache->arena->slab, cache->arena->pages, cache,
      slab);
*/
SLABPOOL_UNDER(cache_locks)
static void put_on(struct kmem_cache *cache, uint32_t slab, uint32_t list)
{
	struct slab *table = cache->arena->slab;
	/*@ ghost uint32_t n = cache->arena->pages, head = cache->list[list]; */

	/*@ assert inside: link_inside(head, n) && head != slab; */
	link_slab(cache, table, slab, list) /*@ ghost (n) */;
}

void shelf_remove(struct kmem_cache *cache, uint32_t slab)
{
	if (cache->arena->slab[slab].list < LIST_COUNT)
		take_off(cache, slab);
}

void shelf_file(struct kmem_cache *cache, uint32_t slab)
{
	struct slab *s = &cache->arena->slab[slab];
	uint32_t list = list_of(cache, s->free_count);
	/*@ ghost uint32_t head = cache->list[list]; */

	if (s->list == list)
		return;
	shelf_remove(cache, slab);
	/*@ assert head: cache->list[list] == head; */
	put_on(cache, slab, list);
}

uint32_t shelf_pick(const struct kmem_cache *cache)
{
	uint32_t list;

	/*@ loop invariant range: 0 <= list <= LIST_EMPTY + 1;
	    loop invariant none: heads_empty(cache, list);
	    loop assigns list;
	    loop variant LIST_EMPTY + 1 - list;
	*/
	for (list = LIST_PARTIAL_3; list <= LIST_EMPTY; list++)
		if (cache->list[list] != SLAB_NO_SLAB)
			return cache->list[list];
	return SLAB_NO_SLAB;
}
