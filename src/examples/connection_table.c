/* SPDX-License-Identifier: MIT */
/*
 * A server's connection table that keeps accepting when memory has run out.
 *
 * Every connection is an object of one cache, so that a million accepts and closes cannot fragment
 * the heap. In front of the cache stands a mempool with a reserve of RESERVE connections:
 *
 *	accept --> mempool_alloc(GFP_NOWAIT)
 *	             |  1. a new object of the cache      while there is memory
 *	             |  2. one of the reserve             when there is none
 *	             '--> NULL: the reserve is empty too  close the connection that has been idle
 *	                                                  longest, and try again: its object came
 *	                                                  back to the reserve, so now it succeeds
 *
 * Steps 1 and 2 are mempool's, and the table need not know which of them served it. The reserve is
 * the time that a server needs to react: here it begins to shed idle connections when half of the
 * reserve is used, and so a burst is absorbed with half of it still there. In the storm it does not
 * shed ahead, the reserve runs dry, and step 3 has to serve every single accept.
 *
 * To make the failure real the example builds an instance of slabpool of its own over a buffer of
 * MEMORY bytes: when that is used up there is no more, as in a container with a limit.
 *
 * Shows: an instance over a buffer, a cache with a struct's alignment, a mempool over it,
 * GFP_NOWAIT against GFP_KERNEL, reading curr_nr, and that all comes back.
 *
 * Output:
 *	quiet: {int} connections fit into 512 KiB, none refused, reserve 32 of 32
 *	burst: 100000 accepted, 0 refused, {int} idle connections shed, reserve never below 16
 *	storm: 100000 accepted, 0 refused, {int} idle connections shed, reserve never below 0
 *	found: the newest {int} connections, and no closed one
 *	calm: 0 connections, reserve 32 of 32, 0 objects in use beside it
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slabpool/slabpool.h>

#define MEMORY (512 * 1024)
#define RESERVE 32
#define BUCKETS 1024
#define COUNT 100000
/* The first peer's address of each phase: 10.0.0.0, 172.16.0.0, 192.0.0.0. */
#define QUIET 0x0a000000u
#define BURST 0xac100000u
#define STORM 0xc0000000u

struct connection {
	struct connection *next;         /* in its bucket */
	struct connection *older, *newer; /* by last use */
	uint32_t address;
	uint16_t port;
	uint16_t state;
	uint32_t used;                   /* bytes in the buffer */
	unsigned char buffer[200];       /* of a request that is not complete yet */
};

struct table {
	struct kmem_cache *cache;
	mempool_t *pool;
	struct connection *bucket[BUCKETS];
	struct connection *oldest, *newest;
	unsigned long count;
	unsigned long shed;      /* closed to make room */
	unsigned long refused;
	int watermark;           /* shed ahead when the reserve is below this */
	int lowest;              /* that the reserve ever was */
};

static struct connection **table_bucket(struct table *table, uint32_t address, uint16_t port)
{
	uint32_t hash = (address ^ ((uint32_t)port << 16)) * 2654435761u;

	return &table->bucket[hash >> 22];
}

static bool table_open(struct table *table, struct slabpool *memory)
{
	struct kmem_cache_args args = { .align = SLABPOOL_ALIGNOF(struct connection) };

	memset(table, 0, sizeof(*table));
	table->watermark = RESERVE / 2;
	table->lowest = RESERVE;
	table->cache = slabpool_cache_create(memory, "connection", sizeof(struct connection), &args,
					     SLAB_HWCACHE_ALIGN);
	if (!table->cache)
		return false;
	table->pool = slabpool_mempool_create(memory, RESERVE, mempool_alloc_slab,
					      mempool_free_slab, table->cache);
	if (!table->pool)
		kmem_cache_destroy(table->cache);
	return table->pool != NULL;
}

static struct connection *table_find(struct table *table, uint32_t address, uint16_t port)
{
	struct connection *c = *table_bucket(table, address, port);

	while (c && (c->address != address || c->port != port))
		c = c->next;
	return c;
}

static void table_unlink(struct table *table, struct connection *c)
{
	struct connection **link = table_bucket(table, c->address, c->port);

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	if (c->older)
		c->older->newer = c->newer;
	else
		table->oldest = c->newer;
	if (c->newer)
		c->newer->older = c->older;
	else
		table->newest = c->older;
}

static void table_close(struct table *table, struct connection *c)
{
	table_unlink(table, c);
	table->count--;
	/* Goes to the reserve if that is not full, to the cache otherwise. */
	mempool_free(c, table->pool);
}

