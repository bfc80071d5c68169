/* SPDX-License-Identifier: MIT */
/*
 * The library as it is built for bare metal, here on a host: over a buffer that holds garbage,
 * without threads, clock and waiting. Built with -DSLABPOOL_BARE and pages of 512 bytes.
 */
#include "support/tap.h"
#include "api/options.h"
#include "core/instance.h"
#include <slabpool/slabpool.h>

#define BYTES ((size_t)64 << 10)

static unsigned char memory[BYTES] __attribute__((aligned(16)));
static unsigned char other[BYTES] __attribute__((aligned(16)));
static char last_line[256];
static unsigned int lines;

static void keep_line(const char *text)
{
	snprintf(last_line, sizeof(last_line), "%s", text);
	lines++;
}

static void test_before_memory(void)
{
	struct slabpool_options options;

	ok(!slabpool_default(), "no instance without memory");
	ok(!kmem_cache_create("early", 16, 0, 0, NULL), "so no cache");
	ok(!kmalloc(16, GFP_KERNEL), "no memory");
	slabpool_options_init(&options);
	ok(slabpool_options_valid(&options), "the defaults of bare metal are valid");
	ok(options.magazines == 0 && options.min_order == 0, "they are made for few pages");
	options.limit = 0;
	is_int(slabpool_configure(&options), -EINVAL, "an option out of range");
	slabpool_options_init(&options);
	options.misuse = SLABPOOL_MISUSE_REPORT;
	is_int(slabpool_configure(&options), 0, "configured");
	is_int(slabpool_bare_memory(NULL, BYTES), -EINVAL, "memory at NULL");
	is_int(slabpool_bare_memory(memory, 1000), -EINVAL, "too little memory");
	is_int(slabpool_bare_memory(memory, BYTES), 0, "memory");
	is_int(slabpool_bare_memory(memory, BYTES), -EBUSY, "once only");
	ok(slabpool_default() != NULL, "an instance");
	is_int(slabpool_configure(&options), -EBUSY, "too late to configure");
	is_uint(slabpool_default()->options.misuse, SLABPOOL_MISUSE_REPORT, "as configured");
}

/* Takes objects until there are none, each filled with its number; gives all back. */
static unsigned int fill(struct kmem_cache *cache, unsigned int size)
{
	static unsigned char *object[BYTES / 16];
	unsigned int count = 0, i, broken = 0;

	while ((object[count] = kmem_cache_alloc(cache, GFP_NOWAIT | __GFP_ZERO)) != NULL) {
		for (i = 0; i < size; i++)
			broken += object[count][i] != 0;
		memset(object[count], (int)count, size);
		broken += object[count] < memory && object[count] + size > other + BYTES;
		count++;
	}
	for (i = 0; i < count; i++) {
		broken += object[i][0] != (unsigned char)i;
		broken += object[i][size - 1] != (unsigned char)i;
		kmem_cache_free(cache, object[i]);
	}
	is_uint(broken, 0, "%u objects of %u bytes were zeroed and kept what was written", count,
		size);
	return count;
}

static void test_filling(void)
{
	struct kmem_cache *small = kmem_cache_create("small", 24, 0, 0, NULL);
	struct kmem_cache *large = kmem_cache_create("large", 300, 0, 0, NULL);
	unsigned int first, again;

	if (!ok(small && large, "two caches"))
		return;
	first = fill(small, 24);
	ok(first * 24 >= BYTES / 5 * 2, "two fifths of the memory hold small objects");
	again = fill(large, 300);
	ok(again * 300 >= BYTES / 5 * 2, "then two fifths hold large ones");
	is_uint(fill(small, 24), first, "then as many small ones as before");
	is_uint(fill(large, 300), again, "and large ones");
	kmem_cache_destroy(small);
	kmem_cache_destroy(large);
	ok(slabpool_is_valid(slabpool_default()), "valid");
}

static void test_reports(void)
{
	struct kmem_cache *cache = kmem_cache_create("reports", 32, 0, 0, NULL);
	void *object = kmem_cache_alloc(cache, GFP_KERNEL);
	void *neighbour = kmem_cache_alloc(cache, GFP_KERNEL);
	char want[200];

	slabpool_bare_output(keep_line, NULL);
	kmem_cache_free(cache, object);
	is_uint(lines, 0, "no line for a good free");
	kmem_cache_free(cache, object);
	snprintf(want, sizeof(want), "slabpool: kmem_cache_free: double free of 0x%" PRIxPTR
		 ", object of cache 'reports' is already free", (uintptr_t)object);
	is_str(last_line, want, "a double free is one line");
	is_uint(lines, 1, "and no more");
	kmem_cache_free(cache, neighbour);
	ok(kmem_cache_alloc(NULL, GFP_KERNEL) == NULL, "a NULL cache, which no system catches");
	is_uint(lines, 2, "is one line");
	kmem_cache_free(NULL, neighbour);
	is_uint(lines, 3, "and another for a free");
	kmem_cache_destroy(cache);
}

static void *never(gfp_t gfp, void *data)
{
	(void)gfp;
	(void)data;
	return NULL;
}

static void *sometimes(gfp_t gfp, void *left)
{
	(void)gfp;
	return *(int *)left > 0 ? (--*(int *)left, left) : NULL;
}

static void nothing(void *element, void *data)
{
	(void)element;
	(void)data;
}

/* Nothing can be waited for: a message and NULL instead of a wait without end. */
static void test_mempool(void)
{
	int left = 2;
	mempool_t *pool = mempool_create(2, sometimes, nothing, &left);

	ok(!mempool_create(1, never, nothing, NULL), "a pool that cannot be filled");
	if (!ok(pool != NULL, "a pool"))
		return;
	ok(mempool_alloc(pool, GFP_KERNEL) && mempool_alloc(pool, GFP_KERNEL), "its reserve");
	lines = 0;
	ok(!mempool_alloc(pool, GFP_KERNEL), "then NULL");
	is_str(last_line, "slabpool: mempool_alloc: cannot wait for an element, NULL is returned",
	       "with a message");
	mempool_free(&left, pool);
	mempool_free(&left, pool);
	mempool_destroy(pool);
}

/* Instances over another buffer, one after the other: all of it comes back each time. */
static void test_instances(void)
{
	struct slabpool_platform platform;
	struct slabpool_buffer state;
	struct slabpool_options options;
	unsigned int round, count = 0;

	memset(other, 0xdb, sizeof(other));
	slabpool_platform_buffer(&platform, &state, other, sizeof(other));
	slabpool_options_init(&options);
	for (round = 0; round < 5; round++) {
		struct slabpool *pool = slabpool_create(&platform, &options);
		struct kmem_cache *cache;

		if (!ok(pool != NULL, "instance %u", round))
			return;
		cache = slabpool_cache_create(pool, "again", 40, NULL, 0);
		if (round == 0)
			count = fill(cache, 40);
		else
			is_uint(fill(cache, 40), count, "as many objects as the first time");
		ok(slabpool_is_valid(pool), "valid");
		slabpool_destroy(pool);
		is_uint(state.used, 0, "the buffer is whole again");
	}
}

int main(void)
{
	memset(memory, 0xdb, sizeof(memory));
	test_before_memory();
	test_filling();
	test_reports();
	test_mempool();
	test_instances();
	return tap_done();
}
