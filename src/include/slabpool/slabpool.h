/* SPDX-License-Identifier: MIT */
/**
 * @file slabpool.h
 * What Linux has no name for: options, instances, and what is known about a cache.
 *
 * The Linux names work on one default instance, made on first use. Tests, fuzzers and programs
 * that want a heap of their own create further instances; kmem_cache_*() and mempool_*() calls
 * work on the caches and pools of every instance.
 */
#ifndef SLABPOOL_SLABPOOL_H
#define SLABPOOL_SLABPOOL_H

#include <slabpool/gfp.h>
#include <slabpool/mempool.h>
#include <slabpool/platform.h>
#include <slabpool/slab.h>

SLABPOOL_BEGIN_DECLS

#define SLABPOOL_VERSION_MAJOR 0
#define SLABPOOL_VERSION_MINOR 1
#define SLABPOOL_VERSION_PATCH 0
#define SLABPOOL_VERSION "0.1.0"
SLABPOOL_API const char *slabpool_version(void);

/** What follows the report of a caller's crime. */
enum slabpool_misuse {
	SLABPOOL_MISUSE_ABORT,  /**< the program ends (default) */
	SLABPOOL_MISUSE_REPORT, /**< the call is refused, the program goes on */
	SLABPOOL_MISUSE_IGNORE  /**< the call is refused without a word */
};

/*
 * Every option once: X(type, name, default on hosts, smallest, largest, text).
 * The struct, the parser of SLABPOOL_OPTIONS and the README's table come from this list.
 */
#define SLABPOOL_OPTION_LIST(X)                                                                  \
	X(unsigned int, misuse, 0, 0, 2, "after a report of misuse: 0 abort, 1 go on, 2 silent") \
	X(unsigned int, init_on_alloc, 0, 0, 1, "zero what is allocated (not with a ctor)")      \
	X(unsigned int, init_on_free, 0, 0, 1, "zero what is freed (not with a ctor or RCU)")    \
	X(unsigned int, merge, 0, 0, 1, "let like caches share their slabs")                     \
	X(unsigned int, exact_double_free, 0, 0, 1,                                              \
	  "atomic exchange on free: two frees in the same instant are told apart")               \
	X(unsigned int, magazines, 1, 0, 1, "thread caches")                                     \
	X(unsigned int, limit, 256, 1, 256,                                                      \
	  "objects a magazine when a thread uses it much, capped by magazine_kib")               \
	X(unsigned int, magazine_kib, 256, 1, 1024, "bytes that one magazine may hold, in KiB")   \
	X(unsigned int, shared, 65536, 0, 65536,                                                 \
	  "full magazines that a depot keeps, capped by depot_kib")                             \
	X(unsigned int, depot_kib, 262144, 0, 4194304,                                           \
	  "free objects that a depot keeps, in KiB; those not used for retain_ms go")            \
	X(unsigned int, min_order, 4, 0, 8, "smallest slab: 2^n pages")                          \
	X(unsigned int, max_order, 5, 0, 10, "largest slab that more than one object asks for")  \
	X(unsigned int, min_objects, 8, 1, 64, "objects that a slab should hold")                \
	X(unsigned int, retain_kib, 16384, 0, 4194304, "empty slabs that a cache keeps, in KiB") \
	X(unsigned int, retain_ms, 10000, 0, 3600000, "how long it keeps them, in ms")           \
	X(unsigned int, idle_kib, 65536, 0, 4194304,                                             \
	  "memory that an arena keeps of freed page runs and destroyed caches, in KiB")          \
	X(unsigned int, arena_mib, 0, 0, 16777216,                                               \
	  "address space reserved for each granule size, in MiB; 0: as much as the system allows") \
	X(unsigned int, granule, 0, 0, 1024, "one arena with this granule; 0: by object size")   \
	X(unsigned int, max_caches, 8192, 64, 8192,                                              \
	  "caches at a time, kmalloc's among them; fewer where there is little memory")

