/* SPDX-License-Identifier: MIT */
/* Failing with words, reports and the crimes that they must follow. */
#include "events.h"
#include "turns.h"
#include "world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct world fuzz_world;
struct wobject fuzz_objects[FUZZ_MAX_OBJECTS];

static const char *const kind_name[] = {
	[SLABPOOL_REPORT_DOUBLE_FREE] = "double free",
	[SLABPOOL_REPORT_FOREIGN] = "foreign",
	[SLABPOOL_REPORT_INTERIOR] = "interior",
	[SLABPOOL_REPORT_WRONG_CACHE] = "wrong cache",
	[SLABPOOL_REPORT_WRONG_API] = "wrong call",
	[SLABPOOL_REPORT_WRONG_ORDER] = "wrong order",
	[SLABPOOL_REPORT_BAD_CACHE] = "bad cache",
	[SLABPOOL_REPORT_LIVE_OBJECTS] = "live objects",
	[SLABPOOL_REPORT_BAD_ARGUMENT] = "bad argument",
	[SLABPOOL_REPORT_CTOR_ZERO] = "constructor and zero",
	[SLABPOOL_REPORT_NAME_SPACE] = "blank in the name",
	[SLABPOOL_REPORT_NO_MEMORY] = "no memory",
	[SLABPOOL_REPORT_CANNOT_WAIT] = "cannot wait",
	[SLABPOOL_REPORT_POOL_ZERO] = "zero for a mempool",
	[SLABPOOL_REPORT_PANIC] = "panic",
	[SLABPOOL_REPORT_NOFAIL] = "nofail",
	[SLABPOOL_REPORT_INTERNAL] = "internal",
	[SLABPOOL_REPORT_OBJECT] = "object",
	[SLABPOOL_REPORT_LAYOUT] = "layout",
};

