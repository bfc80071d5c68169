/* SPDX-License-Identifier: MIT */
/* Operations that reach what ordinary calls do not: fork, odd arguments, crowds, damage. */
#include "calls.h"
#include "default.h"

#include <errno.h>
#include <string.h>

static void run_fork(struct world *w, const struct fuzz_call *call)
{
	if (!(w->a->caps & CAP_FORK) || !w->options.magazines)
		return;
	world_act(w);
	w->a->fork_prepare(w->pool);
	if (!call->arg[0]) {
		w->a->fork_parent(w->pool);
		return;
	}
	/* The child has this thread only. */
	w->a->fork_child(w->pool, false);
	for (unsigned int t = 0; t < FUZZ_THREADS; t++)
		if (t != fuzz_platform.thread)
			default_thread_anew(t);
	stats_check_all(w, "statistics");
	model_check_all(w);
}

const struct fuzz_op op_fork = {
	"fork", FUZZ_MAKES_NOTHING, -1, run_fork, "/* fork($0): only inside a real process */",
	{ ARG_NUMBER("child", 0, 1, 1) },
	.seldom = true,
};

static void run_damage(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[0]);

	if (root == FUZZ_NONE || !(w->a->caps & CAP_FORK))
		return;
	world_check_valid(w);
	if (w->a->damage(w->cache[root].k, call->arg[1], call->arg[2]) == FUZZ_SEEN_MISSED)
		fuzz_fail("valid", "is_valid does not see the damage");
	world_only_looked(w);
}

const struct fuzz_op op_damage = {
	"damage", FUZZ_MAKES_NOTHING, -1, run_damage, "/* damage: internal */",
	{ ARG_CACHE, ARG_NUMBER("kind", 0, 3, 0), ARG_NUMBER("which", 0, 17, 0) },
	.damages = true,
};

/* --- caches without a handle, so many that they run out of tags --- */

static void run_crowd(struct world *w, const struct fuzz_call *call)
{
	uint32_t want = call->arg[0];

	if (!(w->a->caps & CAP_STATS) || w->options.merge)
		return;
	world_act(w);
	while (w->crowd_count > want)
		w->a->cache_destroy(w->crowd[--w->crowd_count]);
	while (w->crowd_count < want) {
		struct kmem_cache *cache = w->a->cache_create(w->pool, "crowd", 64,
							      &(struct kmem_cache_args){ 0 }, 0);

		if (!cache) {
			world_expect(w, KIND(BAD_ARGUMENT), NULL);
			if (!world_fired(w) && !memory_is_full(w, PAGE_SIZE << 3, 1) &&
			    !caches_are_full(w))
				fuzz_fail("null", "no cache without a fault");
			return;
		}
		w->crowd[w->crowd_count++] = cache;
	}
}

const struct fuzz_op op_crowd = {
	"crowd", FUZZ_MAKES_NOTHING, -1, run_crowd, "crowd($0)", { ARG_NUMBER("n", 0, 255, 255) },
	.seldom = true,
};

/* --- arguments that no program should pass --- */

enum odd { ODD_NULLS, ODD_KMALLOC_CACHE, ODD_OPTIONS, ODD_KSIZE, ODD_ALIGN, ODD_TUNE, ODD_NO_ARGS,
	   ODD_PLATFORM_REPORT };
static const struct fuzz_word odd_words[] = {
	{ "nulls", "0", ODD_NULLS },        { "kmalloc-cache", "1", ODD_KMALLOC_CACHE },
	{ "options", "2", ODD_OPTIONS },    { "ksize", "3", ODD_KSIZE },
	{ "align", "4", ODD_ALIGN },        { "tune", "5", ODD_TUNE },
	{ "no-args", "6", ODD_NO_ARGS },    { NULL, NULL, 0 },
};

static void odd_nulls(struct world *w)
{
	struct slabpool_cache_info info;

	w->a->cache_destroy(NULL);
	w->a->destroy(NULL);
	w->a->thread_exit(w->pool, NULL);
	w->a->free_pages(w->pool, NULL, 0);
	if (w->a->cache_info(NULL, &info) != -EINVAL)
		fuzz_fail("result", "cache_info of NULL succeeds");
	if (w->a->cache_tune(NULL, 8, 4, 2) != -EINVAL)
		fuzz_fail("result", "cache_tune of NULL succeeds");
}

