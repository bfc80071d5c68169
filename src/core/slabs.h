/* SPDX-License-Identifier: MIT */
/* A cache's slabs: new ones, objects out of them and back, and old ones given back. */
#ifndef SLABPOOL_CORE_SLABS_H
#define SLABPOOL_CORE_SLABS_H

#include "core/instance.h"
#include "core/lookup.h"

#include "../../proofs/logic/Batch.acsl"
#include "../../proofs/logic/Slabs.acsl"

/* --- slabs.c: new slabs, and old ones given back --- */
/* The clock, and the option retain_ms, in seconds. */
/*@ requires memory: \valid_read(cache) && \valid_read(cache->pool);
    requires platform: platform_ok(&cache->pool->platform);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures still: cache->pool->platform.clock == \null ==> \result == 0;
*/
uint32_t slabs_now(struct kmem_cache *cache);
/*@ requires memory: \valid_read(cache) && \valid_read(cache->pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures rounded: \result == (cache->pool->options.retain_ms + 999) / 1000;
*/
uint32_t slabs_retain(const struct kmem_cache *cache);
/* Makes one slab and files it; takes the lock itself. False without memory. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
SLABPOOL_OUTSIDE(cache_locks)
bool slabs_add(struct kmem_cache *cache);
/* Gives empty slabs back while they are more than keep_bytes or older than max_age seconds.
 * Takes the lock itself. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
SLABPOOL_OUTSIDE(cache_locks)
void slabs_trim(struct kmem_cache *cache, size_t keep_bytes, uint32_t max_age);
/* What the options say about retention, after a slab became empty. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
SLABPOOL_OUTSIDE(cache_locks)
void slabs_trim_default(struct kmem_cache *cache);
/* Gives all slabs back, their memory idle: the cache is destroyed. Takes the lock itself. */
/*@ requires cache: cache_ready(cache);
    terminates always: \true;
    exits never: \false;
    assigns *cache, *cache->arena, *cache->pool;
    ensures identity: cache_identity_kept{Pre, Post}(cache);
*/
SLABPOOL_OUTSIDE(cache_locks)
void slabs_close(struct kmem_cache *cache);

/* --- batch.c: objects out of slabs, and back --- */
/* Takes up to n objects out of slabs, ascending in each. Their state bytes stay 0. */
/*@ requires memory: slabs_memory(cache);
    requires steady: slabs_steady(cache);
    requires room: \valid(objects + (0 .. n - 1));
    requires apart: batch_apart(cache, objects, n);
    terminates always: \true;
    exits never: \false;
    assigns objects[0 .. n - 1], cache->list[0 .. LIST_COUNT - 1], cache->empty_last, cache->slabs,
      cache->empty_slabs, cache->full_slabs, cache->free_objects, CACHE_PROTECTED_SLABS(cache);
    ensures bounded: \result <= n;
    ensures steady: slabs_steady(cache);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures sum: cache->free_objects == (\old(cache->free_objects) >= \result ?
      \old(cache->free_objects) - \result : 0);
*/
SLABPOOL_UNDER(cache_locks)
uint32_t depot_take(struct kmem_cache *cache, void **objects, uint32_t n);
/* Gives n objects back to their slabs. True if a slab became empty. */
/*@ requires memory: slabs_memory(cache) && cache_ready(cache);
    requires pool: reports_known(cache->pool);
    requires steady: slabs_steady(cache);
    requires objects: \valid_read(objects + (0 .. n - 1));
    requires apart: batch_apart(cache, objects, n);
    terminates always: \true;
    exits ended: \true;
    assigns cache->list[0 .. LIST_COUNT - 1], cache->empty_last, cache->slabs, cache->empty_slabs,
      cache->full_slabs, cache->free_objects, CACHE_PROTECTED_SLABS(cache);
    ensures steady: slabs_steady(cache);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures sum: \old(cache->free_objects) <= cache->free_objects <=
      \old(cache->free_objects) + n;
*/
SLABPOOL_UNDER(cache_locks)
bool depot_give(struct kmem_cache *cache, void *const *objects, uint32_t n);

#endif
