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
#include <slabpool/magazine.h>

/* The calling thread's slot of a cache of the default instance. */
static inline struct slabpool_slot *slabpool_slot_of(const struct slabpool_hot *hot)
{
	return slabpool_slot_at(slabpool_thread_slots, hot->slot_offset);
}

/* Granule of an address in this cache's arena; beyond all granules for anything that is not the
 * start of one: low bits of an interior pointer become high ones. */
static inline size_t slabpool_granule_of(const struct slabpool_hot *hot, const void *object)
{
	size_t offset = (uintptr_t)object - hot->address;
	uint32_t shift = hot->granule_shift;

	return offset >> shift | offset << (sizeof(size_t) * 8 - shift);
}

/* Hands out the magazine's last object; left is the count without it. */
static inline void *slabpool_hot_take(const struct slabpool_hot *hot, struct slabpool_magazine *m,
				      uint32_t left)
{
	uint32_t shift = hot->granule_shift;
	uint8_t tag = hot->tag;
	void *object = slabpool_magazine_pop(m, left);

	if (SLABPOOL_CHECKS)
		slabpool_store_u8(slabpool_state_at(hot->state_of_0, object, shift), tag);
	return object;
}

/* Takes a live object back if there is room in the magazine; false, and nothing changes, if it is
 * none, if every free is to be looked at, or if there is no room. */
static inline bool slabpool_hot_give(const struct slabpool_hot *hot, struct slabpool_magazine *m,
				     void *object)
{
	size_t granule = slabpool_granule_of(hot, object);
	size_t count = m->count;
	uint8_t *state;

	if (SLABPOOL_CHECKS) {
		if (SLABPOOL_UNLIKELY(granule >= slabpool_load_size(&hot->granules)))
			return false;
		state = &hot->state[granule];
		if (SLABPOOL_UNLIKELY(slabpool_load_u8(state) != hot->fast_tag))
			return false;
		if (SLABPOOL_UNLIKELY(count == m->capacity))
			return false;
		slabpool_store_u8(state, 0);
	} else if (SLABPOOL_UNLIKELY(count == m->capacity)) {
		return false;
	}
	slabpool_magazine_push(m, count, object);
	return true;
}

static inline void *slabpool_fast_alloc(struct kmem_cache *cache, const struct slabpool_hot *hot,
					gfp_t gfp)
{
	struct slabpool_magazine *m = &slabpool_slot_of(hot)->loaded;
	uint32_t count = m->count;

	if (SLABPOOL_UNLIKELY(count == 0 || (gfp & __GFP_ZERO) != 0))
		return slabpool_alloc_slow(cache, gfp);
	return slabpool_hot_take(hot, m, count - 1);
}

static inline void slabpool_fast_free(struct kmem_cache *cache, const struct slabpool_hot *hot,
				      void *object)
{
	if (SLABPOOL_UNLIKELY(!slabpool_hot_give(hot, &slabpool_slot_of(hot)->loaded, object)))
		slabpool_free_slow(cache, object);
}

#endif
