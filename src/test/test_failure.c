/* SPDX-License-Identifier: MIT */
/*
 * Failure of the Nth call into the platform, for every N until none fails, in each of a list of
 * scenarios: whatever fails, nothing is lost, nothing is half done, and the instance goes on.
 */
#include "support/tap.h"
#include "support/test_platform.h"

#include <slabpool/slabpool.h>

#define MANY 200u

static struct test_platform tp;
static struct slabpool_platform platform;
static struct slabpool *pool;
static struct kmem_cache *cache;

static struct slabpool *instance(unsigned int magazines)
{
	struct slabpool_options options;

	slabpool_options_init(&options);
	options.arena_mib = 4;
	options.min_order = 0;
	options.magazines = magazines;
	options.misuse = SLABPOOL_MISUSE_REPORT;
	return slabpool_create(&platform, &options);
}

/* A scenario returns true if it got all it wanted. It leaves nothing behind either way. */
static bool create_cache(void)
{
	struct kmem_cache *made = slabpool_cache_create(pool, "made", 40, NULL, 0);

	kmem_cache_destroy(made);
	return made != NULL;
}

static bool create_long_name(void)
{
	static char name[2000];
	struct kmem_cache *made;

	memset(name, 'n', sizeof(name) - 1);
	made = slabpool_cache_create(pool, name, 40, NULL, 0);
	kmem_cache_destroy(made);
	return made != NULL;
}

static bool alloc_one(void)
{
	void *object = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOWARN);

	kmem_cache_free(cache, object);
	return object != NULL;
}

static bool alloc_many(void)
{
	void *object[MANY];
	unsigned int k, got = 0;

	for (k = 0; k < MANY; k++) {
		object[k] = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOWARN);
		got += object[k] != NULL;
	}
	for (k = 0; k < MANY; k++)
		kmem_cache_free(cache, object[k]);
	return got == MANY;
}

static bool alloc_bulk(void)
{
	void *object[MANY];

	if (!kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_NOWARN, MANY, object))
		return false;
	kmem_cache_free_bulk(cache, MANY, object);
	return true;
}

static bool kmalloc_sizes(void)
{
	static const size_t size[] = { 1, 96, 8192, 8193, 100000, 1u << 20 };
	unsigned int k, got = 0;
	void *object;

	for (k = 0; k < sizeof(size) / sizeof(size[0]); k++) {
		object = slabpool_kmalloc(pool, size[k], GFP_KERNEL | __GFP_NOWARN);
		got += object != NULL;
		slabpool_kfree(pool, object);
	}
	return got == k;
}

static bool krealloc_keeps(void)
{
	unsigned char *object = slabpool_kmalloc(pool, 100, GFP_KERNEL | __GFP_NOWARN), *grown;
	bool all = object != NULL;

	if (!object)
		return false;
	memset(object, 0x42, 100);
	grown = slabpool_krealloc(pool, object, 50000, GFP_KERNEL | __GFP_NOWARN);
	if (!grown && (object[0] != 0x42 || object[99] != 0x42 ||
		       slabpool_ksize(pool, object) < 100))
		bail_out("a failed krealloc touched the old object");
	if (grown && grown[99] != 0x42)
		bail_out("krealloc lost the contents");
	all = grown != NULL;
	slabpool_kfree(pool, grown ? grown : object);
	return all;
}

static bool pages_and_vmalloc(void)
{
	void *pages = slabpool_alloc_pages(pool, GFP_KERNEL | __GFP_NOWARN, 3);
	void *virt = slabpool_vmalloc(pool, 70000, GFP_KERNEL | __GFP_NOWARN);
	bool all = pages && virt;

	slabpool_free_pages(pool, pages, 3);
	slabpool_vfree(pool, virt);
	return all;
}

static bool pool_life(void)
{
	mempool_t *m = slabpool_mempool_create(pool, 10, mempool_alloc_slab, mempool_free_slab,
					       cache);
	bool all;

	if (!m)
		return false;
	if (m->curr_nr != 10)
		bail_out("a pool is created full or not at all");
	all = mempool_resize(m, 60) == 0 && m->curr_nr == 60;
	mempool_destroy(m);
	return all;
}

static bool shrink_and_reap(void)
{
	bool all = alloc_many();

	kmem_cache_shrink(cache);
	slabpool_reap(pool);
	return all;
}

static const struct scenario {
	const char *name;
	bool (*run)(void);
} scenario[] = {
	{ "create a cache", create_cache },
	{ "create a cache with a long name", create_long_name },
	{ "allocate one object", alloc_one },
	{ "allocate many objects", alloc_many },
	{ "allocate in bulk", alloc_bulk },
	{ "kmalloc of all kinds", kmalloc_sizes },
	{ "krealloc", krealloc_keeps },
	{ "pages and vmalloc", pages_and_vmalloc },
	{ "a mempool's life", pool_life },
	{ "shrink and reap", shrink_and_reap },
};

static size_t active(void)
{
	struct slabpool_cache_info info;

	slabpool_cache_info(cache, &info);
	return info.active_objects;
}

