/* SPDX-License-Identifier: MIT */
/*
 * slabpool_is_valid() has teeth: in a lively instance each structure is damaged in turn, by one
 * value in one place, and every damage must be seen, and be gone when the value is back.
 */
#include "support/tap.h"
#include "support/test_platform.h"

#include "core/instance.h"
#include "core/thread.h"

#define SLABS 10u

static struct test_platform tp;
static struct slabpool *pool;
static struct kmem_cache *cache;
static void *object[SLABS * 64];  /* in order of address; NULL: freed */
static unsigned int per_slab;
static unsigned char *run;        /* a live page run */

/* The value in a place is exchanged for a wrong one, and put back. */
static void damage(void *place, const void *wrong, size_t bytes, const char *what)
{
	unsigned char kept[16];
	bool seen, healed;

	if (memcmp(place, wrong, bytes) == 0)
		bail_out("%s: no damage", what);
	memcpy(kept, place, bytes);
	memcpy(place, wrong, bytes);
	seen = !slabpool_is_valid(pool);
	memcpy(place, kept, bytes);
	healed = slabpool_is_valid(pool);
	ok(seen, "seen: %s", what);
	if (!healed)
		bail_out("%s: not valid after the value is back", what);
}

#define DAMAGE(place, value, what)                                                              \
	do {                                                                                    \
		__typeof__(place) wrong_ = (value);                                             \
		damage(&(place), &wrong_, sizeof(wrong_), what);                                \
	} while (0)

static void free_some(unsigned int slab, unsigned int from, unsigned int to)
{
	unsigned int k;

	for (k = slab * per_slab + from; k < slab * per_slab + to; k++) {
		kmem_cache_free(cache, object[k]);
		object[k] = NULL;
	}
}

/* Empties both magazines and takes one of the depot's, so that there is a spare store; then fills
 * both in part. */
static void exchange(void)
{
	void *again[64];
	unsigned int n = 0, k;

	while (!cache->spare && n < 64)
		again[n++] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (k = 0; k < 6 && k < n; k++)
		kmem_cache_free(cache, again[k]);
}

/* Slabs of all kinds, objects in both magazines and the depot, spare stores, live and idle runs. */
static void build(void)
{
	struct slabpool_platform platform;
	struct slabpool_options options;
	struct slabpool_cache_info info;
	unsigned int k;

	test_platform_reset(&tp);
	test_platform_table(&tp, &platform);
	slabpool_options_init(&options);
	options.arena_mib = 8;
	options.min_order = options.max_order = 0;
	pool = slabpool_create(&platform, &options);
	cache = pool ? slabpool_cache_create(pool, "damaged", 100, NULL, 0) : NULL;
	if (!cache || slabpool_cache_tune(cache, 8, 8, 3) != 0)
		bail_out("no cache");
	slabpool_cache_info(cache, &info);
	per_slab = info.num;
	if (per_slab < 20 || per_slab > 64)
		bail_out("%u objects a slab", per_slab);
	for (k = 0; k < SLABS * per_slab; k++)
		object[k] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (k = 0; k < 3; k++)
		free_some(k, 0, per_slab);
	free_some(3, 0, 3);
	free_some(4, 0, per_slab - 3);
	free_some(5, 0, per_slab - 3);
	free_some(6, 0, 19);
	exchange();
	run = (unsigned char *)slabpool_kmalloc(pool, 20000, GFP_KERNEL);
	slabpool_kfree(pool, slabpool_kmalloc(pool, 100000, GFP_KERNEL));
	slabpool_kfree(pool, slabpool_kmalloc(pool, 10000, GFP_KERNEL));
	/* Three pages each: the fourth stays a free run of its own. */
	for (k = 0; k < 2; k++)
		if (!slabpool_kmalloc(pool, 12000, GFP_KERNEL))
			bail_out("no run");
}

/* The first slab of a list that has two at least. */
static struct slab *slab_of(uint32_t list)
{
	struct slab *slab = &cache->arena->slab[cache->list[list]];

	if (cache->list[list] == SLAB_NO_SLAB || slab->next == SLAB_NO_SLAB)
		bail_out("no two slabs in list %u", list);
	return slab;
}

static uint32_t slab_holding(const void *p)
{
	size_t offset = (uintptr_t)p - cache->arena->address;

	return cache->arena->page_map[offset >> SLABPOOL_PAGE_SHIFT] - 1;
}

