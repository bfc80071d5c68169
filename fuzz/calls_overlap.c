/* SPDX-License-Identifier: MIT */
/*
 * Several threads at once. Each does a series of steps that its number and the seed choose: it
 * allocates, frees what it has, what the program had before, or what another thread hands over,
 * and now and then shrinks, reaps, tunes, asks or ends. Every object is full of its holder's
 * number while somebody has it. What comes of it is put to the model when all are done.
 */
#include "calls.h"
#include "turns.h"

#include <string.h>

#define MINE 64u       /* objects that a thread can have */
#define BOXES 4u       /* where threads hand objects over */

struct held {
	unsigned char *p;
	uint32_t cache;
	unsigned char stamp;
};

struct worker {
	uint32_t series;
	struct held mine[MINE];
	uint32_t count, allocated;
	struct held given[MINE];   /* live objects of the program, to free */
	uint32_t given_count;
	uint32_t nulls;
	unsigned char stamp;
};

static struct {
	struct worker worker[TURNS_MOST];
	uint32_t cache[2];         /* handles */
	uint32_t steps, most;      /* of each thread: steps; objects it may allocate */
	uint32_t other;            /* what else is done: enum other */
	struct held box[BOXES];
	struct world *w;
} overlap;

enum other { OTHER_NONE, OTHER_SHRINK, OTHER_REAP, OTHER_TUNE, OTHER_ASK, OTHER_FLUSH, OTHER_EXIT,
	     OTHER_CACHE, OTHER_BULK, OTHER_KMALLOC, OTHER_ALL };
static const struct fuzz_word other_words[] = {
	{ "none", "0", OTHER_NONE },     { "shrink", "1", OTHER_SHRINK },
	{ "reap", "2", OTHER_REAP },     { "tune", "3", OTHER_TUNE },
	{ "ask", "4", OTHER_ASK },       { "flush", "5", OTHER_FLUSH },
	{ "exit", "6", OTHER_EXIT },     { "cache", "7", OTHER_CACHE },
	{ "bulk", "8", OTHER_BULK },     { "kmalloc", "9", OTHER_KMALLOC },
	{ "all", "10", OTHER_ALL },      { NULL, NULL, 0 },
};

static uint32_t draw(struct worker *me, uint32_t n)
{
	me->series = me->series * 1664525u + 1013904223u;
	return (me->series >> 16) % n;
}

static size_t size_of(const struct held *object)
{
	return overlap.w->cache[object->cache].size;
}

static struct kmem_cache *cache_of(uint32_t handle)
{
	return overlap.w->cache[handle].k;
}

/* It is as its holder left it. */
static void check_held(const struct held *object, const char *what)
{
	for (size_t i = 0; i < size_of(object); i++)
		if (object->p[i] != object->stamp)
			fuzz_fail("contents", "byte %zu of %p, %s, is 0x%02x instead of 0x%02x", i,
				  (void *)object->p, what, object->p[i], object->stamp);
}

static void take(struct worker *me, void *p, uint32_t cache)
{
	struct held *object = &me->mine[me->count];

	if (!p) {
		me->nulls++;
		return;
	}
	*object = (struct held){ p, cache, me->stamp };
	memset(p, me->stamp, size_of(object));
	me->count++;
	me->allocated++;
}

static void step_alloc(struct worker *me)
{
	uint32_t cache = overlap.cache[draw(me, 2)];

	if (me->count == MINE || me->allocated >= overlap.most)
		return;
	take(me, overlap.w->a->cache_alloc(cache_of(cache), GFP_NOWAIT | __GFP_NOWARN), cache);
}

static void give(const struct held *object)
{
	overlap.w->a->cache_free(cache_of(object->cache), object->p);
}

static void step_free(struct worker *me)
{
	uint32_t at;

	if (!me->count)
		return;
	at = draw(me, me->count);
	check_held(&me->mine[at], "in its thread's hands");
	give(&me->mine[at]);
	me->mine[at] = me->mine[--me->count];
}

static void step_free_given(struct worker *me)
{
	if (me->given_count)
		give(&me->given[--me->given_count]);
}

/* One of this thread's objects for what is in the box. */
static void step_exchange(struct worker *me)
{
	struct held *box = &overlap.box[draw(me, BOXES)], got;

	if (!me->count)
		return;
	turns_acquire(box);
	got = *box;
	*box = me->mine[--me->count];
	turns_release(box);
	if (!got.p)
		return;
	check_held(&got, "handed over");
	got.stamp = me->stamp;
	memset(got.p, got.stamp, size_of(&got));
	me->mine[me->count++] = got;
}