/* An element from the pool; the oldest connections make room for it if need be. */
static struct connection *table_room(struct table *table)
{
	struct connection *c;

	/* A blocking GFP_KERNEL would wait for others to close: a server must not. */
	while (!(c = mempool_alloc(table->pool, GFP_NOWAIT))) {
		if (!table->oldest)
			return NULL;
		table_close(table, table->oldest);
		table->shed++;
	}
	/* The reserve is being used: shed ahead of the next burst, one for one. */
	if (table->pool->curr_nr < table->watermark && table->oldest) {
		table_close(table, table->oldest);
		table->shed++;
	}
	if (table->pool->curr_nr < table->lowest)
		table->lowest = table->pool->curr_nr;
	return c;
}

static struct connection *table_accept(struct table *table, uint32_t address, uint16_t port)
{
	struct connection **bucket = table_bucket(table, address, port);
	struct connection *c = table_room(table);

	if (!c) {
		table->refused++;
		return NULL;
	}
	memset(c, 0, sizeof(*c));
	c->address = address;
	c->port = port;
	c->older = table->newest;
	if (table->newest)
		table->newest->newer = c;
	else
		table->oldest = c;
	table->newest = c;
	c->next = *bucket;
	*bucket = c;
	table->count++;
	return c;
}

static void table_close_all(struct table *table)
{
	while (table->oldest)
		table_close(table, table->oldest);
}

/* Accepts until memory is short: the reserve has just begun to serve. */
static void quiet(struct table *table)
{
	uint32_t peer = 0;

	while (table->pool->curr_nr == RESERVE)
		table_accept(table, QUIET + peer++, 80);
	table_close(table, table->newest);
	printf("quiet: %lu connections fit into %d KiB, %s refused, reserve %d of %d\n",
	       table->count, MEMORY / 1024, table->refused ? "some" : "none",
	       table->pool->curr_nr, table->pool->min_nr);
}

/* Accepts COUNT connections, far more than fit; each must be served at once. */
static void flood(struct table *table, const char *what, uint32_t first)
{
	unsigned long accepted = 0;
	uint32_t peer;

	table->shed = 0;
	for (peer = 0; peer < COUNT; peer++)
		accepted += table_accept(table, first + peer, 443) != NULL;
	printf("%s: %lu accepted, %lu refused, %lu idle connections shed, "
	       "reserve never below %d\n",
	       what, accepted, table->refused, table->shed, table->lowest);
}

static bool found(struct table *table)
{
	uint32_t newest = STORM + COUNT - 1;
	unsigned long wrong = 0;
	uint32_t i;

	for (i = 0; i < COUNT; i++) {
		bool expected = i < table->count;

		wrong += (table_find(table, newest - i, 443) != NULL) != expected;
	}
	printf("found: the newest %lu connections, and %s closed one\n", table->count,
	       wrong ? "a" : "no");
	return wrong == 0;
}

static bool calm(struct table *table)
{
	struct slabpool_cache_info info;
	size_t beside;

	table_close_all(table);
	slabpool_cache_info(table->cache, &info);
	beside = info.active_objects - (size_t)table->pool->curr_nr;
	printf("calm: %lu connections, reserve %d of %d, %zu objects in use beside it\n",
	       table->count, table->pool->curr_nr, table->pool->min_nr, beside);
	mempool_destroy(table->pool);
	kmem_cache_destroy(table->cache);
	return beside == 0;
}

/* A host's defaults are for gigabytes; half a MiB wants small slabs and one arena. */
static void small_memory(struct slabpool_options *options)
{
	slabpool_options_init(options);
	options->granule = 16;
	options->min_order = 0;
	options->magazine_kib = 1;
	options->retain_kib = 0;
}

int main(void)
{
	static unsigned char buffer[MEMORY];
	struct slabpool_options options;
	struct slabpool_platform platform;
	struct slabpool_buffer state;
	struct slabpool *memory;
	struct table table;
	bool good;

	slabpool_platform_buffer(&platform, &state, buffer, sizeof(buffer));
	small_memory(&options);
	memory = slabpool_create(&platform, &options);
	if (!memory || !table_open(&table, memory)) {
		fprintf(stderr, "connection_table: no memory for an empty table\n");
		return EXIT_FAILURE;
	}
	quiet(&table);
	flood(&table, "burst", BURST);
	table.watermark = 0;
	flood(&table, "storm", STORM);
	good = found(&table);
	good = calm(&table) && good && table.refused == 0;
	slabpool_destroy(memory);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
