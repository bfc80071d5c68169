/* SPDX-License-Identifier: MIT */
/* The mempools of the model. */
#ifndef FUZZ_POOLS_H
#define FUZZ_POOLS_H

#include "world.h"

enum backend { OVER_CUSTOM, OVER_SLAB, OVER_KMALLOC, OVER_KVMALLOC, OVER_PAGES };

struct wpool {
	mempool_t *m;
	mempool_t storage;       /* of a pool that the program keeps itself */
	bool live, embedded;
	bool refused;            /* its arguments are wrong */
	int min_nr;
	enum backend kind;
	uint32_t cache;          /* of OVER_SLAB */
	size_t bytes, align;     /* of an element */
	uint32_t out;            /* elements in the program's hands */
	uint32_t counted;        /* what this pool adds to its cache's objects */
	/* OVER_CUSTOM: calls that gave and took an element; others: not counted. */
	uint32_t from_backend, to_backend;
	uint32_t had_from_backend;  /* before this operation */
	bool backend_failed;     /* a call failed in this operation */
	bool waited;             /* others used the pool meanwhile */
	bool asked;              /* by mempool_alloc(), with this gfp, so often */
	gfp_t gfp;
	uint32_t attempts;
	/* What a bulk allocation that runs has got so far: places_n places, empty ones NULL. */
	void *const *places;
	uint32_t places_n;
};
extern struct wpool pools[FUZZ_MAX_POOLS];
extern uint32_t pools_made;
/* Calls of the custom backend that fail from now on, after so many good ones. */
extern uint32_t pool_fail_next, pool_fail_after;
/* Calls of the custom backend during which somebody else gives an element back. */
extern uint32_t pool_meddle;

void pools_reset(struct world *w);
struct wpool *pool_new(struct world *w, uint32_t handle);
/* Callbacks for a kind of backend; false if it cannot be (no cache there). */
bool pool_backend(struct world *w, struct wpool *p, enum backend kind, uint32_t parameter,
		  mempool_alloc_t **alloc, mempool_free_t **release, void **data);
/* Before an operation on a pool. */
void pool_before(struct world *w, struct wpool *p);
/* Tells the model of the pool's cache how many of its objects the pool holds and lent. */
void pool_follow(struct world *w, struct wpool *p);
/* True if an address is an element in a reserve: an object like any other to its cache. */
bool pools_reserve(const void *address);
/* An attempt gave NULL: was there a reason in the backend? */
void pool_null(struct world *w, struct wpool *p);
/* True if memory for so many elements may not be there. */
bool pool_memory_full(struct world *w, const struct wpool *p, uint32_t count);
/* Ends a pool whose elements are all back. */
void pool_end(struct world *w, struct wpool *p);
/* Gives an element back to its pool. */
void element_back(struct world *w, uint32_t handle);
/* All elements of the custom backend that are out belong to a live pool. */
void pool_custom_check(void);

#endif
