/* SPDX-License-Identifier: MIT */
/*
 * Check: what is wrong with a pointer, said in one place.
 *
 * The fast path only finds that a pointer is not the start of a live object of the cache. Here,
 * where time does not matter, page map and descriptors tell why:
 *
 *   no arena, page never used or without owner          foreign
 *   inside an object or run, not at its start           interior
 *   start of an object, state byte 0                    double free
 *   start of a live object of another cache             wrong cache
 *   start of a live run, or object where a run goes     wrong api
 *
 * The tables are read without a lock: they may change while another thread grows or shrinks a
 * cache, so the text of a report about a racing misuse may name the wrong reason, but it is
 * always a report about a pointer that was not live.
 *
 * Locking: none is held while a report is shown.
 */
#include "core/check.h"
#include "core/kmalloc.h"
#include "core/lookup.h"
#include "core/pages.h"

void check_report(struct slabpool *pool, const struct slabpool_report *report)
{
	const struct slabpool_options *options = &pool->options;

	if (report->crime && options->misuse == SLABPOOL_MISUSE_IGNORE)
		return;
	if (options->report) {
		/*@ calls slabpool_user_report; */
		options->report(options->report_context, report);
	} else if (pool->platform.report) {
		/*@ calls slabpool_platform_report; */
		pool->platform.report(pool->platform.context, report);
	}
	if (report->crime && options->misuse == SLABPOOL_MISUSE_ABORT) {
		/*@ calls slabpool_platform_fatal; */
		pool->platform.fatal(pool->platform.context);
	}
}

static const struct check_description nothing = { .index = SLAB_NO_OBJECT };

/* The run that holds a page of the arena: the entry of its first page holds its length. */
/*@ requires arena: arena_open(arena);
    requires inside: page < arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures cache: \result.cache == \null;
    ensures none: \result.state == STATE_NONE ==> \result.start == 0;
    ensures found: \result.state != STATE_NONE ==> run_described((struct arena *)arena,
      \result.state, \result.start, \result.bytes, page);
*/
static struct check_description describe_run(const struct arena *arena, uint32_t page)
{
	struct check_description out = nothing;
	uint32_t first = page + 1, pages = PAGE_UNOWNED;
	uint8_t state;

	/*@ loop invariant range: 0 <= first <= page + 1;
	    loop invariant entry: first <= page ==> pages == arena->page_map[first];
	    loop assigns first, pages;
	    loop variant first;
	*/
	while (first > 0) {
		first--;
		pages = slabpool_load_u32(&arena->page_map[first]);
		if (pages != PAGE_UNOWNED)
			break;
	}
	state = slabpool_load_u8(&arena->state[pages_granule(arena, first)]);
	if (pages < PAGE_RUN || state < STATE_RUN_KMALLOC || state > STATE_RUN_VMALLOC ||
	    page - first >= pages - PAGE_RUN || pages - PAGE_RUN > arena->pages)
		return out;
	out.state = state;
	out.start = arena->address + (size_t)first * SLABPOOL_PAGE_SIZE;
	out.bytes = (size_t)(pages - PAGE_RUN) * SLABPOOL_PAGE_SIZE;
	/*@ assert described: run_described_at((struct arena *)arena, out.state, out.start,
	      out.bytes, page, first); */
	return out;
}

/*@ requires arena: arena_ready(arena) && map_known(arena);
    requires slab: run_whole(arena, which) && \valid_read(arena->slab[which].owner);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures cache: \result.cache == arena->slab[which].owner;
    ensures object: \result.start != 0 ==> \result.start ==
      arena->address + object_start(arena, which, \result.index);
    ensures size: \result.start != 0 ==> \result.bytes == arena->slab[which].stride;
    ensures holds: \result.start != 0 ==> object_holds(&arena->slab[which], \result.index,
      offset - run_start(arena, which));
*/
static struct check_description describe_object(struct arena *arena, uint32_t which, size_t offset)
{
	struct check_description out = nothing;
	uint32_t index = lookup_object(arena, which, offset);

	out.cache = arena->slab[which].owner;
	if (index == SLAB_NO_OBJECT)
		return out;
	out.index = index;
	out.start = arena->address + lookup_start(arena, which, index);
	out.bytes = arena->slab[which].stride;
	out.state = kmalloc_state(arena, out.start);
	return out;
}

/*@ requires arena: arena_ready(arena) && map_known(arena);
    requires inside: offset < arena_bytes(arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures cache: \result.cache == \null || \valid_read(\result.cache);
*/
static struct check_description describe_in(struct arena *arena, size_t offset)
{
	uint32_t which = lookup_slab(arena, offset);

