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
#include "core/locks.h"

/* What is tried first where the caller names no size. */
#if UINTPTR_MAX > 0xffffffffu
#define ARENA_FIRST_TRY ((size_t)64 << 30)
#else
#define ARENA_FIRST_TRY ((size_t)256 << 20)
#endif
#define ARENA_LEAST_PAGES 4u
/* Pages opened at a time. */
#define ARENA_STEP 64u
#define ARENA_MAX_RUN (1u << (ARENA_ORDERS - 1))

/* An object, its state byte, its cache and the thread's slot and magazine are used together. On
 * some processors two lines whose addresses agree in the low bits and in a hash of the next ones
 * push each other out of the first-level cache: 22 ns for a hot pair instead of 4. Ranges of round
 * sizes at round addresses agree in all of them, so large arenas begin, and their state bytes
 * follow, with a skew that makes the hashes differ. It costs address space only. */
#define SKEW_PAGES ((size_t)1 << 16)  /* arenas of fewer pages have none */
#define SKEW_UNIT ((size_t)ARENA_MAX_RUN << SLABPOOL_PAGE_SHIFT)

struct arena_layout {
	size_t base, state, bits, page_map, slab, link, order, end;
};

static size_t round_up_size(size_t n, size_t align)
{
	return (n + align - 1) / align * align;
}

static uint32_t words_a_page(uint32_t granule_shift)
{
	uint32_t granules = 1u << (SLABPOOL_PAGE_SHIFT - granule_shift);

	return granules < 64 ? 1 : granules / 64;
}

/* Where the tables stand, each at another offset from a page's start. */
static void layout_compute(struct arena_layout *layout, uint32_t pages, uint32_t granule_shift)
{
	size_t skew = pages < SKEW_PAGES ? 0 : SKEW_UNIT, at;

	layout->base = (5 + 7 * (size_t)granule_shift) % 31 * skew;
	at = layout->base + ((size_t)pages << SLABPOOL_PAGE_SHIFT);
	layout->state = at + 45 * skew + 832;
	at = layout->state + ((size_t)pages << (SLABPOOL_PAGE_SHIFT - granule_shift));
	layout->bits = round_up_size(at, 64) + 192;
	at = layout->bits + (size_t)pages * words_a_page(granule_shift) * sizeof(uint64_t);
	layout->page_map = round_up_size(at, 64) + 320;
	at = layout->page_map + (size_t)pages * sizeof(uint32_t);
	layout->slab = round_up_size(at, 64) + 448;
	at = layout->slab + (size_t)pages * sizeof(struct slab);
	layout->link = round_up_size(at, 64) + 64;
	at = layout->link + (size_t)pages * sizeof(struct page_link);
	layout->order = round_up_size(at, 64) + 128;
	layout->end = round_up_size(layout->order + pages, SLABPOOL_PAGE_SIZE);
}

/* Small arenas need less room before the tables than the offsets above take. */
static void layout_compact(struct arena_layout *layout, uint32_t pages, uint32_t granule_shift)
{
	layout->base = 0;
	layout->bits = (size_t)pages << SLABPOOL_PAGE_SHIFT;
	layout->slab = layout->bits +
		       (size_t)pages * words_a_page(granule_shift) * sizeof(uint64_t);
	layout->link = layout->slab + (size_t)pages * sizeof(struct slab);
	layout->page_map = layout->link + (size_t)pages * sizeof(struct page_link);
	layout->state = layout->page_map + (size_t)pages * sizeof(uint32_t);
	layout->order = layout->state + ((size_t)pages << (SLABPOOL_PAGE_SHIFT - granule_shift));
	layout->end = layout->order + pages;
}

static void layout_choose(struct arena_layout *layout, uint32_t pages, uint32_t granule_shift)
{
	if (pages < 256)
		layout_compact(layout, pages, granule_shift);
	else
		layout_compute(layout, pages, granule_shift);
}

/* Alignment of the base: the largest run's size, less where the arena is small. */
static size_t base_align(uint32_t pages)
{
	size_t align = SLABPOOL_PAGE_SIZE;
	uint32_t limit = pages >= 256 ? pages : pages / 8;

	while (align < ((size_t)ARENA_MAX_RUN << SLABPOOL_PAGE_SHIFT) &&
	       (align >> SLABPOOL_PAGE_SHIFT) * 2 <= limit)
		align *= 2;
	return align;
}

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

/* Pages of an arena of so many bytes; it must leave room for its tables in the address space. */
static uint32_t pages_of(size_t bytes)
{
	size_t pages = (bytes > SIZE_MAX / 2 ? SIZE_MAX / 2 : bytes) >> SLABPOOL_PAGE_SHIFT;

	return pages > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)pages;
}

static void opened_set(struct arena *arena, uint32_t pages)
{
	slabpool_store_u32(&arena->opened, pages);
	slabpool_store_size(&arena->open_granules,
			    (size_t)pages << (SLABPOOL_PAGE_SHIFT - arena->granule_shift));
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
	const struct slabpool_platform *platform = &pool->platform;

	sync_exit(pool, &arena->lock, NULL);
	platform->unreserve(platform->context, arena->reservation, arena->reserved);
}

