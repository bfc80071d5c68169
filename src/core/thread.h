/* SPDX-License-Identifier: MIT */
/* What a thread holds: two magazines of each cache it uses. See thread.c. */
#ifndef SLABPOOL_CORE_THREAD_H
#define SLABPOOL_CORE_THREAD_H

#include "core/cache.h"

struct thread_record {
	struct slabpool_slot *slot;         /* a table of options.max_caches, by id of the cache */
	struct slabpool *pool;
	/* In the instance's list. */
	struct thread_record *next SLABPOOL_GUARDED(instance_locks);
	struct thread_record *prev SLABPOOL_GUARDED(instance_locks);
	uint32_t home;                      /* in every depot */
};

/* Without room and without objects: stand in for what does not exist, so that the fast path needs
 * no test. Never written. */
extern struct thread_record thread_none, thread_gone;

/* The default instance's record of the calling thread; slabpool_thread_slots is its table. */
extern SLABPOOL_THREAD_LOCAL struct thread_record *slabpool_thread_current;

/* The calling thread's record on any other instance, or thread_none. */
/*@ requires pool: \valid(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures some: \result != \null;
*/
struct thread_record *thread_find(struct slabpool *pool);

/* The calling thread's slot for this cache; perhaps one of a stand-in's. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures some: \result != \null;
*/
struct slabpool_slot *thread_slot(const struct kmem_cache *cache);
/* The slot of this cache in a thread's record. */
/*@ requires memory: \valid_read(record) && \valid_read(cache);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures place: \result == record->slot + cache->id;
*/
static inline struct slabpool_slot *thread_slot_in(const struct thread_record *record,
						   const struct kmem_cache *cache)
{
	return &record->slot[cache->id];
}

/* A slot with two magazines, made if need be and brought up to the cache's epoch and limit;
 * NULL where this thread can have none. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures of_cache: \result != \null ==> \result->cache == cache;
*/
struct slabpool_slot *thread_slot_get(struct kmem_cache *cache);
/* Gives what a slot holds back to the slabs. */
/*@ requires slot: \valid(slot);
    terminates always: \true;
    exits never: \false;
    assigns *slot, *slot->cache;
    ensures unused: slot->cache == \null;
*/
void thread_slot_flush(struct slabpool_slot *slot);
/* The calling thread's slot of this cache, emptied; all slots of all threads, emptied. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
*/
void thread_flush_own(struct kmem_cache *cache);
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
*/
SLABPOOL_OUTSIDE(instance_locks)
void thread_flush_all(struct kmem_cache *cache);
/* Objects that all threads hold of this cache. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
SLABPOOL_UNDER(instance_locks)
size_t thread_held(const struct kmem_cache *cache);
/* Frees the records of all threads but the calling one, which do not exist any more (after fork);
 * what their magazines held is left for the caller to find. @return true if there were any. */
/*@ requires pool: \valid(pool);
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
bool thread_abandon_others(struct slabpool *pool);

#endif