/** Options of an instance. slabpool_options_init() fills in the defaults. */
struct slabpool_options {
#define SLABPOOL_OPTION_FIELD(type, name, standard, low, high, text) type name;
	SLABPOOL_OPTION_LIST(SLABPOOL_OPTION_FIELD)
#undef SLABPOOL_OPTION_FIELD
	/** SLAB_TYPESAFE_BY_RCU: waits for a grace period; NULL: such pages stay until destroy. */
	void (*rcu_synchronize)(void);
	/** Receives each report instead of the platform's report function; NULL: stderr. */
	void (*report)(void *context, const struct slabpool_report *report);
	void *report_context;
};

SLABPOOL_API void slabpool_options_init(struct slabpool_options *options);

/**
 * Sets the default instance's options. On hosts the environment variable SLABPOOL_OPTIONS
 * (key=value:key=value) is applied on top, unless the program is set-user-ID.
 * @return 0; -EBUSY after the first use; -EINVAL for a value out of range (nothing is changed).
 */
SLABPOOL_API int slabpool_configure(const struct slabpool_options *options);

/**
 * Parses key=value:key=value into @p options. An unknown key or a bad value gets a message
 * through @p message (may be NULL) and is ignored.
 * @return the number of entries that were ignored.
 */
SLABPOOL_API int slabpool_options_parse(struct slabpool_options *options, const char *text,
					void (*message)(void *context, const char *line),
					void *context);

/**
 * Creates an instance on @p platform (copied). @p options may be NULL.
 * @return NULL for an option out of range or if the platform has no memory.
 */
SLABPOOL_API struct slabpool *slabpool_create(const struct slabpool_platform *platform,
					      const struct slabpool_options *options);
/** Gives everything back at once: caches, objects, pools' memory. No call may run on it. */
SLABPOOL_API void slabpool_destroy(struct slabpool *pool);
/** The instance behind the Linux names, made if need be; NULL if that fails. */
SLABPOOL_API struct slabpool *slabpool_default(void);
/**
 * The system's own platform table. Each instance needs a table of its own, from
 * slabpool_platform_open(); give it back with slabpool_platform_close() after slabpool_destroy().
 * @return 0 or a negative errno. Not on bare metal.
 */
SLABPOOL_API int slabpool_platform_open(struct slabpool_platform *platform);
SLABPOOL_API void slabpool_platform_close(struct slabpool_platform *platform);
/**
 * Bare metal: memory for the default instance, to be called once before first use.
 * @return 0, -EBUSY, or -EINVAL if it is too small.
 */
SLABPOOL_API int slabpool_bare_memory(void *memory, size_t bytes);
/** Bare metal: where reports go, line by line; NULL: nowhere. And what fatal does first. */
SLABPOOL_API void slabpool_bare_output(void (*line)(const char *text), void (*fatal)(void));
/** A platform over the caller's buffer: no threads, no system. @p state is the table's memory. */
struct slabpool_buffer {
	unsigned char *memory;
	size_t bytes;
	size_t used;    /**< from the start; what lies behind was never given out or is back */
	size_t pieces;  /**< reservations that were not given back */
};
SLABPOOL_API void slabpool_platform_buffer(struct slabpool_platform *platform,
					   struct slabpool_buffer *state, void *memory,
					   size_t bytes);

/* The same calls on a given instance. */
SLABPOOL_API struct kmem_cache *slabpool_cache_create(struct slabpool *pool, const char *name,
						      unsigned int size,
						      const struct kmem_cache_args *args,
						      slab_flags_t flags);
SLABPOOL_API void *slabpool_kmalloc(struct slabpool *pool, size_t size, gfp_t gfp);
SLABPOOL_API void slabpool_kfree(struct slabpool *pool, const void *object);
SLABPOOL_API void *slabpool_krealloc(struct slabpool *pool, const void *object, size_t size,
				     gfp_t gfp);
SLABPOOL_API size_t slabpool_ksize(struct slabpool *pool, const void *object);
SLABPOOL_API void *slabpool_vmalloc(struct slabpool *pool, size_t size, gfp_t gfp);
SLABPOOL_API void slabpool_vfree(struct slabpool *pool, const void *object);
SLABPOOL_API void *slabpool_kvmalloc(struct slabpool *pool, size_t size, gfp_t gfp);
SLABPOOL_API void *slabpool_kvrealloc(struct slabpool *pool, const void *object, size_t size,
				      gfp_t gfp);
