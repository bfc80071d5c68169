/* SPDX-License-Identifier: MIT */
/*
 * Arena: one contiguous range of address space, cut into pages.
 *
 *  reservation
 *  +--------------------------+-------+------+----------+------+------+-------+
 *  | data: pages              | state | bits | page_map | slab | link | order |
 *  +--------------------------+-------+------+----------+------+------+-------+
 *  0        opened      pages
 *
 * Nothing in the data belongs to the allocator: whatever a program writes behind its objects, it
 * does not reach the tables in one step.
 *
 *  - state: one byte a granule. Non-zero exactly at the first granule of a live object or run.
 *  - page_map: who owns a page: 0, a slab (its index + 1), or, at a run's first page,
 *    PAGE_RUN + its length.
 *  - bits: room for the free bits of the slab that starts at a page.
 *  - slab: descriptors, handed out one by one; never more than there are open pages.
 *  - link, order: the free runs, by the buddy scheme: a free run of 2^k pages starts at a multiple
 *    of 2^k and is never beside a free one that would complete it to 2^(k+1).
 *
 * Pages are opened in steps, from low to high: opening commits the tables' slices for them and
 * hands them to the buddy lists. Data is committed run by run, when a run is allocated: that is
 * where memory can run out, and then nothing has changed.
 *
 * A freed run gives its memory back, or stays idle (ORDER_IDLE) if the caller expects that it is
 * wanted again and while the idle runs together are no more than the option idle_kib: giving memory
 * back is a call of the system, and touching fresh memory costs a fault a page.
 *
 * Guarantee: two runs that are allocated at the same time share no page, and
 *   opened = pages in slabs + pages in runs + pages in free runs
 * (slabpool_memory_info() shows the parts; arena_is_valid() walks the free runs).
 *
 * The tables start at different offsets from a page's start: object, page-map entry and state
 * byte of a hot object would otherwise compete for the same lines of the data cache.
 *
 * Locking: lock protects everything behind it in struct arena and the tables link and order.
 * page_map and state are written by the owner of the pages before anybody else can know them.
 */
#include "core/arena.h"
#include "core/instance.h"
#include "core/layout.h"
#include "core/locks.h"
#include "../../proofs/logic/MultipleLemmas.acsl"
#include "../../proofs/logic/ArenaLemmas.acsl"

/* What is tried first where the caller names no size. */
#define ARENA_FIRST_TRY ((size_t)1 << (sizeof(size_t) > 4 ? 36 : 28))
#define ARENA_LEAST_PAGES 4u
/* Pages opened at a time. */
#define ARENA_STEP 64u

static void arena_place(struct arena *arena, unsigned char *at, const struct arena_layout *layout)
{
	void *tables = at;

	arena->base = at + layout->base;
	arena->address = (uintptr_t)arena->base;
	arena->reservation = tables;
	arena->reserved = layout->end;
	arena->state = at + layout->state;
	arena->order = at + layout->order;
	tables = at + layout->bits;
	arena->bits = tables;
	tables = at + layout->page_map;
	arena->page_map = tables;
	tables = at + layout->slab;
	arena->slab = tables;
	tables = at + layout->link;
	arena->link = tables;
}

/*@ requires memory: \valid(arena) && arena_constants(arena);
    requires pages: pages <= arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns arena->opened, arena->open_granules;
    ensures opened: arena->opened == pages;
    ensures granules: granules_open(arena);
*/
static void opened_set(struct arena *arena, uint32_t pages)
{
	slabpool_store_u32(&arena->opened, pages);
	slabpool_store_size(&arena->open_granules, granules_of(pages, arena->granule_shift));
}

static unsigned char *reserve_for(struct slabpool *pool, uint32_t pages, uint32_t granule_shift,
				  struct arena_layout *layout)
{
	layout_choose(layout, pages, granule_shift);
	return pool->platform.reserve(pool->platform.context, layout->end, base_align(pages));
}

/* Reserves for pages, or for as many as the system has; then, as the other arenas want some too,
 * for a quarter of them. */
static unsigned char *reserve_most(struct slabpool *pool, uint32_t *pages, uint32_t granule_shift,
				   struct arena_layout *layout)
{
	uint32_t wanted = *pages;
	unsigned char *at = NULL;

