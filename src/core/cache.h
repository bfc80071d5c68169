/* SPDX-License-Identifier: MIT */
/* kmem_cache: slabs of one size, their lists, the depot, and what a thread holds. */
#ifndef SLABPOOL_CORE_CACHE_H
#define SLABPOOL_CORE_CACHE_H

#include "core/arena.h"
#include "core/geometry.h"
#include "core/guard.h"
#include "core/hot.h"
#include <slabpool/gfp.h>
#include <slabpool/slab.h>
#include <slabpool/slabpool.h>

#define CACHE_NO_ID UINT32_MAX

/* The lists that a slab is in: partial ones by fullness, fullest first. */
enum cache_list {
	LIST_PARTIAL_3,  /* at most a quarter of the objects free */
	LIST_PARTIAL_2,
	LIST_PARTIAL_1,
	LIST_PARTIAL_0,
	LIST_EMPTY,      /* all objects free; newest first */
	LIST_FULL,       /* none free */
	LIST_COUNT,
	LIST_NONE = LIST_COUNT
};

enum cache_life {
	CACHE_DEAD,      /* destroyed, waiting for reuse: every call on it is a crime */
	CACHE_LIVE,
	CACHE_KMALLOC,   /* live, one of kmalloc's classes: cannot be destroyed */
	CACHE_META       /* live, the allocator's own: invisible */
};

/* Full magazines of a depot, by the threads that bring them: each takes its own first, so that
 * objects of several threads do not mix in one line of state bytes more than they must. */
#define DEPOT_HOMES (SLABPOOL_THREADS ? 16u : 1u)

struct depot_home {
	struct slabpool_store *full; /* last used first */
	uint32_t count;
	uint32_t low;                /* the least count since the cache's full_since */
};

struct kmem_cache {
	struct slabpool_hot hot; /* constant between create and destroy, but for granules */
	/* Constant, not hot. */
	uint32_t id;            /* place in each thread's slots */
	uint32_t size;          /* object bytes as asked */
	gfp_t gfp_or;           /* __GFP_ZERO with init_on_alloc */
	uint8_t life;           /* enum cache_life */
	bool confirm;           /* every free confirms slab and index */
	bool zero_on_free;
	bool zeroed;            /* a new slab reads zero, and what is freed reads zero again */
	struct slabpool *pool;
	struct arena *arena;
	struct geometry geometry;
	uint32_t quarter;       /* objects that make a quarter of a slab */
	slab_flags_t flags;
	void (*ctor)(void *object);
	const char *name;
	char *own_name;         /* the name's memory, NULL for a constant */
	uint32_t name_bytes;    /* of its memory */
	uint32_t useroffset, usersize;
	/* In the instance's list. */
	struct kmem_cache *next SLABPOOL_GUARDED(instance_locks);
	struct kmem_cache *prev SLABPOOL_GUARDED(instance_locks);
	bool closing SLABPOOL_GUARDED(instance_locks); /* being destroyed: shared no more */

	/* Protects all below. */
	struct slabpool_lock lock;
#define GUARDED SLABPOOL_GUARDED(cache_locks)
	uint32_t list[LIST_COUNT] GUARDED; /* slab indices, SLAB_NO_SLAB: empty */
	uint32_t empty_last GUARDED;     /* the slab that has been empty longest */
	uint32_t slabs GUARDED, empty_slabs GUARDED, full_slabs GUARDED;
	uint32_t colour_next GUARDED;
	uint32_t aliases SLABPOOL_GUARDED(instance_locks);
	uint32_t epoch GUARDED;          /* raised when threads should give back what they hold */
	struct depot_home home[DEPOT_HOMES] GUARDED; /* the depot */
	struct slabpool_store *old GUARDED;   /* those that nobody needed for a while */
	struct slabpool_store *spare GUARDED; /* empty stores for the next exchange */
	uint32_t full_count GUARDED;     /* of all homes */
	uint32_t old_count GUARDED, spare_count GUARDED;
	uint32_t full_since GUARDED;     /* seconds */
	uint32_t first GUARDED;          /* objects a magazine of a new thread, at most limit */
	uint32_t limit GUARDED, batchcount GUARDED, shared GUARDED;
	size_t depot_objects GUARDED;
	size_t free_objects GUARDED;     /* in slabs */
	uint64_t refills GUARDED, flushes GUARDED, exchanges GUARDED, grows GUARDED;
	uint64_t releases GUARDED, failures GUARDED;
#undef GUARDED
};

#include "../../proofs/logic/Heap.acsl"
#include "../../proofs/logic/Shelf.acsl"
#include "../../proofs/logic/Cache.acsl"
#include "../../proofs/logic/Depot.acsl"