SLABPOOL_API void slabpool_kvfree(struct slabpool *pool, const void *object);
/** Memory of @p size bytes aligned to @p align (a power of two), to be freed with kfree() or
 * kvfree(); NULL if it cannot be had. An alignment of more than 4 MiB never can, nor one of more
 * than arena_mib; an arena of less than 1 MiB aligns to an eighth of itself at the most. */
SLABPOOL_API void *slabpool_kmemalign(struct slabpool *pool, size_t align, size_t size, gfp_t gfp);
SLABPOOL_API void *slabpool_alloc_pages(struct slabpool *pool, gfp_t gfp, unsigned int order);
SLABPOOL_API void slabpool_free_pages(struct slabpool *pool, void *address, unsigned int order);
SLABPOOL_API mempool_t *slabpool_mempool_create(struct slabpool *pool, int min_nr,
						mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
						void *pool_data);
SLABPOOL_API int slabpool_mempool_init(struct slabpool *pool, mempool_t *mempool, int min_nr,
				       mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
				       void *pool_data);

/** What is known about a cache; counts are exact when no other thread uses it. */
struct slabpool_cache_info {
	const char *name;          /**< valid until the cache is destroyed */
	unsigned int size;         /**< object size as asked */
	unsigned int stride;       /**< from object to object */
	unsigned int align;        /**< effective alignment */
	slab_flags_t flags;
	unsigned int limit;        /**< objects a magazine; the first ones hold less */
	unsigned int batchcount;   /**< objects that move between magazine and slabs at once */
	unsigned int shared;       /**< full magazines that the depot may keep */
	unsigned int num;          /**< objects a slab */
	unsigned int gfporder;     /**< pages a slab: 2^gfporder */
	unsigned int colour;       /**< number of different colours */
	unsigned int colour_off;   /**< bytes from colour to colour */
	unsigned int colour_next;  /**< colour of the next slab */
	size_t metadata_bytes;     /**< out-of-line bytes a slab */
	unsigned int aliases;      /**< caches merged into this one, itself not counted */
	unsigned int useroffset, usersize;
	size_t active_objects;     /**< with the user */
	size_t magazine_objects;   /**< free, in threads' magazines */
	size_t depot_objects;      /**< free, in the depot */
	size_t slab_objects;       /**< free, in slabs */
	size_t total_objects;      /**< the sum of the four */
	size_t slabs, full_slabs, partial_slabs, empty_slabs;
	size_t slab_bytes;         /**< memory of all slabs */
	uint64_t refills, flushes; /**< magazines filled from, emptied into slabs */
	uint64_t exchanges;        /**< whole magazines exchanged with the depot */
	uint64_t grows, releases;  /**< slabs made and given back */
	uint64_t failures;         /**< allocations that returned NULL */
};
/** @return 0, or -EINVAL for NULL. */
SLABPOOL_API int slabpool_cache_info(struct kmem_cache *cache, struct slabpool_cache_info *info);
/** Calls @p visit for each cache, kmalloc's included, oldest first; stops when it returns non-zero
 * and returns that. @p visit must not create or destroy caches. */
SLABPOOL_API int slabpool_for_each_cache(struct slabpool *pool,
					 int (*visit)(struct kmem_cache *cache, void *context),
					 void *context);
/** Sets magazine size, batch and depot limit, as writing to /proc/slabinfo did. -EINVAL unless
 * 1 <= batchcount <= limit <= 256; -ENOMEM. */
SLABPOOL_API int slabpool_cache_tune(struct kmem_cache *cache, unsigned int limit,
				     unsigned int batchcount, unsigned int shared);
/** The line "name limit batchcount shared". -EINVAL for a bad line or an unknown name. */
SLABPOOL_API int slabpool_tune_line(struct slabpool *pool, const char *line);
/** Writes "slabinfo - version: 2.1" and a line a cache, piece by piece. */
SLABPOOL_API void slabpool_slabinfo(struct slabpool *pool,
				    void (*write)(void *context, const char *text, size_t length),
				    void *context);
