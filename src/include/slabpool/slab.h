/* SPDX-License-Identifier: MIT */
/**
 * @file slab.h
 * kmem_cache_* and the kmalloc family with Linux's names and semantics, in user space.
 *
 * All calls are thread-safe and need neither initialisation nor registration of threads; what
 * must not run at the same time is said at the call. Sizes are in bytes. The semantics are those
 * of Linux's include/linux/slab.h and Documentation/core-api/memory-allocation.rst; where Linux
 * says BUG or nothing at all, the doc comment says what happens here.
 *
 * A caller's crime (double free, foreign or interior pointer, wrong cache) is found on every
 * free: one line on stderr, then the configured action (abort by default); nothing changes.
 */
#ifndef SLABPOOL_SLAB_H
#define SLABPOOL_SLAB_H

#include <slabpool/gfp.h>

SLABPOOL_BEGIN_DECLS

/** A cache of objects of one size. */
struct kmem_cache;

typedef unsigned int slab_flags_t;

/* Values are slabpool's own; never hard-code them. Flags with a meaning here: */
/** Checks beyond the default ones: every free confirms slab and page map. */
#define SLAB_CONSISTENCY_CHECKS ((slab_flags_t)0x00000100U)
#define SLAB_RED_ZONE ((slab_flags_t)0x00000400U)
#define SLAB_POISON ((slab_flags_t)0x00000800U)
/** Objects start at a cache line, halved while the object fits in half a line. */
#define SLAB_HWCACHE_ALIGN ((slab_flags_t)0x00002000U)
#define SLAB_STORE_USER ((slab_flags_t)0x00010000U)
/** Counted in slabpool_cache_info(): pages of this cache are reclaimable. */
#define SLAB_RECLAIM_ACCOUNT ((slab_flags_t)0x00020000U)
/** If the cache cannot be created the program ends. */
#define SLAB_PANIC ((slab_flags_t)0x00040000U)
/** Pages, not objects, wait for a grace period; contents survive a free. */
#define SLAB_TYPESAFE_BY_RCU ((slab_flags_t)0x00080000U)
#define SLAB_TRACE ((slab_flags_t)0x00200000U)
/** Never merged with a like cache. */
#define SLAB_NO_MERGE ((slab_flags_t)0x01000000U)

/* Accepted, without effect in user space. */
#define SLAB_CACHE_DMA ((slab_flags_t)0x00004000U)
#define SLAB_CACHE_DMA32 ((slab_flags_t)0x00008000U)
#define SLAB_MEM_SPREAD ((slab_flags_t)0x00100000U)
#define SLAB_DEBUG_OBJECTS ((slab_flags_t)0x00400000U)
#define SLAB_NOLEAKTRACE ((slab_flags_t)0x00800000U)
#define SLAB_FAILSLAB ((slab_flags_t)0x02000000U)
#define SLAB_ACCOUNT ((slab_flags_t)0x04000000U)
#define SLAB_KASAN ((slab_flags_t)0x08000000U)
#define SLAB_NO_USER_FLAGS ((slab_flags_t)0x10000000U)
#define SLAB_SKIP_KFENCE ((slab_flags_t)0x20000000U)
#define SLAB_KMALLOC ((slab_flags_t)0x00001000U)
#define SLAB_NO_OBJ_EXT ((slab_flags_t)0x40000000U)
#define SLAB_NOTRACK ((slab_flags_t)0x80000000U)
/* Older spellings. */
#define SLAB_DEBUG_FREE SLAB_CONSISTENCY_CHECKS
#define SLAB_DESTROY_BY_RCU SLAB_TYPESAFE_BY_RCU
#define SLAB_TEMPORARY SLAB_RECLAIM_ACCOUNT

/** What kmalloc(0) gives: not NULL, not to be touched, a no-op to free. */
#define ZERO_SIZE_PTR ((void *)16)
#define ZERO_OR_NULL_PTR(p) ((uintptr_t)(p) <= (uintptr_t)ZERO_SIZE_PTR)

#define KMALLOC_MIN_SIZE 8
/** Largest size served from a size class; larger ones are runs of pages. */
#define KMALLOC_MAX_CACHE_SIZE 8192UL
#ifndef KMALLOC_MAX_SIZE
#define KMALLOC_MAX_SIZE (1UL << 22)
#endif
#define ARCH_KMALLOC_MINALIGN 8
#define ARCH_SLAB_MINALIGN 8

/** The less common arguments of kmem_cache_create(). Zeroed fields mean the default. */
struct kmem_cache_args {
	unsigned int align;          /**< power of two, 0: by size and flags */
	unsigned int useroffset;     /**< recorded, shown by slabpool_cache_info() */
	unsigned int usersize;
	unsigned int freeptr_offset; /**< accepted: slabpool keeps no pointer in a free object */
	bool use_freeptr_offset;
	void (*ctor)(void *object);  /**< runs once an object, when its slab is made */
	unsigned int sheaf_capacity; /**< objects a magazine, 0: by size */
};

