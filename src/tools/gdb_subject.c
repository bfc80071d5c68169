/* SPDX-License-Identifier: MIT */
/* A program in a state that test_gdb.py knows: what it looks at with gdb. */
#include <slabpool/slabpool.h>
#include <slabpool/slab.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 40u

/* Looked at by name from gdb. */
struct kmem_cache *connections, *sessions;
char *connection[CONNECTIONS], *closed, *run, *page_run, *own_object;
struct slabpool *own;
struct slabpool_platform platform;

/* gdb stops here. */
static __attribute__((noinline)) void ready(const char *why)
{
	fprintf(stderr, "ready: %s\n", why);
}

static void own_instance(void)
{
	struct slabpool_options options;

	slabpool_options_init(&options);
	options.arena_mib = 4;
	if (slabpool_platform_open(&platform) != 0)
		exit(1);
	own = slabpool_create(&platform, &options);
	own_object = own ? slabpool_kmalloc(own, 100, GFP_KERNEL) : NULL;
	if (!own_object)
		exit(1);
}

int main(int argc, char **argv)
{
	connections = kmem_cache_create("connection", 20, 0, 0, NULL);
	sessions = kmem_cache_create("session", 200, 0, 0, NULL);
	if (!connections || !sessions)
		return 1;
	for (unsigned int k = 0; k < CONNECTIONS; k++)
		connection[k] = kmem_cache_alloc(connections, GFP_KERNEL);
	closed = connection[7];
	kmem_cache_free(connections, closed);
	run = kmalloc(100000, GFP_KERNEL);
	page_run = (char *)__get_free_pages(GFP_KERNEL, 2);
	own_instance();
	ready("all is well");
	if (argc > 1 && !strcmp(argv[1], "crash"))
		abort();
	return 0;
}
