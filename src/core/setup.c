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
#include "core/setup.h"
#include "core/sync.h"

#include "../../proofs/logic/MultipleLemmas.acsl"
#include "../../proofs/logic/PowerLemmas.acsl"
#include "../../proofs/logic/GranuleLemmas.acsl"

uint32_t granule_shift_of(uint32_t granule)
{
	uint32_t shift = 3, size = 8;

	/*@ loop invariant range: 3 <= shift <= 10;
	    loop invariant size: size == granule_size(shift) && size <= granule;
	    loop assigns shift, size;
	    loop variant 10 - shift;
	*/
	while (size < granule) {
		size *= 2;
		shift++;
	}
	return shift;
}

/* The largest order whose run is no more than a sixteenth of the arena, or 0. */
/*@ requires range: order <= 10;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: \result <= order;
    ensures sixteenth: \result == 0 || two(\result) <= pages / 16;
    ensures largest: \result == order || two(\result + 1) > pages / 16;
*/
static uint32_t order_below(uint32_t order, uint32_t pages)
{
	/*@ ghost shift_is_power(order); */
	/*@ loop invariant range: 0 <= order <= \at(order, Pre);
	    loop invariant power: (1 << order) == two(order);
	    loop invariant largest: order == \at(order, Pre) || two(order + 1) > pages / 16;
	    loop assigns order;
	    loop variant order;
	*/
	while (order > 0 && (1u << order) > pages / 16) {
		order--;
		/*@ ghost shift_is_power(order); */
	}
	return order;
}

/* The request's geometry; false if there is none. */
/*@ requires memory: \valid_read(request) && \valid(geometry) && \separated(request, geometry);
    requires plain: request_plain(request);
    terminates always: \true;
    exits never: \false;
    assigns *geometry;
    ensures sound: \result ==> geometry_sound(geometry, \old(request->page_shift));
    ensures serves: \result ==> geometry_serves(geometry, request->size, request->align);
    ensures granule: \result ==> geometry->granule == request_granule{Pre}(request);
    ensures known: \result ==> granule_known(geometry->granule);
    ensures orders: \result ==> request->max_order <= GEOMETRY_MAX_ORDER &&
            geometry->order <= GEOMETRY_MAX_ORDER;
*/
static bool geometry_try(const struct geometry_request *request, struct geometry *geometry)
{
	if (!geometry_compute(request, geometry))
		return false;
	/*@ assert sane: request_sane{Pre}(request); */
	/*@ assert fits: geometry_fits(geometry, \at(request->page_shift, Pre)); */
	return true;
}

/* A slab should not be more than a sixteenth of its arena: the geometry without larger orders.
 * False if it does not suit the arena. */
/*@ requires memory: \valid(request) && \valid(geometry) && \valid_read(arena);
    requires apart: \separated(request, geometry, arena);
    requires plain: request_plain(request);
    requires order: request->max_order <= GEOMETRY_MAX_ORDER;
    requires granule: granule_size(arena->granule_shift) == request_granule(request);
    terminates always: \true;
    exits never: \false;
    assigns request->max_order, request->min_order, *geometry;
    ensures most: request->max_order <= \old(request->max_order);
    ensures least: request->min_order == (\old(request->min_order) < request->max_order ?
      \old(request->min_order) : request->max_order);
    ensures sound: \result ==> geometry_sound(geometry, SLABPOOL_PAGE_SHIFT);
    ensures serves: \result ==> geometry_serves(geometry, \old(request->size),
                                               \old(request->align));
    ensures suits: \result ==> geometry_in_arena(geometry, (struct arena *)arena);
*/
static bool geometry_cut(struct geometry_request *request, struct geometry *geometry,
			 const struct arena *arena)
{
	uint32_t order = order_below(request->max_order, arena->pages);

	request->max_order = order;
	if (request->min_order > order)
		request->min_order = order;
	/*@ assert same: request_same{Pre, Here}(request); */
	/*@ assert granule: request_granule(request) == request_granule{Pre}(request); */
	if (!geometry_try(request, geometry) || geometry->align > arena->align)
		return false;
	/*@ assert sound: geometry_sound(geometry, SLABPOOL_PAGE_SHIFT); */
	/*@ ghost shift_is_power(geometry->order); */
	return (1u << geometry->order) <= arena->pages;
}

/* Of the allocator's own objects: a descriptor is aligned to so much. */
#define META_GRANULE 64u

