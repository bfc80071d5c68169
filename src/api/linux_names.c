/* SPDX-License-Identifier: MIT */
/* The Linux names: caches say their own instance, everything else works on the default one. */
#include "core/check.h"
#include "core/instance.h"
#include "core/memory.h"
#include "core/pages.h"
#include "platform/default.h"

static inline struct slabpool *instance(void)
{
	return default_instance();
}

/* Without a cache there is no instance but the default one to report on. */
static SLABPOOL_COLD void report_no_cache(const char *call)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_BAD_CACHE, .call = call, .crime = true,
	};
	struct slabpool *pool = instance();

	if (pool)
		check_report(pool, &report);
}

/* Beyond repair: the caller reads and writes other places than the library. */
void slabpool_check_layout(unsigned int layout)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_LAYOUT, .call = "slabpool_check_layout", .size = layout,
	};
	struct slabpool *pool;

	if (layout == SLABPOOL_LAYOUT)
		return;
	pool = instance();
	if (!pool)
		return;
	check_report(pool, &report);
	pool->platform.fatal(pool->platform.context);
}

struct kmem_cache *(kmem_cache_create)(const char *name, unsigned int size, unsigned int align,
				       slab_flags_t flags, void (*ctor)(void *))
{
	struct kmem_cache_args args = { .align = align, .ctor = ctor };
	struct slabpool *pool = instance();

	return pool ? slabpool_cache_create(pool, name, size, &args, flags) : NULL;
}

struct kmem_cache *__kmem_cache_create_args(const char *name, unsigned int size,
					    struct kmem_cache_args *args, slab_flags_t flags)
{
	struct slabpool *pool = instance();

	return pool ? slabpool_cache_create(pool, name, size, args, flags) : NULL;
}

struct kmem_cache *__kmem_cache_default_args(const char *name, unsigned int size, void *args,
					     slab_flags_t flags)
{
	struct slabpool *pool = instance();

	if (args && pool) {
		check_bad_argument(pool, "kmem_cache_create", name,
				   "the third argument is no struct kmem_cache_args", size);
		return (struct kmem_cache *)(intptr_t)-22; /* ERR_PTR(-EINVAL) */
	}
	return __kmem_cache_create_args(name, size, NULL, flags);
}

struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned int size,
					      unsigned int align, slab_flags_t flags,
					      unsigned int useroffset, unsigned int usersize,
					      void (*ctor)(void *))
{
	struct kmem_cache_args args = {
		.align = align, .ctor = ctor, .useroffset = useroffset, .usersize = usersize,
	};

	return __kmem_cache_create_args(name, size, &args, flags);
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
	slabpool_cache_destroy(cache);
}

int kmem_cache_shrink(struct kmem_cache *cache)
{
	if (!cache) {
		report_no_cache("kmem_cache_shrink");
		return 0;
	}
	return slabpool_cache_shrink(cache);
}

unsigned int kmem_cache_size(struct kmem_cache *cache)
{
	return cache->size;
}

const char *kmem_cache_name(struct kmem_cache *cache)
{
	return cache->name;
}

void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	if (SLABPOOL_NO_CACHE(cache)) {
		report_no_cache("kmem_cache_alloc");
		return NULL;
	}
	return cache_alloc(cache, gfp);
}

void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node)
{
	return kmem_cache_alloc(cache, gfp);
}

void *kmem_cache_alloc_lru(struct kmem_cache *cache, struct list_lru *lru, gfp_t gfp)
{
	return kmem_cache_alloc(cache, gfp);
}

void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp)
{
	if (SLABPOOL_NO_CACHE(cache)) {
		report_no_cache("kmem_cache_zalloc");
		return NULL;
	}
	return cache_zalloc(cache, gfp);
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	if (SLABPOOL_NO_CACHE(cache))
		report_no_cache("kmem_cache_free");
	else
		cache_free(cache, object, "kmem_cache_free");
}

void kmem_cache_free_bulk(struct kmem_cache *cache, size_t n, void **objects)
{
	size_t k;

	if (cache) {
		cache_free_many(cache, n, objects, "kmem_cache_free_bulk");
		return;
	}
	for (k = 0; k < n; k++)
		kfree(objects[k]);
}

void kfree_bulk(size_t n, void **objects)
{
	kmem_cache_free_bulk(NULL, n, objects);
}

void *kmalloc(size_t size, gfp_t gfp)
{
	struct slabpool *pool = instance();

	return pool ? slabpool_kmalloc(pool, size, gfp) : NULL;
}

void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

void *kmalloc_node(size_t size, gfp_t gfp, int node)
{
	return kmalloc(size, gfp);
}

void *kzalloc_node(size_t size, gfp_t gfp, int node)
{
	return kzalloc(size, gfp);
}

void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	return geometry_array_bytes(n, size, &bytes) ? kmalloc(bytes, gfp) : NULL;
}

void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kmalloc_array(n, size, gfp | __GFP_ZERO);
}

void *kmalloc_array_node(size_t n, size_t size, gfp_t gfp, int node)
{
	return kmalloc_array(n, size, gfp);
}

void *kcalloc_node(size_t n, size_t size, gfp_t gfp, int node)
{
	return kcalloc(n, size, gfp);
}

void kfree(const void *object)
{
	struct slabpool *pool;

	if (ZERO_OR_NULL_PTR(object))
		return;
	pool = instance();
	if (pool)
		slabpool_kfree(pool, object);
}

void kfree_const(const void *object)
{
	kfree(object);
}

size_t ksize(const void *object)
{
	struct slabpool *pool = instance();

	return pool ? slabpool_ksize(pool, object) : 0;
}

