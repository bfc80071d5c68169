/* SPDX-License-Identifier: MIT */
/*
 * Trim: what a free page still costs goes back to the system.
 *
 *   pages    |  in use  |       free, without memory        |  in use  |
 *   state    ......|....|xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|...|......     a byte a granule, 0
 *   bits     ...............|xxxxxxxxxxxxxxxxxxx|.................      refilled with the next slab
 *   page_map ....................|xxxxxxx|........................      0: no owner
 *   link     of a run's pages but the first                             never read
 *   slab     in use, unused, in use |xxxxxxx  unused behind the last one
 *
 * The data of idle runs goes back, and of the tables those pages (x) on which nothing stands but
 * what belongs to free pages without memory. The tables were written for the slabs that stood
 * there; after a burst of small objects they are an eighth of it. All of x reads as zero already,
 * or nobody reads it before it is written, and that stays so before, while and after its memory
 * goes back: any thread may look at the state byte of a pointer that is none, at any time. So only
 * a platform that can drop contents without access to them being lost does it (SLABPOOL_DISCARD).
 *
 * Runs whose tables went back are marked (ORDER_CLEAN) until they are used, cut or joined, so that
 * the next trim asks the system for those of the others only.
 *
 * Unused descriptors at the end of the slab table leave the list of unused ones, which is put in
 * order: as the lowest are used first after that, the table stays short.
 *
 * Guarantee: no free run, owned page or descriptor in use changes, but for ORDER_IDLE, ORDER_CLEAN
 * and the order in which unused descriptors are handed out.
 *
 * Locking: the arena's lock is held throughout.
 */
#include "core/arena.h"
#include "core/instance.h"
#include "core/locks.h"

/* Free pages without memory, first .. end-1, and those of them whose tables may have some. */
struct stretch {
	uint32_t first, end, dirty_first, dirty_end;
};

static uintptr_t page_down(uintptr_t address)
{
	return address & ~(uintptr_t)(SLABPOOL_PAGE_SIZE - 1);
}

static uintptr_t page_up(uintptr_t address)
{
	return page_down(address + SLABPOOL_PAGE_SIZE - 1);
}

static void discard(struct slabpool *pool, void *table, uintptr_t from, uintptr_t to)
{
	unsigned char *start = (unsigned char *)table + (from - (uintptr_t)table);

	if (from < to)
		pool->platform.commit(pool->platform.context, start, to - from, SLABPOOL_DISCARD);
}

/* Gives back what a table has for the dirty part of a stretch, and pages that this shares with a
 * clean part: they could not go with that. */
static void table_discard(struct slabpool *pool, void *table, size_t bytes_a_page,
			  const struct stretch *s)
{
	uintptr_t start = (uintptr_t)table;
	uintptr_t from = page_up(start + s->first * bytes_a_page);
	uintptr_t to = page_down(start + s->end * bytes_a_page);
	uintptr_t dirty_from = page_down(start + s->dirty_first * bytes_a_page);
	uintptr_t dirty_to = page_up(start + s->dirty_end * bytes_a_page);

	discard(pool, table, from > dirty_from ? from : dirty_from, to < dirty_to ? to : dirty_to);
}

/* Marks a run whose tables went back. Of its links there was but the first. */
SLABPOOL_UNDER(arena_locks)
static void run_clean(struct slabpool *pool, struct arena *arena, uint32_t page, uint32_t pages)
{
	if (!order_is_clean(arena->order[page]))
		discard(pool, arena->link, page_up((uintptr_t)(arena->link + page + 1)),
			page_down((uintptr_t)(arena->link + page + pages)));
	arena->order[page] |= ORDER_CLEAN;
}

SLABPOOL_UNDER(arena_locks)
static void stretch_discard(struct slabpool *pool, struct arena *arena, const struct stretch *s)
{
	uint32_t page, pages, shift = SLABPOOL_PAGE_SHIFT - arena->granule_shift;

	if (s->dirty_first >= s->dirty_end)
		return;
	table_discard(pool, arena->state, (size_t)1 << shift, s);
	table_discard(pool, arena->bits, arena->words_a_page * sizeof(uint64_t), s);
	table_discard(pool, arena->page_map, sizeof(uint32_t), s);
	for (page = s->first; page < s->end; page += pages) {
		pages = 1u << (order_code(arena->order[page]) - 1);
		run_clean(pool, arena, page, pages);
	}
}

