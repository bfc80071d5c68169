/* SPDX-License-Identifier: MIT */
/* Statistics against the model, and when NULL is a legal answer. */
#include "world.h"

static void check_sums(const struct slabpool_cache_info *info, uint32_t cache, const char *oracle)
{
	size_t parts = info->active_objects + info->magazine_objects + info->depot_objects +
		       info->slab_objects;

	if (parts != info->total_objects)
		fuzz_fail(oracle, "cache %u: %zu objects in all, but the parts give %zu", cache,
			  info->total_objects, parts);
	if (info->slabs * info->num != info->total_objects)
		fuzz_fail(oracle, "cache %u: %zu slabs of %u objects, but %zu objects", cache,
			  info->slabs, info->num, info->total_objects);
	if (info->full_slabs + info->partial_slabs + info->empty_slabs != info->slabs)
		fuzz_fail(oracle, "cache %u: %zu full, %zu partial, %zu empty of %zu slabs", cache,
			  info->full_slabs, info->partial_slabs, info->empty_slabs, info->slabs);
	if (info->slab_bytes != info->slabs << (info->gfporder + SLABPOOL_PAGE_SHIFT))
		fuzz_fail(oracle, "cache %u: %zu bytes in %zu slabs of order %u", cache,
			  info->slab_bytes, info->slabs, info->gfporder);
	if (info->grows - info->releases != info->slabs)
		fuzz_fail(oracle, "cache %u: %zu slabs, %llu made and %llu given back", cache,
			  info->slabs, (unsigned long long)info->grows,
			  (unsigned long long)info->releases);
	if ((size_t)info->num * info->stride > PAGE_SIZE << info->gfporder ||
	    info->stride < info->size)
		fuzz_fail(oracle, "cache %u: %u objects of stride %u, size %u, in order %u", cache,
			  info->num, info->stride, info->size, info->gfporder);
	if (info->batchcount > info->limit)
		fuzz_fail(oracle, "cache %u: batchcount %u, limit %u", cache, info->batchcount,
			  info->limit);
}

void stats_check_cache(struct world *w, uint32_t cache, const char *oracle)
{
	const struct wcache *c = &w->cache[cache];
	struct slabpool_cache_info info;

	if (!(w->a->caps & CAP_STATS))
		return;
	if (w->a->cache_info(c->k, &info) != 0)
		fuzz_fail("result", "cache_info(cache %u) fails", cache);
	if (info.active_objects != (size_t)c->objects + c->in_pools)
		fuzz_fail(oracle, "cache %u: %zu active objects, the model counts %u", cache,
			  info.active_objects, c->objects + c->in_pools);
	check_sums(&info, cache, oracle);
	if (info.size < c->size || (!(w->options.merge) && info.size != c->size))
		fuzz_fail("size", "cache %u: size %u, asked for was %u", cache, info.size, c->size);
	if (info.aliases + 1 != c->users)
		fuzz_fail(oracle, "cache %u: %u aliases, the model counts %u users", cache,
			  info.aliases, c->users);
	if (c->ctor && c->ctor_calls != info.grows * info.num)
		fuzz_fail("constructor", "cache %u: %llu slabs of %u objects, %llu constructed",
			  cache, (unsigned long long)info.grows, info.num,
			  (unsigned long long)c->ctor_calls);
}

/* What there is in all caches. */
struct sum {
	size_t caches, slab_bytes;
};

static int add_to_sum(struct kmem_cache *cache, void *context)
{
	struct slabpool_cache_info info;
	struct sum *sum = context;

	fuzz_world.a->cache_info(cache, &info);
	sum->caches++;
	sum->slab_bytes += info.slab_bytes;
	return 0;
}

/* Slots that the allocator's own caches take in a thread's table. */
#define OWN_CACHES 8u

bool caches_are_full(struct world *w)
{
	struct sum sum = { 0 };

	w->a->for_each_cache(w->pool, add_to_sum, &sum);
	return sum.caches + OWN_CACHES >= w->options.max_caches;
}

