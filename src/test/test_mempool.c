/* SPDX-License-Identifier: MIT */
/*
 * Mempools, line by line of Linux's semantics: what creation keeps and refuses, the order in which
 * an allocation tries, waiting, freeing, resizing, bulk calls, the ready-made pools.
 *
 * The backend counts and fails on demand; the platform's clock and waits are the test's own, so
 * that nothing here really waits.
 */
#include "core/mempool.h"
#include "support/tap.h"
#include "support/test_platform.h"
#include <slabpool/slabpool.h>

#define SLOTS 64
#define SEEN 16

/* A backend over SLOTS elements. */
struct backend {
	char slot[SLOTS];        /* 1: given out */
	int out;                 /* how many are */
	int gives;               /* so many more until it fails; -1: no end */
	unsigned int calls;      /* of backend_give */
	gfp_t seen[SEEN];        /* with which gfp */
	unsigned int wrong;      /* frees of what was not out */
};

static struct test_platform tp;
static struct slabpool_options options;
static struct slabpool *instance;
static struct backend be;

static void *backend_give(gfp_t gfp, void *data)
{
	struct backend *b = data;

	if (b->calls < SEEN)
		b->seen[b->calls] = gfp;
	b->calls++;
	if (b->gives == 0)
		return NULL;
	for (int i = 0; i < SLOTS; i++) {
		if (!b->slot[i]) {
			b->slot[i] = 1;
			b->out++;
			b->gives -= b->gives > 0;
			return &b->slot[i];
		}
	}
	return NULL;
}

static void backend_take(void *element, void *data)
{
	struct backend *b = data;
	char *slot = element;

	if (slot < b->slot || slot >= b->slot + SLOTS || !*slot) {
		b->wrong++;
		return;
	}
	*slot = 0;
	b->out--;
}

/* A backend that never fails from now on, with nothing out. */
static void backend_reset(void)
{
	memset(&be, 0, sizeof(be));
	be.gives = -1;
}

static mempool_t *new_pool(int min_nr)
{
	mempool_t *pool;

	backend_reset();
	pool = slabpool_mempool_create(instance, min_nr, backend_give, backend_take, &be);
	if (!pool)
		bail_out("no pool of %d", min_nr);
	be.calls = 0;
	return pool;
}

static void end_pool(mempool_t *pool, const char *what)
{
	mempool_destroy(pool);
	is_int(be.out, 0, "%s: every element went back", what);
	is_uint(be.wrong, 0, "%s: none twice", what);
}

static void test_create(void)
{
	mempool_t *pool = new_pool(5);

	is_int(pool->min_nr, 5, "min_nr");
	is_int(pool->curr_nr, 5, "the reserve is full");
	is_int(be.out, 5, "with five elements from the backend");
	ok(pool->pool_data == &be, "pool_data is there to be read");
	ok(mempool_initialized(pool), "initialized");
	ok(mempool_is_saturated(pool), "saturated");
	end_pool(pool, "create(5)");

	pool = new_pool(0);
	is_int(pool->min_nr, 0, "min_nr 0 is legal");
	is_int(pool->curr_nr, 1, "and keeps one element");
	end_pool(pool, "create(0)");

	for (int n = 0; n < 5; n++) {
		backend_reset();
		be.gives = n;
		ok(!slabpool_mempool_create(instance, 5, backend_give, backend_take, &be),
		   "no pool if the backend gives only %d of 5", n);
		is_int(be.out, 0, "and those are given back");
	}
	mempool_destroy(NULL);
	ok(true, "destroy(NULL) returns");
}

static void refused(mempool_t *pool, const char *text)
{
	char line[TEST_LINE];

	snprintf(line, sizeof(line), "slabpool: mempool_create: %s", text);
	ok(!pool, "refused: %s", text);
	is_str(test_platform_line(&tp), line, "with one line");
	ok(!tp.report[0].crime, "that is no crime");
	is_uint(tp.report_count, 1, "and no other");
	test_platform_reset(&tp);
}

static void constructor(void *object)
{
	memset(object, 1, 8);
}

