/* SPDX-License-Identifier: MIT */
/* kmem_cache_*: the operations, with what the model says must come of them. */
#include "calls.h"
#include "events.h"
#include "rest.h"
#include "steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct fuzz_word cache_flag_words[] = {
	{ "HWCACHE_ALIGN", "SLAB_HWCACHE_ALIGN", SLAB_HWCACHE_ALIGN },
	{ "TYPESAFE_BY_RCU", "SLAB_TYPESAFE_BY_RCU", SLAB_TYPESAFE_BY_RCU },
	{ "NO_MERGE", "SLAB_NO_MERGE", SLAB_NO_MERGE },
	{ "CONSISTENCY_CHECKS", "SLAB_CONSISTENCY_CHECKS", SLAB_CONSISTENCY_CHECKS },
	{ "RECLAIM_ACCOUNT", "SLAB_RECLAIM_ACCOUNT", SLAB_RECLAIM_ACCOUNT },
	{ "PANIC", "SLAB_PANIC", SLAB_PANIC },
	{ "POISON", "SLAB_POISON", SLAB_POISON },
	{ "UNKNOWN", "1u", 1 },
	{ NULL, NULL, 0 },
};
const struct fuzz_word cache_align_words[] = {
	{ "0", "0", 0 },         { "8", "8", 8 },         { "16", "16", 16 },
	{ "32", "32", 32 },      { "64", "64", 64 },      { "0", "", 0 },
	{ "128", "128", 128 },   { "256", "256", 256 },   { "1024", "1024", 1024 },
	{ "4096", "4096", 4096 },{ "1", "1", 1 },         { "4", "4", 4 },
	{ "0", "", 0 },          { "8192", "8192", 8192 },{ "65536", "65536", 65536 },
	{ "1048576", "1048576", 1u << 20 },               { "8388608", "8388608", 1u << 23 },
	{ "3", "3", 3 },         { "24", "24", 24 },      { "2", "2", 2 },
	{ NULL, NULL, 0 },
};
enum name { NAME_PLAIN, NAME_BLANK, NAME_EMPTY, NAME_NULL, NAME_LONG, NAME_MIDDLE };
const struct fuzz_word cache_name_words[] = {
	{ "plain", "\"plain\"", NAME_PLAIN },     { "blank", "\"two words\"", NAME_BLANK },
	{ "plain", "", NAME_PLAIN },              { "empty", "\"\"", NAME_EMPTY },
	{ "plain", "", NAME_PLAIN },              { "null", "NULL", NAME_NULL },
	{ "plain", "", NAME_PLAIN },              { "long", "LONG_NAME", NAME_LONG },
	{ "middle", "MIDDLE_NAME", NAME_MIDDLE }, { NULL, NULL, 0 },
};

static const char *name_text(enum name which)
{
	static char text[400];
	static const size_t length[] = { [NAME_LONG] = 320, [NAME_MIDDLE] = 32 };

	switch (which) {
	case NAME_PLAIN:
		return "plain";
	case NAME_BLANK:
		return "two words";
	case NAME_EMPTY:
		return "";
	case NAME_NULL:
		return NULL;
	default:
		memset(text, 'n', length[which]);
		text[length[which]] = '\0';
		return text;
	}
}

/* Why Linux refuses these arguments: true if they are wrong in themselves. */
static bool refused(const struct kmem_cache_args *args, uint32_t size, uint32_t flags,
		    enum name name)
{
	if (name == NAME_EMPTY || name == NAME_NULL || size == 0 || size > KMALLOC_MAX_SIZE)
		return true;
	if ((flags & 1) || args->sheaf_capacity > 256)
		return true;
	if (args->align & (args->align - 1) || args->align > KMALLOC_MAX_SIZE)
		return true;
	return args->usersize > size || args->useroffset > size - args->usersize;
}

