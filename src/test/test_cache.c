/* SPDX-License-Identifier: MIT */
/* kmem_cache_*: what Linux promises, row by row, and what slabpool says where Linux is silent. */
#include "support/tap.h"
#include "support/test_platform.h"

#include <slabpool/slabpool.h>

static struct test_platform tp;
static struct slabpool *pool;
static unsigned int constructed;

static void instance_open(const struct slabpool_options *change)
{
	struct slabpool_platform platform;
	struct slabpool_options options;

	test_platform_reset(&tp);
	test_platform_table(&tp, &platform);
	slabpool_options_init(&options);
	if (change)
		options = *change;
	options.arena_mib = 32;
	options.misuse = SLABPOOL_MISUSE_REPORT;
	pool = slabpool_create(&platform, &options);
	if (!pool)
		bail_out("no instance");
}

static void instance_close(const char *what)
{
	ok(slabpool_is_valid(pool), "%s: valid", what);
	slabpool_destroy(pool);
	is_uint(tp.reserved, 0, "%s: all memory is given back", what);
	is_uint(tp.syncs, 0, "%s: all locks are given back", what);
}

static struct kmem_cache *plain(const char *name, unsigned int size, slab_flags_t flags)
{
	return slabpool_cache_create(pool, name, size, NULL, flags);
}

static size_t active(struct kmem_cache *cache)
{
	struct slabpool_cache_info info;

	slabpool_cache_info(cache, &info);
	return info.active_objects;
}

static void ctor(void *object)
{
	constructed++;
	memset(object, 0x5c, 24);
}

struct thing {
	char text[40];
	double number;
};

static void test_create_forms(void)
{
	struct kmem_cache_args args = { .align = 64, .useroffset = 8, .usersize = 16 };
	struct slabpool_cache_info info;
	struct kmem_cache *five, *four, *none, *user, *shaped;
	void *wrong = &args;
	char name[] = "five";

	five = kmem_cache_create(name, 40, 16, 0, NULL);
	four = kmem_cache_create("four", 40, &args, 0);
	none = kmem_cache_create("none", 40, NULL, 0);
	ok(five && four && none, "the 5-argument, args and NULL forms create");
	strcpy(name, "xxxx");
	is_str(kmem_cache_name(five), "five", "the name is copied");
	is_uint(kmem_cache_size(five), 40, "the size is as asked");
	slabpool_cache_info(five, &info);
	is_uint(info.align, 16, "align of the 5-argument form");
	slabpool_cache_info(four, &info);
	is_uint(info.align, 64, "align of the args form");
	is_uint(info.useroffset, 8, "useroffset is recorded");
	is_uint(info.usersize, 16, "usersize is recorded");
	ok((intptr_t)kmem_cache_create("wrong", 40, wrong, 0) == -22,
	   "a void pointer that is no args gives ERR_PTR(-EINVAL)");
	user = kmem_cache_create_usercopy("user", 100, 0, 0, 20, 30, NULL);
	slabpool_cache_info(user, &info);
	is_uint(info.useroffset, 20, "create_usercopy records its region");
	shaped = KMEM_CACHE(thing, 0);
	is_str(kmem_cache_name(shaped), "thing", "KMEM_CACHE names after the struct");
	is_uint(kmem_cache_size(shaped), sizeof(struct thing), "KMEM_CACHE takes its size");
	kmem_cache_destroy(five);
	kmem_cache_destroy(four);
	kmem_cache_destroy(none);
	kmem_cache_destroy(user);
	kmem_cache_destroy(shaped);
	kmem_cache_destroy(NULL);
	ok(true, "destroy(NULL) is a no-op");
}

static void refuses(const char *name, unsigned int size, const struct kmem_cache_args *args,
		    slab_flags_t flags, const char *line)
{
	tp.report_count = 0;
	ok(slabpool_cache_create(pool, name, size, args, flags) == NULL, "refused: %s", line);
	is_uint(tp.report_count, 1, "one message");
	ok(strstr(test_platform_line(&tp), line) != NULL, "says: %s", line);
	if (!strstr(test_platform_line(&tp), line))
		diag("%s", test_platform_line(&tp));
}