static void test_descriptor(void)
{
	struct slab *s = slab_of(LIST_PARTIAL_0), *empty = slab_of(LIST_EMPTY);

	DAMAGE(s->free_count, s->free_count - 1, "free_count of a slab");
	DAMAGE(s->hint, 70, "hint beyond the words");
	DAMAGE(empty->hint, 1, "hint behind a free object");
	DAMAGE(s->capacity, s->capacity - 1, "capacity");
	DAMAGE(s->capacity, 0, "capacity 0");
	DAMAGE(s->first, s->first + 8, "the first object's place");
	DAMAGE(s->stride, s->stride + 8, "stride");
	DAMAGE(s->stride, 0, "stride 0");
	DAMAGE(s->bytes, s->bytes * 2, "bytes of the run");
	DAMAGE(s->free_bits, NULL, "no free bits");
	DAMAGE(s->free_bits, s->free_bits + 1, "another slab's free bits");
	DAMAGE(s->owner, &pool->kmalloc[0], "owner");
	DAMAGE(s->owner, NULL, "no owner");
	DAMAGE(s->cache, s->cache + 1, "the owner's id");
	DAMAGE(s->page, s->page + 1, "page");
	DAMAGE(s->page, 0x7fffffffu, "a page beyond the arena");
	DAMAGE(s->list, LIST_FULL, "list");
	DAMAGE(s->list, LIST_NONE, "no list");
}

static void test_bits(void)
{
	struct slab *s = slab_of(LIST_PARTIAL_0), *full = slab_of(LIST_FULL);
	uint64_t word = s->free_bits[0];

	DAMAGE(s->free_bits[0], word & (word - 1), "a free object's bit is clear");
	DAMAGE(s->free_bits[0], word | (word + 1), "a bit more is set");
	DAMAGE(s->free_bits[0], word | (uint64_t)1 << 63, "a bit beyond the last object is set");
	DAMAGE(full->free_bits[0], 1, "a bit of a full slab is set");
}

/* An object is exchanged for another in the bits, so that all counts are right. */
static void test_bits_swapped(void)
{
	struct slab *s = slab_of(LIST_PARTIAL_0);
	uint64_t word = s->free_bits[0], taken = ~word & (word + 1), lowest = word & (0 - word);

	DAMAGE(s->free_bits[0], (word ^ lowest) | taken, "a free object for one that is taken");
}

static void test_lists(void)
{
	struct slab *s = slab_of(LIST_PARTIAL_0), *table = cache->arena->slab;
	uint32_t first = cache->list[LIST_PARTIAL_0];

	DAMAGE(s->next, SLAB_NO_SLAB, "a list that is cut");
	DAMAGE(s->next, first, "a list that is a circle");
	DAMAGE(s->next, 0x7ffffff0u, "a link beyond the table");
	DAMAGE(s->next, cache->list[LIST_FULL], "a link into another list");
	DAMAGE(s->prev, 0, "a first slab with one before it");
	DAMAGE(table[s->next].prev, SLAB_NO_SLAB, "a second slab with none before it");
	DAMAGE(cache->list[LIST_PARTIAL_0], SLAB_NO_SLAB, "an empty list of partial slabs");
	DAMAGE(cache->list[LIST_EMPTY], SLAB_NO_SLAB, "an empty list of empty slabs");
	DAMAGE(cache->list[LIST_FULL], SLAB_NO_SLAB, "an empty list of full slabs");
	DAMAGE(cache->list[LIST_PARTIAL_2], first, "a slab in two lists");
	DAMAGE(cache->list[LIST_FULL], 0x7ffffff0u, "a list that starts beyond the table");
	DAMAGE(cache->empty_last, SLAB_NO_SLAB, "no oldest empty slab");
	DAMAGE(cache->empty_last, cache->list[LIST_EMPTY], "the newest as the oldest");
}

/* Where the depot keeps the full magazines of this thread. */
static struct depot_home *own_home(void)
{
	return &cache->home[thread_slot(cache)->home];
}

static void test_counts(void)
{
	DAMAGE(cache->slabs, cache->slabs + 1, "slabs");
	DAMAGE(cache->slabs, cache->slabs - 1, "slabs, one too few");
	DAMAGE(cache->empty_slabs, cache->empty_slabs + 1, "empty slabs");
	DAMAGE(cache->full_slabs, cache->full_slabs - 1, "full slabs");
	DAMAGE(cache->free_objects, cache->free_objects + 1, "free objects");
	DAMAGE(cache->depot_objects, cache->depot_objects - 1, "objects in the depot");
	DAMAGE(cache->full_count, cache->full_count + 1, "full magazines");
	DAMAGE(cache->old_count, cache->old_count + 1, "old magazines");
	DAMAGE(cache->old, own_home()->full, "full magazines that are old too");
	DAMAGE(own_home()->count, own_home()->count - 1, "full magazines of a home");
	DAMAGE(own_home()->low, own_home()->count + 1, "fewer full magazines than there ever were");
	DAMAGE(cache->spare_count, cache->spare_count + 1, "spare stores");
	DAMAGE(pool->meta[META_STORE_16].free_objects, 0, "free objects of the allocator's own");
	DAMAGE(pool->meta[META_STORE_16].slabs, 0, "slabs of the allocator's own");
}

