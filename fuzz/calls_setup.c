/* SPDX-License-Identifier: MIT */
/* Tuning, options, platforms, and what the allocator says about itself. */
#include "calls.h"

#include "core/instance.h"
#include "core/thread.h"
#include "default.h"
#include "events.h"
#include "rest.h"

#include <slabpool/layout.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

static void run_tune(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[0]);
	uint32_t limit = call->arg[1], batch = call->arg[2], shared = call->arg[3];
	bool good = batch >= 1 && batch <= limit && limit <= 256;
	struct slabpool_cache_info info;
	int result;

	if (root == FUZZ_NONE || !(w->a->caps & CAP_THREADS))
		return;
	world_act(w);
	result = w->a->cache_tune(w->cache[root].k, limit, batch, shared);
	if (result == -ENOMEM && world_fired(w))
		return;
	if (result != (good ? 0 : -EINVAL))
		fuzz_fail("result", "tuning gives %d", result);
	w->a->cache_info(w->cache[root].k, &info);
	if (good && (info.limit != limit || info.batchcount != batch || info.shared != shared))
		fuzz_fail("result", "tuned to %u %u %u, shown are %u %u %u", limit, batch, shared,
			  info.limit, info.batchcount, info.shared);
}

const struct fuzz_op op_cache_tune = {
	"cache_tune", FUZZ_MAKES_NOTHING, -1, run_tune, "slabpool_cache_tune(c[$0], $1, $2, $3)",
	{ ARG_CACHE, ARG_NUMBER("limit", 0, 257, 16), ARG_NUMBER("batchcount", 0, 257, 8),
	  ARG_NUMBER("shared", 0, 255, 8) },
};

static const struct fuzz_word line_words[] = {
	{ "plain", "\"plain 8 4 2\"", 0 },
	{ "too-much", "\"plain 8 9 2\"", 1 },
	{ "unknown", "\"nothing 8 4 2\"", 2 },
	{ "short", "\"plain 8\"", 3 },
	{ "kmalloc", "\"kmalloc-64 32 16 2\"", 4 },
	{ NULL, NULL, 0 },
};

static void run_tune_line(struct world *w, const struct fuzz_call *call)
{
	static const char *const lines[] = { "plain 8 4 2", "plain 8 9 2", "nothing 8 4 2",
					     "plain 8", "kmalloc-64 32 16 2" };
	uint32_t which = line_words[call->arg[0]].value;
	bool there = which == 4;
	int result;

	if (!(w->a->caps & CAP_THREADS))
		return;
	for (uint32_t i = 0; i < w->cache_count; i++)
		there |= which == 0 && w->cache[i].same_as == i && w->cache[i].users &&
			 !strcmp(w->a->cache_name(w->cache[i].k), "plain");
	world_act(w);
	result = w->a->tune_line(w->pool, lines[which]);
	if (result == -ENOMEM && world_fired(w))
		return;
	if (result != (there ? 0 : -EINVAL))
		fuzz_fail("result", "the line \"%s\" gives %d", lines[which], result);
}

const struct fuzz_op op_tune_line = {
	"tune_line", FUZZ_MAKES_NOTHING, -1, run_tune_line, "slabpool_tune_line(P, $0)",
	{ ARG_CHOICE("line", line_words) },
};

/* --- options --- */

/* What a text does to the options, and how many of its entries are ignored. */
struct option_text {
	const char *text;
	int ignored;
	size_t place;         /* of the field that is looked at */
	unsigned int value;   /* of this field afterwards */
};
#define TEXT(text, ignored, field, value) \
	{ text, ignored, offsetof(struct slabpool_options, field), value }

