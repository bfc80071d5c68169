/* SPDX-License-Identifier: MIT */
/* One input: builds its world, runs its operations, tears it down. Nothing survives. */
#include "calls.h"
#include "default.h"
#include "events.h"
#include "rest.h"
#include "steps.h"
#include "world.h"

#include <string.h>

static const struct fuzz_word fault_words[] = {
	/* Half of the inputs inject no fault. */
	{ "none", "FAULT_NONE", FAULT_NONE },
	{ "commit", "FAULT_COMMIT_ONCE", FAULT_COMMIT_ONCE },
	{ "none", "", FAULT_NONE },
	{ "commits-from", "FAULT_COMMIT_FROM", FAULT_COMMIT_FROM },
	{ "none", "", FAULT_NONE },
	{ "reserve", "FAULT_RESERVE_ONCE", FAULT_RESERVE_ONCE },
	{ "none", "", FAULT_NONE },
	{ "reserves-from", "FAULT_RESERVE_FROM", FAULT_RESERVE_FROM },
	{ "none", "", FAULT_NONE },
	{ "sync", "FAULT_SYNC_ONCE", FAULT_SYNC_ONCE },
	{ "none", "", FAULT_NONE },
	{ "syncs-from", "FAULT_SYNC_FROM", FAULT_SYNC_FROM },
	{ "none", "", FAULT_NONE },
	{ "thread", "FAULT_THREAD_ONCE", FAULT_THREAD_ONCE },
	{ "none", "", FAULT_NONE },
	{ "threads-from", "FAULT_THREAD_FROM", FAULT_THREAD_FROM },
	{ NULL, NULL, 0 },
};

static const struct fuzz_word misuse_words[] = {
	{ "report", "SLABPOOL_MISUSE_REPORT", SLABPOOL_MISUSE_REPORT },
	{ "abort", "SLABPOOL_MISUSE_ABORT", SLABPOOL_MISUSE_ABORT },
	{ "report", "", SLABPOOL_MISUSE_REPORT },
	{ "silent", "SLABPOOL_MISUSE_IGNORE", SLABPOOL_MISUSE_IGNORE },
	{ "report", "", SLABPOOL_MISUSE_REPORT },
	{ "report", "", SLABPOOL_MISUSE_REPORT },
	{ NULL, NULL, 0 },
};

enum instance_switch {
	SWITCH_NO_MAGAZINES, SWITCH_INIT_ON_ALLOC, SWITCH_INIT_ON_FREE, SWITCH_MERGE,
	SWITCH_EXACT, SWITCH_WAIT, SWITCH_NO_THREADS, SWITCH_ABRUPT
};
static const struct fuzz_word switch_words[] = {
	{ "no-magazines", "NO_MAGAZINES", 0 },
	{ "init-on-alloc", "INIT_ON_ALLOC", 0 },
	{ "init-on-free", "INIT_ON_FREE", 0 },
	{ "merge", "MERGE", 0 },
	{ "exact-double-free", "EXACT_DOUBLE_FREE", 0 },
	{ "wait", "WAIT", 0 },
	{ "no-threads", "NO_THREADS", 0 },
	{ "abrupt-end", "ABRUPT_END", 0 },
	{ NULL, NULL, 0 },
};

static const struct fuzz_word granule_words[] = {
	{ "0", "0", 0 }, { "8", "8", 8 }, { "0", "", 0 }, { "16", "16", 16 },
	{ "0", "", 0 }, { "64", "64", 64 }, { "0", "", 0 }, { "1024", "1024", 1024 },
	{ NULL, NULL, 0 },
};

enum instance_more { MORE_RCU, MORE_PLATFORM_REPORT, MORE_OBSERVED };
static const struct fuzz_word more_words[] = {
	{ "rcu", "RCU", 0 },
	{ "platform-report", "PLATFORM_REPORT", 0 },
	{ "observed", "OBSERVED", 0 },
	{ NULL, NULL, 0 },
};

