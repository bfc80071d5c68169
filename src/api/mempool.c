/* SPDX-License-Identifier: MIT */
/*
 * The public mempool calls: arguments are checked, the observer is told, and who must wait waits.
 * What moves elements is the proved core (core/mempool.c); only the loops that wait for another
 * thread stand here, since nothing proves that another thread ever frees.
 */
#include "core/check.h"
#include "core/instance.h"
#include "core/mempool.h"
#include "platform/default.h"

/* A waiter tries the backend again after this time even if no element came back. */
#define WAIT_MILLISECONDS 5000u

/* --- the ready-made functions --- */

void *mempool_alloc_slab(gfp_t gfp, void *pool_data)
{
	if (SLABPOOL_NO_CACHE(pool_data))
		return kmem_cache_alloc(NULL, gfp);
	return cache_alloc(pool_data, gfp);
}

void mempool_free_slab(void *element, void *pool_data)
{
	if (SLABPOOL_NO_CACHE(pool_data))
		kmem_cache_free(NULL, element);
	else
		cache_free(pool_data, element, "kmem_cache_free");
}

void *mempool_kmalloc(gfp_t gfp, void *pool_data)
{
	return kmalloc((size_t)(uintptr_t)pool_data, gfp);
}

void mempool_kfree(void *element, void *pool_data)
{
	(void)pool_data;
	kfree(element);
}

void *mempool_kvmalloc(gfp_t gfp, void *pool_data)
{
	return kvmalloc((size_t)(uintptr_t)pool_data, gfp);
}

void mempool_kvfree(void *element, void *pool_data)
{
	(void)pool_data;
	kvfree(element);
}

void *mempool_alloc_pages(gfp_t gfp, void *pool_data)
{
	return alloc_pages(gfp, (unsigned int)(uintptr_t)pool_data);
}

void mempool_free_pages(void *element, void *pool_data)
{
	__free_pages(element, (unsigned int)(uintptr_t)pool_data);
}

/* --- life and death --- */

/* What is wrong with the arguments of a new pool, or NULL. */
static const char *refusal(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
			   const void *pool_data)
{
	if (min_nr < 0)
		return "min_nr is negative";
	if (!alloc_fn || !free_fn)
		return "alloc_fn or free_fn is NULL";
	if (alloc_fn != mempool_alloc_slab)
		return NULL;
	if (!pool_data)
		return "the cache is NULL";
	/* An element in the reserve is free memory that nobody constructs again. */
	if (cache_has_ctor(pool_data))
		return "the cache of a mempool must not have a constructor";
	return NULL;
}

/* Ready-made pairs that name no instance take their elements from the pool's own. */
static unsigned char source_of(mempool_alloc_t *alloc_fn, mempool_free_t *free_fn)
{
	if (alloc_fn == mempool_kmalloc && free_fn == mempool_kfree)
		return BACKEND_KMALLOC;
	if (alloc_fn == mempool_kvmalloc && free_fn == mempool_kvfree)
		return BACKEND_KVMALLOC;
	if (alloc_fn == mempool_alloc_pages && free_fn == mempool_free_pages)
		return BACKEND_PAGES;
	return BACKEND_CALLED;
}

static int pool_init(struct slabpool *pool, mempool_t *mempool, int min_nr,
		     mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data,
		     const char *call)
{
	const char *text = refusal(min_nr, alloc_fn, free_fn, pool_data);

	if (text) {
		check_bad_argument(pool, call, NULL, text, 0);
		return RESERVE_INVALID;
	}
	return reserve_init(pool, mempool, min_nr, alloc_fn, free_fn, pool_data,
			    source_of(alloc_fn, free_fn));
}

/* The kind of elements, as a recording names it. */
static const char *backing(const mempool_t *mempool)
{
	switch (mempool->source) {
	case BACKEND_KMALLOC:
		return "kmalloc";
	case BACKEND_KVMALLOC:
		return "kvmalloc";
	case BACKEND_PAGES:
		return "pages";
	}
	if (mempool->alloc == mempool_alloc_slab && mempool->free == mempool_free_slab)
		return "slab";
	return "custom";
}

static void tell_create(const mempool_t *mempool)
{
	struct slabpool_event event = {
		.kind = SLABPOOL_EVENT_MEMPOOL_CREATE, .size = (size_t)mempool->min_nr,
		.object = mempool->pool_data, .name = backing(mempool), .result = mempool,
	};

	instance_event(mempool->pool, &event);
}

static SLABPOOL_COLD void tell(const mempool_t *mempool, enum slabpool_event_kind kind,
			       const void *object, const void *result, size_t size, gfp_t gfp)
{
	struct slabpool_event event = {
		.kind = kind, .owner = mempool, .object = object, .result = result, .size = size,
		.flags = gfp,
	};

	instance_event(mempool->pool, &event);
}

/* The same on a path that must be fast without an observer. */
static inline void tell_element(const mempool_t *mempool, enum slabpool_event_kind kind,
				const void *object, const void *result, gfp_t gfp)
{
	if (SLABPOOL_UNLIKELY(mempool->pool->event != NULL))
		tell(mempool, kind, object, result, 0, gfp);
}