/* --- shelf.c: which slab is in which list --- */
/*@ requires memory: \valid(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->list[0 .. LIST_COUNT - 1], cache->empty_last, cache->quarter;
    ensures empty: heads_empty(cache, LIST_COUNT);
    ensures none: cache->empty_last == SLAB_NO_SLAB;
    ensures quarter: cache->quarter == cache->geometry.capacity / 4;
*/
void shelf_init(struct kmem_cache *cache);
/* Puts the slab where its free_count says, from wherever it was. */
/*@ requires memory: shelf_memory(cache);
    requires shelf: shelf_ok(cache);
    requires slab: slab < cache->arena->pages && cache->arena->slab[slab].owner == cache;
    requires filed: shelf_filed_but(cache, slab);
    terminates always: \true;
    exits never: \false;
    assigns cache->list[0 .. LIST_COUNT - 1], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs, cache->arena->slab[slab].list, cache->arena->slab[slab].next,
      cache->arena->slab[slab].prev,
      cache->arena->slab[link_or(cache->arena->slab[slab].prev, slab)].next,
      cache->arena->slab[link_or(cache->arena->slab[slab].next, slab)].prev,
      cache->arena->slab[link_or(cache->list[list_for(cache,
        cache->arena->slab[slab].free_count)], slab)].prev;
    ensures shelf: shelf_ok(cache);
    ensures filed: shelf_filed_but(cache, SLAB_NO_SLAB);
    ensures shelved: on_shelf(cache, slab);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures owners: owners_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
    ensures free_counts: free_counts_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
    ensures foreign: foreign_kept_but{Pre, Post}(cache->arena->slab, cache->arena->pages, cache,
      slab);
*/
SLABPOOL_UNDER(cache_locks)
void shelf_file(struct kmem_cache *cache, uint32_t slab);
/* Takes the slab out of its list, if it is in one. */
/*@ requires memory: shelf_memory(cache);
    requires shelf: shelf_ok(cache);
    requires slab: slab < cache->arena->pages && cache->arena->slab[slab].owner == cache;
    requires filed: shelf_filed_but(cache, slab);
    terminates always: \true;
    exits never: \false;
    assigns cache->list[0 .. LIST_COUNT - 1], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs, cache->arena->slab[slab].list,
      cache->arena->slab[link_or(cache->arena->slab[slab].prev, slab)].next,
      cache->arena->slab[link_or(cache->arena->slab[slab].next, slab)].prev;
    ensures shelf: shelf_ok(cache);
    ensures filed: shelf_filed_but(cache, SLAB_NO_SLAB);
    ensures out: cache->arena->slab[slab].list >= LIST_COUNT;
    ensures counts: \old(cache->arena->slab[slab].list) < LIST_COUNT ==>
      counted_out{Pre, Post}(cache, \old(cache->arena->slab[slab].list));
    ensures heads: list_heads_kept_but{Pre, Post}(cache, \old(cache->arena->slab[slab].list));
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures owners: owners_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
    ensures free_counts: free_counts_kept{Pre, Post}(cache->arena->slab, cache->arena->pages);
    ensures foreign: foreign_kept_but{Pre, Post}(cache->arena->slab, cache->arena->pages, cache,
      slab);
*/
SLABPOOL_UNDER(cache_locks)
void shelf_remove(struct kmem_cache *cache, uint32_t slab);
/* The slab to take from: fullest partial one, else an empty one, else SLAB_NO_SLAB. */
/*@ requires memory: shelf_memory(cache);
    requires shelf: shelf_ok(cache);
    requires filed: shelf_filed_but(cache, SLAB_NO_SLAB);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures head: \result != SLAB_NO_SLAB ==> on_shelf(cache, \result) &&
      cache->list[cache->arena->slab[\result].list] == \result;
    ensures not_full: \result != SLAB_NO_SLAB ==> 0 < cache->arena->slab[\result].free_count;
    ensures fullest: \result != SLAB_NO_SLAB ==>
      heads_empty(cache, cache->arena->slab[\result].list);
    ensures none: \result == SLAB_NO_SLAB ==> heads_empty(cache, LIST_EMPTY + 1);
*/
SLABPOOL_UNDER(cache_locks)
uint32_t shelf_pick(const struct kmem_cache *cache);

/* One more of what is counted; the count stays at its end. */
/*@ requires memory: \valid(count);
    terminates always: \true;
    exits never: \false;
    assigns *count;
    ensures more: *count == (\old(*count) == UINT64_MAX ? UINT64_MAX : \old(*count) + 1);
*/
static inline void cache_count(uint64_t *count)
{
	if (*count < UINT64_MAX)
		*count += 1;
}

