/* SPDX-License-Identifier: MIT */
/*
 * The one line of a report.
 *
 * Every line is "slabpool: CALL: " and what is wrong; it names the pointer and every cache that is
 * known. Programs that watch stderr rely on these lines: they change only with a major version.
 *
 *	double free of 0x10, object of cache 'a' is already free
 *	foreign pointer 0x10, no memory of slabpool, freed to cache 'a'
 *	interior pointer 0x18, 8 bytes into object 0x10 of cache 'a'
 *	wrong cache for 0x10, object of cache 'a' freed to cache 'b'
 *	interior pointer 0x18, 8 bytes into memory 0x10, freed to cache 'a'
 *	wrong call for 0x10: memory of vmalloc()
 *	wrong call for 0x10: memory of kmalloc, freed to cache 'a'
 *	wrong order 3 for 0x10: allocated with order 2
 *	bad cache 0x10, NULL or destroyed
 *	cache 'a' still has 3 objects, not destroyed
 *	live object 0x10 of cache 'a', 24 bytes
 *	bad argument for cache 'a': size is 0
 *	__GFP_ZERO from cache 'a' with a constructor, zeroed all the same
 *	cache name 'a b' has a blank, which confuses readers of slabinfo
 *	out of memory for cache 'a', 64 bytes
 *	cannot wait for an element, NULL is returned
 *	__GFP_ZERO is not supported by mempools, ignored
 *	cannot create cache 'a' with SLAB_PANIC: size is 0
 *	__GFP_NOFAIL but out of memory for cache 'a', 64 bytes
 *	internal error: metadata was overwritten, cache 'a'
 *	page runs still hold 102400 bytes
 *	0x18: 8 bytes into live object 0x10 of cache 'a', 24 bytes
 */
#include "api/text.h"
#include <slabpool/platform.h>

/* A cache's name may be of any length; a line shows this much. */
#define REPORT_NAME_SHOWN 64
#define REPORT_TEXT_SHOWN 256

static void put_name(struct text *text, const char *before, const char *name)
{
	if (!name)
		return;
	text_string(text, before);
	text_quoted(text, name, REPORT_NAME_SHOWN);
}

static void put_text(struct text *text, const char *before, const char *string)
{
	if (!string)
		return;
	text_string(text, before);
	text_foreign(text, string, REPORT_TEXT_SHOWN);
}

static bool same_name(const char *a, const char *b)
{
	size_t i;

	for (i = 0; a[i] && a[i] == b[i]; i++)
		;
	return a[i] == b[i];
}

/* The cache that the caller named, where it is not the one that the line has shown as owner. */
static void put_target(struct text *text, const struct slabpool_report *report)
{
	if (report->cache && (!report->other || !same_name(report->cache, report->other)))
		put_name(text, ", freed to cache ", report->cache);
}

static const char *owner(const struct slabpool_report *report)
{
	return report->other ? report->other : report->cache;
}

static void put_double_free(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "double free of ");
	text_pointer(text, report->pointer);
	if (owner(report))
		put_name(text, ", object of cache ", owner(report));
	else
		text_string(text, ", it");
	text_string(text, " is already free");
	put_text(text, ": ", report->text);
	if (report->other)
		put_target(text, report);
}

static void put_foreign(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "foreign pointer ");
	text_pointer(text, report->pointer);
	text_string(text, ", no memory of slabpool");
	put_text(text, ": ", report->text);
	put_target(text, report);
}

static void put_interior(struct text *text, const struct slabpool_report *report)
{
	uintptr_t pointer = (uintptr_t)report->pointer, start = (uintptr_t)report->start;

	text_string(text, "interior pointer ");
	text_pointer(text, report->pointer);
	if (report->start) {
		text_string(text, ", ");
		text_decimal(text, pointer - start);
		text_string(text, pointer - start == 1 ? " byte into " : " bytes into ");
		/* A run of pages has no cache, whatever cache the caller named. */
		text_string(text, report->other ? "object " : "memory ");
		text_pointer(text, report->start);
		put_name(text, " of cache ", report->other);
	} else {
		text_string(text, ", not the start of an object");
		put_name(text, " of cache ", owner(report));
	}
	put_text(text, ": ", report->text);
	if (report->other || report->start)
		put_target(text, report);
}

static void put_wrong_cache(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "wrong cache for ");
	text_pointer(text, report->pointer);
	text_string(text, ", object");
	put_name(text, " of cache ", report->other);
	put_name(text, " freed to cache ", report->cache);
	put_text(text, ": ", report->text);
}

static void put_wrong_api(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "wrong call for ");
	text_pointer(text, report->pointer);
	put_name(text, ", object of cache ", report->other);
	put_text(text, ": ", report->text);
	put_target(text, report);
}

static void put_wrong_order(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "wrong order ");
	text_decimal(text, report->size);
	text_string(text, " for ");
	text_pointer(text, report->pointer);
	put_text(text, ": ", report->text);
}

static void put_bad_cache(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "bad cache ");
	text_pointer(text, report->pointer);
	text_string(text, ", NULL or destroyed");
	put_text(text, ": ", report->text);
}

/* One of the objects that keep a cache from being destroyed. */
static void put_live_object(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "live object ");
	text_pointer(text, report->start);
	put_name(text, " of cache ", report->cache);
	text_string(text, ", ");
	text_decimal(text, report->size);
	text_string(text, report->size == 1 ? " byte" : " bytes");
}