int slabpool_mempool_init(struct slabpool *pool, mempool_t *mempool, int min_nr,
			  mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data)
{
	int error;

	if (!pool)
		return RESERVE_NO_MEMORY;
	error = pool_init(pool, mempool, min_nr, alloc_fn, free_fn, pool_data, "mempool_init");
	if (error == 0)
		tell_create(mempool);
	return error;
}

mempool_t *slabpool_mempool_create(struct slabpool *pool, int min_nr, mempool_alloc_t *alloc_fn,
				   mempool_free_t *free_fn, void *pool_data)
{
	mempool_t *mempool;

	if (!pool)
		return NULL;
	mempool = slabpool_kmalloc(pool, sizeof(*mempool), GFP_KERNEL | __GFP_ZERO);
	if (!mempool)
		return NULL;
	if (pool_init(pool, mempool, min_nr, alloc_fn, free_fn, pool_data, "mempool_create")) {
		slabpool_kfree(pool, mempool);
		return NULL;
	}
	tell_create(mempool);
	return mempool;
}

int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
		 void *pool_data)
{
	return slabpool_mempool_init(default_instance(), pool, min_nr, alloc_fn, free_fn,
				     pool_data);
}

int mempool_init_node(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn,
		      mempool_free_t *free_fn, void *pool_data, gfp_t gfp, int node)
{
	(void)gfp;
	(void)node;
	return mempool_init(pool, min_nr, alloc_fn, free_fn, pool_data);
}

mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
			  void *pool_data)
{
	return slabpool_mempool_create(default_instance(), min_nr, alloc_fn, free_fn, pool_data);
}

mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
			       void *pool_data, gfp_t gfp, int node)
{
	(void)gfp;
	(void)node;
	return mempool_create(min_nr, alloc_fn, free_fn, pool_data);
}

void mempool_exit(mempool_t *pool)
{
	if (mempool_initialized(pool))
		tell(pool, SLABPOOL_EVENT_MEMPOOL_DESTROY, NULL, NULL, 0, 0);
	reserve_exit(pool);
}

void mempool_destroy(mempool_t *pool)
{
	struct slabpool *instance;

	if (!pool)
		return;
	instance = pool->pool;
	mempool_exit(pool);
	slabpool_kfree(instance, pool);
}

int mempool_resize(mempool_t *pool, int new_min_nr)
{
	int error = reserve_resize(pool, new_min_nr);

	if (error == 0)
		tell(pool, SLABPOOL_EVENT_MEMPOOL_RESIZE, NULL, NULL, (size_t)new_min_nr, 0);
	return error;
}

/* --- pools over the ready-made functions --- */

int mempool_init_slab_pool(mempool_t *pool, int min_nr, struct kmem_cache *cache)
{
	return mempool_init(pool, min_nr, mempool_alloc_slab, mempool_free_slab, cache);
}

mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *cache)
{
	return mempool_create(min_nr, mempool_alloc_slab, mempool_free_slab, cache);
}

int mempool_init_kmalloc_pool(mempool_t *pool, int min_nr, size_t size)
{
	return mempool_init(pool, min_nr, mempool_kmalloc, mempool_kfree,
			    (void *)(uintptr_t)size);
}

mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t size)
{
	return mempool_create(min_nr, mempool_kmalloc, mempool_kfree, (void *)(uintptr_t)size);
}

int mempool_init_kvmalloc_pool(mempool_t *pool, int min_nr, size_t size)
{
	return mempool_init(pool, min_nr, mempool_kvmalloc, mempool_kvfree,
			    (void *)(uintptr_t)size);
}

mempool_t *mempool_create_kvmalloc_pool(int min_nr, size_t size)
{
	return mempool_create(min_nr, mempool_kvmalloc, mempool_kvfree, (void *)(uintptr_t)size);
}

int mempool_init_page_pool(mempool_t *pool, int min_nr, int order)
{
	return mempool_init(pool, min_nr, mempool_alloc_pages, mempool_free_pages,
			    (void *)(uintptr_t)(unsigned int)order);
}

mempool_t *mempool_create_page_pool(int min_nr, int order)
{
	return mempool_create(min_nr, mempool_alloc_pages, mempool_free_pages,
			      (void *)(uintptr_t)(unsigned int)order);
}

/* --- elements --- */

/* Waits until the reserve may hold as many elements, or for five seconds; false where nothing can
 * be waited for. The look and the wait happen under one hold of the lock: no wake is missed. */
static bool wait_for_elements(mempool_t *pool, unsigned int missing, const char *call)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_CANNOT_WAIT, .call = call, .size = missing,
	};
	bool waited = true;

	reserve_lock(pool);
	if ((unsigned int)pool->curr_nr < missing) {
		slabpool_store_int(&pool->waiters, pool->waiters + 1);
		waited = sync_wait(pool->pool, &pool->wait, &pool->lock, WAIT_MILLISECONDS);
		slabpool_store_int(&pool->waiters, pool->waiters - 1);
	}
	reserve_unlock(pool);
	if (!waited)
		check_report(pool->pool, &report);
	return waited;
}

