/* SPDX-License-Identifier: MIT */
/*
 * Every crime: the exact line, and that nothing has changed. Pointers differ from run to run, so a
 * line is compared after the pointers in it were replaced by their names.
 */
#include "support/tap.h"
#include "support/test_platform.h"

#include <slabpool/slabpool.h>

static struct test_platform tp;
static struct slabpool *pool;
static struct kmem_cache *a, *b;

static void instance_open(slab_flags_t flags, unsigned int exact, unsigned int misuse)
{
	struct slabpool_platform platform;
	struct slabpool_options options;

	test_platform_reset(&tp);
	test_platform_table(&tp, &platform);
	slabpool_options_init(&options);
	options.arena_mib = 8;
	options.misuse = misuse;
	options.exact_double_free = exact;
	pool = slabpool_create(&platform, &options);
	a = slabpool_cache_create(pool, "a", 48, NULL, flags);
	b = slabpool_cache_create(pool, "b", 48, NULL, flags);
	if (!a || !b)
		bail_out("no caches");
}

static size_t active(struct kmem_cache *cache)
{
	struct slabpool_cache_info info;

	slabpool_cache_info(cache, &info);
	return info.active_objects;
}

/* Replaces what a pointer prints as by a letter. */
static void name_pointer(char *line, const void *pointer, char letter)
{
	char text[40], *at;
	size_t n;

	snprintf(text, sizeof(text), "0x%" PRIxPTR, (uintptr_t)pointer);
	n = strlen(text);
	while ((at = strstr(line, text)) != NULL) {
		*at = letter;
		memmove(at + 1, at + n, strlen(at + n) + 1);
	}
}

/* The one new report says so, and neither cache gained or lost an object. */
static void says(size_t active_a, size_t active_b, const void *p, const void *start,
		 const char *want)
{
	char line[TEST_LINE];

	snprintf(line, sizeof(line), "%s", test_platform_line(&tp));
	name_pointer(line, p, 'P');
	name_pointer(line, start, 'S');
	is_str(line, want, "%s", want);
	is_uint(tp.report_count, 1, "one line");
	is_uint(active(a), active_a, "a keeps its objects");
	is_uint(active(b), active_b, "b keeps its objects");
	ok(slabpool_is_valid(pool), "valid");
	tp.report_count = 0;
}

static void test_double_free(void)
{
	void *p[400], *again;
	unsigned int k, dup = 0;

	for (k = 0; k < 400; k++)
		p[k] = kmem_cache_alloc(a, GFP_KERNEL);
	kmem_cache_free(a, p[0]);
	kmem_cache_free(a, p[0]);
	says(399, 0, p[0], p[0],
	     "slabpool: kmem_cache_free: double free of P, object of cache 'a' is "
	     "already free");
	kmem_cache_free(a, p[1]);
	kmem_cache_free(a, p[0]);
	says(398, 0, p[0], p[0],
	     "slabpool: kmem_cache_free: double free of P, object of cache 'a' is "
	     "already free");
	for (k = 2; k < 400; k++)
		kmem_cache_free(a, p[k]);
	for (k = 0; k < 400; k++)
		kmem_cache_free(a, p[k]);
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_DOUBLE_FREE),
		400 < TEST_REPORTS ? 400 : TEST_REPORTS,
		"in magazine, spare, depot and slab alike");
	is_uint(tp.report_count, 400, "each of 400");
	tp.report_count = 0;
	kmem_cache_shrink(a);
	kmem_cache_free(a, p[7]);
	is_uint(tp.report_count, 1, "and after its page went back");
	tp.report_count = 0;
	for (k = 0; k < 400; k++)
		p[k] = kmem_cache_alloc(a, GFP_KERNEL);
	for (k = 1; k < 400; k++)
		dup += p[k] == p[k - 1];
	again = kmem_cache_alloc(a, GFP_KERNEL);
	for (k = 0; k < 400; k++)
		dup += p[k] == again;
	is_uint(dup, 0, "and nothing is handed out twice");
	kmem_cache_free(a, again);
	kmem_cache_free_bulk(a, 400, p);
}