static const struct option_text option_texts[] = {
	TEXT("limit=32:shared=7", 0, limit, 32),
	TEXT("", 0, limit, 256),
	TEXT("::merge=1:", 0, merge, 1),
	TEXT("colour=3:limit=8", 1, limit, 8),
	TEXT("limit", 1, limit, 256),
	TEXT("limit=", 1, limit, 256),
	TEXT("limit=6x", 1, limit, 256),
	TEXT("limit=9999", 1, limit, 256),
	TEXT("limit=0", 1, limit, 256),
	TEXT("limit=99999999999", 1, limit, 256),
	TEXT("granule=24", 1, granule, 0),
	TEXT("granule=4", 1, granule, 0),
	TEXT("granule=1024", 0, granule, 1024),
	TEXT("misuse=report", 0, misuse, 1),
	TEXT("misuse=ignore", 0, misuse, 2),
	TEXT("misuse=abort:misuse=2", 0, misuse, 2),
	TEXT("misuse=panic", 1, misuse, 0),
	TEXT("misuse=3", 1, misuse, 0),
	TEXT("min_order=7:max_order=2", 1, min_order, 4),
	TEXT("min_order=1:max_order=2", 0, max_order, 2),
	TEXT("record=file:limit=9", 0, limit, 9),
	TEXT("retain_ms=0:idle_kib=0:retain_kib=0", 0, retain_ms, 0),
	TEXT("a-key-that-is-longer-than-what-a-message-can-show-of-it-by-far-and-more=1", 1, limit,
	     256),
};
#define OPTION_TEXTS (sizeof(option_texts) / sizeof(option_texts[0]))

static void count_message(void *context, const char *line)
{
	*(int *)context += !strncmp(line, "slabpool: option '", 18);
}

static void run_options(struct world *w, const struct fuzz_call *call)
{
	const struct option_text *t = &option_texts[call->arg[0]];
	struct slabpool_options options, before;
	int ignored, said = 0;
	unsigned int got;

	if (!(w->a->caps & CAP_FACES))
		return;
	world_act(w);
	memset(&options, 0, sizeof(options));
	slabpool_options_init(&options);
	before = options;
	ignored = call->arg[1] ? slabpool_options_parse(&options, t->text, count_message, &said)
			       : slabpool_options_parse(&options, t->text, NULL, NULL);
	memcpy(&got, (char *)&options + t->place, sizeof(got));
	if (ignored != t->ignored || got != t->value || (call->arg[1] && said != ignored))
		fuzz_fail("result", "options \"%s\": %d ignored, %d said, the value is %u", t->text,
			  ignored, said, got);
	if (t->ignored && !strchr(t->text, ':') && memcmp(&before, &options, sizeof(options)))
		fuzz_fail("result", "options \"%s\" change something", t->text);
	/* The default instance is never made here: it can be configured at any time. */
	if (slabpool_configure(&options) != 0 || slabpool_configure(NULL) != -EINVAL)
		fuzz_fail("result", "options \"%s\" cannot be configured", t->text);
	options.limit = 0;
	if (slabpool_configure(&options) != -EINVAL)
		fuzz_fail("result", "limit=0 can be configured");
}

const struct fuzz_op op_options = {
	"options_parse", FUZZ_MAKES_NOTHING, -1, run_options, "/* options_parse: internal */",
	{ ARG_NUMBER("text", 0, OPTION_TEXTS - 1, 0), ARG_NUMBER("messages", 0, 1, 1) },
	.seldom = true,
};

/* --- the instance once more, with what its first line does not say --- */

enum kind { KIND_DEFAULT, KIND_FURTHER, KIND_NO_OPTIONS, KIND_NO_DISCARD };
static const struct fuzz_word kind_words[] = {
	{ "default-instance", "0", KIND_DEFAULT },
	{ "further-instance", "1", KIND_FURTHER },
	{ "no-options", "2", KIND_NO_OPTIONS },
	{ "no-discard", "3", KIND_NO_DISCARD },
	{ NULL, NULL, 0 },
};

/* A system that cannot drop a range's contents and keep it committed. */
static int (*system_commit)(void *context, void *address, size_t bytes, enum slabpool_memory how);

static int commit_without_discard(void *context, void *address, size_t bytes,
				  enum slabpool_memory how)
{
	return how == SLABPOOL_DISCARD ? -EOPNOTSUPP : system_commit(context, address, bytes, how);
}

