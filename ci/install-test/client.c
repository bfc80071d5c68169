/* SPDX-License-Identifier: MIT */
/* A user's program, built against what was installed: caches, kmalloc and a mempool. */
#include <slabpool/slabpool.h>
#include <stdio.h>
#include <string.h>

struct thing {
	int number;
	char text[20];
};

int main(void)
{
	struct kmem_cache *cache = KMEM_CACHE(thing, SLAB_HWCACHE_ALIGN);
	struct thing *thing = cache ? (struct thing *)kmem_cache_zalloc(cache, GFP_KERNEL) : NULL;
	char *text = (char *)kmalloc(100, GFP_KERNEL);
	mempool_t *pool = mempool_create_kmalloc_pool(4, 256);
	void *element = pool ? mempool_alloc(pool, GFP_KERNEL) : NULL;

	if (!thing || !text || !element || thing->number != 0)
		return 1;
	if (kmem_cache_size(cache) != sizeof(struct thing) || ksize(text) < 100)
		return 2;
	if (strcmp(slabpool_version(), SLABPOOL_VERSION) != 0)
		return 3;
	mempool_free(element, pool);
	mempool_destroy(pool);
	kfree(text);
	kmem_cache_free(cache, thing);
	kmem_cache_destroy(cache);
	printf("slabpool %s: client done\n", slabpool_version());
	return 0;
}
