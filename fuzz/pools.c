/* SPDX-License-Identifier: MIT */
/*
 * The mempools of the model, and a backend that counts, fails on demand, and notices when it is
 * given something twice.
 */
#include "pools.h"

#include <string.h>

#define BLOCKS 1024u
#define BLOCK_BYTES 48u

static struct block {
	union {
		uint64_t align SLABPOOL_ALIGNED(8);
		unsigned char bytes[BLOCK_BYTES];
	} data;
	uint32_t owner;   /* pool + 1; 0: not given out */
} blocks[BLOCKS];
static uint32_t blocks_from;

struct wpool pools[FUZZ_MAX_POOLS];
uint32_t pools_made;
uint32_t pool_fail_next, pool_fail_after, pool_meddle;
/* Of the operation that runs: times it waited, and those after which nobody had anything. */
static unsigned int waits, vain;
static struct wpool *asking;

/* Who waits for an element that went into the reserve has to hear of it. */
static void free_and_wake(struct world *w, void *element, mempool_t *m)
{
	uint32_t wakes = fuzz_platform.wakes;
	int elements = m->curr_nr;

	w->a->pool_free(element, m);
	if ((w->a->caps & CAP_INSIDE) && m->waiters > 0 && m->curr_nr > elements &&
	    fuzz_platform.wakes == wakes)
		fuzz_fail("reserve", "an element came back, and who waits for it is not woken");
}

/* Nobody is woken for nothing. */
static void free_none(struct world *w, mempool_t *m)
{
	void *none[1] = { NULL };
	uint32_t wakes = fuzz_platform.wakes;

	if (w->a->pool_free_bulk(m, none, 0) || fuzz_platform.wakes != wakes)
		fuzz_fail("reserve", "no elements come back, and who waits is woken");
}

/* While the core waits somebody gives an element back; or else the backends recover. */
static void on_wait(struct world *w)
{
	for (uint32_t i = 0; i < pools_made; i++)
		pools[i].waited = true;
	if ((w->a->caps & CAP_INSIDE) && asking && asking->live)
		free_none(w, asking->m);
	pool_fail_next = 0;
	if (++waits < 3)
		return;
	for (uint32_t i = 0; i < w->object_count; i++) {
		struct wobject *o = &fuzz_objects[i];

		if (!o->live || o->family != FAMILY_ELEMENT)
			continue;
		model_gone(w, i);
		pools[o->owner].out--;
		free_and_wake(w, o->p, pools[o->owner].m);
		pool_follow(w, &pools[o->owner]);
		return;
	}
	for (uint32_t i = 0; i < w->object_count; i++) {
		struct wobject *o = &fuzz_objects[i];

		if (!o->live || o->family != FAMILY_CACHE)
			continue;
		model_reconstruct(w, i);
		model_gone(w, i);
		w->cache[o->owner].objects--;
		w->a->cache_free(w->cache[o->owner].k, o->p);
		return;
	}
	if (++vain <= 50)
		return;
	/* Memory may be too small for what is asked; the custom backend has blocks for all. */
	if (asking && asking->kind == OVER_CUSTOM)
		fuzz_fail("reserve", "mempool_alloc waits for ever");
	world_give_up(w);
}

void pools_reset(struct world *w)
{
	memset(pools, 0, sizeof(pools[0]) * pools_made);
	pools_made = 0;
	asking = NULL;
	pool_fail_next = pool_fail_after = pool_meddle = 0;
	blocks_from = 0;
	for (uint32_t i = 0; i < BLOCKS; i++)
		blocks[i].owner = 0;
	w->on_wait = on_wait;
}

struct wpool *pool_new(struct world *w, uint32_t handle)
{
	struct wpool *p = &pools[handle];

	(void)w;
	memset(p, 0, sizeof(*p));
	pools_made = handle + 1;
	waits = vain = 0;
	return p;
}

/* Another thread frees an element while the backend works. */
static void meddle(struct world *w, struct wpool *p)
{
	for (uint32_t i = 0; p->live && i < w->object_count; i++) {
		struct wobject *o = &fuzz_objects[i];

		if (!o->live || o->family != FAMILY_ELEMENT || &pools[o->owner] != p)
			continue;
		pool_meddle--;
		p->waited = true;
		model_gone(w, i);
		p->out--;
		w->a->pool_free(o->p, p->m);
		return;
	}
}

