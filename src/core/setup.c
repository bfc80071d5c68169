/* SPDX-License-Identifier: MIT */
/*
 * Setup: what a cache is made of, from what its maker asked for.
 *
 *   size, align, flags, options  --geometry_choose-->  geometry and arena
 *                                --tag_get-->          the value of its live objects' state bytes
 *                                --limits_choose-->    magazines and depot
 *                                --behaviour_choose--> which way the fast path goes
 *
 * Tags: a cache has a state byte value of its own in its arena as long as there are any
 * (STATE_TAG_FIRST .. STATE_TAG_LAST), else STATE_TAG_SHARED and a slower free.
 *
 * Locking: the instance's lock protects the tags. Nobody else knows the cache yet, or any more.
 */
#include "core/instance.h"
#include "core/sync.h"

/* The smallest slab order that suits the arena: a slab should not be more than a sixteenth. */
static bool geometry_for(struct slabpool *pool, struct geometry_request *request,
			 struct geometry *geometry, struct arena **arena)
{
	uint32_t shift = 0;

	if (!geometry_compute(request, geometry))
		return false;
	while ((1u << shift) < geometry->granule)
		shift++;
	*arena = instance_arena(pool, shift);
	if (!*arena)
		return false;
	while (request->max_order > 0 && (16u << request->max_order) > (*arena)->pages)
		request->max_order--;
	if (request->min_order > request->max_order)
		request->min_order = request->max_order;
	return geometry_compute(request, geometry) && geometry->align <= (*arena)->align &&
	       (1u << geometry->order) <= (*arena)->pages;
}

/* Of the allocator's own objects: a descriptor is aligned to so much. */
#define META_GRANULE 64u

static bool geometry_choose(struct slabpool *pool, struct kmem_cache *cache, uint32_t size,
			    uint32_t align, enum cache_life life)
{
	const struct slabpool_options *options = &pool->options;
	struct geometry_request request = {
		.size = size, .align = align,
		.hwcache_align = (cache->flags & SLAB_HWCACHE_ALIGN) != 0,
		.granule = options->granule, .page_shift = SLABPOOL_PAGE_SHIFT,
		.min_order = life == CACHE_META ? 0 : options->min_order,
		.max_order = options->max_order,
		.min_objects = life == CACHE_META ? 1 : options->min_objects,
	};

	/* All in one arena: the tables of each take memory. */
	if (life == CACHE_META && !request.granule)
		request.granule = META_GRANULE;
	if (request.max_order < request.min_order)
		request.max_order = request.min_order;
	return geometry_for(pool, &request, &cache->geometry, &cache->arena);
}

SLABPOOL_UNDER(instance_locks)
static uint8_t tag_get(struct arena *arena)
{
	uint32_t tag;

	for (tag = STATE_TAG_FIRST; tag <= STATE_TAG_LAST; tag++) {
		if (!arena->tag_used[tag]) {
			arena->tag_used[tag] = true;
			return (uint8_t)tag;
		}
	}
	return STATE_TAG_SHARED;
}

SLABPOOL_UNDER(instance_locks)
static void tag_put(struct arena *arena, uint8_t tag)
{
	arena->tag_used[tag] = false;
}

/* Magazines of threads that use a cache a little hold little. */
#define FIRST_CAPACITY 64u

SLABPOOL_ALONE
static void limits_choose(struct kmem_cache *cache, uint32_t capacity)
{
	const struct slabpool_options *options = &cache->pool->options;
	uint32_t room = options->magazine_kib * 1024 / cache->geometry.stride;
	uint32_t limit = capacity ? capacity : options->limit;
	uint64_t most;

	if (!capacity && limit > room)
		limit = room;
	if (limit > MAGAZINE_MAX)
		limit = MAGAZINE_MAX;
	if (limit < 1)
		limit = 1;
	cache->limit = cache->batchcount = limit;
	cache->first = capacity || limit < FIRST_CAPACITY ? limit : FIRST_CAPACITY;
	cache->shared = options->shared;
	most = (uint64_t)options->depot_kib * 1024 / ((uint64_t)limit * cache->geometry.stride);
	if (cache->shared > most)
		cache->shared = (uint32_t)most;
}

static void behaviour_choose(struct kmem_cache *cache)
{
	const struct slabpool_options *options = &cache->pool->options;
	bool keeps_contents = cache->ctor || (cache->flags & SLAB_TYPESAFE_BY_RCU);

	cache->confirm = cache->hot.tag == STATE_TAG_SHARED ||
			 (cache->flags & SLAB_CONSISTENCY_CHECKS) != 0;
	cache->zero_on_free = options->init_on_free && !keeps_contents;
	cache->gfp_or = options->init_on_alloc && !keeps_contents ? __GFP_ZERO : 0;
	cache->hot.fast_tag = cache->hot.tag;
	/* The slow path finds the slots of other instances, and does what the fast one would. */
	cache->hot.slot_offset = 0;
	if (cache->pool->is_default && cache->pool->platform.thread_set && !cache->gfp_or)
		cache->hot.slot_offset = cache->id * sizeof(struct slabpool_slot);
	if (cache->confirm || cache->zero_on_free || options->exact_double_free)
		cache->hot.fast_tag = SLABPOOL_TAG_SLOW;
	else if (cache->life != CACHE_META)
		cache->arena->fast[cache->hot.tag] = cache;
}

int cache_setup(struct slabpool *pool, struct kmem_cache *cache, const char *name, uint32_t size,
		const struct kmem_cache_args *args, slab_flags_t flags, enum cache_life life)
{
	static const struct kmem_cache_args no_args;

	args = args ? args : &no_args;
	cache->pool = pool;
	cache->flags = flags;
	cache->ctor = args->ctor;
	cache->name = name;
	cache->size = size;
	cache->useroffset = args->useroffset;
	cache->usersize = args->usersize;
	if (!geometry_choose(pool, cache, size, args->align, life))
		return -22; /* -EINVAL */
	if (sync_init(pool, &cache->lock, NULL))
		return -12; /* -ENOMEM */
	cache->hot.address = cache->arena->address;
	cache->hot.granules = slabpool_load_size(&cache->arena->open_granules);
	cache->hot.state = cache->arena->state;
	cache->hot.granule_shift = cache->arena->granule_shift;
	cache->hot.state_of_0 = (uintptr_t)cache->hot.state -
				(cache->hot.address >> cache->hot.granule_shift);
	cache->hot.tag = life == CACHE_META ? STATE_NONE : tag_get(cache->arena);
	cache->life = (uint8_t)life;
	shelf_init(cache);
	limits_choose(cache, args->sheaf_capacity);
	behaviour_choose(cache);
	return 0;
}

void cache_teardown(struct kmem_cache *cache)
{
	if (cache->life != CACHE_META) {
		cache->arena->fast[cache->hot.tag] = NULL;
		tag_put(cache->arena, cache->hot.tag);
	}
	sync_exit(cache->pool, &cache->lock, NULL);
}