static void test_refusals(void)
{
	struct kmem_cache_args args = {.ctor = constructor};
	struct kmem_cache *cache = slabpool_cache_create(instance, "made", 64, &args, 0);
	mempool_t pool;

	test_platform_reset(&tp);
	backend_reset();
	refused(slabpool_mempool_create(instance, -1, backend_give, backend_take, &be),
		"bad argument: min_nr is negative");
	refused(slabpool_mempool_create(instance, 1, NULL, backend_take, &be),
		"bad argument: alloc_fn or free_fn is NULL");
	refused(slabpool_mempool_create(instance, 1, backend_give, NULL, &be),
		"bad argument: alloc_fn or free_fn is NULL");
	refused(slabpool_mempool_create(instance, 1, mempool_alloc_slab, mempool_free_slab, NULL),
		"bad argument: the cache is NULL");
	refused(slabpool_mempool_create(instance, 1, mempool_alloc_slab, mempool_free_slab, cache),
		"bad argument: the cache of a mempool must not have a constructor");

	memset(&pool, 0, sizeof(pool));
	is_int(slabpool_mempool_init(instance, &pool, -1, backend_give, backend_take, &be),
	       -EINVAL, "init with a negative min_nr");
	is_int(slabpool_mempool_init(instance, &pool, 1, NULL, backend_take, &be), -EINVAL,
	       "init without alloc_fn");
	is_int(slabpool_mempool_init(instance, &pool, 1, backend_give, NULL, &be), -EINVAL,
	       "init without free_fn");
	is_int(slabpool_mempool_init(instance, &pool, 1, mempool_alloc_slab, mempool_free_slab,
				     cache), -EINVAL, "init over a cache with a constructor");
	ok(!mempool_initialized(&pool), "after all that the pool is not initialized");
	is_uint(be.calls, 0, "and the backend was never asked");
	kmem_cache_destroy(cache);
	test_platform_reset(&tp);
}

static void test_init_exit(void)
{
	mempool_t pool;

	backend_reset();
	memset(&pool, 0, sizeof(pool));
	mempool_exit(&pool);
	ok(pool.elements == NULL, "exit of a zeroed pool changes nothing");
	is_int(slabpool_mempool_init(instance, &pool, 3, backend_give, backend_take, &be), 0,
	       "init");
	is_int(pool.curr_nr, 3, "fills the reserve");
	mempool_exit(&pool);
	ok(pool.elements == NULL, "exit forgets the array");
	ok(!mempool_initialized(&pool), "so that the pool is not initialized");
	is_int(be.out, 0, "exit gives everything back");
	mempool_exit(&pool);
	is_uint(be.wrong, 0, "a second exit does nothing");

	be.gives = 2;
	is_int(slabpool_mempool_init(instance, &pool, 3, backend_give, backend_take, &be), -ENOMEM,
	       "init fails with the backend");
	ok(!mempool_initialized(&pool), "and leaves no pool");
	is_int(be.out, 0, "and no element");
}

/* Every call of the platform that can fail does, one after the other. */
static void test_init_failures(void)
{
	unsigned int syncs = tp.syncs;
	mempool_t *pool = NULL;
	uint64_t n = 0;

	while (!pool && n < 100) {
		backend_reset();
		n++;
		tp.fail_call = tp.calls + n;
		tp.fail_on = true;
		pool = slabpool_mempool_create(instance, 600, mempool_kmalloc, mempool_kfree,
					       (void *)(uintptr_t)8192);
		if (!pool)
			is_uint(tp.syncs, syncs, "no lock is left when call %u fails",
				(unsigned int)n);
	}
	tp.fail_call = 0;
	tp.fail_on = false;
	ok(pool != NULL, "the pool is made when no call fails");
	ok(n > 2, "after %u failures", (unsigned int)(n - 1));
	mempool_destroy(pool);
	ok(slabpool_is_valid(instance), "the instance is sound");
}

