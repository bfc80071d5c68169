/* SPDX-License-Identifier: MIT */
/* What a new cache is made of. See setup.c for the theory. */
#ifndef SLABPOOL_CORE_SETUP_H
#define SLABPOOL_CORE_SETUP_H

#include "core/instance.h"

#define FLAGS_KNOWN                                                                              \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_HWCACHE_ALIGN |            \
	 SLAB_STORE_USER | SLAB_RECLAIM_ACCOUNT | SLAB_PANIC | SLAB_TYPESAFE_BY_RCU |            \
	 SLAB_TRACE | SLAB_NO_MERGE | SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_MEM_SPREAD |      \
	 SLAB_DEBUG_OBJECTS | SLAB_NOLEAKTRACE | SLAB_FAILSLAB | SLAB_ACCOUNT | SLAB_KASAN |     \
	 SLAB_NO_USER_FLAGS | SLAB_SKIP_KFENCE | SLAB_KMALLOC | SLAB_NO_OBJ_EXT | SLAB_NOTRACK)
/* A cache with one of these is never merged. */
#define FLAGS_NO_MERGE                                                                           \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE |  \
	 SLAB_TYPESAFE_BY_RCU | SLAB_NO_MERGE | SLAB_NOLEAKTRACE | SLAB_FAILSLAB)
/* Caches are alike only if these agree. */
#define FLAGS_SAME (SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_ACCOUNT)

#include "../../proofs/logic/Setup.acsl"

/* The shift of a granule: 2^shift bytes. */
/*@ requires granule: granule_known(granule);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: 3 <= \result <= 10;
    ensures size: granule_size(\result) == granule;
*/
uint32_t granule_shift_of(uint32_t granule);
/* Sets up a descriptor over zeroed memory. 0 or a negative errno. */
/*@ requires memory: \valid(pool) && \valid(cache);
    requires options: options_ranges(&pool->options);
    requires arenas: arenas_made_well(pool);
    requires apart: cache_apart(pool, cache);
    requires args: args_apart(cache, (struct kmem_cache_args *)args);
    requires blank: cache_blank(cache) && cache->id <= 8192;
    terminates always: \true;
    exits never: \false;
    assigns *cache, pool->arena[0 .. 3], pool->place[0 .. 3], pool->arena_made[0 .. 3],
      pool->arena_lock;
    ensures status: \result == 0 || \result == -22 || \result == -12;
    ensures arenas: arenas_made_well(pool);
    ensures ready: \result == 0 ==> cache_blank(cache) && cache_limits(cache);
    ensures asked: cache->pool == pool && cache->size == size && cache->flags == flags &&
            cache->name == name;
    ensures id: cache->id == \old(cache->id);
    ensures arena: \result == 0 ==> arena_of(pool, cache->arena);
    ensures geometry: \result == 0 ==> geometry_sound(&cache->geometry, SLABPOOL_PAGE_SHIFT) &&
            geometry_serves(&cache->geometry, size, args == \null ? 0 : \old(args->align)) &&
            geometry_in_arena(&cache->geometry, cache->arena);
    ensures hot: \result == 0 ==> hot_of_arena(&cache->hot, cache->arena) &&
            table_placed(&cache->hot);
    ensures table: \result == 0 && table_apart(&cache->hot) ==> state_table(&cache->hot);
    ensures tag: \result == 0 ==> (cache->hot.tag == STATE_NONE <==> life == CACHE_META) &&
            cache->life == life;
    ensures fast: \result == 0 ==> confirm_right(cache) && zero_right(cache, &pool->options) &&
            fast_tag_right(cache, &pool->options);
    ensures slots: \result == 0 ==> slots_right(cache, pool);
*/
SLABPOOL_UNDER(instance_locks)
int cache_setup(struct slabpool *pool, struct kmem_cache *cache, const char *name, uint32_t size,
		const struct kmem_cache_args *args, slab_flags_t flags, enum cache_life life);
/* Releases what cache_setup made; the cache holds no slabs. */
/*@ requires memory: \valid(cache) && \valid(cache->arena);
    requires platform: platform_ok(&cache->pool->platform);
    requires outside: \separated(cache->arena, &cache->pool->platform);
    requires apart: \separated(cache, cache->arena);
    requires none: cache->slabs == 0;
    terminates always: \true;
    exits never: \false;
    assigns cache->lock, cache->arena->tag_used[cache->hot.tag],
      cache->arena->fast[cache->hot.tag];
    ensures returned: cache->life != CACHE_META ==>
            cache->arena->tag_used[cache->hot.tag] == 0 &&
            cache->arena->fast[cache->hot.tag] == \null;
*/
SLABPOOL_UNDER(instance_locks)
void cache_teardown(struct kmem_cache *cache);

#endif