/* A slab of at least one object, aligned as asked, may not fit into the small arenas here. */
static bool may_not_fit(struct world *w, uint32_t size, uint32_t align)
{
	size_t arena = (size_t)w->options.arena_mib << 20, run = PAGE_SIZE;

	while (run < size || run < align)
		run *= 2;
	return run > arena / 2 || memory_is_full(w, PAGE_SIZE << 3, 2);
}

static void enter_cache(struct world *w, uint32_t handle, struct kmem_cache *k)
{
	struct wcache *c = &w->cache[handle];

	for (uint32_t i = 0; i < handle; i++) {
		if (w->cache[i].same_as != i || !w->cache[i].users || w->cache[i].k != k)
			continue;
		if (!w->options.merge || c->ctor || w->cache[i].ctor)
			fuzz_fail("disjoint", "cache %u is cache %u, which is in use", handle, i);
		c->same_as = i;
		w->cache[i].users++;
		return;
	}
	for (uint32_t i = 0; i < handle && w->options.merge && (w->a->caps & CAP_INSIDE); i++)
		if (w->cache[i].users && c->plain && w->cache[i].plain &&
		    w->cache[i].size == c->size && w->cache[i].align == c->align)
			fuzz_fail("result", "cache %u does not share the slabs of cache %u, which "
				  "is like it", handle, i);
	c->users = 1;
}

static void check_attributes(struct world *w, uint32_t handle, enum name name)
{
	const struct wcache *c = &w->cache[handle];
	const char *got = w->a->cache_name(c->k);

	if (w->a->cache_size(c->k) != c->size)
		fuzz_fail("size", "kmem_cache_size is %u, asked for was %u",
			  w->a->cache_size(c->k), c->size);
	if (c->same_as == handle && strcmp(got, name_text(name)))
		fuzz_fail("result", "the name is \"%s\"", got);
	if (got == name_text(name))
		fuzz_fail("result", "the name is the caller's string, not a copy");
}

static void create_failed(struct world *w, const struct kmem_cache_args *args, uint32_t size,
			  uint32_t flags, enum name name)
{
	bool wrong = refused(args, size, flags, name);

	if (!wrong && name == NAME_BLANK && (w->a->caps & CAP_MISUSE) &&
	    world_drop(w, KIND(NAME_SPACE)) != 1)
		fuzz_fail("report", "no warning about the blank in the name");
	if (!wrong && w->options.arena_mib && size > (size_t)w->options.arena_mib << 20 &&
	    w->reports && !world_fired(w) && !caches_are_full(w) &&
	    !memory_is_full(w, PAGE_SIZE << 3, 2) &&
	    !strstr(w->report[0].text ? w->report[0].text : "", "do not fit"))
		fuzz_fail("report", "a size above the arena's is refused as \"%s\"",
			  w->report[0].text ? w->report[0].text : "");
	world_expect(w, KIND(BAD_ARGUMENT), NULL);
	if ((w->a->caps & CAP_NULL) && !wrong && !world_fired(w) &&
	    !may_not_fit(w, size, args->align) && !caches_are_full(w))
		fuzz_fail("null", "a cache is refused without a fault or a wrong argument");
}

static struct kmem_cache *made_by(struct world *w, const struct fuzz_call *call, const char *name,
				  const struct kmem_cache_args *args, uint32_t flags)
{
	return w->a->cache_create(w->pool, name, call->arg[0], args, flags);
}