void fuzz_fail(const char *oracle, const char *format, ...)
{
	const struct fuzz_call *call = fuzz_world.call;
	va_list args;

	fflush(stdout);
	fprintf(stderr, "fuzz: oracle %s\n", oracle);
	if (call) {
		fprintf(stderr, "fuzz: at operation %u: ", call->index);
		fuzz_print_call(stderr, call);
		fputc('\n', stderr);
	}
	fprintf(stderr, "fuzz: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	fflush(stderr);
	abort();
}

void world_act(struct world *w)
{
	events_forget();
	if (w->emit && w->call) {
		fuzz_emit_call(w->emit, w->call);
		fflush(w->emit);
	}
	w->fired_before = fuzz_platform.fired;
}

void world_report(void *context, const struct slabpool_report *report)
{
	struct world *w = &fuzz_world;
	struct slabpool_report *copy;

	(void)context;
	/* Two threads may have something to report, one after the other. */
	turns_acquire(w->report);
	if (w->reports == WORLD_REPORTS)
		fuzz_fail("report", "more than %u reports in one operation", WORLD_REPORTS);
	copy = &w->report[w->reports++];
	*copy = *report;
	snprintf(w->said, sizeof(w->said), "%s", report->text ? report->text : "");
	world_trace(w, report->kind);
	world_trace(w, report->size);
	world_trace_place(w, report->pointer);
	if (w->a->on_report)
		w->a->on_report(copy);
	/* What is found wrong while objects go back to their slabs is said in the middle of it. */
	if (copy->crime && copy->kind != SLABPOOL_REPORT_INTERNAL && fuzz_platform.locks_held &&
	    !turns_on())
		fuzz_fail("lock", "a report of \"%s\" is shown with a lock held",
			  kind_name[copy->kind]);
	if (w->a->report_line(copy, w->line, sizeof(w->line)) == 0)
		fuzz_fail("report", "an empty line for \"%s\"", kind_name[copy->kind]);
	turns_release(w->report);
}

/* The only way out of the core is to leave it: what it holds is never used again. */
void world_fatal(void)
{
	longjmp(fuzz_world.fatal, 1);
}

void world_give_up(struct world *w)
{
	w->given_up = true;
	longjmp(w->fatal, 1);
}

static void check_report_kind(const struct world *w, uint32_t kinds, const void *pointer)
{
	const struct slabpool_report *report = &w->report[0];

	if (w->reports == 0) {
		for (unsigned int k = 0; k < 32; k++)
			if (kinds & (1u << k))
				fuzz_fail("report", "no report, expected \"%s\"", kind_name[k]);
	}
	if (w->reports != 1)
		fuzz_fail("report", "%u reports, expected one; the last is \"%s\"", w->reports,
			  kind_name[w->report[w->reports - 1].kind]);
	if (!(kinds & (1u << report->kind)))
		fuzz_fail("report", "the report is \"%s\", not what the model expects (0x%x)",
			  kind_name[report->kind], kinds);
	if (pointer && report->pointer != pointer)
		fuzz_fail("report", "\"%s\" names pointer %p instead of %p",
			  kind_name[report->kind], report->pointer, pointer);
	if (w->crime_known)
		crime_check_report(w, report);
}

void world_expect(struct world *w, uint32_t kinds, const void *pointer)
{
	if (!(w->a->caps & CAP_MISUSE))
		return;
	check_report_kind(w, kinds, pointer);
	w->reports = 0;
}

uint32_t world_drop(struct world *w, uint32_t kinds)
{
	uint32_t kept = 0, dropped = 0;

	for (uint32_t i = 0; i < w->reports; i++) {
		if (kinds & (1u << w->report[i].kind))
			dropped++;
		else
			w->report[kept++] = w->report[i];
	}
	w->reports = kept;
	return dropped;
}

void world_crime(struct world *w, uint32_t kinds, const void *pointer)
{
	if (w->reports)
		world_between(w);
	w->crime_kinds = kinds;
	w->crime_pointer = pointer;
	w->crime_is_fatal = w->options.misuse == SLABPOOL_MISUSE_ABORT;
	w->crime_known = false;
	w->crime_is_partial = false;
	w->crime_cache = NULL;
	w->crime_digested = w->target->strict && (w->a->caps & CAP_PLATFORM);
	w->crime_events = w->events;
	if (w->crime_digested && (!w->call || w->digested_at != w->call->index))
		w->crime_digest = fuzz_platform_digest();
	w->digested_at = 0;
}

/* Nothing changed that anybody could see, nor what nobody sees. */
static void check_unchanged(struct world *w)
{
	stats_check_all(w, "unchanged");
	if (!w->crime_digested)
		return;
	if (w->events != w->crime_events)
		fuzz_fail("unchanged", "what was refused is shown to the observer");
	if (fuzz_platform_digest() != w->crime_digest)
		fuzz_fail("unchanged", "what was refused changed the allocator's memory");
	w->digested_at = w->call ? w->call->index + 1 : 0;
}

/* What was foretold of an object is void once its slab may have gone. */
static void look_at_releases(struct world *w)
{
	struct slabpool_cache_info info;

	if (!w->crime_cache)
		return;
	w->a->cache_info(w->crime_cache, &info);
	w->crime_known &= info.releases == w->crime_releases;
	w->crime_cache = NULL;
}

void world_crime_done(struct world *w)
{
	uint32_t kinds = w->crime_kinds;

	w->crime_kinds = 0;
	look_at_releases(w);
	if (w->crime_is_fatal)
		fuzz_fail("report", "the program was not ended after misuse");
	if (w->options.misuse == SLABPOOL_MISUSE_REPORT) {
		world_expect(w, kinds, w->crime_pointer);
	} else if (w->reports) {
		fuzz_fail("report", "a report although misuse is to be passed over: \"%s\"",
			  kind_name[w->report[0].kind]);
	}
	w->crime_known = false;
	check_unchanged(w);
}

void world_crime_ended(struct world *w)
{
	uint32_t kinds = w->crime_kinds;

	w->crime_kinds = 0;
	if (!w->crime_is_fatal)
		fuzz_fail("report", "the program was ended, which the options do not ask for");
	look_at_releases(w);
	world_expect(w, kinds, w->crime_pointer);
	w->crime_known = false;
	if (!w->crime_is_partial)
		check_unchanged(w);
	world_check_valid(w);
}

bool world_fired(const struct world *w)
{
	return fuzz_platform.fired != w->fired_before || fuzz_platform.refused;
}

void world_between(struct world *w)
{
	if (w->reports)
		fuzz_fail("report", "an unexpected report: \"%s\" of %s, %s",
			  kind_name[w->report[0].kind], w->report[0].call,
			  w->report[0].text ? w->report[0].text : "without text");
	if (fuzz_platform.locks_held)
		fuzz_fail("lock", "%u locks are held between two calls",
			  fuzz_platform.locks_held);
}