static bool commit(struct slabpool *pool, void *address, size_t bytes)
{
	return pool->platform.commit(pool->platform.context, address, bytes, SLABPOOL_COMMIT) == 0;
}

static void decommit_pages(struct slabpool *pool, struct arena *arena, uint32_t page,
			   uint32_t pages)
{
	pool->platform.commit(pool->platform.context,
			      arena->base + ((size_t)page << SLABPOOL_PAGE_SHIFT),
			      (size_t)pages << SLABPOOL_PAGE_SHIFT, SLABPOOL_DECOMMIT);
}

/* Puts a free run on its list. */
SLABPOOL_UNDER(arena_locks)
static void run_link(struct arena *arena, uint32_t page, uint32_t order, uint8_t idle)
{
	uint32_t head = arena->free_run[order];

	arena->link[page].prev = ARENA_NO_PAGE;
	arena->link[page].next = head;
	if (head != ARENA_NO_PAGE)
		arena->link[head].prev = page;
	arena->free_run[order] = page;
	arena->order[page] = (uint8_t)((order + 1) | idle);
	if (idle)
		arena->idle_pages += 1u << order;
}

/* Takes a free run off its list; whether it was idle. */
SLABPOOL_UNDER(arena_locks)
static uint8_t run_unlink(struct arena *arena, uint32_t page, uint32_t order)
{
	uint32_t next = arena->link[page].next, prev = arena->link[page].prev;
	uint8_t idle = arena->order[page] & ORDER_IDLE;

	if (prev == ARENA_NO_PAGE)
		arena->free_run[order] = next;
	else
		arena->link[prev].next = next;
	if (next != ARENA_NO_PAGE)
		arena->link[next].prev = prev;
	arena->order[page] = 0;
	if (idle)
		arena->idle_pages -= 1u << order;
	return idle;
}

/* Frees a run of 2^order pages: with its buddy, as long as that is free, it makes a larger one. */
SLABPOOL_UNDER(arena_locks)
static void run_put(struct arena *arena, uint32_t page, uint32_t order, uint8_t idle)
{
	while (order < ARENA_ORDERS - 1) {
		uint32_t buddy = page ^ (1u << order);

		if (buddy >= arena->opened ||
		    (arena->order[buddy] & ORDER_MASK) != order + 1)
			break;
		idle |= run_unlink(arena, buddy, order);
		page = page < buddy ? page : buddy;
		order++;
	}
	run_link(arena, page, order, idle);
}

/* Frees any range of pages, cut into runs at their natural places. */
SLABPOOL_UNDER(arena_locks)
static void range_put(struct arena *arena, uint32_t page, uint32_t pages, uint8_t idle)
{
	while (pages > 0) {
		uint32_t order = 0;

		while (order < ARENA_ORDERS - 1 && page % (2u << order) == 0 &&
		       pages >= (2u << order))
			order++;
		run_put(arena, page, order, idle);
		page += 1u << order;
		pages -= 1u << order;
	}
}

/* A free run of 2^order pages out of the lists, or ARENA_NO_PAGE. */
SLABPOOL_UNDER(arena_locks)
static uint32_t run_take(struct arena *arena, uint32_t order, uint8_t *idle)
{
	uint32_t from = order, page;

	while (from < ARENA_ORDERS && arena->free_run[from] == ARENA_NO_PAGE)
		from++;
	if (from == ARENA_ORDERS)
		return ARENA_NO_PAGE;
	page = arena->free_run[from];
	*idle = run_unlink(arena, page, from);
	while (from > order) {
		from--;
		run_link(arena, page + (1u << from), from, *idle);
	}
	return page;
}

/* Commits the tables' slices for pages from opened on. */
SLABPOOL_UNDER(arena_locks)
static bool open_tables(struct slabpool *pool, struct arena *arena, uint32_t pages)
{
	uint32_t from = arena->opened;
	uint32_t shift = SLABPOOL_PAGE_SHIFT - arena->granule_shift;
	size_t words = arena->words_a_page;

	return commit(pool, arena->state + ((size_t)from << shift), (size_t)pages << shift) &&
	       commit(pool, arena->bits + from * words, pages * words * sizeof(uint64_t)) &&
	       commit(pool, arena->page_map + from, pages * sizeof(uint32_t)) &&
	       commit(pool, arena->slab + from, pages * sizeof(struct slab)) &&
	       commit(pool, arena->link + from, pages * sizeof(struct page_link)) &&
	       commit(pool, arena->order + from, pages);
}

/* Opens the next step of pages and frees them into the lists. */
SLABPOOL_UNDER(arena_locks)
static bool open_step(struct slabpool *pool, struct arena *arena)
{
	uint32_t from = arena->opened, pages = arena->pages - from;

	if (pages > ARENA_STEP)
		pages = ARENA_STEP;
	if (pages == 0 || !open_tables(pool, arena, pages))
		return false;
	opened_set(arena, from + pages);
	range_put(arena, from, pages, 0);
	return true;
}