const struct fuzz_op op_instance = {
	"instance", FUZZ_MAKES_NOTHING, -1, NULL,
	"open_instance($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $a, $b, $c, $d, $e)",
	{
		{ "fault", FUZZ_CHOICE, 0, 0, 0, fault_words },
		{ "at", FUZZ_NUMBER, 0, 2000, 0, NULL },
		{ "switches", FUZZ_BITS, 0, 0, 0, switch_words },
		{ "misuse", FUZZ_CHOICE, 0, 0, 0, misuse_words },
		{ "limit", FUZZ_NUMBER, 1, 256, 64, NULL },
		{ "shared", FUZZ_NUMBER, 0, 255, 64, NULL },
		{ "min_order", FUZZ_NUMBER, 0, 5, 4, NULL },
		{ "max_order", FUZZ_NUMBER, 0, 8, 5, NULL },
		{ "min_objects", FUZZ_NUMBER, 1, 64, 8, NULL },
		{ "retain_kib", FUZZ_NUMBER, 0, 255, 128, NULL },
		{ "arena_mib", FUZZ_NUMBER, 0, 12, 2, NULL },
		{ "granule", FUZZ_CHOICE, 0, 0, 0, granule_words },
		{ "magazine_kib", FUZZ_NUMBER, 1, 255, 64, NULL },
		{ "idle_kib", FUZZ_NUMBER, 0, 255, 128, NULL },
		{ "more", FUZZ_BITS, 0, 0, 0, more_words },
	},
};

static bool more(const struct fuzz_call *call, enum instance_more bit)
{
	return (call->arg[14] >> bit) & 1;
}

static bool switched(const struct fuzz_call *call, enum instance_switch bit)
{
	return (call->arg[2] >> bit) & 1;
}

/* A wait: the clock runs, faults end, and the target may give something back. */
static void world_wait(unsigned int milliseconds)
{
	fuzz_platform.now += milliseconds;
	fuzz_faults_heal();
	if (fuzz_world.on_wait)
		fuzz_world.on_wait(&fuzz_world);
}

/* A grace period: there are no readers. */
static void world_synchronize(void)
{
	if (fuzz_platform.locks_held)
		fuzz_fail("lock", "a grace period is waited for with a lock held");
	cache_meanwhile(&fuzz_world);
}

static void world_event(void *context, const struct slabpool_event *event)
{
	struct world *w = context;

	if (event->kind > SLABPOOL_EVENT_MEMPOOL_FREE)
		fuzz_fail("result", "an event of kind %d", (int)event->kind);
	w->events++;
	events_shown(event);
}

static void fill_options(struct world *w, const struct fuzz_call *call)
{
	struct slabpool_options *o = &w->options;

	memset(o, 0, sizeof(*o));
	slabpool_options_init(o);
	o->misuse = misuse_words[call->arg[3]].value;
	o->magazines = !switched(call, SWITCH_NO_MAGAZINES);
	o->init_on_alloc = switched(call, SWITCH_INIT_ON_ALLOC) && (w->a->caps & CAP_PLATFORM);
	o->init_on_free = switched(call, SWITCH_INIT_ON_FREE);
	o->merge = switched(call, SWITCH_MERGE);
	o->exact_double_free = switched(call, SWITCH_EXACT);
	o->limit = call->arg[4];
	o->shared = call->arg[5];
	o->min_order = call->arg[6];
	o->max_order = call->arg[7];
	o->min_objects = call->arg[8];
	o->retain_kib = call->arg[9];
	o->retain_ms = 10000;
	o->arena_mib = call->arg[10];
	o->granule = granule_words[call->arg[11]].value;
	o->magazine_kib = call->arg[12];
	o->idle_kib = call->arg[13];
	/* As many slots as fit into the smallest arena: a crowd of caches reaches the limit. */
	o->max_caches = 256;
	o->report = more(call, MORE_PLATFORM_REPORT) ? NULL : world_report;
	o->rcu_synchronize = more(call, MORE_RCU) ? world_synchronize : NULL;
}

static bool open_world(struct world *w, const struct fuzz_call *call)
{
	struct fuzz_platform_plan plan = {
		.faults.fault = (enum fuzz_fault)fault_words[call->arg[0]].value,
		.faults.at = call->arg[1],
		.threads = !switched(call, SWITCH_NO_THREADS),
		.clock = !switched(call, SWITCH_NO_THREADS),
		.wait = switched(call, SWITCH_WAIT) ? world_wait : NULL,
		.report = world_report,
		.fatal = world_fatal,
	};
	struct slabpool_platform platform;

	fill_options(w, call);
	/* Without a platform of its own, an allocator would keep what is not freed. */
	w->clean_end = !switched(call, SWITCH_ABRUPT) || !(w->a->caps & CAP_PLATFORM);
	w->waits = plan.wait != NULL;
	fuzz_platform_open(&platform, &plan);
	world_act(w);
	default_use(NULL);
	w->pool = w->a->create(&platform, &w->options);
	if (w->a->caps & CAP_FACES)
		default_use(w->pool);
	if (!w->pool && !fuzz_platform.fired && w->options.min_order <= w->options.max_order)
		fuzz_fail("null", "no instance, although no fault was injected");
	events_open(w->pool && more(call, MORE_OBSERVED) && w->a->observe);
	if (w->pool && more(call, MORE_OBSERVED) && w->a->observe)
		w->a->observe(w->pool, world_event, w);
	return w->pool != NULL;
}