/* What a cache asks for, by the options. */
/*@ requires memory: \valid(request) && \valid_read(options) && \separated(request, options);
    requires options: options_ranges(options);
    terminates always: \true;
    exits never: \false;
    assigns *request;
    ensures wish: request->size == size && request->align == align &&
            (request->hwcache_align != 0 <==> (flags & SLAB_HWCACHE_ALIGN) != 0);
    ensures plain: request_plain(request);
    ensures orders: request->min_order <= request->max_order <= GEOMETRY_MAX_ORDER;
    ensures granule: options->granule != 0 ? request->granule == options->granule :
            request->granule == (life == CACHE_META ? 64 : 0);
*/
static void request_fill(struct geometry_request *request, const struct slabpool_options *options,
			 uint32_t size, uint32_t align, slab_flags_t flags, enum cache_life life)
{
	uint32_t granule = options->granule;

	/* All in one arena: the tables of each take memory. */
	if (!granule && life == CACHE_META)
		granule = META_GRANULE;
	request->granule = granule;
	request->size = size;
	request->align = align;
	request->hwcache_align = (flags & SLAB_HWCACHE_ALIGN) != 0;
	request->before = request->after = 0;
	request->page_shift = SLABPOOL_PAGE_SHIFT;
	request->min_order = life == CACHE_META ? 0 : options->min_order;
	request->max_order = options->max_order;
	request->min_objects = life == CACHE_META ? 1 : options->min_objects;
	if (request->max_order < request->min_order)
		request->max_order = request->min_order;
}

/* The geometry, and its arena; NULL if there is none. */
/*@ requires memory: \valid(pool) && \valid(geometry);
    requires options: options_ranges(&pool->options);
    requires arenas: arenas_made_well(pool);
    requires apart: geometry_apart(pool, geometry);
    terminates always: \true;
    exits never: \false;
    assigns *geometry, pool->arena[0 .. 3], pool->place[0 .. 3], pool->arena_made[0 .. 3],
      pool->arena_lock;
    ensures arenas: arenas_made_well(pool);
    ensures arena: \result == \null || arena_of(pool, \result);
    ensures ready: \result == \null || arena_table(\result);
    ensures sound: \result == \null || geometry_sound(geometry, SLABPOOL_PAGE_SHIFT);
    ensures serves: \result == \null || geometry_serves(geometry, size, align);
    ensures suits: \result == \null || geometry_in_arena(geometry, \result);
*/
static struct arena *geometry_choose(struct slabpool *pool, struct geometry *geometry,
				     uint32_t size, uint32_t align, slab_flags_t flags,
				     enum cache_life life)
{
	struct geometry_request request;
	struct geometry wish;
	struct arena *arena;
	uint32_t shift;

	request_fill(&request, &pool->options, size, align, flags, life);
	if (!geometry_try(&request, &wish))
		return NULL;
	shift = granule_shift_of(wish.granule);
	/*@ assert served: shift_served(pool, shift); */
	arena = instance_arena(pool, shift);
	/*@ assert arena: arena == \null || arena_of(pool, arena); */
	if (!arena || !geometry_cut(&request, &wish, arena))
		return NULL;
	/*@ assert still: arenas_made_well(pool); */
	*geometry = wish;
	/*@ assert fits: geometry_sound(geometry, SLABPOOL_PAGE_SHIFT); */
	return arena;
}

/* The value of a cache's state bytes: one that no other cache of the arena has, while there are
 * any. */
/*@ requires memory: \valid(arena);
    terminates always: \true;
    exits never: \false;
    assigns arena->tag_used[STATE_TAG_FIRST .. STATE_TAG_LAST];
    ensures others: other_tags_kept{Pre, Post}(arena, \result);
    behavior own:
      assumes some: !no_tag_free(arena, STATE_TAG_LAST + 1);
      ensures range: STATE_TAG_FIRST <= \result <= STATE_TAG_LAST;
      ensures free: \old(arena->tag_used[\result]) == 0;
      ensures used: arena->tag_used[\result] != 0;
    behavior shared:
      assumes none: no_tag_free(arena, STATE_TAG_LAST + 1);
      ensures shared: \result == STATE_TAG_SHARED;
      ensures unchanged: other_tags_kept{Pre, Post}(arena, 0) &&
              arena->tag_used[0] == \old(arena->tag_used[0]);
    complete behaviors;
    disjoint behaviors;
*/
SLABPOOL_UNDER(instance_locks)
static uint8_t tag_get(struct arena *arena)
{
	uint32_t tag;

	/*@ loop invariant range: STATE_TAG_FIRST <= tag <= STATE_TAG_LAST + 1;
	    loop invariant none: no_tag_free(arena, tag);
	    loop assigns tag;
	    loop variant STATE_TAG_LAST + 1 - tag;
	*/
	for (tag = STATE_TAG_FIRST; tag <= STATE_TAG_LAST; tag++) {
		if (!arena->tag_used[tag]) {
			arena->tag_used[tag] = true;
			return (uint8_t)tag;
		}
	}
	return STATE_TAG_SHARED;
}

