/* SPDX-License-Identifier: MIT */
/* Target geometry: the arithmetic against the reference, and real caches made with it. */
#include "calls.h"
#include "reference.h"
#include "targets.h"

static const struct fuzz_word aligns[] = {
	{ "0", "0", 0 },       { "8", "8", 8 },       { "16", "16", 16 },   { "32", "32", 32 },
	{ "64", "64", 64 },    { "128", "128", 128 }, { "256", "256", 256 },
	{ "4096", "4096", 4096 },
	{ "65536", "65536", 65536 },                  { "2097152", "2097152", 1u << 21 },
	{ "4194304", "4194304", 1u << 22 },           { "8388608", "8388608", 1u << 23 },
	{ "1", "1", 1 },       { "2", "2", 2 },       { "4", "4", 4 },      { "3", "3", 3 },
	{ "24", "24", 24 },    { NULL, NULL, 0 },
};
static const struct fuzz_word granules[] = {
	{ "0", "0", 0 },     { "8", "8", 8 },     { "0", "", 0 },         { "16", "16", 16 },
	{ "0", "", 0 },      { "64", "64", 64 },  { "0", "", 0 },         { "1024", "1024", 1024 },
	{ "4", "4", 4 },     { "24", "24", 24 },  { "65536", "65536", 65536 }, { NULL, NULL, 0 },
};

static void check_sound(const struct geometry_request *r, const struct geometry *g)
{
	uint64_t run = (uint64_t)1 << (r->page_shift + g->order);

	if (g->stride % g->align || g->stride % g->granule || g->stride < r->size)
		fuzz_fail("geometry", "stride %u for size %u, align %u, granule %u", g->stride,
			  r->size, g->align, g->granule);
	if (r->align && g->align % r->align)
		fuzz_fail("geometry", "align %u, asked for was %u", g->align, r->align);
	if (g->capacity == 0 || (uint64_t)(g->colours - 1) * g->colour_off +
				(uint64_t)g->capacity * g->stride > run)
		fuzz_fail("geometry", "%u objects of %u and %u colours of %u in %llu bytes",
			  g->capacity, g->stride, g->colours, g->colour_off,
			  (unsigned long long)run);
	if (g->colour_off % g->align || g->colour_off % g->granule)
		fuzz_fail("geometry", "a colour of %u for align %u, granule %u", g->colour_off,
			  g->align, g->granule);
}

static void compare(const struct geometry *got, const struct geometry *want)
{
	const uint32_t *a = &got->align, *b = &want->align;
	static const char *const name[] = { "align", "stride", "granule", "order", "capacity",
					    "colour_off", "colours" };

	for (unsigned int i = 0; i < 7; i++)
		if (a[i] != b[i])
			fuzz_fail("geometry", "%s is %u, the reference says %u", name[i], a[i],
				  b[i]);
}

static void run_compute(struct world *w, const struct fuzz_call *call)
{
	struct geometry_request r = {
		.size = call->arg[0], .align = aligns[call->arg[1]].value,
		.hwcache_align = call->arg[2], .min_order = call->arg[3],
		.max_order = call->arg[4], .min_objects = call->arg[5],
		.granule = granules[call->arg[6]].value, .page_shift = call->arg[7],
		.before = call->arg[8], .after = call->arg[9],
	};
	struct geometry got = { 1, 2, 3, 4, 5, 6, 7 }, want = got;
	const struct geometry untouched = got;
	bool good, fits = reference_compute(&r, &want);

	if (!(w->a->caps & CAP_GEOMETRY))
		return;
	world_act(w);
	good = w->a->geometry_compute(&r, &got);
	if (good != fits)
		fuzz_fail("geometry", "compute %s, the reference %s",
			  good ? "accepts" : "refuses", fits ? "accepts" : "refuses");
	if (!good)
		want = untouched;
	compare(&got, &want);
	if (good)
		check_sound(&r, &got);
}

static const struct fuzz_op op_compute = {
	"compute", FUZZ_MAKES_NOTHING, -1, run_compute, "/* internal: geometry_compute */",
	{ ARG_NUMBER("size", 0, 0x400100, 64), ARG_CHOICE("align", aligns),
	  ARG_NUMBER("hwcache_align", 0, 1, 0), ARG_NUMBER("min_order", 0, 11, 4),
	  ARG_NUMBER("max_order", 0, 11, 5), ARG_NUMBER("min_objects", 0, 255, 8),
	  ARG_CHOICE("granule", granules), ARG_NUMBER("page_shift", 8, 17, 12),
	  ARG_NUMBER("before", 0, 255, 0), ARG_NUMBER("after", 0, 255, 0) },
};

