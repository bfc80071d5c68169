/* SPDX-License-Identifier: MIT */
/*
 * Crimes that need to know where things are: a double free of what lies in this thread's magazine,
 * another thread's, the depot or a slab; a free of the allocator's own data; writes into memory
 * that nobody holds; every call on a destroyed cache; one bad address among good ones.
 */
#include "calls.h"
#include "events.h"
#include "inside.h"
#include "pools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct fuzz_word place_words[] = {
	{ "own-magazine", "0", PLACE_OWN },     { "other-magazine", "1", PLACE_OTHER },
	{ "depot", "2", PLACE_DEPOT },          { "slab", "3", PLACE_SLAB },
	{ NULL, NULL, 0 },
};
static const struct fuzz_word how_words[] = {
	{ "cache", "0", HOW_CACHE },   { "kfree", "1", HOW_KFREE },
	{ "vfree", "2", HOW_VFREE },   { "kvfree", "3", HOW_KVFREE },
	{ "pages", "4", HOW_PAGES },   { NULL, NULL, 0 },
};

static bool can_look(const struct world *w)
{
	return (w->a->caps & CAP_INSIDE) && (w->a->caps & CAP_MISUSE);
}

static int class_number(struct kmem_cache *cache, void *context)
{
	struct { uint32_t left; struct kmem_cache *found; } *search = context;
	struct slabpool_cache_info info;

	fuzz_world.a->cache_info(cache, &info);
	if (!(info.flags & SLAB_KMALLOC))
		return 0;
	search->found = cache;
	return search->left-- == 0;
}

/* A cache that the program made, or one of kmalloc's classes. */
static struct kmem_cache *any_cache(struct world *w, uint32_t handle, uint32_t class)
{
	struct { uint32_t left; struct kmem_cache *found; } search = { class - 1, NULL };
	uint32_t root = usable_cache(w, handle);

	if (class == 0)
		return root == FUZZ_NONE ? NULL : w->cache[root].k;
	w->a->for_each_cache(w->pool, class_number, &search);
	return search.found;
}

/* By which cache a free goes that needs one: another one in half of the cases that have two. */
static bool chosen_how(struct world *w, const struct fuzz_call *call, unsigned int arg,
		       uint32_t handle, enum how *how, uint32_t *by)
{
	*how = (enum how)how_words[call->arg[arg]].value;
	*by = *how == HOW_CACHE ? usable_cache(w, handle) : 0;
	return *by != FUZZ_NONE;
}

/* --- a free object, freed again --- */

static void run_free_again(struct world *w, const struct fuzz_call *call)
{
	struct kmem_cache *cache = can_look(w) ? any_cache(w, call->arg[0], call->arg[4]) : NULL;
	void *p = NULL;
	enum how how;
	uint32_t by;

	if (cache)
		p = fuzz_inside_free(cache, (enum fuzz_place)place_words[call->arg[1]].value,
				     call->arg[2]);
	if (p && chosen_how(w, call, 3, call->arg[0], &how, &by))
		give_back(w, how, by, p, FUZZ_NONE);
}

const struct fuzz_op op_free_again = {
	"free_again", FUZZ_MAKES_NOTHING, -1, run_free_again, "/* free_again: internal */",
	{ ARG_CACHE, ARG_CHOICE("place", place_words), ARG_NUMBER("which", 0, 255, 0),
	  ARG_CHOICE("how", how_words), ARG_NUMBER("class", 0, 20, 0) },
};

/* --- what was never given out --- */

enum never { NEVER_METADATA, NEVER_STACK, NEVER_HEAP, NEVER_CODE };
static const struct fuzz_word never_words[] = {
	{ "metadata", "0", NEVER_METADATA }, { "stack", "1", NEVER_STACK },
	{ "heap", "2", NEVER_HEAP },         { "code", "3", NEVER_CODE },
	{ NULL, NULL, 0 },
};

