/* SPDX-License-Identifier: MIT */
/* Hostile adapters for target misuse: what goes wrong when something else did. */
#include "inside.h"
#include "planted.h"
#include "world.h"

#include <string.h>

#define REAL fuzz_adapter_slabpool

static bool crime_seen;

void plant_misuse_reset(void)
{
	crime_seen = false;
}

/* --- what a refused free does --- */

static void trace_left(struct kmem_cache *cache, void *object)
{
	unsigned char *p;

	REAL.cache_free(cache, object);
	p = fuzz_world.crime_kinds ? fuzz_inside_free(cache, PLACE_SLAB, 0) : NULL;
	if (p)
		*p ^= 1;
}

static void report_locked(struct kmem_cache *cache, void *object)
{
	uint32_t held = fuzz_world.crime_kinds != 0;

	fuzz_platform.locks_held += held;
	REAL.cache_free(cache, object);
	fuzz_platform.locks_held -= held;
}

static void reported_twice(struct kmem_cache *cache, void *object)
{
	REAL.cache_free(cache, object);
	if (fuzz_world.crime_kinds)
		REAL.cache_free(cache, object);
}

static void ignored_reported(struct kmem_cache *cache, void *object)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_DOUBLE_FREE, .call = "kmem_cache_free", .pointer = object,
	};

	REAL.cache_free(cache, object);
	if (fuzz_world.crime_kinds && fuzz_world.options.misuse == SLABPOOL_MISUSE_IGNORE)
		world_report(NULL, &report);
}

static void refusal_observed(struct kmem_cache *cache, void *object)
{
	fuzz_world.events += fuzz_world.crime_kinds != 0;
	REAL.cache_free(cache, object);
}

static void crime_noted(struct kmem_cache *cache, void *object)
{
	crime_seen |= fuzz_world.crime_kinds != 0;
	REAL.cache_free(cache, object);
}

static void *null_after_crime(struct kmem_cache *cache, gfp_t gfp)
{
	return crime_seen ? NULL : REAL.cache_alloc(cache, gfp);
}

static void *null_of_destroyed(struct kmem_cache *cache, gfp_t gfp)
{
	return fuzz_world.crime_kinds ? NULL : REAL.cache_alloc(cache, gfp);
}

/* As if the link to the next free object lay in the object. */
static void *linked_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	uint64_t *p = REAL.cache_alloc(cache, gfp);

	if (fuzz_world.current_cache == FUZZ_NONE ||
	    fuzz_world.cache[fuzz_world.current_cache].ctor)
		return p;
	return p && *p == 0xd5d5d5d5d5d5d5d5u ? NULL : p;
}

static void bad_element_unnoticed(void *element, mempool_t *pool)
{
	if (!fuzz_world.crime_kinds)
		REAL.pool_free(element, pool);
}

/* --- what is said --- */

static void wrong_owner(struct slabpool_report *report)
{
	if (report->other)
		report->other = "another";
}

static size_t wrong_line(const struct slabpool_report *report, char *line, size_t bytes)
{
	size_t length = REAL.report_line(report, line, bytes);

	if (report->crime && length && length < bytes)
		line[length - 1] = '\0';
	return length;
}

static struct slabpool *never_aborting(const struct slabpool_platform *platform,
				       const struct slabpool_options *options)
{
	struct slabpool_options mild = *options;

	if (mild.misuse == SLABPOOL_MISUSE_ABORT)
		mild.misuse = SLABPOOL_MISUSE_REPORT;
	return REAL.create(platform, &mild);
}

#define PLANT(name, member, function) \
	void plant_##name(struct fuzz_adapter *a) { a->member = function; }

PLANT(trace_left, cache_free, trace_left)
PLANT(wrong_owner, on_report, wrong_owner)
PLANT(wrong_line, report_line, wrong_line)
PLANT(report_locked, cache_free, report_locked)
PLANT(reported_twice, cache_free, reported_twice)
PLANT(ignored_reported, cache_free, ignored_reported)
PLANT(abort_ignored, create, never_aborting)
PLANT(refusal_observed, cache_free, refusal_observed)
PLANT(destroyed_unnoticed, cache_alloc, null_of_destroyed)
PLANT(free_list_inside, cache_alloc, linked_alloc)
PLANT(bad_element_unnoticed, pool_free, bad_element_unnoticed)

void plant_useless_after_crime(struct fuzz_adapter *a)
{
	a->cache_free = crime_noted;
	a->cache_alloc = null_after_crime;
}
