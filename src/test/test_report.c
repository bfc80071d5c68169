/* SPDX-License-Identifier: MIT */
/* Every kind of report, to the letter. */
#include "support/tap.h"
#include <slabpool/platform.h>
#include <stdlib.h>
#include <string.h>

#define P(address) ((const void *)(uintptr_t)(address))

static void is_line(const struct slabpool_report *report, const char *want)
{
	char line[1024];
	size_t length = slabpool_report_line(report, line, sizeof(line));

	is_str(line, want, "kind %d", (int)report->kind);
	is_uint(length, strlen(want), "its length");
}

#define LINE(want, ...) is_line(&(struct slabpool_report){__VA_ARGS__}, want)

static void test_frees(void)
{
	LINE("slabpool: kmem_cache_free: double free of 0x7f10, object of cache 'conn' is "
	     "already free",
	     .kind = SLABPOOL_REPORT_DOUBLE_FREE, .call = "kmem_cache_free", .cache = "conn",
	     .other = "conn", .pointer = P(0x7f10), .start = P(0x7f10), .crime = true);
	LINE("slabpool: kmem_cache_free: double free of 0x7f10, object of cache 'conn' is "
	     "already free",
	     .kind = SLABPOOL_REPORT_DOUBLE_FREE, .call = "kmem_cache_free", .cache = "conn",
	     .pointer = P(0x7f10));
	LINE("slabpool: kmem_cache_free: double free of 0x7f10, object of cache 'b' is "
	     "already free, freed to cache 'a'",
	     .kind = SLABPOOL_REPORT_DOUBLE_FREE, .call = "kmem_cache_free", .cache = "a",
	     .other = "b", .pointer = P(0x7f10));
	LINE("slabpool: kfree: double free of 0x7f10, it is already free",
	     .kind = SLABPOOL_REPORT_DOUBLE_FREE, .call = "kfree", .pointer = P(0x7f10));
	LINE("slabpool: kfree: foreign pointer 0x10, no memory of slabpool",
	     .kind = SLABPOOL_REPORT_FOREIGN, .call = "kfree", .pointer = P(0x10));
	LINE("slabpool: kmem_cache_free: foreign pointer 0xabcdef01, no memory of slabpool, "
	     "freed to cache 'a'",
	     .kind = SLABPOOL_REPORT_FOREIGN, .call = "kmem_cache_free", .cache = "a",
	     .pointer = P(0xabcdef01));
	LINE("slabpool: kmem_cache_free: interior pointer 0x18, 8 bytes into object 0x10 of "
	     "cache 'a'",
	     .kind = SLABPOOL_REPORT_INTERIOR, .call = "kmem_cache_free", .cache = "a",
	     .other = "a", .pointer = P(0x18), .start = P(0x10));
	LINE("slabpool: kmem_cache_free: interior pointer 0x11, 1 byte into object 0x10 of "
	     "cache 'b', freed to cache 'a'",
	     .kind = SLABPOOL_REPORT_INTERIOR, .call = "kmem_cache_free", .cache = "a",
	     .other = "b", .pointer = P(0x11), .start = P(0x10));
	LINE("slabpool: kfree: interior pointer 0x1010, 16 bytes into memory 0x1000",
	     .kind = SLABPOOL_REPORT_INTERIOR, .call = "kfree", .pointer = P(0x1010),
	     .start = P(0x1000));
	LINE("slabpool: kmem_cache_free: interior pointer 0x1010, 16 bytes into memory 0x1000, "
	     "freed to cache 'a'",
	     .kind = SLABPOOL_REPORT_INTERIOR, .call = "kmem_cache_free", .cache = "a",
	     .pointer = P(0x1010), .start = P(0x1000));
	LINE("slabpool: kmem_cache_free: wrong call for 0x1000: memory of kmalloc, freed to "
	     "cache 'a'",
	     .kind = SLABPOOL_REPORT_WRONG_API, .call = "kmem_cache_free", .cache = "a",
	     .pointer = P(0x1000), .start = P(0x1000), .text = "memory of kmalloc");
	LINE("slabpool: kmem_cache_free: interior pointer 0x18, not the start of an object of "
	     "cache 'a'",
	     .kind = SLABPOOL_REPORT_INTERIOR, .call = "kmem_cache_free", .cache = "a",
	     .pointer = P(0x18));
	LINE("slabpool: kmem_cache_free: wrong cache for 0x10, object of cache 'b' freed to "
	     "cache 'a'",
	     .kind = SLABPOOL_REPORT_WRONG_CACHE, .call = "kmem_cache_free", .cache = "a",
	     .other = "b", .pointer = P(0x10));
	LINE("slabpool: kfree: wrong call for 0x1000: memory of vmalloc()",
	     .kind = SLABPOOL_REPORT_WRONG_API, .call = "kfree", .pointer = P(0x1000),
	     .text = "memory of vmalloc()");
	LINE("slabpool: vfree: wrong call for 0x10, object of cache 'a'",
	     .kind = SLABPOOL_REPORT_WRONG_API, .call = "vfree", .pointer = P(0x10), .other = "a");
	LINE("slabpool: free_pages: wrong order 3 for 0x1000: allocated with order 2",
	     .kind = SLABPOOL_REPORT_WRONG_ORDER, .call = "free_pages", .pointer = P(0x1000),
	     .size = 3, .text = "allocated with order 2");
}