static void test_refusals(void)
{
	struct kmem_cache_args odd = { .align = 24 }, huge = { .align = 1u << 23 };
	struct kmem_cache_args region = { .useroffset = 30, .usersize = 20 };
	struct kmem_cache_args sheaf = { .sheaf_capacity = 257 };

	instance_open(NULL);
	refuses(NULL, 32, NULL, 0, "a cache needs a name");
	refuses("", 32, NULL, 0, "a cache needs a name");
	refuses("zero", 0, NULL, 0, "the object size is 0");
	refuses("large", (1u << 22) + 1, NULL, 0, "beyond KMALLOC_MAX_SIZE");
	refuses("odd", 32, &odd, 0, "no power of two");
	refuses("huge", 32, &huge, 0, "beyond the largest slab");
	refuses("flag", 32, NULL, 0x1, "unknown flag");
	refuses("region", 40, &region, 0, "not inside the object");
	refuses("sheaf", 40, &sheaf, 0, "sheaf capacity");
	instance_close("refusals");
}

static void test_name_with_blank(void)
{
	struct kmem_cache *cache;

	instance_open(NULL);
	cache = plain("two words", 32, 0);
	ok(cache != NULL, "a name with a blank is accepted");
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_NAME_SPACE), 1, "with a warning");
	kmem_cache_destroy(cache);
	instance_close("blank");
}

static void panic_create(void *unused)
{
	(void)unused;
	kmem_cache_create("panics", 0, 0, SLAB_PANIC, NULL);
}

static void test_panic(void)
{
	struct tap_child child;

	tap_fork(panic_create, NULL, &child);
	is_int(child.signal, SIGABRT, "SLAB_PANIC ends the program");
	ok(strstr(child.err, "panics") != NULL, "and names the cache");
}

/* Linux halves the line while the object fits into half of it. */
static void test_alignment(void)
{
	static const struct {
		unsigned int size, hwcache_align;
	} row[] = { { 8, 8 }, { 9, 16 }, { 16, 16 }, { 17, 32 }, { 32, 32 },
		    { 33, 64 }, { 64, 64 }, { 65, 64 }, { 1000, 64 } };
	struct slabpool_cache_info info;
	unsigned int i, k;
	bool aligned;

	instance_open(NULL);
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct kmem_cache *cache = plain("hw", row[i].size, SLAB_HWCACHE_ALIGN);
		void *object[20];

		slabpool_cache_info(cache, &info);
		is_uint(info.align, row[i].hwcache_align, "HWCACHE_ALIGN of %u", row[i].size);
		for (aligned = true, k = 0; k < 20; k++) {
			object[k] = kmem_cache_alloc(cache, GFP_KERNEL);
			aligned &= (uintptr_t)object[k] % row[i].hwcache_align == 0;
		}
		ok(aligned, "objects of %u are aligned", row[i].size);
		kmem_cache_free_bulk(cache, 20, object);
		kmem_cache_destroy(cache);
	}
	for (k = 8; k <= 65536; k *= 2) {
		struct kmem_cache_args args = { .align = k };
		struct kmem_cache *cache = slabpool_cache_create(pool, "al", 24, &args, 0);
		void *one = kmem_cache_alloc(cache, GFP_KERNEL);
		void *two = kmem_cache_alloc(cache, GFP_KERNEL);

		ok(one && two && ((uintptr_t)one | (uintptr_t)two) % k == 0, "align %u", k);
		kmem_cache_free(cache, one);
		kmem_cache_free(cache, two);
		kmem_cache_destroy(cache);
	}
	instance_close("alignment");
}

static bool is_constructed(const unsigned char *object)
{
	unsigned int k;

	for (k = 0; k < 24; k++)
		if (object[k] != 0x5c)
			return false;
	return true;
}

static void test_ctor(void)
{
	struct kmem_cache_args args = { .ctor = ctor };
	struct slabpool_cache_info info;
	struct kmem_cache *cache;
	unsigned char *object;
	unsigned int first, k;

	instance_open(NULL);
	constructed = 0;
	cache = slabpool_cache_create(pool, "built", 24, &args, 0);
	is_uint(constructed, 0, "no object is constructed before the first slab");
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	first = constructed;
	slabpool_cache_info(cache, &info);
	is_uint(first, info.num, "all objects of the slab are constructed with it");
	ok(is_constructed(object), "an allocated object is constructed");
	kmem_cache_free(cache, object);
	for (k = 0; k < 1000; k++) {
		object = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!is_constructed(object))
			break;
		kmem_cache_free(cache, object);
	}
	is_uint(k, 1000, "recycled objects stay constructed");
	is_uint(constructed, first, "and are not constructed again");
	object = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_ZERO);
	ok(object[0] == 0 && object[23] == 0, "__GFP_ZERO wins over the constructor");
	kmem_cache_free(cache, object);
	kmem_cache_free(cache, kmem_cache_zalloc(cache, GFP_KERNEL));
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_CTOR_ZERO), 1, "with one warning");
	kmem_cache_shrink(cache);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	is_uint(constructed, 2 * first, "a new slab after shrink is constructed anew");
	ok(is_constructed(object), "so is its first object");
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	instance_close("ctor");
}

