/* SPDX-License-Identifier: MIT */
/*
 * The allocator's structures at rest: what is true of all of them between two calls, and
 * slabpool_is_valid() does not look at.
 */
#ifndef FUZZ_REST_H
#define FUZZ_REST_H

#include "world.h"

/* A new world. */
void rest_reset(void);
/* Nobody is in the middle of a call, and there is an instance of slabpool to look into. */
bool rest_can_look(const struct world *w);
/* A fork in the wrong moment loses so many empty stores, which nobody can find. */
void rest_lose_stores(uint32_t stores);
void rest_check(struct world *w);
void rest_check_instance(const struct slabpool *pool);
/* Where a reservation took a quarter of what could be had. */
struct rest_quarter {
	void *address;
	size_t most;  /* bytes that could be had */
};
/* What the instance's arenas took is that. */
void rest_check_quarters(const struct slabpool *pool, const struct rest_quarter *quarter, size_t n);
/* All was trimmed: of tables nothing is left that only free pages without memory need. */
void rest_check_trimmed(struct world *w);
/* All threads are gone, all caches destroyed, and all was reaped: so is what served them. */
void rest_check_end(struct world *w);

#endif
