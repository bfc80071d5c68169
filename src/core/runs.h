/* SPDX-License-Identifier: MIT */
/* An arena's runs of pages and slab descriptors, given out and taken back. Comes with instance.h,
 * whose struct slabpool the contracts speak of. See arena.c. */
#ifndef SLABPOOL_CORE_RUNS_H
#define SLABPOOL_CORE_RUNS_H

#include "core/arena.h"
#include "core/platform_leaves.h"

/*@ predicate platform_pages{L}(struct slabpool *pool) =
      \valid_read(pool) && pool->platform.reserve == &slabpool_platform_reserve &&
      pool->platform.unreserve == &slabpool_platform_unreserve &&
      pool->platform.commit == &slabpool_platform_commit && platform_ok(&pool->platform);
*/

/* Reserves address space: bytes of data, or as much as the system has if bytes is 0.
 * 0 or -ENOMEM. */
/*@ requires memory: \valid(pool) && \valid(arena) && platform_pages(pool);
    requires size: bytes == 0 || bytes >= SLABPOOL_PAGE_SIZE;
    requires granule: 3 <= granule_shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns *arena;
    ensures status: \result <= 0;
    ensures ready: \result == 0 ==> arena_ready(arena) && arena->opened == 0;
*/
int arena_init(struct slabpool *pool, struct arena *arena, size_t bytes, uint32_t granule_shift);
/* Gives all of it back. */
/*@ requires memory: \valid(pool) && \valid(arena) && platform_pages(pool);
    requires made: arena->reservation != \null;
    terminates always: \true;
    exits never: \false;
    assigns arena->lock;
*/
void arena_exit(struct slabpool *pool, struct arena *arena);
/* A committed run of pages, its start aligned to the next power of two of their number (for up to
 * 2^10 pages): its first page, or ARENA_NO_PAGE. *fresh: all of it reads zero.
 * Takes the lock itself, as do the next four. */
/*@ requires memory: \valid(pool) && platform_pages(pool) && arena_ready(arena);
    requires fresh: \valid(fresh) && apart_from_arena(arena, fresh);
    requires use: use == ARENA_SLAB || use == ARENA_RUN;
    terminates always: \true;
    exits never: \false;
    assigns arena->lock, arena->opened, arena->open_granules,
      arena->free_run[0 .. ARENA_ORDERS - 1], arena->idle_pages, arena->used[0 .. 1],
      arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1], *fresh;
    ensures ready: arena_ready(arena);
    ensures grown: arena->opened >= \old(arena->opened);
    ensures inside: \result != ARENA_NO_PAGE ==> run_owned(arena, \result, pages, use);
    ensures aligned: \result != ARENA_NO_PAGE ==> run_start_aligned(\result, pages);
    ensures memory: \result != ARENA_NO_PAGE ==> run_memory(arena, \result, pages);
*/
SLABPOOL_OUTSIDE(arena_locks)
uint32_t arena_alloc_run(struct slabpool *pool, struct arena *arena, uint32_t pages,
			 enum arena_use use, bool *fresh);
/* Frees pages of a run that was allocated for the same use. They may stay idle if they are likely
 * to be wanted again: keep. */
/*@ requires memory: \valid(pool) && platform_pages(pool) && arena_ready(arena);
    requires inside: run_inside(arena, page, pages);
    requires use: use == ARENA_SLAB || use == ARENA_RUN;
    terminates always: \true;
    exits never: \false;
    assigns arena->lock, arena->opened, arena->open_granules,
      arena->free_run[0 .. ARENA_ORDERS - 1], arena->idle_pages, arena->used[0 .. 1],
      arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1],
      arena->base[page * SLABPOOL_PAGE_SIZE .. (page + pages) * SLABPOOL_PAGE_SIZE - 1];
    ensures ready: arena_ready(arena);
    ensures grown: arena->opened >= \old(arena->opened);
*/
SLABPOOL_OUTSIDE(arena_locks)
void arena_free_run(struct slabpool *pool, struct arena *arena, uint32_t page, uint32_t pages,
		    enum arena_use use, bool keep);
