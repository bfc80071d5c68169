/* SPDX-License-Identifier: MIT */
/* mempool_alloc() and mempool_free() over a cache; --failing: the cache gives nothing, so that
 * the reserve serves all. */
#include <slabpool/mempool.h>
#include <slabpool/slab.h>

#define FORM_RESERVE 64

typedef mempool_t *form_t;

static struct kmem_cache *form_cache;
static bool form_failing, form_filled;

static bool form_option(const char *word)
{
	form_failing = strcmp(word, "--failing") == 0;
	return form_failing;
}

static void *form_backend(gfp_t gfp, void *cache)
{
	return form_filled ? NULL : mempool_alloc_slab(gfp, cache);
}

static form_t form_open(size_t size, size_t live)
{
	mempool_t *pool;

	(void)live;
	form_filled = false;
	form_cache = (kmem_cache_create)("bench", (unsigned int)size, 0, 0, NULL);
	if (!form_failing)
		return mempool_create_slab_pool(FORM_RESERVE, form_cache);
	pool = mempool_create(FORM_RESERVE, form_backend, mempool_free_slab, form_cache);
	form_filled = true;
	return pool;
}

static void form_close(form_t form)
{
	mempool_destroy(form);
	kmem_cache_destroy(form_cache);
}

static inline void *form_take(form_t form, size_t size)
{
	(void)size;
	return mempool_alloc(form, GFP_NOWAIT);
}

static inline void *form_take_zeroed(form_t form, size_t size)
{
	(void)form;
	(void)size;
	return NULL;
}

static inline void form_give(form_t form, size_t size, void *object)
{
	(void)size;
	mempool_free(object, form);
}

static void form_trim(form_t form)
{
	(void)form;
	kmem_cache_shrink(form_cache);
}
