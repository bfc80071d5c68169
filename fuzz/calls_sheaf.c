/* SPDX-License-Identifier: MIT */
/* Sheaves: objects that are with the program as far as the cache knows, and with nobody yet. */
#include "calls.h"

#include <errno.h>

#define SHEAVES 8u

static struct sheaf {
	struct slab_sheaf *sheaf;   /* NULL: none */
	uint32_t root;              /* the cache's first handle */
	uint32_t count;
} sheaves[SHEAVES];
static uint32_t sheaves_out;

void sheaves_reset(void)
{
	for (uint32_t i = 0; i < SHEAVES; i++)
		sheaves[i].sheaf = NULL;
	sheaves_out = 0;
}

bool sheaves_there(void)
{
	return sheaves_out > 0;
}

static void set_count(struct world *w, struct sheaf *s, uint32_t count)
{
	w->cache[s->root].in_pools += count - s->count;
	s->count = count;
	if (s->sheaf && kmem_cache_sheaf_size(s->sheaf) != count)
		fuzz_fail("result", "a sheaf of %u objects, the model counts %u",
			  kmem_cache_sheaf_size(s->sheaf), count);
}

/* There was no memory: for which of the two that a sheaf needs is not said. */
static void came_to_nothing(struct world *w, uint32_t root, gfp_t gfp, uint32_t size)
{
	struct slabpool_cache_info info;
	size_t runs;

	world_drop(w, KIND(NO_MEMORY));
	w->a->cache_info(w->cache[root].k, &info);
	w->cache[root].failures = info.failures;
	runs = (size + info.num - 1) / info.num + 2;
	if (!world_fired(w) && !memory_is_full(w, PAGE_SIZE << info.gfporder, runs) &&
	    !memory_is_full(w, PAGE_SIZE << w->options.max_order, runs))
		fuzz_fail("null", "no sheaf of %u objects without a fault, gfp 0x%x", size, gfp);
}

static void run_prefill(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[1]), size = call->arg[3];
	struct sheaf *s = &sheaves[call->arg[0]];
	gfp_t gfp = gfp_of(call, 2) & ~__GFP_NOFAIL;

	if (root == FUZZ_NONE || s->sheaf || !(w->a->caps & CAP_FACES))
		return;
	world_act(w);
	w->current_cache = root;
	s->sheaf = w->a->sheaf_prefill(w->cache[root].k, gfp, size);
	if (!s->sheaf) {
		came_to_nothing(w, root, gfp, size);
		return;
	}
	sheaves_out++;
	s->root = root;
	s->count = 0;
	set_count(w, s, size);
}

const struct fuzz_op op_sheaf_prefill = {
	"prefill_sheaf", FUZZ_MAKES_NOTHING, -1, run_prefill,
	"sheaf_prefill($0, $1, $2, $3)",
	{ ARG_NUMBER("sheaf", 0, SHEAVES - 1, 0), ARG_CACHE, ARG_GFP,
	  ARG_NUMBER("size", 0, 2000, 8) },
};

static void run_refill(struct world *w, const struct fuzz_call *call)
{
	struct sheaf *s = &sheaves[call->arg[0]];
	gfp_t gfp = gfp_of(call, 1) & ~__GFP_NOFAIL;
	uint32_t size = call->arg[2];
	int result;

	if (!(w->a->caps & CAP_FACES))
		return;
	/* An empty sheaf does not keep its cache from being destroyed. */
	if (s->sheaf && usable_cache(w, s->root) == FUZZ_NONE)
		return;
	world_act(w);
	if (!s->sheaf) {
		if (w->cache_count &&
		    kmem_cache_refill_sheaf(w->cache[0].k, gfp, &s->sheaf, size) != -EINVAL)
			fuzz_fail("result", "a sheaf that is NULL is refilled");
		return;
	}
	w->current_cache = s->root;
	result = kmem_cache_refill_sheaf(w->cache[s->root].k, gfp, &s->sheaf, size);
	if (result == -ENOMEM)
		came_to_nothing(w, s->root, gfp, size);
	else if (result)
		fuzz_fail("result", "refilling a sheaf gives %d", result);
	set_count(w, s, result || size < s->count ? s->count : size);
}

const struct fuzz_op op_sheaf_refill = {
	"refill_sheaf", FUZZ_MAKES_NOTHING, -1, run_refill,
	"sheaf_refill($0, $1, $2)",
	{ ARG_NUMBER("sheaf", 0, SHEAVES - 1, 0), ARG_GFP, ARG_NUMBER("size", 0, 2000, 16) },
};

static void run_from(struct world *w, const struct fuzz_call *call)
{
	struct sheaf *s = &sheaves[call->arg[0]];
	gfp_t gfp = gfp_of(call, 1);
	struct wcache *c = &w->cache[s->root];
	void *p;

	if (!s->sheaf || !(w->a->caps & CAP_FACES))
		return;
	world_act(w);
	/* Zeroing takes the constructor's work away, with no word about it. */
	if (c->ctor)
		gfp &= ~__GFP_ZERO;
	w->current_cache = s->root;
	p = kmem_cache_alloc_from_sheaf(c->k, gfp, s->sheaf);
	if (!p != (s->count == 0))
		fuzz_fail("result", "a sheaf of %u gives %p", s->count, p);
	if (!p)
		return;
	set_count(w, s, s->count - 1);
	object_came(w, s->root, p, gfp, call->first);
}

const struct fuzz_op op_sheaf_from = {
	"alloc_from_sheaf", FUZZ_MAKES_OBJECT, -1, run_from,
	"sheaf_from($r, $0, $1)",
	{ ARG_NUMBER("sheaf", 0, SHEAVES - 1, 0), ARG_GFP },
};

static void return_one(struct world *w, struct sheaf *s)
{
	struct slab_sheaf *sheaf = s->sheaf;

	s->sheaf = NULL;
	sheaves_out--;
	kmem_cache_return_sheaf(w->cache[s->root].k, GFP_KERNEL, sheaf);
	set_count(w, s, 0);
}

static void run_return(struct world *w, const struct fuzz_call *call)
{
	struct sheaf *s = &sheaves[call->arg[0]];

	if (!(w->a->caps & CAP_FACES))
		return;
	world_act(w);
	if (s->sheaf)
		return_one(w, s);
	else
		kmem_cache_return_sheaf(NULL, GFP_KERNEL, NULL);
}

const struct fuzz_op op_sheaf_return = {
	"return_sheaf", FUZZ_MAKES_NOTHING, -1, run_return, "sheaf_return($0)",
	{ ARG_NUMBER("sheaf", 0, SHEAVES - 1, 0) },
};

void sheaves_return(struct world *w)
{
	for (uint32_t i = 0; i < SHEAVES; i++)
		if (sheaves[i].sheaf)
			return_one(w, &sheaves[i]);
}
