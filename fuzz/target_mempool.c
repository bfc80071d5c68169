/* SPDX-License-Identifier: MIT */
/* Target mempool: every call on pools over every kind of backend, failing ones among them. */
#include "calls.h"

#include "core/mempool.h"
#include "pools.h"
#include "targets.h"

#include <errno.h>
#include <string.h>

static const struct fuzz_word backend_words[] = {
	{ "custom", "CUSTOM", OVER_CUSTOM },   { "slab", "SLAB", OVER_SLAB },
	{ "kmalloc", "KMALLOC", OVER_KMALLOC }, { "custom", "", OVER_CUSTOM },
	{ "kvmalloc", "KVMALLOC", OVER_KVMALLOC }, { "pages", "PAGE", OVER_PAGES },
	{ NULL, NULL, 0 },
};

static uint32_t usable_pool(const struct world *w, uint32_t handle)
{
	(void)w;
	return handle < pools_made && pools[handle].live ? handle : FUZZ_NONE;
}

static int reserve_size(int min_nr)
{
	return min_nr > 0 ? min_nr : 1;
}

static void check_made(struct world *w, struct wpool *p, int result)
{
	bool wrong = p->min_nr < 0 || p->refused;

	if (result == 0) {
		if (wrong)
			fuzz_fail("result", "a pool came of wrong arguments");
		p->live = true;
		if (p->m->min_nr != p->min_nr || p->m->curr_nr != reserve_size(p->min_nr))
			fuzz_fail("reserve", "a new pool of %d has min_nr %d and %d elements",
				  p->min_nr, p->m->min_nr, p->m->curr_nr);
		pool_follow(w, p);
		return;
	}
	world_drop(w, KIND(BAD_ARGUMENT) | KIND(NO_MEMORY));
	if (wrong)
		return;
	if (!p->backend_failed && !world_fired(w) &&
	    !pool_memory_full(w, p, reserve_size(p->min_nr)))
		fuzz_fail("null", "no pool, although nothing failed");
	if (p->kind == OVER_CUSTOM && p->from_backend != p->to_backend)
		fuzz_fail("reserve", "a failed creation keeps %u elements",
			  p->from_backend - p->to_backend);
}

enum maker { MAKE_CREATE, MAKE_INIT, MAKE_LINUX_CREATE, MAKE_LINUX_INIT, MAKE_CREATE_NODE,
	     MAKE_INIT_NODE, MAKE_READY_CREATE, MAKE_READY_INIT };

/* A pool over ready-made functions by the call that knows them. */
static mempool_t *ready_create(const struct wpool *p, void *data)
{
	switch (p->kind) {
	case OVER_SLAB:
		return mempool_create_slab_pool(p->min_nr, data);
	case OVER_KMALLOC:
		return mempool_create_kmalloc_pool(p->min_nr, (uintptr_t)data);
	case OVER_KVMALLOC:
		return mempool_create_kvmalloc_pool(p->min_nr, (uintptr_t)data);
	default:
		return mempool_create_page_pool(p->min_nr, (int)(uintptr_t)data);
	}
}

static int ready_init(const struct wpool *p, void *data)
{
	switch (p->kind) {
	case OVER_SLAB:
		return mempool_init_slab_pool(p->m, p->min_nr, data);
	case OVER_KMALLOC:
		return mempool_init_kmalloc_pool(p->m, p->min_nr, (uintptr_t)data);
	case OVER_KVMALLOC:
		return mempool_init_kvmalloc_pool(p->m, p->min_nr, (uintptr_t)data);
	default:
		return mempool_init_page_pool(p->m, p->min_nr, (int)(uintptr_t)data);
	}
}

static int init_by(struct world *w, struct wpool *p, enum maker maker, mempool_alloc_t *alloc,
		   mempool_free_t *release, void *data)
{
	switch (maker) {
	case MAKE_INIT:
		return w->a->pool_init(w->pool, p->m, p->min_nr, alloc, release, data);
	case MAKE_LINUX_INIT:
		return mempool_init(p->m, p->min_nr, alloc, release, data);
	case MAKE_INIT_NODE:
		return mempool_init_node(p->m, p->min_nr, alloc, release, data, GFP_KERNEL, 1);
	default:
		return ready_init(p, data);
	}
}

