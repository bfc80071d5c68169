/* SPDX-License-Identifier: MIT */
/*
 * The shared library loaded at run time, after start: its thread-local storage must fit into what
 * the C library keeps for that, and unloading must not leave a thread's end without code.
 * Argument: the library.
 */
#include "support/tap.h"
#include <dlfcn.h>
#include <slabpool/slabpool.h>

static struct {
	struct kmem_cache *(*cache_create)(const char *, unsigned int, unsigned int, slab_flags_t,
					   void (*)(void *));
	void (*cache_destroy)(struct kmem_cache *);
	void *(*cache_alloc)(struct kmem_cache *, gfp_t);
	void (*cache_free)(struct kmem_cache *, void *);
	void *(*kmalloc)(size_t, gfp_t);
	void (*kfree)(const void *);
} lib;

static pthread_barrier_t barrier;

static void load(void *handle, const char *name, void *function)
{
	void *symbol = dlsym(handle, name);

	if (!ok(symbol != NULL, "%s is there", name))
		bail_out("%s is missing", name);
	memcpy(function, &symbol, sizeof(symbol));
}

static void use(struct kmem_cache *cache)
{
	void *object[100];
	unsigned int i;

	for (i = 0; i < 100; i++) {
		object[i] = lib.cache_alloc(cache, GFP_KERNEL);
		if (!object[i])
			bail_out("no memory");
		memset(object[i], (int)i, 24);
	}
	for (i = 0; i < 100; i++)
		lib.cache_free(cache, object[i]);
}

static void *use_and_wait(void *cache)
{
	use(cache);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier); /* the library is closed */
	return NULL;
}

int main(int argc, char **argv)
{
	struct kmem_cache *cache;
	pthread_t thread;
	void *handle;

	if (argc != 2)
		bail_out("usage: test_dlopen LIBRARY");
	handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		bail_out("%s", dlerror());
	ok(true, "loaded");
	load(handle, "kmem_cache_create", &lib.cache_create);
	load(handle, "kmem_cache_destroy", &lib.cache_destroy);
	load(handle, "kmem_cache_alloc", &lib.cache_alloc);
	load(handle, "kmem_cache_free", &lib.cache_free);
	load(handle, "kmalloc", &lib.kmalloc);
	load(handle, "kfree", &lib.kfree);
	cache = lib.cache_create("loaded", 24, 0, 0, NULL);
	if (!ok(cache != NULL, "a cache"))
		return tap_done();
	use(cache);
	lib.kfree(lib.kmalloc(1000, GFP_KERNEL));
	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, use_and_wait, cache) != 0)
		bail_out("no thread");
	pthread_barrier_wait(&barrier);
	is_int(dlclose(handle), 0, "closed");
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	ok(true, "a thread that used it has ended");
	return tap_done();
}
