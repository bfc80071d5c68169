/* SPDX-License-Identifier: MIT */
/* See rest.h. Like inside.c this looks at the allocator's structures, and changes nothing. */
#include "rest.h"
#include "turns.h"

#include "core/instance.h"
#include "core/layout.h"
#include "core/thread.h"

#define LINE 64u             /* bytes of the processor's cache that go together */
#define BASE_PART 8u         /* a small arena gives up one part of so many to alignment */
#define BASE_SMALL 256u      /* pages of an arena that is not small */

static uint32_t stores_lost;

bool rest_can_look(const struct world *w)
{
	return (w->a->caps & CAP_INSIDE) && !turns_on() && w->pool;
}

void rest_reset(void)
{
	stores_lost = 0;
}

void rest_lose_stores(uint32_t stores)
{
	stores_lost += stores;
}

/* --- threads and caches --- */

static void check_threads(const struct slabpool *pool)
{
	uint32_t users[DEPOT_HOMES] = { 0 };

	for (const struct thread_record *r = pool->threads; r; r = r->next) {
		if (r->home >= DEPOT_HOMES)
			fuzz_fail("at rest", "a thread's home is %u", r->home);
		users[r->home]++;
	}
	for (uint32_t k = 0; k < DEPOT_HOMES; k++)
		if (pool->home_users[k] != users[k])
			fuzz_fail("at rest", "home %u is that of %u threads, not %u", k, users[k],
				  pool->home_users[k]);
}

static bool counts(const struct slabpool_store *store)
{
	return store && store->count;
}

/* A store in a magazine counts nothing: its magazine does. */
static void check_stores(const struct kmem_cache *c)
{
	for (const struct thread_record *r = c->pool->threads; r; r = r->next) {
		const struct slabpool_slot *slot = thread_slot_in(r, c);

		if (counts(slot->loaded.store) || counts(slot->spare.store))
			fuzz_fail("at rest", "a store in a magazine of %s counts objects, too",
				  c->name);
	}
}

static void check_colour(const struct kmem_cache *c)
{
	if (c->geometry.colours && c->colour_next != c->grows % c->geometry.colours)
		fuzz_fail("at rest", "slab %llu of %s gets colour %u of %u",
			  (unsigned long long)c->grows, c->name, c->colour_next,
			  c->geometry.colours);
}

/* Objects of a cache lie in the arena of its granule, which can align them. */
static void check_place(const struct kmem_cache *c)
{
	if (c->geometry.granule != 1u << c->arena->granule_shift)
		fuzz_fail("at rest", "%s has a granule of %u bytes in an arena of %u", c->name,
			  c->geometry.granule, 1u << c->arena->granule_shift);
	if (c->geometry.align > c->arena->align)
		fuzz_fail("at rest", "%s aligns to %u bytes in an arena that is aligned to %u",
			  c->name, c->geometry.align, c->arena->align);
}

static void check_kmalloc(const struct slabpool *pool)
{
	for (uint32_t k = 0; k < GEOMETRY_KMALLOC_CLASSES; k++)
		if (pool->kmalloc[k].flags != SLAB_KMALLOC)
			fuzz_fail("at rest", "%s has flags %#x", pool->kmalloc[k].name,
				  pool->kmalloc[k].flags);
}

/* --- arenas --- */

/* Of the caches with their objects in this arena, that one with a tag of its own. */
static const struct kmem_cache *tagged(const struct slabpool *pool, const struct arena *arena,
				       uint32_t tag)
{
	const struct kmem_cache *c = pool->first;

	while (c && (c->arena != arena || c->hot.tag != tag))
		c = c->next;
	return c;
}

/* A free by tag alone may find no cache but the living one that has it. */
static void check_tags(const struct slabpool *pool, const struct arena *arena)
{
	for (uint32_t tag = STATE_TAG_FIRST; tag <= STATE_TAG_LAST; tag++) {
		const struct kmem_cache *c = tagged(pool, arena, tag);

		if (arena->tag_used[tag] != (c != NULL))
			fuzz_fail("at rest", "tag %u is %s, and %s has it", tag,
				  arena->tag_used[tag] ? "taken" : "free",
				  c ? c->name : "no cache");
		if (arena->fast[tag] && arena->fast[tag] != c)
			fuzz_fail("at rest", "a free by tag %u finds what is not its cache", tag);
	}
}

/* Slabs are filed by quarters of their objects that are free, so that the fullest is used first. */
static void check_lists(const struct arena *arena)
{
	for (uint32_t k = 0; k < arena->slab_count; k++) {
		const struct slab *s = &arena->slab[k];
		uint32_t quarter = s->capacity / 4, list = LIST_PARTIAL_0;

		if (s->cache == UINT32_MAX)
			continue;
		if (s->free_count == 0)
			list = LIST_FULL;
		else if (s->free_count == s->capacity)
			list = LIST_EMPTY;
		else if (quarter && (s->free_count - 1) / quarter < 3)
			list = LIST_PARTIAL_3 + (s->free_count - 1) / quarter;
		if (s->list != list)
			fuzz_fail("at rest", "a slab with %u of %u objects free is in list %u",
				  s->free_count, s->capacity, s->list);
	}
}

/* Largest alignment that costs an arena at most a part of its pages, up to the largest run. */
static void check_base(const struct arena *arena)
{
	uint32_t part = arena->pages < BASE_SMALL ? arena->pages / BASE_PART : arena->pages;
	uint32_t align = 1;

	while (align < ARENA_MAX_RUN && align * 2 <= part)
		align *= 2;
	if (arena->align != align * PAGE_SIZE || arena->address % arena->align)
		fuzz_fail("at rest", "%u pages at %p are said to be aligned to %u bytes",
			  arena->pages, (void *)arena->base, arena->align);
}

