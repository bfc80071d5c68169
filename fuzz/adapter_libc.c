/* SPDX-License-Identifier: MIT */
/*
 * libc's malloc under the same oracles: shows what an adapter for another allocator has to be, and
 * runs the model against an allocator that nobody here wrote. It ends the program on misuse, has
 * no statistics and no platform, so those oracles do not apply.
 */
#include "adapter.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct libc_cache {
	size_t size, align, live;
	void (*ctor)(void *object);
	char *name;
};

static struct slabpool *libc_create(const struct slabpool_platform *platform,
				    const struct slabpool_options *options)
{
	static char here;

	(void)platform;
	(void)options;
	return (struct slabpool *)(void *)&here;
}

static void libc_destroy(struct slabpool *pool)
{
	(void)pool;
}

static void *get(size_t align, size_t size, gfp_t gfp)
{
	void *p;

	if (align < 16)
		align = 16;
	if (posix_memalign(&p, align, size ? size : 1))
		return NULL;
	if (gfp & __GFP_ZERO)
		memset(p, 0, size);
	return p;
}

static bool libc_refuses(const char *name, unsigned int size, const struct kmem_cache_args *args,
			 slab_flags_t flags)
{
	return !name || !*name || size == 0 || size > KMALLOC_MAX_SIZE || (flags & 1) ||
	       (args->align & (args->align - 1)) || args->align > KMALLOC_MAX_SIZE ||
	       args->usersize > size || args->useroffset > size - args->usersize ||
	       args->sheaf_capacity > 256;
}

static struct kmem_cache *libc_cache_create(struct slabpool *pool, const char *name,
					    unsigned int size, const struct kmem_cache_args *args,
					    slab_flags_t flags)
{
	struct libc_cache *cache;
	size_t align = args->align;

	(void)pool;
	if (libc_refuses(name, size, args, flags))
		return NULL;
	cache = malloc(sizeof(*cache));
	if (flags & SLAB_HWCACHE_ALIGN && align < 64)
		align = 64;
	*cache = (struct libc_cache){ size, align, 0, args->ctor, strdup(name) };
	return (struct kmem_cache *)(void *)cache;
}

static struct libc_cache *of(struct kmem_cache *cache)
{
	return (struct libc_cache *)(void *)cache;
}

static void libc_cache_destroy(struct kmem_cache *cache)
{
	if (!cache || of(cache)->live)
		return;
	free(of(cache)->name);
	free(of(cache));
}

static unsigned int libc_cache_size(struct kmem_cache *cache)
{
	return (unsigned int)of(cache)->size;
}

static const char *libc_cache_name(struct kmem_cache *cache)
{
	return of(cache)->name;
}

static void *libc_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	void *p = get(of(cache)->align, of(cache)->size, 0);

	if (p && of(cache)->ctor)
		of(cache)->ctor(p);
	if (p && (gfp & __GFP_ZERO))
		memset(p, 0, of(cache)->size);
	of(cache)->live += p != NULL;
	return p;
}

static void libc_cache_free(struct kmem_cache *cache, void *object)
{
	of(cache)->live -= object != NULL;
	free(object);
}

static int libc_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t n, void **objects)
{
	for (size_t i = 0; i < n; i++)
		objects[i] = libc_cache_alloc(cache, gfp);
	return (int)n;
}

static void libc_cache_free_bulk(struct kmem_cache *cache, size_t n, void **objects)
{
	for (size_t i = 0; i < n; i++) {
		if (cache)
			libc_cache_free(cache, objects[i]);
		else
			free(objects[i]);
	}
}

static void *libc_kmalloc(struct slabpool *pool, size_t size, gfp_t gfp)
{
	(void)pool;
	if (size == 0)
		return ZERO_SIZE_PTR;
	return size > KMALLOC_MAX_SIZE ? NULL : get(16, size, gfp);
}

static void libc_kfree(struct slabpool *pool, const void *object)
{
	(void)pool;
	if (!ZERO_OR_NULL_PTR(object))
		free((void *)(uintptr_t)object);
}

static size_t libc_ksize(struct slabpool *pool, const void *object)
{
	(void)pool;
	return malloc_usable_size((void *)(uintptr_t)object);
}

static void *libc_krealloc(struct slabpool *pool, const void *object, size_t size, gfp_t gfp)
{
	void *old = (void *)(uintptr_t)object;
	size_t was;
	unsigned char *p;

	if (ZERO_OR_NULL_PTR(object))
		return libc_kmalloc(pool, size, gfp);
	if (size == 0) {
		free(old);
		return ZERO_SIZE_PTR;
	}
	was = malloc_usable_size(old);
	p = size > KMALLOC_MAX_SIZE ? NULL : realloc(old, size);
	if (p && (gfp & __GFP_ZERO) && size > was)
		memset(p + was, 0, size - was);
	return p;
}

static void *libc_kmemalign(struct slabpool *pool, size_t align, size_t size, gfp_t gfp)
{
	(void)pool;
	return get(align, size, gfp);
}

static size_t libc_roundup(size_t size)
{
	return size;
}

const struct fuzz_adapter fuzz_adapter_libc = {
	.name = "libc",
	.caps = CAP_CACHES | CAP_KMALLOC,
	.create = libc_create,
	.destroy = libc_destroy,
	.cache_create = libc_cache_create,
	.cache_destroy = libc_cache_destroy,
	.cache_size = libc_cache_size,
	.cache_name = libc_cache_name,
	.cache_alloc = libc_cache_alloc,
	.cache_free = libc_cache_free,
	.cache_alloc_bulk = libc_cache_alloc_bulk,
	.cache_free_bulk = libc_cache_free_bulk,
	.kmalloc = libc_kmalloc,
	.kfree = libc_kfree,
	.krealloc = libc_krealloc,
	.ksize = libc_ksize,
	.size_roundup = libc_roundup,
	.kmemalign = libc_kmemalign,
	.kvmalloc = libc_kmalloc,
	.kvrealloc = libc_krealloc,
	.kvfree = libc_kfree,
};