	if (which == SLAB_NO_SLAB)
		return describe_run(arena, (uint32_t)(offset / SLABPOOL_PAGE_SIZE));
	/*@ assert whole: run_whole(arena, which); */
	/*@ assert owner: \valid_read(arena->slab[which].owner); */
	return describe_object(arena, which, offset);
}

struct check_description check_describe(struct slabpool *pool, const void *p)
{
	struct arena *arena = instance_find(pool, p);
	struct check_description out;
	size_t offset;

	if (!arena)
		return nothing;
	offset = (uintptr_t)p - arena->address;
	if (offset / SLABPOOL_PAGE_SIZE >= slabpool_load_u32(&arena->opened))
		return nothing;
	out = describe_in(arena, offset);
	if (out.cache && out.cache->life == CACHE_META)
		out = nothing;
	out.arena = arena;
	return out;
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures foreign: \result == SLABPOOL_REPORT_FOREIGN <==> found.start == 0;
    ensures interior: \result == SLABPOOL_REPORT_INTERIOR <==>
      found.start != 0 && !found_at(found, (void *)object);
    ensures wrong_api: \result == SLABPOOL_REPORT_WRONG_API <==>
      found_at(found, (void *)object) && found.state != STATE_NONE &&
      (cache == \null || found.cache == \null);
    ensures wrong_cache: \result == SLABPOOL_REPORT_WRONG_CACHE <==>
      found_at(found, (void *)object) && found.state != STATE_NONE &&
      cache != \null && found.cache != \null && found.cache != cache;
    ensures double: \result == SLABPOOL_REPORT_DOUBLE_FREE <==>
      found_at(found, (void *)object) && (found.state == STATE_NONE ||
      (cache != \null && found.cache == cache));
*/
static enum slabpool_report_kind kind_of(struct check_description found, struct kmem_cache *cache,
					 const void *object)
{
	if (!found.start)
		return SLABPOOL_REPORT_FOREIGN;
	if (found.start != (uintptr_t)object)
		return SLABPOOL_REPORT_INTERIOR;
	if (found.state == STATE_NONE)
		return SLABPOOL_REPORT_DOUBLE_FREE;
	if (!cache || !found.cache)
		return SLABPOOL_REPORT_WRONG_API;
	return found.cache == cache ? SLABPOOL_REPORT_DOUBLE_FREE : SLABPOOL_REPORT_WRONG_CACHE;
}

/* What a report calls it; NULL for what belongs to nobody. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures nothing: \result == \null <==> !run_kind(state) && owned == 0;
*/
static const char *what_it_is(uint32_t state, bool owned)
{
	if (state == STATE_RUN_KMALLOC)
		return "memory of kmalloc";
	if (state == STATE_RUN_PAGES)
		return "memory of alloc_pages";
	if (state == STATE_RUN_VMALLOC)
		return "memory of vmalloc";
	return owned ? "an object of a cache" : NULL;
}

/*@ requires pool: \valid_read(pool) && reports_known(pool);
    requires caches: (cache == \null || \valid_read(cache)) &&
      (found.cache == \null || \valid_read(found.cache));
    terminates always: \true;
    exits ended: \true;
    assigns \nothing;
*/
static void report_found(struct slabpool *pool, const char *call, struct kmem_cache *cache,
			 const void *object, struct check_description found)
{
	struct slabpool_report report = { .call = call, .pointer = object, .crime = true };

	report.kind = kind_of(found, cache, object);
	report.cache = cache ? cache->name : NULL;
	report.other = found.cache ? found.cache->name : NULL;
	report.start = (const void *)found.start;
	report.size = found.bytes;
	if (report.kind == SLABPOOL_REPORT_WRONG_API)
		report.text = what_it_is(found.state, found.cache != NULL);
	check_report(pool, &report);
}

void check_bad_free(struct slabpool *pool, const char *call, struct kmem_cache *cache,
		    const void *object)
{
	report_found(pool, call, cache, object, check_describe(pool, object));
}

void check_bad_argument(struct slabpool *pool, const char *call, const char *name,
			const char *text, size_t size)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_BAD_ARGUMENT, .call = call, .cache = name, .text = text,
		.size = size,
	};

	check_report(pool, &report);
}

void check_no_memory(struct slabpool *pool, const char *call, const char *name, size_t size,
		     gfp_t gfp)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_NO_MEMORY, .call = call, .cache = name, .size = size,
	};

	if (gfp & __GFP_NOFAIL)
		report.kind = SLABPOOL_REPORT_NOFAIL;
	else if (gfp & __GFP_NOWARN)
		return;
	check_report(pool, &report);
	if (gfp & __GFP_NOFAIL) {
		/*@ calls slabpool_platform_fatal; */
		pool->platform.fatal(pool->platform.context);
	}
}
