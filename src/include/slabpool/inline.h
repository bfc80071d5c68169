/* SPDX-License-Identifier: MIT */
/**
 * @file inline.h
 * The fast path, as the library itself compiles it and, for a program that defines SLABPOOL_INLINE
 * before it includes slabpool/slab.h, compiled into the caller: kmem_cache_alloc() and
 * kmem_cache_free() without a call while the thread's magazine has an object or room. Such a
 * program has to be compiled again for a library of another layout; it is checked when it starts.
 */
#ifndef SLABPOOL_INLINE_H
#define SLABPOOL_INLINE_H

#include <slabpool/gfp.h>
#include <slabpool/hot.h>

/* The calling thread's slot of a cache of the default instance. */
static inline struct slabpool_slot *slabpool_slot_of(const struct slabpool_hot *hot)
{
	return slabpool_slot_at(slabpool_thread_slots, hot->slot_offset);
}

static inline void *slabpool_fast_alloc(struct kmem_cache *cache, const struct slabpool_hot *hot,
					gfp_t gfp)
{
	struct slabpool_magazine *m = &slabpool_slot_of(hot)->loaded;
	uint32_t count = m->count;

	if (SLABPOOL_UNLIKELY(count == 0 || (gfp & __GFP_ZERO) != 0))
		return slabpool_alloc_slow(cache, gfp);
	/*@ ghost granule_is_inside(hot, m->store->object[count - 1]); */
	return slabpool_hot_take(hot, m, count - 1);
}

static inline void slabpool_fast_free(struct kmem_cache *cache, const struct slabpool_hot *hot,
				      void *object)
{
	struct slabpool_magazine *m = &slabpool_slot_of(hot)->loaded;

	if (SLABPOOL_LIKELY(slabpool_hot_give(hot, m, object)))
		return;
	/*@ assert refused: cache->arena == \at(cache->arena, Pre) &&
	      cache->pool == \at(cache->pool, Pre); */
	slabpool_free_slow(cache, object);
}

#endif