static const struct fuzz_op op_compute_wide = {
	"compute_wide", FUZZ_MAKES_NOTHING, -1, run_compute, "/* internal: geometry_compute */",
	{ ARG_NUMBER("size", 0, 0x400100, 64), ARG_CHOICE("align", aligns),
	  ARG_NUMBER("hwcache_align", 0, 1, 0), ARG_NUMBER("min_order", 0, 11, 4),
	  ARG_NUMBER("max_order", 0, 11, 5), ARG_NUMBER("min_objects", 0, 255, 8),
	  ARG_CHOICE("granule", granules), ARG_NUMBER("page_shift", 8, 17, 12),
	  ARG_NUMBER("before", 0, 0x400100, 0), ARG_NUMBER("after", 0, 0x400100, 0) },
};

static void run_small(struct world *w, const struct fuzz_call *call)
{
	const struct fuzz_adapter *a = w->a;
	uint32_t n = call->arg[0], align = 1u << call->arg[1], size;
	bool power = n && !(n & (n - 1));

	if (!(a->caps & CAP_GEOMETRY))
		return;
	world_act(w);
	if (a->geometry_pow2(n) != power)
		fuzz_fail("geometry", "is_pow2(%u) is %d", n, !power);
	if (a->geometry_round_up(n, align) != (n / align + (n % align != 0)) * align)
		fuzz_fail("geometry", "round_up(%u, %u) is %u", n, align,
			  a->geometry_round_up(n, align));
	if (n && a->geometry_align(n, align, call->arg[2]) !=
			 reference_align(n, align, call->arg[2]))
		fuzz_fail("geometry", "align(%u, %u) is %u", n, align,
			  a->geometry_align(n, align, call->arg[2]));
	if (n && n <= 1u << 22 && a->geometry_granule(n) != reference_granule(n, 1024))
		fuzz_fail("geometry", "granule(%u) is %u", n, a->geometry_granule(n));
	if (a->geometry_order_of(n, 12) != reference_order_of(n, 12))
		fuzz_fail("geometry", "order_of(%u) is %u", n, a->geometry_order_of(n, 12));
	if (n == 0 || n > 8192)
		return;
	size = a->geometry_class_size(a->geometry_class(n));
	if (size != reference_class_size(n))
		fuzz_fail("geometry", "the class of %u has size %u", n, size);
}

static const struct fuzz_op op_small = {
	"arithmetic", FUZZ_MAKES_NOTHING, -1, run_small, "/* internal: arithmetic of geometry */",
	{ ARG_NUMBER("n", 0, 0xffffff, 0), ARG_NUMBER("align_shift", 0, 22, 3),
	  ARG_NUMBER("hwcache_align", 0, 1, 0) },
};

/* The geometry that a cache of this instance has by the reference; the arenas are small, so that
 * slabs are kept to a sixteenth of one. */
static bool real_geometry(const struct world *w, const struct wcache *c, struct geometry *g)
{
	const struct slabpool_options *o = &w->options;
	struct geometry_request r = {
		.size = c->size, .align = c->align,
		.hwcache_align = (c->flags & SLAB_HWCACHE_ALIGN) != 0,
		.granule = o->granule, .page_shift = SLABPOOL_PAGE_SHIFT,
		.min_order = o->min_order, .max_order = o->max_order,
		.min_objects = o->min_objects,
	};

	if (r.max_order < r.min_order)
		r.max_order = r.min_order;
	while (r.max_order > 0 && (16u << r.max_order) > o->arena_mib << (20 - SLABPOOL_PAGE_SHIFT))
		r.max_order--;
	if (r.min_order > r.max_order)
		r.min_order = r.max_order;
	return reference_compute(&r, g);
}

static bool reserves_fail(void)
{
	return fuzz_faults_reserve();
}

/* Every cache that was made has the geometry of the reference. */
static void run_compare(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[0]);
	struct slabpool_cache_info info;
	struct geometry want;

	if (root == FUZZ_NONE || !(w->a->caps & CAP_STATS) || reserves_fail() ||
	    !w->options.arena_mib)
		return;
	world_act(w);
	w->a->cache_info(w->cache[root].k, &info);
	if (!real_geometry(w, &w->cache[root], &want))
		fuzz_fail("geometry", "cache %u exists, the reference refuses it", root);
	compare(&(struct geometry){ info.align, info.stride, want.granule, info.gfporder,
				    info.num, info.colour_off, info.colour }, &want);
}

static const struct fuzz_op op_compare = {
	"compare", FUZZ_MAKES_NOTHING, -1, run_compare, "show_cache($0)", { ARG_CACHE },
};

static const struct fuzz_op *const ops[] = {
	&op_compute, &op_small, &op_cache_create, &op_compare, &op_cache_alloc_many,
	&op_free_many, &op_cache_create_args, &op_cache_alloc, &op_cache_free, &op_cache_shrink,
	&op_check, &op_slab, &op_second, &op_reopen, &op_compute_wide,
};

const struct fuzz_target fuzz_target_geometry = {
	.name = "geometry",
	.instance = &op_instance,
	.ops = ops,
	.op_count = sizeof(ops) / sizeof(ops[0]),
	.old_op_count = 12u,
	.end = end_of_program,
};