/* The first live object, one that is free in its slab, and one that a magazine holds. */
static void test_states(void)
{
	struct arena *arena = cache->arena;
	struct slab *s = slab_of(LIST_PARTIAL_0);
	unsigned char *free_one = arena->base + ((size_t)s->page << SLABPOOL_PAGE_SHIFT) +
				  s->first + slabpool_ctz64(s->free_bits[0]) * s->stride;
	unsigned char *live = object[7 * per_slab];
	unsigned char *held = thread_slot(cache)->loaded.store->object[0];
	uint32_t shift = arena->granule_shift;
	uint8_t *state = arena->state;

	DAMAGE(state[(live - arena->base) >> shift], 0, "a live object's state is cleared");
	DAMAGE(state[(live - arena->base) >> shift], cache->hot.tag + 1,
	       "a live object of another cache");
	DAMAGE(state[((live - arena->base) >> shift) + 1], cache->hot.tag,
	       "a state inside an object");
	DAMAGE(state[(free_one - arena->base) >> shift], cache->hot.tag,
	       "a free object's state is set");
	DAMAGE(state[(held - arena->base) >> shift], cache->hot.tag,
	       "a held object's state is set");
	DAMAGE(pool->arena[3].state[(run - pool->arena[3].base) >> pool->arena[3].granule_shift], 0,
	       "a live run's state is cleared");
}

static void test_page_map(void)
{
	struct arena *arena = cache->arena, *runs = &pool->arena[3];
	uint32_t page = arena->slab[slab_holding(object[7 * per_slab])].page;
	uint32_t start = (uint32_t)((size_t)(run - runs->base) >> SLABPOOL_PAGE_SHIFT);

	DAMAGE(arena->page_map[page], PAGE_UNOWNED, "a slab's page without owner");
	DAMAGE(arena->page_map[page], arena->page_map[page] + 1, "a page of another slab");
	DAMAGE(arena->page_map[page], PAGE_RUN + 1, "a slab's page that says run");
	DAMAGE(arena->page_map[arena->opened - 1], 1, "a free page with an owner");
	DAMAGE(arena->page_map[arena->opened - 1], 0x10000000, "a free page with a wild owner");
	DAMAGE(runs->page_map[start], PAGE_UNOWNED, "a run without entry");
	DAMAGE(runs->page_map[start], runs->page_map[start] + 1, "a run that is a page too long");
	DAMAGE(runs->page_map[start], runs->page_map[start] - 1, "a run that is a page too short");
	DAMAGE(runs->page_map[start], PAGE_RUN + 0x1000000, "a run beyond the arena");
	DAMAGE(runs->page_map[runs->opened - 1], PAGE_RUN + 1, "a free page that says run");
}

static void test_magazine(struct slabpool_magazine *m, const char *name)
{
	struct slabpool_store *store = m->store;
	void *live = object[7 * per_slab];

	diag("the thread's %s magazine: %u of %u", name, m->count, m->capacity);
	if (m->count < 2)
		bail_out("too few objects in a magazine");
	DAMAGE(store->object[0], store->object[1], "an object twice");
	DAMAGE(store->object[1], NULL, "NULL");
	DAMAGE(store->object[0], live, "a live object");
	DAMAGE(store->object[0], (unsigned char *)store->object[0] + 8, "inside an object");
	DAMAGE(store->object[0], (void *)&live, "a foreign address");
	DAMAGE(store->object[0], own_home()->full->object[0], "an object of the depot's");
	DAMAGE(m->count, m->count - 1, "an object is missing");
	DAMAGE(m->count, m->capacity + 1, "more than there is room for");
	DAMAGE(m->capacity, 300, "capacity");
	DAMAGE(m->store, NULL, "no store");
}

static void test_slot(void)
{
	struct slabpool_slot *slot = thread_slot(cache);

	test_magazine(&slot->loaded, "loaded");
	test_magazine(&slot->spare, "spare");
	DAMAGE(slot->cache, NULL, "a slot with objects and without a cache");
	DAMAGE(slot->cache, &pool->kmalloc[2], "a slot of another cache");
}

