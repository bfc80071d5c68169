/* SPDX-License-Identifier: MIT */
/**
 * @file magazine.h
 * A magazine's two moves, as the library and inline.h compile them into the fast path.
 */
#ifndef SLABPOOL_MAGAZINE_H
#define SLABPOOL_MAGAZINE_H

#include <slabpool/layout.h>

/* Other threads may look at the count while its owner changes it (slabpool_cache_info()). */
static inline void slabpool_magazine_set_count(struct slabpool_magazine *m, uint32_t count)
{
	slabpool_store_u32(&m->count, count);
}

/* Takes the last object; left is the count without it. */
static inline void *slabpool_magazine_pop(struct slabpool_magazine *m, uint32_t left)
{
	void *const *object = m->store->object;

	slabpool_magazine_set_count(m, left);
	return object[left];
}

/* Adds an object that is not in it; count is the magazine's, less than its capacity. */
static inline void slabpool_magazine_push(struct slabpool_magazine *m, size_t count, void *object)
{
	m->store->object[count] = object;
	slabpool_magazine_set_count(m, (uint32_t)count + 1);
}

#endif