static mempool_t *create_by(struct world *w, struct wpool *p, enum maker maker,
			    mempool_alloc_t *alloc, mempool_free_t *release, void *data)
{
	switch (maker) {
	case MAKE_CREATE:
		return w->a->pool_create(w->pool, p->min_nr, alloc, release, data);
	case MAKE_LINUX_CREATE:
		return mempool_create(p->min_nr, alloc, release, data);
	case MAKE_CREATE_NODE:
		return mempool_create_node(p->min_nr, alloc, release, data, GFP_KERNEL, 1);
	default:
		return ready_create(p, data);
	}
}

static void make(struct world *w, const struct fuzz_call *call, enum maker maker)
{
	bool embedded = maker == MAKE_INIT || maker == MAKE_LINUX_INIT ||
			maker == MAKE_INIT_NODE || maker == MAKE_READY_INIT;
	struct wpool *p = pool_new(w, call->first);
	uint32_t parameter = call->arg[2];
	mempool_alloc_t *alloc;
	mempool_free_t *release;
	void *data;
	int result = 0;

	if (!(w->a->caps & CAP_MEMPOOL))
		return;
	p->min_nr = (int)call->arg[0] - 1;
	if (!pool_backend(w, p, (enum backend)backend_words[call->arg[1]].value, parameter, &alloc,
			  &release, &data))
		return;
	if (p->kind == OVER_CUSTOM && maker == MAKE_READY_CREATE)
		maker = MAKE_LINUX_CREATE;
	if (p->kind == OVER_CUSTOM && maker == MAKE_READY_INIT)
		maker = MAKE_LINUX_INIT;
	world_act(w);
	if (embedded) {
		memset(&p->storage, 0, sizeof(p->storage));
		p->m = &p->storage;
		p->embedded = true;
		result = init_by(w, p, maker, alloc, release, data);
		if (p->min_nr < 0 ? result != -EINVAL : result && result != -EINVAL &&
						       result != -ENOMEM)
			fuzz_fail("result", "mempool_init says %d of %d elements", result,
				  p->min_nr);
	} else {
		p->m = create_by(w, p, maker, alloc, release, data);
	}
	check_made(w, p, p->m && result == 0 ? 0 : -ENOMEM);
}

static void run_create(struct world *w, const struct fuzz_call *call)
{
	make(w, call, MAKE_CREATE);
}

static void run_init(struct world *w, const struct fuzz_call *call)
{
	make(w, call, MAKE_INIT);
}

#define MAKE_ARGS { ARG_NUMBER("min_nr_plus_1", 0, 41, 5), ARG_CHOICE("backend", backend_words), \
		    ARG_NUMBER("parameter", 0, 0x8000, 0) }

const struct fuzz_op op_pool_create = {
	"mempool_create", FUZZ_MAKES_POOL, -1, run_create, "make_pool($r, $0, $1, $2, 0)",
	MAKE_ARGS,
};
static const struct fuzz_op op_init = {
	"mempool_init", FUZZ_MAKES_POOL, -1, run_init, "make_pool($r, $0, $1, $2, 1)", MAKE_ARGS,
};

static const struct fuzz_word maker_words[] = {
	{ "mempool_create", "0", MAKE_LINUX_CREATE },
	{ "mempool_init", "1", MAKE_LINUX_INIT },
	{ "mempool_create_node", "0", MAKE_CREATE_NODE },
	{ "mempool_init_node", "1", MAKE_INIT_NODE },
	{ "ready-made-create", "0", MAKE_READY_CREATE },
	{ "ready-made-init", "1", MAKE_READY_INIT },
	{ NULL, NULL, 0 },
};

static void run_make_by(struct world *w, const struct fuzz_call *call)
{
	if (w->a->caps & CAP_FACES)
		make(w, call, (enum maker)maker_words[call->arg[3]].value);
}

static const struct fuzz_op op_make_by = {
	"make_pool", FUZZ_MAKES_POOL, -1, run_make_by, "make_pool($r, $0, $1, $2, $3)",
	{ ARG_NUMBER("min_nr_plus_1", 0, 41, 5), ARG_CHOICE("backend", backend_words),
	  ARG_NUMBER("parameter", 0, 0x8000, 0), ARG_CHOICE("by", maker_words) },
};