static void step_bulk(struct worker *me)
{
	uint32_t cache = overlap.cache[draw(me, 2)], n = 1 + draw(me, 20);
	void *objects[20];

	if (!overlap.w->a->cache_alloc_bulk(cache_of(cache), GFP_NOWAIT | __GFP_NOWARN, n, objects))
		return;
	for (uint32_t i = 0; i < n; i++)
		memset(objects[i], me->stamp, overlap.w->cache[cache].size);
	turns_point();
	for (uint32_t i = 0; i < n; i++)
		check_held(&(struct held){ objects[i], cache, me->stamp }, "got in bulk");
	overlap.w->a->cache_free_bulk(cache_of(cache), n, objects);
}

static void step_kmalloc(struct worker *me)
{
	size_t size = 1 + draw(me, 9000);
	unsigned char *p = overlap.w->a->kmalloc(overlap.w->pool, size, GFP_NOWAIT | __GFP_NOWARN);

	if (!p)
		return;
	memset(p, me->stamp, size);
	turns_point();
	for (size_t i = 0; i < size; i++)
		if (p[i] != me->stamp)
			fuzz_fail("contents", "byte %zu of kmalloc(%zu) was written", i, size);
	overlap.w->a->kfree(overlap.w->pool, p);
}

/* A cache that no other thread knows. */
static void step_cache(struct worker *me)
{
	const struct fuzz_adapter *a = overlap.w->a;
	struct kmem_cache_args args = { 0 };
	struct kmem_cache *cache;
	void *p;

	if (overlap.w->options.merge)
		return;
	cache = a->cache_create(overlap.w->pool, "private", 8 + draw(me, 500), &args, 0);
	if (!cache)
		return;
	p = a->cache_alloc(cache, GFP_NOWAIT | __GFP_NOWARN);
	turns_point();
	a->cache_free(cache, p);
	a->cache_destroy(cache);
}

static void step_exit(struct world *w)
{
	void *record = fuzz_platform_forget();

	if (record)
		w->a->thread_exit(w->pool, record);
}

static void step_other(struct worker *me, enum other other)
{
	struct world *w = overlap.w;
	struct slabpool_cache_info info;
	struct kmem_cache *cache = cache_of(overlap.cache[draw(me, 2)]);

	switch (other) {
	case OTHER_SHRINK:
		w->a->cache_shrink(cache);
		return;
	case OTHER_REAP:
		w->a->reap(w->pool);
		return;
	case OTHER_TUNE:
		w->a->cache_tune(cache, 1 + draw(me, 32), 1, draw(me, 16));
		return;
	case OTHER_ASK:
		w->a->cache_info(cache, &info);
		return;
	case OTHER_FLUSH:
		w->a->thread_flush(w->pool);
		return;
	case OTHER_EXIT:
		step_exit(w);
		return;
	case OTHER_CACHE:
		step_cache(me);
		return;
	case OTHER_BULK:
		step_bulk(me);
		return;
	case OTHER_KMALLOC:
		step_kmalloc(me);
		return;
	case OTHER_ALL:
		step_other(me, (enum other)(1 + draw(me, OTHER_ALL - 1)));
		return;
	case OTHER_NONE:
		return;
	}
}

static void work(void *context, unsigned int k)
{
	struct worker *me = &overlap.worker[k];

	(void)context;
	for (uint32_t i = 0; i < overlap.steps; i++) {
		uint32_t what = draw(me, 10);

		if (what < 4)
			step_alloc(me);
		else if (what < 6)
			step_free(me);
		else if (what == 6)
			step_free_given(me);
		else if (what == 7)
			step_exchange(me);
		else if (what == 8)
			step_other(me, (enum other)overlap.other);
		turns_point();
	}
}

/* --- before and after --- */

static bool fits(const struct world *w, uint32_t root)
{
	return root != FUZZ_NONE && !w->cache[root].ctor &&
	       !(w->cache[root].flags & SLAB_TYPESAFE_BY_RCU) && w->cache[root].size <= 4096;
}

/* Live objects of the two caches, dealt out to the threads. */
static void deal(struct world *w, uint32_t first, unsigned int threads)
{
	uint32_t n = 0;

	for (uint32_t i = first; first != FUZZ_NONE && i < w->object_count; i++) {
		struct wobject *o = &fuzz_objects[i];
		struct worker *worker = &overlap.worker[n % threads];

		if (!o->live || o->family != FAMILY_CACHE ||
		    (o->owner != overlap.cache[0] && o->owner != overlap.cache[1]) ||
		    n >= threads * 16u)
			continue;
		model_check(w, i);
		worker->given[worker->given_count++] = (struct held){ o->p, o->owner, 0 };
		model_gone(w, i);
		w->cache[o->owner].objects--;
		n++;
	}
}

