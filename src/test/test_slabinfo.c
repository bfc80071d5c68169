/* SPDX-License-Identifier: MIT */
/* slabinfo's columns to the letter, tuning lines, and kmem_dump_obj(). */
#include "support/tap.h"
#include "support/test_platform.h"

static struct test_platform tp;
static struct slabpool *pool;

static struct {
	char text[65536];
	size_t length;
} out;

static void collect(void *context, const char *text, size_t length)
{
	is_ptr(context, &out, "the writer has the caller's context");
	if (out.length + length < sizeof(out.text)) {
		memcpy(out.text + out.length, text, length);
		out.length += length;
		out.text[out.length] = '\0';
	}
}

/* Line number n of what was written, counted from 0. */
static const char *line_of(unsigned int n)
{
	static char line[1024];
	const char *from = out.text;
	size_t length;

	while (n-- > 0 && from)
		from = strchr(from, '\n') ? strchr(from, '\n') + 1 : NULL;
	if (!from)
		return "";
	length = strcspn(from, "\n");
	snprintf(line, sizeof(line), "%.*s", (int)length, from);
	return line;
}

/* The line of a cache, found by its name at the line's start. */
static const char *line_named(const char *name)
{
	unsigned int n;
	size_t length = strlen(name);

	for (n = 2; line_of(n)[0]; n++)
		if (strncmp(line_of(n), name, length) == 0 && line_of(n)[length] == ' ')
			return line_of(n);
	return "";
}

static void write_all(void)
{
	memset(&out, 0, sizeof(out));
	slabpool_slabinfo(pool, collect, &out);
}

/* The same line as Linux prints it, from what slabpool_cache_info() says. */
static void check_line(struct kmem_cache *cache, const char *name)
{
	struct slabpool_cache_info info;
	char want[512];

	slabpool_cache_info(cache, &info);
	snprintf(want, sizeof(want),
		 "%-17s %6lu %6lu %6u %4u %4d : tunables %4u %4u %4u : slabdata %6lu %6lu %6lu",
		 name, (unsigned long)info.active_objects, (unsigned long)info.total_objects,
		 info.stride, info.num, 1 << info.gfporder, info.limit, info.batchcount,
		 info.shared, (unsigned long)(info.full_slabs + info.partial_slabs),
		 (unsigned long)info.slabs, (unsigned long)info.depot_objects);
	write_all();
	is_str(line_named(name), want, "line of %s", name);
}

/* The same numbers as slabpool_cache_info() has them, and nothing else. */
static void check_object(struct kmem_cache *cache, const char *name)
{
	struct slabpool_cache_info info;
	char want[1024];

	slabpool_cache_info(cache, &info);
	memset(&out, 0, sizeof(out));
	slabpool_slabinfo_json(pool, collect, &out);
	snprintf(want, sizeof(want),
		 "\n {\"name\":\"%s\",\"size\":%u,\"stride\":%u,\"align\":%u,\"flags\":%u,"
		 "\"limit\":%u,\"batchcount\":%u,\"shared\":%u,\"num\":%u,\"gfporder\":%u,"
		 "\"colour\":%u,\"metadata_bytes\":%zu,\"aliases\":%u,\"active_objects\":%zu,"
		 "\"magazine_objects\":%zu,\"depot_objects\":%zu,\"slab_objects\":%zu,"
		 "\"total_objects\":%zu,\"slabs\":%zu,\"full_slabs\":%zu,\"partial_slabs\":%zu,"
		 "\"empty_slabs\":%zu,\"slab_bytes\":%zu,\"refills\":%llu,\"flushes\":%llu,"
		 "\"exchanges\":%llu,\"grows\":%llu,\"releases\":%llu,\"failures\":%llu}",
		 name, info.size, info.stride, info.align, (unsigned int)info.flags, info.limit,
		 info.batchcount, info.shared, info.num, info.gfporder, info.colour,
		 info.metadata_bytes, info.aliases, info.active_objects, info.magazine_objects,
		 info.depot_objects, info.slab_objects, info.total_objects, info.slabs,
		 info.full_slabs, info.partial_slabs, info.empty_slabs, info.slab_bytes,
		 (unsigned long long)info.refills, (unsigned long long)info.flushes,
		 (unsigned long long)info.exchanges, (unsigned long long)info.grows,
		 (unsigned long long)info.releases, (unsigned long long)info.failures);
	ok(strstr(out.text, want) != NULL, "the object of %s", name);
}

