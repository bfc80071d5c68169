/* SPDX-License-Identifier: MIT */
/* Giving back, legally or not; threads, time, checks. */
#include "calls.h"
#include "default.h"
#include "events.h"
#include "inside.h"
#include "pools.h"
#include "rest.h"
#include "steps.h"

#include <string.h>

const struct fuzz_word gfp_words[] = {
	{ "GFP_KERNEL", "GFP_KERNEL", GFP_KERNEL },
	{ "GFP_NOWAIT", "GFP_NOWAIT", GFP_NOWAIT },
	{ "GFP_ATOMIC", "GFP_ATOMIC", GFP_ATOMIC },
	{ "KERNEL|ZERO", "GFP_KERNEL | __GFP_ZERO", GFP_KERNEL | __GFP_ZERO },
	{ "NOWAIT|ZERO", "GFP_NOWAIT | __GFP_ZERO", GFP_NOWAIT | __GFP_ZERO },
	{ "KERNEL|NOWARN", "GFP_KERNEL | __GFP_NOWARN", GFP_KERNEL | __GFP_NOWARN },
	{ "KERNEL|NOFAIL", "GFP_KERNEL | __GFP_NOFAIL", GFP_KERNEL | __GFP_NOFAIL },
	{ "KERNEL|DMA", "GFP_KERNEL | __GFP_DMA", GFP_KERNEL | __GFP_DMA },
	{ NULL, NULL, 0 },
};

#define ANY_CRIME (KIND(DOUBLE_FREE) | KIND(FOREIGN) | KIND(INTERIOR) | KIND(WRONG_CACHE) | \
		   KIND(WRONG_API) | KIND(WRONG_ORDER))

uint32_t usable_cache(const struct world *w, uint32_t handle)
{
	if (handle >= w->cache_count || !w->cache[handle].live)
		return FUZZ_NONE;
	return w->cache[handle].same_as;
}

static int add_releases(struct kmem_cache *cache, void *context)
{
	struct slabpool_cache_info info;

	fuzz_world.a->cache_info(cache, &info);
	*(uint64_t *)context += info.releases;
	return 0;
}

/* What a free of an address that is in no live object may be called. */
static uint32_t stale_kinds(const struct world *w, const void *p, uint32_t handle)
{
	const struct wobject *o = handle < w->object_count ? &fuzz_objects[handle] : NULL;
	uint64_t releases = 0;

	/* What kmalloc(0) gave was never an object. */
	if (p == ZERO_SIZE_PTR)
		return KIND(FOREIGN);
	if (!o || o->p != p || o->family > FAMILY_KMALLOC || o->usable > KMALLOC_MAX_CACHE_SIZE ||
	    !(w->a->caps & CAP_STATS))
		return ANY_CRIME;
	w->a->for_each_cache(w->pool, add_releases, &releases);
	if (releases || (o->family == FAMILY_CACHE && !w->cache[o->owner].live))
		return ANY_CRIME;
	return KIND(DOUBLE_FREE);
}

/* Kinds of the crime that giving back the start of a live object is; 0: it is legal. */
static uint32_t start_kinds(const struct world *w, enum how how, uint32_t by,
			    const struct wobject *o)
{
	bool small = o->usable <= KMALLOC_MAX_CACHE_SIZE;

	switch (o->family) {
	case FAMILY_CACHE:
		if (how == HOW_CACHE)
			return o->owner == w->cache[by].same_as ? 0 : KIND(WRONG_CACHE);
		return how == HOW_KFREE || how == HOW_KVFREE ? 0 : KIND(WRONG_API);
	case FAMILY_KMALLOC:
		if (how == HOW_CACHE)
			return small ? KIND(WRONG_CACHE) : KIND(WRONG_API) | KIND(WRONG_CACHE);
		return how == HOW_KFREE || how == HOW_KVFREE ? 0 : KIND(WRONG_API);
	case FAMILY_VMALLOC:
		return how == HOW_VFREE || how == HOW_KVFREE ? 0 : KIND(WRONG_API);
	default:
		if (how != HOW_PAGES)
			return KIND(WRONG_API);
		return o->owner == by ? 0 : KIND(WRONG_ORDER);
	}
}

/* By the Linux name that the operation chose. */
static void face_free(struct world *w, enum how how, uint32_t by, void *p)
{
	if (how == HOW_CACHE)
		w->a->face_free(w->face - 1, w->cache[by].k, p);
	else if (how == HOW_PAGES)
		w->a->face_unpages(w->face - 1, p, by);
	else
		w->a->face_give(w->face - 1, p, w->give_size);
}

