/* SPDX-License-Identifier: MIT */
/*
 * What a report of misuse must say. The model knows what is live; which object an address lies in
 * is found by walking the allocator's lists (inside.c), and the line is written here a second time,
 * from the sentences that api/report.c promises.
 */
#include "calls.h"
#include "inside.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static const char *const call_names[] = {
	[HOW_CACHE] = "kmem_cache_free", [HOW_KFREE] = "kfree", [HOW_VFREE] = "vfree",
	[HOW_KVFREE] = "kvfree", [HOW_PAGES] = "free_pages",
};

static bool can_foretell(const struct world *w)
{
	return (w->a->caps & CAP_INSIDE) && (w->a->caps & CAP_MISUSE);
}

static void foretell(struct world *w, const struct slabpool_report *report)
{
	w->crime_report = *report;
	w->crime_report.crime = true;
	w->crime_known = true;
}

/* Why an address is refused, after what was found there. */
static enum slabpool_report_kind kind_of(const struct fuzz_found *found, bool with_cache,
					 const void *p)
{
	if (found->what < FOUND_OBJECT)
		return SLABPOOL_REPORT_FOREIGN;
	if (found->start != (uintptr_t)p)
		return SLABPOOL_REPORT_INTERIOR;
	if (found->what == FOUND_OBJECT && fuzz_inside_place(found->cache, p) != PLACE_HELD)
		return SLABPOOL_REPORT_DOUBLE_FREE;
	return with_cache && found->what == FOUND_OBJECT ? SLABPOOL_REPORT_WRONG_CACHE
							 : SLABPOOL_REPORT_WRONG_API;
}

void crime_foretell_call(struct world *w, const char *call, uint32_t cache, const void *p)
{
	struct slabpool_report report = { .call = call, .pointer = p };
	struct fuzz_found found;

	if (!can_foretell(w))
		return;
	found = fuzz_inside_find(w->pool, p);
	report.kind = kind_of(&found, cache != FUZZ_NONE, p);
	report.cache = cache == FUZZ_NONE ? NULL : w->a->cache_name(w->cache[cache].k);
	report.other = found.name;
	report.start = (const void *)found.start;
	report.size = found.bytes;
	if (report.kind == SLABPOOL_REPORT_WRONG_API)
		report.text = found.text;
	foretell(w, &report);
}

void crime_foretell(struct world *w, enum how how, uint32_t by, const void *p)
{
	uint32_t at = model_find(p);
	const struct wobject *o = object_at(at);

	if (!can_foretell(w))
		return;
	crime_foretell_call(w, call_names[how], how == HOW_CACHE ? by : FUZZ_NONE, p);
	if (how != HOW_PAGES || at == FUZZ_NONE || o->family != FAMILY_PAGES || o->p != p)
		return;
	foretell(w, &(struct slabpool_report){
		.kind = SLABPOOL_REPORT_WRONG_ORDER, .call = "free_pages", .pointer = p,
		.start = p, .size = by, .text = "memory of alloc_pages",
	});
}

void crime_foretell_dead(struct world *w, const char *call, struct kmem_cache *cache)
{
	if (can_foretell(w))
		foretell(w, &(struct slabpool_report){
			.kind = SLABPOOL_REPORT_BAD_CACHE, .call = call, .pointer = cache,
		});
}

/* --- the line --- */

struct line {
	char text[640];
	size_t length;
};

SLABPOOL_PRINTF(2, 3)
static void add(struct line *line, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->length, sizeof(line->text) - line->length, format, args);
	va_end(args);
	line->length += (size_t)n;
}

/* Who else was named. */
static void add_target(struct line *line, const struct slabpool_report *r)
{
	if (r->cache && (!r->other || strcmp(r->cache, r->other)))
		add(line, ", freed to cache '%.64s'", r->cache);
}

static void add_interior(struct line *line, const struct slabpool_report *r)
{
	size_t offset = (uintptr_t)r->pointer - (uintptr_t)r->start;

	add(line, "interior pointer 0x%" PRIxPTR ", %zu byte%s into %s 0x%" PRIxPTR,
	    (uintptr_t)r->pointer, offset, offset == 1 ? "" : "s", r->other ? "object" : "memory",
	    (uintptr_t)r->start);
	if (r->other)
		add(line, " of cache '%.64s'", r->other);
	add_target(line, r);
}

static void add_what(struct line *line, const struct slabpool_report *r)
{
	uintptr_t p = (uintptr_t)r->pointer;

	switch (r->kind) {
	case SLABPOOL_REPORT_DOUBLE_FREE:
		add(line, "double free of 0x%" PRIxPTR ", object of cache '%.64s' is already free",
		    p, r->other);
		add_target(line, r);
		break;
	case SLABPOOL_REPORT_FOREIGN:
		add(line, "foreign pointer 0x%" PRIxPTR ", no memory of slabpool", p);
		add_target(line, r);
		break;
	case SLABPOOL_REPORT_INTERIOR:
		add_interior(line, r);
		break;
	case SLABPOOL_REPORT_WRONG_CACHE:
		add(line, "wrong cache for 0x%" PRIxPTR ", object of cache '%.64s' freed to "
		    "cache '%.64s'", p, r->other, r->cache);
		break;
	case SLABPOOL_REPORT_WRONG_API:
		add(line, "wrong call for 0x%" PRIxPTR, p);
		if (r->other)
			add(line, ", object of cache '%.64s'", r->other);
		add(line, ": %s", r->text);
		add_target(line, r);
		break;
	case SLABPOOL_REPORT_WRONG_ORDER:
		add(line, "wrong order %zu for 0x%" PRIxPTR ": %s", r->size, p, r->text);
		break;
	default:
		add(line, "bad cache 0x%" PRIxPTR ", NULL or destroyed", p);
		break;
	}
}

static void check_name(const char *what, const char *got, const char *want)
{
	/* The very cache: two may have the same name. */
	if (got != want)
		fuzz_fail("report", "it names %s \"%s\" instead of \"%s\"", what,
			  got ? got : "none", want ? want : "none");
}

void crime_check_report(const struct world *w, const struct slabpool_report *report)
{
	const struct slabpool_report *want = &w->crime_report;
	struct line line = { .length = 0 };

	if (report->kind != want->kind)
		fuzz_fail("report", "the report is of kind %d, not %d", (int)report->kind,
			  (int)want->kind);
	if (!report->crime)
		fuzz_fail("report", "the report is not of a crime");
	if (strcmp(report->call, want->call))
		fuzz_fail("report", "it names the call %s instead of %s", report->call,
			  want->call);
	check_name("cache", report->cache, want->cache);
	check_name("the owner", report->other, want->other);
	if (report->pointer != want->pointer || report->start != want->start ||
	    report->size != want->size)
		fuzz_fail("report", "it says %p in %p, %zu bytes; it is %p in %p, %zu bytes",
			  report->pointer, report->start, report->size, want->pointer,
			  want->start, want->size);
	if (!report->text != !want->text || (want->text && strcmp(report->text, want->text)))
		fuzz_fail("report", "its text is \"%s\", not \"%s\"",
			  report->text ? report->text : "none", want->text ? want->text : "none");
	add(&line, "slabpool: %s: ", want->call);
	add_what(&line, want);
	if (strcmp(line.text, w->line))
		fuzz_fail("report", "the line is\n%s\nfuzz: instead of\n%s", w->line, line.text);
}