static int is_kmalloc(struct kmem_cache *cache, void *context)
{
	struct slabpool_cache_info info;

	fuzz_world.a->cache_info(cache, &info);
	*(struct kmem_cache **)context = cache;
	return (info.flags & SLAB_KMALLOC) != 0;
}

static void odd_kmalloc_cache(struct world *w)
{
	struct kmem_cache *cache = NULL;

	if (!w->a->for_each_cache(w->pool, is_kmalloc, &cache))
		fuzz_fail("result", "there is no cache of kmalloc");
	world_crime(w, KIND(BAD_CACHE), cache);
	w->a->cache_destroy(cache);
	world_crime_done(w);
}

/* Options out of range: no instance, and nothing taken from the platform. */
static void odd_options(struct world *w)
{
	struct slabpool_options options = w->options;
	struct slabpool_platform none;

	memset(&none, 0, sizeof(none));
	options.misuse = 3;
	if (w->a->create(&none, &options))
		fuzz_fail("result", "an instance with misuse=3");
	options = w->options;
	options.granule = 24;
	if (w->a->create(&none, &options))
		fuzz_fail("result", "an instance with granule=24");
	options.granule = 4;
	if (w->a->create(&none, &options))
		fuzz_fail("result", "an instance with granule=4");
}

static void odd_ksize(struct world *w)
{
	static uint64_t place;

	if (w->a->ksize(w->pool, NULL) || w->a->ksize(w->pool, ZERO_SIZE_PTR))
		fuzz_fail("result", "ksize of NULL is not 0");
	world_crime(w, KIND(FOREIGN), &place);
	crime_foretell_call(w, "ksize", FUZZ_NONE, &place);
	if (w->a->ksize(w->pool, &place))
		fuzz_fail("result", "ksize of foreign memory is not 0");
	world_crime_done(w);
	world_crime(w, KIND(FOREIGN), &place);
	crime_foretell_call(w, "krealloc", FUZZ_NONE, &place);
	if (w->a->krealloc(w->pool, &place, 64, GFP_KERNEL))
		fuzz_fail("result", "krealloc of foreign memory gives some");
	world_crime_done(w);
}

static void odd_align(struct world *w)
{
	if (w->a->kmemalign(w->pool, 0, 8, GFP_NOWAIT) ||
	    w->a->kmemalign(w->pool, 24, 8, GFP_NOWAIT))
		fuzz_fail("result", "memory with an alignment that is no power of two");
	if (w->a->kmemalign(w->pool, 8, SIZE_MAX - 4096, GFP_NOWAIT))
		fuzz_fail("result", "memory of almost all addresses");
	if (w->a->kmemalign(w->pool, 8, KMALLOC_MAX_SIZE * 64, GFP_NOWAIT))
		fuzz_fail("result", "more memory than there is");
}

static void odd_tune(struct world *w)
{
	for (uint32_t i = 0; i < w->cache_count; i++) {
		uint32_t root = usable_cache(w, i);

		if (root == FUZZ_NONE)
			continue;
		if (w->a->cache_tune(w->cache[root].k, 8, 4, 65537) != -EINVAL)
			fuzz_fail("result", "shared=65537 is taken");
		if (w->a->cache_info(w->cache[root].k, NULL) != -EINVAL)
			fuzz_fail("result", "cache_info into NULL succeeds");
	}
}

static void odd_no_args(struct world *w)
{
	struct kmem_cache *cache = w->a->cache_create(w->pool, "no arguments", 40, NULL, 0);
	void *p;

	w->current_cache = FUZZ_NONE;
	if (world_drop(w, KIND(NAME_SPACE)) != 1)
		fuzz_fail("report", "no warning about the blank in the name");
	if (!cache) {
		world_expect(w, KIND(BAD_ARGUMENT), NULL);
		return;
	}
	p = w->a->cache_alloc(cache, GFP_NOWAIT);
	w->a->cache_free(cache, p);
	w->a->cache_destroy(cache);
}

static void run_odd(struct world *w, const struct fuzz_call *call)
{
	static void (*const odd[])(struct world *) = {
		odd_nulls, odd_kmalloc_cache, odd_options, odd_ksize, odd_align, odd_tune,
		odd_no_args,
	};

	if (!(w->a->caps & CAP_MISUSE))
		return;
	world_act(w);
	odd[odd_words[call->arg[0]].value](w);
}

const struct fuzz_op op_odd = {
	"odd_arguments", FUZZ_MAKES_NOTHING, -1, run_odd, "/* odd_arguments: internal */",
	{ ARG_CHOICE("which", odd_words) },
};

