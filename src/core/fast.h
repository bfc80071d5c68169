/* SPDX-License-Identifier: MIT */
/* Contracts of slabpool/inline.h: the fast path with the calling thread's slot, over the slow path.
 * Included by core/cache.h where it is known what a cache is. */
#ifndef SLABPOOL_CORE_FAST_H
#define SLABPOOL_CORE_FAST_H

#include "../../proofs/logic/Fast.acsl"

/*@ requires table: slots != \null;
    requires whole: bytes % sizeof(struct slabpool_slot) == 0;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures begins: \result == slots + bytes / sizeof(struct slabpool_slot);
*/
struct slabpool_slot *slabpool_slot_at(struct slabpool_slot *slots, size_t bytes);

/* Whatever the fast path cannot do. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool, slabpool_thread_slots,
            cache->hot.state[0 .. granules_to_end(&cache->hot)], slot_of(&cache->hot)->loaded;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
    ensures hot: hot_kept{Pre, Post}(&cache->hot);
    ensures object: \result == \null || life_began{Pre, Post}(&cache->hot, \result);
    ensures others: lives_kept{Pre, Post}(&cache->hot);
*/
void *slabpool_alloc_slow(struct kmem_cache *cache, unsigned int gfp);
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool, slabpool_thread_slots,
            cache->hot.state[0 .. granules_to_end(&cache->hot)], slot_of(&cache->hot)->loaded;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
    ensures hot: hot_kept{Pre, Post}(&cache->hot);
    ensures others: other_lives_kept{Pre, Post}(&cache->hot, object);
*/
void slabpool_free_slow(struct kmem_cache *cache, void *object);

/* The calling thread's slot of a cache. */
/*@ requires hot: \valid_read(hot);
    requires slot: slot_whole(hot);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures slot: \result == slot_of(hot);
*/
static inline struct slabpool_slot *slabpool_slot_of(const struct slabpool_hot *hot);

/* An object whose life begins, or NULL if the slow path says so. */
/*@ requires cache: cache_ready(cache) && hot == &cache->hot;
    requires slot: slot_whole(hot);
    requires slots_apart: slots_apart(&slot_of(hot)->loaded);
    requires memory: stock_memory(hot, &slot_of(hot)->loaded);
    requires idle: stock_idle(hot, &slot_of(hot)->loaded);
    requires placed: stock_placed(hot, &slot_of(hot)->loaded);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool, slabpool_thread_slots,
            hot->state[0 .. granules_to_end(hot)], slot_of(hot)->loaded;
    ensures object: \result == \null || life_began{Pre, Post}(hot, \result);
    ensures others: lives_kept{Pre, Post}(hot);
    ensures hot: hot_kept{Pre, Post}(hot);
    behavior served:
      assumes some: slot_of(hot)->loaded.count > 0 && (gfp & __GFP_ZERO) == 0;
      assigns slot_of(hot)->loaded.count, hot->state[0 .. granules_to_end(hot)];
      ensures one_less: slot_of(hot)->loaded.count == \old(slot_of(hot)->loaded.count) - 1;
      ensures last_in: \result ==
              \old(slot_of(hot)->loaded.store->object[slot_of(hot)->loaded.count - 1]);
      ensures given: \result != \null;
      ensures memory: stock_memory(hot, &slot_of(hot)->loaded);
      ensures idle: stock_idle(hot, &slot_of(hot)->loaded);
      ensures placed: stock_placed(hot, &slot_of(hot)->loaded);
*/
static inline void *slabpool_fast_alloc(struct kmem_cache *cache, const struct slabpool_hot *hot,
					gfp_t gfp);

/* Ends an object's life, or leaves it to the slow path to decide. */
/*@ requires cache: cache_ready(cache) && hot == &cache->hot;
    requires slot: slot_whole(hot);
    requires table: state_table(hot);
    requires tag: hot->fast_tag != 0;
    requires object: object_live(hot, object) ==> object != \null;
    requires slots_apart: slots_apart(&slot_of(hot)->loaded);
    requires memory: stock_memory(hot, &slot_of(hot)->loaded);
    requires idle: stock_idle(hot, &slot_of(hot)->loaded);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool, slabpool_thread_slots,
            hot->state[0 .. granules_to_end(hot)], slot_of(hot)->loaded,
            slot_of(hot)->loaded.store->object[slot_of(hot)->loaded.count];
    ensures others: other_lives_kept{Pre, Post}(hot, object);
    ensures hot: hot_kept{Pre, Post}(hot);
    behavior accepted:
      assumes live: object_live(hot, object) &&
              slot_of(hot)->loaded.count < slot_of(hot)->loaded.capacity;
      ensures ended: object_idle(hot, object);
      ensures one_more: slot_of(hot)->loaded.count == \old(slot_of(hot)->loaded.count) + 1;
      ensures last_in: slot_of(hot)->loaded.store->object[slot_of(hot)->loaded.count - 1] ==
              object;
      ensures memory: stock_memory(hot, &slot_of(hot)->loaded);
      ensures idle: stock_idle(hot, &slot_of(hot)->loaded);
*/
static inline void slabpool_fast_free(struct kmem_cache *cache, const struct slabpool_hot *hot,
				      void *object);

#include <slabpool/inline.h>

#endif