/* Neighbouring free runs of the largest order, enough for pages: the first page of them, out of
 * the lists, or ARENA_NO_PAGE. */
SLABPOOL_UNDER(arena_locks)
static uint32_t huge_find(struct arena *arena, uint32_t pages, uint8_t *idle)
{
	uint32_t need = (pages - 1) / ARENA_MAX_RUN + 1, have = 0, page, k;

	for (page = 0; page + ARENA_MAX_RUN <= arena->opened; page += ARENA_MAX_RUN) {
		have = (arena->order[page] & ORDER_MASK) == ARENA_ORDERS ? have + 1 : 0;
		if (have == need) {
			page -= (need - 1) * ARENA_MAX_RUN;
			*idle = 0;
			for (k = 0; k < need; k++)
				*idle |= run_unlink(arena, page + k * ARENA_MAX_RUN,
						    ARENA_ORDERS - 1);
			return page;
		}
	}
	return ARENA_NO_PAGE;
}

/* A run longer than the largest order: out of free neighbours, or fresh pages at the end. */
SLABPOOL_UNDER(arena_locks)
static uint32_t huge_take(struct slabpool *pool, struct arena *arena, uint32_t pages,
			  uint32_t *taken, uint8_t *idle)
{
	uint32_t page = huge_find(arena, pages, idle);

	if (page != ARENA_NO_PAGE) {
		*taken = ((pages - 1) / ARENA_MAX_RUN + 1) * ARENA_MAX_RUN;
		return page;
	}
	while (arena->opened % ARENA_MAX_RUN != 0)
		if (!open_step(pool, arena))
			return ARENA_NO_PAGE;
	if (pages > arena->pages - arena->opened || !open_tables(pool, arena, pages))
		return ARENA_NO_PAGE;
	page = arena->opened;
	opened_set(arena, page + pages);
	*taken = pages;
	*idle = 0;
	return page;
}

SLABPOOL_UNDER(arena_locks)
static uint32_t run_take_or_open(struct slabpool *pool, struct arena *arena, uint32_t pages,
				 uint32_t *taken, uint8_t *idle)
{
	uint32_t order = 0, page;

	if (pages > ARENA_MAX_RUN)
		return huge_take(pool, arena, pages, taken, idle);
	while ((1u << order) < pages)
		order++;
	page = run_take(arena, order, idle);
	while (page == ARENA_NO_PAGE && open_step(pool, arena))
		page = run_take(arena, order, idle);
	*taken = 1u << order;
	return page;
}

uint32_t arena_alloc_run(struct slabpool *pool, struct arena *arena, uint32_t pages,
			 enum arena_use use, bool *fresh)
{
	uint32_t page, taken = 0;
	uint8_t idle = 0;

	if (pages == 0 || pages > arena->pages)
		return ARENA_NO_PAGE;
	arena_lock(pool, arena) /*@ ghost (0, 0, 0) */;
	page = run_take_or_open(pool, arena, pages, &taken, &idle);
	if (page != ARENA_NO_PAGE) {
		if (!commit(pool, arena->base + ((size_t)page << SLABPOOL_PAGE_SHIFT),
			    (size_t)pages << SLABPOOL_PAGE_SHIFT)) {
			range_put(arena, page, taken, idle);
			page = ARENA_NO_PAGE;
		} else {
			range_put(arena, page + pages, taken - pages, idle);
			arena->used[use] += pages;
		}
	}
	arena_unlock(pool, arena);
	*fresh = idle == 0;
	return page;
}

void arena_free_run(struct slabpool *pool, struct arena *arena, uint32_t page, uint32_t pages,
		    enum arena_use use, bool keep)
{
	uint64_t idle_bytes = (uint64_t)slabpool_load_u32(&pool->idle_kib) * 1024;

	arena_lock(pool, arena) /*@ ghost (page, pages, use) */;
	arena->used[use] -= pages;
	keep = keep && (uint64_t)arena->idle_pages + pages <= idle_bytes / SLABPOOL_PAGE_SIZE;
	if (!keep)
		decommit_pages(pool, arena, page, pages);
	range_put(arena, page, pages, keep ? ORDER_IDLE : 0);
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
		uint32_t order = arena->order[page] & ORDER_MASK;
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
		run_put(arena, page, 0, 0);
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
			    (arena->order[page] & ORDER_MASK) != order + 1 ||
			    arena->link[page].prev != prev || pages > arena->opened)
				return false;
			if (arena->order[page] & ORDER_IDLE)
				idle += 1u << order;
			pages += 1u << order;
			prev = page;
		}
	}
	return idle == arena->idle_pages && arena->slab_count <= arena->opened &&
	       pages + arena->used[ARENA_SLAB] + arena->used[ARENA_RUN] == arena->opened;
}
