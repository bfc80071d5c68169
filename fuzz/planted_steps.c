/* SPDX-License-Identifier: MIT */
/* Hostile adapters for what events.c and steps.c look at: nothing that a program could feel. */
#include "planted.h"
#include "world.h"

#include "core/cache.h"

#define REAL fuzz_adapter_slabpool

static struct {
	void (*event)(void *context, const struct slabpool_event *event);
	unsigned int frees, takes;
} mem;

void plant_steps_reset(void)
{
	mem.frees = mem.takes = 0;
}

/* --- the observer hears of another size --- */

static void wrong_event(void *context, const struct slabpool_event *event)
{
	struct slabpool_event wrong = *event;

	wrong.size += wrong.result != NULL && wrong.kind == SLABPOOL_EVENT_CACHE_ALLOC;
	mem.event(context, &wrong);
}

static void wrong_observe(struct slabpool *pool,
			  void (*event)(void *context, const struct slabpool_event *event),
			  void *context)
{
	mem.event = event;
	REAL.observe(pool, event ? wrong_event : NULL, context);
}

/* --- magazines go back to the slabs now and then --- */

static void flushing_free(struct kmem_cache *cache, void *object)
{
	REAL.cache_free(cache, object);
	if (!fuzz_world.crime_kinds && ++mem.frees % 7 == 0)
		REAL.thread_flush(fuzz_world.pool);
}

/* --- more is kept than the options say --- */

static struct slabpool *keeping_create(const struct slabpool_platform *platform,
				       const struct slabpool_options *options)
{
	struct slabpool_options large = *options;

	large.retain_kib += 4096;
	return REAL.create(platform, &large);
}

/* --- each slab begins at the same cache line --- */

static void *colourless_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	void *p = REAL.cache_alloc(cache, gfp);

	if (p && cache->geometry.colours)
		cache->colour_next = 0;
	return p;
}

/* --- a thread that ends leaves a store behind --- */

static void forgetful_exit(struct slabpool *pool, void *record)
{
	if (record && fuzz_world.cache_count && fuzz_world.cache[0].live)
		depot_store_new(fuzz_world.cache[0].k, 16);
	REAL.thread_exit(pool, record);
}

#define PLANT(name, member, function) \
	void plant_##name(struct fuzz_adapter *a) { a->member = function; }

PLANT(event_wrong, observe, wrong_observe)
PLANT(magazines_flushed, cache_free, flushing_free)
PLANT(kept_too_much, create, keeping_create)
PLANT(colourless, cache_alloc, colourless_alloc)
PLANT(store_left, thread_exit, forgetful_exit)