static void call_free(struct world *w, enum how how, uint32_t by, void *p)
{
	if (w->face) {
		face_free(w, how, by, p);
		return;
	}
	switch (how) {
	case HOW_CACHE:
		w->a->cache_free(w->cache[by].k, p);
		break;
	case HOW_KFREE:
		w->a->kfree(w->pool, p);
		break;
	case HOW_VFREE:
		w->a->vfree(w->pool, p);
		break;
	case HOW_KVFREE:
		w->a->kvfree(w->pool, p);
		break;
	case HOW_PAGES:
		w->a->free_pages(w->pool, p, by);
		break;
	}
}

/* Of runs as much stays as idle_kib says; what came together with other free pages, too. */
static void free_run(struct world *w, enum how how, uint32_t by, const struct wobject *o)
{
	struct slabpool_memory_info before, after;
	size_t bytes, allowed = (size_t)w->options.idle_kib * 1024;
	uint32_t fired = fuzz_platform.fired;

	w->a->memory_info(w->pool, &before);
	call_free(w, how, by, o->p);
	w->a->memory_info(w->pool, &after);
	if (after.runs >= before.runs)
		return;
	bytes = before.runs - after.runs;
	if (bytes > allowed && !before.idle && after.idle)
		fuzz_fail("statistics", "%zu bytes stay of a run of %zu, allowed are %zu",
			  after.idle, bytes, allowed);
	if (before.idle + bytes <= allowed && after.idle < before.idle + bytes &&
	    fired == fuzz_platform.fired)
		fuzz_fail("statistics", "of %zu bytes and %zu idle ones %zu stay, allowed are "
			  "%u KiB", bytes, before.idle, after.idle, w->options.idle_kib);
}

static void legal_free(struct world *w, enum how how, uint32_t by, uint32_t handle)
{
	struct wobject *o = &fuzz_objects[handle];
	struct wcache *cache = o->family == FAMILY_CACHE ? &w->cache[o->owner] : NULL;
	bool survives = cache && (cache->flags & SLAB_TYPESAFE_BY_RCU) &&
			(w->a->caps & CAP_MISUSE);

	model_check(w, handle);
	if (cache && cache->ctor)
		model_reconstruct(w, handle);
	model_gone(w, handle);
	if (cache)
		cache->objects--;
	if (cache)
		steps_before(w, cache->k);
	if (cache || !(w->a->caps & CAP_INSIDE))
		call_free(w, how, by, o->p);
	else
		free_run(w, how, by, o);
	if (cache)
		steps_gave(w);
	events_expect_free(w, how, by, o);
	if (survives && !cache->ctor && w->wipes && !model_is_zero(o->p, o->size))
		fuzz_fail("zero", "object %u is not wiped", handle);
	if (survives && !cache->ctor && !w->wipes)
		model_check_contents(o->p, handle, o->size, o->size,
				     "contents do not survive a free (SLAB_TYPESAFE_BY_RCU)");
}

static bool is_noop(enum how how, const void *p)
{
	return p == NULL || (how != HOW_CACHE && how != HOW_PAGES && how != HOW_VFREE &&
			     ZERO_OR_NULL_PTR(p));
}

void give_back(struct world *w, enum how how, uint32_t by, void *p, uint32_t handle)
{
	uint32_t at = model_find(p), kinds;

	if ((how == HOW_VFREE || how == HOW_PAGES) && !(w->a->caps & CAP_PAGES))
		return;
	if (is_noop(how, p)) {
		world_act(w);
		call_free(w, how, by, p);
		return;
	}
	/* The allocator cannot know that an object is a mempool's: to free it is legal to it. */
	if (at != FUZZ_NONE ? fuzz_objects[at].family == FAMILY_ELEMENT
			    : pools_reserve(p) || sheaves_there())
		return;
	if (at == FUZZ_NONE)
		kinds = stale_kinds(w, p, handle);
	else if (fuzz_objects[at].p == p)
		kinds = start_kinds(w, how, by, &fuzz_objects[at]);
	else
		kinds = KIND(INTERIOR);
	if (kinds == 0) {
		world_act(w);
		legal_free(w, how, by, at);
		return;
	}
	if (!(w->a->caps & CAP_MISUSE))
		return;
	/* A name or a table of the allocator's own may have got the address since. */
	if (at == FUZZ_NONE && (w->a->caps & CAP_INSIDE) && fuzz_inside_held(w->pool, p))
		return;
	world_act(w);
	world_crime(w, kinds, p);
	crime_foretell(w, how, by, p);
	call_free(w, how, by, p);
	world_crime_done(w);
	if (at != FUZZ_NONE)
		model_check(w, at);
}