static bool all_zero(const unsigned char *p, size_t n)
{
	while (n > 0 && *p == 0)
		p++, n--;
	return n == 0;
}

static void test_zero(void)
{
	struct kmem_cache *cache;
	unsigned char *object;

	instance_open(NULL);
	cache = plain("zero", 100, 0);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	memset(object, 0xff, 100);
	kmem_cache_free(cache, object);
	ok(kmem_cache_alloc(cache, GFP_KERNEL) == object, "last in, first out");
	ok(object[50] == 0xff, "nobody zeroes unasked");
	kmem_cache_free(cache, object);
	ok(kmem_cache_zalloc(cache, GFP_KERNEL) == object && all_zero(object, 100),
	   "zalloc zeroes a recycled object");
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	instance_close("zero");
}

static void test_init_options(void)
{
	struct kmem_cache_args args = { .ctor = ctor };
	struct slabpool_options options;
	struct kmem_cache *cache, *built;
	unsigned char *object;

	slabpool_options_init(&options);
	options.init_on_alloc = 1;
	instance_open(&options);
	cache = plain("alloc", 64, 0);
	built = slabpool_cache_create(pool, "built", 24, &args, 0);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	memset(object, 0xff, 64);
	kmem_cache_free(cache, object);
	ok(kmem_cache_alloc(cache, GFP_KERNEL) == object && all_zero(object, 64),
	   "init_on_alloc zeroes");
	kmem_cache_free(cache, object);
	object = kmem_cache_alloc(built, GFP_KERNEL);
	ok(is_constructed(object), "init_on_alloc leaves constructed objects alone");
	kmem_cache_free(built, object);
	instance_close("init_on_alloc");

	slabpool_options_init(&options);
	options.init_on_free = 1;
	instance_open(&options);
	cache = plain("free", 64, 0);
	built = plain("rcu", 64, SLAB_TYPESAFE_BY_RCU);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	memset(object, 0xff, 64);
	kmem_cache_free(cache, object);
	ok(all_zero(object, 64), "init_on_free zeroes");
	object = kmem_cache_alloc(built, GFP_KERNEL);
	memset(object, 0xff, 64);
	kmem_cache_free(built, object);
	ok(object[63] == 0xff, "but not objects that readers may still look at");
	instance_close("init_on_free");
}

static void test_bulk(void)
{
	void *object[300];
	struct kmem_cache *cache, *other;
	unsigned int k, n = 0;

	instance_open(NULL);
	cache = plain("bulk", 48, 0);
	is_int(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 0, object), 0, "0 objects: 0");
	is_int(kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, 300, object), 300,
	       "300 objects: 300");
	for (k = 0; k < 300; k++)
		n += all_zero(object[k], 48);
	is_uint(n, 300, "bulk honours __GFP_ZERO");
	is_uint(active(cache), 300, "300 are with the user");
	kmem_cache_free_bulk(cache, 300, object);
	is_uint(active(cache), 0, "and back after the bulk free");
	kmem_cache_free_bulk(cache, 0, object);
	kmem_cache_free(cache, NULL);
	is_uint(tp.report_count, 0, "freeing nothing is a no-op");
	other = plain("fails", 4096, 0);
	tp.budget = tp.committed + 40 * 4096;
	is_int(kmem_cache_alloc_bulk(other, GFP_KERNEL | __GFP_NOWARN, 300, object), 0,
	       "all or nothing when memory runs out");
	is_uint(active(other), 0, "nothing is kept");
	instance_close("bulk");
}

static void test_bulk_without_cache(void)
{
	struct kmem_cache *cache = kmem_cache_create("mixed", 72, 0, 0, NULL);
	void *object[4];

	object[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	object[1] = kmalloc(100, GFP_KERNEL);
	object[2] = NULL;
	object[3] = kmalloc(100000, GFP_KERNEL);
	kfree_bulk(4, object);
	is_uint(active(cache), 0, "a bulk free without a cache finds each object's own");
	kmem_cache_destroy(cache);
}

static void test_destroy_live(void)
{
	struct kmem_cache *cache;
	void *object[3];
	unsigned int k;

	instance_open(NULL);
	cache = plain("leaky", 64, 0);
	for (k = 0; k < 3; k++)
		object[k] = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_destroy(cache);
	ok(strstr(tp.report[0].line, "'leaky' still has 3 objects") != NULL,
	   "the report has name and count: %s", tp.report[0].line);
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_LIVE_OBJECTS), 4,
		"and a line for each object");
	ok(strstr(tp.report[1].line, "live object 0x") && strstr(tp.report[1].line, "64 bytes"),
	   "with address and size: %s", tp.report[1].line);
	ok(tp.report_count == 4 && !tp.report[0].crime, "and is no crime");
	ok(kmem_cache_alloc(cache, GFP_KERNEL) != NULL, "the cache stays usable");
	is_uint(active(cache), 4, "with all its objects");
	instance_close("live");

	instance_open(NULL);
	cache = plain("gone", 64, 0);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(cache);
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_BAD_CACHE), 1,
		"destroying twice is a crime");
	ok(kmem_cache_alloc(cache, GFP_KERNEL) == NULL, "no object from a destroyed cache");
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_BAD_CACHE), 2, "a crime too");
	kmem_cache_free(cache, object);
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_BAD_CACHE), 3, "so is a free");
	instance_close("gone");
}