	while (!at && *pages >= ARENA_LEAST_PAGES) {
		at = reserve_for(pool, *pages, granule_shift, layout);
		if (!at)
			*pages -= *pages / 8 ? *pages / 8 : 1;
	}
	if (!at || *pages == wanted || pool->options.granule)
		return at;
	pool->platform.unreserve(pool->platform.context, at, layout->end);
	*pages = *pages / 4 > ARENA_LEAST_PAGES ? *pages / 4 : ARENA_LEAST_PAGES;
	return reserve_for(pool, *pages, granule_shift, layout);
}

SLABPOOL_ALONE
int arena_init(struct slabpool *pool, struct arena *arena, size_t bytes, uint32_t granule_shift)
{
	const struct slabpool_platform *platform = &pool->platform;
	uint32_t pages = pages_of(bytes ? bytes : ARENA_FIRST_TRY);
	struct arena_layout layout;
	unsigned char *at;
	uint32_t k;
	int error;

	at = bytes ? reserve_for(pool, pages, granule_shift, &layout)
		   : reserve_most(pool, &pages, granule_shift, &layout);
	if (!at)
		return -12; /* -ENOMEM */
	arena->pages = pages;
	arena->granule_shift = granule_shift;
	arena->words_a_page = words_a_page(granule_shift);
	arena->align = (uint32_t)base_align(pages);
	arena_place(arena, at, &layout);
	opened_set(arena, 0);
	arena->slab_count = 0;
	arena->slab_free = SLAB_NO_SLAB;
	arena->used[ARENA_SLAB] = arena->used[ARENA_RUN] = arena->idle_pages = 0;
	for (k = 0; k < ARENA_ORDERS; k++)
		arena->free_run[k] = ARENA_NO_PAGE;
	for (k = 0; k < 256; k++) {
		arena->tag_used[k] = false;
		arena->fast[k] = NULL;
	}
	error = sync_init(pool, &arena->lock, NULL);
	if (error)
		platform->unreserve(platform->context, at, layout.end);
	return error;
}

void arena_exit(struct slabpool *pool, struct arena *arena)
{
	sync_exit(pool, &arena->lock, NULL);
	/*@ calls slabpool_platform_unreserve; */
	pool->platform.unreserve(pool->platform.context, arena->reservation, arena->reserved);
}

/*@ requires platform: platform_pages(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures memory: \result ==> \valid((char *)address + (0 .. bytes - 1));
*/
static bool commit(struct slabpool *pool, void *address, size_t bytes)
{
	int error;

	/*@ calls slabpool_platform_commit; */
	error = pool->platform.commit(pool->platform.context, address, bytes, SLABPOOL_COMMIT);
	return error == 0;
}

/*@ requires memory: platform_pages(pool) && arena_memory(arena);
    requires inside: page + pages <= arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures memory: \result ==> run_memory(arena, page, pages);
*/
static bool commit_pages(struct slabpool *pool, struct arena *arena, uint32_t page,
			 uint32_t pages)
{
	return commit(pool, arena->base + (size_t)page * SLABPOOL_PAGE_SIZE,
		      (size_t)pages * SLABPOOL_PAGE_SIZE);
}

/*@ requires memory: platform_pages(pool) && arena_memory(arena);
    requires inside: page + pages <= arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns arena->base[page * SLABPOOL_PAGE_SIZE .. (page + pages) * SLABPOOL_PAGE_SIZE - 1];
*/
static void decommit_pages(struct slabpool *pool, struct arena *arena, uint32_t page,
			   uint32_t pages)
{
	/*@ calls slabpool_platform_commit; */
	pool->platform.commit(pool->platform.context,
			      arena->base + (size_t)page * SLABPOOL_PAGE_SIZE,
			      (size_t)pages * SLABPOOL_PAGE_SIZE, SLABPOOL_DECOMMIT);
}

