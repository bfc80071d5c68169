/* SPDX-License-Identifier: MIT */
/*
 * Pages: runs of pages that a user asked for directly, by a kmalloc beyond the size classes,
 * alloc_pages() or vmalloc().
 *
 * A run lives in the arena with the largest granule. The state byte of its first granule says which
 * of the three it is, so that each is freed by its own call only; the page map's entry of its
 * first page holds its length.
 *
 *   live:  state[first granule] = STATE_RUN_*   page_map[first page] = PAGE_RUN + pages
 *   free:  state[first granule] = 0             page_map[first page] = 0
 *
 * Guarantee: pages_free(p, kind) accepts p if and only if a live run of this kind starts at p, and
 * then no other state byte changes. Runs of 2^k pages start at a multiple of their size.
 *
 * Locking: the arena's, inside arena_alloc_run() and arena_free_run(). The state byte is cleared
 * before the run goes back, by the one thread that owns it.
 */
#include "core/pages.h"
#include "core/check.h"
#include "core/memory.h"

/* The open page that starts at p, or ARENA_NO_PAGE. */
/*@ requires arena: arena_open(arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures starts: \result != ARENA_NO_PAGE ==> page_starts(arena, (void *)p, \result);
    ensures none: \result == ARENA_NO_PAGE ==> no_page_starts(arena, (void *)p);
*/
static uint32_t page_at(const struct arena *arena, const void *p)
{
	size_t offset = instance_distance(arena->address, (uintptr_t)p);

	if (offset % SLABPOOL_PAGE_SIZE != 0 ||
	    offset / SLABPOOL_PAGE_SIZE >= slabpool_load_u32(&arena->opened))
		return ARENA_NO_PAGE;
	/*@ assert ahead: arena->address <= (uintptr_t)p; */
	return (uint32_t)(offset / SLABPOOL_PAGE_SIZE);
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> run_kind(state);
*/
static bool is_run(uint8_t state)
{
	return state >= STATE_RUN_KMALLOC && state <= STATE_RUN_VMALLOC;
}

/* Pages to ask for so that the run's start is a multiple of align; 0: cannot be. */
/*@ requires memory: \valid_read(arena);
    requires some: 0 < bytes;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures refused: \result == 0 <==> align > arena->align;
    ensures enough: \result != 0 ==> \result * SLABPOOL_PAGE_SIZE >= bytes;
    ensures aligned: \result != 0 ==> \result >= align / SLABPOOL_PAGE_SIZE;
    ensures least: \result != 0 && \result > align / SLABPOOL_PAGE_SIZE ==>
      (\result - 1) * SLABPOOL_PAGE_SIZE < bytes;
*/
static size_t pages_for(const struct arena *arena, size_t bytes, size_t align)
{
	size_t pages = (bytes - 1) / SLABPOOL_PAGE_SIZE + 1;

	if (align > arena->align)
		return 0;
	return pages < align / SLABPOOL_PAGE_SIZE ? align / SLABPOOL_PAGE_SIZE : pages;
}

/* The page's entry in the page map; what is known of the other runs stays. */
/*@ requires arena: arena_open(arena) && runs_known_but(arena, page);
    requires page: page < arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns arena->page_map[page];
    ensures stored: arena->page_map[page] == entry;
    ensures open: arena_open(arena);
    ensures shape: arena->granule_shift == \old(arena->granule_shift) &&
      arena->pages == \old(arena->pages) && arena->opened == \old(arena->opened);
    ensures runs: runs_known_but(arena, page);
    ensures state: arena->state[first_granule(arena, page)] ==
      \old(arena->state[first_granule(arena, page)]);
*/
static void entry_set(struct arena *arena, uint32_t page, uint32_t entry)
{
	/*@ ghost uint32_t shift = arena->granule_shift; */
	slabpool_store_u32(&arena->page_map[page], entry);
	/*@ assert pages: arena->pages == \at(arena->pages, Pre) &&
	      arena->opened == \at(arena->opened, Pre); */
	/*@ assert shift: arena->granule_shift == \at(arena->granule_shift, Pre); */
	/*@ assert words: arena->words_a_page == \at(arena->words_a_page, Pre); */
	/*@ assert address: arena->address == \at(arena->address, Pre); */
	/*@ assert constants: arena_constants(arena); */
	/*@ assert tables: arena_valid_tables(arena); */
	/*@ assert apart: arena_apart(arena); */
	/*@ ghost same_granules(shift, arena->granule_shift); */
	/*@ assert entries: \forall integer q; 0 <= q < arena->pages && q != page ==>
	      arena->page_map[q] == \at(arena->page_map[q], Pre); */
}

/* Makes a run of the arena's a live one of its kind. */
/*@ requires arena: arena_open(arena) && runs_known(arena);
    requires inside: run_inside(arena, page, pages);
    requires kind: run_kind(kind);
    terminates always: \true;
    exits never: \false;
    assigns arena->page_map[page], arena->state[first_granule(arena, page)];
    ensures open: arena_open(arena);
    ensures runs: runs_known(arena);
    ensures live: run_live(arena, page, kind) && run_pages(arena, page) == pages;
*/
static void run_begin(struct arena *arena, uint32_t page, uint32_t pages, uint8_t kind)
{
	size_t granule;

	entry_set(arena, page, PAGE_RUN + pages);
	granule = pages_granule(arena, page);
	slabpool_store_u8(&arena->state[granule], kind);
}

static uint32_t run_new(struct slabpool *pool, struct arena *arena, size_t pages, bool *fresh)
{
	uint32_t page;

	if (pages == 0 || pages > arena->pages)
		return ARENA_NO_PAGE;
	page = arena_alloc_run(pool, arena, (uint32_t)pages, ARENA_RUN, fresh);
	if (page == ARENA_NO_PAGE) {
		slabpool_reap(pool);
		page = arena_alloc_run(pool, arena, (uint32_t)pages, ARENA_RUN, fresh);
	}
	return page;
}

void *pages_alloc(struct slabpool *pool, size_t bytes, size_t align, uint8_t kind, gfp_t gfp)
{
	struct arena *arena = instance_arena(pool, 10);
	size_t pages = arena ? pages_for(arena, bytes, align) : 0;
	unsigned char *run;
	uint32_t page;
	bool fresh;

	page = arena ? run_new(pool, arena, pages, &fresh) : ARENA_NO_PAGE;
	if (page == ARENA_NO_PAGE)
		return NULL;
	run = arena->base + (size_t)page * SLABPOOL_PAGE_SIZE;
	if (!fresh && ((gfp & __GFP_ZERO) || pool->options.init_on_alloc))
		memory_clear(run, pages * SLABPOOL_PAGE_SIZE);
	run_begin(arena, page, (uint32_t)pages, kind);
	return run;
}

/* Ends the life of the run of this kind that starts at the page: its length, or 0 if there is none.
 * Of two that free it in the same instant only one gets it. */
/*@ requires arena: arena_open(arena) && runs_known(arena);
    requires page: page < arena->opened;
    requires kind: run_kind(kind);
    terminates always: \true;
    exits never: \false;
    assigns arena->page_map[page], arena->state[first_granule(arena, page)];
    ensures open: arena_open(arena);
    ensures runs: runs_known(arena);
    ensures exact: \result != 0 <==> \old(run_live(arena, page, kind));
    ensures length: \result != 0 ==> \result == run_pages{Pre}(arena, page);
    ensures inside: \result != 0 ==> run_inside(arena, page, \result);
    ensures ended: \result != 0 ==> arena->state[first_granule(arena, page)] == STATE_NONE;
    ensures refused: \result == 0 ==> arena->page_map[page] == \old(arena->page_map[page]) &&
      arena->state[first_granule(arena, page)] ==
        \old(arena->state[first_granule(arena, page)]);
*/
static uint32_t run_end(struct arena *arena, uint32_t page, uint8_t kind)
{
	size_t granule = pages_granule(arena, page);
	uint32_t entry;

	if (slabpool_load_u8(&arena->state[granule]) != kind ||
	    slabpool_exchange_u8(&arena->state[granule], STATE_NONE) != kind)
		return 0;
	/*@ assert live: run_live{Pre}(arena, page, kind); */
	/*@ assert length: 0 < run_pages{Pre}(arena, page); */
	/*@ assert none: arena->state[first_granule(arena, page)] == STATE_NONE; */
	/*@ assert others: runs_known_but(arena, page); */
	entry = slabpool_load_u32(&arena->page_map[page]);
	entry_set(arena, page, PAGE_UNOWNED);
	return entry - PAGE_RUN;
}

static bool run_free(struct slabpool *pool, struct arena *arena, const void *p, uint8_t kind)
{
	uint32_t page = page_at(arena, p), pages;

	pages = page == ARENA_NO_PAGE ? 0 : run_end(arena, page, kind);
	if (pages == 0)
		return false;
	if (pool->options.init_on_free)
		memory_clear(arena->base + (size_t)page * SLABPOOL_PAGE_SIZE,
			     (size_t)pages * SLABPOOL_PAGE_SIZE);
	arena_free_run(pool, arena, page, pages, ARENA_RUN, true);
	return true;
}

bool pages_free(struct slabpool *pool, const void *p, uint8_t kind)
{
	struct arena *arena = instance_find(pool, p);

	return arena && run_free(pool, arena, p, kind);
}

/*@ requires arena: arena_open(arena) && runs_known(arena);
    requires kind: \valid(kind) && apart_from_tables(arena, kind);
    terminates always: \true;
    exits never: \false;
    assigns *kind;
    ensures none: \result == 0 ==> no_run_at(arena, (void *)p);
    ensures run: \result != 0 ==> run_kind(*kind) &&
      live_run_of(arena, (void *)p, *kind, \result);
*/
static size_t pages_size_in(const struct arena *arena, const void *p, uint8_t *kind)
{
	uint32_t page = page_at(arena, p), entry;
	uint8_t state;

	if (page == ARENA_NO_PAGE)
		return 0;
	/*@ assert only: \forall integer q; page_starts(arena, (void *)p, q) ==> q == page; */
	state = slabpool_load_u8(&arena->state[pages_granule(arena, page)]);
	if (!is_run(state))
		return 0;
	/*@ assert live: run_live(arena, page, state); */
	/*@ assert length: 0 < run_pages(arena, page) < PAGE_RUN; */
	entry = slabpool_load_u32(&arena->page_map[page]);
	*kind = state;
	/*@ assert still: run_live(arena, page, state); */
	/*@ assert starts: page_starts(arena, (void *)p, page); */
	return (size_t)(entry - PAGE_RUN) * SLABPOOL_PAGE_SIZE;
}

size_t pages_size(struct slabpool *pool, const void *p, uint8_t *kind)
{
	const struct arena *arena = instance_find(pool, p);

	return arena ? pages_size_in(arena, p, kind) : 0;
}

int get_order(unsigned long size)
{
	return (int)geometry_order_of(size, SLABPOOL_PAGE_SHIFT);
}

/*@ requires pool: \valid_read(pool) && event_known(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
static void event_pages(struct slabpool *pool, enum slabpool_event_kind kind, const void *object,
			const void *result, unsigned int order, gfp_t gfp)
{
	struct slabpool_event event = {
		.kind = kind, .object = object, .result = result, .size = order, .flags = gfp,
	};

	instance_event(pool, &event);
}

void *slabpool_alloc_pages(struct slabpool *pool, gfp_t gfp, unsigned int order)
{
	void *run = NULL;

	if (order < ARENA_ORDERS)
		run = pages_alloc(pool, SLABPOOL_PAGE_SIZE << order, 1, STATE_RUN_PAGES, gfp);
	if (!run)
		check_no_memory(pool, "alloc_pages", NULL,
				order < ARENA_ORDERS ? SLABPOOL_PAGE_SIZE << order : SIZE_MAX, gfp);
	event_pages(pool, SLABPOOL_EVENT_PAGES_ALLOC, NULL, run, order, gfp);
	return run;
}

void slabpool_free_pages(struct slabpool *pool, void *address, unsigned int order)
{
	uint8_t kind = 0;
	size_t bytes;

	if (!address)
		return;
	bytes = pages_size(pool, address, &kind);
	if (kind != STATE_RUN_PAGES) {
		check_bad_free(pool, "free_pages", NULL, address);
		return;
	}
	if (order >= ARENA_ORDERS || bytes != SLABPOOL_PAGE_SIZE << order) {
		struct slabpool_report report = {
			.kind = SLABPOOL_REPORT_WRONG_ORDER, .call = "free_pages",
			.pointer = address, .start = address, .size = order, .crime = true,
			.text = "memory of alloc_pages",
		};

		check_report(pool, &report);
		return;
	}
	event_pages(pool, SLABPOOL_EVENT_PAGES_FREE, address, NULL, order, 0);
	pages_free(pool, address, STATE_RUN_PAGES);
}