/* Says once an instance that __GFP_ZERO is dropped: an element of the reserve has contents. */
static SLABPOOL_COLD void report_zero(mempool_t *pool)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_POOL_ZERO, .call = "mempool_alloc",
	};

	if (!slabpool_exchange_u8((uint8_t *)&pool->pool->warned_pool_zero, true))
		check_report(pool->pool, &report);
}

/* Neither the backend nor the reserve had any: tries harder, and waits if gfp may. */
static SLABPOOL_COLD void *alloc_again(mempool_t *pool, gfp_t gfp)
{
	gfp_t again = reserve_gfp(gfp, false);
	void *element = NULL;

	if (again != reserve_gfp(gfp, true))
		element = reserve_alloc(pool, again);
	while (!element && gfpflags_allow_blocking(gfp) &&
	       wait_for_elements(pool, 1, "mempool_alloc"))
		element = reserve_alloc(pool, again);
	return element;
}

static inline void *alloc_element(mempool_t *pool, gfp_t gfp)
{
	void *element = reserve_alloc(pool, reserve_gfp(gfp, true));

	return SLABPOOL_LIKELY(element != NULL) ? element : alloc_again(pool, gfp);
}

/* With something to say: to the observer, or about the gfp. */
static SLABPOOL_COLD void *alloc_and_tell(mempool_t *pool, gfp_t gfp)
{
	void *element;

	if (gfp & __GFP_ZERO)
		report_zero(pool);
	element = alloc_element(pool, gfp);
	tell_element(pool, SLABPOOL_EVENT_MEMPOOL_ALLOC, NULL, element, gfp);
	return element;
}

void *mempool_alloc(mempool_t *pool, gfp_t gfp)
{
	if (SLABPOOL_UNLIKELY((gfp & __GFP_ZERO) != 0 || pool->pool->event != NULL))
		return alloc_and_tell(pool, gfp);
	return alloc_element(pool, gfp);
}

void *mempool_alloc_preallocated(mempool_t *pool)
{
	void *element = reserve_alloc_preallocated(pool);

	tell_element(pool, SLABPOOL_EVENT_MEMPOOL_ALLOC, NULL, element, GFP_NOWAIT);
	return element;
}

static unsigned int count_missing(void *const *elements, unsigned int count)
{
	unsigned int missing = 0;

	for (unsigned int i = 0; i < count; i++)
		missing += !elements[i];
	return missing;
}

/* The observer is told of each element, in the order in which they are got. */
static int alloc_each(mempool_t *pool, void **elements, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (!elements[i])
			elements[i] = mempool_alloc(pool, GFP_KERNEL);
		if (!elements[i])
			return RESERVE_NO_MEMORY;
	}
	return 0;
}

int(mempool_alloc_bulk)(mempool_t *pool, void **elements, unsigned int count,
			unsigned int allocated)
{
	unsigned int missing = count_missing(elements, count);
	int min_nr = slabpool_load_int(&pool->min_nr);

	(void)allocated;
	if (missing > (min_nr > 0 ? (unsigned int)min_nr : 1)) {
		check_bad_argument(pool->pool, "mempool_alloc_bulk", NULL,
				   "more elements than the reserve can hold", missing);
		return RESERVE_INVALID;
	}
	if (SLABPOOL_UNLIKELY(pool->pool->event != NULL))
		return alloc_each(pool, elements, count);
	missing = reserve_alloc_bulk(pool, elements, count, reserve_gfp(GFP_KERNEL, true));
	if (missing > 0)
		missing = reserve_alloc_bulk(pool, elements, count,
					     reserve_gfp(GFP_KERNEL, false));
	while (missing > 0) {
		if (!wait_for_elements(pool, missing, "mempool_alloc_bulk"))
			return RESERVE_NO_MEMORY;
		missing = reserve_alloc_bulk(pool, elements, count,
					     reserve_gfp(GFP_KERNEL, false));
	}
	return 0;
}

static SLABPOOL_COLD void tell_and_free(void *element, mempool_t *pool)
{
	if (element)
		tell(pool, SLABPOOL_EVENT_MEMPOOL_FREE, element, NULL, 0, 0);
	reserve_free(pool, element);
}

void mempool_free(void *element, mempool_t *pool)
{
	if (SLABPOOL_UNLIKELY(element != NULL && pool->pool->event != NULL))
		tell_and_free(element, pool);
	else
		reserve_free(pool, element);
}

unsigned int mempool_free_bulk(mempool_t *pool, void **elements, unsigned int count)
{
	unsigned int given = reserve_free_bulk(pool, elements, count);

	for (unsigned int i = 0; i < given; i++)
		tell_element(pool, SLABPOOL_EVENT_MEMPOOL_FREE, elements[i], NULL, 0);
	return given;
}
