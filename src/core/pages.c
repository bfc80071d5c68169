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
#include "core/instance.h"
#include "core/lookup.h"
#include "core/memory.h"

/* State byte of the granule where p starts, NULL if p is not the start of a page of the arena. */
static uint8_t *run_state(const struct arena *arena, const void *p, uint32_t *page)
{
	size_t offset = lookup_offset(arena, p);

	if (offset == LOOKUP_NOT_IN || offset % SLABPOOL_PAGE_SIZE != 0)
		return NULL;
	*page = (uint32_t)(offset >> SLABPOOL_PAGE_SHIFT);
	if (*page >= slabpool_load_u32(&arena->opened))
		return NULL;
	return &arena->state[offset >> arena->granule_shift];
}

static bool is_run(uint8_t state)
{
	return state >= STATE_RUN_KMALLOC && state <= STATE_RUN_VMALLOC;
}

/* Pages to ask for so that the run's start is a multiple of align; 0: cannot be. */
static size_t pages_for(const struct arena *arena, size_t bytes, size_t align)
{
	size_t pages = (bytes - 1) / SLABPOOL_PAGE_SIZE + 1;

	if (align > arena->align)
		return 0;
	return pages < align / SLABPOOL_PAGE_SIZE ? align / SLABPOOL_PAGE_SIZE : pages;
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
	run = arena->base + ((size_t)page << SLABPOOL_PAGE_SHIFT);
	if (!fresh && ((gfp & __GFP_ZERO) || pool->options.init_on_alloc))
		memset(run, 0, pages * SLABPOOL_PAGE_SIZE);
	slabpool_store_u32(&arena->page_map[page], PAGE_RUN + (uint32_t)pages);
	slabpool_store_u8(&arena->state[(run - arena->base) >> arena->granule_shift], kind);
	return run;
}

bool pages_free(struct slabpool *pool, const void *p, uint8_t kind)
{
	struct arena *arena = instance_find(pool, p);
	uint32_t page = 0, pages;
	uint8_t *state = arena ? run_state(arena, p, &page) : NULL;

	/* Of two that free it in the same instant only one gets the kind. */
	if (!state || slabpool_load_u8(state) != kind ||
	    slabpool_exchange_u8(state, STATE_NONE) != kind)
		return false;
	pages = slabpool_load_u32(&arena->page_map[page]) - PAGE_RUN;
	slabpool_store_u32(&arena->page_map[page], PAGE_UNOWNED);
	if (pool->options.init_on_free)
		memset(arena->base + ((size_t)page << SLABPOOL_PAGE_SHIFT), 0,
		       (size_t)pages << SLABPOOL_PAGE_SHIFT);
	arena_free_run(pool, arena, page, pages, ARENA_RUN, true);
	return true;
}

size_t pages_size(struct slabpool *pool, const void *p, uint8_t *kind)
{
	struct arena *arena = instance_find(pool, p);
	uint32_t page = 0;
	uint8_t *state = arena ? run_state(arena, p, &page) : NULL;

	if (!state || !is_run(slabpool_load_u8(state)))
		return 0;
	*kind = slabpool_load_u8(state);
	return (size_t)(slabpool_load_u32(&arena->page_map[page]) - PAGE_RUN)
	       << SLABPOOL_PAGE_SHIFT;
}

static int order_of(size_t bytes)
{
	size_t pages = (bytes - 1) / SLABPOOL_PAGE_SIZE;
	int order = 0;

	for (; pages > 0; pages /= 2)
		order++;
	return order;
}

int get_order(unsigned long size)
{
	return size <= SLABPOOL_PAGE_SIZE ? 0 : order_of(size);
}

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