/* Whatever was there before, nothing is there after a refusal: mempool_exit() is the caller's
 * right. */
static void check_refused(struct world *w, mempool_t *bad)
{
	int said[3] = {
		reserve_init(w->pool, &bad[0], -1, mempool_kmalloc, mempool_kfree, NULL, 0),
		reserve_init(w->pool, &bad[1], 1, NULL, mempool_kfree, NULL, 0),
		reserve_init(w->pool, &bad[2], 1, mempool_kmalloc, NULL, NULL, 0),
	};

	for (unsigned int i = 0; i < 3; i++)
		if (said[i] != -EINVAL || mempool_initialized(&bad[i]))
			fuzz_fail("result", "a reserve of wrong arguments %u: %d, %s", i, said[i],
				  mempool_initialized(&bad[i]) ? "initialised" : "nothing");
}

/* What no reserve can be is seen, and not made. */
static void check_damage(struct world *w, mempool_t *m)
{
	mempool_t bad[4] = { *m, *m, *m, *m };
	void *none[64] = { NULL };

	bad[0].min_nr = -1;
	bad[1].curr_nr = -1;
	bad[2].curr_nr = reserve_size(m->min_nr) + 1;
	bad[3].elements = none;
	for (unsigned int i = 0; i < (m->curr_nr ? 4 : 3); i++)
		if (w->a->pool_is_valid(&bad[i]))
			fuzz_fail("valid", "wrong value %u of a reserve is not seen", i);
	check_refused(w, bad);
}

/* What a pool says of itself; and calls with nothing in them. */
static void run_look(struct world *w, const struct fuzz_call *call)
{
	uint32_t handle = usable_pool(w, call->arg[0]);
	void *nothing = NULL;
	mempool_t zeroed;

	if (!(w->a->caps & CAP_FACES))
		return;
	world_act(w);
	memset(&zeroed, 0, sizeof(zeroed));
	if (mempool_initialized(&zeroed))
		fuzz_fail("result", "a zeroed pool is initialised");
	w->a->pool_exit(&zeroed);
	w->a->pool_destroy(NULL);
	if (slabpool_mempool_create(NULL, 1, mempool_kmalloc, mempool_kfree, (void *)8) ||
	    !slabpool_mempool_init(NULL, &zeroed, 1, mempool_kmalloc, mempool_kfree, (void *)8))
		fuzz_fail("result", "a pool on no instance");
	if (handle == FUZZ_NONE)
		return;
	w->a->pool_free(NULL, pools[handle].m);
	if (w->a->pool_free_bulk(pools[handle].m, &nothing, 1))
		fuzz_fail("reserve", "NULL is put into a reserve");
	check_damage(w, pools[handle].m);
	if (!mempool_initialized(pools[handle].m) ||
	    mempool_is_saturated(pools[handle].m) !=
		    (pools[handle].m->curr_nr >= pools[handle].m->min_nr))
		fuzz_fail("reserve", "pool %u says something else of its reserve", handle);
	pool_follow(w, &pools[handle]);
}

static const struct fuzz_op op_look = {
	"look_at_pool", FUZZ_MAKES_NOTHING, -1, run_look, "mempool_free(NULL, m[$0])", { ARG_POOL },
};

static void run_destroy(struct world *w, const struct fuzz_call *call)
{
	uint32_t handle = usable_pool(w, call->arg[0]);

	if (handle == FUZZ_NONE)
		return;
	/* What the program holds goes back first: a pool must not go before its elements. */
	for (uint32_t i = 0; i < w->object_count; i++)
		if (fuzz_objects[i].live && fuzz_objects[i].family == FAMILY_ELEMENT &&
		    fuzz_objects[i].owner == handle)
			element_back(w, i);
	world_act(w);
	pool_end(w, &pools[handle]);
}

const struct fuzz_op op_pool_destroy = {
	"mempool_destroy", FUZZ_MAKES_NOTHING, -1, run_destroy, "end_pool($0)", { ARG_POOL },
};