static struct slabpool *create_again(struct world *w, enum kind kind)
{
	struct fuzz_platform_plan plan = fuzz_platform.plan;
	struct slabpool_platform platform;

	fuzz_platform_open(&platform, &plan);
	if (kind == KIND_DEFAULT)
		return w->a->create_default(&platform, &w->options);
	system_commit = platform.commit;
	if (kind == KIND_NO_DISCARD)
		platform.commit = commit_without_discard;
	fuzz_platform.keeps = kind == KIND_NO_DISCARD;
	if (kind != KIND_NO_OPTIONS)
		return w->a->create(&platform, &w->options);
	slabpool_options_init(&w->options);
	return w->a->create(&platform, NULL);
}

static bool may_reopen(const struct world *w, const struct fuzz_call *call)
{
	return (w->a->caps & CAP_FACES) && call->index == 1;
}

static void reopen(struct world *w, enum kind kind)
{
	world_act(w);
	w->a->destroy(w->pool);
	default_use(NULL);
	if (fuzz_platform.reservations || fuzz_platform.locks_made)
		fuzz_fail("left over", "%u reservations and %u locks of an unused instance",
			  fuzz_platform.reservations, fuzz_platform.locks_made);
	events_open(false);
	w->pool = create_again(w, kind);
	/* Its end would be the program's: nothing more can be done. */
	if (!w->pool)
		world_give_up(w);
	/* Fewer where there is little memory. */
	w->options.max_caches = w->pool->options.max_caches;
	default_use(w->pool);
}

static void run_reopen(struct world *w, const struct fuzz_call *call)
{
	if (!may_reopen(w, call))
		return;
	w->options.retain_ms = call->arg[1];
	w->options.depot_kib = call->arg[2];
	w->options.max_caches = call->arg[3];
	reopen(w, (enum kind)kind_words[call->arg[0]].value);
}

const struct fuzz_op op_reopen = {
	"reopen", FUZZ_MAKES_NOTHING, -1, run_reopen, "reopen($0, $1, $2, $3)",
	{ ARG_CHOICE("as", kind_words), ARG_NUMBER("retain_ms", 0, 20000, 10000),
	  ARG_NUMBER("depot_kib", 0, 262144, 262144), ARG_NUMBER("max_caches", 64, 8192, 256) },
};

/* Memory for runs of more than the largest power of two, and for many of them idle. */
static void run_reopen_large(struct world *w, const struct fuzz_call *call)
{
	if (!may_reopen(w, call))
		return;
	w->options.arena_mib = call->arg[0];
	w->options.idle_kib = call->arg[1];
	reopen(w, KIND_FURTHER);
}

const struct fuzz_op op_reopen_large = {
	"reopen_large", FUZZ_MAKES_NOTHING, -1, run_reopen_large, "reopen_large($0, $1)",
	{ ARG_NUMBER("arena_mib", 1, 24, 24), ARG_NUMBER("idle_kib", 0, 32768, 16384) },
	.seldom = true,
};

/* --- a second instance, on one of the library's own platforms --- */

static unsigned int lines_out;

static void line_out(const char *text)
{
	lines_out += !strncmp(text, "slabpool: ", 10);
}

/* Some life on it; it must not disturb the first one. */
static void live(struct slabpool *pool)
{
	struct kmem_cache *cache = slabpool_cache_create(pool, "second", 100, NULL, 0);
	void *p = slabpool_kmalloc(pool, 1000, GFP_KERNEL), *q = NULL;

	if (!cache || !p)
		fuzz_fail("null", "a second instance has no memory");
	q = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_ZERO);
	memset(p, 0x5a, 1000);
	if (!q || !model_is_zero(q, 100))
		fuzz_fail("zero", "an object of a second instance is not zeroed");
	kmem_cache_free(cache, q);
	slabpool_kfree(pool, p);
	if (!slabpool_is_valid(pool))
		fuzz_fail("valid", "a second instance is not valid");
	kmem_cache_destroy(cache);
}

