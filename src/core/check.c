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
#include "core/lookup.h"
#include "core/pages.h"
#include "../../proofs/logic/Check.acsl"

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

/* The run that holds a page of the arena: the entry of its first page holds its length. */
/*@ requires arena: arena_open(arena);
    requires inside: page < arena->pages;
    requires out: \valid(out) && out->start == \null && out_apart(arena, out);
    terminates always: \true;
    exits never: \false;
    assigns out->state, out->start, out->bytes;
    ensures none: out->state == STATE_NONE ==> out->start == \null;
    ensures found: out->state != STATE_NONE ==> run_described(arena, out, page);
*/
static void describe_run(const struct arena *arena, uint32_t page, struct check_description *out)
{
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
	out->state = STATE_NONE;
	if (pages < PAGE_RUN || state < STATE_RUN_KMALLOC || state > STATE_RUN_VMALLOC ||
	    page - first >= pages - PAGE_RUN || pages - PAGE_RUN > arena->pages)
		return;
	out->state = state;
	out->start = arena->base + (size_t)first * SLABPOOL_PAGE_SIZE;
	out->bytes = (size_t)(pages - PAGE_RUN) * SLABPOOL_PAGE_SIZE;
	/*@ assert entry: pages == arena->page_map[first]; */
	/*@ assert start: out->start == page_address(arena, first); */
	/*@ assert bytes: out->bytes == run_pages(arena, first) * SLABPOOL_PAGE_SIZE; */
	/*@ assert described: run_described_at(arena, out, page, first); */
}

static void describe_object(const struct arena *arena, uint32_t which, size_t offset,
			    struct check_description *out)
{
	uint32_t index = lookup_object(arena, which, offset);
	size_t start;

	out->slab = which;
	out->cache = arena->slab[which].owner;
	if (index == SLAB_NO_OBJECT)
		return;
	out->index = index;
	out->start = lookup_address(arena, which, index);
	out->bytes = arena->slab[which].stride;
	start = (size_t)(out->start - arena->base);
	out->state = slabpool_load_u8(&arena->state[start >> arena->granule_shift]);
}

void check_describe(struct slabpool *pool, const void *p, struct check_description *out)
{
	static const struct check_description nothing = { .slab = SLAB_NO_SLAB,
							  .index = SLAB_NO_OBJECT };
	struct arena *arena = instance_find(pool, p);
	uint32_t page, which;
	size_t offset;

	*out = nothing;
	if (!arena)
		return;
	offset = lookup_offset(arena, p);
	page = (uint32_t)(offset >> SLABPOOL_PAGE_SHIFT);
	if (page >= slabpool_load_u32(&arena->opened))
		return;
	out->arena = arena;
	which = lookup_slab(arena, offset);
	if (which == SLAB_NO_SLAB)
		describe_run(arena, page, out);
	else
		describe_object(arena, which, offset, out);
	if (out->cache && out->cache->life == CACHE_META) {
		*out = nothing;
		out->arena = arena;
	}
}

/*@ requires memory: \valid_read(found);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures foreign: \result == SLABPOOL_REPORT_FOREIGN <==> found->start == \null;
    ensures interior: \result == SLABPOOL_REPORT_INTERIOR <==>
      found->start != \null && !starts_at(found, (void *)object);
    ensures wrong_api: \result == SLABPOOL_REPORT_WRONG_API <==>
      starts_at(found, (void *)object) && found->state != STATE_NONE &&
      (cache == \null || found->cache == \null);
    ensures wrong_cache: \result == SLABPOOL_REPORT_WRONG_CACHE <==>
      starts_at(found, (void *)object) && found->state != STATE_NONE &&
      cache != \null && found->cache != \null && found->cache != cache;
    ensures double: \result == SLABPOOL_REPORT_DOUBLE_FREE <==>
      starts_at(found, (void *)object) && (found->state == STATE_NONE ||
      (cache != \null && found->cache == cache));
*/
static enum slabpool_report_kind kind_of(const struct check_description *found,
					 struct kmem_cache *cache, const void *object)
{
	if (!found->start)
		return SLABPOOL_REPORT_FOREIGN;
	if ((uintptr_t)found->start != (uintptr_t)object)
		return SLABPOOL_REPORT_INTERIOR;
	if (found->state == STATE_NONE)
		return SLABPOOL_REPORT_DOUBLE_FREE;
	if (!cache || !found->cache)
		return SLABPOOL_REPORT_WRONG_API;
	return found->cache == cache ? SLABPOOL_REPORT_DOUBLE_FREE : SLABPOOL_REPORT_WRONG_CACHE;
}

/*@ requires memory: \valid_read(found);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures nothing: \result == \null ==> !run_kind(found->state) && found->cache == \null;
*/
static const char *what_it_is(const struct check_description *found)
{
	switch (found->state) {
	case STATE_RUN_KMALLOC:
		return "memory of kmalloc";
	case STATE_RUN_PAGES:
		return "memory of alloc_pages";
	case STATE_RUN_VMALLOC:
		return "memory of vmalloc";
	default:
		return found->cache ? "an object of a cache" : NULL;
	}
}

void check_bad_free(struct slabpool *pool, const char *call, struct kmem_cache *cache,
		    const void *object)
{
	struct slabpool_report report = { .call = call, .pointer = object, .crime = true };
	struct check_description found;

	check_describe(pool, object, &found);
	report.kind = kind_of(&found, cache, object);
	report.cache = cache ? cache->name : NULL;
	report.other = found.cache ? found.cache->name : NULL;
	report.start = found.start;
	report.size = found.bytes;
	if (report.kind == SLABPOOL_REPORT_WRONG_API)
		report.text = what_it_is(&found);
	check_report(pool, &report);
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
