/* SPDX-License-Identifier: MIT */
/*
 * The allocator under the oracles, as a table of functions with the shapes of the public API.
 * Another allocator goes under the same oracles by filling in what it has; caps says which oracles
 * apply. A hostile adapter is the real table with some functions replaced by wrong ones.
 */
#ifndef FUZZ_ADAPTER_H
#define FUZZ_ADAPTER_H

#include "core/geometry.h"
#include "core/slab.h"
#include <slabpool/slabpool.h>

#define CAP_CACHES 0x1u     /* kmem_cache_* */
#define CAP_KMALLOC 0x2u    /* kmalloc, krealloc, kvmalloc, memalign */
#define CAP_PAGES 0x4u      /* alloc_pages, vmalloc */
#define CAP_MEMPOOL 0x8u
#define CAP_GEOMETRY 0x10u
#define CAP_STATS 0x20u     /* cache_info, memory_info */
#define CAP_VALID 0x40u     /* is_valid */
#define CAP_MISUSE 0x80u    /* misuse is survived and reported */
#define CAP_NULL 0x100u     /* NULL comes exactly when the model allows it */
#define CAP_PLATFORM 0x200u /* lives on the platform table: nothing may be left over */
#define CAP_CLASSES 0x400u  /* ksize is that of a size class, powers of two are aligned */
#define CAP_THREADS 0x800u  /* thread_exit, thread_flush, tune, shrink, reap */
#define CAP_FORK 0x1000u    /* fork handlers, and damage to its structures */
#define CAP_FACES 0x2000u   /* the Linux names act on it */
#define CAP_INSIDE 0x4000u  /* inside.c can look at its structures */
#define CAP_ALL 0x7fffu

/* What is_valid() said of structures that were damaged on purpose. */
enum fuzz_seen { FUZZ_SEEN_NOTHING, FUZZ_SEEN_DAMAGE, FUZZ_SEEN_MISSED };
enum fuzz_seen fuzz_damage(struct kmem_cache *cache, unsigned int kind, unsigned int which);

struct fuzz_adapter {
	const char *name;
	uint32_t caps;
	struct slabpool *(*create)(const struct slabpool_platform *platform,
				   const struct slabpool_options *options);
	/* The same as default instance. */
	struct slabpool *(*create_default)(const struct slabpool_platform *platform,
					   const struct slabpool_options *options);
	void (*destroy)(struct slabpool *pool);
	bool (*is_valid)(struct slabpool *pool);
	size_t (*reap)(struct slabpool *pool);
	void (*memory_info)(struct slabpool *pool, struct slabpool_memory_info *info);
	void (*thread_flush)(struct slabpool *pool);
	void (*thread_exit)(struct slabpool *pool, void *record);
	void (*observe)(struct slabpool *pool,
			void (*event)(void *context, const struct slabpool_event *event),
			void *context);
	void (*fork_prepare)(struct slabpool *pool);
	void (*fork_parent)(struct slabpool *pool);
	void (*fork_child)(struct slabpool *pool, bool had_threads);
	/* Damages one value, asks is_valid(), undoes it. */
	enum fuzz_seen (*damage)(struct kmem_cache *cache, unsigned int kind, unsigned int which);

	struct kmem_cache *(*cache_create)(struct slabpool *pool, const char *name,
					   unsigned int size, const struct kmem_cache_args *args,
					   slab_flags_t flags);
	void (*cache_destroy)(struct kmem_cache *cache);
	int (*cache_shrink)(struct kmem_cache *cache);
	unsigned int (*cache_size)(struct kmem_cache *cache);
	const char *(*cache_name)(struct kmem_cache *cache);
	void *(*cache_alloc)(struct kmem_cache *cache, gfp_t gfp);
	void (*cache_free)(struct kmem_cache *cache, void *object);
	int (*cache_alloc_bulk)(struct kmem_cache *cache, gfp_t gfp, size_t n, void **objects);
	void (*cache_free_bulk)(struct kmem_cache *cache, size_t n, void **objects);
	int (*cache_info)(struct kmem_cache *cache, struct slabpool_cache_info *info);
	int (*cache_tune)(struct kmem_cache *cache, unsigned int limit, unsigned int batchcount,
			  unsigned int shared);
	int (*tune_line)(struct slabpool *pool, const char *line);
	int (*for_each_cache)(struct slabpool *pool, int (*visit)(struct kmem_cache *, void *),
			      void *context);
	void (*slabinfo)(struct slabpool *pool,
			 void (*write)(void *context, const char *text, size_t length),
			 void *context);
	bool (*valid_obj)(void *object);
	void (*dump_obj)(void *object);