/* Small memory is not aligned to much: what asks for more gets nothing. */
static void align_in(struct slabpool *pool)
{
	struct kmem_cache_args args = { .align = 1u << 16 };
	struct kmem_cache *cache = slabpool_cache_create(pool, "aligned", 64, &args, 0);
	void *p = slabpool_kmemalign(pool, 8192, 8, GFP_NOWAIT);
	void *q = cache ? kmem_cache_alloc(cache, GFP_NOWAIT) : NULL;

	if ((uintptr_t)p % 8192 || (uintptr_t)q % (1u << 16))
		fuzz_fail("alignment", "%p or %p of a second instance", p, q);
	slabpool_kfree(pool, p);
	slabpool_kfree(pool, q);
	kmem_cache_destroy(cache);
}

#define BUFFER_LEAST ((size_t)1 << 16)   /* bytes that are enough for an instance */

static void on_buffer(struct world *w, size_t bytes, bool quiet)
{
	static unsigned char memory[1u << 20] SLABPOOL_ALIGNED(4096);
	struct slabpool_platform platform;
	struct slabpool_options options;
	struct slabpool_buffer state;
	struct slabpool *pool;

	slabpool_options_init(&options);
	options.misuse = SLABPOOL_MISUSE_REPORT;
	options.granule = bytes % 3 ? 16 : 0;
	options.min_order = options.max_order = bytes % 2;
	options.max_caches = bytes % 5 ? 64 : 8192;
	options.arena_mib = bytes % 7 ? 0 : 16777216;
	memset(memory, 0xa5, 4096);
	slabpool_bare_output(quiet ? NULL : line_out, NULL);
	slabpool_platform_buffer(&platform, &state, memory, bytes);
	if (quiet)
		platform.report = NULL;
	pool = slabpool_create(&platform, &options);
	if (!pool && bytes >= BUFFER_LEAST && !options.arena_mib)
		fuzz_fail("null", "no instance in %zu bytes", bytes);
	if (pool) {
		rest_check_instance(pool);
		align_in(pool);
	}
	lines_out = 0;
	if (pool && bytes >= 1u << 19)
		live(pool);
	if (pool)
		slabpool_kfree(pool, w);
	if (pool && lines_out != !quiet)
		fuzz_fail("report", "%u lines about a foreign pointer", lines_out);
	slabpool_destroy(pool);
	if (state.pieces || state.used)
		fuzz_fail("left over", "%zu pieces of a buffer", state.pieces);
	slabpool_bare_output(NULL, NULL);
}

/* --- a second instance on a system whose memory goes to others while it is opened --- */

#define PROBED ((size_t)16 << 20)   /* bytes that a system with room for several arenas has */
#define SCARCE_LEAST ((size_t)64 << 12) /* enough for the arenas after the first */
#define INSTANCE_QUARTERS 8u
static unsigned char promise;       /* what a probe gets for them */
static struct {
	struct slabpool_platform buffer;
	size_t most;                /* bytes that were to be had, and went back */
	struct rest_quarter quarter[INSTANCE_QUARTERS];
	size_t quarters;
	size_t left;                /* bytes once the first arena is made */
} scarce;

static void *scarce_reserve(void *context, size_t bytes, size_t align)
{
	struct slabpool_buffer *state = context;
	void *address = bytes == PROBED ? &promise
					: scarce.buffer.reserve(context, bytes, align);

	if (address && scarce.most && scarce.quarters < INSTANCE_QUARTERS) {
		scarce.quarter[scarce.quarters++] = (struct rest_quarter){ address, scarce.most };
		if (state->bytes > state->used + scarce.left)
			state->bytes = state->used + scarce.left;
	}
	scarce.most = 0;
	return address;
}

static void scarce_unreserve(void *context, void *address, size_t bytes)
{
	if (address == &promise)
		return;
	scarce.most = bytes;
	scarce.buffer.unreserve(context, address, bytes);
}

