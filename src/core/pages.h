/* SPDX-License-Identifier: MIT */
/* Page runs: large kmalloc, alloc_pages, vmalloc. See pages.c. */
#ifndef SLABPOOL_CORE_PAGES_H
#define SLABPOOL_CORE_PAGES_H

#include "core/instance.h"

#include "../../proofs/logic/Pages.acsl"
#include "../../proofs/logic/PageLemmas.acsl"

/* The granule that a page starts. */
/*@ requires arena: arena_memory(arena);
    requires inside: page < arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == first_granule(arena, page);
    ensures inside: \result < arena->pages * granules_a_page(arena->granule_shift);
*/
static inline size_t pages_granule(const struct arena *arena, uint32_t page)
{
	size_t bytes = (size_t)page * SLABPOOL_PAGE_SIZE;

	/*@ ghost granules_of_page(page, arena->pages, arena->granule_shift); */
	return slabpool_rotate(bytes, arena->granule_shift);
}

/*@ predicate places_runs_known{L}(struct slabpool *pool) =
      \forall integer k; 0 <= k < INSTANCE_ARENAS && pool->place[k].bytes != 0 ==>
        runs_known(&pool->arena[k]);
    predicate apart_from_places{L}(struct slabpool *pool, uint8_t *p) =
      \separated(p, pool) &&
      \forall integer k; 0 <= k < INSTANCE_ARENAS && pool->place[k].bytes != 0 ==>
        apart_from_tables(&pool->arena[k], p);
    predicate run_in_pool{L}(struct slabpool *pool, void *p, integer kind, integer bytes) =
      \exists integer k; 0 <= k < INSTANCE_ARENAS && pool->place[k].bytes != 0 &&
        live_run_of(&pool->arena[k], p, kind, bytes);
*/

/* The smallest order whose run holds size bytes. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures smallest: smallest_order(\result, 0, SLABPOOL_PAGE_SHIFT, size);
*/
int get_order(unsigned long size);
/* A run of at least bytes, aligned to its size rounded up to a power of two (as far as the arena
 * goes) and to align; its first state byte is kind. NULL without memory. */
/*@ requires pool: \valid(pool);
    requires bytes: 0 < bytes;
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
void *pages_alloc(struct slabpool *pool, size_t bytes, size_t align, uint8_t kind, gfp_t gfp);
/* Frees a run whose state byte is kind; false if there is none at p. */
/*@ requires pool: \valid(pool);
    requires kind: run_kind(kind);
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
bool pages_free(struct slabpool *pool, const void *p, uint8_t kind);
/* Bytes of the live run at p, 0 if there is none; its kind. */
/*@ requires pool: \valid_read(pool) && places_ready(pool) && places_runs_known(pool);
    requires kind: \valid(kind) && apart_from_places(pool, kind);
    terminates always: \true;
    exits never: \false;
    assigns *kind;
    ensures run: \result != 0 ==> run_kind(*kind) &&
      run_in_pool(pool, (void *)p, *kind, \result);
*/
size_t pages_size(struct slabpool *pool, const void *p, uint8_t *kind);

#endif
