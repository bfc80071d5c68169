/* SPDX-License-Identifier: MIT */
/**
 * @file mempool.h
 * mempool_*: a reserve of elements over any pair of allocate and free functions, with Linux's
 * names and semantics (include/linux/mempool.h).
 *
 * The guarantee: while the reserve holds an element, mempool_alloc() does not return NULL; with a
 * gfp that may block it never returns NULL at all, but waits until an element is freed. The
 * reserve is global: no thread caches any of it. All calls are thread-safe but init, exit, destroy
 * and resize, which must not run beside other calls on the same pool's end of life.
 */
#ifndef SLABPOOL_MEMPOOL_H
#define SLABPOOL_MEMPOOL_H

#include <slabpool/gfp.h>
#include <slabpool/platform.h>

SLABPOOL_BEGIN_DECLS

struct kmem_cache;
struct slabpool;

/** Gives one element for @p pool_data, or NULL. */
typedef void *(mempool_alloc_t)(gfp_t gfp, void *pool_data);
/** Takes an element back. */
typedef void (mempool_free_t)(void *element, void *pool_data);

/** The fields are Linux's; min_nr and curr_nr may be read, nothing may be written. */
typedef struct mempool {
	struct slabpool_lock lock;  /**< protects elements, curr_nr, min_nr */
	int min_nr;                 /**< elements that the reserve holds when full */
	int curr_nr;                /**< elements in the reserve now: elements[0 .. curr_nr-1] */
	void **elements;
	void *pool_data;            /**< handed to alloc and free */
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	struct slabpool *pool;      /**< the instance whose memory and platform are used */
	int waiters;                /**< threads that wait */
	unsigned char source;       /**< which ready-made functions, if they name no instance */
	struct slabpool_wait wait;  /**< who waits for an element to come back */
} mempool_t;

/**
 * Creates a pool and fills its reserve with max(1, @p min_nr) elements.
 * @return NULL if @p min_nr is negative, a callback is NULL, or any allocation fails (what was
 * got is freed again).
 */
SLABPOOL_API mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc_fn,
				       mempool_free_t *free_fn, void *pool_data);
SLABPOOL_API mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc_fn,
					    mempool_free_t *free_fn, void *pool_data, gfp_t gfp,
					    int node);
SLABPOOL_API void mempool_destroy(mempool_t *pool);

/** The same for a pool in the caller's memory, which must be zeroed. 0, -EINVAL or -ENOMEM. */
SLABPOOL_API int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn,
			      mempool_free_t *free_fn, void *pool_data);
SLABPOOL_API int mempool_init_node(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn,
				   mempool_free_t *free_fn, void *pool_data, gfp_t gfp, int node);
/** Frees the reserve; legal on a zeroed pool that was never initialised. */
SLABPOOL_API void mempool_exit(mempool_t *pool);
/*@ requires readable: \valid_read(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> pool->elements != \null;
*/
static inline bool mempool_initialized(mempool_t *pool)
{
	return pool->elements != NULL;
}
/** True if the reserve is full at this moment. */
/*@ requires readable: \valid_read(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> pool->curr_nr >= pool->min_nr;
*/
static inline bool mempool_is_saturated(mempool_t *pool)
{
	return slabpool_load_int(&pool->curr_nr) >= slabpool_load_int(&pool->min_nr);
}

/**
 * Changes min_nr. Growing: -ENOMEM only if the array cannot be had; a shortage of elements is
 * no error, later frees fill the reserve. Shrinking frees the surplus at once. -EINVAL if
 * @p new_min_nr <= 0.
 */
SLABPOOL_API int mempool_resize(mempool_t *pool, int new_min_nr);
/**
 * One element: from alloc_fn, else from the reserve, else (if @p gfp may block) waits, trying
 * again when an element is freed and at least every five seconds. NULL only if @p gfp must not
 * block, or where the platform cannot wait (with a message). __GFP_ZERO is not supported: a
 * message, and the flag is dropped.
 */
SLABPOOL_API void *mempool_alloc(mempool_t *pool, gfp_t gfp);
/** From the reserve only; never waits; NULL if it is empty. */
SLABPOOL_API void *mempool_alloc_preallocated(mempool_t *pool);
/**
 * Fills the NULL entries of @p elements; with GFP_KERNEL semantics, waits as long as it takes.
 * @p allocated counts the entries that are filled already (Linux 6.19); newer callers leave it out.
 * @return 0; -EINVAL if more than min_nr elements are wanted; -ENOMEM where nothing can be waited
 * for, with the entries that were got left in place.
 */
SLABPOOL_API int(mempool_alloc_bulk)(mempool_t *pool, void **elements, unsigned int count,
				     unsigned int allocated);
#define mempool_alloc_bulk(pool, elements, ...)                                                 \
	(mempool_alloc_bulk)(pool, elements, SLABPOOL_BULK_ARGS(__VA_ARGS__, 0, 0))
#define SLABPOOL_BULK_ARGS(count, allocated, ...) (count), (allocated)
/** NULL is a no-op. Refills the reserve before anything goes back to free_fn. */
SLABPOOL_API void mempool_free(void *element, mempool_t *pool);
/** @return how many of @p elements (the first ones) went into the reserve; the caller frees the
 * rest. */
SLABPOOL_API unsigned int mempool_free_bulk(mempool_t *pool, void **elements, unsigned int count);

/* pool_data: the cache. A cache with a constructor is refused by the pool's creation. */
SLABPOOL_API void *mempool_alloc_slab(gfp_t gfp, void *pool_data);
SLABPOOL_API void mempool_free_slab(void *element, void *pool_data);
/* pool_data: the size. */
SLABPOOL_API void *mempool_kmalloc(gfp_t gfp, void *pool_data);
SLABPOOL_API void mempool_kfree(void *element, void *pool_data);
SLABPOOL_API void *mempool_kvmalloc(gfp_t gfp, void *pool_data);
SLABPOOL_API void mempool_kvfree(void *element, void *pool_data);
/* pool_data: the order; elements are struct page *. */
SLABPOOL_API void *mempool_alloc_pages(gfp_t gfp, void *pool_data);
SLABPOOL_API void mempool_free_pages(void *element, void *pool_data);

/* Pools over the ready-made functions. */
SLABPOOL_API int mempool_init_slab_pool(mempool_t *pool, int min_nr, struct kmem_cache *cache);
SLABPOOL_API mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *cache);
SLABPOOL_API int mempool_init_kmalloc_pool(mempool_t *pool, int min_nr, size_t size);
SLABPOOL_API mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t size);
SLABPOOL_API int mempool_init_kvmalloc_pool(mempool_t *pool, int min_nr, size_t size);
SLABPOOL_API mempool_t *mempool_create_kvmalloc_pool(int min_nr, size_t size);
SLABPOOL_API int mempool_init_page_pool(mempool_t *pool, int min_nr, int order);
SLABPOOL_API mempool_t *mempool_create_page_pool(int min_nr, int order);

SLABPOOL_END_DECLS

#endif
