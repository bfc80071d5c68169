/* SPDX-License-Identifier: MIT */
/*
 * The recorder's encoder: the bytes of each event, and the format's guarantee over random calls,
 * checked with a decoder and a model that share nothing with it.
 */
#define _GNU_SOURCE
#include "test/support/tap.h"

#include "tools/record.h"

#include <slabpool/slabpool.h>

static struct record_book book;

static const void *at(uintptr_t address)
{
	return (const void *)address;
}

/* One event must give exactly these bytes, written as hexadecimal text. */
static void gives(struct slabpool_event event, const char *want, const char *what)
{
	unsigned char bytes[RECORD_EVENT_MAX];
	char got[2 * RECORD_EVENT_MAX + 1] = "";
	size_t length = record_encode(&book, 1, &event, bytes);

	for (size_t i = 0; i < length; i++)
		snprintf(got + 2 * i, 3, "%02x", bytes[i]);
	is_str(got, want, "%s", what);
}

#define EVENT(k, ...) ((struct slabpool_event){.kind = SLABPOOL_EVENT_##k, __VA_ARGS__})

static void test_kmalloc_events(void)
{
	gives(EVENT(KMALLOC, .size = 24, .flags = 1, .result = at(0x1000)), "061801", "kmalloc");
	gives(EVENT(KMALLOC, .size = 300, .flags = 0x100, .result = at(0x2000)), "06ac028002",
	      "numbers of two bytes");
	gives(EVENT(KMALLOC, .size = SIZE_MAX, .flags = 0), sizeof(size_t) == 8 ?
	      "46ffffffffffffffffff0100" : "46ffffffff0f00", "a failed kmalloc");
	gives(EVENT(KMALLOC, .size = 0, .flags = 0, .result = ZERO_SIZE_PTR), "460000",
	      "kmalloc(0) gives no id");
	gives(EVENT(KREALLOC, .object = at(0x2000), .size = 9, .flags = 2, .result = at(0x2000)),
	      "08020902", "krealloc in place");
	gives(EVENT(KREALLOC, .object = at(0x2000), .size = 10, .flags = 2, .result = at(0x3000)),
	      "08030a02", "the id is a new one each time");
	gives(EVENT(KREALLOC, .object = at(0x3000), .size = 1, .flags = 0), "48040100",
	      "a failed krealloc");
	gives(EVENT(KREALLOC, .object = NULL, .size = 5, .flags = 0, .result = at(0x4000)),
	      "08000500", "krealloc of NULL");
	gives(EVENT(KREALLOC, .object = at(0x3000), .size = 0, .flags = 0,
		    .result = ZERO_SIZE_PTR), "48040000", "krealloc to 0 ends the object");
	gives(EVENT(KFREE, .object = at(0x3000)), "", "so that its free is unknown");
	gives(EVENT(KFREE, .object = NULL), "", "kfree(NULL) is left out");
	gives(EVENT(KFREE, .object = at(0x1000)), "0701", "kfree");
	gives(EVENT(KMEMALIGN, .size = 16, .align = 64, .flags = 0, .result = at(0x1000)),
	      "09104000", "kmemalign at an address that was used before");
	gives(EVENT(KFREE, .object = at(0x1000)), "0706", "kfree finds the newer id");
	gives(EVENT(PAGES_ALLOC, .size = 3, .flags = 0, .result = at(0x10000)), "0a0300",
	      "pages_alloc");
	gives(EVENT(PAGES_FREE, .object = at(0x10000), .size = 3), "0b0703", "pages_free");
	gives(EVENT(KMALLOC, .size = 1, .flags = 0, .result = at(0x4000)), "0705060100",
	      "an address given twice: the first object is ended");
	gives(EVENT(KFREE, .object = at(0x4000)), "0708", "and the second lives on its own");
}

static void test_cache_events(void)
{
	gives(EVENT(CACHE_CREATE, .size = 32, .align = 8, .flags = 0, .name = "my",
		    .result = at(0xa000)), "01200800026d79", "cache_create");
	gives(EVENT(CACHE_CREATE, .size = 0, .align = 0, .flags = 0), "4100000000",
	      "a refused cache_create");
	gives(EVENT(CACHE_ALLOC, .owner = at(0xa000), .flags = 0, .result = at(0x1000)), "040100",
	      "cache_alloc");
	gives(EVENT(CACHE_ALLOC, .owner = at(0xb000), .flags = 0, .result = at(0x1100)), "040000",
	      "of a cache from before the recording");
	gives(EVENT(CACHE_SHRINK, .owner = at(0xa000)), "0301", "cache_shrink");
	gives(EVENT(CACHE_FREE, .owner = at(0xa000), .object = at(0x1100)), "05010a",
	      "cache_free");
	gives(EVENT(CACHE_FREE, .owner = at(0xa000), .object = at(0x1101)), "",
	      "cache_free of an unknown object is left out");
	gives(EVENT(CACHE_DESTROY, .owner = at(0xa000), .result = at(0xa000)), "4201",
	      "a refused cache_destroy");
	gives(EVENT(CACHE_DESTROY, .owner = at(0xa000)), "0201", "cache_destroy");
	gives(EVENT(CACHE_DESTROY, .owner = at(0xa000)), "", "a second one is left out");
	gives(EVENT(KFREE, .object = at(0x1000)), "0709", "kfree of a cache's object");
}

