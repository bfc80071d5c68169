/* SPDX-License-Identifier: MIT */
/* One allocator with all of its state. */
#ifndef SLABPOOL_CORE_INSTANCE_H
#define SLABPOOL_CORE_INSTANCE_H

#include "core/arena.h"
#include "core/cache.h"
#include "core/geometry.h"
#include "core/platform_leaves.h"
#include <slabpool/slabpool.h>

/* One arena for each granule: 8, 16, 64, 1024 bytes. A small machine has one. */
#define INSTANCE_ARENAS (SLABPOOL_THREADS ? 4u : 1u)
/* Sizes whose class is looked up in a table. */
#define INSTANCE_CLASS_TABLE 1024u
struct arena_place {
	uintptr_t address;
	size_t bytes;
	struct arena *arena;
};

/* The allocator's own objects, each in a cache of its own without magazines. */
enum instance_meta {
	META_CACHE,      /* struct kmem_cache */
	META_RECORD,     /* struct thread_record */
	META_TABLE,      /* a thread's slots */
	META_STORE_16,   /* magazine stores by capacity */
	META_STORE_64,
	META_STORE_256,
	META_NAME_32,    /* names of caches by length */
	META_NAME_256,
	META_COUNT
};

struct slabpool {
	struct slabpool_platform platform;
	struct slabpool_options options;
	/* The options of these names; raised while the instance is used, by relaxed stores. */
	uint32_t retain_kib, idle_kib;
	size_t bytes;                 /* of this struct's reservation */
	/* Where the arenas lie, for instance_find(); bytes is 0 until the arena is made. */
	struct arena_place place[INSTANCE_ARENAS];
	uint8_t class_of[INSTANCE_CLASS_TABLE / 8 + 1]; /* of (size + 7) / 8 */
	bool is_default;
	bool warned_ctor_zero, warned_pool_zero;
	/* Calls are shown to it when set; set before other threads use the instance. */
	void (*event)(void *context, const struct slabpool_event *event);
	void *event_context;

	/* Protects the list of live and retired caches, threads. Taken first. */
	struct slabpool_lock lock;
	struct slabpool_lock arena_lock;       /* making an arena; taken last but an arena's own */
	struct arena arena[INSTANCE_ARENAS];   /* by granule: 8, 16, 64, 1024 */
	uint8_t arena_made[INSTANCE_ARENAS];
#define GUARDED SLABPOOL_GUARDED(instance_locks)
	struct kmem_cache *first GUARDED, *last GUARDED; /* live caches, oldest first */
	struct kmem_cache *retired GUARDED, *retired_last GUARDED; /* destroyed, oldest first */
	uint32_t retired_count GUARDED;
	uint32_t next_id GUARDED;
	struct thread_record *threads GUARDED;
	uint32_t home_users[DEPOT_HOMES] GUARDED; /* threads, by their home */
#undef GUARDED

	struct kmem_cache meta[META_COUNT];
	struct kmem_cache kmalloc[GEOMETRY_KMALLOC_CLASSES];
};

#include "core/runs.h"

#include "../../proofs/logic/Places.acsl"
#include "../../proofs/logic/Instance.acsl"

/* Creates an instance; the default one keeps its thread record in a thread-local variable. */
/*@ requires platform: \valid_read(platform);
    requires options: options == \null || \valid_read(options);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures kind: \result != \null ==> (\result->is_default <==> is_default);
*/
struct slabpool *instance_create(const struct slabpool_platform *platform,
				 const struct slabpool_options *options, bool is_default);
/* The arena for this granule, made if need be; NULL if there is no address space. */
/*@ requires memory: \valid(pool);
    requires options: options_granule(&pool->options);
    requires arenas: arenas_made_well(pool);
    terminates always: \true;
    exits never: \false;
    assigns pool->arena[0 .. 3], pool->place[0 .. 3], pool->arena_made[0 .. 3],
      pool->arena_lock;
    ensures arenas: arenas_made_well(pool);
    ensures place: \result == \null || arena_of(pool, \result);
    ensures ready: \result == \null || arena_table(\result);
    ensures shift: \result == \null || !shift_served(pool, granule_shift) ||
            \result->granule_shift == granule_shift;
*/
struct arena *instance_arena(struct slabpool *pool, uint32_t granule_shift);
/* From one number up to another, on a circle of numbers, without a subtraction that wraps. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures ahead: from <= to ==> \result == to - from;
    ensures around: from > to ==> \result == to - from + SIZE_MAX + 1;
    ensures far: from > to ==> \result > SIZE_MAX - from;
*/
static inline size_t instance_distance(uintptr_t from, uintptr_t to)
{
	return to >= from ? to - from : SIZE_MAX - (from - to) + 1;
}

/* The arena that holds p, or NULL. */
/*@ requires pool: \valid_read(pool) && places_ready(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures arena: \result == \null || arena_of_pool(pool, \result);
    ensures holds: \result != \null ==> arena_holds(\result, (uintptr_t)p);
    ensures none: \result == \null ==> no_place_holds(pool, INSTANCE_ARENAS, (uintptr_t)p);
*/
static inline struct arena *instance_find(struct slabpool *pool, const void *p)
{
	uint32_t k;

	SLABPOOL_UNROLL
	/*@ loop invariant range: 0 <= k <= INSTANCE_ARENAS;
	    loop invariant none: no_place_holds(pool, k, (uintptr_t)p);
	    loop assigns k;
	    loop variant INSTANCE_ARENAS - k;
	*/
	for (k = 0; k < INSTANCE_ARENAS; k++) {
		const struct arena_place *place = &pool->place[k];

		/*@ assert ready: place_ready(pool, k); */
		if (instance_distance(place->address, (uintptr_t)p) <
		    slabpool_acquire_size(&place->bytes)) {
			/*@ assert ahead: place->address <= (uintptr_t)p; */
			/*@ assert holds: arena_holds(&pool->arena[k], (uintptr_t)p); */
			return place->arena;
		}
		/*@ assert outside: place->bytes != 0 ==>
		      !arena_holds(&pool->arena[k], (uintptr_t)p); */
	}
	return NULL;
}

/*@ requires pool: \valid(pool);
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
size_t slabpool_reap(struct slabpool *pool);

/* Around fork(): all locks of the instance are taken, and given back on both sides; the child
 * also collects what the threads that it does not have held. had_threads: there may have been
 * some that have no record yet. */
/*@ requires pool: \valid(pool);
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
void slabpool_fork_prepare(struct slabpool *pool);
/*@ requires pool: \valid(pool);
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
void slabpool_fork_parent(struct slabpool *pool);
/*@ requires pool: \valid(pool);
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
void slabpool_fork_child(struct slabpool *pool, bool had_threads);

/* Shows a call to the observer. */
/*@ requires pool: \valid_read(pool) && event_known(pool) && \valid_read(event);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
static inline void instance_event(struct slabpool *pool, const struct slabpool_event *event)
{
	if (SLABPOOL_LIKELY(pool->event == NULL))
		return;
	/*@ calls slabpool_user_event; */
	pool->event(pool->event_context, event);
}

#endif
