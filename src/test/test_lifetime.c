/* SPDX-License-Identifier: MIT */
/* Caches that come and go: what it costs the system, and what is left of them. */
#include "support/tap.h"
#include "support/test_platform.h"

#include "core/instance.h"

#include <slabpool/slabpool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MANY 100u
#define BURST 200000u    /* objects of 16 bytes: 200 KB of state bytes for them */
#define KEPT_EVERY 60000u

static struct test_platform tp;
static struct slabpool *pool;
static unsigned char *burst[BURST];

static void instance_open(unsigned int idle_kib)
{
	struct slabpool_platform platform;
	struct slabpool_options options;

	test_platform_reset(&tp);
	test_platform_table(&tp, &platform);
	slabpool_options_init(&options);
	options.arena_mib = 16;
	options.misuse = SLABPOOL_MISUSE_REPORT;
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

static void burst_alloc(struct kmem_cache *cache)
{
	unsigned int k;

	for (k = 0; k < BURST; k++) {
		if (burst[k])
			continue;
		burst[k] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!burst[k])
			bail_out("no memory for object %u", k);
		memset(burst[k], (int)(k % 251), 16);
	}
}

/* All but every keep-th; 0: all. */
static void burst_free(struct kmem_cache *cache, unsigned int keep)
{
	unsigned int k;

	for (k = 0; k < BURST; k++) {
		if (keep && k % keep == keep / 2)
			continue;
		kmem_cache_free(cache, burst[k]);
		burst[k] = NULL;
	}
}

/* A thread's table reads zero at first; it is not to be written for that, as it is large. */
static void test_table_of_idle(void)
{
	struct kmem_cache *cache, *gone;
	uint64_t discarded;

	instance_open(65536);
	cache = slabpool_cache_create(pool, "by two", 64, NULL, 0);
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	gone = slabpool_cache_create(pool, "gone", 64, NULL, 0);
	burst_alloc(gone);
	burst_free(gone, 0);
	kmem_cache_destroy(gone);
	ok(idle_bytes() >= BURST * 64, "memory is idle");
	discarded = tp.discarded;
	tp.thread = 1;
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	ok(tp.discarded >= discarded + 65536, "a thread's table over it is discarded");
	test_platform_thread_end(&tp, pool);
	tp.thread = 0;
	kmem_cache_destroy(cache);
	instance_close();
}

static unsigned int burst_damaged(void)
{
	unsigned int k, damaged = 0;

	for (k = 0; k < BURST; k++)
		damaged += burst[k] &&
			   (burst[k][0] != k % 251 || memcmp(burst[k], burst[k] + 1, 15) != 0);
	return damaged;
}

/* What a burst of small objects wrote into the arena's tables goes with a shrink. */
static void test_tables(void)
{
	struct kmem_cache *cache;
	unsigned char *stale;
	uint64_t discards;

	instance_open(65536);
	cache = slabpool_cache_create(pool, "burst", 16, NULL, 0);
	burst_alloc(cache);
	stale = burst[BURST / 3];
	is_uint(tp.discards, 0, "nothing of the tables goes while they are in use");
	burst_free(cache, KEPT_EVERY);
	kmem_cache_shrink(cache);
	ok(tp.discarded > 100000, "shrink gives back tables around what lives");
	is_uint(burst_damaged(), 0, "which is as it was");
	ok(slabpool_is_valid(pool), "valid");
	burst_alloc(cache);
	is_uint(burst_damaged(), 0, "what was given back can be used again");
	ok(slabpool_is_valid(pool), "valid");
	burst_free(cache, 0);
	kmem_cache_shrink(cache);
	discards = tp.discards;
	kmem_cache_shrink(cache);
	is_uint(tp.discards, discards, "a shrink after a shrink gives nothing back");
	kmem_cache_free(cache, stale);
	is_uint(tp.report_count, 1, "a pointer to where nothing is any more is found out");
	kmem_cache_destroy(cache);
	instance_close();
}

/* Bytes of a range that are in memory. */
static size_t resident(const void *start, size_t bytes)
{
	static unsigned char in[4096];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), k, sum = 0;
	uintptr_t from = (uintptr_t)start / page * page;
	size_t pages = ((uintptr_t)start + bytes - from + page - 1) / page;

	if (pages > sizeof(in) || mincore((void *)from, pages * page, (void *)in) != 0)
		bail_out("mincore");
	for (k = 0; k < pages; k++)
		sum += in[k] & 1;
	return sum * page;
}

static size_t tables_resident(const struct arena *arena)
{
	return resident(arena->state, arena->open_granules) +
	       resident(arena->bits, arena->opened * arena->words_a_page * sizeof(uint64_t)) +
	       resident(arena->page_map, arena->opened * sizeof(uint32_t)) +
	       resident(arena->slab, arena->opened * sizeof(struct slab));
}

/* The same on the platform of the host: by what the system says. */
static void test_resident(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), in_use;
	struct kmem_cache *cache = kmem_cache_create("burst", 16, 0, 0, NULL);
	const struct arena *arena = cache->arena;

	burst_alloc(cache);
	in_use = tables_resident(arena);
	ok(in_use > 200000, "200,000 objects take tables");
	burst_free(cache, 0);
	ok(tables_resident(arena) >= in_use, "a free leaves them");
	kmem_cache_shrink(cache);
	ok(tables_resident(arena) <= 8 * page, "a shrink leaves the ends of four tables");
	kmem_cache_destroy(cache);
}

int main(void)
{
	test_platform_open(&tp, (size_t)128 << 20, 0);
	test_again();
	test_table_of_idle();
	test_no_idle();
	test_tables();
	test_resident();
	test_platform_close(&tp);
	return tap_done();
}
