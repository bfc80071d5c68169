/* SPDX-License-Identifier: MIT */
/* The lists of the depot: full magazines by home, old ones, empty stores. See stock.c. */
#ifndef SLABPOOL_CORE_STOCK_H
#define SLABPOOL_CORE_STOCK_H

#include "core/cache.h"
#include "core/magazine.h"

/* Keeps an empty store for the next exchange; false: it is not to be kept. */
/*@ requires memory: \valid(cache) && cache_apart_from_stores(cache);
    requires lists: depot_in_heap(cache) && heap_shape;
    requires store: in_store_heap(store);
    terminates always: \true;
    exits never: \false;
    assigns cache->spare, cache->spare_count, store->next;
    ensures kept: \result ==> cache->spare == store && store->next == \old(cache->spare) &&
            cache->spare_count == \old(cache->spare_count) + 1;
    ensures refused: !\result ==> cache->spare == \old(cache->spare) &&
            store->next == \old(store->next) &&
            cache->spare_count == \old(cache->spare_count);
    ensures size: \result ==> store->capacity == cache->limit;
    ensures lists: depot_in_heap(cache);
    ensures linked: heap_linked;
*/
SLABPOOL_UNDER(cache_locks)
bool stock_spare_put(struct kmem_cache *cache, struct slabpool_store *store);
/* One of the empty stores, all of them of the size of the cache's limit; NULL: none. */
/*@ requires memory: \valid(cache) && cache_apart_from_stores(cache);
    requires lists: depot_in_heap(cache) && heap_shape;
    terminates always: \true;
    exits never: \false;
    assigns cache->spare, cache->spare_count, cache->spare->next;
    ensures none: \result == \null <==>
            \old(cache->spare_count) == 0 || \old(cache->spare) == \null;
    ensures kept: \result == \null ==> cache->spare == \old(cache->spare) &&
            cache->spare_count == \old(cache->spare_count);
    ensures taken: \result != \null ==> \result == \old(cache->spare) &&
            cache->spare == \old(cache->spare->next) && \result->next == \null &&
            cache->spare_count == \old(cache->spare_count) - 1;
    ensures lists: depot_in_heap(cache);
    ensures linked: heap_linked;
*/
SLABPOOL_UNDER(cache_locks)
struct slabpool_store *stock_spare_get(struct kmem_cache *cache);

/* The last used full magazine of a home; NULL: none. */
/*@ requires memory: \valid(cache) && cache_apart_from_stores(cache);
    requires range: home < DEPOT_HOMES;
    requires lists: depot_in_heap(cache) && heap_shape;
    requires counted: homes_counted(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->home[home], cache->full_count, cache->home[home].full->next;
    ensures none: \result == \null <==> !has_full{Pre}(cache, home);
    ensures kept: \result == \null ==> homes_kept{Pre, Post}(cache) &&
            cache->full_count == \old(cache->full_count);
    ensures taken: \result != \null ==> home_popped{Pre, Post}(cache, home, \result) &&
            cache->full_count == \old(cache->full_count) - 1;
    ensures counted: homes_counted(cache);
    ensures lists: depot_in_heap(cache);
    ensures linked: heap_linked;
*/
SLABPOOL_UNDER(cache_locks)
struct slabpool_store *stock_full_get(struct kmem_cache *cache, uint32_t home);
/* The last of the old magazines to become old; NULL: none. */
/*@ requires memory: \valid(cache) && cache_apart_from_stores(cache);
    requires lists: depot_in_heap(cache) && heap_shape;
    requires counted: homes_counted(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->old, cache->old_count, cache->old->next;
    ensures none: \result == \null <==>
            \old(cache->old_count) == 0 || \old(cache->old) == \null;
    ensures kept: \result == \null ==> cache->old == \old(cache->old) &&
            cache->old_count == \old(cache->old_count);
    ensures taken: \result != \null ==> \result == \old(cache->old) &&
            cache->old == \old(cache->old->next) && \result->next == \null &&
            cache->old_count == \old(cache->old_count) - 1;
    ensures counted: homes_counted(cache);
    ensures lists: depot_in_heap(cache);
    ensures linked: heap_linked;
*/
SLABPOOL_UNDER(cache_locks)
struct slabpool_store *stock_old_get(struct kmem_cache *cache);
/* A home with a full magazine, but for this one, the next first; DEPOT_HOMES: none. */
/*@ requires memory: \valid_read(cache);
    requires range: home < DEPOT_HOMES;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures sound: \result < DEPOT_HOMES ==> \result != home && has_full(cache, \result);
    ensures complete: \result >= DEPOT_HOMES ==> \result == DEPOT_HOMES &&
            \forall integer h; 0 <= h < 16 && h != home ==> !has_full(cache, h);
*/
SLABPOOL_UNDER(cache_locks)
uint32_t stock_other_home(const struct kmem_cache *cache, uint32_t home);

/* The depot may hold one more magazine. */
/*@ requires memory: \valid_read(cache);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> cache->full_count + cache->old_count < cache->shared &&
            cache->depot_objects <= SIZE_MAX - MAGAZINE_MAX;
*/
SLABPOOL_UNDER(cache_locks)
bool stock_has_room(const struct kmem_cache *cache);
/* Puts a magazine with objects into a home. */
/*@ requires memory: \valid(cache) && cache_apart_from_stores(cache);
    requires range: home < DEPOT_HOMES;
    requires lists: depot_in_heap(cache) && heap_shape;
    requires store: in_store_heap(store);
    requires room: cache->full_count < UINT32_MAX &&
             cache->depot_objects + store->count <= SIZE_MAX;
    requires counted: homes_counted(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->home[home], cache->full_count, cache->depot_objects, store->next;
    ensures put: home_pushed{Pre, Post}(cache, home, store);
    ensures count: cache->full_count == \old(cache->full_count) + 1;
    ensures objects: cache->depot_objects == \old(cache->depot_objects) + store->count;
    ensures counted: homes_counted(cache);
    ensures lists: depot_in_heap(cache);
    ensures linked: heap_linked;
*/
SLABPOOL_UNDER(cache_locks)
void stock_full_put(struct kmem_cache *cache, uint32_t home, struct slabpool_store *store);
/* A home's full magazines below the first `keep` ones become the first of the old. */
/*@ requires memory: \valid(cache) && cache_apart_from_stores(cache);
    requires range: home < DEPOT_HOMES;
    requires keep: keep <= cache->home[home].count;
    requires lists: depot_in_heap(cache) && heap_shape;
    requires room: cache->old_count + cache->home[home].count <= UINT32_MAX;
    requires counted: homes_counted(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->home[home], cache->old, cache->old_count, cache->full_count, STORE_LINKS;
    ensures count: cache->home[home].count == keep && cache->home[home].low == keep;
    ensures moved: cache->old_count + cache->full_count ==
            \old(cache->old_count) + \old(cache->full_count);
    ensures old_count: cache->old_count ==
            \old(cache->old_count) + \old(cache->home[home].count) - keep;
    ensures counted: homes_counted(cache);
    ensures lists: depot_in_heap(cache);
    ensures linked: heap_linked;
*/
SLABPOOL_UNDER(cache_locks)
void stock_retire(struct kmem_cache *cache, uint32_t home, uint32_t keep);

#endif
