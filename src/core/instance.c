/* SPDX-License-Identifier: MIT */
/*
 * Instance: one allocator with all of its state.
 *
 *   struct slabpool
 *    |-- arena[4]      made when the first cache of their granule is
 *    |-- meta[]        caches for the allocator's own objects: descriptors, magazines, records
 *    |-- kmalloc[]     the size classes
 *    |-- first .. last caches of the user, kmalloc's among them
 *    |-- threads       what each thread holds
 *    `-- platform      the system below
 *
 * The struct itself lies in a reservation of its own. Destroying an instance gives the
 * reservations back, and with them everything at once.
 *
 * Locking: see sync.c for the order.
 */
#include "core/instance.h"
#include "api/options.h"
#include "core/check.h"
#include "core/locks.h"
#include "core/lookup.h"
#include "core/memory.h"
#include "core/setup.h"
#include "core/thread.h"

/* Where less than this can be reserved, one arena has to do. */
#define SMALL_PLATFORM ((size_t)16 << 20)
#define LARGEST_GRANULE 1024u
/* A thread's table is at most this part of its arena, but has this many slots. */
#define TABLE_PART 64u
#define TABLE_LEAST 64u

/* The granules of the arenas, as shifts. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures shift: \result == place_shift(place);
*/
static inline uint32_t arena_shift(uint32_t place)
{
	return place == 0 ? 3 : place == 1 ? 4 : place == 2 ? 6 : 10;
}

static const uint32_t meta_size[META_COUNT] = {
	[META_CACHE] = sizeof(struct kmem_cache),
	[META_RECORD] = sizeof(struct thread_record),
	[META_TABLE] = sizeof(struct slabpool_slot), /* times options.max_caches */
	[META_STORE_16] = sizeof(struct slabpool_store) + 16 * sizeof(void *),
	[META_STORE_64] = sizeof(struct slabpool_store) + 64 * sizeof(void *),
	[META_STORE_256] = sizeof(struct slabpool_store) + 256 * sizeof(void *),
	[META_NAME_32] = 32,
	[META_NAME_256] = 256,
};

static const char *const kmalloc_name[GEOMETRY_KMALLOC_CLASSES] = {
	"kmalloc-8", "kmalloc-16", "kmalloc-32", "kmalloc-64", "kmalloc-96",
	"kmalloc-128", "kmalloc-192", "kmalloc-256", "kmalloc-512", "kmalloc-1024",
	"kmalloc-2048", "kmalloc-4096", "kmalloc-8192",
};

/*@ requires memory: \valid(pool);
    terminates always: \true;
    exits never: \false;
    assigns *pool;
*/
void slabpool_thread_flush(struct slabpool *pool);