/* What must come of an attempt: an element while the backend gives or the reserve has one. */
static void check_attempt(struct world *w, struct wpool *p, const void *got, int before)
{
	int after = p->m->curr_nr;

	if (!got && (before > 0 || after > 0))
		fuzz_fail("reserve", "NULL although the reserve has %d elements", before);
	if (got && p->kind == OVER_CUSTOM && !p->waited &&
	    after != before - (p->from_backend == p->had_from_backend))
		fuzz_fail("reserve", "%d elements in the reserve after one was taken of %d", after,
			  before);
	(void)w;
}

static void pool_lent(struct world *w, struct wpool *p, uint32_t n)
{
	p->out += n;
	pool_follow(w, p);
}

static void element_new(struct world *w, uint32_t handle, uint32_t pool, void *got)
{
	const struct wpool *p = &pools[pool];

	model_new(w, handle, FAMILY_ELEMENT, pool, got, p->bytes, p->align, MODEL_KEEP);
}

static void run_alloc(struct world *w, const struct fuzz_call *call)
{
	uint32_t handle = usable_pool(w, call->arg[0]);
	struct wpool *p = &pools[handle == FUZZ_NONE ? 0 : handle];
	gfp_t gfp = gfp_of(call, 1);
	int before;
	void *got;

	if (handle == FUZZ_NONE)
		return;
	pool_before(w, p);
	before = p->m->curr_nr;
	world_act(w);
	p->asked = true;
	p->gfp = gfp;
	p->attempts = 0;
	got = w->a->pool_alloc(p->m, gfp);
	p->asked = false;
	if ((gfp & __GFP_ZERO) && world_drop(w, KIND(POOL_ZERO)) != !w->warned_pool_zero &&
	    (w->a->caps & CAP_MISUSE))
		fuzz_fail("report", "the message about __GFP_ZERO comes once");
	w->warned_pool_zero |= (gfp & __GFP_ZERO) != 0;
	check_attempt(w, p, got, p->waited ? 0 : before);
	if (got) {
		pool_lent(w, p, 1);
		element_new(w, call->first, handle, got);
		return;
	}
	if (gfpflags_allow_blocking(gfp) && w->waits)
		fuzz_fail("reserve", "NULL although it may wait");
	if (gfpflags_allow_blocking(gfp))
		world_expect(w, KIND(CANNOT_WAIT), NULL);
	pool_null(w, p);
}

const struct fuzz_op op_pool_alloc = {
	"mempool_alloc", FUZZ_MAKES_OBJECT, -1, run_alloc,
	"took($r, ELEMENT, $0, element_size[$0], (waits = 0, mempool_alloc(m[$0], $1)))",
	{ ARG_POOL, ARG_GFP },
};

static void run_preallocated(struct world *w, const struct fuzz_call *call)
{
	uint32_t handle = usable_pool(w, call->arg[0]);
	struct wpool *p = &pools[handle == FUZZ_NONE ? 0 : handle];
	int before;
	void *got;

	if (handle == FUZZ_NONE)
		return;
	pool_before(w, p);
	before = p->m->curr_nr;
	world_act(w);
	got = w->a->pool_alloc_preallocated(p->m);
	if (!got != (before == 0) || p->m->curr_nr != before - (got != NULL))
		fuzz_fail("reserve", "%s of a reserve of %d, then %d",
			  got ? "an element" : "NULL", before, p->m->curr_nr);
	if (p->from_backend != p->had_from_backend)
		fuzz_fail("reserve", "alloc_preallocated asks the backend");
	pool_lent(w, p, got != NULL);
	if (got)
		element_new(w, call->first, handle, got);
}

static const struct fuzz_op op_preallocated = {
	"mempool_alloc_preallocated", FUZZ_MAKES_OBJECT, -1, run_preallocated,
	"took($r, ELEMENT, $0, element_size[$0], mempool_alloc_preallocated(m[$0]))", { ARG_POOL },
};