void cache_create_by(struct world *w, const struct fuzz_call *call, cache_maker *maker,
		     const struct kmem_cache_args *args)
{
	uint32_t size = call->arg[0], flags = 0, handle = call->first;
	enum name name = (enum name)cache_name_words[call->arg[4]].value;
	struct wcache *c = &w->cache[handle];

	for (unsigned int i = 0; cache_flag_words[i].word; i++)
		if (call->arg[2] & (1u << i))
			flags |= cache_flag_words[i].value;
	/* Only an allocator with a platform can end the program through it. */
	if (!(w->a->caps & CAP_PLATFORM))
		flags &= ~SLAB_PANIC;
	*c = (struct wcache){ .size = size, .align = args->align, .flags = flags,
			      .same_as = handle, .ctor = args->ctor != NULL,
			      .plain = maker == made_by && !flags && !args->ctor &&
				       !args->usersize };
	w->cache_count = handle + 1;
	if (flags & SLAB_PANIC)
		w->may_end = KIND(PANIC);
	world_act(w);
	c->k = maker(w, call, name_text(name), args, flags);
	if (!c->k) {
		if (flags & SLAB_PANIC)
			fuzz_fail("result", "SLAB_PANIC, but the program was not ended");
		create_failed(w, args, size, flags, name);
		return;
	}
	if (refused(args, size, flags, name))
		fuzz_fail("result", "a cache came of wrong arguments");
	if (name == NAME_BLANK)
		world_expect(w, KIND(NAME_SPACE), NULL);
	c->live = true;
	enter_cache(w, handle, c->k);
	check_attributes(w, handle, name);
	stats_check_cache(w, c->same_as, "statistics");
}

static void create(struct world *w, const struct fuzz_call *call,
		   const struct kmem_cache_args *args)
{
	cache_create_by(w, call, made_by, args);
}

static void run_create(struct world *w, const struct fuzz_call *call)
{
	struct kmem_cache_args args = {
		.align = cache_align_words[call->arg[1]].value,
		.ctor = call->arg[3] ? model_ctor : NULL,
	};

	create(w, call, &args);
}

const struct fuzz_op op_cache_create = {
	"kmem_cache_create", FUZZ_MAKES_CACHE, -1, run_create,
	"create($r, $4, $0, &(struct kmem_cache_args){ .align = $1, "
	".ctor = $3 ? ctor : NULL }, $2)",
	{ CACHE_ARGS },
};

static void run_create_args(struct world *w, const struct fuzz_call *call)
{
	struct kmem_cache_args args = {
		.align = cache_align_words[call->arg[1]].value,
		.ctor = call->arg[3] ? model_ctor : NULL,
		.useroffset = call->arg[5],
		.usersize = call->arg[6],
		.sheaf_capacity = call->arg[7],
	};

	create(w, call, &args);
}

const struct fuzz_op op_cache_create_args = {
	"kmem_cache_create_args", FUZZ_MAKES_CACHE, -1, run_create_args,
	"create($r, $4, $0, &(struct kmem_cache_args){ .align = $1, .ctor = $3 ? ctor : NULL, "
	".useroffset = $5, .usersize = $6, .sheaf_capacity = $7 }, $2)",
	{ CACHE_ARGS, ARG_NUMBER("useroffset", 0, 255, 0),
	  ARG_NUMBER("usersize", 0, 255, 0), ARG_NUMBER("sheaf_capacity", 0, 300, 0) },
};

bool is_dead(const struct world *w, uint32_t handle)
{
	if (!(w->a->caps & CAP_MISUSE) || handle >= w->cache_count || !w->cache[handle].k)
		return false;
	for (uint32_t i = 0; i < w->cache_count; i++)
		if (w->cache[i].k == w->cache[handle].k && w->cache[w->cache[i].same_as].users)
			return false;
	/* A crowd may have got the descriptor since. */
	for (uint32_t i = 0; i < w->crowd_count; i++)
		if (w->crowd[i] == w->cache[handle].k)
			return false;
	return true;
}

static void destroy_last(struct world *w, uint32_t handle)
{
	struct wcache *c = &w->cache[w->cache[handle].same_as];
	uint32_t reports, left = c->objects + c->in_pools;

	w->a->cache_destroy(c->k);
	if (!left) {
		c->users = 0;
		w->cache[handle].live = false;
		return;
	}
	if (!(w->a->caps & CAP_MISUSE))
		return;
	if (!w->reports || w->report[0].size != left)
		fuzz_fail("report", "destroy with %u live objects is not reported as such", left);
	reports = world_drop(w, KIND(LIVE_OBJECTS));
	if (reports != 1 + (left < 16 ? left : 16))
		fuzz_fail("report", "%u lines about %u live objects", reports, left);
}

