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

SLABPOOL_ALONE
void shelf_init(struct kmem_cache *cache)
{
	uint32_t k;

	for (k = 0; k < LIST_COUNT; k++)
		cache->list[k] = SLAB_NO_SLAB;
	cache->empty_last = SLAB_NO_SLAB;
	cache->quarter = cache->geometry.capacity / 4;
}

/* The list for a slab with this many free objects. */
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

SLABPOOL_UNDER(cache_locks)
static void count_in(struct kmem_cache *cache, uint32_t list)
{
	cache->slabs++;
	if (list == LIST_EMPTY)
		cache->empty_slabs++;
	else if (list == LIST_FULL)
		cache->full_slabs++;
}

SLABPOOL_UNDER(cache_locks)
static void count_out(struct kmem_cache *cache, uint32_t list)
{
	cache->slabs--;
	if (list == LIST_EMPTY)
		cache->empty_slabs--;
	else if (list == LIST_FULL)
		cache->full_slabs--;
}

void shelf_remove(struct kmem_cache *cache, uint32_t slab)
{
	struct slab *table = cache->arena->slab;
	struct slab *s = &table[slab];

	if (s->list == LIST_NONE)
		return;
	count_out(cache, s->list);
	if (s->prev == SLAB_NO_SLAB)
		cache->list[s->list] = s->next;
	else
		table[s->prev].next = s->next;
	if (s->next != SLAB_NO_SLAB)
		table[s->next].prev = s->prev;
	else if (s->list == LIST_EMPTY)
		cache->empty_last = s->prev;
	s->list = LIST_NONE;
}

void shelf_file(struct kmem_cache *cache, uint32_t slab)
{
	struct slab *table = cache->arena->slab;
	struct slab *s = &table[slab];
	uint32_t list = list_of(cache, s->free_count);
	uint32_t head = cache->list[list];

	if (s->list == list)
		return;
	shelf_remove(cache, slab);
	s->list = list;
	s->prev = SLAB_NO_SLAB;
	s->next = head;
	if (head != SLAB_NO_SLAB)
		table[head].prev = slab;
	else if (list == LIST_EMPTY)
		cache->empty_last = slab;
	cache->list[list] = slab;
	count_in(cache, list);
}

uint32_t shelf_pick(const struct kmem_cache *cache)
{
	uint32_t list;

	for (list = LIST_PARTIAL_3; list <= LIST_EMPTY; list++)
		if (cache->list[list] != SLAB_NO_SLAB)
			return cache->list[list];
	return SLAB_NO_SLAB;
}