static void test_depot(void)
{
	struct slabpool_store *store = own_home()->full, *second = store ? store->next : NULL;

	if (!second || store->count < 2 || !cache->spare)
		bail_out("too little in the depot");
	DAMAGE(store->count, store->count - 1, "an object of the depot is missing");
	DAMAGE(store->count, store->capacity + 1, "more than a store has room for");
	DAMAGE(store->object[0], store->object[1], "an object twice in a store");
	DAMAGE(store->object[0], second->object[0], "an object in two stores");
	DAMAGE(store->object[0], object[7 * per_slab], "a live object in the depot");
	DAMAGE(store->object[0], NULL, "NULL in the depot");
	DAMAGE(store->next, NULL, "a depot that is cut");
	DAMAGE(store->next, store, "a depot that is a circle");
	DAMAGE(own_home()->full, NULL, "a depot that is lost");
	DAMAGE(cache->spare, NULL, "spare stores that are lost");
	DAMAGE(cache->spare->next, cache->spare, "spare stores in a circle");
	DAMAGE(cache->spare->count, 1, "a spare store with an object");
}

/* The order of a list with two free runs. */
static uint32_t free_order(const struct arena *arena)
{
	uint32_t order;

	for (order = 0; order < ARENA_ORDERS; order++)
		if (arena->free_run[order] != ARENA_NO_PAGE &&
		    arena->link[arena->free_run[order]].next != ARENA_NO_PAGE)
			return order;
	bail_out("no list with two free runs");
}

static void test_arena(void)
{
	struct arena *arena = &pool->arena[3];
	uint32_t order = free_order(arena), page = arena->free_run[order];
	uint32_t next = arena->link[page].next;

	DAMAGE(arena->free_run[order], ARENA_NO_PAGE, "free runs that are lost");
	DAMAGE(arena->free_run[order], next, "a free run that is lost");
	DAMAGE(arena->free_run[order], 0x7ffffff0u, "a free run beyond the arena");
	DAMAGE(arena->order[page], arena->order[page] + 1, "a free run of another order");
	DAMAGE(arena->order[page], 0, "a free run that is none");
	DAMAGE(arena->order[page], arena->order[page] ^ ORDER_IDLE, "idle or not");
	DAMAGE(arena->link[page].next, ARENA_NO_PAGE, "a list that is cut");
	DAMAGE(arena->link[page].next, page, "a list that is a circle");
	DAMAGE(arena->link[next].prev, ARENA_NO_PAGE, "a back link");
	DAMAGE(arena->idle_pages, arena->idle_pages + 1, "idle pages");
	DAMAGE(arena->used[ARENA_RUN], arena->used[ARENA_RUN] - 1, "pages in runs");
	DAMAGE(cache->arena->used[ARENA_SLAB], 0, "pages in slabs");
	DAMAGE(arena->opened, arena->opened - 1, "open pages");
	DAMAGE(cache->arena->slab_count, 0, "descriptors");
	DAMAGE(arena->slab_count, arena->opened + 1, "more descriptors than pages");
}

static void test_instance(void)
{
	DAMAGE(pool->last, cache->prev, "the last cache");
	DAMAGE(pool->first->next->prev, NULL, "a cache's back link");
	DAMAGE(cache->life, CACHE_DEAD, "a dead cache among the live");
	DAMAGE(cache->id, cache->id + 1, "a cache's id");
	DAMAGE(cache->hot.tag, cache->hot.tag + 1, "a cache's tag");
	DAMAGE(cache->geometry.stride, cache->geometry.stride + 8, "a cache's stride");
	DAMAGE(cache->geometry.order, 1, "a cache's order");
}

/* A running thread's magazines may be seen with more than they hold: what is reported adds up. */
static void test_info(void)
{
	struct slabpool_slot *slot = thread_slot(cache);
	uint32_t count = slot->spare.count;
	struct slabpool_cache_info info;

	slot->spare.count = count + 1000000;
	slabpool_cache_info(cache, &info);
	slot->spare.count = count;
	ok(info.active_objects <= info.total_objects &&
		   info.active_objects + info.magazine_objects + info.depot_objects +
				   info.slab_objects == info.total_objects,
	   "a magazine that is seen with too many objects: the counts add up");
}

int main(void)
{
	test_platform_open(&tp, (size_t)64 << 20, 0);
	build();
	ok(slabpool_is_valid(pool), "valid before");
	test_descriptor();
	test_bits();
	test_bits_swapped();
	test_lists();
	test_counts();
	test_states();
	test_page_map();
	test_slot();
	test_depot();
	test_arena();
	test_instance();
	test_info();
	slabpool_destroy(pool);
	is_uint(tp.reserved, 0, "all memory is given back");
	test_platform_close(&tp);
	return tap_done();
}