static void test_mempool_events(void)
{
	gives(EVENT(CACHE_CREATE, .size = 8, .align = 0, .flags = 0, .name = "",
		    .result = at(0xa000)), "0108000000", "a second cache");
	gives(EVENT(MEMPOOL_CREATE, .size = 4, .object = at(0xa000), .name = "slab",
		    .result = at(0xc000)), "0c040102", "mempool_create over a cache");
	gives(EVENT(MEMPOOL_CREATE, .size = 4, .object = at(100), .name = "kmalloc",
		    .result = at(0xd000)), "0c040264", "over kmalloc");
	gives(EVENT(MEMPOOL_CREATE, .size = 1, .object = at(100), .name = "custom"), "4c010000",
	      "over callbacks of its own, failed");
	gives(EVENT(MEMPOOL_ALLOC, .owner = at(0xd000), .flags = 0, .result = at(0x1000)),
	      "0f0200", "mempool_alloc");
	gives(EVENT(KMALLOC, .size = 1, .flags = 0, .result = at(0x1000)), "060100",
	      "elements and objects are apart");
	gives(EVENT(MEMPOOL_RESIZE, .owner = at(0xd000), .size = 9), "0e0209", "mempool_resize");
	gives(EVENT(MEMPOOL_FREE, .owner = at(0xd000), .object = at(0x1000)), "100201",
	      "mempool_free");
	gives(EVENT(MEMPOOL_DESTROY, .owner = at(0xc000)), "0d01", "mempool_destroy");
}

static void test_long_name(void)
{
	unsigned char bytes[RECORD_EVENT_MAX];
	char name[1000];
	struct slabpool_event event = EVENT(CACHE_CREATE, .size = SIZE_MAX, .align = SIZE_MAX,
					    .flags = UINT32_MAX, .name = name,
					    .result = at(0x9000));

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ok(record_encode(&book, UINT32_MAX, &event, bytes) < RECORD_EVENT_MAX - 32,
	   "a long name is cut, and leaves room for what may stand before it");
}

/* ---- random calls against a model ---- */

#define ADDRESSES 4000u
#define CALLS 400000u

static struct {
	uint64_t live[ADDRESSES]; /* id of the object at this address, or 0 */
	uint64_t given;
	uint64_t thread;
} model;

static uint64_t seed = 12345;

static uint32_t pick(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % below;
}

static uint64_t number(const unsigned char **p)
{
	uint64_t value = 0;
	unsigned int shift = 0;

	do {
		value |= (uint64_t)(**p & 0x7f) << shift;
		shift += 7;
	} while (*(*p)++ & 0x80);
	return value;
}

/* True if the bytes say: by thread, then a kfree of what stood at slot (if evict), then the call
 * itself with this object id, and nothing more. */
static bool says(const unsigned char *bytes, size_t length, uint64_t thread, uint64_t evicted,
		 unsigned int op, uint64_t object)
{
	const unsigned char *p = bytes;
	bool right = true;

	if (thread != model.thread)
		right = *p++ == RECORD_THREAD && number(&p) == thread;
	if (evicted)
		right = right && *p++ == RECORD_KFREE && number(&p) == evicted;
	right = right && *p++ == op;
	if (op != RECORD_KMALLOC)
		right = right && number(&p) == object;
	for (int i = op == RECORD_KMALLOC || op == RECORD_KREALLOC ? 2 : 0; right && i > 0; i--)
		number(&p);
	return right && (size_t)(p - bytes) == length;
}

/* A slot's address: sparse, so that the map's places collide. */
static const void *address(uint32_t slot)
{
	return at((uintptr_t)0x10000 + (uintptr_t)slot * 48);
}

static bool random_call(void)
{
	unsigned char bytes[RECORD_EVENT_MAX];
	uint32_t from = pick(ADDRESSES), to = pick(ADDRESSES), kind = pick(8);
	uint64_t thread = pick(4) ? model.thread : 1 + pick(3), old = model.live[from], evicted = 0;
	struct slabpool_event event = EVENT(KFREE, .object = address(from));
	unsigned int op = RECORD_KFREE;

	if (kind < 4) {
		event = EVENT(KMALLOC, .size = pick(5000), .result = address(to));
		op = RECORD_KMALLOC;
		evicted = model.live[to];
		model.live[to] = ++model.given;
	} else if (kind == 4) {
		event = EVENT(KREALLOC, .object = address(from), .size = 1 + pick(5000),
			      .result = address(to));
		op = RECORD_KREALLOC;
		evicted = from == to ? 0 : model.live[to];
		model.live[from] = 0;
		model.live[to] = ++model.given;
	} else {
		model.live[from] = 0;
	}
	size_t length = record_encode(&book, thread, &event, bytes);

	if (op == RECORD_KFREE && !old)
		return length == 0;
	if (!says(bytes, length, thread, evicted, op, old))
		return false;
	model.thread = thread;
	return true;
}

static void test_random_calls(void)
{
	uint32_t good = 0, live = 0;

	record_book_close(&book);
	model.thread = 1;
	while (good < CALLS && random_call())
		good++;
	is_uint(good, CALLS, "random calls are written as a model says");
	for (uint32_t i = 0; i < ADDRESSES; i++)
		live += model.live[i] != 0;
	ok(live > ADDRESSES / 4, "with many objects alive: %u", live);
	is_uint(book.live[RECORD_OBJECT].used, live, "and the map holds just these");
}

int main(void)
{
	test_kmalloc_events();
	test_cache_events();
	test_mempool_events();
	test_long_name();
	test_random_calls();
	record_book_close(&book);
	return tap_done();
}