void stats_check_all(struct world *w, const char *oracle)
{
	struct slabpool_memory_info memory;
	struct sum sum = { 0 };

	for (uint32_t i = 0; i < w->cache_count; i++)
		if (w->cache[i].same_as == i && w->cache[i].users)
			stats_check_cache(w, i, oracle);
	if (!(w->a->caps & CAP_STATS))
		return;
	w->a->memory_info(w->pool, &memory);
	w->a->for_each_cache(w->pool, add_to_sum, &sum);
	if (memory.slabs != sum.slab_bytes)
		fuzz_fail(oracle, "memory: %zu in slabs, the caches have %zu", memory.slabs,
			  sum.slab_bytes);
	if (sum.caches + OWN_CACHES > w->options.max_caches)
		fuzz_fail(oracle, "%zu caches, more than max_caches", sum.caches);
	if (memory.slabs + memory.metadata + memory.runs + memory.idle > memory.opened ||
	    memory.opened > memory.reserved)
		fuzz_fail(oracle, "memory: %zu in slabs, %zu in runs, %zu idle, %zu opened, "
			  "%zu reserved", memory.slabs, memory.runs, memory.idle, memory.opened,
			  memory.reserved);
}

/* How many aligned blocks of a size can hold something, at most. */
struct occupancy {
	const struct fuzz_adapter *a;
	size_t block;        /* bytes */
	size_t blocks;
};

static size_t blocks_of(size_t bytes, size_t block)
{
	return bytes <= block ? 1 : (bytes + block - 1) / block + 1;
}

static int add_cache(struct kmem_cache *cache, void *context)
{
	struct occupancy *o = context;
	struct slabpool_cache_info info;
	size_t slabs;

	o->a->cache_info(cache, &info);
	slabs = info.slabs;
	/* An allocation that fails has reaped what is empty; but it waits for no readers. */
	if (!(info.flags & SLAB_TYPESAFE_BY_RCU))
		slabs -= info.empty_slabs;
	if (slabs)
		o->blocks += slabs * blocks_of(info.slab_bytes / info.slabs, o->block);
	return 0;
}

static bool is_run(const struct wobject *object)
{
	return object->family == FAMILY_VMALLOC || object->family == FAMILY_PAGES ||
	       (object->family == FAMILY_KMALLOC && object->usable > KMALLOC_MAX_CACHE_SIZE);
}

/*
 * Memory for a run is refused rightly only if every aligned block of its size has something in
 * it; each slab and each run lies in a known number of blocks at most.
 */
bool memory_is_full(struct world *w, size_t bytes, size_t runs)
{
	struct occupancy o = { .a = w->a, .block = PAGE_SIZE };
	size_t arena = (size_t)w->options.arena_mib << 20, known = 0;
	struct slabpool_memory_info memory;

	if (fuzz_faults_reserve() || bytes > arena / 2)
		return true;
	while (o.block < bytes)
		o.block <<= 1;
	w->a->for_each_cache(w->pool, add_cache, &o);
	for (uint32_t i = 0; i < w->object_count; i++) {
		const struct wobject *object = &fuzz_objects[i];

		if (!object->live || !is_run(object))
			continue;
		o.blocks += blocks_of(object->usable, o.block);
		known += (object->usable + PAGE_SIZE - 1) & PAGE_MASK;
	}
	/* The allocator's own slabs, and runs that pools hold, are taken for single pages. */
	w->a->memory_info(w->pool, &memory);
	o.blocks += (memory.metadata + memory.runs - known) / PAGE_SIZE;
	return o.blocks + runs > arena / o.block;
}

void null_check(struct world *w, uint32_t cache, size_t bytes, gfp_t gfp, uint32_t count)
{
	struct slabpool_cache_info info;
	size_t runs = 1;
	uint32_t said;

	if (!(w->a->caps & CAP_NULL))
		return;
	said = world_drop(w, KIND(NO_MEMORY));
	if (!(gfp & __GFP_NOWARN) != (said > 0))
		fuzz_fail("report", "%u messages about a failed allocation", said);
	if (cache != FUZZ_NONE) {
		w->cache[w->cache[cache].same_as].failures++;
		w->a->cache_info(w->cache[cache].k, &info);
		if (info.depot_objects + info.slab_objects >= count)
			fuzz_fail("null", "NULL although cache %u has %zu free objects", cache,
				  info.depot_objects + info.slab_objects);
		bytes = (size_t)1 << (info.gfporder + SLABPOOL_PAGE_SHIFT);
		runs = (count + info.num - 1) / info.num;
	}
	if (!world_fired(w) && !memory_is_full(w, bytes, runs))
		fuzz_fail("null", "NULL without a fault, and memory is not full");
}