/* The arena's place for a granule: with the option `granule` all share the first. */
/*@ requires memory: \valid_read(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: \result < INSTANCE_ARENAS;
    ensures one: pool->options.granule != 0 ==> \result == 0;
    ensures holds: pool->options.granule == 0 && granule_shift <= 10 ==>
            place_shift(\result) >= granule_shift;
    ensures exact: pool->options.granule == 0 && place_shift_known(granule_shift) ==>
            place_shift(\result) == granule_shift;
*/
static uint32_t arena_place_of(const struct slabpool *pool, uint32_t granule_shift)
{
	uint32_t k = 0;

	if (pool->options.granule)
		return 0;
	/*@ loop invariant range: 0 <= k < INSTANCE_ARENAS;
	    loop invariant below: k == 0 || place_shift(k - 1) < granule_shift;
	    loop assigns k;
	    loop variant INSTANCE_ARENAS - k;
	*/
	while (k + 1 < INSTANCE_ARENAS && arena_shift(k) < granule_shift)
		k++;
	return k;
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures capped: \result == (n < most ? n : most);
*/
static size_t capped(size_t n, size_t most)
{
	return n < most ? n : most;
}

/* What the option arena_mib asks for, as far as there is an address space. */
/*@ requires memory: \valid_read(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bytes: \result == 0x100000 * (pool->options.arena_mib < SIZE_MAX / 0x100000 ?
            pool->options.arena_mib : SIZE_MAX / 0x100000);
*/
static size_t arena_bytes_of(const struct slabpool *pool)
{
	return capped(pool->options.arena_mib, SIZE_MAX / 0x100000) * 0x100000;
}

/*@ requires memory: \valid_read(pool) && options_granule((struct slabpool_options *)
             &pool->options);
    requires place: place < INSTANCE_ARENAS;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures serves: place_serves((struct slabpool *)pool, place, \result);
    ensures range: 3 <= \result <= 10;
*/
static uint32_t arena_shift_of(const struct slabpool *pool, uint32_t place)
{
	if (!pool->options.granule)
		return arena_shift(place);
	return granule_shift_of(pool->options.granule);
}

struct arena *instance_arena(struct slabpool *pool, uint32_t granule_shift)
{
	uint32_t place = arena_place_of(pool, granule_shift);
	struct arena *arena = &pool->arena[place];
	int error = 0;

	if (slabpool_acquire_u8(&pool->arena_made[place]))
		return arena;
	making_lock(pool);
	if (!slabpool_acquire_u8(&pool->arena_made[place])) {
		error = arena_init(pool, arena, arena_bytes_of(pool), arena_shift_of(pool, place));
		if (!error) {
			pool->place[place].address = arena->address;
			pool->place[place].arena = arena;
			slabpool_release_size(&pool->place[place].bytes,
					      (size_t)arena->pages << SLABPOOL_PAGE_SHIFT);
			slabpool_release_u8(&pool->arena_made[place], 1);
		}
	}
	making_unlock(pool);
	return error ? NULL : arena;
}

/* A thread's table must not be more than a small part of its arena. */
static bool table_choose(struct slabpool *pool)
{
	struct arena *arena = instance_arena(pool, arena_shift(INSTANCE_ARENAS - 1));
	size_t most;

	if (!arena)
		return false;
	most = ((size_t)arena->pages << SLABPOOL_PAGE_SHIFT) / TABLE_PART /
	       sizeof(struct slabpool_slot);
	if (most < TABLE_LEAST)
		most = TABLE_LEAST;
	if (pool->options.max_caches > most)
		pool->options.max_caches = (uint32_t)most;
	pool->meta[META_TABLE].zeroed = true;
	return true;
}

SLABPOOL_ALONE
static bool setup_meta(struct slabpool *pool)
{
	uint32_t k;

	if (!table_choose(pool))
		return false;
	for (k = 0; k < META_COUNT; k++) {
		uint32_t size = meta_size[k];

		if (k == META_TABLE)
			size *= pool->options.max_caches;
		pool->meta[k].id = pool->next_id++;
		if (cache_setup(pool, &pool->meta[k], "slabpool", size, NULL, 0, CACHE_META))
			return false;
	}
	return true;
}

SLABPOOL_ALONE
static bool setup_kmalloc(struct slabpool *pool)
{
	struct kmem_cache_args args = { 0 };
	uint32_t k, size, limit;

	for (k = 0; k <= INSTANCE_CLASS_TABLE / 8; k++)
		pool->class_of[k] = (uint8_t)geometry_kmalloc_class(k * 8);
	for (k = 0; k < GEOMETRY_KMALLOC_CLASSES; k++) {
		struct kmem_cache *cache = &pool->kmalloc[k];

		size = geometry_kmalloc_size(k);
		args.align = size & (0u - size);
		/* A small buffer aligns its arena less than the largest class would like. */
		limit = pool->arena[0].align;
		if (pool->options.granule && args.align > limit)
			args.align = limit;
		cache->id = pool->next_id++;
		if (cache_setup(pool, cache, kmalloc_name[k], size, &args, SLAB_KMALLOC,
				CACHE_KMALLOC))
			return false;
		cache->prev = pool->last;
		if (pool->last)
			pool->last->next = cache;
		else
			pool->first = cache;
		pool->last = cache;
	}
	return true;
}

/* Gives everything back, as far as it was made. */
SLABPOOL_ALONE
static void release_all(struct slabpool *pool)
{
	struct slabpool_platform platform = pool->platform;
	struct kmem_cache *cache;
	uint32_t k;

	for (cache = pool->first; cache; cache = cache->next)
		sync_exit(pool, &cache->lock, NULL);
	for (k = 0; k < META_COUNT; k++)
		if (pool->meta[k].life == CACHE_META)
			sync_exit(pool, &pool->meta[k].lock, NULL);
	for (k = 0; k < INSTANCE_ARENAS; k++)
		if (pool->arena_made[k])
			arena_exit(pool, &pool->arena[k]);
	sync_exit(pool, &pool->arena_lock, NULL);
	sync_exit(pool, &pool->lock, NULL);
	platform.unreserve(platform.context, pool, pool->bytes);
}

/*@ requires memory: \valid(pool) && platform_ok(&pool->platform);
    terminates always: \true;
    exits never: \false;
    assigns pool->lock, pool->arena_lock;
    ensures answer: \result == 0 || \result == 1;
*/
static bool setup_locks(struct slabpool *pool)
{
	if (sync_init(pool, &pool->lock, NULL))
		return false;
	if (sync_init(pool, &pool->arena_lock, NULL) == 0)
		return true;
	sync_exit(pool, &pool->lock, NULL);
	return false;
}

/* A platform with little memory has room for one arena only. */
static void choose_granule(struct slabpool *pool)
{
	const struct slabpool_platform *platform = &pool->platform;
	void *probe;

	if (pool->options.granule)
		return;
	/* The largest granule must not be more than a page. */
	if (SLABPOOL_PAGE_SIZE < LARGEST_GRANULE) {
		pool->options.granule = 16;
		return;
	}
	if (pool->options.arena_mib)
		return;
	probe = platform->reserve(platform->context, SMALL_PLATFORM, SLABPOOL_PAGE_SIZE);
	if (probe)
		platform->unreserve(platform->context, probe, SMALL_PLATFORM);
	else
		pool->options.granule = 16;
}

struct slabpool *instance_create(const struct slabpool_platform *platform,
				 const struct slabpool_options *options, bool is_default)
{
	struct slabpool_options standard;
	size_t bytes =
		(sizeof(struct slabpool) + SLABPOOL_PAGE_SIZE - 1) & ~(SLABPOOL_PAGE_SIZE - 1);
	struct slabpool *pool;

	if (!options) {
		slabpool_options_init(&standard);
		options = &standard;
	}
	if (!slabpool_options_valid(options))
		return NULL;
	pool = platform->reserve(platform->context, bytes, 64);
	if (!pool)
		return NULL;
	if (platform->commit(platform->context, pool, bytes, SLABPOOL_COMMIT)) {
		platform->unreserve(platform->context, pool, bytes);
		return NULL;
	}
	pool->platform = *platform;
	pool->options = *options;
	pool->retain_kib = options->retain_kib;
	pool->idle_kib = options->idle_kib;
	pool->bytes = bytes;
	pool->is_default = is_default;
	if (!setup_locks(pool)) {
		platform->unreserve(platform->context, pool, bytes);
		return NULL;
	}
	choose_granule(pool);
	if (!setup_meta(pool) || !setup_kmalloc(pool)) {
		release_all(pool);
		return NULL;
	}
	return pool;
}

struct slabpool *slabpool_create(const struct slabpool_platform *platform,
				 const struct slabpool_options *options)
{
	return instance_create(platform, options, false);
}

void slabpool_destroy(struct slabpool *pool)
{
	if (!pool)
		return;
	if (pool->platform.thread_set)
		pool->platform.thread_set(pool->platform.context, NULL);
	release_all(pool);
}

/* Bytes of all slabs that this cache ever gave back. */
static uint64_t released_bytes(struct kmem_cache *cache)
{
	uint64_t releases;

	cache_lock(cache);
	releases = cache->releases;
	cache_unlock(cache);
	return releases * (SLABPOOL_PAGE_SIZE << cache->geometry.order);
}

SLABPOOL_UNDER(instance_locks)
static uint64_t released_bytes_of_all(struct slabpool *pool)
{
	struct kmem_cache *cache;
	uint64_t bytes = 0;
	uint32_t k;

	for (cache = pool->first; cache; cache = cache->next)
		bytes += released_bytes(cache);
	for (k = 0; k < META_COUNT; k++)
		bytes += released_bytes(&pool->meta[k]);
	return bytes;
}

/* Counted by what the slabs' release counters say: a flush may trim on its own. */
size_t slabpool_reap(struct slabpool *pool)
{
	struct kmem_cache *cache;
	uint64_t before;
	size_t bytes;
	uint32_t k;

	instance_lock(pool);
	before = released_bytes_of_all(pool);
	for (cache = pool->first; cache; cache = cache->next)
		cache_reap(cache);
	for (k = 0; k < META_COUNT; k++)
		cache_reap(&pool->meta[k]);
	bytes = (size_t)(released_bytes_of_all(pool) - before);
	instance_unlock(pool);
	for (k = 0; k < INSTANCE_ARENAS; k++)
		if (slabpool_acquire_u8(&pool->arena_made[k]))
			bytes += arena_reap(pool, &pool->arena[k]);
	return bytes;
}

void slabpool_observe(struct slabpool *pool,
		      void (*event)(void *context, const struct slabpool_event *event),
		      void *context)
{
	slabpool_thread_flush(pool);
	pool->event_context = context;
	pool->event = event;
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures text: \result != \null;
*/
const char *slabpool_version(void)
{
	return SLABPOOL_VERSION;
}
