/* SPDX-License-Identifier: MIT */
/* Hostile adapters for what events.c, steps.c and rest.c look at: nothing that a program could
 * feel. */
#include "planted.h"
#include "world.h"

#include "core/instance.h"

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

/* --- a destroyed cache's tag stays taken --- */

static void tag_keeping_destroy(struct kmem_cache *cache)
{
	struct arena *arena = cache ? cache->arena : NULL;
	uint8_t tag = cache ? cache->hot.tag : 0;
	bool was = arena && arena->tag_used[tag];

	REAL.cache_destroy(cache);
	if (was && tag >= STATE_TAG_FIRST)
		arena->tag_used[tag] = true;
}

/* --- kmalloc's caches are like any other --- */

static struct slabpool *flagless_create(const struct slabpool_platform *platform,
					const struct slabpool_options *options)
{
	struct slabpool *pool = REAL.create(platform, options);

	if (pool)
		pool->kmalloc[0].flags = 0;
	return pool;
}

/* --- what a trim gives back is kept --- */

static int keeping_shrink(struct kmem_cache *cache)
{
	struct arena *arena = cache ? cache->arena : NULL;
	int left = REAL.cache_shrink(cache);
	uint32_t page = arena ? arena->opened / 2 : 0;

	if (page && arena->page_map[page] == PAGE_UNOWNED)
		arena->bits[(size_t)page * arena->words_a_page] = 1;
	return left;
}

/* --- a size that fills a class gets the next --- */

static size_t next_class(size_t size)
{
	return size == 512 ? size + 1 : size;
}

static void *generous_kmalloc(struct slabpool *pool, size_t size, gfp_t gfp)
{
	return REAL.kmalloc(pool, next_class(size), gfp);
}

static size_t generous_roundup(size_t size)
{
	return REAL.size_roundup(next_class(size));
}

void plant_generous_class(struct fuzz_adapter *a)
{
	a->kmalloc = generous_kmalloc;
	a->size_roundup = generous_roundup;
}

/* --- the backend of a pool hears of fewer flags --- */

static void *forgetful_alloc(mempool_t *pool, gfp_t gfp)
{
	return REAL.pool_alloc(pool, gfp & ~__GFP_DMA);
}

#define PLANT(name, member, function) \
	void plant_##name(struct fuzz_adapter *a) { a->member = function; }

PLANT(event_wrong, observe, wrong_observe)
PLANT(magazines_flushed, cache_free, flushing_free)
PLANT(kept_too_much, create, keeping_create)
PLANT(colourless, cache_alloc, colourless_alloc)
PLANT(store_left, thread_exit, forgetful_exit)
PLANT(tag_left, cache_destroy, tag_keeping_destroy)
PLANT(kmalloc_flagless, create, flagless_create)
PLANT(tables_kept, cache_shrink, keeping_shrink)
PLANT(gfp_forgotten, pool_alloc, forgetful_alloc)