/* Of what is to be had, each arena takes a quarter: the others want some, too. */
static void on_scarce(size_t left)
{
	static unsigned char memory[1u << 20] SLABPOOL_ALIGNED(4096);
	struct slabpool_platform platform;
	struct slabpool_options options;
	struct slabpool_buffer state;
	struct slabpool *pool;

	slabpool_options_init(&options);
	options.max_caches = 64;
	slabpool_platform_buffer(&platform, &state, memory, sizeof(memory));
	scarce.left = left;
	scarce.buffer = platform;
	scarce.most = scarce.quarters = 0;
	platform.reserve = scarce_reserve;
	platform.unreserve = scarce_unreserve;
	pool = slabpool_create(&platform, &options);
	if (!pool && left >= SCARCE_LEAST)
		fuzz_fail("null", "no instance where %zu bytes are left", left);
	if (pool) {
		rest_check_quarters(pool, scarce.quarter, scarce.quarters);
		rest_check_instance(pool);
	}
	slabpool_destroy(pool);
	if (state.pieces || state.used)
		fuzz_fail("left over", "%zu pieces of a scarce buffer", state.pieces);
}

/* Real address space: too slow to be tried often. */
static void on_system(void)
{
	struct slabpool_platform platform;
	struct slabpool_options options;
	struct slabpool *pool;

	if (slabpool_platform_open(&platform))
		return;
	slabpool_options_init(&options);
	options.max_caches = 64;
	pool = slabpool_create(&platform, &options);
	if (pool)
		live(pool);
	slabpool_destroy(pool);
	slabpool_platform_close(&platform);
}

static void run_second(struct world *w, const struct fuzz_call *call)
{
	if (!(w->a->caps & CAP_FACES) || !w->pool)
		return;
	world_act(w);
	if (call->arg[1] == 255)
		on_system();
	else if (call->arg[1] == 239)
		on_scarce((size_t)call->arg[0] << 12);
	else if (call->arg[1] >= 240)
		on_buffer(w, (size_t)call->arg[0] << 12, call->arg[1] == 254);
}

const struct fuzz_op op_second = {
	"second_instance", FUZZ_MAKES_NOTHING, -1, run_second, "/* second_instance: internal */",
	{ ARG_NUMBER("buffer_pages", 0, 255, 255), ARG_NUMBER("system", 0, 255, 0) },
};

/* --- time --- */

static void run_clock_far(struct world *w, const struct fuzz_call *call)
{
	world_act(w);
	fuzz_platform.now += (uint64_t)1 << call->arg[0];
}

const struct fuzz_op op_clock_far = {
	"clock_far", FUZZ_MAKES_NOTHING, -1, run_clock_far, "now += (uint64_t)1 << $0",
	{ ARG_NUMBER("milliseconds_shift", 0, 43, 31) },
};

/* --- what the allocator says --- */

static void run_constants(struct world *w, const struct fuzz_call *call)
{
	struct slabpool_report report = { .kind = SLABPOOL_REPORT_FOREIGN, .call = "kfree" };
	char line[64], whole[256];
	size_t length, room = call->arg[0];

	if (!(w->a->caps & CAP_FACES))
		return;
	world_act(w);
	w->a->thread_exit(w->pool, &thread_none);
	kmem_cache_init();
	kmem_cache_init_late();
	slabpool_check_layout(SLABPOOL_LAYOUT);
	if (strcmp(slabpool_version(), SLABPOOL_VERSION) || !slab_is_available() ||
	    slabpool_default() != w->pool || !kmem_cache_charge(w, GFP_KERNEL) ||
	    ksize(NULL) || ksize(ZERO_SIZE_PTR) || get_order(0) || get_order(PAGE_SIZE + 1) != 1 ||
	    get_order(ULONG_MAX) != (int)(8 * sizeof(long)) - PAGE_SHIFT)
		fuzz_fail("result", "a constant of the library is wrong");
	length = slabpool_report_line(&report, whole, sizeof(whole));
	memset(line, 0x7e, sizeof(line));
	if (slabpool_report_line(&report, line, room) != length || length != strlen(whole) ||
	    (room && (strncmp(line, whole, room - 1) || line[room - 1])) || line[room] != 0x7e)
		fuzz_fail("report", "a line of %zu bytes in %zu bytes", length, room);
	length = slabpool_report_json(&report, whole, sizeof(whole));
	memset(line, 0x7e, sizeof(line));
	if (slabpool_report_json(&report, line, room) != length || length != strlen(whole) ||
	    strncmp(whole, "{\"slabpool\":1,", 14) || whole[length - 1] != '}' ||
	    (room && (strncmp(line, whole, room - 1) || line[room - 1])) || line[room] != 0x7e)
		fuzz_fail("report", "an object of %zu bytes in %zu bytes", length, room);
}