static void test_order(void)
{
	mempool_t *pool = new_pool(2);
	char *element = mempool_alloc(pool, GFP_KERNEL);
	gfp_t with = __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;

	ok(element && *element, "the backend is asked first");
	is_int(pool->curr_nr, 2, "and the reserve stays full");
	is_uint(be.seen[0], (GFP_KERNEL & ~(__GFP_DIRECT_RECLAIM | __GFP_IO)) | with,
		"without waiting or I/O, and without a word");
	mempool_free(element, pool);

	be.gives = 0;
	be.calls = 0;
	element = mempool_alloc(pool, GFP_KERNEL);
	ok(element != NULL, "then the reserve");
	is_int(pool->curr_nr, 1, "which has one less");
	ok(!mempool_is_saturated(pool), "and is not saturated");
	is_uint(be.calls, 1, "after one attempt");
	mempool_free(element, pool);

	element = mempool_alloc(pool, GFP_ATOMIC);
	be.calls = 0;
	ok(mempool_alloc(pool, GFP_NOIO) != NULL, "GFP_NOIO gets the last one");
	be.gives = 0;
	ok(!mempool_alloc(pool, GFP_NOWAIT), "GFP_NOWAIT gets NULL from an empty reserve");
	ok(!mempool_alloc(pool, GFP_ATOMIC), "so does GFP_ATOMIC");
	ok(!mempool_alloc(pool, __GFP_IO), "and any gfp that must not block");
	is_uint(tp.waits, 0, "nobody waited");
	is_uint(be.calls, 5, "a gfp with __GFP_IO has a second attempt with all of it");
	is_uint(be.seen[4], __GFP_IO | with, "as the caller gave it");
	is_int(be.out, 2, "two elements are out");
	backend_take(element, &be);
	for (int i = 0; i < SLOTS; i++)
		if (be.slot[i])
			backend_take(&be.slot[i], &be);
	end_pool(pool, "order");
}

static void test_guarantee(void)
{
	mempool_t *pool = new_pool(7);
	void *element[7];
	int got;

	be.gives = 0;
	for (got = 0; got < 7; got++) {
		element[got] = mempool_alloc(pool, GFP_NOWAIT);
		if (!element[got])
			break;
	}
	is_int(got, 7, "all seven of the reserve, whatever the backend does");
	ok(!mempool_alloc(pool, GFP_NOWAIT), "then NULL");
	ok(!mempool_alloc_preallocated(pool), "alloc_preallocated: NULL too");
	be.gives = -1;
	be.calls = 0;
	ok(!mempool_alloc_preallocated(pool), "even while the backend gives");
	is_uint(be.calls, 0, "as it is not asked");
	mempool_free(element[6], pool);
	ok(mempool_alloc_preallocated(pool) == element[6], "it takes what came back");
	is_int(pool->curr_nr, 0, "from the reserve");
	for (got = 0; got < 7; got++)
		mempool_free(element[got], pool);
	is_int(pool->curr_nr, 7, "frees fill the reserve");
	is_int(be.out, 7, "and the backend got none of them");
	mempool_free(mempool_alloc(pool, GFP_KERNEL), pool);
	is_int(be.out, 7, "a full reserve passes a free on to the backend");
	mempool_free(NULL, pool);
	is_int(pool->curr_nr, 7, "free(NULL) does nothing");
	end_pool(pool, "guarantee");
}

struct waiting {
	mempool_t *pool;
	void *element;           /* freed in the wait of this number */
	unsigned int at, waits;
	bool repair;             /* the backend gives again from then on */
};

static void while_waiting(void *context)
{
	struct waiting *w = context;

	if (++w->waits < w->at)
		return;
	if (w->repair)
		be.gives = -1;
	else if (w->element)
		mempool_free(w->element, w->pool);
	w->element = NULL;
}