/* Nothing of the instance may be left with the platform. */
static void close_world(struct world *w)
{
	w->current_cache = FUZZ_NONE;
	if (w->pool)
		w->a->destroy(w->pool);
	w->pool = NULL;
	default_use(NULL);
	if (!(w->a->caps & CAP_PLATFORM))
		return;
	if (fuzz_platform.reservations)
		fuzz_fail("left over", "%u reservations after the instance is destroyed",
			  fuzz_platform.reservations);
	if (fuzz_platform.locks_made)
		fuzz_fail("left over", "%d locks after the instance is destroyed",
			  (int)fuzz_platform.locks_made);
}

void world_check_valid(struct world *w)
{
	/* The operation before this one left things as it found them valid. */
	if (w->call && w->call->index == w->valid_at)
		return;
	if ((w->a->caps & CAP_VALID) && !w->a->is_valid(w->pool))
		fuzz_fail("valid", "an invariant of the allocator does not hold");
}

void world_only_looked(struct world *w)
{
	w->valid_at = w->call->index + 1;
}

void world_check(struct world *w)
{
	world_check_valid(w);
	stats_check_all(w, "statistics");
	rest_check(w);
	model_check_all(w);
}

static void begin_operation(struct world *w, const struct fuzz_call *call)
{
	w->fired_before = fuzz_platform.fired;
	w->may_end = 0;
	w->current_cache = FUZZ_NONE;
	for (uint32_t i = 0; call->op->makes == FUZZ_MAKES_OBJECT && i < call->count; i++)
		model_new(w, call->first + i, FAMILY_CACHE, 0, NULL, 0, 1, 0);
}

/* A library that checks its contracts while it runs has its own. */
void contracts_pause(bool on);
__attribute__((weak)) void contracts_pause(bool on)
{
	(void)on;
}

static void run_program(struct world *w, struct fuzz_program *program)
{
	struct fuzz_call call;

	w->call = &call;
	while (fuzz_program_next(program, &call)) {
		if (w->words) {
			fuzz_print_call(w->words, &call);
			fputc('\n', w->words);
			fflush(w->words);
		}
		if (call.op == w->target->instance) {
			if (!open_world(w, &call))
				break;
			if (w->target->begin)
				w->target->begin(w);
			continue;
		}
		if (call.op->makes != FUZZ_MAKES_NOTHING && call.count == 0 &&
		    (call.op->count_arg < 0 || call.arg[call.op->count_arg]))
			continue;
		begin_operation(w, &call);
		contracts_pause(call.op->damages);
		call.op->run(w, &call);
		contracts_pause(false);
		world_between(w);
		world_trace(w, call.index);
		if (w->valid_at == call.index)
			w->valid_at = 0;
		if (call.index % 64 == 63 && !w->valid_at)
			world_check_valid(w);
	}
	w->call = NULL;
	if (w->pool) {
		world_check(w);
		events_forget();
		if (w->target->end)
			w->target->end(w);
		world_between(w);
	}
	close_world(w);
}

uint64_t fuzz_run(const struct fuzz_target *target, const uint8_t *data, size_t size, FILE *words,
		  FILE *emit)
{
	struct world *w = &fuzz_world;
	static struct fuzz_program program;

	w->target = target;
	w->a = fuzz_adapter_chosen();
	w->pool = NULL;
	w->reports = 0;
	w->crime_kinds = 0;
	w->may_end = 0;
	w->warned_ctor_zero = w->warned_pool_zero = false;
	sheaves_reset();
	steps_reset();
	rest_reset();
	w->face = 0;
	w->wipes = false;
	w->given_up = false;
	w->digested_at = 0;
	w->valid_at = 0;
	w->trace = 0;
	w->on_wait = NULL;
	w->words = words;
	w->emit = emit;
	model_reset(w);
	fuzz_plant_reset();
	fuzz_program_open(&program, target, data, size);
	if (setjmp(w->fatal) == 0) {
		run_program(w, &program);
		return w->trace;
	}
	/* The core was left by its fatal hook; the world is given up as it is. */
	w->call = NULL;
	if (w->given_up)
		return w->trace;
	if (!w->crime_kinds && !w->may_end)
		fuzz_fail("report", "the program was ended for no reason");
	if (w->crime_kinds)
		world_crime_ended(w);
	else if (world_drop(w, w->may_end) == 0)
		fuzz_fail("report", "the program was ended without the report that says why");
	return w->trace;
}