/* Frees pages that are on their way, into the lists. */
/*@ requires lists: arena_memory(arena) && arena_lists(arena);
    requires inside: page + pages <= arena->opened;
    requires taken: pages > 0 ==> run_taken(arena->order, arena->opened, page, pages);
    requires due: pages <= arena_due(arena);
    terminates always: \true;
    exits never: \false;
    assigns arena->free_run[0 .. ARENA_ORDERS - 1], arena->idle_pages,
      arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1];
    ensures lists: arena_lists(arena);
    ensures due: arena_due(arena) == \old(arena_due(arena)) - pages;
    ensures kept: taken_kept{Pre, Post}(arena->order, arena->opened, page, pages);
*/
SLABPOOL_UNDER(arena_locks)
static void range_put(struct arena *arena, uint32_t page, uint32_t pages, bool idle)
{
	if (pages > 0)
		buddy_put(runs_of(arena), page, pages, idle);
	/*@ assert numbers: arena->opened == \at(arena->opened, Pre) &&
	      arena->pages == \at(arena->pages, Pre) &&
	      arena->granule_shift == \at(arena->granule_shift, Pre) &&
	      arena->open_granules == \at(arena->open_granules, Pre); */
	/*@ assert granules: granules_open(arena); */
	/*@ assert used: arena->used[0] == \at(arena->used[0], Pre) &&
	      arena->used[1] == \at(arena->used[1], Pre); */
	/*@ assert tables: arena->link == \at(arena->link, Pre) &&
	      arena->order == \at(arena->order, Pre); */
	/*@ assert beyond: none_beyond(arena); */
	/*@ assert idle: arena->idle_pages == idle_sum(arena->order, arena->opened); */
	/*@ assert runs: runs_ok(arena->link, arena->order, &arena->free_run[0],
	                         arena->opened); */
}

/* Commits the tables' slices for pages from opened on. */
/*@ requires memory: platform_pages(pool) && arena_memory(arena);
    requires inside: arena->opened + pages <= arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
SLABPOOL_UNDER(arena_locks)
static bool open_tables(struct slabpool *pool, struct arena *arena, uint32_t pages)
{
	uint32_t from = arena->opened;
	size_t words = arena->words_a_page;

	/*@ assert words: 1 <= words <= 8; */
	/*@ ghost product_in_order(words, 8, from); */
	/*@ ghost product_in_order(words, 8, pages); */
	/*@ ghost product_in_order(0, words, from); */
	/*@ ghost product_in_order(0, words, pages); */
	/*@ assert from_words: 0 <= words * from <= 8 * from; */
	/*@ assert pages_words: 0 <= words * pages <= 8 * pages; */
	/*@ assert space: (from + pages) * SLABPOOL_PAGE_SIZE <= SIZE_MAX / 2; */
	return commit(pool, arena->state + granules_of(from, arena->granule_shift),
		      granules_of(pages, arena->granule_shift)) &&
	       commit(pool, arena->bits + from * words, pages * words * sizeof(uint64_t)) &&
	       commit(pool, arena->page_map + from, pages * sizeof(uint32_t)) &&
	       commit(pool, arena->slab + from, pages * sizeof(struct slab)) &&
	       commit(pool, arena->link + from, pages * sizeof(struct page_link)) &&
	       commit(pool, arena->order + from, pages);
}

/* Counts further pages as open: they are on their way. */
/*@ requires lists: arena_memory(arena) && arena_lists(arena);
    requires inside: arena->opened + pages <= arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns arena->opened, arena->open_granules;
    ensures lists: arena_lists(arena);
    ensures grown: arena->opened == \old(arena->opened) + pages;
    ensures taken: run_taken(arena->order, arena->opened, \old(arena->opened), pages);
    ensures due: arena_due(arena) == \old(arena_due(arena)) + pages;
*/
SLABPOOL_UNDER(arena_locks)
static void pages_open(struct arena *arena, uint32_t pages)
{
	uint32_t from = arena->opened;

	opened_set(arena, from + pages);
	/*@ ghost
	  /@ loop invariant range: 0 <= i <= pages;
	     loop invariant free: free_sum(arena->order, from + i) == free_sum(arena->order, from);
	     loop invariant idle: idle_sum(arena->order, from + i) == idle_sum(arena->order, from);
	     loop assigns i;
	     loop variant pages - i;
	  @/
	  for (uint32_t i = 0; i < pages; i++) {
	    /@ assert none: arena->order[from + i] == 0; @/
	    /@ assert free: free_sum(arena->order, from + i + 1) ==
	         free_sum(arena->order, from + i) + run_weight(arena->order[from + i]); @/
	    /@ assert idle: idle_sum(arena->order, from + i + 1) ==
	         idle_sum(arena->order, from + i) + idle_weight(arena->order[from + i]); @/
	  }
	*/
	/*@ assert same: \forall integer p; is_free_run(arena->order, arena->opened, p) <==>
	      is_free_run(arena->order, from, p); */
	/*@ assert sized: runs_sized(arena->order, arena->opened); */
	/*@ assert apart: runs_apart(arena->order, arena->opened); */
	/*@ assert links: links_kept{Pre, Here}(arena->link, from); */
	/*@ assert heads: heads_kept_but{Pre, Here}(&arena->free_run[0], ARENA_ORDERS); */
	/*@ assert listed: listed_without(arena->link, arena->order, &arena->free_run[0],
	                                  arena->opened, -1); */
}