static void test_waiting(void)
{
	struct waiting w = {.pool = new_pool(1), .at = 1};
	uint64_t now, wakes;
	void *element;

	be.gives = 0;
	w.element = mempool_alloc(w.pool, GFP_KERNEL);
	tp.on_wait = while_waiting;
	tp.on_wait_context = &w;
	now = tp.now;
	wakes = tp.wakes;
	be.calls = 0;
	element = mempool_alloc(w.pool, GFP_KERNEL);
	ok(element != NULL, "a blocking alloc waits until an element is freed");
	is_uint(w.waits, 1, "once");
	is_uint(tp.wakes, wakes + 1, "and is woken by the free");
	ok(tp.now - now <= 5000, "it waits for five seconds at most");
	is_uint(be.calls, 3, "attempts: without waiting, with the whole gfp, after the wait");
	is_uint(be.seen[1] & ~(__GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN), GFP_KERNEL,
		"the second with all that the caller gave");

	w.waits = 0;
	w.at = 3;
	w.repair = true;
	now = tp.now;
	w.element = mempool_alloc(w.pool, GFP_NOIO);
	ok(w.element != NULL, "a backend that recovers is noticed without a free");
	is_uint(w.waits, 3, "in the attempt after the wait");
	is_uint(tp.now - now, 15000, "which is made every five seconds");
	tp.on_wait = NULL;
	mempool_free(w.element, w.pool);
	mempool_free(element, w.pool);
	end_pool(w.pool, "waiting");
}

static void test_cannot_wait(void)
{
	static struct test_platform deaf_tp;
	struct slabpool_platform platform;
	struct slabpool *deaf;
	mempool_t *pool;
	void *only, *slots[1] = {NULL};

	backend_reset();
	test_platform_open(&deaf_tp, 128 << 20, 0);
	test_platform_table(&deaf_tp, &platform);
	platform.wait = NULL;
	deaf = slabpool_create(&platform, &options);
	if (!deaf)
		bail_out("no instance");
	pool = slabpool_mempool_create(deaf, 1, backend_give, backend_take, &be);
	be.gives = 0;
	only = mempool_alloc(pool, GFP_KERNEL);
	ok(only && deaf_tp.report_count == 0, "the reserve serves without a word");
	ok(!mempool_alloc(pool, GFP_KERNEL), "where nothing can be waited for: NULL");
	is_str(test_platform_line(&deaf_tp),
	       "slabpool: mempool_alloc: cannot wait for an element, NULL is returned",
	       "and a line that says so");
	is_uint(test_platform_reported(&deaf_tp, SLABPOOL_REPORT_CANNOT_WAIT), 1, "one report");
	ok(!mempool_alloc(pool, GFP_NOWAIT), "GFP_NOWAIT expects no more");
	is_uint(deaf_tp.report_count, 1, "and gets no report");
	is_int(mempool_alloc_bulk(pool, slots, 1), -ENOMEM, "a bulk call: -ENOMEM");
	mempool_free(only, pool);
	end_pool(pool, "cannot wait");
	slabpool_destroy(deaf);
	test_platform_close(&deaf_tp);
}

static void test_zero(void)
{
	mempool_t *pool = new_pool(1);
	void *element;

	test_platform_reset(&tp);
	element = mempool_alloc(pool, GFP_KERNEL | __GFP_ZERO);
	ok(element != NULL, "__GFP_ZERO does not stop an allocation");
	is_uint(be.seen[0] & __GFP_ZERO, 0, "but is dropped");
	is_uint(test_platform_reported(&tp, SLABPOOL_REPORT_POOL_ZERO), 1, "with a report");
	mempool_free(element, pool);
	mempool_free(mempool_alloc(pool, GFP_KERNEL | __GFP_ZERO), pool);
	is_uint(tp.report_count, 1, "once an instance");
	element = mempool_alloc(pool, GFP_KERNEL | __GFP_NOFAIL);
	is_uint(be.seen[2] & __GFP_NOFAIL, 0, "__GFP_NOFAIL is the pool's own business");
	mempool_free(element, pool);
	end_pool(pool, "__GFP_ZERO");
	test_platform_reset(&tp);
}