void give_back_live(struct world *w, uint32_t handle)
{
	const struct wobject *o = &fuzz_objects[handle];
	static const enum how ways[] = { HOW_CACHE, HOW_KFREE, HOW_VFREE, HOW_PAGES };

	if (o->live && o->family != FAMILY_ELEMENT)
		give_back(w, ways[o->family], o->owner, o->p, handle);
}

static void run_free_inside(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[0]);
	static const enum how ways[] = { HOW_CACHE, HOW_KFREE, HOW_VFREE, HOW_PAGES };
	uint32_t offset = call->arg[1];

	if (call->arg[0] == FUZZ_NONE || !o->live || o->family == FAMILY_ELEMENT || o->size < 2)
		return;
	offset = 1 + offset % (uint32_t)(o->size - 1);
	if (o->family == FAMILY_CACHE && usable_cache(w, o->owner) == FUZZ_NONE)
		return;
	give_back(w, ways[o->family], o->owner, o->p + offset, FUZZ_NONE);
}

const struct fuzz_op op_free_inside = {
	"free_inside", FUZZ_MAKES_NOTHING, -1, run_free_inside,
	"give_at((enum way)way[$0], by[$0], inside($0, $1))",
	{ ARG_OBJECT, ARG_NUMBER("offset", 0, 0x3fffff, 7) },
};

enum foreign { FOREIGN_STATIC, FOREIGN_OUTSIDE, FOREIGN_ODD, FOREIGN_HIGH, FOREIGN_ZERO_SIZE,
	       FOREIGN_TABLE, FOREIGN_UNOPENED };
static const struct fuzz_word foreign_words[] = {
	{ "static", "0", FOREIGN_STATIC },
	{ "outside", "1", FOREIGN_OUTSIDE },
	{ "odd", "2", FOREIGN_ODD },
	{ "high", "3", FOREIGN_HIGH },
	{ "zero-size", "4", FOREIGN_ZERO_SIZE },
	{ "table", "5", FOREIGN_TABLE },
	{ "unopened", "6", FOREIGN_UNOPENED },
	{ NULL, NULL, 0 },
};
static const struct fuzz_word how_words[] = {
	{ "cache", "0", HOW_CACHE },   { "kfree", "1", HOW_KFREE },
	{ "vfree", "2", HOW_VFREE },   { "kvfree", "3", HOW_KVFREE },
	{ "pages", "4", HOW_PAGES },   { NULL, NULL, 0 },
};

static void *foreign_address(enum foreign which)
{
	static uint64_t place[8];

	switch (which) {
	case FOREIGN_STATIC:
		return place;
	case FOREIGN_OUTSIDE:
		return fuzz_platform_outside();
	case FOREIGN_ODD:
		return (char *)place + 3;
	case FOREIGN_HIGH:
		return (void *)(UINTPTR_MAX - 15);
	case FOREIGN_UNOPENED:
		return fuzz_platform_unopened((size_t)fuzz_world.options.arena_mib << 20);
	case FOREIGN_TABLE:
		return fuzz_platform_last();
	default:
		return ZERO_SIZE_PTR;
	}
}

static void run_free_foreign(struct world *w, const struct fuzz_call *call)
{
	enum how how = (enum how)how_words[call->arg[1]].value;
	void *p = foreign_address((enum foreign)call->arg[2]);
	uint32_t by = call->arg[0];

	if (!(w->a->caps & CAP_MISUSE) || (how == HOW_CACHE && usable_cache(w, by) == FUZZ_NONE))
		return;
	world_act(w);
	if (how != HOW_CACHE)
		by = 0;
	if (is_noop(how, p)) {
		call_free(w, how, by, p);
		return;
	}
	if (model_find(p) != FUZZ_NONE || sheaves_there())
		return;
	/* All pages of a small arena may be in use: then it is some free object's. */
	world_crime(w, foreign_words[call->arg[2]].value == FOREIGN_UNOPENED ? ANY_CRIME
									     : KIND(FOREIGN), p);
	crime_foretell(w, how, by, p);
	call_free(w, how, by, p);
	world_crime_done(w);
}