/*@ requires memory: \valid(arena);
    terminates always: \true;
    exits never: \false;
    assigns arena->tag_used[tag];
    ensures unused: arena->tag_used[tag] == 0;
*/
SLABPOOL_UNDER(instance_locks)
static void tag_put(struct arena *arena, uint8_t tag)
{
	arena->tag_used[tag] = false;
}

/* Where the table's byte of number 0 would be, so that number k has the byte at table: the
 * difference, on a circle of numbers, without a subtraction that wraps. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures placed: wrapped(\result + k) == table;
*/
static uintptr_t table_of_0(uintptr_t table, uintptr_t k)
{
	return table >= k ? table - k : UINTPTR_MAX - (k - table) + 1;
}

/* The arena's part of what the fast path reads. */
/*@ requires memory: \valid(hot) && \valid_read(arena) && \separated(hot, arena);
    requires table: arena_table(arena);
    terminates always: \true;
    exits never: \false;
    assigns hot->address, hot->granules, hot->state, hot->granule_shift, hot->state_of_0;
    ensures arena: hot_of_arena(hot, (struct arena *)arena);
    ensures placed: table_placed(hot);
    ensures end: hot->granules <= granules_to_end(hot);
    ensures table: table_apart(hot) ==> state_table(hot);
*/
static void hot_place(struct slabpool_hot *hot, const struct arena *arena)
{
	uint32_t shift = arena->granule_shift;

	/*@ ghost granule_is_power(shift); */
	hot->address = arena->address;
	hot->granules = slabpool_load_size(&arena->open_granules);
	hot->state = arena->state;
	hot->granule_shift = shift;
	hot->state_of_0 = table_of_0((uintptr_t)arena->state,
				     arena->address / ((uintptr_t)1 << shift));
}

/* Magazines of threads that use a cache a little hold little. */
#define FIRST_CAPACITY 64u

/* Objects a magazine. */
/*@ requires memory: \valid_read(options) && options_limits(options);
    requires stride: 0 < stride;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures limit: \result == limit_by((struct slabpool_options *)options, stride, capacity);
    ensures range: 1 <= \result <= MAGAZINE_MAX;
*/
static uint32_t limit_choose(const struct slabpool_options *options, uint32_t stride,
			     uint32_t capacity)
{
	uint32_t room = options->magazine_kib * 1024 / stride;
	uint32_t limit = capacity ? capacity : options->limit;

	if (!capacity && limit > room)
		limit = room;
	if (limit > MAGAZINE_MAX)
		limit = MAGAZINE_MAX;
	return limit < 1 ? 1 : limit;
}

/* Full magazines that the depot keeps. */
/*@ requires memory: \valid_read(options) && options_limits(options);
    requires sizes: 0 < stride && 1 <= limit <= MAGAZINE_MAX;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures shared: \result == shared_by((struct slabpool_options *)options, stride, limit);
*/
static uint32_t shared_choose(const struct slabpool_options *options, uint32_t stride,
			      uint32_t limit)
{
	uint64_t most = (uint64_t)options->depot_kib * 1024 / ((uint64_t)limit * stride);

	return options->shared > most ? (uint32_t)most : options->shared;
}

/*@ requires memory: \valid(cache) && \valid_read(options) && \separated(cache, options);
    requires options: options_limits(options);
    requires stride: 0 < cache->geometry.stride;
    terminates always: \true;
    exits never: \false;
    assigns cache->limit, cache->batchcount, cache->first, cache->shared;
    ensures limit: cache->limit == limit_by((struct slabpool_options *)options,
                                            cache->geometry.stride, capacity);
    ensures range: 1 <= cache->batchcount == cache->limit <= MAGAZINE_MAX;
    ensures first: 1 <= cache->first <= cache->limit;
    ensures shared: cache->shared == shared_by((struct slabpool_options *)options,
                                               cache->geometry.stride, cache->limit);
*/
SLABPOOL_ALONE
static void limits_choose(struct kmem_cache *cache, const struct slabpool_options *options,
			  uint32_t capacity)
{
	uint32_t stride = cache->geometry.stride, limit = limit_choose(options, stride, capacity);

	cache->limit = cache->batchcount = limit;
	cache->first = capacity || limit < FIRST_CAPACITY ? limit : FIRST_CAPACITY;
	cache->shared = shared_choose(options, stride, limit);
}