static void test_grow(void)
{
	mempool_t *pool = new_pool(2);
	void *element;

	is_int(mempool_resize(pool, 5), 0, "resize 2 -> 5");
	is_int(pool->min_nr, 5, "min_nr");
	is_int(pool->curr_nr, 5, "filled");
	is_int(be.out, 5, "with three more elements");
	be.gives = 1;
	is_int(mempool_resize(pool, 9), 0, "a shortage of elements is no error");
	is_int(pool->min_nr, 9, "min_nr is what was asked for");
	is_int(pool->curr_nr, 6, "the reserve got what there was");
	ok(reserve_is_valid(pool), "and is sound");
	be.gives = -1;
	element = mempool_alloc(pool, GFP_KERNEL);
	mempool_free(element, pool);
	is_int(pool->curr_nr, 7, "later frees fill it");
	tp.fail_call = tp.calls + 1;
	tp.fail_on = true;
	is_int(mempool_resize(pool, 64 << 20), -ENOMEM, "-ENOMEM without room for the array");
	tp.fail_call = 0;
	tp.fail_on = false;
	is_int(pool->min_nr, 9, "and nothing has changed");
	is_int(pool->curr_nr, 7, "in the reserve either");
	is_int(mempool_resize(pool, INT32_MAX), -ENOMEM, "so for the largest number");
	is_int(mempool_resize(pool, 0), -EINVAL, "0 is -EINVAL");
	is_int(mempool_resize(pool, -4), -EINVAL, "as is a negative number");
	end_pool(pool, "grow");
}

static void test_shrink(void)
{
	mempool_t *pool = new_pool(8);
	void *kept[3];

	is_int(mempool_resize(pool, 3), 0, "resize 8 -> 3");
	is_int(pool->min_nr, 3, "min_nr");
	is_int(pool->curr_nr, 3, "three are left");
	is_int(be.out, 3, "the surplus went to the backend at once");
	is_int(mempool_resize(pool, 3), 0, "the same size again");
	is_int(be.out, 3, "changes nothing");
	be.gives = 0;
	for (int i = 0; i < 3; i++)
		kept[i] = mempool_alloc(pool, GFP_NOWAIT);
	ok(kept[0] && kept[1] && kept[2], "all three can be had");
	is_int(mempool_resize(pool, 1), 0, "an empty reserve shrinks");
	for (int i = 0; i < 3; i++)
		mempool_free(kept[i], pool);
	is_int(pool->curr_nr, 1, "and takes as many back as it holds");
	is_int(be.out, 1, "the backend gets the others");
	is_int(mempool_resize(pool, 8), 0, "it grows again");
	is_int(pool->curr_nr, 1, "as far as the backend gives");
	end_pool(pool, "shrink");

	pool = new_pool(0);
	is_int(mempool_resize(pool, 1), 0, "a pool of 0 becomes one of 1");
	is_int(pool->min_nr, 1, "min_nr");
	is_int(pool->curr_nr, 1, "with the element that it had");
	end_pool(pool, "0 -> 1");
}

static void free_all(mempool_t *pool, void **element, int count)
{
	for (int i = 0; i < count; i++) {
		mempool_free(element[i], pool);
		element[i] = NULL;
	}
}

static void test_alloc_bulk(void)
{
	mempool_t *pool = new_pool(4);
	char mine = 'x';
	void *slots[5] = {NULL, &mine, NULL, NULL, NULL};

	is_int(mempool_alloc_bulk(pool, slots, 4), 0, "bulk of 4, one of them there already");
	ok(slots[0] && slots[2] && slots[3], "the others are filled");
	ok(slots[1] == &mine, "the one is kept");
	ok(slots[4] == NULL, "what lies behind is not touched");
	is_int(be.out, 7, "the backend gave three");
	is_int(pool->curr_nr, 4, "the reserve none");
	slots[1] = NULL;
	free_all(pool, slots, 4);

	be.gives = 1;
	is_int(mempool_alloc_bulk(pool, slots, 4, 0), 0, "bulk of 4, the backend gives one");
	is_int(pool->curr_nr, 1, "the reserve the others");
	free_all(pool, slots, 4);
	is_int(mempool_alloc_bulk(pool, slots, 4), 0, "bulk of 4 from the reserve alone");
	is_int(pool->curr_nr, 0, "empties it");
	is_int(mempool_alloc_bulk(pool, slots, 4, 4), 0, "nothing is missing");
	free_all(pool, slots, 4);
	is_int(pool->curr_nr, 4, "all came back");

	test_platform_reset(&tp);
	is_int(mempool_alloc_bulk(pool, slots, 5), -EINVAL, "more than the reserve can hold");
	ok(!slots[0] && !slots[4], "gets none");
	is_str(test_platform_line(&tp), "slabpool: mempool_alloc_bulk: bad argument: "
	       "more elements than the reserve can hold", "and a line");
	is_int(mempool_alloc_bulk(pool, slots, 0), 0, "bulk of none");
	end_pool(pool, "bulk");
	test_platform_reset(&tp);
}