const struct fuzz_op op_free_foreign = {
	"free_foreign", FUZZ_MAKES_NOTHING, -1, run_free_foreign, "give_foreign($1, $0, $2)",
	{ ARG_CACHE, ARG_CHOICE("how", how_words), ARG_CHOICE("address", foreign_words) },
};

static void run_thread(struct world *w, const struct fuzz_call *call)
{
	world_act(w);
	default_thread(call->arg[0]);
}

const struct fuzz_op op_thread = {
	"thread", FUZZ_MAKES_NOTHING, -1, run_thread, "switch_thread($0)",
	{ ARG_NUMBER("thread", 0, FUZZ_THREADS - 1, 0) },
};

static void run_thread_exit(struct world *w, const struct fuzz_call *call)
{
	unsigned int thread = call->arg[0], now = fuzz_platform.thread;
	void *record = fuzz_platform.record[thread];

	if (!record || !(w->a->caps & CAP_THREADS))
		return;
	world_act(w);
	/* The exit hook runs on the thread that ends, whose record the platform has forgotten by
	 * then; a new one with its number starts afresh. */
	default_thread(thread);
	fuzz_platform.record[thread] = NULL;
	steps_before_flush(w, record);
	w->a->thread_exit(w->pool, record);
	steps_flushed(w);
	if (call->arg[1])
		default_thread_anew(thread);
	default_thread(now);
}

const struct fuzz_op op_thread_exit = {
	"thread_exit", FUZZ_MAKES_NOTHING, -1, run_thread_exit, "end_thread($0, $1)",
	{ ARG_NUMBER("thread", 0, FUZZ_THREADS - 1, 0), ARG_NUMBER("anew", 0, 1, 1) },
};

static void run_thread_flush(struct world *w, const struct fuzz_call *call)
{
	(void)call;
	if (!(w->a->caps & CAP_THREADS))
		return;
	world_act(w);
	steps_before_flush(w, NULL);
	w->a->thread_flush(w->pool);
	steps_flushed(w);
}

const struct fuzz_op op_thread_flush = {
	"thread_flush", FUZZ_MAKES_NOTHING, -1, run_thread_flush,
	"slabpool_thread_flush(P)", { { 0 } },
};

static void run_clock(struct world *w, const struct fuzz_call *call)
{
	world_act(w);
	fuzz_platform.now += call->arg[0];
}

const struct fuzz_op op_clock = {
	"clock", FUZZ_MAKES_NOTHING, -1, run_clock, "now += $0",
	{ ARG_NUMBER("milliseconds", 0, 60000, 11000) },
};

static void run_reap(struct world *w, const struct fuzz_call *call)
{
	struct slabpool_memory_info before, after;
	size_t given, gone;

	(void)call;
	if (!(w->a->caps & CAP_THREADS))
		return;
	world_act(w);
	w->a->memory_info(w->pool, &before);
	given = w->a->reap(w->pool);
	w->a->memory_info(w->pool, &after);
	if (after.idle)
		fuzz_fail("statistics", "%zu bytes are idle after a reap", after.idle);
	gone = before.slabs - after.slabs + before.metadata - after.metadata + before.idle;
	/* Where idle and other free pages came together, the whole counts as idle. */
	if (given < gone || (given > gone && !before.idle))
		fuzz_fail("result", "reap gave %zu bytes back and says %zu", gone, given);
	rest_check_trimmed(w);
}

const struct fuzz_op op_reap = {
	"reap", FUZZ_MAKES_NOTHING, -1, run_reap, "slabpool_reap(P)", { { 0 } },
	.seldom = true,
};

static void run_check(struct world *w, const struct fuzz_call *call)
{
	(void)call;
	world_act(w);
	world_check(w);
	world_only_looked(w);
}

const struct fuzz_op op_check = {
	"check", FUZZ_MAKES_NOTHING, -1, run_check, "check()", { { 0 } },
	.seldom = true,
};

static void count_text(void *context, const char *text, size_t length)
{
	size_t *lines = context;

	for (size_t i = 0; i < length; i++)
		*lines += text[i] == '\n';
}

static void count_live(void *context, const char *text, size_t length)
{
	size_t *live = context;

	for (size_t i = 0; i < length; i++)
		*live += text[i] == '#';
}

