/* SPDX-License-Identifier: MIT */
/* What a cache shows of itself, what can be tuned and its effect, and when memory goes back. */
#include "support/tap.h"
#include "support/test_platform.h"

#include <slabpool/slabpool.h>

#define MANY 1000u

static struct test_platform tp;
static struct slabpool *pool;

static void instance_open(unsigned int retain_kib, unsigned int retain_ms)
{
	struct slabpool_platform platform;
	struct slabpool_options options;

	test_platform_reset(&tp);
	test_platform_table(&tp, &platform);
	slabpool_options_init(&options);
	options.arena_mib = 8;
	options.misuse = SLABPOOL_MISUSE_REPORT;
	options.min_order = 2;
	options.retain_kib = retain_kib;
	options.retain_ms = retain_ms;
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

static struct slabpool_cache_info info_of(struct kmem_cache *cache)
{
	struct slabpool_cache_info info;

	if (slabpool_cache_info(cache, &info) != 0)
		bail_out("no info");
	return info;
}

static bool adds_up(struct kmem_cache *cache)
{
	struct slabpool_cache_info i = info_of(cache);

	return i.total_objects == i.active_objects + i.magazine_objects + i.depot_objects +
					  i.slab_objects &&
	       i.total_objects == i.slabs * i.num &&
	       i.slabs == i.full_slabs + i.partial_slabs + i.empty_slabs;
}

static void alloc_all(struct kmem_cache *cache, void **object, unsigned int n)
{
	unsigned int k;

	for (k = 0; k < n; k++)
		object[k] = kmem_cache_alloc(cache, GFP_KERNEL);
}

static void test_info(void)
{
	struct kmem_cache_args args = { .align = 32, .sheaf_capacity = 20 };
	struct slabpool_cache_info i;
	struct kmem_cache *cache;
	void *object[MANY];

	instance_open(16384, 10000);
	cache = slabpool_cache_create(pool, "shown", 100, &args, SLAB_RECLAIM_ACCOUNT);
	i = info_of(cache);
	is_str(i.name, "shown", "name");
	is_uint(i.size, 100, "size");
	is_uint(i.stride, 128, "stride");
	is_uint(i.align, 32, "align");
	is_uint(i.flags, SLAB_RECLAIM_ACCOUNT, "flags");
	is_uint(i.limit, 20, "limit as asked");
	is_uint(i.batchcount, 20, "batchcount");
	is_uint(i.num, (4096u << i.gfporder) / 128, "objects a slab");
	is_uint(i.slabs, 0, "no slab yet");
	alloc_all(cache, object, MANY);
	i = info_of(cache);
	is_uint(i.active_objects, MANY, "objects with the user");
	is_uint(i.slab_bytes, i.slabs * (4096u << i.gfporder), "bytes of the slabs");
	ok(i.slabs == (MANY + i.num - 1) / i.num, "no more slabs than needed");
	ok(i.metadata_bytes > 0 && i.metadata_bytes < (4096u << i.gfporder) / 8,
	   "metadata is less than an eighth");
	ok(i.grows == i.slabs && i.refills > 0, "grows and refills are counted");
	ok(adds_up(cache), "the four places add up");
	kmem_cache_free_bulk(cache, MANY, object);
	ok(adds_up(cache), "and after the frees");
	is_uint(info_of(cache).active_objects, 0, "no object with the user");
	is_int(slabpool_cache_info(NULL, &i), -22, "info of NULL: -EINVAL");
	instance_close();
}

static void test_limits(void)
{
	struct kmem_cache *cache;
	struct slabpool_cache_info i;
	void *object[MANY];
	uint64_t refills;

	instance_open(16384, 10000);
	cache = slabpool_cache_create(pool, "tuned", 64, NULL, 0);
	is_uint(info_of(cache).limit, 256, "the default limit");
	is_int(slabpool_cache_tune(cache, 8, 4, 2), 0, "tune");
	alloc_all(cache, object, MANY);
	refills = info_of(cache).refills;
	is_uint(refills, MANY / 4, "a refill for every batchcount objects");
	kmem_cache_free_bulk(cache, MANY, object);
	i = info_of(cache);
	is_uint(i.magazine_objects, 16, "two magazines of limit objects");
	is_uint(i.depot_objects, 16, "and shared magazines in the depot");
	is_int(slabpool_cache_tune(cache, 100, 50, 0), 0, "tune again");
	alloc_all(cache, object, MANY);
	is_uint(info_of(cache).refills - refills, MANY / 50, "refills of the new batchcount");
	kmem_cache_free_bulk(cache, MANY, object);
	i = info_of(cache);
	is_uint(i.magazine_objects, 200, "larger magazines");
	is_uint(i.depot_objects, 0, "and no depot");
	is_int(slabpool_cache_tune(cache, 257, 1, 1), -22, "limit beyond 256: -EINVAL");
	is_int(slabpool_cache_tune(cache, 10, 11, 1), -22, "batchcount beyond limit: -EINVAL");
	is_int(slabpool_cache_tune(cache, 10, 0, 1), -22, "batchcount 0: -EINVAL");
	is_int(slabpool_tune_line(pool, "tuned 12 6 3"), 0, "the line of /proc/slabinfo");
	i = info_of(cache);
	ok(i.limit == 12 && i.batchcount == 6 && i.shared == 3, "sets all three");
	is_int(slabpool_tune_line(pool, "nobody 12 6 3"), -22, "an unknown name: -EINVAL");
	is_int(slabpool_tune_line(pool, "tuned 12 6"), -22, "a short line: -EINVAL");
	ok(adds_up(cache), "the four places add up");
	instance_close();
}

/* Takes and gives back n objects some times over, in all of a second. */
static void use_for_a_second(struct kmem_cache *cache, unsigned int n)
{
	void *object[MANY];
	unsigned int round;

	for (round = 0; round < 20; round++) {
		alloc_all(cache, object, n);
		kmem_cache_free_bulk(cache, n, object);
	}
	tp.now += 1000;
}

/* What of the depot is in use stays; what nobody needed for retain_ms goes back to the system. */
static void test_old_depot(void)
{
	struct kmem_cache *cache;
	unsigned int second;
	size_t slabs;

	instance_open(0, 10000);
	cache = slabpool_cache_create(pool, "depot", 64, NULL, 0);
	slabpool_cache_tune(cache, 8, 8, 1000);
	for (second = 0; second < 40; second++)
		use_for_a_second(cache, MANY);
	is_uint(info_of(cache).depot_objects, MANY - 16, "what is needed again and again stays");
	slabs = info_of(cache).slabs;
	for (second = 0; second < 9; second++)
		use_for_a_second(cache, 64);
	is_uint(info_of(cache).depot_objects, MANY - 16, "what is not needed stays for a while");
	for (second = 0; second < 31; second++)
		use_for_a_second(cache, 64);
	ok(info_of(cache).depot_objects <= 64, "then all but what is needed is gone");
	ok(info_of(cache).slabs < slabs, "and slabs with it");
	ok(adds_up(cache), "the four places add up");
	instance_close();
}

/* Objects of different slabs start at different colours, and wrap around. */
static void test_colours(void)
{
	struct kmem_cache *cache = NULL;
	struct slabpool_cache_info i = { 0 };
	unsigned int size, k, seen = 0, wrong = 0;
	unsigned char *first, *last = NULL;
	void *object;

	instance_open(16384, 10000);
	for (size = 200; size < 4000; size += 8) {
		cache = slabpool_cache_create(pool, "coloured", size, NULL, 0);
		i = info_of(cache);
		if (i.colour >= 3)
			break;
		kmem_cache_destroy(cache);
	}
	ok(i.colour >= 3, "objects of %u bytes leave room for %u colours", size, i.colour);
	slabpool_cache_tune(cache, 1, 1, 0);
	for (k = 0; k < i.num * i.colour * 2; k++) {
		object = kmem_cache_alloc(cache, GFP_KERNEL);
		first = object;
		if (k % i.num != 0)
			continue;
		if (last && k < i.num * i.colour) {
			unsigned int slab_bytes = 4096u << i.gfporder;
			unsigned int colour = (uintptr_t)first % slab_bytes;

			seen++;
			wrong += colour != k / i.num * i.colour_off;
		}
		last = first;
	}
	is_uint(seen, i.colour - 1, "slabs of every colour");
	is_uint(wrong, 0, "each colour_off further than the one before");
	ok(adds_up(cache), "the four places add up");
	instance_close();
}

static void test_shrink(void)
{
	struct kmem_cache *cache;
	size_t before, full;
	void *object[MANY];

	instance_open(16384, 10000);
	cache = slabpool_cache_create(pool, "shrinks", 1000, NULL, 0);
	/* The first time round opens pages, whose tables stay. */
	alloc_all(cache, object, MANY);
	kmem_cache_free_bulk(cache, MANY, object);
	kmem_cache_shrink(cache);
	before = tp.committed;
	alloc_all(cache, object, MANY);
	full = tp.committed;
	ok(full >= before + MANY * 1000, "objects take memory");
	kmem_cache_free_bulk(cache, MANY, object);
	ok(tp.committed >= full - 65536, "freed slabs are kept");
	is_int(kmem_cache_shrink(cache), 0, "shrink: no slab is left");
	is_uint(tp.committed, before, "and all their memory went back");
	ok(before < 131072 + full / 8, "tables and the thread's record take little");
	object[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	is_int(kmem_cache_shrink(cache), 1, "shrink with a live object: a slab is left");
	kmem_cache_free(cache, object[0]);
	instance_close();
}

static void test_retention(void)
{
	struct kmem_cache *cache;
	struct slabpool_cache_info i;
	void *object[MANY], *one;

	instance_open(64, 10000);
	cache = slabpool_cache_create(pool, "keeps", 1000, NULL, 0);
	slabpool_cache_tune(cache, 1, 1, 0);
	alloc_all(cache, object, MANY);
	kmem_cache_free_bulk(cache, MANY, object);
	i = info_of(cache);
	ok(i.empty_slabs * (4096u << i.gfporder) <= 65536, "no more than retain_kib is kept");
	ok(i.empty_slabs > 0, "but something is");
	instance_close();

	instance_open(16384, 3000);
	cache = slabpool_cache_create(pool, "ages", 1000, NULL, 0);
	slabpool_cache_tune(cache, 1, 1, 0);
	alloc_all(cache, object, MANY);
	kmem_cache_free_bulk(cache, MANY, object);
	ok(info_of(cache).empty_slabs > 50, "within the time they are kept");
	tp.now += 4000;
	alloc_all(cache, object, MANY / 2);
	kmem_cache_free_bulk(cache, MANY / 2, object);
	one = kmem_cache_alloc(cache, GFP_KERNEL);
	ok(info_of(cache).releases > 25, "those that stayed empty for retain_ms go");
	kmem_cache_free(cache, one);
	instance_close();
}

/* What another thread holds goes back on its next slow path after a shrink. */
static void test_epoch(void)
{
	struct kmem_cache *cache;
	void *object[70];
	unsigned int k;

	instance_open(16384, 10000);
	cache = slabpool_cache_create(pool, "held", 100, NULL, 0);
	tp.thread = 1;
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	tp.thread = 0;
	is_uint(info_of(cache).magazine_objects, 64, "a thread holds a magazine");
	is_int(kmem_cache_shrink(cache), 1, "shrink from another thread: it still does");
	tp.thread = 1;
	alloc_all(cache, object, 70);
	tp.thread = 0;
	is_uint(info_of(cache).active_objects, 70, "it may use them up");
	tp.thread = 1;
	for (k = 0; k < 70; k++)
		kmem_cache_free(cache, object[k]);
	test_platform_thread_end(&tp, pool);
	tp.thread = 0;
	is_uint(info_of(cache).magazine_objects, 0, "at its end all go back");
	is_int(kmem_cache_shrink(cache), 0, "and shrink empties the cache");
	instance_close();
}

/* A magazine starts small, and is larger the next time. */
static void test_growth(void)
{
	struct kmem_cache_args args = { .sheaf_capacity = 128 };
	struct kmem_cache *cache;
	void *object[65];

	instance_open(16384, 10000);
	cache = slabpool_cache_create(pool, "grows", 32, NULL, 0);
	alloc_all(cache, object, 1);
	is_uint(info_of(cache).magazine_objects, 63, "64 objects at first");
	alloc_all(cache, object + 1, 64);
	is_uint(info_of(cache).refills, 2, "the next time");
	is_uint(info_of(cache).magazine_objects, 255, "they are as many as the limit says");
	kmem_cache_free_bulk(cache, 65, object);
	ok(adds_up(cache), "the four places add up");
	cache = slabpool_cache_create(pool, "sheaf", 64, &args, 0);
	alloc_all(cache, object, 1);
	is_uint(info_of(cache).magazine_objects, 127, "sheaf_capacity is taken at its word");
	kmem_cache_free(cache, object[0]);
	instance_close();
}

static bool is_among(void *const *object, unsigned int n, const void *one)
{
	unsigned int k = 0;

	while (k < n && object[k] != one)
		k++;
	return k < n;
}

/* What a thread leaves in the depot is for the next one of its home first. */
static void test_homes(void)
{
	struct kmem_cache *cache;
	struct slabpool_cache_info i;
	void *object[MANY], *one, *other;
	unsigned int n;

	instance_open(16384, 10000);
	cache = slabpool_cache_create(pool, "homes", 64, NULL, 0);
	tp.thread = 2;
	alloc_all(cache, object, 64);
	kmem_cache_free_bulk(cache, 64, object);
	test_platform_thread_end(&tp, pool);
	i = info_of(cache);
	ok(i.magazine_objects == 0 && i.depot_objects == 64, "a thread that ends leaves them");
	tp.thread = 3;
	one = kmem_cache_alloc(cache, GFP_KERNEL);
	ok(is_among(object, 64, one), "to the next thread");
	tp.thread = 4;
	other = kmem_cache_alloc(cache, GFP_KERNEL);
	ok(!is_among(object, 64, other), "and not to one beside that");
	kmem_cache_free(cache, other);
	tp.thread = 3;
	kmem_cache_free(cache, one);
	/* All objects of the cache go through the second thread. */
	tp.thread = 4;
	test_platform_thread_end(&tp, pool);
	tp.thread = 3;
	for (n = 0; n < MANY && (n < 900 || info_of(cache).slab_objects); n++)
		object[n] = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free_bulk(cache, n, object);
	i = info_of(cache);
	ok(i.depot_objects > 256 && i.slab_objects == 0, "the depot holds much, the slabs nothing");
	tp.thread = 5;
	alloc_all(cache, object, (unsigned int)i.depot_objects);
	ok(info_of(cache).grows == i.grows, "another home's magazines go before a new slab");
	kmem_cache_free_bulk(cache, i.depot_objects, object);
	test_platform_thread_end(&tp, pool);
	tp.thread = 3;
	test_platform_thread_end(&tp, pool);
	tp.thread = 0;
	ok(adds_up(cache), "the four places add up");
	is_int(kmem_cache_shrink(cache), 0, "and shrink empties the depot");
	instance_close();
}

int main(void)
{
	test_platform_open(&tp, (size_t)128 << 20, 0);
	test_info();
	test_limits();
	test_old_depot();
	test_colours();
	test_shrink();
	test_retention();
	test_epoch();
	test_growth();
	test_homes();
	test_platform_close(&tp);
	return tap_done();
}