/* Zeroing that no compiler takes for a dead store. */
static void wipe(void *object, size_t bytes)
{
	memset(object, 0, bytes);
	__asm__ __volatile__("" : : "r"(object) : "memory");
}

void kfree_sensitive(const void *object)
{
	size_t bytes = ksize(object);

	if (bytes)
		wipe((void *)(uintptr_t)object, bytes);
	kfree(object);
}

void *krealloc(const void *object, size_t size, gfp_t gfp)
{
	struct slabpool *pool = instance();

	return pool ? slabpool_krealloc(pool, object, size, gfp) : NULL;
}

void *__krealloc(const void *object, size_t size, gfp_t gfp)
{
	size_t old = ksize(object);
	void *fresh;

	if (size == 0)
		return ZERO_SIZE_PTR;
	if (size <= old)
		return (void *)(uintptr_t)object;
	fresh = kmalloc(size, gfp);
	return fresh && old ? memcpy(fresh, object, old) : fresh;
}

void *krealloc_array(void *object, size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	return geometry_array_bytes(n, size, &bytes) ? krealloc(object, bytes, gfp) : NULL;
}

size_t kmalloc_size_roundup(size_t size)
{
	if (size == 0 || size > KMALLOC_MAX_SIZE)
		return size;
	if (size <= KMALLOC_MAX_CACHE_SIZE)
		return geometry_kmalloc_size(geometry_kmalloc_class((uint32_t)size));
	return (size + SLABPOOL_PAGE_SIZE - 1) & ~(SLABPOOL_PAGE_SIZE - 1);
}

void *kvmalloc(size_t size, gfp_t gfp)
{
	struct slabpool *pool = instance();

	return pool ? slabpool_kvmalloc(pool, size, gfp) : NULL;
}

void *kvzalloc(size_t size, gfp_t gfp)
{
	return kvmalloc(size, gfp | __GFP_ZERO);
}

void *kvmalloc_node(size_t size, gfp_t gfp, int node)
{
	return kvmalloc(size, gfp);
}

void *kvzalloc_node(size_t size, gfp_t gfp, int node)
{
	return kvzalloc(size, gfp);
}

void *kvmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	return geometry_array_bytes(n, size, &bytes) ? kvmalloc(bytes, gfp) : NULL;
}

void *kvcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kvmalloc_array(n, size, gfp | __GFP_ZERO);
}

void *kvrealloc(const void *object, size_t size, gfp_t gfp)
{
	struct slabpool *pool = instance();

	return pool ? slabpool_kvrealloc(pool, object, size, gfp) : NULL;
}

void kvfree(const void *object)
{
	struct slabpool *pool;

	if (ZERO_OR_NULL_PTR(object))
		return;
	pool = instance();
	if (pool)
		slabpool_kvfree(pool, object);
}

void kvfree_sensitive(const void *object, size_t size)
{
	if (ZERO_OR_NULL_PTR(object))
		return;
	if (size <= ksize(object))
		wipe((void *)(uintptr_t)object, size);
	kvfree(object);
}

void *kmalloc_nolock(size_t size, gfp_t gfp, int node)
{
	return kmalloc(size, (gfp & ~__GFP_RECLAIM) | __GFP_NOWARN);
}

void kfree_nolock(const void *object)
{
	kfree(object);
}

bool kmem_valid_obj(void *object)
{
	struct slabpool *pool = instance();
	struct check_description known;

	if (!pool || ZERO_OR_NULL_PTR(object))
		return false;
	known = check_describe(pool, object);
	return known.start != 0 && known.state != STATE_NONE;
}

bool slab_is_available(void)
{
	return true;
}

/* A struct page is the page's own memory, seen through another type. */
struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	struct slabpool *pool = instance();

	return pool ? slabpool_alloc_pages(pool, gfp, order) : NULL;
}

struct page *alloc_pages_node(int node, gfp_t gfp, unsigned int order)
{
	return alloc_pages(gfp, order);
}

void __free_pages(struct page *page, unsigned int order)
{
	struct slabpool *pool = instance();

	if (pool)
		slabpool_free_pages(pool, page, order);
}

void *page_address(const struct page *page)
{
	return (void *)(uintptr_t)page;
}

struct page *virt_to_page(const void *address)
{
	return (struct page *)((uintptr_t)address & ~(uintptr_t)(SLABPOOL_PAGE_SIZE - 1));
}

unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	return (unsigned long)(uintptr_t)alloc_pages(gfp, order);
}

unsigned long get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}

void free_pages(unsigned long address, unsigned int order)
{
	__free_pages((struct page *)(uintptr_t)address, order);
}

void *__vmalloc(unsigned long size, gfp_t gfp)
{
	struct slabpool *pool = instance();

	return pool ? slabpool_vmalloc(pool, size, gfp) : NULL;
}

void *vmalloc(unsigned long size)
{
	return __vmalloc(size, GFP_KERNEL);
}

void *vzalloc(unsigned long size)
{
	return __vmalloc(size, GFP_KERNEL | __GFP_ZERO);
}

void *vmalloc_node(unsigned long size, int node)
{
	return vmalloc(size);
}

void *vzalloc_node(unsigned long size, int node)
{
	return vzalloc(size);
}

void *vmalloc_array(size_t n, size_t size)
{
	size_t bytes;

	return geometry_array_bytes(n, size, &bytes) ? vmalloc(bytes) : NULL;
}

void *vcalloc(size_t n, size_t size)
{
	size_t bytes;

	return geometry_array_bytes(n, size, &bytes) ? vzalloc(bytes) : NULL;
}

void vfree(const void *address)
{
	struct slabpool *pool;

	if (!address)
		return;
	pool = instance();
	if (pool)
		slabpool_vfree(pool, address);
}