static void run_free_never(struct world *w, const struct fuzz_call *call)
{
	struct kmem_cache *cache = can_look(w) ? any_cache(w, call->arg[0], 1) : NULL;
	uint32_t root = usable_cache(w, call->arg[0]);
	static unsigned char *heap;   /* kept: the program may be ended in here */
	unsigned char local[64], *p;
	enum how how;
	uint32_t by;

	if (!cache || !chosen_how(w, call, 2, call->arg[0], &how, &by))
		return;
	if (root != FUZZ_NONE)
		cache = w->cache[root].k;
	switch (never_words[call->arg[1]].value) {
	case NEVER_METADATA:
		p = fuzz_inside_metadata(w->pool, cache, call->arg[3]);
		break;
	case NEVER_STACK:
		p = local;
		break;
	case NEVER_HEAP:
		if (!heap)
			heap = malloc(64);
		p = heap;
		break;
	default:
		p = (unsigned char *)(uintptr_t)run_free_never;
		break;
	}
	if (p)
		give_back(w, how, by, p + call->arg[4], FUZZ_NONE);
}

const struct fuzz_op op_free_never = {
	"free_never_given", FUZZ_MAKES_NOTHING, -1, run_free_never,
	"/* free_never_given: internal */",
	{ ARG_CACHE, ARG_CHOICE("what", never_words), ARG_CHOICE("how", how_words),
	  ARG_NUMBER("which", 0, 255, 0), ARG_NUMBER("offset", 0, 15, 0) },
};

/* --- inside of an object of any kind, by any call --- */

static void run_free_part(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[0]);
	uint32_t by = call->arg[2];
	enum how how;

	if (call->arg[0] == FUZZ_NONE || !o->p || ZERO_OR_NULL_PTR(o->p) || o->size < 2 ||
	    o->family == FAMILY_ELEMENT || !can_look(w) || !chosen_how(w, call, 1, by, &how, &by))
		return;
	give_back(w, how, by, o->p + 1 + call->arg[3] % (uint32_t)(o->size - 1), FUZZ_NONE);
}

const struct fuzz_op op_free_part = {
	"free_part", FUZZ_MAKES_NOTHING, -1, run_free_part, "/* free_part: internal */",
	{ ARG_OBJECT, ARG_CHOICE("how", how_words), ARG_CACHE,
	  ARG_NUMBER("offset", 0, 0x3fffff, 7) },
};

/* --- calls on a destroyed cache --- */

enum dead { DEAD_ALLOC_BULK, DEAD_FREE_BULK, DEAD_ALLOC, DEAD_FREE, DEAD_SHRINK, DEAD_DESTROY,
	    DEAD_ASK };
static const struct fuzz_word dead_words[] = {
	{ "alloc-bulk", "0", DEAD_ALLOC_BULK }, { "free-bulk", "1", DEAD_FREE_BULK },
	{ "alloc", "2", DEAD_ALLOC },           { "free", "3", DEAD_FREE },
	{ "shrink", "4", DEAD_SHRINK },         { "destroy", "5", DEAD_DESTROY },
	{ "ask", "6", DEAD_ASK },               { NULL, NULL, 0 },
};

static void ask_dead(struct world *w, struct kmem_cache *cache)
{
	struct slabpool_cache_info info;

	if (w->a->cache_info(cache, &info) != -EINVAL)
		fuzz_fail("result", "cache_info of a destroyed cache succeeds");
	if (w->a->cache_tune(cache, 8, 4, 2) != -EINVAL)
		fuzz_fail("result", "cache_tune of a destroyed cache succeeds");
}

static void call_dead(struct world *w, enum dead which, struct kmem_cache *cache)
{
	static uint64_t place;
	void *objects[8] = { &place };

	switch (which) {
	case DEAD_ALLOC_BULK:
		if (w->a->cache_alloc_bulk(cache, GFP_NOWAIT, 8, objects))
			fuzz_fail("result", "a destroyed cache gives objects");
		return;
	case DEAD_FREE_BULK:
		w->a->cache_free_bulk(cache, 1, objects);
		return;
	case DEAD_ALLOC:
		if (w->a->cache_alloc(cache, GFP_NOWAIT | __GFP_ZERO))
			fuzz_fail("result", "a destroyed cache gives objects");
		return;
	case DEAD_FREE:
		w->a->cache_free(cache, &place);
		return;
	case DEAD_SHRINK:
		if (w->a->cache_shrink(cache))
			fuzz_fail("result", "a destroyed cache has slabs");
		return;
	default:
		w->a->cache_destroy(cache);
		return;
	}
}

