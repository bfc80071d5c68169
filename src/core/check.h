/* SPDX-License-Identifier: MIT */
/* The one place that reports. */
#ifndef SLABPOOL_CORE_CHECK_H
#define SLABPOOL_CORE_CHECK_H

#include "core/instance.h"
#include "core/lookup.h"
#include "core/pages.h"

#include "../../proofs/logic/Owners.acsl"

/* Shows a report; after a caller's crime does what the options say. */
/*@ requires pool: \valid_read(pool) && reports_known(pool);
    requires report: \valid_read(report);
    terminates always: \true;
    exits ended: \true;
    assigns \nothing;
*/
void check_report(struct slabpool *pool, const struct slabpool_report *report);
/* Reports an object that cache must not take (or kfree: cache NULL), and says why. */
/*@ requires pool: \valid_read(pool) && reports_known(pool);
    requires maps: places_ready(pool) && places_maps_known(pool);
    requires cache: cache == \null || \valid_read(cache);
    terminates always: \true;
    exits ended: \true;
    assigns \nothing;
*/
SLABPOOL_COLD void check_bad_free(struct slabpool *pool, const char *call, struct kmem_cache *cache,
				  const void *object);
/* Reports an argument that create refuses; always NULL. */
/*@ requires pool: \valid_read(pool) && reports_known(pool);
    terminates always: \true;
    exits ended: \true;
    assigns \nothing;
*/
SLABPOOL_COLD void check_bad_argument(struct slabpool *pool, const char *call, const char *name,
				      const char *text, size_t size);
/* Reports an allocation that failed, unless gfp says not to; __GFP_NOFAIL ends the program. */
/*@ requires pool: \valid_read(pool) && reports_known(pool);
    terminates always: \true;
    exits ended: \true;
    assigns \nothing;
*/
SLABPOOL_COLD void check_no_memory(struct slabpool *pool, const char *call, const char *name,
				   size_t size, gfp_t gfp);
/* What is known about a pointer. */
struct check_description {
	struct arena *arena;        /* NULL: foreign */
	struct kmem_cache *cache;   /* owner of the slab there, or NULL */
	uintptr_t start;            /* of the object or run that holds it, or 0 */
	uint32_t state;             /* of the object's first granule */
	size_t bytes;               /* of the object or run */
	uint32_t index;
};

#include "../../proofs/logic/Check.acsl"

/*@ requires pool: \valid_read(pool) && places_ready(pool) && places_maps_known(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures foreign: \result.arena == \null ==> \result.cache == \null && \result.start == 0;
    ensures cache: \result.cache == \null || \valid_read(\result.cache);
    ensures user: \result.cache != \null ==> \result.cache->life != CACHE_META;
    ensures opened: \result.arena != \null ==> \result.arena->address <= (uintptr_t)p &&
      ((uintptr_t)p - \result.arena->address) / SLABPOOL_PAGE_SIZE < \result.arena->opened;
*/
struct check_description check_describe(struct slabpool *pool, const void *p);

#endif