/* mempool_alloc() asks for elements that nobody zeroes, and is content without: first with what
 * does not block, then as its caller wants it. */
static void check_gfp(struct wpool *p, gfp_t gfp)
{
	gfp_t wanted = (p->gfp & ~(__GFP_ZERO | __GFP_NOFAIL)) | __GFP_NOMEMALLOC |
		       __GFP_NORETRY | __GFP_NOWARN;

	if (gfp & __GFP_ZERO)
		fuzz_fail("reserve", "the backend is asked for zeroed memory");
	if (!p->asked)
		return;
	if (p->attempts++ == 0)
		wanted &= ~(__GFP_DIRECT_RECLAIM | __GFP_IO);
	if (gfp != wanted)
		fuzz_fail("reserve", "attempt %u asks the backend with gfp %#x, not %#x",
			  p->attempts, gfp, wanted);
}

static void *custom_alloc(gfp_t gfp, void *data)
{
	struct wpool *p = data;

	check_gfp(p, gfp);
	if (pool_meddle)
		meddle(&fuzz_world, p);
	if (pool_fail_next && pool_fail_after) {
		pool_fail_after--;
	} else if (pool_fail_next) {
		pool_fail_next--;
		p->backend_failed = true;
		return NULL;
	}
	if (fuzz_fault_hits(FAULT_CALLBACK_ONCE, FAULT_CALLBACK_FROM)) {
		p->backend_failed = true;
		return NULL;
	}
	for (uint32_t i = 0; i < BLOCKS; i++) {
		struct block *b = &blocks[(blocks_from + i) % BLOCKS];

		if (b->owner)
			continue;
		blocks_from = (blocks_from + i + 1) % BLOCKS;
		b->owner = (uint32_t)(p - pools) + 1;
		p->from_backend++;
		return b->data.bytes;
	}
	p->backend_failed = true;
	return NULL;
}

static void custom_free(void *element, void *data)
{
	struct wpool *p = data;
	struct block *b = (struct block *)element;
	size_t offset = (size_t)((unsigned char *)element - (unsigned char *)blocks);

	if (offset >= sizeof(blocks) || offset % sizeof(blocks[0]) ||
	    b->owner != (uint32_t)(p - pools) + 1)
		fuzz_fail("reserve", "the backend is given %p, which it did not give", element);
	b->owner = 0;
	p->to_backend++;
}

static bool over_cache(struct world *w, struct wpool *p, uint32_t parameter)
{
	uint32_t handle = w->cache_count ? parameter % w->cache_count : FUZZ_NONE;
	const struct wcache *c;

	if (handle == FUZZ_NONE || !w->cache[handle].live)
		return false;
	p->cache = w->cache[handle].same_as;
	c = &w->cache[p->cache];
	p->bytes = c->size;
	p->refused = c->ctor;
	return true;
}

bool pool_backend(struct world *w, struct wpool *p, enum backend kind, uint32_t parameter,
		  mempool_alloc_t **alloc, mempool_free_t **release, void **data)
{
	static mempool_alloc_t *const allocs[] = { custom_alloc, mempool_alloc_slab,
						   mempool_kmalloc, mempool_kvmalloc,
						   mempool_alloc_pages };
	static mempool_free_t *const releases[] = { custom_free, mempool_free_slab, mempool_kfree,
						    mempool_kvfree, mempool_free_pages };

	*alloc = allocs[kind];
	*release = releases[kind];
	p->kind = kind;
	p->align = 8;
	switch (kind) {
	case OVER_CUSTOM:
		p->bytes = BLOCK_BYTES;
		*data = p;
		/* Odd parameters leave a callback out: no pool comes of it. */
		if (parameter % 8 == 7) {
			*alloc = NULL;
			p->refused = true;
		}
		return true;
	case OVER_SLAB:
		*data = over_cache(w, p, parameter) ? w->cache[p->cache].k : NULL;
		return *data != NULL;
	case OVER_PAGES:
		p->bytes = p->align = PAGE_SIZE << parameter % 5;
		*data = (void *)(uintptr_t)(parameter % 5);
		return true;
	default:
		p->bytes = parameter ? parameter : 1;
		*data = (void *)(uintptr_t)p->bytes;
		return true;
	}
}

