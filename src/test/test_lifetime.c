/* SPDX-License-Identifier: MIT */
/* Caches that come and go: what it costs the system, and what is left of them. */
#include "support/tap.h"
#include "support/test_platform.h"

#include <slabpool/slabpool.h>

#define MANY 100u

static struct test_platform tp;
static struct slabpool *pool;

static void instance_open(unsigned int idle_kib)
{
	struct slabpool_platform platform;
	struct slabpool_options options;

	test_platform_reset(&tp);
	test_platform_table(&tp, &platform);
	slabpool_options_init(&options);
	options.arena_mib = 16;
	options.idle_kib = idle_kib;
	pool = slabpool_create(&platform, &options);
	if (!pool)
		bail_out("no instance");
}

static void instance_close(void)
{
	ok(slabpool_is_valid(pool), "valid");
	slabpool_destroy(pool);
	is_uint(tp.reserved, 0, "all memory is given back");
}

static size_t idle_bytes(void)
{
	struct slabpool_memory_info info;

	slabpool_memory_info(pool, &info);
	return info.idle;
}

/* A cache that lives for n objects, whose bytes are all written. */
static void live_and_die(unsigned int n)
{
	struct kmem_cache *cache = slabpool_cache_create(pool, "brief", 64, NULL, 0);
	void *object[MANY];
	unsigned int k;

	if (!cache || !kmem_cache_alloc_bulk(cache, GFP_KERNEL, n, object))
		bail_out("no cache");
	for (k = 0; k < n; k++)
		memset(object[k], 0x5a, 64);
	kmem_cache_free_bulk(cache, n, object);
	kmem_cache_destroy(cache);
}

static void test_again(void)
{
	uint64_t commits, decommits;
	struct kmem_cache *cache;
	size_t committed, wrong = 0;
	unsigned char *object;
	unsigned int k;

	instance_open(65536);
	for (k = 0; k < 40; k++)
		live_and_die(MANY);
	commits = tp.commits;
	decommits = tp.decommits;
	committed = tp.committed;
	ok(idle_bytes() > 0, "a destroyed cache leaves its memory idle");
	for (k = 0; k < 40; k++)
		live_and_die(k % 2 ? MANY : 1);
	is_uint(tp.commits - commits, 0, "the next caches take no memory from the system");
	is_uint(tp.decommits - decommits, 0, "and give none back");
	is_uint(tp.committed, committed, "no more is held after 40 of them");
	cache = slabpool_cache_create(pool, "zeroed", 64, NULL, 0);
	object = kmem_cache_zalloc(cache, GFP_KERNEL);
	for (k = 0; k < 64; k++)
		wrong += object[k] != 0;
	is_uint(wrong, 0, "what was left behind is not taken for zero");
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	ok(slabpool_reap(pool) > 0, "reap finds it");
	is_uint(idle_bytes(), 0, "nothing is idle then");
	ok(tp.committed + 65536 <= committed, "and it is with the system");
	instance_close();
}

static void test_no_idle(void)
{
	uint64_t decommits;

	instance_open(0);
	live_and_die(MANY);
	decommits = tp.decommits;
	live_and_die(MANY);
	ok(tp.decommits > decommits, "with idle_kib=0 it goes back at once");
	is_uint(idle_bytes(), 0, "nothing is idle");
	instance_close();
}

int main(void)
{
	test_platform_open(&tp, (size_t)128 << 20, 0);
	test_again();
	test_no_idle();
	test_platform_close(&tp);
	return tap_done();
}