/**
 * Writes the same and more as one JSON object and a newline, piece by piece:
 * {"slabpool":1,"memory":{...},"caches":[{...},...]}. "slabpool" is the version of the format; the
 * other keys are the fields of struct slabpool_memory_info and slabpool_cache_info.
 */
SLABPOOL_API void slabpool_slabinfo_json(struct slabpool *pool,
					 void (*write)(void *context, const char *text,
						       size_t length),
					 void *context);
/**
 * Writes a cache's slabs as one JSON object and a newline, piece by piece, at most @p most of them:
 * {"slabpool":1,"cache":"NAME","size":N,"num":N,"slabs":N,"maps":["...",...]}. A character of a map
 * is an object: # live, k kept free by a magazine or the depot, . free in its slab. @p write is
 * called with the cache's lock held: it must not call slabpool.
 * @return 0, or -EINVAL for NULL.
 */
SLABPOOL_API int slabpool_cache_map(struct kmem_cache *cache, unsigned int most,
				    void (*write)(void *context, const char *text, size_t length),
				    void *context);

/** Memory of an instance, in bytes. */
struct slabpool_memory_info {
	size_t reserved;   /**< address space */
	size_t opened;     /**< pages that were ever handed to the page layer */
	size_t slabs;      /**< in slabs of all caches, the allocator's own not counted */
	size_t metadata;   /**< in slabs of the allocator's own caches: descriptors, magazines */
	size_t runs;       /**< in page runs: large kmalloc, alloc_pages, vmalloc */
	size_t idle;       /**< free pages whose memory may still be held: an upper bound */
	size_t reclaimable;/**< in slabs of SLAB_RECLAIM_ACCOUNT caches */
};
SLABPOOL_API void slabpool_memory_info(struct slabpool *pool, struct slabpool_memory_info *info);
/** Gives back all that is free: depots, empty slabs, idle pages. @return bytes given back, idle
 * pages counted as slabpool_memory_info() does. */
SLABPOOL_API size_t slabpool_reap(struct slabpool *pool);
/** The calling thread's magazines go back to the depots and slabs. */
SLABPOOL_API void slabpool_thread_flush(struct slabpool *pool);
/** Walks every structure. @return true if all invariants hold. No other call may run. */
SLABPOOL_API bool slabpool_is_valid(struct slabpool *pool);

/** Calls seen by an observer (recorder); all values are the caller's. */
enum slabpool_event_kind {
	SLABPOOL_EVENT_CACHE_CREATE, SLABPOOL_EVENT_CACHE_DESTROY, SLABPOOL_EVENT_CACHE_SHRINK,
	SLABPOOL_EVENT_CACHE_ALLOC, SLABPOOL_EVENT_CACHE_FREE,
	SLABPOOL_EVENT_KMALLOC, SLABPOOL_EVENT_KFREE, SLABPOOL_EVENT_KREALLOC,
	SLABPOOL_EVENT_KMEMALIGN,
	SLABPOOL_EVENT_PAGES_ALLOC, SLABPOOL_EVENT_PAGES_FREE,
	SLABPOOL_EVENT_MEMPOOL_CREATE, SLABPOOL_EVENT_MEMPOOL_DESTROY,
	SLABPOOL_EVENT_MEMPOOL_RESIZE, SLABPOOL_EVENT_MEMPOOL_ALLOC, SLABPOOL_EVENT_MEMPOOL_FREE
};
struct slabpool_event {
	enum slabpool_event_kind kind;
	const void *owner;   /**< the cache or mempool, or NULL */
	const void *object;  /**< the object handed in (free, realloc), or NULL */
	const void *result;  /**< what is returned, or NULL */
	size_t size;         /**< bytes, count or order */
	size_t align;
	unsigned int flags;  /**< gfp or slab flags */
	const char *name;
};
/**
 * Installs an observer on an instance before its first cache is used; slows every call down,
 * as no call is served by a thread's magazine. NULL removes it.
 */
SLABPOOL_API void slabpool_observe(struct slabpool *pool,
				   void (*event)(void *context, const struct slabpool_event *event),
				   void *context);

SLABPOOL_END_DECLS

#endif