/* --- one slab by itself, against a plain array --- */

static uint32_t step(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void check_slab(const struct slab *slab, const bool *is_free, uint32_t capacity)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < capacity; i++) {
		count += is_free[i];
		if (slab_is_free(slab, i) != is_free[i])
			fuzz_fail("slab", "object %u is %s", i, is_free[i] ? "not free" : "free");
	}
	if (slab->free_count != count || !slab_is_valid(slab))
		fuzz_fail("slab", "%u objects are free, it says %u", count, slab->free_count);
	if (slab_is_free(slab, capacity))
		fuzz_fail("slab", "an object beyond the last is free");
}

static void check_places(const struct slab *slab, uint32_t offset)
{
	uint32_t at = offset - slab->first, index = at / slab->stride;

	if (offset < slab->first || index >= slab->capacity)
		index = SLAB_NO_OBJECT;
	if (slab_object_at(slab, offset) != index)
		fuzz_fail("slab", "byte %u is in object %u, it says %u", offset, index,
			  slab_object_at(slab, offset));
}

/* Each way in which a descriptor can be wrong is seen. */
static void damage_slab(const struct slab *good)
{
	uint32_t words = (good->capacity + 63) / 64;
	uint64_t *last = &good->free_bits[words - 1];
	struct slab bad[10];

	for (unsigned int i = 0; i < 10; i++)
		bad[i] = *good;
	bad[0].free_bits = NULL;
	bad[1].capacity = 0;
	bad[2].stride = 0;
	bad[3].capacity = SLAB_MAX_OBJECTS + 1;
	bad[4].bytes = SLAB_MAX_BYTES + 1;
	bad[5].first = good->bytes + 1;
	bad[6].stride = good->bytes;
	bad[7].hint = words + 1;
	bad[8].free_count = good->capacity - good->free_count + 1;
	bad[9].hint = words;
	for (unsigned int i = 0; i < 10; i++) {
		bool still_good = (i == 6 && good->capacity == 1 && !good->first) ||
				  (i == 8 && bad[8].free_count == good->free_count) ||
				  (i == 9 && good->free_count == 0);

		if (slab_is_valid(&bad[i]) != still_good)
			fuzz_fail("slab", "wrong value %u is not seen", i);
	}
	if (good->capacity % 64 == 0)
		return;
	*last ^= (uint64_t)1 << 63;
	if (slab_is_valid(good))
		fuzz_fail("slab", "a bit beyond the last object is not seen");
	*last ^= (uint64_t)1 << 63;
}

static void run_slab(struct world *w, const struct fuzz_call *call)
{
	static uint64_t bits[8];
	static bool is_free[512];
	uint32_t capacity = call->arg[0], first = call->arg[1], stride = call->arg[2] + 8;
	uint32_t state = call->arg[3], lowest = 0, got;
	struct slab slab;

	if (!(w->a->caps & CAP_GEOMETRY))
		return;
	world_act(w);
	slab_init(&slab, bits, capacity, first, stride, first + capacity * stride + 64);
	for (uint32_t i = 0; i < capacity; i++)
		is_free[i] = true;
	for (uint32_t n = 0; n < 2 * capacity + 8; n++) {
		uint32_t which = step(&state) % (capacity + 2);

		if (step(&state) % 3) {
			got = slab_take(&slab);
			if (got != (lowest < capacity ? lowest : SLAB_NO_OBJECT))
				fuzz_fail("slab", "object %u taken, the lowest is %u", got, lowest);
			if (lowest < capacity)
				is_free[lowest] = false;
			while (lowest < capacity && !is_free[lowest])
				lowest++;
		} else {
			bool held = which < capacity && !is_free[which];

			if (slab_give(&slab, which) != held)
				fuzz_fail("slab", "object %u is %s back", which,
					  held ? "not taken" : "taken");
			if (held)
				is_free[which] = true;
			if (held && which < lowest)
				lowest = which;
		}
		check_places(&slab, step(&state) % slab.bytes);
	}
	check_slab(&slab, is_free, capacity);
	damage_slab(&slab);
}

const struct fuzz_op op_slab = {
	"slab", FUZZ_MAKES_NOTHING, -1, run_slab, "/* slab: internal */",
	{ ARG_NUMBER("capacity", 1, 512, 64), ARG_NUMBER("first", 0, 255, 0),
	  ARG_NUMBER("stride_less_8", 0, 4096, 56), ARG_NUMBER("seed", 0, 65535, 1) },
};