	void *(*kmalloc)(struct slabpool *pool, size_t size, gfp_t gfp);
	void (*kfree)(struct slabpool *pool, const void *object);
	void *(*krealloc)(struct slabpool *pool, const void *object, size_t size, gfp_t gfp);
	size_t (*ksize)(struct slabpool *pool, const void *object);
	size_t (*size_roundup)(size_t size);
	void *(*kmemalign)(struct slabpool *pool, size_t align, size_t size, gfp_t gfp);
	void *(*kvmalloc)(struct slabpool *pool, size_t size, gfp_t gfp);
	void *(*kvrealloc)(struct slabpool *pool, const void *object, size_t size, gfp_t gfp);
	void (*kvfree)(struct slabpool *pool, const void *object);
	void *(*vmalloc)(struct slabpool *pool, size_t size, gfp_t gfp);
	void (*vfree)(struct slabpool *pool, const void *object);
	void *(*alloc_pages)(struct slabpool *pool, gfp_t gfp, unsigned int order);
	void (*free_pages)(struct slabpool *pool, void *address, unsigned int order);

	/* The Linux names by shape, a number picks the name: faces.h. */
	struct slab_sheaf *(*sheaf_prefill)(struct kmem_cache *cache, gfp_t gfp, unsigned int size);
	void *(*face_take)(unsigned int face, size_t n, size_t size, gfp_t gfp);
	void (*face_give)(unsigned int face, void *p, size_t size);
	void *(*face_alloc)(unsigned int face, struct kmem_cache *cache, gfp_t gfp);
	void (*face_free)(unsigned int face, struct kmem_cache *cache, void *object);
	void *(*face_pages)(unsigned int face, unsigned int order, gfp_t gfp);
	void (*face_unpages)(unsigned int face, void *page, unsigned int order);
	void *(*face_resize)(unsigned int face, void *p, size_t n, size_t size, gfp_t gfp);

	mempool_t *(*pool_create)(struct slabpool *pool, int min_nr, mempool_alloc_t *alloc_fn,
				  mempool_free_t *free_fn, void *data);
	bool (*pool_is_valid)(const mempool_t *mempool);
	int (*pool_init)(struct slabpool *pool, mempool_t *mempool, int min_nr,
			 mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *data);
	void (*pool_exit)(mempool_t *mempool);
	void (*pool_destroy)(mempool_t *mempool);
	int (*pool_resize)(mempool_t *mempool, int min_nr);
	void *(*pool_alloc)(mempool_t *mempool, gfp_t gfp);
	void *(*pool_alloc_preallocated)(mempool_t *mempool);
	int (*pool_alloc_bulk)(mempool_t *mempool, void **elements, unsigned int count,
			       unsigned int allocated);
	void (*pool_free)(void *element, mempool_t *mempool);
	unsigned int (*pool_free_bulk)(mempool_t *mempool, void **elements, unsigned int count);

	bool (*geometry_pow2)(uint32_t n);
	uint32_t (*geometry_round_up)(uint32_t n, uint32_t align);
	uint32_t (*geometry_align)(uint32_t size, uint32_t align, bool hwcache_align);
	uint32_t (*geometry_granule)(uint32_t stride);
	uint32_t (*geometry_order_of)(uint64_t bytes, uint32_t page_shift);
	bool (*geometry_compute)(const struct geometry_request *request,
				 struct geometry *geometry);
	uint32_t (*geometry_class)(uint32_t size);
	uint32_t (*geometry_class_size)(uint32_t class_index);
	size_t (*report_line)(const struct slabpool_report *report, char *line, size_t bytes);
	/* Sees each report first; may change it. NULL: nothing in between. */
	void (*on_report)(struct slabpool_report *report);
};

extern const struct fuzz_adapter fuzz_adapter_slabpool;
extern const struct fuzz_adapter fuzz_adapter_libc;

/* One planted bug: what it is called, and the oracle that must name it. */
struct fuzz_plant {
	const char *name;
	const char *oracle;
	const char *target;    /* whose corpus finds it */
	void (*apply)(struct fuzz_adapter *adapter);
};
extern const struct fuzz_plant fuzz_plants[];

/*
 * The adapter to use: FUZZ_ADAPTER=libc or slabpool (default), with the bug FUZZ_PLANT=name put
 * into it. An unknown name ends the program with status 2.
 */
const struct fuzz_adapter *fuzz_adapter_chosen(void);
/* Called for each new world, so that a planted bug starts afresh. */
void fuzz_plant_reset(void);

#endif