/**
 * Creates a cache. Both of Linux's forms work:
 *   kmem_cache_create(name, size, align, flags, ctor)
 *   kmem_cache_create(name, size, args, flags)          args: struct kmem_cache_args * or NULL
 * The name is copied, need not be unique, and should have no blank.
 * @return the cache, or NULL (and a message) for a NULL or empty name, size 0 or beyond
 * KMALLOC_MAX_SIZE, an alignment that is no power of two or beyond the slab, an unknown flag, no
 * memory. With SLAB_PANIC the program ends instead.
 */
SLABPOOL_API struct kmem_cache *(kmem_cache_create)(const char *name, unsigned int size,
						    unsigned int align, slab_flags_t flags,
						    void (*ctor)(void *));
SLABPOOL_API struct kmem_cache *__kmem_cache_create_args(const char *name, unsigned int size,
							 struct kmem_cache_args *args,
							 slab_flags_t flags);
/** The 4-argument form with a void * third argument: NULL means defaults, anything else is
 * refused with a warning and ERR_PTR(-EINVAL), as Linux does. */
SLABPOOL_API struct kmem_cache *__kmem_cache_default_args(const char *name, unsigned int size,
							  void *args, slab_flags_t flags);
#ifdef __cplusplus
static inline struct kmem_cache *__kmem_cache_create(const char *name, unsigned int size,
						     unsigned int align, slab_flags_t flags,
						     void (*ctor)(void *))
{
	return (kmem_cache_create)(name, size, align, flags, ctor);
}
#else
#define __kmem_cache_create (kmem_cache_create)
#define kmem_cache_create(name, size, args, ...)                                                \
	_Generic((args), struct kmem_cache_args *: __kmem_cache_create_args,                    \
		void *: __kmem_cache_default_args, default: (kmem_cache_create))                \
	(name, size, args, __VA_ARGS__)
#endif
SLABPOOL_API struct kmem_cache *
kmem_cache_create_usercopy(const char *name, unsigned int size, unsigned int align,
			   slab_flags_t flags, unsigned int useroffset, unsigned int usersize,
			   void (*ctor)(void *));

/** A cache for a struct, named after it, with the struct's alignment. */
#define KMEM_CACHE(type, flags)                                                                 \
	(kmem_cache_create)(#type, sizeof(struct type), SLABPOOL_ALIGNOF(struct type), (flags), \
			    (void (*)(void *))0)
#define KMEM_CACHE_USERCOPY(type, flags, field)                                                 \
	kmem_cache_create_usercopy(#type, sizeof(struct type), SLABPOOL_ALIGNOF(struct type),   \
				   (flags), (unsigned int)offsetof(struct type, field),         \
				   sizeof(((struct type *)0)->field), (void (*)(void *))0)

/**
 * Destroys a cache; NULL is a no-op. No other use of the cache may run at the same time; objects
 * that other threads hold in their magazines are collected. With live objects: a report with the
 * count, and the cache stays usable.
 */
SLABPOOL_API void kmem_cache_destroy(struct kmem_cache *cache);
/**
 * Gives the memory of empty slabs back to the system.
 * @return 0 if the cache holds no slab any more, else 1. What other threads hold in magazines
 * counts as held until their next slow path.
 */
SLABPOOL_API int kmem_cache_shrink(struct kmem_cache *cache);
/** The object size as asked for at creation (not the stride). */
SLABPOOL_API unsigned int kmem_cache_size(struct kmem_cache *cache);
/** The cache's name; valid until it is destroyed. */
SLABPOOL_API const char *kmem_cache_name(struct kmem_cache *cache);

/**
 * Allocates one object.
 * @return the object, aligned as the cache says; contents undefined, constructed, or zeroed
 * (__GFP_ZERO); NULL when memory is exhausted, with a message unless __GFP_NOWARN.
 */
SLABPOOL_API void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp);
SLABPOOL_API void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node);
struct list_lru;
SLABPOOL_API void *kmem_cache_alloc_lru(struct kmem_cache *cache, struct list_lru *lru, gfp_t gfp);
SLABPOOL_API void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp);
/**
 * Frees one object of @p cache; NULL is a no-op. Anything but the start of a live object of this
 * cache is a crime: reported, and nothing changes.
 */
SLABPOOL_API void kmem_cache_free(struct kmem_cache *cache, void *object);
/**
 * Allocates @p n objects into @p objects, all or nothing.
 * @return @p n, or 0 (also for n == 0), as Linux up to 6.18 does; as a truth value it is also
 * what newer Linux returns.
 */
SLABPOOL_API int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t n,
				       void **objects);