static void put_live_objects(struct text *text, const struct slabpool_report *report)
{
	if (report->start) {
		put_live_object(text, report);
		return;
	}
	text_string(text, "cache");
	put_name(text, " ", report->cache);
	text_string(text, " still has ");
	text_decimal(text, report->size);
	text_string(text, report->size == 1 ? " object" : " objects");
	if (report->pointer) {
		text_string(text, " (one at ");
		text_pointer(text, report->pointer);
		text_char(text, ')');
	}
	text_string(text, ", not destroyed");
	put_text(text, ": ", report->text);
}

static void put_bad_argument(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "bad argument");
	put_name(text, " for cache ", report->cache);
	put_text(text, ": ", report->text);
}

static void put_ctor_zero(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "__GFP_ZERO from cache");
	put_name(text, " ", report->cache);
	text_string(text, " with a constructor, zeroed all the same");
}

static void put_name_space(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "cache name");
	put_name(text, " ", report->cache);
	text_string(text, " has a blank, which confuses readers of slabinfo");
}

static void put_no_memory(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "out of memory");
	put_name(text, " for cache ", report->cache);
	if (report->size > 0) {
		text_string(text, ", ");
		text_decimal(text, report->size);
		text_string(text, report->size == 1 ? " byte" : " bytes");
	}
	put_text(text, ": ", report->text);
}

static void put_cannot_wait(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "cannot wait for an element, NULL is returned");
	put_text(text, ": ", report->text);
}

static void put_pool_zero(struct text *text, const struct slabpool_report *report)
{
	(void)report;
	text_string(text, "__GFP_ZERO is not supported by mempools, ignored");
}

static void put_panic(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "cannot create cache");
	put_name(text, " ", report->cache);
	text_string(text, " with SLAB_PANIC");
	put_text(text, ": ", report->text);
}

static void put_nofail(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "__GFP_NOFAIL but ");
	put_no_memory(text, report);
}

static void put_internal(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "internal error: ");
	if (report->text)
		text_foreign(text, report->text, REPORT_TEXT_SHOWN);
	else
		text_string(text, "metadata was overwritten");
	put_name(text, ", cache ", owner(report));
	if (report->pointer) {
		text_string(text, ", at ");
		text_pointer(text, report->pointer);
	}
}

static void put_object(struct text *text, const struct slabpool_report *report)
{
	text_pointer(text, report->pointer);
	put_text(text, ": ", report->text);
}

static void put_layout(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "this program was compiled with SLABPOOL_INLINE for layout ");
	text_decimal(text, (unsigned int)report->size);
	text_string(text, ", the library has another: compile it again");
}

static void put_live_runs(struct text *text, const struct slabpool_report *report)
{
	text_string(text, "page runs still hold ");
	text_decimal(text, report->size);
	text_string(text, " bytes");
}

static void put_kind(struct text *text, const struct slabpool_report *report)
{
	switch (report->kind) {
	case SLABPOOL_REPORT_DOUBLE_FREE:  put_double_free(text, report); return;
	case SLABPOOL_REPORT_FOREIGN:      put_foreign(text, report); return;
	case SLABPOOL_REPORT_INTERIOR:     put_interior(text, report); return;
	case SLABPOOL_REPORT_WRONG_CACHE:  put_wrong_cache(text, report); return;
	case SLABPOOL_REPORT_WRONG_API:    put_wrong_api(text, report); return;
	case SLABPOOL_REPORT_WRONG_ORDER:  put_wrong_order(text, report); return;
	case SLABPOOL_REPORT_BAD_CACHE:    put_bad_cache(text, report); return;
	case SLABPOOL_REPORT_LIVE_OBJECTS: put_live_objects(text, report); return;
	case SLABPOOL_REPORT_BAD_ARGUMENT: put_bad_argument(text, report); return;
	case SLABPOOL_REPORT_CTOR_ZERO:    put_ctor_zero(text, report); return;
	case SLABPOOL_REPORT_NAME_SPACE:   put_name_space(text, report); return;
	case SLABPOOL_REPORT_NO_MEMORY:    put_no_memory(text, report); return;
	case SLABPOOL_REPORT_CANNOT_WAIT:  put_cannot_wait(text, report); return;
	case SLABPOOL_REPORT_POOL_ZERO:    put_pool_zero(text, report); return;
	case SLABPOOL_REPORT_PANIC:        put_panic(text, report); return;
	case SLABPOOL_REPORT_NOFAIL:       put_nofail(text, report); return;
	case SLABPOOL_REPORT_INTERNAL:     put_internal(text, report); return;
	case SLABPOOL_REPORT_OBJECT:       put_object(text, report); return;
	case SLABPOOL_REPORT_LAYOUT:       put_layout(text, report); return;
	case SLABPOOL_REPORT_LIVE_RUNS:    put_live_runs(text, report); return;
	}
	text_string(text, "unknown report ");
	text_decimal(text, (unsigned int)report->kind);
}

size_t slabpool_report_line(const struct slabpool_report *report, char *line, size_t bytes)
{
	struct text text;

	text_init(&text, line, bytes);
	text_string(&text, "slabpool: ");
	if (report->call) {
		text_foreign(&text, report->call, REPORT_NAME_SHOWN);
		text_string(&text, ": ");
	}
	put_kind(&text, report);
	return text.length;
}