/* An unused slab descriptor, in use from now on; SLAB_NO_SLAB: each open page has one. */
/*@ requires memory: \valid(pool) && platform_pages(pool) && arena_ready(arena);
    terminates always: \true;
    exits never: \false;
    assigns arena->lock, arena->slab_count, arena->slab_free,
      arena->slab[0 .. arena->pages - 1].next, arena->slab[0 .. arena->pages - 1].cache;
    ensures ready: arena_ready(arena);
    ensures others: descriptors_kept{Pre, Post}(arena);
    ensures inside: \result != SLAB_NO_SLAB ==> \result < arena->slab_count;
    ensures used: \result != SLAB_NO_SLAB ==> arena->slab[\result].cache == 0;
    ensures was_unused: \result != SLAB_NO_SLAB ==> !slab_was_used{Pre}(arena, \result);
*/
SLABPOOL_OUTSIDE(arena_locks)
uint32_t arena_slab_new(struct slabpool *pool, struct arena *arena);
/*@ requires memory: \valid(pool) && platform_pages(pool) && arena_ready(arena);
    requires used: slab_was_used(arena, slab);
    terminates always: \true;
    exits never: \false;
    assigns arena->lock, arena->slab_count, arena->slab_free,
      arena->slab[0 .. arena->pages - 1].next, arena->slab[0 .. arena->pages - 1].cache;
    ensures ready: arena_ready(arena);
    ensures others: descriptors_kept_but{Pre, Post}(arena, slab);
    ensures first: arena->slab_free == slab;
*/
SLABPOOL_OUTSIDE(arena_locks)
void arena_slab_free(struct slabpool *pool, struct arena *arena, uint32_t slab);
/* trim.c: gives the memory of idle pages back, how many bytes, and trims the tables. */
/*@ requires memory: \valid(pool) && platform_pages(pool) && arena_ready(arena);
    terminates always: \true;
    exits never: \false;
    assigns arena->lock, arena->opened, arena->open_granules,
      arena->free_run[0 .. ARENA_ORDERS - 1], arena->idle_pages, arena->used[0 .. 1],
      arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1],
      arena->slab_count, arena->slab_free, arena->slab[0 .. arena->pages - 1].next,
      arena->slab[0 .. arena->pages - 1].cache,
      arena->base[0 .. arena->pages * SLABPOOL_PAGE_SIZE - 1];
    ensures ready: arena_ready(arena);
    ensures others: descriptors_kept{Pre, Post}(arena);
*/
SLABPOOL_OUTSIDE(arena_locks)
size_t arena_reap(struct slabpool *pool, struct arena *arena);
/* trim.c: gives back the memory of tables that stand for free pages only. */
/*@ requires memory: \valid(pool) && platform_pages(pool) && arena_ready(arena);
    terminates always: \true;
    exits never: \false;
    assigns arena->lock, arena->opened, arena->open_granules,
      arena->free_run[0 .. ARENA_ORDERS - 1], arena->idle_pages, arena->used[0 .. 1],
      arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1],
      arena->slab_count, arena->slab_free, arena->slab[0 .. arena->pages - 1].next,
      arena->slab[0 .. arena->pages - 1].cache;
    ensures ready: arena_ready(arena);
    ensures others: descriptors_kept{Pre, Post}(arena);
*/
SLABPOOL_OUTSIDE(arena_locks)
void arena_trim(struct slabpool *pool, struct arena *arena);
/* After fork, in the child: frees the pages and descriptors that a vanished thread was about to
 * use, or had just given up; no other call may run. */
/*@ requires memory: \valid(pool) && platform_pages(pool) && arena_ready(arena);
    terminates always: \true;
    exits never: \false;
    assigns arena->free_run[0 .. ARENA_ORDERS - 1], arena->idle_pages, arena->used[0 .. 1],
      arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1],
      arena->slab_free, arena->slab[0 .. arena->pages - 1].next,
      arena->slab[0 .. arena->pages - 1].cache, arena->page_map[0 .. arena->pages - 1],
      arena->base[0 .. arena->pages * SLABPOOL_PAGE_SIZE - 1];
    ensures ready: arena_ready(arena);
*/
void arena_collect(struct slabpool *pool, struct arena *arena);

#endif