/* What a thread still has, or nobody took, is the program's. */
static void enter(struct world *w, const struct fuzz_call *call, uint32_t *entered,
		  const struct held *object, bool checked)
{
	if (!object->p)
		return;
	if (checked)
		check_held(object, "after all are done");
	if (*entered == call->count)
		fuzz_fail("conservation", "more objects are left than were allocated");
	w->cache[object->cache].objects++;
	model_new(w, call->first + (*entered)++, FAMILY_CACHE, object->cache, object->p,
		  w->cache[object->cache].size, 8, MODEL_KEEP);
}

static void run_overlap(struct world *w, const struct fuzz_call *call)
{
	uint32_t a = usable_cache(w, call->arg[0]), b = usable_cache(w, call->arg[1]), entered = 0;
	unsigned int threads = call->arg[2], now = fuzz_platform.thread;

	if (!fits(w, a) || !fits(w, b) || !(w->a->caps & CAP_THREADS) ||
	    !(w->a->caps & CAP_PLATFORM))
		return;
	world_act(w);
	memset(&overlap, 0, sizeof(overlap));
	overlap.w = w;
	overlap.cache[0] = a;
	overlap.cache[1] = b;
	overlap.steps = call->arg[4];
	overlap.other = other_words[call->arg[5]].value;
	overlap.most = call->count / threads;
	for (unsigned int k = 0; k < threads; k++)
		overlap.worker[k] = (struct worker){ .series = call->arg[6] * 4 + k,
						     .stamp = (unsigned char)(0x51 + k) };
	deal(w, call->arg[7], threads);
	turns_run(threads, call->arg[6], work, NULL);
	fuzz_platform.thread = now;
	world_drop(w, KIND(BAD_ARGUMENT));
	for (unsigned int k = 0; k < threads; k++) {
		struct worker *worker = &overlap.worker[k];

		while (worker->given_count)
			step_free_given(worker);
		for (uint32_t i = 0; i < worker->count; i++)
			enter(w, call, &entered, &worker->mine[i], true);
	}
	for (uint32_t i = 0; i < BOXES; i++)
		enter(w, call, &entered, &overlap.box[i], true);
	world_check(w);
}

const struct fuzz_op op_overlap = {
	"overlap", FUZZ_MAKES_OBJECT, 3, run_overlap, "/* overlap: internal */",
	{ ARG_CACHE, ARG_CACHE, ARG_NUMBER("threads", 2, TURNS_MOST, 2),
	  ARG_NUMBER("most", 4, 240, 60), ARG_NUMBER("steps", 1, 256, 60),
	  ARG_CHOICE("other", other_words), ARG_NUMBER("seed", 0, 65535, 0), ARG_OBJECT },
};

/* --- one object, freed by two threads at once --- */

static struct {
	struct world *w;
	struct kmem_cache *cache;
	void *object;
} at_once;

static void free_it(void *context, unsigned int k)
{
	(void)context;
	(void)k;
	turns_point();
	at_once.w->a->cache_free(at_once.cache, at_once.object);
}

/* Only where the options promise that one of them is refused. */
static void run_free_at_once(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[0]);
	unsigned int threads = call->arg[1], now = fuzz_platform.thread;
	struct wcache *c;

	if (call->arg[0] == FUZZ_NONE || !o->live || o->family != FAMILY_CACHE ||
	    !(w->a->caps & CAP_THREADS) || !(w->a->caps & CAP_PLATFORM) ||
	    !w->options.exact_double_free || w->options.misuse == SLABPOOL_MISUSE_ABORT)
		return;
	c = &w->cache[o->owner];
	world_act(w);
	model_check(w, call->arg[0]);
	model_reconstruct(w, call->arg[0]);
	model_gone(w, call->arg[0]);
	c->objects--;
	at_once.w = w;
	at_once.cache = c->k;
	at_once.object = o->p;
	turns_run(threads, call->arg[2], free_it, NULL);
	fuzz_platform.thread = now;
	if (world_drop(w, KIND(DOUBLE_FREE) | KIND(FOREIGN)) !=
	    (w->options.misuse == SLABPOOL_MISUSE_REPORT ? threads - 1 : 0))
		fuzz_fail("report", "%u threads free one object: not all but one are refused",
			  threads);
	world_check(w);
}

const struct fuzz_op op_free_at_once = {
	"free_at_once", FUZZ_MAKES_NOTHING, -1, run_free_at_once, "/* free_at_once: internal */",
	{ ARG_OBJECT, ARG_NUMBER("threads", 2, TURNS_MOST, 2), ARG_NUMBER("seed", 0, 255, 0) },
};