/* Opens the next step of pages and frees them into the lists. */
/*@ requires memory: platform_pages(pool) && arena_memory(arena);
    requires lists: arena_lists(arena) && arena_due(arena) == 0;
    terminates always: \true;
    exits never: \false;
    assigns arena->opened, arena->open_granules, arena->free_run[0 .. ARENA_ORDERS - 1],
      arena->idle_pages, arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1];
    ensures lists: arena_lists(arena) && arena_due(arena) == 0;
    ensures more: \result ==> arena->opened > \old(arena->opened);
    ensures none: !\result ==> arena->opened == \old(arena->opened);
*/
SLABPOOL_UNDER(arena_locks)
static bool open_step(struct slabpool *pool, struct arena *arena)
{
	uint32_t from = arena->opened, pages = arena->pages - from;

	if (pages > ARENA_STEP)
		pages = ARENA_STEP;
	if (pages == 0 || !open_tables(pool, arena, pages))
		return false;
	pages_open(arena, pages);
	range_put(arena, from, pages, false);
	return true;
}

/* A run longer than the largest order: out of free neighbours, or fresh pages at the end. */
/*@ requires memory: platform_pages(pool) && arena_memory(arena);
    requires lists: arena_lists(arena) && arena_due(arena) == 0;
    requires pages: ARENA_MAX_RUN < pages <= arena->pages;
    requires results: \valid(taken) && \valid(idle) && \separated(taken, idle) &&
      apart_from_arena(arena, idle) && count_apart_from_arena(arena, taken);
    terminates always: \true;
    exits never: \false;
    assigns arena->opened, arena->open_granules, arena->free_run[0 .. ARENA_ORDERS - 1],
      arena->idle_pages, arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1],
      *taken, *idle;
    ensures lists: arena_lists(arena) && arena->opened >= \old(arena->opened);
    ensures none: \result == ARENA_NO_PAGE ==> arena_due(arena) == 0;
    ensures some: \result != ARENA_NO_PAGE ==> *taken >= pages &&
      \result + *taken <= arena->opened && arena_due(arena) == *taken &&
      run_taken(arena->order, arena->opened, \result, *taken) && \result % 1024 == 0;
*/
SLABPOOL_UNDER(arena_locks)
static uint32_t huge_take(struct slabpool *pool, struct arena *arena, uint32_t pages,
			  uint32_t *taken, bool *idle)
{
	uint32_t need = (pages - 1) / ARENA_MAX_RUN + 1, page;

	page = buddy_take_many(runs_of(arena), need, idle);
	if (page != ARENA_NO_PAGE) {
		*taken = need * ARENA_MAX_RUN;
		return page;
	}
	/*@ loop invariant lists: arena_lists(arena) && arena_due(arena) == 0;
	    loop invariant grown: arena->opened >= \at(arena->opened, Pre);
	    loop assigns arena->opened, arena->open_granules,
	      arena->free_run[0 .. ARENA_ORDERS - 1], arena->idle_pages,
	      arena->link[0 .. arena->pages - 1],
	      arena->order[0 .. arena->pages - 1];
	    loop variant arena->pages - arena->opened;
	*/
	while (arena->opened % ARENA_MAX_RUN != 0)
		if (!open_step(pool, arena))
			return ARENA_NO_PAGE;
	if (pages > arena->pages - arena->opened || !open_tables(pool, arena, pages))
		return ARENA_NO_PAGE;
	page = arena->opened;
	pages_open(arena, pages);
	*taken = pages;
	*idle = false;
	return page;
}

