/* SPDX-License-Identifier: MIT */
/* kmem_cache: slabs of one size, their lists, the depot, and what a thread holds. */
#ifndef SLABPOOL_CORE_CACHE_H
#define SLABPOOL_CORE_CACHE_H

#include "core/arena.h"
#include "core/geometry.h"
#include "core/magazine.h"
#include <slabpool/slab.h>
#include <slabpool/slabpool.h>

/* A fast tag that no state byte equals: every free takes the slow path. */
#define CACHE_TAG_SLOW 256u
#define CACHE_NO_ID UINT32_MAX

/* The lists that a slab is in: partial ones by fullness, fullest first. */
enum cache_list {
	LIST_PARTIAL_3,  /* less than a quarter of the objects free */
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

struct kmem_cache {
	/* Hot and constant between create and destroy. */
	uintptr_t address;      /* of the arena */
	const size_t *granules; /* the arena's open_granules; of a dead cache: a 0 */
	uint8_t *state;
	uint32_t granule_shift;
	uint32_t fast_tag;      /* state byte of a live object, or CACHE_TAG_SLOW */
	uint32_t id;            /* place in each thread's slots */
	gfp_t gfp_or;           /* __GFP_ZERO with init_on_alloc */
	uint32_t size;          /* object bytes as asked */
	bool thread_local_slots;/* the instance is the default one */
	/* Constant, not hot. */
	uint8_t tag;            /* state byte of a live object */
	uint8_t life;           /* enum cache_life */
	bool confirm;           /* every free confirms slab and index */
	bool zero_on_free;
	uint32_t generation;    /* how often this descriptor was reused */
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
	struct kmem_cache *next, *prev;  /* in the instance's list */

	/* Protects all below. */
	struct slabpool_lock lock;
	uint32_t list[LIST_COUNT];      /* slab indices, SLAB_NO_SLAB: empty */
	uint32_t empty_last;            /* the slab that has been empty longest */
	uint32_t slabs, empty_slabs, full_slabs;
	uint32_t colour_next;
	uint32_t aliases;
	uint32_t epoch;                 /* raised when threads should give back what they hold */
	struct magazine_store *full;    /* the depot: magazines with objects */
	struct magazine_store *spare;   /* empty stores for the next exchange */
	uint32_t full_count, spare_count;
	uint32_t limit, batchcount, shared;
	size_t depot_objects;
	size_t free_objects;            /* in slabs */
	uint64_t refills, flushes, exchanges, grows, releases, failures;
};

/* --- shelf.c: which slab is in which list; the cache's lock is held --- */
void shelf_init(struct kmem_cache *cache);
/* Puts the slab where its free_count says, from wherever it was. */
void shelf_file(struct kmem_cache *cache, uint32_t slab);
void shelf_remove(struct kmem_cache *cache, uint32_t slab);
/* The slab to take from: fullest partial one, else an empty one, else SLAB_NO_SLAB. */
uint32_t shelf_pick(const struct kmem_cache *cache);

/* --- depot.c: between magazines and slabs --- */
/* Takes up to n objects out of slabs, ascending; lock held. Their state bytes stay 0. */
uint32_t depot_take(struct kmem_cache *cache, void **objects, uint32_t n);
/* Gives n objects back to their slabs; lock held. True if a slab became empty. */
bool depot_give(struct kmem_cache *cache, void *const *objects, uint32_t n);
/* Empties the depot into the slabs; takes the lock itself. */
void depot_flush(struct kmem_cache *cache);
/* A store for the cache's limit, or NULL. */
struct magazine_store *depot_store_new(struct kmem_cache *cache);
void depot_store_free(struct kmem_cache *cache, struct magazine_store *store);
/* Gives empty slabs back while they are more than keep_bytes or older than max_age seconds.
 * Takes the lock itself. */
void depot_trim(struct kmem_cache *cache, size_t keep_bytes, uint32_t max_age);
/* What the options say about retention, after a slab became empty. */
void depot_trim_default(struct kmem_cache *cache);
/* Makes one slab and files it; takes the lock itself. False without memory. */
bool depot_grow(struct kmem_cache *cache);
/* Gives all empty slabs back that may go now (not those that wait for a grace period that nobody
 * can tell). */
void depot_trim_all(struct kmem_cache *cache);
struct thread_slot;
/* Fills the loaded magazine of a slot whose two are empty; false without memory. */
bool depot_refill(struct kmem_cache *cache, struct thread_slot *slot);
/* Empties the spare magazine of a slot whose two are full. */
void depot_accept(struct kmem_cache *cache, struct thread_slot *slot);
/* One object without a magazine; NULL without memory. */
void *depot_alloc_one(struct kmem_cache *cache);
void depot_free_one(struct kmem_cache *cache, void *object);

/* --- cache.c --- */
/* Sets up a descriptor over zeroed memory. 0 or a negative errno. */
int cache_setup(struct slabpool *pool, struct kmem_cache *cache, const char *name, uint32_t size,
		const struct kmem_cache_args *args, slab_flags_t flags, enum cache_life life);
/* Releases what cache_setup made; the cache holds no slabs. */
void cache_teardown(struct kmem_cache *cache);
bool cache_has_ctor(const struct kmem_cache *cache);
/* Allocates. */
void *cache_alloc(struct kmem_cache *cache, gfp_t gfp);
void *cache_alloc_slow(struct kmem_cache *cache, gfp_t gfp);
/* Frees a checked pointer; false, after a report in the name of call, for a crime. */
bool cache_free(struct kmem_cache *cache, void *object, const char *call);
bool cache_free_slow(struct kmem_cache *cache, void *object, const char *call);
/* Frees n objects; NULL entries are skipped. */
void cache_free_many(struct kmem_cache *cache, size_t n, void **objects, const char *call);
/* The magazines of the calling thread, the depot and all empty slabs go back. */
void cache_reap(struct kmem_cache *cache);

/* --- registry.c --- */
void slabpool_cache_destroy(struct kmem_cache *cache);
int slabpool_cache_shrink(struct kmem_cache *cache);

/* The allocator's own objects: no magazine, no state byte, no check. */
void *meta_alloc(struct slabpool *pool, unsigned int which);
void meta_free(struct slabpool *pool, unsigned int which, void *object);

#endif
