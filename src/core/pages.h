/* SPDX-License-Identifier: MIT */
/* Page runs: large kmalloc, alloc_pages, vmalloc. See pages.c. */
#ifndef SLABPOOL_CORE_PAGES_H
#define SLABPOOL_CORE_PAGES_H

#include "core/arena.h"
#include <slabpool/slabpool.h>

/* A run of at least bytes, aligned to its size rounded up to a power of two (as far as the arena
 * goes) and to align; its first state byte is kind. NULL without memory. */
/*@ requires pool: \valid(pool);
    requires bytes: 0 < bytes;
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
void *pages_alloc(struct slabpool *pool, size_t bytes, size_t align, uint8_t kind, gfp_t gfp);
/* Frees a run whose state byte is kind; false if there is none at p. */
/*@ requires pool: \valid(pool);
    requires kind: 252 <= kind <= 254;
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
bool pages_free(struct slabpool *pool, const void *p, uint8_t kind);
/* Bytes of the live run at p, 0 if there is none; its kind. */
/*@ requires pool: \valid(pool) && \valid(kind);
    terminates always: \true;
    exits never: \false;
    assigns *kind;
    ensures run: \result != 0 ==> 252 <= *kind <= 254;
*/
size_t pages_size(struct slabpool *pool, const void *p, uint8_t *kind);

#endif