/** Frees @p n objects; with a NULL @p cache each goes to its own, as kfree() does. The array's
 * contents are unspecified afterwards. NULL entries are skipped. */
SLABPOOL_API void kmem_cache_free_bulk(struct kmem_cache *cache, size_t n, void **objects);
SLABPOOL_API void kfree_bulk(size_t n, void **objects);

/** Allocates at least @p size bytes; ZERO_SIZE_PTR for 0; NULL beyond KMALLOC_MAX_SIZE. Sizes
 * that are powers of two are naturally aligned. */
SLABPOOL_API void *kmalloc(size_t size, gfp_t gfp);
SLABPOOL_API void *kzalloc(size_t size, gfp_t gfp);
SLABPOOL_API void *kmalloc_node(size_t size, gfp_t gfp, int node);
SLABPOOL_API void *kzalloc_node(size_t size, gfp_t gfp, int node);
/** n * size bytes; NULL if that overflows. */
SLABPOOL_API void *kmalloc_array(size_t n, size_t size, gfp_t gfp);
SLABPOOL_API void *kcalloc(size_t n, size_t size, gfp_t gfp);
SLABPOOL_API void *kmalloc_array_node(size_t n, size_t size, gfp_t gfp, int node);
SLABPOOL_API void *kcalloc_node(size_t n, size_t size, gfp_t gfp, int node);
#define kmalloc_track_caller(size, gfp) kmalloc((size), (gfp))
#define kmalloc_node_track_caller(size, gfp, node) kmalloc_node((size), (gfp), (node))
/** Frees what the kmalloc family or a cache gave; NULL and ZERO_SIZE_PTR are no-ops. */
SLABPOOL_API void kfree(const void *object);
SLABPOOL_API void kfree_const(const void *object);
/** Zeroes the whole of the memory first, in a way that no compiler removes. */
SLABPOOL_API void kfree_sensitive(const void *object);
#define kzfree(p) kfree_sensitive(p)
/** Usable bytes behind @p object: 0 for NULL and ZERO_SIZE_PTR. */
SLABPOOL_API size_t ksize(const void *object);
/** Resizes: krealloc(NULL, n) is kmalloc(n), krealloc(p, 0) frees and gives ZERO_SIZE_PTR; on
 * failure NULL, and @p object stays valid. With __GFP_ZERO what grows is zeroed. */
SLABPOOL_API void *krealloc(const void *object, size_t size, gfp_t gfp);
/** krealloc() that never frees the old object (Linux before 5.5). */
SLABPOOL_API void *__krealloc(const void *object, size_t size, gfp_t gfp);
SLABPOOL_API void *krealloc_array(void *object, size_t n, size_t size, gfp_t gfp);
/** The size that kmalloc(size) really gives. */
SLABPOOL_API size_t kmalloc_size_roundup(size_t size);

/** kmalloc() while it can, vmalloc() beyond. Free with kvfree(). */
SLABPOOL_API void *kvmalloc(size_t size, gfp_t gfp);
SLABPOOL_API void *kvzalloc(size_t size, gfp_t gfp);
SLABPOOL_API void *kvmalloc_node(size_t size, gfp_t gfp, int node);
SLABPOOL_API void *kvzalloc_node(size_t size, gfp_t gfp, int node);
SLABPOOL_API void *kvmalloc_array(size_t n, size_t size, gfp_t gfp);
SLABPOOL_API void *kvcalloc(size_t n, size_t size, gfp_t gfp);
SLABPOOL_API void *kvrealloc(const void *object, size_t size, gfp_t gfp);
SLABPOOL_API void kvfree(const void *object);
SLABPOOL_API void kvfree_sensitive(const void *object, size_t size);

/** Prints what is known about any pointer, on stderr. */
SLABPOOL_API void kmem_dump_obj(void *object);
/** True if @p object points into a live object. */
SLABPOOL_API bool kmem_valid_obj(void *object);
/** True: the allocator needs no start-up. */
SLABPOOL_API bool slab_is_available(void);
static inline void kmem_cache_init(void) {}
static inline void kmem_cache_init_late(void) {}

/**
 * kmalloc() and kfree() for contexts where Linux must not spin. Here they take the same locks as
 * all others: not for signal handlers. They never reclaim, and never complain.
 */
SLABPOOL_API void *kmalloc_nolock(size_t size, gfp_t gfp, int node);
SLABPOOL_API void kfree_nolock(const void *object);

/** Objects set aside for later, so that taking them cannot fail (Linux 6.18). */
struct slab_sheaf;
/** @return a sheaf of at least @p size objects of @p cache, or NULL. Not shared between threads. */
SLABPOOL_API struct slab_sheaf *kmem_cache_prefill_sheaf(struct kmem_cache *cache, gfp_t gfp,
							 unsigned int size);
