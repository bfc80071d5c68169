/* SPDX-License-Identifier: MIT */
/*
 * What an address is, found by walking the allocator's lists: neither state bytes nor the lookup
 * of a free are asked. The oracle for reports of misuse, and where crimes find their victims.
 */
#ifndef FUZZ_INSIDE_H
#define FUZZ_INSIDE_H

#include <slabpool/slabpool.h>

/* Where an object of a cache is. */
enum fuzz_place {
	PLACE_OWN,     /* free, in a magazine of the thread whose turn it is */
	PLACE_OTHER,   /* free, in another thread's */
	PLACE_DEPOT,   /* free, in a magazine of the depot */
	PLACE_SLAB,    /* free in its slab */
	PLACE_HELD     /* in somebody's hands */
};

enum fuzz_found_what { FOUND_NOTHING, FOUND_SLACK, FOUND_OBJECT, FOUND_RUN };

struct fuzz_found {
	enum fuzz_found_what what;   /* SLACK: in a slab, in none of its objects */
	struct kmem_cache *cache;    /* of a slab; NULL also for the allocator's own */
	uintptr_t start;             /* of the object or run */
	size_t bytes;
	const char *text;            /* what a report calls it when it is freed by a wrong call */
	const char *name;            /* of the cache */
};

struct fuzz_found fuzz_inside_find(struct slabpool *pool, const void *p);
/* Where the object of a cache is that starts at p. */
enum fuzz_place fuzz_inside_place(const struct kmem_cache *cache, const void *p);
/* The address is the start of an object or run that is not free. */
bool fuzz_inside_held(struct slabpool *pool, const void *p);
/* The address of one of the free objects that a cache has in this place, or NULL. */
void *fuzz_inside_free(const struct kmem_cache *cache, enum fuzz_place place, uint32_t which);
/* The end of the bytes from p on that are this cache's and nobody holds; p if there are none. */
unsigned char *fuzz_inside_idle_end(struct slabpool *pool, const struct kmem_cache *cache,
				    unsigned char *p);
/* The lock of a cache. */
const struct slabpool_lock *fuzz_inside_lock(const struct kmem_cache *cache);
/* Addresses of the allocator's own data, by number; NULL where there is no such data now. */
#define INSIDE_METADATA 16u
void *fuzz_inside_metadata(struct slabpool *pool, const struct kmem_cache *cache, uint32_t which);

#endif