/* Open pages that are in no list: their first, or ARENA_NO_PAGE. */
/*@ requires memory: platform_pages(pool) && arena_memory(arena);
    requires lists: arena_lists(arena) && arena_due(arena) == 0;
    requires pages: 0 < pages <= arena->pages;
    requires results: \valid(taken) && \valid(idle) && \separated(taken, idle) &&
      apart_from_arena(arena, idle) && count_apart_from_arena(arena, taken);
    terminates always: \true;
    exits never: \false;
    assigns arena->opened, arena->open_granules, arena->free_run[0 .. ARENA_ORDERS - 1],
      arena->idle_pages, arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1],
      *taken, *idle;
    ensures lists: arena_lists(arena) && arena->opened >= \old(arena->opened);
    ensures none: \result == ARENA_NO_PAGE ==> arena_due(arena) == 0;
    ensures some: \result != ARENA_NO_PAGE ==> *taken >= pages &&
      \result + *taken <= arena->opened && arena_due(arena) == *taken &&
      run_taken(arena->order, arena->opened, \result, *taken);
    ensures aligned: \result != ARENA_NO_PAGE ==> run_start_aligned(\result, pages);
*/
SLABPOOL_UNDER(arena_locks)
static uint32_t run_take_or_open(struct slabpool *pool, struct arena *arena, uint32_t pages,
				 uint32_t *taken, bool *idle)
{
	uint32_t order, page;

	if (pages > ARENA_MAX_RUN)
		return huge_take(pool, arena, pages, taken, idle);
	order = order_for(pages);
	*taken = order_pages(order);
	page = buddy_take(runs_of(arena), order, idle);
	/*@ loop invariant lists: arena_lists(arena) && arena->opened >= \at(arena->opened, Pre);
	    loop invariant none: page == ARENA_NO_PAGE ==> arena_due(arena) == 0;
	    loop invariant some: page != ARENA_NO_PAGE ==> page + *taken <= arena->opened &&
	      arena_due(arena) == *taken && run_aligned(page, order + 1) &&
	      run_taken(arena->order, arena->opened, page, *taken);
	    loop assigns page, arena->opened, arena->open_granules,
	      arena->free_run[0 .. ARENA_ORDERS - 1], arena->idle_pages,
	      arena->link[0 .. arena->pages - 1], arena->order[0 .. arena->pages - 1], *idle;
	    loop variant arena->pages - arena->opened;
	*/
	while (page == ARENA_NO_PAGE && open_step(pool, arena))
		page = buddy_take(runs_of(arena), order, idle);
	return page;
}

/* Pages that are on their way are used from now on. */
/*@ requires lists: arena_memory(arena) && arena_lists(arena);
    requires due: pages <= arena_due(arena);
    requires use: use == ARENA_SLAB || use == ARENA_RUN;
    terminates always: \true;
    exits never: \false;
    assigns arena->used[use];
    ensures lists: arena_lists(arena);
    ensures due: arena_due(arena) == \old(arena_due(arena)) - pages;
    ensures used: arena->used[use] == \old(arena->used[use]) + pages;
*/
SLABPOOL_UNDER(arena_locks)
static void used_add(struct arena *arena, uint32_t pages, enum arena_use use)
{
	/*@ ghost sum_is_natural(arena->order, arena->opened); */
	arena->used[use] += pages;
}

/* Used pages are on their way from now on. */
/*@ requires lists: arena_memory(arena) && arena_lists(arena);
    requires used: pages <= arena->used[use];
    requires use: use == ARENA_SLAB || use == ARENA_RUN;
    terminates always: \true;
    exits never: \false;
    assigns arena->used[use];
    ensures lists: arena_lists(arena);
    ensures due: arena_due(arena) == \old(arena_due(arena)) + pages;
*/
SLABPOOL_UNDER(arena_locks)
static void used_take(struct arena *arena, uint32_t pages, enum arena_use use)
{
	arena->used[use] -= pages;
}

uint32_t arena_alloc_run(struct slabpool *pool, struct arena *arena, uint32_t pages,
			 enum arena_use use, bool *fresh)
{
	uint32_t page, taken = 0;
	bool idle = false;

	if (pages == 0 || pages > arena->pages)
		return ARENA_NO_PAGE;
	arena_lock(pool, arena) /*@ ghost (0, 0, 0) */;
	page = run_take_or_open(pool, arena, pages, &taken, &idle);
	if (page != ARENA_NO_PAGE) {
		if (!commit_pages(pool, arena, page, pages)) {
			range_put(arena, page, taken, idle);
			page = ARENA_NO_PAGE;
		} else {
			used_add(arena, pages, use);
			range_put(arena, page + pages, taken - pages, idle);
		}
	}
	/*@ assert descriptors: arena_descriptors(arena); */
	arena_unlock(pool, arena);
	*fresh = !idle;
	return page;
}

void arena_free_run(struct slabpool *pool, struct arena *arena, uint32_t page, uint32_t pages,
		    enum arena_use use, bool keep)
{
	uint64_t idle_bytes = (uint64_t)slabpool_load_u32(&pool->idle_kib) * 1024;