static void run_dead(struct world *w, const struct fuzz_call *call)
{
	static const char *const names[] = {
		[DEAD_ALLOC_BULK] = "kmem_cache_alloc", [DEAD_FREE_BULK] = "kmem_cache_free_bulk",
		[DEAD_ALLOC] = "kmem_cache_alloc", [DEAD_FREE] = "kmem_cache_free",
		[DEAD_SHRINK] = "kmem_cache_shrink", [DEAD_DESTROY] = "kmem_cache_destroy",
	};
	enum dead which = (enum dead)dead_words[call->arg[1]].value;
	struct kmem_cache *cache;

	if (call->arg[0] == FUZZ_NONE || !is_dead(w, call->arg[0]))
		return;
	cache = w->cache[call->arg[0]].k;
	world_act(w);
	if (which == DEAD_ASK) {
		ask_dead(w, cache);
		return;
	}
	world_crime(w, KIND(BAD_CACHE), cache);
	crime_foretell_dead(w, names[which], cache);
	call_dead(w, which, cache);
	world_crime_done(w);
}

const struct fuzz_op op_dead = {
	"use_destroyed", FUZZ_MAKES_NOTHING, -1, run_dead, "use_destroyed($0, $1)",
	{ ARG_CACHE, ARG_CHOICE("call", dead_words) },
};

/* --- one bad address among good ones --- */

enum odd_one { ODD_TWICE, ODD_FREE, ODD_FOREIGN, ODD_INSIDE };
static const struct fuzz_word odd_one_words[] = {
	{ "twice", "0", ODD_TWICE },     { "free", "1", ODD_FREE },
	{ "foreign", "2", ODD_FOREIGN }, { "inside", "3", ODD_INSIDE },
	{ NULL, NULL, 0 },
};

static void *odd_one(struct world *w, uint32_t root, enum odd_one which, void *const *objects)
{
	static uint64_t place;
	void *p = NULL;

	switch (which) {
	case ODD_TWICE:
		return objects[0];
	case ODD_FREE:
		for (unsigned int k = PLACE_OWN; k < PLACE_HELD && !p; k++)
			p = fuzz_inside_free(w->cache[root].k, (enum fuzz_place)k, 0);
		return p;
	case ODD_FOREIGN:
		return &place;
	default:
		return w->cache[root].size > 1 ? (char *)objects[0] + 1 : NULL;
	}
}

/* Objects of a cache from a handle on, forgotten by the model: they are about to be freed. */
static uint32_t take_objects(struct world *w, uint32_t first, uint32_t root, uint32_t most,
			     void **objects)
{
	uint32_t n = 0;

	for (uint32_t i = first; i < w->object_count && n < most; i++) {
		struct wobject *o = &fuzz_objects[i];

		if (!o->live || o->family != FAMILY_CACHE || o->owner != root)
			continue;
		model_check(w, i);
		model_reconstruct(w, i);
		model_gone(w, i);
		w->cache[root].objects--;
		objects[n++] = o->p;
	}
	return n;
}

static void run_bulk_with(struct world *w, const struct fuzz_call *call)
{
	uint32_t first = call->arg[0], root, n;
	enum odd_one which = (enum odd_one)odd_one_words[call->arg[2]].value;
	struct slabpool_cache_info info;
	void *objects[33], *bad;

	if (first == FUZZ_NONE || !can_look(w) || !fuzz_objects[first].live ||
	    fuzz_objects[first].family != FAMILY_CACHE)
		return;
	root = fuzz_objects[first].owner;
	objects[0] = fuzz_objects[first].p;
	bad = odd_one(w, root, which, objects);
	if (!bad)
		return;
	world_act(w);
	n = take_objects(w, first, root, call->arg[1], objects);
	/* What it is depends on its slab, which may go with the good ones: first, but for two. */
	objects[n] = bad;
	if (which != ODD_TWICE && (which != ODD_FOREIGN || call->arg[3])) {
		objects[n] = objects[0];
		objects[0] = bad;
	}
	world_crime(w, KIND(DOUBLE_FREE) | KIND(FOREIGN) | KIND(INTERIOR), bad);
	w->crime_digested = false;
	crime_foretell_call(w, "kmem_cache_free_bulk", root, bad);
	/* It is foretold while what comes twice is still held. */
	if (which == ODD_TWICE)
		w->crime_report.kind = SLABPOOL_REPORT_DOUBLE_FREE;
	w->crime_is_partial = true;
	w->a->cache_info(w->cache[root].k, &info);
	w->crime_cache = w->cache[root].k;
	w->crime_releases = info.releases;
	w->a->cache_free_bulk(w->cache[root].k, n + 1, objects);
	world_crime_done(w);
}