/* One run with the Nth call failing; false when N is beyond the last call. */
static bool one_run(const struct scenario *s, uint64_t n, bool go_on, unsigned int magazines,
		    unsigned int *bad)
{
	struct slabpool_memory_info before, after;
	bool got, failed;

	test_platform_reset(&tp);
	pool = instance(magazines);
	cache = pool ? slabpool_cache_create(pool, "c", 200, NULL, 0) : NULL;
	if (!cache)
		bail_out("no cache to test with");
	slabpool_memory_info(pool, &before);
	tp.fail_call = tp.calls + n;
	tp.fail_on = go_on;
	got = s->run();
	failed = tp.failed > 0;
	tp.fail_call = 0;
	tp.failed = 0;
	*bad += !got && !failed;
	*bad += !slabpool_is_valid(pool);
	*bad += active() != 0;
	*bad += !s->run();
	slabpool_reap(pool);
	slabpool_memory_info(pool, &after);
	*bad += after.slabs != before.slabs || after.runs != before.runs || after.idle != 0;
	*bad += !slabpool_is_valid(pool);
	slabpool_destroy(pool);
	*bad += tp.reserved != 0 || tp.syncs != 0;
	return failed;
}

static void sweep(const struct scenario *s, bool go_on, unsigned int magazines)
{
	unsigned int bad = 0;
	uint64_t n = 1;

	while (one_run(s, n, go_on, magazines, &bad) && n < 5000)
		n++;
	is_uint(bad, 0, "%s, call N fails%s%s, N = 1 .. %" PRIu64, s->name,
		go_on ? " and all after it" : "", magazines ? "" : ", without magazines", n - 1);
	ok(n > 1 || strcmp(s->name, "allocate one object") == 0, "%s: calls were made to fail",
	   s->name);
}

static void sweep_create(bool go_on)
{
	unsigned int bad = 0;
	uint64_t n;
	bool failed;

	for (n = 1; n < 5000; n++) {
		test_platform_reset(&tp);
		tp.fail_call = n;
		tp.fail_on = go_on;
		pool = instance(1);
		failed = tp.failed > 0;
		bad += !pool && !failed;
		slabpool_destroy(pool);
		bad += tp.reserved != 0 || tp.syncs != 0;
		if (!failed)
			break;
	}
	ok(n > 10, "creating an instance makes calls that can fail: %" PRIu64, n - 1);
	is_uint(bad, 0, "an instance is created whole or leaves nothing%s",
		go_on ? ", all later calls failing" : "");
}

/* Memory runs out for real: what other caches keep is given back before an allocation fails. */
static void test_reaps_others(void)
{
	struct kmem_cache *other;
	void *object[MANY];
	unsigned int k, got = 0;

	test_platform_reset(&tp);
	pool = instance(1);
	cache = slabpool_cache_create(pool, "keeps", 1000, NULL, 0);
	other = slabpool_cache_create(pool, "wants", 1000, NULL, 0);
	for (k = 0; k < MANY; k++)
		object[k] = kmem_cache_alloc(cache, GFP_KERNEL);
	tp.budget = tp.committed + 16 * 4096;
	for (k = 0; k < MANY; k++)
		kmem_cache_free(cache, object[k]);
	for (k = 0; k < MANY; k++) {
		object[k] = kmem_cache_alloc(other, GFP_KERNEL);
		got += object[k] != NULL;
	}
	is_uint(got, MANY, "one cache lives on what another kept");
	is_uint(tp.report_count, 0, "without a message");
	ok(slabpool_is_valid(pool), "valid");
	slabpool_destroy(pool);
}

static void test_messages(void)
{
	void *object;

	test_platform_reset(&tp);
	pool = instance(1);
	cache = slabpool_cache_create(pool, "poor", 100, NULL, 0);
	tp.budget = tp.committed;
	object = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOWARN);
	ok(!object && tp.report_count == 0, "__GFP_NOWARN: NULL without a message");
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	ok(!object, "NULL without memory");
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_NO_MEMORY), 1, "with a message");
	ok(strstr(test_platform_line(&tp), "poor") != NULL, "that names the cache: %s",
	   test_platform_line(&tp));
	ok(!slabpool_kmalloc(pool, 5000, GFP_KERNEL), "kmalloc: NULL");
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_NO_MEMORY), 2, "with a message");
	slabpool_destroy(pool);
}

static void test_nofail(void)
{
	jmp_buf ended;

	test_platform_reset(&tp);
	pool = instance(1);
	tp.budget = tp.committed;
	tp.on_fatal = &ended;
	if (setjmp(ended) == 0) {
		slabpool_kmalloc(pool, 5000, GFP_KERNEL | __GFP_NOFAIL);
		ok(false, "__GFP_NOFAIL came back without memory");
	} else {
		is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_NOFAIL), 1,
			"__GFP_NOFAIL without memory says so and ends");
	}
	tp.on_fatal = NULL;
	slabpool_destroy(pool);
}

int main(void)
{
	unsigned int k;

	test_platform_open(&tp, (size_t)64 << 20, 0);
	test_platform_table(&tp, &platform);
	sweep_create(false);
	sweep_create(true);
	for (k = 0; k < sizeof(scenario) / sizeof(scenario[0]); k++) {
		sweep(&scenario[k], false, 1);
		sweep(&scenario[k], true, 1);
		sweep(&scenario[k], false, 0);
	}
	test_reaps_others();
	test_messages();
	test_nofail();
	test_platform_close(&tp);
	return tap_done();
}
