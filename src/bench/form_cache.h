/* SPDX-License-Identifier: MIT */
/* kmem_cache_*. How it is linked, and SLABPOOL_INLINE, are the build's business. */
#include <slabpool/slab.h>

#define FORM_CACHES 1
#define FORM_BULK 1

typedef struct kmem_cache *form_t;

static bool form_option(const char *word)
{
	(void)word;
	return false;
}

static form_t form_open(size_t size, size_t live)
{
	(void)live;
	return (kmem_cache_create)("bench", (unsigned int)size, 0, 0, NULL);
}

static void form_close(form_t form)
{
	kmem_cache_destroy(form);
}

static inline void *form_take(form_t form, size_t size)
{
	(void)size;
	return kmem_cache_alloc(form, GFP_KERNEL);
}

static inline void *form_take_zeroed(form_t form, size_t size)
{
	(void)size;
	return kmem_cache_zalloc(form, GFP_KERNEL);
}

static inline void form_give(form_t form, size_t size, void *object)
{
	(void)size;
	kmem_cache_free(form, object);
}

static inline bool form_take_bulk(form_t form, size_t size, void **objects)
{
	(void)size;
	return kmem_cache_alloc_bulk(form, GFP_KERNEL, BENCH_BULK, objects) != 0;
}

static inline void form_give_bulk(form_t form, size_t size, void **objects)
{
	(void)size;
	kmem_cache_free_bulk(form, BENCH_BULK, objects);
}

static void form_trim(form_t form)
{
	kmem_cache_shrink(form);
}