/* --- depot.c: between magazines and slabs --- */
/* Empties the depot into the slabs; takes the lock itself. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
SLABPOOL_OUTSIDE(cache_locks)
void depot_flush(struct kmem_cache *cache);
/* An empty store, or NULL. */
/*@ requires cache: depot_ready(cache);
    requires capacity: 1 <= capacity <= MAGAZINE_MAX;
    terminates always: \true;
    exits never: \false;
    assigns META_CHANGES;
    ensures ready: depot_ready(cache);
    ensures lists: \at(depot_in_heap(cache), Pre) ==> depot_in_heap(cache);
    ensures shape: \at(heap_shape, Pre) ==> heap_shape;
    ensures store: \result == \null || empty_store(\result, capacity);
    ensures fresh: \result == \null || store_fresh(cache, \result);
*/
struct slabpool_store *depot_store_new(struct kmem_cache *cache, uint32_t capacity);
/*@ requires cache: depot_ready(cache);
    requires store: store == \null || (in_store_heap(store) && store_head(store));
    terminates always: \true;
    exits never: \false;
    assigns META_CHANGES;
    ensures ready: depot_ready(cache);
    ensures lists: \at(depot_in_heap(cache), Pre) ==> depot_in_heap(cache);
    ensures shape: \at(heap_shape, Pre) ==> heap_shape;
*/
void depot_store_free(struct kmem_cache *cache, struct slabpool_store *store);
/* Fills the loaded magazine of a slot whose two are empty; false without memory. */
/*@ requires cache: cache_ready(cache);
    requires slot: slot != \null;
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
SLABPOOL_OUTSIDE(cache_locks)
bool depot_refill(struct kmem_cache *cache, struct slabpool_slot *slot);
/* Empties the spare magazine of a slot whose two are full. */
/*@ requires cache: cache_ready(cache);
    requires slot: slot != \null;
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
SLABPOOL_OUTSIDE(cache_locks)
void depot_accept(struct kmem_cache *cache, struct slabpool_slot *slot);
/* Keeps the magazines of a thread that ends for the next one of its home, if they are not many:
 * those that remain in the slot are to be flushed. */
/*@ requires cache: cache_ready(cache);
    requires slot: slot != \null;
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
SLABPOOL_OUTSIDE(cache_locks)
void depot_leave(struct kmem_cache *cache, struct slabpool_slot *slot);
/* One object without a magazine; NULL without memory. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
void *depot_alloc_one(struct kmem_cache *cache);
/*@ requires cache: cache_ready(cache);
    requires object: object != \null;
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
void depot_free_one(struct kmem_cache *cache, void *object);

/* --- cache.c --- */
/*@ requires memory: \valid_read(cache);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> cache->ctor != \null;
*/
bool cache_has_ctor(const struct kmem_cache *cache);
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
void *cache_alloc_slow(struct kmem_cache *cache, gfp_t gfp);
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures nothing: object == \null ==> \result;
*/
bool cache_free_slow(struct kmem_cache *cache, void *object, const char *call);
#include "core/fast.h"

/* Allocates, zeroed. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
void *cache_zalloc(struct kmem_cache *cache, gfp_t gfp);
/* Allocates. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
static inline void *cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	return slabpool_fast_alloc(cache, &cache->hot, gfp);
}
/* Frees a checked pointer; false, after a report in the name of call, for a crime. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
static inline bool cache_free(struct kmem_cache *cache, void *object, const char *call)
{
	struct slabpool_magazine *m = &slabpool_slot_of(&cache->hot)->loaded;

	if (SLABPOOL_LIKELY(slabpool_hot_give(&cache->hot, m, object)))
		return true;
	return cache_free_slow(cache, object, call);
}
/* Frees n objects; NULL entries are skipped. */
/*@ requires cache: cache_ready(cache);
    requires objects: \valid_read(objects + (0 .. n - 1));
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
*/
void cache_free_many(struct kmem_cache *cache, size_t n, void **objects, const char *call);
/* The magazines of the calling thread, the depot and all empty slabs go back; but the slabs of a
 * cache whose pages wait for a grace period stay. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
SLABPOOL_OUTSIDE(cache_locks)
void cache_reap(struct kmem_cache *cache);

/* --- registry.c --- */
/*@ requires cache: cache == \null || \valid(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
*/
void slabpool_cache_destroy(struct kmem_cache *cache);
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures answer: \result == 0 || \result == 1;
*/
int slabpool_cache_shrink(struct kmem_cache *cache);

/* The allocator's own objects: no magazine, no state byte, no check. */
/*@ requires pool: \valid(pool);
    requires which: which < 8;
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
void *meta_alloc(struct slabpool *pool, unsigned int which);
/*@ requires pool: \valid(pool);
    requires which: which < 8;
    requires object: object != \null;
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
void meta_free(struct slabpool *pool, unsigned int which, void *object);

#endif