/** Fills *@p sheaf up to @p size objects, in a larger one if need be. 0, or -ENOMEM (it is as it
 * was), or -EINVAL for NULL. */
SLABPOOL_API int kmem_cache_refill_sheaf(struct kmem_cache *cache, gfp_t gfp,
					 struct slab_sheaf **sheaf, unsigned int size);
/** Frees a sheaf and what it still holds. */
SLABPOOL_API void kmem_cache_return_sheaf(struct kmem_cache *cache, gfp_t gfp,
					  struct slab_sheaf *sheaf);
/** One object of the sheaf, zeroed with __GFP_ZERO; NULL only if it is empty. */
SLABPOOL_API void *kmem_cache_alloc_from_sheaf(struct kmem_cache *cache, gfp_t gfp,
					       struct slab_sheaf *sheaf);
/** Objects that are left. */
SLABPOOL_API unsigned int kmem_cache_sheaf_size(struct slab_sheaf *sheaf);

/** Memory cgroups do not exist here: always true. */
static inline bool kmem_cache_charge(void *object, gfp_t gfp)
{
	(void)object;
	(void)gfp;
	return true;
}

/* Buckets, as in a kernel without CONFIG_SLAB_BUCKETS: there is one set, kmalloc's. */
typedef struct kmem_cache *kmem_buckets[1];
static inline kmem_buckets *kmem_buckets_create(const char *name, slab_flags_t flags,
						unsigned int useroffset, unsigned int usersize,
						void (*ctor)(void *))
{
	(void)name;
	(void)flags;
	(void)useroffset;
	(void)usersize;
	(void)ctor;
	return (kmem_buckets *)ZERO_SIZE_PTR;
}
#define kmem_buckets_alloc(buckets, size, gfp) ((void)(buckets), kmalloc((size), (gfp)))
#define kmem_buckets_alloc_track_caller(buckets, size, gfp) kmem_buckets_alloc(buckets, size, gfp)
#define kmem_buckets_valloc(buckets, size, gfp) ((void)(buckets), kvmalloc((size), (gfp)))

/* Type-safe forms of newer kernels. */
#define kmalloc_obj(P, ...)                                                                     \
	((__typeof__(P) *)kmalloc(sizeof(P), SLABPOOL_GFP_OR_KERNEL(__VA_ARGS__)))
#define kzalloc_obj(P, ...)                                                                     \
	((__typeof__(P) *)kzalloc(sizeof(P), SLABPOOL_GFP_OR_KERNEL(__VA_ARGS__)))
#define kvmalloc_obj(P, ...)                                                                    \
	((__typeof__(P) *)kvmalloc(sizeof(P), SLABPOOL_GFP_OR_KERNEL(__VA_ARGS__)))
#define kvzalloc_obj(P, ...)                                                                    \
	((__typeof__(P) *)kvzalloc(sizeof(P), SLABPOOL_GFP_OR_KERNEL(__VA_ARGS__)))
#define kmalloc_objs(P, n, ...)                                                                 \
	((__typeof__(P) *)kmalloc_array((n), sizeof(P), SLABPOOL_GFP_OR_KERNEL(__VA_ARGS__)))
#define kzalloc_objs(P, n, ...)                                                                 \
	((__typeof__(P) *)kcalloc((n), sizeof(P), SLABPOOL_GFP_OR_KERNEL(__VA_ARGS__)))
#define kvmalloc_objs(P, n, ...)                                                                \
	((__typeof__(P) *)kvmalloc_array((n), sizeof(P), SLABPOOL_GFP_OR_KERNEL(__VA_ARGS__)))
#define kvzalloc_objs(P, n, ...)                                                                \
	((__typeof__(P) *)kvcalloc((n), sizeof(P), SLABPOOL_GFP_OR_KERNEL(__VA_ARGS__)))
#define SLABPOOL_GFP_OR_KERNEL(...) \
	(((const gfp_t[2]){ GFP_KERNEL, __VA_ARGS__ })[sizeof(#__VA_ARGS__) > 1])

SLABPOOL_END_DECLS

#if defined(SLABPOOL_INLINE)
#include <slabpool/inline.h>

__attribute__((__constructor__)) static void slabpool_inline_start(void)
{
	slabpool_check_layout(SLABPOOL_LAYOUT);
}

/* A cache begins with its hot part. */
static inline void *slabpool_inline_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	return slabpool_fast_alloc(cache, (const struct slabpool_hot *)(const void *)cache, gfp);
}

static inline void slabpool_inline_free(struct kmem_cache *cache, void *object)
{
	slabpool_fast_free(cache, (const struct slabpool_hot *)(const void *)cache, object);
}

#define kmem_cache_alloc(cache, gfp) slabpool_inline_alloc((cache), (gfp))
#define kmem_cache_free(cache, object) slabpool_inline_free((cache), (object))
#endif

#endif