void pool_before(struct world *w, struct wpool *p)
{
	(void)w;
	p->had_from_backend = p->from_backend;
	p->backend_failed = false;
	p->waited = false;
	waits = vain = 0;
	asking = p;
}

void pool_follow(struct world *w, struct wpool *p)
{
	uint32_t now = p->live ? p->out + (uint32_t)p->m->curr_nr : 0;

	if (p->live && (w->a->caps & CAP_VALID) && !w->a->pool_is_valid(p->m))
		fuzz_fail("valid", "a reserve is not valid");
	for (uint32_t i = 0; i < p->places_n; i++)
		now += p->places[i] != NULL;
	if (p->kind == OVER_CUSTOM && p->from_backend - p->to_backend != now)
		fuzz_fail("reserve", "%u elements are out, %u in the reserve or lent",
			  p->from_backend - p->to_backend, now);
	if (p->kind != OVER_SLAB)
		return;
	w->cache[p->cache].in_pools += now - p->counted;
	p->counted = now;
}

bool pools_reserve(const void *address)
{
	for (uint32_t i = 0; i < pools_made; i++)
		for (int k = 0; pools[i].live && k < pools[i].m->curr_nr; k++)
			if (pools[i].m->elements[k] == address)
				return true;
	return false;
}

bool pool_memory_full(struct world *w, const struct wpool *p, uint32_t count)
{
	size_t slab = PAGE_SIZE << (w->options.max_order > 5 ? w->options.max_order : 5);
	const struct wcache *cache = &w->cache[p->cache];
	struct slabpool_cache_info info;

	/* Alignment can make a slab's objects few and far between. */
	if (p->kind == OVER_SLAB && cache->users && w->a->cache_info(cache->k, &info) == 0 &&
	    memory_is_full(w, PAGE_SIZE << info.gfporder, (count + info.num - 1) / info.num))
		return true;
	/* What the array of elements and its slab took is free again by now. */
	if (p->bytes > KMALLOC_MAX_CACHE_SIZE)
		return memory_is_full(w, p->bytes, count + 2 + slab * 2 / p->bytes);
	return memory_is_full(w, slab, count * p->bytes * 2 / slab + 2);
}

void pool_null(struct world *w, struct wpool *p)
{
	if (p->kind == OVER_CUSTOM) {
		if (!p->backend_failed)
			fuzz_fail("null", "NULL although the backend did not fail");
		return;
	}
	if (!world_fired(w) && !pool_memory_full(w, p, 1))
		fuzz_fail("null", "NULL without a fault, and memory is not full");
}

void pool_end(struct world *w, struct wpool *p)
{
	if (p->embedded)
		w->a->pool_exit(p->m);
	else
		w->a->pool_destroy(p->m);
	p->live = false;
	/* At an abrupt end the program still holds elements; they go with the instance. */
	if (!p->out)
		pool_follow(w, p);
}

void element_back(struct world *w, uint32_t handle)
{
	struct wobject *o = &fuzz_objects[handle];
	struct wpool *p = &pools[o->owner];
	int size = p->min_nr > 0 ? p->min_nr : 1, before = p->m->curr_nr;
	uint32_t to_backend = p->to_backend;

	model_check(w, handle);
	model_gone(w, handle);
	p->out--;
	w->a->pool_free(o->p, p->m);
	if (p->m->curr_nr != (before < size ? before + 1 : before))
		fuzz_fail("reserve", "a reserve of %d with %d has %d after a free", size, before,
			  p->m->curr_nr);
	if (p->kind == OVER_CUSTOM && p->to_backend - to_backend != (before >= size))
		fuzz_fail("reserve", "an element goes %s", before >= size ? "nowhere"
								       : "to the backend");
	pool_follow(w, p);
}

void pool_custom_check(void)
{
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint32_t owner = blocks[i].owner;

		if (owner && !pools[owner - 1].live)
			fuzz_fail("left over", "pool %u is gone, and has an element", owner - 1);
	}
}
