/* SPDX-License-Identifier: MIT */
/*
 * Sheaves: objects of a cache that are allocated ahead, so that taking them later cannot fail.
 *
 *   prefill, refill   cache -> sheaf   all that is asked for, or none
 *   alloc_from_sheaf  sheaf -> user
 *   return_sheaf      sheaf -> cache
 *
 * To the cache the objects in a sheaf are with the user. A sheaf belongs to one thread at a time.
 */
#include "core/instance.h"
#include "core/memory.h"

struct slab_sheaf {
	struct kmem_cache *cache;
	unsigned int count, capacity;
	void *object[];
};

static struct slab_sheaf *sheaf_new(struct kmem_cache *cache, gfp_t gfp, unsigned int capacity)
{
	struct slab_sheaf *sheaf;
	size_t head = sizeof(*sheaf);

	if (capacity > (SIZE_MAX - head) / sizeof(void *))
		return NULL;
	sheaf = slabpool_kvmalloc(cache->pool, head + capacity * sizeof(void *),
				  gfp & ~__GFP_ZERO);
	if (!sheaf)
		return NULL;
	sheaf->cache = cache;
	sheaf->count = 0;
	sheaf->capacity = capacity;
	return sheaf;
}

/* Objects until there are size; all or none of them. */
static bool sheaf_fill(struct slab_sheaf *sheaf, gfp_t gfp, unsigned int size)
{
	unsigned int want = size - sheaf->count;

	if (want == 0)
		return true;
	if (!kmem_cache_alloc_bulk(sheaf->cache, gfp & ~__GFP_ZERO, want,
				   sheaf->object + sheaf->count))
		return false;
	sheaf->count = size;
	return true;
}

struct slab_sheaf *kmem_cache_prefill_sheaf(struct kmem_cache *cache, gfp_t gfp, unsigned int size)
{
	struct slab_sheaf *sheaf = sheaf_new(cache, gfp, size);

	if (sheaf && !sheaf_fill(sheaf, gfp, size)) {
		kmem_cache_return_sheaf(cache, gfp, sheaf);
		return NULL;
	}
	return sheaf;
}

int kmem_cache_refill_sheaf(struct kmem_cache *cache, gfp_t gfp, struct slab_sheaf **sheaf,
			    unsigned int size)
{
	struct slab_sheaf *larger, *old;

	if (!sheaf || !*sheaf)
		return -22; /* -EINVAL */
	old = *sheaf;
	if (old->count >= size)
		return 0;
	if (old->capacity >= size)
		return sheaf_fill(old, gfp, size) ? 0 : -12; /* -ENOMEM */
	larger = sheaf_new(cache, gfp, size);
	if (!larger)
		return -12;
	memcpy(larger->object, old->object, old->count * sizeof(void *));
	larger->count = old->count;
	if (!sheaf_fill(larger, gfp, size)) {
		slabpool_kvfree(cache->pool, larger);
		return -12;
	}
	*sheaf = larger;
	slabpool_kvfree(cache->pool, old);
	return 0;
}

void kmem_cache_return_sheaf(struct kmem_cache *cache, gfp_t gfp, struct slab_sheaf *sheaf)
{
	if (!sheaf)
		return;
	kmem_cache_free_bulk(sheaf->cache, sheaf->count, sheaf->object);
	slabpool_kvfree(cache->pool, sheaf);
}

void *kmem_cache_alloc_from_sheaf(struct kmem_cache *cache, gfp_t gfp, struct slab_sheaf *sheaf)
{
	void *object;

	if (sheaf->count == 0)
		return NULL;
	object = sheaf->object[--sheaf->count];
	return gfp & __GFP_ZERO ? memset(object, 0, cache->size) : object;
}

unsigned int kmem_cache_sheaf_size(struct slab_sheaf *sheaf)
{
	return sheaf->count;
}
