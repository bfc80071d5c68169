/* SPDX-License-Identifier: MIT */
/*
 * A cache of one's own, as a kernel module.
 *
 * Shows: kmem_cache_create() with its five arguments, what a cache knows about itself, allocating
 * and freeing objects, and that a cache is destroyed only when all its objects are back. With
 * SLAB_HWCACHE_ALIGN two objects of 32 bytes share a cache line of 64 and none straddles one.
 *
 * The source is a kernel module to the letter. Linked to slabpool-kernel it is a program that
 * loads and unloads:
 *	cc my_cache.c $(pkg-config --cflags --libs slabpool-kernel)
 *
 * Output:
 *	my_cache: created: name my_cache, size 32
 *	my_cache: 8 objects allocated, all aligned to 32 bytes
 *	my_cache: 8 objects freed
 *	my_cache: destroyed successfully
 */
#define pr_fmt(fmt) "my_cache: " fmt

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#define OBJECT_SIZE 32
#define OBJECTS 8

static struct kmem_cache *my_cache;
static void *objects[OBJECTS];

static void free_objects(void)
{
	int i;

	for (i = 0; i < OBJECTS; i++) {
		/* kmem_cache_free() of NULL would be a crash on Linux. */
		if (objects[i])
			kmem_cache_free(my_cache, objects[i]);
		objects[i] = NULL;
	}
}

static int __init my_cache_init(void)
{
	int i;

	my_cache = kmem_cache_create("my_cache", OBJECT_SIZE, 0, SLAB_HWCACHE_ALIGN, NULL);
	if (!my_cache) {
		pr_err("cannot create the cache\n");
		return -ENOMEM;
	}
	/* Linux keeps the name to itself since 2.6.38; slabpool tells it. */
	pr_info("created: name %s, size %u\n", kmem_cache_name(my_cache),
		kmem_cache_size(my_cache));
	for (i = 0; i < OBJECTS; i++) {
		objects[i] = kmem_cache_alloc(my_cache, GFP_KERNEL);
		if (!objects[i] || !IS_ALIGNED((unsigned long)objects[i], OBJECT_SIZE)) {
			pr_err("object %d: no memory, or not aligned\n", i);
			free_objects();
			kmem_cache_destroy(my_cache);
			return -ENOMEM;
		}
		memset(objects[i], i, OBJECT_SIZE);
	}
	pr_info("%d objects allocated, all aligned to %d bytes\n", OBJECTS, OBJECT_SIZE);
	return 0;
}

static void __exit my_cache_exit(void)
{
	free_objects();
	pr_info("%d objects freed\n", OBJECTS);
	kmem_cache_destroy(my_cache);
	pr_info("destroyed successfully\n");
}

module_init(my_cache_init);
module_exit(my_cache_exit);

MODULE_LICENSE("MIT");
MODULE_DESCRIPTION("Creates a slab cache, uses it and destroys it");