static void test_merge(void)
{
	struct kmem_cache_args args = { .ctor = ctor };
	struct slabpool_options options;
	struct slabpool_cache_info info;
	struct kmem_cache *a, *b, *object;

	slabpool_options_init(&options);
	options.merge = 1;
	instance_open(&options);
	a = plain("first", 48, 0);
	b = plain("second", 48, 0);
	ok(a == b, "like caches are one with merging on");
	is_str(kmem_cache_name(b), "first", "with the name of the first");
	slabpool_cache_info(a, &info);
	is_uint(info.aliases, 1, "counted as an alias");
	object = kmem_cache_alloc(b, GFP_KERNEL);
	kmem_cache_destroy(a);
	ok(slabpool_cache_info(b, &info) == 0 && info.active_objects == 1,
	   "destroying one of two leaves the cache");
	kmem_cache_free(b, object);
	ok(plain("third", 48, SLAB_NO_MERGE) != b, "SLAB_NO_MERGE keeps it apart");
	ok(slabpool_cache_create(pool, "fourth", 48, &args, 0) != b, "so does a constructor");
	ok(plain("fifth", 48, SLAB_TYPESAFE_BY_RCU) != b, "and RCU");
	ok(plain("sixth", 48, SLAB_POISON) != b, "and debug flags");
	ok(plain("seventh", 56, 0) != b, "and another size");
	ok(plain("eighth", 48, SLAB_RECLAIM_ACCOUNT) != b, "and other accounting");
	instance_close("merge");

	instance_open(NULL);
	ok(plain("first", 48, 0) != plain("second", 48, 0), "merging is off unless asked for");
	instance_close("no merge");
}

static unsigned int grace_periods;

static void synchronize(void)
{
	grace_periods++;
}

static void test_rcu(void)
{
	struct slabpool_options options;
	struct slabpool_cache_info info;
	struct kmem_cache *cache;
	unsigned char *object;

	instance_open(NULL);
	cache = plain("rcu", 256, SLAB_DESTROY_BY_RCU);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	memset(object, 0x77, 256);
	kmem_cache_free(cache, object);
	is_int(kmem_cache_shrink(cache), 1, "without a hook shrink keeps the pages");
	slabpool_cache_info(cache, &info);
	is_uint(info.slabs, 1, "the slab is there");
	ok(object[255] == 0x77, "contents survive the free");
	kmem_cache_destroy(cache);
	instance_close("rcu without a hook");

	slabpool_options_init(&options);
	options.rcu_synchronize = synchronize;
	instance_open(&options);
	grace_periods = 0;
	cache = plain("rcu", 256, SLAB_TYPESAFE_BY_RCU);
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	is_uint(grace_periods, 0, "a free waits for nothing");
	is_int(kmem_cache_shrink(cache), 0, "with a hook shrink gives pages back");
	is_uint(grace_periods, 1, "after a grace period");
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	kmem_cache_destroy(cache);
	is_uint(grace_periods, 2, "and so does destroy");
	instance_close("rcu with a hook");
}

static void test_flags(void)
{
	struct slabpool_memory_info memory;
	struct slabpool_cache_info info;
	struct kmem_cache *cache;
	unsigned int bit, accepted = 0;

	instance_open(NULL);
	for (bit = 8; bit < 32; bit++) {
		slab_flags_t flag = (slab_flags_t)1 << bit;

		cache = bit == 9 ? NULL : plain("flag", 64, flag);
		if (!cache)
			continue;
		slabpool_cache_info(cache, &info);
		accepted += info.flags == flag;
		kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
		kmem_cache_destroy(cache);
	}
	is_uint(accepted, 23, "all flags of Linux are accepted and shown");
	cache = plain("inodes", 600, SLAB_RECLAIM_ACCOUNT);
	kmem_cache_alloc(cache, GFP_KERNEL);
	slabpool_cache_info(cache, &info);
	slabpool_memory_info(pool, &memory);
	is_uint(memory.reclaimable, info.slab_bytes, "SLAB_RECLAIM_ACCOUNT is counted");
	instance_close("flags");
}