static void run_alloc_bulk(struct world *w, const struct fuzz_call *call)
{
	uint32_t handle = usable_pool(w, call->arg[0]), n = call->arg[1], got = 0;
	struct wpool *p = &pools[handle == FUZZ_NONE ? 0 : handle];
	static void *elements[64];
	int result, before;

	if (handle == FUZZ_NONE)
		return;
	pool_before(w, p);
	before = p->m->curr_nr;
	memset(elements, 0, sizeof(elements));
	world_act(w);
	p->places = elements;
	p->places_n = n;
	result = w->a->pool_alloc_bulk(p->m, elements, n, 0);
	p->places_n = 0;
	for (uint32_t i = 0; i < n; i++)
		got += elements[i] != NULL;
	pool_lent(w, p, got);
	for (uint32_t i = 0; i < n; i++)
		if (elements[i])
			element_new(w, call->first + i, handle, elements[i]);
	if ((int)n > reserve_size(p->min_nr)) {
		world_drop(w, KIND(BAD_ARGUMENT));
		if (result != -EINVAL || got)
			fuzz_fail("result", "%u elements of a pool of %d: %d", n, p->min_nr,
				  result);
		return;
	}
	if (result == 0 && got == n)
		return;
	if (result != -ENOMEM || w->waits)
		fuzz_fail("reserve", "bulk allocation of %u gives %d and %u elements", n, result,
			  got);
	if ((int)(n - got) <= (before < p->m->curr_nr && !p->waited ? before : p->m->curr_nr))
		fuzz_fail("reserve", "%u are missing, the reserve has %d", n - got, before);
	world_expect(w, KIND(CANNOT_WAIT), NULL);
	pool_null(w, p);
}

static const struct fuzz_op op_alloc_bulk = {
	"mempool_alloc_bulk", FUZZ_MAKES_OBJECT, 1, run_alloc_bulk,
	"pool_bulk($r, $0, $1)", { ARG_POOL, ARG_NUMBER("n", 0, 45, 4) },
};

static void run_free(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[0]);

	if (call->arg[0] == FUZZ_NONE || !o->live || o->family != FAMILY_ELEMENT)
		return;
	world_act(w);
	element_back(w, call->arg[0]);
}

const struct fuzz_op op_pool_free = {
	"mempool_free", FUZZ_MAKES_NOTHING, -1, run_free, "element_free($0)", { ARG_OBJECT },
};

static void run_free_bulk(struct world *w, const struct fuzz_call *call)
{
	uint32_t first = call->arg[0], n = 0, got, pool, handles[64];
	static void *elements[64];
	struct wpool *p;
	int before, room;

	if (first == FUZZ_NONE || !fuzz_objects[first].live ||
	    fuzz_objects[first].family != FAMILY_ELEMENT)
		return;
	pool = fuzz_objects[first].owner;
	p = &pools[pool];
	for (uint32_t i = first; n < call->arg[1] && i < w->object_count; i++) {
		const struct wobject *o = &fuzz_objects[i];

		if (!o->live || o->family != FAMILY_ELEMENT || o->owner != pool)
			continue;
		model_check(w, i);
		handles[n] = i;
		elements[n++] = o->p;
	}
	before = p->m->curr_nr;
	room = reserve_size(p->min_nr) - before;
	world_act(w);
	got = w->a->pool_free_bulk(p->m, elements, n);
	if ((int)got != ((int)n < room ? (int)n : room) || p->m->curr_nr != before + (int)got)
		fuzz_fail("reserve", "%u of %u elements put into a reserve of %d with %d", got, n,
			  reserve_size(p->min_nr), before);
	for (uint32_t i = 0; i < got; i++) {
		model_moved(w, handles[i]);
		p->out--;
	}
	pool_follow(w, p);
}

static const struct fuzz_op op_free_bulk = {
	"mempool_free_bulk", FUZZ_MAKES_NOTHING, -1, run_free_bulk, "element_free_bulk($0, $1)",
	{ ARG_OBJECT, ARG_NUMBER("n", 0, 45, 4) },
};