static void run_destroy(struct world *w, const struct fuzz_call *call)
{
	uint32_t handle = call->arg[0], root = usable_cache(w, handle);

	if (root == FUZZ_NONE) {
		if (handle == FUZZ_NONE || !is_dead(w, handle))
			return;
		world_act(w);
		world_crime(w, KIND(BAD_CACHE), w->cache[handle].k);
		crime_foretell_dead(w, "kmem_cache_destroy", w->cache[handle].k);
		w->a->cache_destroy(w->cache[handle].k);
		world_crime_done(w);
		return;
	}
	world_act(w);
	if (w->cache[root].users == 1) {
		destroy_last(w, handle);
		return;
	}
	w->a->cache_destroy(w->cache[handle].k);
	w->cache[root].users--;
	w->cache[handle].live = false;
}

const struct fuzz_op op_cache_destroy = {
	"kmem_cache_destroy", FUZZ_MAKES_NOTHING, -1, run_destroy, "kmem_cache_destroy(c[$0])",
	{ ARG_CACHE },
};

static void run_shrink(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[0]);
	struct slabpool_cache_info info;
	int left;

	if (root == FUZZ_NONE && call->arg[0] != FUZZ_NONE && is_dead(w, call->arg[0])) {
		struct kmem_cache *dead = w->cache[call->arg[0]].k;

		world_act(w);
		world_crime(w, KIND(BAD_CACHE), dead);
		crime_foretell_dead(w, "kmem_cache_shrink", dead);
		w->a->cache_shrink(dead);
		world_crime_done(w);
	}
	if (root == FUZZ_NONE || !(w->a->caps & CAP_THREADS))
		return;
	world_act(w);
	left = w->a->cache_shrink(w->cache[root].k);
	if (w->a->cache_info(w->cache[root].k, &info))
		fuzz_fail("result", "cache_info(cache %u) fails", root);
	if (left != (info.slabs != 0))
		fuzz_fail("result", "shrink says %d, %zu slabs are left", left, info.slabs);
	if (info.empty_slabs &&
	    (!(w->cache[root].flags & SLAB_TYPESAFE_BY_RCU) || w->options.rcu_synchronize))
		fuzz_fail("result", "%zu empty slabs after shrink", info.empty_slabs);
	rest_check_trimmed(w);
}

const struct fuzz_op op_cache_shrink = {
	"kmem_cache_shrink", FUZZ_MAKES_NOTHING, -1, run_shrink, "kmem_cache_shrink(c[$0])",
	{ ARG_CACHE },
};

static void expect_ctor_zero(struct world *w, const struct wcache *c, gfp_t gfp)
{
	if (!c->ctor || !(gfp & __GFP_ZERO) || w->warned_ctor_zero)
		return;
	w->warned_ctor_zero = true;
	if ((w->a->caps & CAP_MISUSE) && world_drop(w, KIND(CTOR_ZERO)) != 1)
		fuzz_fail("report", "no warning about a constructor together with zeroing");
}

static size_t align_of(const struct wcache *c)
{
	size_t align = 8, line = 64;

	if (c->flags & SLAB_HWCACHE_ALIGN) {
		while (c->size <= line / 2)
			line /= 2;
		align = line > align ? line : align;
	}
	return c->align > align ? c->align : align;
}

void alloc_shown(const struct world *w, uint32_t root, const void *p, gfp_t gfp)
{
	events_expect((struct slabpool_event){
		.kind = SLABPOOL_EVENT_CACHE_ALLOC, .owner = w->cache[root].k, .result = p,
		.size = w->cache[root].size, .flags = gfp,
	});
}