static void test_other_thread(void)
{
	void *p = kmem_cache_alloc(a, GFP_KERNEL);

	tp.thread = 1;
	kmem_cache_free(a, p);
	tp.thread = 0;
	kmem_cache_free(a, p);
	says(0, 0, p, p, "slabpool: kmem_cache_free: double free of P, object of cache 'a' is "
			 "already free");
	tp.thread = 1;
	test_platform_thread_end(&tp, pool);
	tp.thread = 0;
}

static void test_foreign(void)
{
	char *heap = malloc(100), *live = kmem_cache_alloc(a, GFP_KERNEL);
	int local;

	kmem_cache_free(a, heap);
	says(1, 0, heap, NULL,
	     "slabpool: kmem_cache_free: foreign pointer P, no memory of slabpool, "
	     "freed to cache 'a'");
	kmem_cache_free(a, &local);
	says(1, 0, &local, NULL,
	     "slabpool: kmem_cache_free: foreign pointer P, no memory of slabpool, "
	     "freed to cache 'a'");
	kmem_cache_free(a, live + ((size_t)7 << 20));
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_FOREIGN), 1, "a page never used");
	tp.report_count = 0;
	kmem_cache_free(a, live - ((size_t)64 << 20));
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_FOREIGN), 1, "before the arena");
	tp.report_count = 0;
	slabpool_kfree(pool, heap);
	says(1, 0, heap, NULL, "slabpool: kfree: foreign pointer P, no memory of slabpool");
	kmem_cache_free(a, live);
	free(heap);
}

static void test_interior(void)
{
	static const unsigned int offset[] = { 1, 8, 16, 47 };
	char *p = kmem_cache_alloc(a, GFP_KERNEL), want[200];
	unsigned int k;

	for (k = 0; k < 4; k++) {
		kmem_cache_free(a, p + offset[k]);
		snprintf(want, sizeof(want),
			 "slabpool: kmem_cache_free: interior pointer P, %u byte%s into object S "
			 "of cache 'a'", offset[k], offset[k] == 1 ? "" : "s");
		says(1, 0, p + offset[k], p, want);
	}
	kmem_cache_free(a, p);
	p = slabpool_kmalloc(pool, 50000, GFP_KERNEL);
	slabpool_kfree(pool, p + 4096);
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_INTERIOR), 1, "inside a page run");
	tp.report_count = 0;
	slabpool_kfree(pool, p);
}

static void test_wrong_cache(void)
{
	void *p = kmem_cache_alloc(a, GFP_KERNEL);
	void *k = slabpool_kmalloc(pool, 100, GFP_KERNEL);

	kmem_cache_free(b, p);
	says(1, 0, p, p,
	     "slabpool: kmem_cache_free: wrong cache for P, object of cache 'a' freed to "
	     "cache 'b'");
	kmem_cache_free(b, k);
	says(1, 0, k, k,
	     "slabpool: kmem_cache_free: wrong cache for P, object of cache 'kmalloc-128' "
	     "freed to cache 'b'");
	slabpool_kfree(pool, p);
	is_uint(active(a), 0, "kfree takes an object of any cache");
	slabpool_kfree(pool, k);
}