const struct fuzz_op op_bulk_with = {
	"free_bulk_with_bad", FUZZ_MAKES_NOTHING, -1, run_bulk_with,
	"/* free_bulk_with_bad: internal */",
	{ ARG_OBJECT, ARG_NUMBER("n", 1, 32, 8), ARG_CHOICE("bad", odd_one_words),
	  ARG_NUMBER("first", 0, 1, 0) },
};

/* --- writing where nobody may --- */

/* Memory whose contents are promised to nobody while it is free. */
static bool may_scribble(const struct world *w, uint32_t root)
{
	const struct wcache *c = &w->cache[root];

	return !c->ctor && !(c->flags & SLAB_TYPESAFE_BY_RCU) && !w->options.init_on_alloc &&
	       !w->options.init_on_free;
}

/*
 * All of the allocator's data is elsewhere: a write after free, or beyond an object's end, can
 * change nothing but what is free. That it did not, the following operations and checks see.
 */
static void run_scribble(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[0]);
	const struct wobject *o = object_at(call->arg[3]);
	unsigned char *p = NULL, *end;

	if (root == FUZZ_NONE || !can_look(w) || !may_scribble(w, root))
		return;
	if (call->arg[1] < PLACE_HELD)
		p = fuzz_inside_free(w->cache[root].k,
				     (enum fuzz_place)place_words[call->arg[1]].value,
				     call->arg[2]);
	if (call->arg[4] && call->arg[3] != FUZZ_NONE && o->live && o->family == FAMILY_CACHE &&
	    o->owner == root)
		p = o->p + fuzz_inside_find(w->pool, o->p).bytes;
	if (!p)
		return;
	end = fuzz_inside_idle_end(w->pool, w->cache[root].k, p);
	world_act(w);
	if (end > p)
		memset(p, 0xd5, (size_t)(end - p));
	world_check(w);
}

const struct fuzz_op op_scribble = {
	"scribble", FUZZ_MAKES_NOTHING, -1, run_scribble, "/* scribble: internal */",
	{ ARG_CACHE, ARG_CHOICE("place", place_words), ARG_NUMBER("which", 0, 255, 0), ARG_OBJECT,
	  ARG_NUMBER("overflow", 0, 1, 0) },
};

/* --- elements --- */

/*
 * A mempool looks at no element. What it passes on, because its reserve is full, the backend
 * refuses: then the report is the backend's.
 */
static void run_element_bad(struct world *w, const struct fuzz_call *call)
{
	uint32_t handle = call->arg[0];
	const struct wpool *pool = &pools[handle == FUZZ_NONE ? 0 : handle];
	enum odd_one which = (enum odd_one)odd_one_words[call->arg[2]].value;
	void *p = object_at(call->arg[1])->p;

	if (handle == FUZZ_NONE || handle >= pools_made || !pool->live || !can_look(w) ||
	    pool->kind != OVER_SLAB || pool->m->curr_nr < pool->min_nr ||
	    pool->m->curr_nr < 1 || !w->cache[pool->cache].users)
		return;
	if (which != ODD_TWICE)
		p = odd_one(w, pool->cache, which, pool->m->elements);
	if (!p || ZERO_OR_NULL_PTR(p) || model_find(p) != FUZZ_NONE ||
	    fuzz_inside_held(w->pool, p))
		return;
	world_act(w);
	world_crime(w, KIND(DOUBLE_FREE) | KIND(FOREIGN) | KIND(INTERIOR), p);
	crime_foretell(w, HOW_CACHE, pool->cache, p);
	/* The pool tells of every call, before it is made. */
	w->crime_events += events_on();
	w->a->pool_free(p, pool->m);
	world_crime_done(w);
}

const struct fuzz_op op_element_bad = {
	"mempool_free_bad", FUZZ_MAKES_NOTHING, -1, run_element_bad,
	"/* mempool_free_bad: internal */",
	{ ARG_POOL, ARG_OBJECT, ARG_CHOICE("bad", odd_one_words) },
};