/*@ requires memory: \valid(cache) && \valid_read(options) && \separated(cache, options);
    terminates always: \true;
    exits never: \false;
    assigns cache->confirm, cache->zero_on_free, cache->gfp_or, cache->hot.fast_tag;
    ensures confirm: confirm_right(cache);
    ensures on_free: zero_right(cache, (struct slabpool_options *)options);
    ensures on_alloc: gfp_right(cache, (struct slabpool_options *)options);
    ensures fast: fast_tag_right(cache, (struct slabpool_options *)options);
*/
static void behaviour_choose(struct kmem_cache *cache, const struct slabpool_options *options)
{
	bool keeps_contents = cache->ctor || (cache->flags & SLAB_TYPESAFE_BY_RCU);

	cache->confirm = cache->hot.tag == STATE_TAG_SHARED ||
			 (cache->flags & SLAB_CONSISTENCY_CHECKS) != 0;
	cache->zero_on_free = options->init_on_free && !keeps_contents;
	cache->gfp_or = options->init_on_alloc && !keeps_contents ? __GFP_ZERO : 0;
	cache->hot.fast_tag = cache->hot.tag;
	if (cache->confirm || cache->zero_on_free || options->exact_double_free)
		cache->hot.fast_tag = SLABPOOL_TAG_SLOW;
}

/* The slow path finds the slots of other instances, and does what the fast one would. */
/*@ requires memory: \valid(cache) && \valid_read(pool) &&
      \separated(cache, &pool->is_default, &pool->platform);
    requires id: cache->id <= 8192;
    terminates always: \true;
    exits never: \false;
    assigns cache->hot.slot_offset;
    ensures slots: slots_right(cache, (struct slabpool *)pool);
*/
static void slots_choose(struct kmem_cache *cache, const struct slabpool *pool)
{
	cache->hot.slot_offset = 0;
	if (pool->is_default && pool->platform.thread_set && !cache->gfp_or)
		cache->hot.slot_offset = cache->id * sizeof(struct slabpool_slot);
}

/* What its maker asked for. */
/*@ requires memory: \valid(cache) && args_apart(cache, (struct kmem_cache_args *)args);
    terminates always: \true;
    exits never: \false;
    assigns cache->ctor, cache->useroffset, cache->usersize;
    ensures ctor: args == \null ? cache->ctor == \null : cache->ctor == args->ctor;
    ensures usercopy: args != \null ==> cache->useroffset == args->useroffset &&
            cache->usersize == args->usersize;
    ensures none: args == \null ==> cache->useroffset == 0 && cache->usersize == 0;
*/
static void args_set(struct kmem_cache *cache, const struct kmem_cache_args *args)
{
	cache->ctor = args ? args->ctor : NULL;
	cache->useroffset = args ? args->useroffset : 0;
	cache->usersize = args ? args->usersize : 0;
}

/* What the options decide. */
/*@ requires memory: \valid(cache) && \valid_read(options) && \separated(cache, options);
    requires options: options_ranges((struct slabpool_options *)options);
    requires stride: 0 < cache->geometry.stride;
    terminates always: \true;
    exits never: \false;
    assigns cache->limit, cache->batchcount, cache->first, cache->shared, cache->confirm,
      cache->zero_on_free, cache->gfp_or, cache->hot.fast_tag;
    ensures limits: 1 <= cache->batchcount == cache->limit <= MAGAZINE_MAX &&
            1 <= cache->first <= cache->limit;
    ensures confirm: confirm_right(cache);
    ensures on_free: zero_right(cache, (struct slabpool_options *)options);
    ensures fast: fast_tag_right(cache, (struct slabpool_options *)options);
*/
static void options_apply(struct kmem_cache *cache, const struct slabpool_options *options,
			  uint32_t capacity)
{
	limits_choose(cache, options, capacity);
	behaviour_choose(cache, options);
}

int cache_setup(struct slabpool *pool, struct kmem_cache *cache, const char *name, uint32_t size,
		const struct kmem_cache_args *args, slab_flags_t flags, enum cache_life life)
{
	uint32_t align = args ? args->align : 0, capacity = args ? args->sheaf_capacity : 0;
	uint8_t tag = STATE_NONE;

	cache->pool = pool;
	cache->flags = flags;
	cache->name = name;
	cache->size = size;
	args_set(cache, args);
	cache->arena = geometry_choose(pool, &cache->geometry, size, align, flags, life);
	if (!cache->arena)
		return -22; /* -EINVAL */
	if (sync_init(pool, &cache->lock, NULL))
		return -12; /* -ENOMEM */
	if (life != CACHE_META)
		tag = tag_get(cache->arena);
	cache->life = (uint8_t)life;
	shelf_init(cache);
	hot_place(&cache->hot, cache->arena);
	cache->hot.tag = tag;
	options_apply(cache, &pool->options, capacity);
	slots_choose(cache, pool);
	if (life != CACHE_META && cache->hot.fast_tag != SLABPOOL_TAG_SLOW)
		cache->arena->fast[tag] = cache;
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