/* The map of a cache shows as many live objects as there are. */
static void show_map(struct world *w, uint32_t cache)
{
	struct slabpool_cache_info info;
	size_t live = 0;

	if (!(w->a->caps & CAP_FACES) || cache == FUZZ_NONE)
		return;
	w->a->cache_info(w->cache[cache].k, &info);
	if (slabpool_cache_map(w->cache[cache].k, UINT32_MAX, count_live, &live) ||
	    live != info.active_objects)
		fuzz_fail("result", "a map shows %zu live objects of %zu", live,
			  info.active_objects);
}

static void run_show(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[0]);
	size_t lines = 0, objects = 0;

	if (!(w->a->caps & CAP_STATS))
		return;
	world_act(w);
	w->a->slabinfo(w->pool, count_text, &lines);
	if (lines < 2)
		fuzz_fail("result", "slabinfo has %zu lines", lines);
	if (w->a->caps & CAP_FACES)
		slabpool_slabinfo_json(w->pool, count_text, &objects);
	if (objects && objects != lines - 1)
		fuzz_fail("result", "slabinfo has %zu lines, and as JSON %zu", lines, objects);
	if (call->arg[0] == FUZZ_NONE || !o->live)
		return;
	if (o->family == FAMILY_CACHE)
		show_map(w, o->owner);
	if (w->a->ksize(w->pool, o->p) < o->size)
		fuzz_fail("size", "ksize of object %u is %zu, not %zu", call->arg[0],
			  w->a->ksize(w->pool, o->p), o->size);
}

const struct fuzz_op op_show = {
	"show", FUZZ_MAKES_NOTHING, -1, run_show, "show($0)", { ARG_OBJECT },
	.seldom = true,
};

static void run_write(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[0]);

	if (call->arg[0] == FUZZ_NONE || !o->live)
		return;
	world_act(w);
	model_check(w, call->arg[0]);
	model_fill(w, call->arg[0]);
}

const struct fuzz_op op_write = {
	"write", FUZZ_MAKES_NOTHING, -1, run_write, "write_object($0)", { ARG_OBJECT },
};

static void run_fault(struct world *w, const struct fuzz_call *call)
{
	/* Arms the plan anew, from here on; inputs without faults stay without. */
	world_act(w);
	fuzz_faults_rearm(call->arg[0], call->arg[1]);
}

const struct fuzz_op op_fault = {
	"fault", FUZZ_MAKES_NOTHING, -1, run_fault, "arm_fault($0, $1)",
	{ ARG_NUMBER("at", 0, 255, 0), ARG_NUMBER("armed", 0, 1, 1) },
};

static const struct fuzz_word kind_words[] = {
	{ "none", "FAULT_NONE", FAULT_NONE },
	{ "commit", "FAULT_COMMIT_ONCE", FAULT_COMMIT_ONCE },
	{ "commits-from", "FAULT_COMMIT_FROM", FAULT_COMMIT_FROM },
	{ "reserve", "FAULT_RESERVE_ONCE", FAULT_RESERVE_ONCE },
	{ "reserves-from", "FAULT_RESERVE_FROM", FAULT_RESERVE_FROM },
	{ "sync", "FAULT_SYNC_ONCE", FAULT_SYNC_ONCE },
	{ "syncs-from", "FAULT_SYNC_FROM", FAULT_SYNC_FROM },
	{ "thread", "FAULT_THREAD_ONCE", FAULT_THREAD_ONCE },
	{ "threads-from", "FAULT_THREAD_FROM", FAULT_THREAD_FROM },
	{ "callback", "FAULT_CALLBACK_ONCE", FAULT_CALLBACK_ONCE },
	{ "callbacks-from", "FAULT_CALLBACK_FROM", FAULT_CALLBACK_FROM },
	{ NULL, NULL, 0 },
};

static void run_faults(struct world *w, const struct fuzz_call *call)
{
	struct fuzz_faults faults = {
		.fault = (enum fuzz_fault)kind_words[call->arg[0]].value,
		.at = call->arg[1],
		.then = (enum fuzz_fault)kind_words[call->arg[2]].value,
		.then_at = call->arg[3],
	};

	world_act(w);
	fuzz_faults_plan(&faults);
}

const struct fuzz_op op_faults = {
	"faults", FUZZ_MAKES_NOTHING, -1, run_faults, "plan_faults($0, $1, $2, $3)",
	{ ARG_CHOICE("fault", kind_words), ARG_NUMBER("at", 0, 255, 0),
	  ARG_CHOICE("then", kind_words), ARG_NUMBER("then_at", 0, 255, 0) },
};
