/* SPDX-License-Identifier: MIT */
/*
 * SLABPOOL_INLINE: the fast path in the caller does what the library does, and falls back to it
 * where it must. Compiled with the macro only.
 */
#include "support/tap.h"
#include <slabpool/slabpool.h>

#define OBJECTS 300

static void other_layout(void *unused)
{
	(void)unused;
	slabpool_check_layout(SLABPOOL_LAYOUT + 1);
}

static void this_layout(void *unused)
{
	(void)unused;
	slabpool_check_layout(SLABPOOL_LAYOUT);
}

static void test_layout(void)
{
	char line[200];

	snprintf(line, sizeof(line),
		 "slabpool: slabpool_check_layout: this program was compiled with SLABPOOL_INLINE "
		 "for layout %u, the library has another: compile it again", SLABPOOL_LAYOUT + 1);
	dies(other_layout, NULL, line);
	lives(this_layout, NULL, "", "a program for this layout");
}

static void count_up(void *object)
{
	*(unsigned int *)object = 7;
}

/* Through all of refill, hand-out and return; by the inline form and by the library's. */
static void test_round(struct kmem_cache *cache, const char *name)
{
	unsigned char *object[OBJECTS];
	struct slabpool_cache_info info;
	unsigned int i, wrong = 0;

	for (i = 0; i < OBJECTS; i++) {
		object[i] = i % 2 ? kmem_cache_alloc(cache, GFP_KERNEL)
				  : (kmem_cache_alloc)(cache, GFP_KERNEL);
		if (!object[i])
			bail_out("no object");
		memset(object[i], (int)i, kmem_cache_size(cache));
	}
	slabpool_cache_info(cache, &info);
	is_uint(info.active_objects, OBJECTS, "%s: all are live", name);
	for (i = 0; i < OBJECTS; i++) {
		wrong += object[i][0] != (unsigned char)i;
		if (i % 3)
			kmem_cache_free(cache, object[i]);
		else
			(kmem_cache_free)(cache, object[i]);
	}
	is_uint(wrong, 0, "%s: none overlaps another", name);
	slabpool_cache_info(cache, &info);
	is_uint(info.active_objects, 0, "%s: none is live", name);
	ok(slabpool_is_valid(slabpool_default()), "%s: valid", name);
}

static void test_zero(struct kmem_cache *cache)
{
	static const unsigned char zeroes[64];
	unsigned char *object = kmem_cache_alloc(cache, GFP_KERNEL);

	memset(object, 0xee, 64);
	kmem_cache_free(cache, object);
	object = kmem_cache_zalloc(cache, GFP_KERNEL);
	ok(memcmp(object, zeroes, 64) == 0, "kmem_cache_zalloc zeroes what was used");
	memset(object, 0xee, 64);
	kmem_cache_free(cache, object);
	object = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_ZERO);
	ok(memcmp(object, zeroes, 64) == 0, "__GFP_ZERO too");
	kmem_cache_free(cache, object);
}

static void free_twice(void *cache)
{
	void *object = kmem_cache_alloc((struct kmem_cache *)cache, GFP_KERNEL);

	kmem_cache_free((struct kmem_cache *)cache, object);
	kmem_cache_free((struct kmem_cache *)cache, object);
}

static void free_inside(void *cache)
{
	unsigned char *object = kmem_cache_alloc((struct kmem_cache *)cache, GFP_KERNEL);

	kmem_cache_free((struct kmem_cache *)cache, object + 8);
}

static void free_foreign(void *cache)
{
	int local;

	kmem_cache_free((struct kmem_cache *)cache, &local);
}

static void free_after_destroy(void *unused)
{
	struct kmem_cache *cache = kmem_cache_create("gone", 64, 0, 0, NULL);
	void *object = kmem_cache_alloc(cache, GFP_KERNEL);

	(void)unused;
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	kmem_cache_free(cache, object);
}

/* Ends by abort after one line that contains this. */
static void crime(void (*function)(void *), void *argument, const char *words)
{
	struct tap_child child;

	tap_fork(function, argument, &child);
	ok(child.signal == SIGABRT && strstr(child.err, words), "found: %s", words);
}

int main(void)
{
	struct kmem_cache *plain = kmem_cache_create("plain", 64, 0, 0, NULL);
	struct kmem_cache *odd = kmem_cache_create("odd", 1000, 0, 0, NULL);
	struct kmem_cache *made = kmem_cache_create("made", 40, 0, 0, count_up);

	if (!plain || !odd || !made)
		bail_out("no cache");
	test_layout();
	test_round(plain, "64 bytes");
	test_round(odd, "1000 bytes");
	test_round(made, "with a constructor");
	test_zero(plain);
	kmem_cache_free(plain, NULL);
	crime(free_twice, plain, "double free of");
	crime(free_inside, plain, "interior pointer");
	crime(free_foreign, plain, "foreign pointer");
	crime(free_after_destroy, NULL, "bad cache");
	kmem_cache_destroy(plain);
	kmem_cache_destroy(odd);
	kmem_cache_destroy(made);
	return tap_done();
}