static void test_others(void)
{
	LINE("slabpool: kmem_cache_alloc: bad cache 0x0, NULL or destroyed",
	     .kind = SLABPOOL_REPORT_BAD_CACHE, .call = "kmem_cache_alloc");
	LINE("slabpool: kmem_cache_destroy: cache 'a' still has 3 objects, not destroyed",
	     .kind = SLABPOOL_REPORT_LIVE_OBJECTS, .call = "kmem_cache_destroy", .cache = "a",
	     .size = 3);
	LINE("slabpool: kmem_cache_destroy: cache 'a' still has 1 object (one at 0x40), not "
	     "destroyed",
	     .kind = SLABPOOL_REPORT_LIVE_OBJECTS, .call = "kmem_cache_destroy", .cache = "a",
	     .size = 1, .pointer = P(0x40));
	LINE("slabpool: kmem_cache_create: bad argument for cache 'a': size is 0",
	     .kind = SLABPOOL_REPORT_BAD_ARGUMENT, .call = "kmem_cache_create", .cache = "a",
	     .text = "size is 0");
	LINE("slabpool: kmem_cache_create: bad argument: the name is NULL or empty",
	     .kind = SLABPOOL_REPORT_BAD_ARGUMENT, .call = "kmem_cache_create",
	     .text = "the name is NULL or empty");
	LINE("slabpool: kmem_cache_alloc: __GFP_ZERO from cache 'a' with a constructor, "
	     "zeroed all the same",
	     .kind = SLABPOOL_REPORT_CTOR_ZERO, .call = "kmem_cache_alloc", .cache = "a");
	LINE("slabpool: kmem_cache_create: cache name 'a b' has a blank, which confuses "
	     "readers of slabinfo",
	     .kind = SLABPOOL_REPORT_NAME_SPACE, .call = "kmem_cache_create", .cache = "a b");
	LINE("slabpool: kmem_cache_alloc: out of memory for cache 'a', 64 bytes",
	     .kind = SLABPOOL_REPORT_NO_MEMORY, .call = "kmem_cache_alloc", .cache = "a",
	     .size = 64);
	LINE("slabpool: kmalloc: out of memory, 1 byte",
	     .kind = SLABPOOL_REPORT_NO_MEMORY, .call = "kmalloc", .size = 1);
	LINE("slabpool: mempool_alloc: cannot wait for an element, NULL is returned",
	     .kind = SLABPOOL_REPORT_CANNOT_WAIT, .call = "mempool_alloc");
	LINE("slabpool: mempool_alloc: __GFP_ZERO is not supported by mempools, ignored",
	     .kind = SLABPOOL_REPORT_POOL_ZERO, .call = "mempool_alloc");
	LINE("slabpool: kmem_cache_create: cannot create cache 'a' with SLAB_PANIC",
	     .kind = SLABPOOL_REPORT_PANIC, .call = "kmem_cache_create", .cache = "a");
	LINE("slabpool: kmalloc: __GFP_NOFAIL but out of memory, 100 bytes",
	     .kind = SLABPOOL_REPORT_NOFAIL, .call = "kmalloc", .size = 100);
	LINE("slabpool: kfree: internal error: metadata was overwritten, cache 'a', at 0x10",
	     .kind = SLABPOOL_REPORT_INTERNAL, .call = "kfree", .cache = "a", .pointer = P(0x10));
	LINE("slabpool: kfree: internal error: page map",
	     .kind = SLABPOOL_REPORT_INTERNAL, .call = "kfree", .text = "page map");
	LINE("slabpool: kmem_dump_obj: 0x18: no memory of slabpool",
	     .kind = SLABPOOL_REPORT_OBJECT, .call = "kmem_dump_obj", .pointer = P(0x18),
	     .text = "no memory of slabpool");
	LINE("slabpool: slabpool_check_layout: this program was compiled with SLABPOOL_INLINE for "
	     "layout 7, the library has another: compile it again",
	     .kind = SLABPOOL_REPORT_LAYOUT, .call = "slabpool_check_layout", .size = 7);
	LINE("slabpool: exit: page runs still hold 102400 bytes",
	     .kind = SLABPOOL_REPORT_LIVE_RUNS, .call = "exit", .size = 102400);
	LINE("slabpool: unknown report 99", .kind = (enum slabpool_report_kind)99);
}