static void test_wrong_call(void)
{
	void *v = slabpool_vmalloc(pool, 10000, GFP_KERNEL), *k, *p, *o;

	k = slabpool_kmalloc(pool, 10000, GFP_KERNEL);
	p = slabpool_alloc_pages(pool, GFP_KERNEL, 1);
	o = kmem_cache_alloc(a, GFP_KERNEL);
	slabpool_kfree(pool, v);
	says(1, 0, v, v, "slabpool: kfree: wrong call for P: memory of vmalloc");
	slabpool_kfree(pool, p);
	says(1, 0, p, p, "slabpool: kfree: wrong call for P: memory of alloc_pages");
	slabpool_vfree(pool, k);
	says(1, 0, k, k, "slabpool: vfree: wrong call for P: memory of kmalloc");
	slabpool_free_pages(pool, k, 1);
	says(1, 0, k, k, "slabpool: free_pages: wrong call for P: memory of kmalloc");
	ok(slabpool_krealloc(pool, p, 64, GFP_KERNEL) == NULL, "krealloc of pages: NULL");
	says(1, 0, p, p, "slabpool: krealloc: wrong call for P: memory of alloc_pages");
	ok(slabpool_krealloc(pool, v, 64, GFP_KERNEL) == NULL, "krealloc of vmalloc memory: NULL");
	says(1, 0, v, v, "slabpool: krealloc: wrong call for P: memory of vmalloc");
	slabpool_free_pages(pool, o, 0);
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_WRONG_API), 1,
		"free_pages of an object");
	tp.report_count = 0;
	slabpool_free_pages(pool, p, 3);
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_WRONG_ORDER), 1, "another order");
	tp.report_count = 0;
	slabpool_vfree(pool, v);
	slabpool_kfree(pool, k);
	slabpool_free_pages(pool, p, 1);
	kmem_cache_free(a, o);
	is_uint(tp.report_count, 0, "the right calls take them all");
	slabpool_kfree(pool, k);
	is_uint(tp.report_count, 1, "once");
	tp.report_count = 0;
}

static void test_freed_elsewhere(void)
{
	void *p = slabpool_kmalloc(pool, 64, GFP_KERNEL);

	slabpool_kfree(pool, p);
	is_uint(slabpool_ksize(pool, p), 0, "ksize of a freed object: 0");
	says(0, 0, p, p,
	     "slabpool: ksize: double free of P, object of cache 'kmalloc-64' is already "
	     "free");
	ok(slabpool_krealloc(pool, p, 100, GFP_KERNEL) == NULL, "krealloc of a freed object: NULL");
	is_uint(tp.report_count, 1, "with a report");
	tp.report_count = 0;
}

static void all_crimes(const char *what, slab_flags_t flags, unsigned int exact)
{
	diag("%s", what);
	instance_open(flags, exact, SLABPOOL_MISUSE_REPORT);
	test_double_free();
	test_other_thread();
	test_foreign();
	test_interior();
	test_wrong_cache();
	test_wrong_call();
	test_freed_elsewhere();
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
	is_uint(tp.report_count, 0, "%s: nothing is left", what);
	slabpool_destroy(pool);
	is_uint(tp.reserved, 0, "%s: all memory is given back", what);
}

static void test_ignore(void)
{
	void *p;

	instance_open(0, 0, SLABPOOL_MISUSE_IGNORE);
	p = kmem_cache_alloc(a, GFP_KERNEL);
	kmem_cache_free(a, p);
	kmem_cache_free(a, p);
	kmem_cache_free(b, &p);
	is_uint(tp.report_count, 0, "ignore: not a word");
	ok(slabpool_is_valid(pool) && active(a) == 0, "ignore: nothing changes");
	slabpool_destroy(pool);
}

static void free_twice(void *object)
{
	kfree(object);
	kfree(object);
}

static void test_abort(void)
{
	void *p = kmalloc(32, GFP_KERNEL);
	char line[200];

	snprintf(line, sizeof(line),
		 "slabpool: kfree: double free of 0x%" PRIxPTR
		 ", object of cache 'kmalloc-32' is already free", (uintptr_t)p);
	dies(free_twice, p, line);
	kfree(p);
}

int main(void)
{
	test_platform_open(&tp, (size_t)128 << 20, 0);
	all_crimes("default", 0, 0);
	all_crimes("SLAB_CONSISTENCY_CHECKS", SLAB_CONSISTENCY_CHECKS, 0);
	all_crimes("exact_double_free", 0, 1);
	test_ignore();
	test_abort();
	test_platform_close(&tp);
	return tap_done();
}