const struct fuzz_op op_constants = {
	"constants", FUZZ_MAKES_NOTHING, -1, run_constants, "/* constants: internal */",
	{ ARG_NUMBER("line_bytes", 0, 20, 10) },
	.seldom = true,
};

static void run_layout(struct world *w, const struct fuzz_call *call)
{
	if (!(w->a->caps & CAP_FACES) || call->arg[0] != 1)
		return;
	world_act(w);
	w->may_end = KIND(LAYOUT);
	slabpool_check_layout(SLABPOOL_LAYOUT + 1);
	fuzz_fail("report", "the program was not ended for another layout");
}

const struct fuzz_op op_layout = {
	"other_layout", FUZZ_MAKES_NOTHING, -1, run_layout, "/* other_layout: internal */",
	{ ARG_NUMBER("ends", 0, 255, 1) },
	.seldom = true,
};

/* What is known about an address: the model knows it, too. */
static void run_dump(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[0]);
	unsigned char *p = o->p;
	const struct slabpool_report *report = &w->report[0];
	size_t inside = call->arg[1];
	bool is_live;

	if (!(w->a->caps & CAP_FACES))
		return;
	if (!ZERO_OR_NULL_PTR(p))
		p += inside;
	is_live = model_find(p) != FUZZ_NONE;
	world_act(w);
	w->a->dump_obj(p);
	if (w->reports != 1 || report->kind != SLABPOOL_REPORT_OBJECT || report->pointer != p ||
	    !w->said[0])
		fuzz_fail("report", "%u reports about %p", w->reports, (void *)p);
	/* An object goes on to the end of its place: the bytes behind it count as inside. */
	if (is_live && !strstr(w->said, "live object") && !strstr(w->said, "page run"))
		fuzz_fail("report", "live object %u: \"%s\"", call->arg[0], w->said);
	w->reports = 0;
	if (is_live && !w->a->valid_obj(p))
		fuzz_fail("result", "live object %u at %p is none", call->arg[0], (void *)p);
	if (ZERO_OR_NULL_PTR(p) && w->a->valid_obj(p))
		fuzz_fail("result", "an object at %p", (void *)p);
}

const struct fuzz_op op_dump = {
	"dump", FUZZ_MAKES_NOTHING, -1, run_dump, "kmem_dump_obj(object($0))",
	{ ARG_OBJECT, ARG_NUMBER("inside", 0, 0x8000, 0) },
};

static void run_dump_foreign(struct world *w, const struct fuzz_call *call)
{
	static uint64_t place;
	void *p = call->arg[0] ? fuzz_platform_last() : (void *)&place;

	if (!(w->a->caps & CAP_FACES))
		return;
	world_act(w);
	w->a->dump_obj(p);
	if (world_drop(w, KIND(OBJECT)) != 1 || w->a->valid_obj(p))
		fuzz_fail("result", "%p is an object", p);
}

const struct fuzz_op op_dump_foreign = {
	"dump_foreign", FUZZ_MAKES_NOTHING, -1, run_dump_foreign, "/* dump_foreign: internal */",
	{ ARG_NUMBER("table", 0, 1, 0) },
};