	arena_lock(pool, arena) /*@ ghost (page, pages, use) */;
	keep = keep && arena->idle_pages + pages <= idle_bytes / SLABPOOL_PAGE_SIZE;
	if (!keep)
		decommit_pages(pool, arena, page, pages);
	used_take(arena, pages, use);
	range_put(arena, page, pages, keep);
	/*@ assert descriptors: arena_descriptors(arena); */
	arena_unlock(pool, arena);
}

uint32_t arena_slab_new(struct slabpool *pool, struct arena *arena)
{
	uint32_t slab;

	descriptors_lock(pool, arena);
	slab = arena->slab_free;
	if (slab != SLAB_NO_SLAB)
		arena->slab_free = arena->slab[slab].next;
	else if (arena->slab_count < slabpool_load_u32(&arena->opened))
		slab = arena->slab_count++;
	if (slab != SLAB_NO_SLAB)
		slabpool_store_u32(&arena->slab[slab].cache, 0); /* no more unused */
	arena_unlock(pool, arena);
	return slab;
}

void arena_slab_free(struct slabpool *pool, struct arena *arena, uint32_t slab)
{
	descriptors_lock(pool, arena);
	slabpool_store_u32(&arena->slab[slab].cache, UINT32_MAX);
	arena->slab[slab].next = arena->slab_free;
	arena->slab_free = slab;
	arena_unlock(pool, arena);
}

void arena_set_owner(struct arena *arena, uint32_t page, uint32_t pages, uint32_t owner)
{
	uint32_t k;

	/*@ loop invariant range: 0 <= k <= pages;
	    loop invariant owner: owner_set(arena, page, k, owner);
	    loop assigns k, arena->page_map[page .. page + pages - 1];
	    loop variant pages - k;
	*/
	for (k = 0; k < pages; k++)
		slabpool_store_u32(&arena->page_map[page + k], owner);
}

/* Marks the pages that are neither owned nor in a free run, and counts those that are owned. */
SLABPOOL_ALONE
static void lost_mark(struct arena *arena)
{
	uint32_t page = 0, pages;

	arena->used[ARENA_SLAB] = arena->used[ARENA_RUN] = 0;
	while (page < arena->opened) {
		uint32_t order = order_code(arena->order[page]);
		uint32_t owner = arena->page_map[page];

		pages = order ? 1u << (order - 1) : owner >= PAGE_RUN ? owner - PAGE_RUN : 1;
		if (order == 0 && owner == PAGE_UNOWNED)
			arena->page_map[page] = PAGE_LOST;
		else if (order == 0)
			arena->used[owner >= PAGE_RUN ? ARENA_RUN : ARENA_SLAB] += pages;
		page += pages;
	}
}

SLABPOOL_ALONE
void arena_collect(struct slabpool *pool, struct arena *arena)
{
	uint32_t page, which;

	lost_mark(arena);
	for (page = 0; page < arena->opened; page++) {
		if (arena->page_map[page] != PAGE_LOST)
			continue;
		arena->page_map[page] = PAGE_UNOWNED;
		decommit_pages(pool, arena, page, 1);
		range_put(arena, page, 1, false);
	}
	arena->slab_free = SLAB_NO_SLAB;
	for (which = 0; which < arena->slab_count; which++) {
		page = arena->slab[which].page;
		if (page < arena->opened && arena->page_map[page] == which + 1)
			continue;
		arena->slab[which].cache = UINT32_MAX;
		arena->slab[which].next = arena->slab_free;
		arena->slab_free = which;
	}
}

SLABPOOL_ALONE
bool arena_is_valid(const struct arena *arena)
{
	uint32_t order, page, prev, idle = 0;
	size_t pages = 0;

	for (order = 0; order < ARENA_ORDERS; order++) {
		prev = ARENA_NO_PAGE;
		for (page = arena->free_run[order]; page != ARENA_NO_PAGE;
		     page = arena->link[page].next) {
			if (page >= arena->opened || page % (1u << order) != 0 ||
			    (order_code(arena->order[page])) != order + 1 ||
			    arena->link[page].prev != prev || pages > arena->opened)
				return false;
			if (order_is_idle(arena->order[page]))
				idle += 1u << order;
			pages += 1u << order;
			prev = page;
		}
	}
	return idle == arena->idle_pages && arena->slab_count <= arena->opened &&
	       pages + arena->used[ARENA_SLAB] + arena->used[ARENA_RUN] == arena->opened;
}