/* More caches in one arena than there are tags: the last ones share one, and find misuse too. */
static void test_many(void)
{
	enum { MANY = 300 };
	struct kmem_cache *cache[MANY];
	void *object[MANY];
	unsigned int k, good = 0;

	instance_open(NULL);
	for (k = 0; k < MANY; k++) {
		cache[k] = plain("many", 48, 0);
		object[k] = cache[k] ? kmem_cache_alloc(cache[k], GFP_KERNEL) : NULL;
		good += object[k] != NULL;
	}
	is_uint(good, MANY, "%u caches at once", MANY);
	kmem_cache_free(cache[MANY - 1], object[MANY - 2]);
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_WRONG_CACHE), 1,
		"caches that share a tag still tell each other's objects");
	kmem_cache_free(cache[0], object[1]);
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_WRONG_CACHE), 2, "as all others do");
	for (k = 0; k < MANY; k++)
		kmem_cache_free(cache[k], object[k]);
	is_uint(tp.report_count, 2, "each takes its own object");
	kmem_cache_free(cache[MANY - 1], object[MANY - 1]);
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_DOUBLE_FREE), 1,
		"and refuses it twice");
	for (k = 0; k < MANY; k++)
		kmem_cache_destroy(cache[k]);
	instance_close("many");
}

static void test_ids_come_back(void)
{
	unsigned int k, good = 0;

	instance_open(NULL);
	for (k = 0; k < 20000; k++) {
		struct kmem_cache *cache = plain("short-lived", 8 + k % 500, 0);
		void *object = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;

		good += object != NULL;
		kmem_cache_free(cache, object);
		kmem_cache_destroy(cache);
	}
	is_uint(good, 20000, "20000 caches one after the other");
	is_uint(tp.report_count, 0, "without a word");
	instance_close("ids");
}

static void test_sheaf(void)
{
	struct kmem_cache *cache;
	struct slab_sheaf *sheaf;
	void *object[60];
	unsigned int k, got = 0;

	instance_open(NULL);
	cache = plain("sheaf", 120, 0);
	sheaf = kmem_cache_prefill_sheaf(cache, GFP_KERNEL, 20);
	is_uint(kmem_cache_sheaf_size(sheaf), 20, "a sheaf of 20");
	is_int(kmem_cache_refill_sheaf(cache, GFP_KERNEL, &sheaf, 60), 0, "refilled to 60");
	tp.budget = 0;
	for (k = 0; k < 60; k++) {
		object[k] = kmem_cache_alloc_from_sheaf(cache, GFP_NOWAIT | __GFP_ZERO, sheaf);
		got += object[k] && all_zero(object[k], 120);
	}
	is_uint(got, 60, "60 objects, zeroed, with no memory left");
	ok(!kmem_cache_alloc_from_sheaf(cache, GFP_NOWAIT, sheaf), "then NULL");
	is_int(kmem_cache_refill_sheaf(cache, GFP_NOWAIT | __GFP_NOWARN, &sheaf, 100000), -12,
	       "no refill without memory: -ENOMEM");
	is_uint(kmem_cache_sheaf_size(sheaf), 0, "and the sheaf is as it was");
	is_int(kmem_cache_refill_sheaf(cache, GFP_KERNEL, NULL, 1), -22, "NULL: -EINVAL");
	kmem_cache_return_sheaf(cache, GFP_KERNEL, sheaf);
	is_uint(active(cache), 60, "what was taken stays with the user");
	kmem_cache_free_bulk(cache, 60, object);
	tp.budget = SIZE_MAX;
	sheaf = kmem_cache_prefill_sheaf(cache, GFP_KERNEL, 5);
	kmem_cache_return_sheaf(cache, GFP_KERNEL, sheaf);
	is_uint(active(cache), 0, "what was not taken goes back");
	instance_close("sheaf");
}

int main(void)
{
	test_platform_open(&tp, (size_t)256 << 20, 0);
	test_create_forms();
	test_refusals();
	test_name_with_blank();
	test_panic();
	test_alignment();
	test_ctor();
	test_zero();
	test_init_options();
	test_bulk();
	test_bulk_without_cache();
	test_destroy_live();
	test_merge();
	test_rcu();
	test_flags();
	test_many();
	test_ids_come_back();
	test_sheaf();
	test_platform_close(&tp);
	return tap_done();
}