static void test_hostile_names(void)
{
	char name[300], want[200];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(want, sizeof(want),
		 "slabpool: kmem_cache_create: cannot create cache '%.64s' with SLAB_PANIC", name);
	LINE(want, .kind = SLABPOOL_REPORT_PANIC, .call = "kmem_cache_create", .cache = name);
	LINE("slabpool: kmem_cache_create: cannot create cache 'a?b?' with SLAB_PANIC",
	     .kind = SLABPOOL_REPORT_PANIC, .call = "kmem_cache_create", .cache = "a\nb\033");
}

static void test_room(void)
{
	static const char whole[] = "slabpool: mempool_alloc: "
				    "__GFP_ZERO is not supported by mempools, ignored";
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_POOL_ZERO, .call = "mempool_alloc"};
	char line[sizeof(whole) + 8];
	size_t room;

	for (room = 0; room <= sizeof(line); room++) {
		size_t length, kept = room > strlen(whole) ? strlen(whole) : room ? room - 1 : 0;

		memset(line, '#', sizeof(line));
		length = slabpool_report_line(&report, line, room);
		if (length != strlen(whole) || memcmp(line, whole, kept) != 0 ||
		    (room > 0 && line[kept] != '\0') ||
		    (room < sizeof(line) && line[room] != '#'))
			break;
	}
	is_uint(room, sizeof(line) + 1, "a line is cut to its room and terminated");
}

static void is_json(const struct slabpool_report *report, const char *want)
{
	char line[1024], cut[20];

	is_uint(slabpool_report_json(report, line, sizeof(line)), strlen(want), "its length");
	is_str(line, want, "as JSON");
	memset(cut, '#', sizeof(cut));
	is_uint(slabpool_report_json(report, cut, sizeof(cut) - 1), strlen(want), "cut short");
	ok(strncmp(cut, want, sizeof(cut) - 2) == 0 && cut[sizeof(cut) - 2] == '\0' &&
	   cut[sizeof(cut) - 1] == '#', "and terminated");
}

static void test_json(void)
{
	is_json(&(struct slabpool_report){
			.kind = SLABPOOL_REPORT_DOUBLE_FREE, .call = "kmem_cache_free",
			.cache = "a", .other = "b", .pointer = P(0x18), .start = P(0x10),
			.size = 24, .crime = true },
		"{\"slabpool\":1,\"kind\":\"double-free\",\"crime\":true,"
		"\"call\":\"kmem_cache_free\",\"cache\":\"a\",\"owner\":\"b\","
		"\"pointer\":\"0x18\",\"start\":\"0x10\",\"size\":24,"
		"\"line\":\"slabpool: kmem_cache_free: double free of 0x18, object of cache 'b' "
		"is already free, freed to cache 'a'\"}");
	is_json(&(struct slabpool_report){
			.kind = SLABPOOL_REPORT_BAD_ARGUMENT, .cache = "\"\\\n\377",
			.text = "no \"size\"" },
		"{\"slabpool\":1,\"kind\":\"bad-argument\",\"crime\":false,"
		"\"cache\":\"\\\"\\\\\\u000a\\u00ff\",\"text\":\"no \\\"size\\\"\","
		"\"line\":\"slabpool: bad argument for cache '\\\"\\\\?\\u00ff': "
		"no \\\"size\\\"\"}");
	is_json(&(struct slabpool_report){ .kind = (enum slabpool_report_kind)99 },
		"{\"slabpool\":1,\"kind\":\"unknown\",\"crime\":false,"
		"\"line\":\"slabpool: unknown report 99\"}");
}

/* Every kind has a name of its own. */
static void test_kinds(void)
{
	char line[1024], *name[SLABPOOL_REPORT_LIVE_RUNS + 1];
	unsigned int same = 0;

	for (unsigned int k = 0; k <= SLABPOOL_REPORT_LIVE_RUNS; k++) {
		struct slabpool_report report = { .kind = (enum slabpool_report_kind)k };

		slabpool_report_json(&report, line, sizeof(line));
		name[k] = strstr(line, "\"kind\":");
		name[k] = name[k] ? strndup(name[k], strcspn(name[k], ",")) : NULL;
		if (!name[k] || strstr(name[k], "unknown"))
			break;
		for (unsigned int j = 0; j < k; j++)
			same += strcmp(name[j], name[k]) == 0;
		is_uint(same, 0, "%s", name[k]);
	}
	for (unsigned int k = 0; k <= SLABPOOL_REPORT_LIVE_RUNS; k++)
		free(name[k]);
}

int main(void)
{
	test_frees();
	test_others();
	test_hostile_names();
	test_room();
	test_json();
	test_kinds();
	return tap_done();
}