static void run_resize(struct world *w, const struct fuzz_call *call)
{
	uint32_t handle = usable_pool(w, call->arg[0]);
	struct wpool *p = &pools[handle == FUZZ_NONE ? 0 : handle];
	int n = (int)call->arg[1] - 2, result, before;
	bool grows;

	if (handle == FUZZ_NONE)
		return;
	pool_before(w, p);
	before = p->m->curr_nr;
	world_act(w);
	result = w->a->pool_resize(p->m, n);
	world_drop(w, KIND(BAD_ARGUMENT) | KIND(NO_MEMORY));
	pool_follow(w, p);
	if (n <= 0) {
		if (result != -EINVAL)
			fuzz_fail("result", "a size of %d gives %d", n, result);
		return;
	}
	/* The array may need a slab of its own. */
	if (result == -ENOMEM && n > p->min_nr &&
	    (world_fired(w) || memory_is_full(w, PAGE_SIZE << w->options.max_order, 2)))
		return;
	if (result != 0)
		fuzz_fail("result", "resizing from %d to %d gives %d", p->min_nr, n, result);
	grows = n > p->min_nr;
	p->min_nr = n;
	if (p->m->min_nr != n || p->m->curr_nr > n || (before <= n && p->m->curr_nr < before) ||
	    (before > n && p->m->curr_nr != n && !p->waited))
		fuzz_fail("reserve", "resized to %d: min_nr %d, %d elements, before %d", n,
			  p->m->min_nr, p->m->curr_nr, before);
	if (grows && p->kind == OVER_CUSTOM && !p->backend_failed && p->m->curr_nr != n)
		fuzz_fail("reserve", "resized to %d, %d elements", n, p->m->curr_nr);
}

const struct fuzz_op op_pool_resize = {
	"mempool_resize", FUZZ_MAKES_NOTHING, -1, run_resize, "mempool_resize(m[$0], (int)$1 - 2)",
	{ ARG_POOL, ARG_NUMBER("min_nr_plus_2", 0, 42, 8) },
};

static void run_fail(struct world *w, const struct fuzz_call *call)
{
	world_act(w);
	pool_fail_next = call->arg[0];
	pool_fail_after = call->arg[1];
}

static void run_meddle(struct world *w, const struct fuzz_call *call)
{
	world_act(w);
	pool_meddle = call->arg[0];
}

static const struct fuzz_op op_meddle = {
	"others_free", FUZZ_MAKES_NOTHING, -1, run_meddle, "/* others_free($0): internal */",
	{ ARG_NUMBER("calls", 0, 255, 3) },
};

static const struct fuzz_op op_fail = {
	"backend_fails", FUZZ_MAKES_NOTHING, -1, run_fail, "backend_fails($0, $1)",
	{ ARG_NUMBER("calls", 0, 255, 255), ARG_NUMBER("after", 0, 15, 0) },
};

/* New operations go to the end: what was assembled keeps its meaning. */
static const struct fuzz_op *const ops[] = {
	&op_pool_create, &op_pool_alloc, &op_pool_free, &op_fail, &op_preallocated, &op_alloc_bulk,
	&op_free_bulk, &op_pool_resize, &op_pool_destroy, &op_init, &op_cache_create,
	&op_cache_alloc_many, &op_free_many,
	&op_cache_alloc, &op_cache_free, &op_cache_shrink, &op_thread, &op_clock, &op_reap,
	&op_check, &op_fault, &op_write, &op_cache_destroy, &op_meddle, &op_make_by, &op_look,
	&op_reopen, &op_faults,
};

void end_with_pools(struct world *w)
{
	for (uint32_t i = 0; i < w->object_count && w->clean_end; i++)
		if (fuzz_objects[i].live && fuzz_objects[i].family == FAMILY_ELEMENT)
			element_back(w, i);
	for (uint32_t i = 0; i < pools_made; i++) {
		if (!pools[i].live)
			continue;
		/* A pool in the program's own memory keeps its lock there; the lock of one in the
		 * instance's memory goes with the instance. */
		if (w->clean_end || pools[i].embedded)
			pool_end(w, &pools[i]);
		else
			fuzz_platform.locks_made--;
	}
	if (w->clean_end)
		pool_custom_check();
	end_of_program(w);
}

const struct fuzz_target fuzz_target_mempool = {
	.name = "mempool",
	.instance = &op_instance,
	.ops = ops,
	.op_count = sizeof(ops) / sizeof(ops[0]),
	.old_op_count = 24u,
	.begin = pools_reset,
	.end = end_with_pools,
};