static void stretch_add(struct stretch *s, uint32_t page, uint32_t pages, bool clean)
{
	if (s->end != page || s->first == s->end)
		*s = (struct stretch){ page, page, page, page };
	s->end = page + pages;
	if (clean)
		return;
	if (s->dirty_first == s->dirty_end)
		s->dirty_first = page;
	s->dirty_end = s->end;
}

/* Pages from this one on up to the head of a free run. */
SLABPOOL_UNDER(arena_locks)
static uint32_t pages_in_use(const struct arena *arena, uint32_t page)
{
	uint32_t first = page;

	while (page < arena->opened && arena->order[page] == 0)
		page++;
	return page - first;
}

SLABPOOL_UNDER(arena_locks)
static void tables_trim(struct slabpool *pool, struct arena *arena)
{
	struct stretch s = { 0, 0, 0, 0 };
	uint32_t page = 0, pages;

	while (page < arena->opened) {
		uint8_t order = arena->order[page];

		pages = order ? 1u << (order_code(order) - 1) : pages_in_use(arena, page);
		if (order && !order_is_idle(order)) {
			stretch_add(&s, page, pages, order_is_clean(order));
		} else {
			stretch_discard(pool, arena, &s);
			s = (struct stretch){ 0, 0, 0, 0 };
		}
		page += pages;
	}
	stretch_discard(pool, arena, &s);
}

static bool slab_is_unused(const struct arena *arena, uint32_t which)
{
	return slabpool_load_u32(&arena->slab[which].cache) == UINT32_MAX;
}

/* Descriptors behind the last one in use, once they fill a page. */
SLABPOOL_UNDER(arena_locks)
static void descriptors_trim(struct slabpool *pool, struct arena *arena)
{
	uint32_t count = arena->slab_count, which;
	uintptr_t from, to, open;

	while (count > 0 && slab_is_unused(arena, count - 1))
		count--;
	from = page_up((uintptr_t)(arena->slab + count));
	to = page_up((uintptr_t)(arena->slab + arena->slab_count));
	open = page_down((uintptr_t)(arena->slab + arena->opened));
	if (to > open)
		to = open;
	if (from >= to)
		return;
	discard(pool, arena->slab, from, to);
	arena->slab_count = count;
	arena->slab_free = SLAB_NO_SLAB;
	for (which = count; which-- > 0;) {
		if (!slab_is_unused(arena, which))
			continue;
		arena->slab[which].next = arena->slab_free;
		arena->slab_free = which;
	}
}

/* The data of idle runs. */
SLABPOOL_UNDER(arena_locks)
static size_t idle_trim(struct slabpool *pool, struct arena *arena)
{
	size_t bytes = (size_t)arena->idle_pages << SLABPOOL_PAGE_SHIFT;
	uint32_t order, page;

	for (order = 0; order < ARENA_ORDERS && arena->idle_pages > 0; order++) {
		for (page = arena->free_run[order]; page != ARENA_NO_PAGE;
		     page = arena->link[page].next) {
			if (!order_is_idle(arena->order[page]))
				continue;
			pool->platform.commit(pool->platform.context,
					      arena->base + ((size_t)page << SLABPOOL_PAGE_SHIFT),
					      SLABPOOL_PAGE_SIZE << order, SLABPOOL_DECOMMIT);
			arena->order[page] &= (uint8_t)~ORDER_IDLE;
			arena->idle_pages -= 1u << order;
		}
	}
	return bytes;
}

size_t arena_reap(struct slabpool *pool, struct arena *arena)
{
	size_t bytes;

	arena_lock(pool, arena) /*@ ghost (0, 0, 0) */;
	bytes = idle_trim(pool, arena);
	arena_unlock(pool, arena);
	arena_trim(pool, arena);
	return bytes;
}

void arena_trim(struct slabpool *pool, struct arena *arena)
{
	arena_lock(pool, arena) /*@ ghost (0, 0, 0) */;
	tables_trim(pool, arena);
	arena_unlock(pool, arena);
	descriptors_lock(pool, arena);
	descriptors_trim(pool, arena);
	arena_unlock(pool, arena);
}