static void test_json(void)
{
	struct kmem_cache *cache = slabpool_cache_create(pool, "co\"n", 60, NULL, 0);
	void *object = kmem_cache_alloc(cache, GFP_KERNEL);
	struct slabpool_memory_info memory;
	char want[512], name[400];

	check_object(cache, "co\\\"n");
	kmem_cache_free(cache, object);
	check_object(cache, "co\\\"n");
	kmem_cache_destroy(cache);
	slabpool_memory_info(pool, &memory);
	snprintf(want, sizeof(want),
		 "{\"slabpool\":1,\"memory\":{\"reserved\":%zu,\"opened\":%zu,\"slabs\":%zu,"
		 "\"metadata\":%zu,\"runs\":%zu,\"idle\":%zu,\"reclaimable\":%zu},\"caches\":[\n {",
		 memory.reserved, memory.opened, memory.slabs, memory.metadata, memory.runs,
		 memory.idle, memory.reclaimable);
	memset(&out, 0, sizeof(out));
	slabpool_slabinfo_json(pool, collect, &out);
	ok(strncmp(out.text, want, strlen(want)) == 0, "the memory");
	is_str(out.text + out.length - 4, "}]}\n", "the end");
	memset(name, 1, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cache = slabpool_cache_create(pool, name, 60, NULL, 0);
	for (unsigned int k = 0; k < 256; k++)
		memcpy(name + k % 50 * 6, "\\u0001", 7);
	memset(&out, 0, sizeof(out));
	slabpool_slabinfo_json(pool, collect, &out);
	ok(strstr(out.text, name) != NULL && strstr(out.text, "\\u0001\",\"size\":60,") != NULL,
	   "a name that is all escapes");
	kmem_cache_destroy(cache);
}

static const char *map_of(struct kmem_cache *cache, unsigned int most)
{
	memset(&out, 0, sizeof(out));
	is_int(slabpool_cache_map(cache, most, collect, &out), 0, "a map");
	return out.text;
}

static void test_map(void)
{
	struct kmem_cache *cache = slabpool_cache_create(pool, "mapped", 4096, NULL, 0);
	void *object[40];
	unsigned int k;

	is_int(slabpool_cache_map(NULL, 1, collect, &out), -EINVAL, "of no cache");
	is_str(map_of(cache, 1),
	       "{\"slabpool\":1,\"cache\":\"mapped\",\"size\":4096,\"num\":16,\"slabs\":0,"
	       "\"maps\":[]}\n", "without slabs");
	for (k = 0; k < 40; k++)
		object[k] = kmem_cache_alloc(cache, GFP_KERNEL);
	slabpool_thread_flush(pool);
	slabpool_reap(pool);
	is_str(map_of(cache, 3),
	       "{\"slabpool\":1,\"cache\":\"mapped\",\"size\":4096,\"num\":16,\"slabs\":3,"
	       "\"maps\":[\n \"################\",\n \"################\",\n"
	       " \"########........\"]}\n", "two full slabs and a half of one");
	is_str(map_of(cache, 0) + out.length - 4, "[]}\n", "none of them");
	for (k = 0; k < 40; k++)
		kmem_cache_free(cache, object[k]);
	ok(strstr(map_of(cache, 3), "kkkkkkkk") != NULL && !strchr(out.text, '#'),
	   "objects that a magazine keeps");
	slabpool_reap(pool);
	ok(!strpbrk(strstr(map_of(cache, 3), "maps") + 4, "#k"), "nothing is kept");
	kmem_cache_destroy(cache);
}

static int find_kmalloc(struct kmem_cache *cache, void *found)
{
	if (strcmp(kmem_cache_name(cache), "kmalloc-64") != 0)
		return 0;
	*(struct kmem_cache **)found = cache;
	return 1;
}

static void test_columns(void)
{
	struct kmem_cache *cache = slabpool_cache_create(pool, "conn", 60, NULL, 0);
	struct kmem_cache *named, *kmalloc_64 = NULL;
	struct slabpool_cache_info info;
	void *object[3];
	unsigned int i;

	write_all();
	is_str(line_of(0), "slabinfo - version: 2.1", "first line");
	is_str(line_of(1),
	       "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
	       " : tunables <limit> <batchcount> <sharedfactor>"
	       " : slabdata <active_slabs> <num_slabs> <sharedavail>", "second line");
	check_line(cache, "conn");
	for (i = 0; i < 3; i++)
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	check_line(cache, "conn");
	slabpool_cache_info(cache, &info);
	is_uint(info.active_objects, 3, "three are live");
	ok(slabpool_for_each_cache(pool, find_kmalloc, &kmalloc_64) == 1, "kmalloc-64 is there");
	check_line(kmalloc_64, "kmalloc-64");
	for (i = 0; i < 3; i++)
		kmem_cache_free(cache, object[i]);
	kmem_cache_destroy(cache);
	write_all();
	is_str(line_named("conn"), "", "a destroyed cache has no line");
	named = slabpool_cache_create(pool, "a_name_of_more_than_17_characters", 8, NULL, 0);
	check_line(named, "a_name_of_more_than_17_characters");
	kmem_cache_destroy(named);
}

static void refuses(const char *line)
{
	is_int(slabpool_tune_line(pool, line), -EINVAL, "'%s' is refused", line ? line : "NULL");
}

static void test_tuning(void)
{
	struct kmem_cache *cache = slabpool_cache_create(pool, "tuned", 64, NULL, 0);
	struct slabpool_cache_info before, info;

	memset(&before, 0, sizeof(before));
	memset(&info, 0, sizeof(info));
	is_int(slabpool_tune_line(pool, "tuned 32 16 4"), 0, "a tuning line");
	slabpool_cache_info(cache, &info);
	ok(info.limit == 32 && info.batchcount == 16 && info.shared == 4, "all three are set");
	is_int(slabpool_tune_line(pool, "  tuned\t10  5 0\n"), 0, "blanks and a newline");
	slabpool_cache_info(cache, &before);
	ok(before.limit == 10 && before.batchcount == 5 && before.shared == 0, "are fine");
	refuses(NULL);
	refuses("");
	refuses("tuned");
	refuses("tuned 32 16");
	refuses("tuned 32 16 4 1");
	refuses("tuned 32 16 4x");
	refuses("tuned -1 16 4");
	refuses("tuned 32 16 99999999999");
	refuses("tune 32 16 4");
	refuses("tuned2 32 16 4");
	refuses("tuned 0 0 0");
	refuses("tuned 32 33 4");
	refuses("tuned 257 16 4");
	slabpool_cache_info(cache, &info);
	ok(memcmp(&info, &before, sizeof(info)) == 0, "what is refused changes nothing");
	kmem_cache_destroy(cache);
}

struct dump {
	void *pointer;
	char want[256];
};

static void dump(void *context)
{
	kmem_dump_obj(((struct dump *)context)->pointer);
}

static void check_dump(void *pointer, const char *what)
{
	struct dump d = {.pointer = pointer};

	snprintf(d.want, sizeof(d.want), "slabpool: kmem_dump_obj: 0x%" PRIxPTR ": %s\n",
		 (uintptr_t)pointer, what);
	lives(dump, &d, d.want, what);
}

static void check_dump_at(char *start, size_t inside, const char *before, const char *after)
{
	char what[200];

	snprintf(what, sizeof(what), "%s0x%" PRIxPTR "%s", before, (uintptr_t)start, after);
	check_dump(start + inside, what);
}

static void test_dump(void)
{
	struct kmem_cache *cache = kmem_cache_create("dumped", 40, 8, 0, NULL);
	char *object = kmem_cache_alloc(cache, GFP_KERNEL);
	char *freed = kmem_cache_alloc(cache, GFP_KERNEL);
	char *pages = (char *)__get_free_pages(GFP_KERNEL, 1), *far = vmalloc(8192);
	char *large = kmalloc(32768, GFP_KERNEL);
	int local;

	kmem_cache_free(cache, freed);
	check_dump(NULL, "NULL");
	check_dump(ZERO_SIZE_PTR, "zero-size pointer");
	check_dump(&local, "no memory of slabpool");
	check_dump_at(object, 0, "live object ", " of cache 'dumped', 40 bytes");
	check_dump_at(object, 1, "1 byte into live object ", " of cache 'dumped', 40 bytes");
	check_dump_at(object, 39, "39 bytes into live object ", " of cache 'dumped', 40 bytes");
	check_dump_at(freed, 0, "free object ", " of cache 'dumped', 40 bytes");
	check_dump_at(pages, 5000, "5000 bytes into page run ", " of alloc_pages(), 8192 bytes");
	check_dump_at(far, 0, "page run ", " of vmalloc(), 8192 bytes");
	check_dump_at(large, 0, "page run ", " of kmalloc(), 32768 bytes");
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	free_pages((unsigned long)pages, 1);
	vfree(far);
	kfree(large);
}

int main(void)
{
	struct slabpool_platform platform;

	test_platform_open(&tp, (size_t)64 << 20, 0);
	test_platform_table(&tp, &platform);
	pool = slabpool_create(&platform, NULL);
	if (!pool)
		bail_out("no instance");
	test_columns();
	test_json();
	test_map();
	test_tuning();
	slabpool_destroy(pool);
	is_uint(tp.reserved, 0, "all was given back");
	test_platform_close(&tp);
	test_dump();
	return tap_done();
}
