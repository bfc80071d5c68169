/* SPDX-License-Identifier: MIT */
/*
 * Each single allocation and free of a cache, step by step: which magazine it is taken from, how
 * large the next one is, what is exchanged, refilled, flushed and kept. depot.c says it in words;
 * here it is said as a transition of numbers, and what slabpool does has to be the same.
 */
#ifndef FUZZ_STEPS_H
#define FUZZ_STEPS_H

#include "world.h"

/* A new world. */
void steps_reset(void);
/* Before a call on this cache. */
void steps_before(const struct world *w, struct kmem_cache *cache);
/* It gave an object; or it took one back. */
void steps_took(struct world *w);
void steps_gave(struct world *w);
/*
 * Around a call that takes all magazines of a thread. The record of a thread that ends: what they
 * hold goes to the depot of its home first; NULL: it goes to the slabs.
 */
void steps_before_flush(const struct world *w, const void *ending);
void steps_flushed(struct world *w);

#endif