/* Tables of a large arena each begin on a line of their own. */
static void check_tables(const struct arena *arena)
{
	const void *const table[] = { arena->bits, arena->page_map, arena->slab, arena->link,
				      arena->order };

	if ((uintptr_t)arena->state > (uintptr_t)arena->bits)
		return;
	for (uint32_t k = 0; k < sizeof(table) / sizeof(table[0]); k++)
		if ((uintptr_t)table[k] % LINE)
			fuzz_fail("at rest", "table %u of an arena shares a line", k);
}

static void check_arena(const struct slabpool *pool, const struct arena *arena)
{
	check_tags(pool, arena);
	check_lists(arena);
	check_base(arena);
	check_tables(arena);
}

#define LEAST_PAGES 4u       /* that an arena has */

static void check_quarter(const struct arena *arena, size_t most)
{
	uint32_t pages = arena->pages > LEAST_PAGES ? 4 * arena->pages : LEAST_PAGES;
	struct arena_layout layout = { 0 };

	while (layout.end < most && pages < 4 * arena->pages + 4)
		layout_choose(&layout, pages++, arena->granule_shift);
	if (layout.end != most || arena->pages < LEAST_PAGES)
		fuzz_fail("at rest", "an arena of %u pages is no quarter of %zu bytes",
			  arena->pages, most);
}

void rest_check_quarters(const struct slabpool *pool, const struct rest_quarter *quarter, size_t n)
{
	for (uint32_t k = 0; k < INSTANCE_ARENAS; k++)
		for (size_t i = 0; i < n; i++)
			if (pool->arena_made[k] &&
			    pool->arena[k].reservation == quarter[i].address)
				check_quarter(&pool->arena[k], quarter[i].most);
}

/* --- what a trim leaves --- */

/* Whole pages of a table between the entries from and to read as if they had never been used. */
static void check_given(const char *what, const void *table, size_t entry, size_t from, size_t to)
{
	uintptr_t base = (uintptr_t)table, end = (base + to * entry) & ~(uintptr_t)(PAGE_SIZE - 1);
	uintptr_t at = (base + from * entry + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1);
	const unsigned char *bytes = table;

	for (; at < end; at++)
		if (bytes[at - base])
			fuzz_fail("trimmed", "%s of %zu .. %zu were kept", what, from, to);
}

/* Pages of the free run without memory that starts at this one; 0 if none does. */
static uint32_t empty_run(const struct arena *arena, uint32_t page)
{
	uint8_t order = arena->order[page];

	return order && !order_is_idle(order) ? 1u << (order_code(order) - 1) : 0;
}

static void check_pages_given(const struct arena *arena)
{
	uint32_t page = 0, first, pages;

	while (page < arena->opened) {
		first = page;
		while (page < arena->opened && (pages = empty_run(arena, page)) != 0) {
			check_given("links", arena->link, sizeof(struct page_link), page + 1,
				    page + pages);
			page += pages;
		}
		check_given("free bits", arena->bits, arena->words_a_page * sizeof(uint64_t),
			    first, page);
		page += page == first;
	}
}

static void check_descriptors_given(const struct arena *arena)
{
	uint32_t used = 0;

	for (uint32_t page = 0; page < arena->opened; page++)
		if (arena->page_map[page] < PAGE_RUN && arena->page_map[page] > used)
			used = arena->page_map[page];
	check_given("slab descriptors", arena->slab, sizeof(struct slab), used, arena->opened);
}

void rest_check_trimmed(struct world *w)
{
	if (!rest_can_look(w) || fuzz_platform.keeps)
		return;
	for (uint32_t k = 0; k < INSTANCE_ARENAS; k++) {
		if (!w->pool->arena_made[k])
			continue;
		check_pages_given(&w->pool->arena[k]);
		check_descriptors_given(&w->pool->arena[k]);
	}
}

/* --- all of it --- */

void rest_check_instance(const struct slabpool *pool)
{
	check_threads(pool);
	check_kmalloc(pool);
	for (const struct kmem_cache *c = pool->first; c; c = c->next) {
		check_stores(c);
		check_colour(c);
		check_place(c);
	}
	for (uint32_t k = 0; k < INSTANCE_ARENAS; k++)
		if (pool->arena_made[k])
			check_arena(pool, &pool->arena[k]);
}

void rest_check(struct world *w)
{
	if (rest_can_look(w))
		rest_check_instance(w->pool);
}

/* Objects of one of the allocator's own caches that are in use. */
static size_t held_of(const struct kmem_cache *c)
{
	return (size_t)c->slabs * c->geometry.capacity - c->free_objects;
}

void rest_check_end(struct world *w)
{
	size_t stores = 0;

	if (!rest_can_look(w))
		return;
	rest_check(w);
	for (uint32_t k = META_RECORD; k < META_COUNT; k++) {
		size_t held = held_of(&w->pool->meta[k]);

		if (k >= META_STORE_16 && k <= META_STORE_256)
			stores += held;
		else if (held)
			fuzz_fail("left over", "%zu %s that nobody has any more", held,
				  k == META_RECORD ? "records" : k == META_TABLE ? "tables"
										: "names");
	}
	if (stores != stores_lost)
		fuzz_fail("left over", "%zu stores of magazines, %u were lost in a fork", stores,
			  stores_lost);
}