void object_came(struct world *w, uint32_t root, void *p, gfp_t gfp, uint32_t handle)
{
	struct wcache *c = &w->cache[root];

	if (!p) {
		if (gfp & __GFP_NOFAIL)
			fuzz_fail("null", "NULL although __GFP_NOFAIL was given");
		null_check(w, root, 0, gfp, 1);
		return;
	}
	c->objects++;
	expect_ctor_zero(w, c, gfp);
	model_new(w, handle, FAMILY_CACHE, root, p, c->size, align_of(c), gfp);
}

void alloc_one(struct world *w, uint32_t root, gfp_t gfp, uint32_t handle)
{
	void *p;

	w->fired_before = fuzz_platform.fired;
	w->current_cache = root;
	if (gfp & __GFP_NOFAIL)
		w->may_end = KIND(NOFAIL);
	steps_before(w, w->cache[root].k);
	p = w->a->cache_alloc(w->cache[root].k, gfp);
	alloc_shown(w, root, p, gfp);
	object_came(w, root, p, gfp, handle);
	if (p)
		steps_took(w);
}

static void run_alloc(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[0]);

	if (root != FUZZ_NONE) {
		world_act(w);
		alloc_one(w, root, gfp_of(call, 1), call->first);
		return;
	}
	if (call->arg[0] == FUZZ_NONE || !is_dead(w, call->arg[0]))
		return;
	world_act(w);
	world_crime(w, KIND(BAD_CACHE), w->cache[call->arg[0]].k);
	crime_foretell_dead(w, "kmem_cache_alloc", w->cache[call->arg[0]].k);
	if (w->a->cache_alloc(w->cache[call->arg[0]].k, GFP_NOWAIT))
		fuzz_fail("result", "a destroyed cache gives objects");
	world_crime_done(w);
}

const struct fuzz_op op_cache_alloc = {
	"kmem_cache_alloc", FUZZ_MAKES_OBJECT, -1, run_alloc, "alloc($r, $0, $1)",
	{ ARG_CACHE, ARG_GFP },
};

static void run_alloc_many(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[0]);

	if (root == FUZZ_NONE)
		return;
	world_act(w);
	for (uint32_t i = 0; i < call->count; i++)
		alloc_one(w, root, gfp_of(call, 1), call->first + i);
}

const struct fuzz_op op_cache_alloc_many = {
	"alloc_many", FUZZ_MAKES_OBJECT, 2, run_alloc_many, "alloc_many($r, $0, $1, $2)",
	{ ARG_CACHE, ARG_GFP, ARG_NUMBER("n", 1, 300, 20) },
};

static void run_free(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[0]);

	if (call->arg[0] == FUZZ_NONE || o->family != FAMILY_CACHE ||
	    usable_cache(w, o->owner) == FUZZ_NONE)
		return;
	give_back(w, HOW_CACHE, o->owner, o->p, call->arg[0]);
}

const struct fuzz_op op_cache_free = {
	"kmem_cache_free", FUZZ_MAKES_NOTHING, -1, run_free, "give(CACHE, by[$0], $0)",
	{ ARG_OBJECT },
};

static void run_free_to(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[0]), handle = call->arg[1];
	void *p = handle == FUZZ_NONE ? NULL : fuzz_objects[handle].p;

	if (root != FUZZ_NONE) {
		give_back(w, HOW_CACHE, root, p, handle);
		return;
	}
	if (call->arg[0] == FUZZ_NONE || !is_dead(w, call->arg[0]) || !p)
		return;
	world_act(w);
	world_crime(w, KIND(BAD_CACHE), w->cache[call->arg[0]].k);
	crime_foretell_dead(w, "kmem_cache_free", w->cache[call->arg[0]].k);
	w->a->cache_free(w->cache[call->arg[0]].k, p);
	world_crime_done(w);
}

const struct fuzz_op op_cache_free_to = {
	"kmem_cache_free_to", FUZZ_MAKES_NOTHING, -1, run_free_to, "give(CACHE, $0, $1)",
	{ ARG_CACHE, ARG_OBJECT },
};