struct bulk_waiting {
	mempool_t *pool;
	void *held;
	int seen;    /* curr_nr during the wait */
};

static void while_bulk_waits(void *context)
{
	struct bulk_waiting *w = context;

	w->seen = w->pool->curr_nr;
	mempool_free(w->held, w->pool);
	w->held = NULL;
}

static void test_bulk_waiting(void)
{
	struct bulk_waiting w = {.pool = new_pool(4)};
	void *slots[4] = {NULL};

	be.gives = 0;
	w.held = mempool_alloc(w.pool, GFP_KERNEL);
	tp.on_wait = while_bulk_waits;
	tp.on_wait_context = &w;
	is_int(mempool_alloc_bulk(w.pool, slots, 4), 0, "bulk of 4 with 3 in the reserve");
	is_int(w.seen, 3, "waits without holding any of them");
	ok(slots[0] && slots[1] && slots[2] && slots[3], "and gets all when the fourth is freed");
	tp.on_wait = NULL;
	free_all(w.pool, slots, 4);
	end_pool(w.pool, "bulk waiting");
}

static void test_free_bulk(void)
{
	mempool_t *pool = new_pool(3);
	void *slots[5];
	unsigned int given;

	for (int i = 0; i < 5; i++)
		slots[i] = i < 3 ? mempool_alloc_preallocated(pool) : mempool_alloc(pool, GFP_NOIO);
	is_int(pool->curr_nr, 0, "five are out, the reserve is empty");
	given = mempool_free_bulk(pool, slots, 5);
	is_uint(given, 3, "free_bulk puts the first three into the reserve");
	is_int(pool->curr_nr, 3, "which is full");
	is_int(be.out, 5, "the backend got none: the rest is the caller's");
	is_uint(mempool_free_bulk(pool, slots + 3, 2), 0, "a full reserve takes none");
	backend_take(slots[3], &be);
	backend_take(slots[4], &be);

	slots[0] = mempool_alloc_preallocated(pool);
	slots[1] = NULL;
	slots[2] = mempool_alloc_preallocated(pool);
	is_uint(mempool_free_bulk(pool, slots, 3), 1, "it stops at a NULL entry");
	mempool_free(slots[2], pool);
	ok(reserve_is_valid(pool), "the reserve is sound");
	end_pool(pool, "free_bulk");
}

int main(void)
{
	struct slabpool_platform platform;

	test_platform_open(&tp, 256 << 20, 0);
	test_platform_table(&tp, &platform);
	slabpool_options_init(&options);
	options.arena_mib = 16;
	instance = slabpool_create(&platform, &options);
	if (!instance)
		bail_out("no instance");
	test_create();
	test_refusals();
	test_init_exit();
	test_init_failures();
	test_order();
	test_guarantee();
	test_waiting();
	test_cannot_wait();
	test_zero();
	test_grow();
	test_shrink();
	test_alloc_bulk();
	test_bulk_waiting();
	test_free_bulk();
	ok(slabpool_is_valid(instance), "the instance is sound");
	slabpool_destroy(instance);
	is_uint(tp.reserved, 0, "all memory was given back");
	is_uint(tp.syncs, 0, "and all locks");
	test_platform_close(&tp);
	return tap_done();
}