static void run_alloc_bulk(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[0]), n = call->arg[2];
	gfp_t gfp = gfp_of(call, 1) & ~__GFP_NOFAIL;
	static void *objects[256];
	struct wcache *c;
	int got;

	if (root == FUZZ_NONE)
		return;
	c = &w->cache[root];
	w->current_cache = root;
	world_act(w);
	got = w->a->cache_alloc_bulk(c->k, gfp, n, objects);
	if (got != 0 && got != (int)n)
		fuzz_fail("result", "bulk allocation of %u gives %d", n, got);
	if (got)
		expect_ctor_zero(w, c, gfp);
	if (!got) {
		/* Those that were got before it failed may have been zeroed, too. */
		w->warned_ctor_zero |= world_drop(w, KIND(CTOR_ZERO)) != 0;
		c->spoiled |= (gfp & __GFP_ZERO) != 0;
		if (n)
			null_check(w, root, 0, gfp, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		c->objects++;
		model_new(w, call->first + i, FAMILY_CACHE, root, objects[i], c->size,
			  align_of(c), gfp);
	}
}

const struct fuzz_op op_cache_alloc_bulk = {
	"kmem_cache_alloc_bulk", FUZZ_MAKES_OBJECT, 2, run_alloc_bulk,
	"alloc_bulk($r, $0, $1, $2)",
	{ ARG_CACHE, ARG_GFP, ARG_NUMBER("n", 0, 255, 16) },
};

/* Live objects out of a range of handles, into an array; all of one cache, or of any. */
static uint32_t gather(struct world *w, uint32_t first, uint32_t n, uint32_t root, void **objects)
{
	uint32_t got = 0;

	for (uint32_t i = first; i < first + n && i < w->object_count; i++) {
		struct wobject *o = &fuzz_objects[i];
		bool fits = o->live && (root == FUZZ_NONE ? o->family <= FAMILY_KMALLOC
							  : o->family == FAMILY_CACHE &&
								    o->owner == root);

		objects[got++] = fits ? o->p : NULL;
		if (!fits)
			continue;
		model_check(w, i);
		model_reconstruct(w, i);
		model_gone(w, i);
		if (o->family == FAMILY_CACHE)
			w->cache[o->owner].objects--;
	}
	return got;
}

static void run_free_bulk(struct world *w, const struct fuzz_call *call)
{
	uint32_t first = call->arg[0], n = call->arg[1], root = FUZZ_NONE;
	static void *objects[256];

	if (first == FUZZ_NONE)
		return;
	if (!call->arg[2]) {
		if (!fuzz_objects[first].live || fuzz_objects[first].family != FAMILY_CACHE)
			return;
		root = fuzz_objects[first].owner;
	}
	world_act(w);
	n = gather(w, first, n, root, objects);
	if (root != FUZZ_NONE) {
		w->a->cache_free_bulk(w->cache[root].k, n, objects);
		return;
	}
	if (w->a->caps & CAP_FACES) {
		w->a->cache_free_bulk(NULL, n, objects);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		w->a->kfree(w->pool, objects[i]);
}

const struct fuzz_op op_cache_free_bulk = {
	"kmem_cache_free_bulk", FUZZ_MAKES_NOTHING, -1, run_free_bulk, "free_bulk($0, $1, $2)",
	{ ARG_OBJECT, ARG_NUMBER("n", 0, 255, 16), ARG_NUMBER("any", 0, 1, 0) },
};

static void run_free_many(struct world *w, const struct fuzz_call *call)
{
	uint32_t first = call->arg[0], step = call->arg[2];

	if (first == FUZZ_NONE)
		return;
	world_act(w);
	for (uint32_t i = 0; i < call->arg[1] && first + i * step < w->object_count; i++)
		give_back_live(w, first + i * step);
}

const struct fuzz_op op_free_many = {
	"free_many", FUZZ_MAKES_NOTHING, -1, run_free_many, "free_many($0, $1, $2)",
	{ ARG_OBJECT, ARG_NUMBER("n", 1, 1000, 20), ARG_NUMBER("step", 1, 64, 1) },
};
