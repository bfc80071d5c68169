/* SPDX-License-Identifier: MIT */
/*
 * Hostile adapters: slabpool with one thing wrong. Each names the oracle that must find it; a test
 * replays the corpora under every one of them.
 */
#include "planted.h"
#include "faces.h"
#include "poison.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define REAL fuzz_adapter_slabpool

/* What the bugs remember within a world. */
static struct {
	unsigned int calls;
	unsigned char *last;
	struct kmem_cache *cache;
	void *start;
	struct slabpool_platform platform;
} mem;

void fuzz_plant_reset(void)
{
	memset(&mem, 0, sizeof(mem));
	plant_misuse_reset();
	plant_steps_reset();
	plant_threads_reset();
}

/* --- objects --- */

static void *misaligned_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	char *p = REAL.cache_alloc(cache, gfp);

	return p && ++mem.calls % 3 == 0 ? p + 4 : p;
}

static void *double_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	if (mem.last && ++mem.calls % 4 == 0 && mem.cache == cache)
		return mem.last;
	mem.cache = cache;
	mem.last = REAL.cache_alloc(cache, gfp);
	return mem.last;
}

static void forgetful_free(struct kmem_cache *cache, void *object)
{
	if (object == mem.last)
		mem.last = NULL;
	REAL.cache_free(cache, object);
}

static void *overlapping_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	unsigned char *p = REAL.cache_alloc(cache, gfp);

	if (p && mem.last && mem.cache == cache && REAL.cache_size(cache) == 64)
		p = mem.last + 8;
	mem.last = p;
	mem.cache = cache;
	return p;
}

#ifdef FUZZ_MSAN
/* What the last owner left in an object decides which one is given. */
static void *stale_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	unsigned char *p = REAL.cache_alloc(cache, gfp);

	if (p && p[REAL.cache_size(cache) - 1] == 0x5a) {
		REAL.cache_free(cache, p);
		p = REAL.cache_alloc(cache, gfp);
	}
	return p;
}
#endif

static void *unzeroed_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	void *p;

	if (!(gfp & __GFP_ZERO) || fuzz_world.cache[fuzz_world.current_cache].ctor)
		return REAL.cache_alloc(cache, gfp);
	p = REAL.cache_alloc(cache, gfp & ~__GFP_ZERO);
	if (p)
		memset(p, 0xa5, REAL.cache_size(cache));
	return p;
}

static struct kmem_cache *unconstructed(struct slabpool *pool, const char *name, unsigned int size,
					const struct kmem_cache_args *args, slab_flags_t flags)
{
	struct kmem_cache_args without = *args;

	without.ctor = NULL;
	return REAL.cache_create(pool, name, size, &without, flags);
}

static void *reconstructed_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	void *p = REAL.cache_alloc(cache, gfp);

	if (p && fuzz_world.cache[fuzz_world.current_cache].ctor)
		model_ctor(p);
	return p;
}

static void spoiling_free(struct kmem_cache *cache, void *object)
{
	if (object && model_find(object) == FUZZ_NONE && fuzz_world.crime_kinds == 0)
		*(unsigned char *)object ^= 1;
	REAL.cache_free(cache, object);
}

static void *scribbling_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	if (mem.last)
		*mem.last ^= 1;
	mem.last = REAL.cache_alloc(cache, gfp);
	return mem.last;
}

static void *guard_kmalloc(struct slabpool *pool, size_t size, gfp_t gfp)
{
	unsigned char *p;

	if (mem.last && model_find(mem.last) != FUZZ_NONE)
		mem.last[REAL.ksize(pool, mem.last) - 1] ^= 1;
	p = REAL.kmalloc(pool, size, gfp);
	mem.last = ZERO_OR_NULL_PTR(p) || REAL.ksize(pool, p) == size ? NULL : p;
	return p;
}

static size_t short_ksize(struct slabpool *pool, const void *object)
{
	size_t size = REAL.ksize(pool, object);

	return size ? size - 1 : 0;
}

static unsigned int wrong_size(struct kmem_cache *cache)
{
	return REAL.cache_size(cache) + 1;
}

static void *losing_krealloc(struct slabpool *pool, const void *object, size_t size, gfp_t gfp)
{
	unsigned char *p = REAL.krealloc(pool, object, size, gfp);

	if (!ZERO_OR_NULL_PTR(p) && p != object && !ZERO_OR_NULL_PTR(object))
		memset(p, 0, size < 8 ? size : 8);
	return p;
}

static void *unzeroed_krealloc(struct slabpool *pool, const void *object, size_t size, gfp_t gfp)
{
	bool old = !ZERO_OR_NULL_PTR(object) && !fuzz_world.crime_kinds;
	size_t was = old ? REAL.ksize(pool, object) : 0;
	unsigned char *p = REAL.krealloc(pool, object, size, gfp);

	if (!ZERO_OR_NULL_PTR(p) && (gfp & __GFP_ZERO) && was && size > was)
		p[size - 1] = 1;
	return p;
}

static struct kmem_cache *shared_cache(struct slabpool *pool, const char *name, unsigned int size,
				       const struct kmem_cache_args *args, slab_flags_t flags)
{
	struct kmem_cache *cache = REAL.cache_create(pool, name, size, args, flags);

	if (mem.cache && cache && REAL.cache_size(mem.cache) == size)
		return mem.cache;
	mem.cache = cache;
	return cache;
}

/* --- answers --- */

static void *quiet_null(struct kmem_cache *cache, gfp_t gfp)
{
	return (gfp & __GFP_NOWARN) && ++mem.calls % 2 == 0 ? NULL : REAL.cache_alloc(cache, gfp);
}

static void *unsaid_null(struct kmem_cache *cache, gfp_t gfp)
{
	return ++mem.calls % 5 == 0 ? NULL : REAL.cache_alloc(cache, gfp & ~__GFP_NOFAIL);
}

static int partial_bulk(struct kmem_cache *cache, gfp_t gfp, size_t n, void **objects)
{
	int got = REAL.cache_alloc_bulk(cache, gfp, n, objects);

	return got > 1 ? got - 1 : got;
}

static int lying_shrink(struct kmem_cache *cache)
{
	return !REAL.cache_shrink(cache);
}

static size_t lying_reap(struct slabpool *pool)
{
	return REAL.reap(pool) + 1;
}

static int lying_tune(struct kmem_cache *cache, unsigned int limit, unsigned int batchcount,
		      unsigned int shared)
{
	(void)cache;
	(void)limit;
	(void)batchcount;
	(void)shared;
	return 0;
}

static int miscounting_info(struct kmem_cache *cache, struct slabpool_cache_info *info)
{
	int result = REAL.cache_info(cache, info);

	if (result == 0 && info->slab_objects) {
		info->active_objects++;
		info->slab_objects--;
	}
	return result;
}

static int unequal_info(struct kmem_cache *cache, struct slabpool_cache_info *info)
{
	int result = REAL.cache_info(cache, info);

	info->magazine_objects += info->slabs;
	return result;
}

static void losing_free(struct kmem_cache *cache, void *object)
{
	if (!object || ++mem.calls % 8 || fuzz_world.crime_kinds)
		REAL.cache_free(cache, object);
}

static bool invalid(struct slabpool *pool)
{
	return REAL.is_valid(pool) && ++mem.calls < 2;
}

static void leaking_destroy(struct slabpool *pool)
{
	(void)pool;
}

/* --- misuse --- */

static void unnoticed_double_free(struct kmem_cache *cache, void *object)
{
	if (object == mem.last && fuzz_world.crime_kinds)
		return;
	mem.last = object;
	REAL.cache_free(cache, object);
}

static void wrong_kind(struct slabpool_report *report)
{
	if (report->kind == SLABPOOL_REPORT_DOUBLE_FREE)
		report->kind = SLABPOOL_REPORT_BAD_CACHE;
}

static void wrong_pointer(struct slabpool_report *report)
{
	if (report->pointer)
		report->pointer = (const char *)report->pointer + 1;
}

static void remember_start(struct slabpool_report *report)
{
	if (report->kind == SLABPOOL_REPORT_INTERIOR)
		mem.start = (void *)(uintptr_t)report->start;
}

static void interior_free_acts(struct kmem_cache *cache, void *object)
{
	REAL.cache_free(cache, object);
	if (mem.start)
		REAL.cache_free(cache, mem.start);
	mem.start = NULL;
}

/* --- the system --- */

static struct slabpool *remembering_create(const struct slabpool_platform *platform,
					   const struct slabpool_options *options)
{
	mem.platform = *platform;
	return REAL.create(platform, options);
}

static void *lock_keeping_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	static struct slabpool_lock lock;

	if (++mem.calls == 3) {
		mem.platform.sync_init(mem.platform.context, &lock, NULL);
		mem.platform.lock(mem.platform.context, &lock);
	}
	return REAL.cache_alloc(cache, gfp);
}

static int committing_shrink(struct kmem_cache *cache)
{
	static char here[64];

	mem.platform.commit(mem.platform.context, here, sizeof(here), SLABPOOL_COMMIT);
	return REAL.cache_shrink(cache);
}

/* --- mempools --- */

static void *null_preallocated(mempool_t *pool)
{
	(void)pool;
	return NULL;
}

static void *null_pool_alloc(mempool_t *pool, gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) ? REAL.pool_alloc(pool, gfp) : NULL;
}

static void losing_pool_free(void *element, mempool_t *pool)
{
	if (++mem.calls % 2)
		REAL.pool_free(element, pool);
}

static void full_pool_free(void *element, mempool_t *pool)
{
	/* Past the reserve, straight to the backend. */
	if (element)
		pool->free(element, pool->pool_data);
}

static int lying_resize(mempool_t *pool, int min_nr)
{
	return min_nr <= 0 ? REAL.pool_resize(pool, min_nr) : 0;
}

static int lax_resize(mempool_t *pool, int min_nr)
{
	return min_nr <= 0 ? 0 : REAL.pool_resize(pool, min_nr);
}

static void leaking_pool_destroy(mempool_t *pool)
{
	(void)pool;
}

/* --- arithmetic --- */

static bool wide_geometry(const struct geometry_request *request, struct geometry *geometry)
{
	bool good = REAL.geometry_compute(request, geometry);

	if (good && geometry->capacity > 100)
		geometry->capacity++;
	return good;
}

static uint32_t wrong_class(uint32_t size)
{
	return REAL.geometry_class(size) + (size == 97);
}

#define PLANT(function, member) \
	static void plant_##function(struct fuzz_adapter *a) { a->member = function; }

PLANT(misaligned_alloc, cache_alloc)
#ifdef FUZZ_MSAN
PLANT(stale_alloc, cache_alloc)
#endif
PLANT(overlapping_alloc, cache_alloc)
PLANT(unzeroed_alloc, cache_alloc)
PLANT(unconstructed, cache_create)
PLANT(reconstructed_alloc, cache_alloc)
PLANT(spoiling_free, cache_free)
PLANT(guard_kmalloc, kmalloc)
PLANT(short_ksize, ksize)
PLANT(wrong_size, cache_size)
PLANT(losing_krealloc, krealloc)
PLANT(unzeroed_krealloc, krealloc)
PLANT(shared_cache, cache_create)
PLANT(quiet_null, cache_alloc)
PLANT(unsaid_null, cache_alloc)
PLANT(partial_bulk, cache_alloc_bulk)
PLANT(lying_shrink, cache_shrink)
PLANT(lying_reap, reap)
PLANT(lying_tune, cache_tune)
PLANT(miscounting_info, cache_info)
PLANT(unequal_info, cache_info)
PLANT(losing_free, cache_free)
PLANT(invalid, is_valid)
PLANT(leaking_destroy, destroy)
PLANT(unnoticed_double_free, cache_free)
PLANT(wrong_kind, on_report)
PLANT(wrong_pointer, on_report)
PLANT(null_preallocated, pool_alloc_preallocated)
PLANT(null_pool_alloc, pool_alloc)
PLANT(losing_pool_free, pool_free)
PLANT(full_pool_free, pool_free)
PLANT(lying_resize, pool_resize)
PLANT(lax_resize, pool_resize)
PLANT(leaking_pool_destroy, pool_destroy)
PLANT(wide_geometry, geometry_compute)
PLANT(wrong_class, geometry_class)

/* --- runs that differ --- */

static struct slabpool *create_after_reserving(const struct slabpool_platform *platform,
					       const struct slabpool_options *options, bool reserve)
{
	void *memory = NULL;

	if (reserve)
		memory = platform->reserve(platform->context, PAGE_SIZE, PAGE_SIZE);
	if (memory)
		platform->unreserve(platform->context, memory, PAGE_SIZE);
	return REAL.create(platform, options);
}

/* Outlives its world. */
static struct slabpool *alternating_create(const struct slabpool_platform *platform,
					   const struct slabpool_options *options)
{
	static unsigned int worlds;

	return create_after_reserving(platform, options, worlds++ % 2);
}

/* Depends on where the system put the stack: a program may be linked to a fixed address. */
static struct slabpool *placed_create(const struct slabpool_platform *platform,
				      const struct slabpool_options *options)
{
	return create_after_reserving(platform, options, ((uintptr_t)&options >> 12) % 2);
}

PLANT(alternating_create, create)
PLANT(placed_create, create)

static void plant_double_alloc(struct fuzz_adapter *a)
{
	a->cache_alloc = double_alloc;
	a->cache_free = forgetful_free;
}

static void plant_scribbling_alloc(struct fuzz_adapter *a)
{
	a->cache_alloc = scribbling_alloc;
	a->cache_free = forgetful_free;
}

static void plant_interior_free_acts(struct fuzz_adapter *a)
{
	a->on_report = remember_start;
	a->cache_free = interior_free_acts;
}

static void plant_lock_keeping_alloc(struct fuzz_adapter *a)
{
	a->create = remembering_create;
	a->cache_alloc = lock_keeping_alloc;
}

static void plant_committing_shrink(struct fuzz_adapter *a)
{
	a->create = remembering_create;
	a->cache_shrink = committing_shrink;
}

const struct fuzz_plant fuzz_plants[] = {
	{ "misaligned-object", "alignment", "kmem_cache", plant_misaligned_alloc },
	{ "object-given-twice", "disjoint", "kmem_cache", plant_double_alloc },
	{ "overlapping-objects", "disjoint", "kmem_cache", plant_overlapping_alloc },
#ifdef FUZZ_MSAN
	{ "stale-content-decides", "MSan", "kmem_cache", plant_stale_alloc },
#endif
	{ "one-cache-for-two", "disjoint", "kmem_cache", plant_shared_cache },
	{ "zero-dropped", "zero", "kmem_cache", plant_unzeroed_alloc },
	{ "growth-not-zeroed", "zero", "kmalloc", plant_unzeroed_krealloc },
	{ "constructor-skipped", "constructor", "kmem_cache", plant_unconstructed },
	{ "constructed-twice", "constructor", "kmem_cache", plant_reconstructed_alloc },
	{ "constructed-state-lost", "constructor", "kmem_cache", plant_spoiling_free },
	{ "live-object-written", "contents", "kmem_cache", plant_scribbling_alloc },
	{ "krealloc-loses-content", "contents", "kmalloc", plant_losing_krealloc },
	{ "guard-written", "guard", "kmalloc", plant_guard_kmalloc },
	{ "ksize-short", "size", "kmalloc", plant_short_ksize },
	{ "cache-size-wrong", "size", "kmem_cache", plant_wrong_size },
	{ "null-without-reason", "null", "kmem_cache", plant_quiet_null },
	{ "null-without-message", "report", "kmem_cache", plant_unsaid_null },
	{ "bulk-in-part", "result", "kmem_cache", plant_partial_bulk },
	{ "shrink-lies", "result", "kmem_cache", plant_lying_shrink },
	{ "reap-lies", "result", "kmem_cache", plant_lying_reap },
	{ "tuning-ignored", "result", "kmem_cache", plant_lying_tune },
	{ "active-miscounted", "statistics", "kmem_cache", plant_miscounting_info },
	{ "sum-wrong", "statistics", "kmem_cache", plant_unequal_info },
	{ "object-lost", "step", "kmem_cache", plant_losing_free },
	{ "invalid", "valid", "kmem_cache", plant_invalid },
	{ "instance-leaks", "left over", "kmem_cache", plant_leaking_destroy },
	{ "double-free-unnoticed", "report", "kmem_cache", plant_unnoticed_double_free },
	{ "report-wrong-kind", "report", "kmem_cache", plant_wrong_kind },
	{ "report-wrong-pointer", "report", "kmem_cache", plant_wrong_pointer },
	{ "interior-free-acts", "unchanged", "kmem_cache", plant_interior_free_acts },
	{ "lock-kept", "lock", "kmem_cache", plant_lock_keeping_alloc },
	{ "commit-outside", "platform", "kmem_cache", plant_committing_shrink },
	{ "reserve-withheld", "reserve", "mempool", plant_null_preallocated },
	{ "null-despite-reserve", "reserve", "mempool", plant_null_pool_alloc },
	{ "element-lost", "reserve", "mempool", plant_losing_pool_free },
	{ "reserve-not-refilled", "reserve", "mempool", plant_full_pool_free },
	{ "resize-ignored", "reserve", "mempool", plant_lying_resize },
	{ "resize-to-nothing", "result", "mempool", plant_lax_resize },
	{ "pool-leaks", "reserve", "mempool", plant_leaking_pool_destroy },
	{ "array-size-wraps", "result", "kmalloc", plant_wrapping_array },
	{ "face-not-zeroed", "zero", "kmalloc", plant_dirty_face },
	{ "sensitive-not-wiped", "zero", "kmem_cache", plant_careless_give },
	{ "array-one-too-short", "size", "kmalloc", plant_short_resize },
	{ "sheaf-one-too-few", "result", "kmem_cache", plant_short_sheaf },
	{ "zalloc-not-zeroed", "zero", "kmem_cache", plant_zeroless_face },
	{ "pages-not-aligned", "alignment", "kmalloc", plant_shifted_pages },
	{ "dump-says-nothing", "report", "kmalloc", plant_silent_dump },
	{ "reserve-damage-unseen", "valid", "mempool", plant_believing_reserve },
	{ "one-object-too-many", "geometry", "geometry", plant_wide_geometry },
	{ "wrong-class", "geometry", "geometry", plant_wrong_class },
	{ "run-remembered", "trace", "kmem_cache", plant_alternating_create },
	{ "place-matters", "fresh", "kmem_cache", plant_placed_create },
	{ "crime-leaves-a-trace", "unchanged", "misuse", plant_trace_left },
	{ "refusal-observed", "unchanged", "misuse", plant_refusal_observed },
	{ "report-wrong-owner", "report", "misuse", plant_wrong_owner },
	{ "report-wrong-line", "report", "misuse", plant_wrong_line },
	{ "reported-twice", "report", "misuse", plant_reported_twice },
	{ "reported-under-a-lock", "lock", "misuse", plant_report_locked },
	{ "silent-misuse-reported", "report", "misuse", plant_ignored_reported },
	{ "abort-ignored", "report", "misuse", plant_abort_ignored },
	{ "useless-after-a-crime", "null", "misuse", plant_useless_after_crime },
	{ "destroyed-cache-unnoticed", "report", "misuse", plant_destroyed_unnoticed },
	{ "free-list-inside-objects", "null", "misuse", plant_free_list_inside },
	{ "bad-element-unnoticed", "report", "misuse", plant_bad_element_unnoticed },
	{ "event-of-another-size", "event", "kmem_cache", plant_event_wrong },
	{ "magazines-flushed-early", "step", "kmem_cache", plant_magazines_flushed },
	{ "more-kept-than-retain-kib", "step", "kmem_cache", plant_kept_too_much },
	{ "colour-never-steps", "at rest", "kmem_cache", plant_colourless },
	{ "store-left-by-a-thread", "left over", "kmem_cache", plant_store_left },
	{ "tag-left-by-a-cache", "at rest", "kmem_cache", plant_tag_left },
	{ "kmalloc-without-its-flag", "at rest", "kmem_cache", plant_kmalloc_flagless },
	{ "tables-kept-by-a-trim", "trimmed", "kmem_cache", plant_tables_kept },
	{ "class-too-large", "size", "kmalloc", plant_generous_class },
	{ "gfp-forgotten", "reserve", "mempool", plant_gfp_forgotten },
	{ "depot-lock-left-out", "race", "threads", plant_lock_left_out },
	{ "object-for-two-threads", "contents", "threads", plant_object_for_two },
	{ "object-lost-at-once", "statistics", "threads", plant_lost_at_once },
	{ "freed-at-once-unnoticed", "report", "threads", plant_free_at_once_unnoticed },
	{ "fault-while-a-pool-is-made", "left over", "mempool", plant_fault_in_making },
	{ "fault-after-a-fault", "left over", "kmem_cache", plant_fault_on_fault },
	{ NULL, NULL, NULL, NULL },
};

static void choose(struct fuzz_adapter *chosen)
{
	const char *allocator = getenv("FUZZ_ADAPTER"), *bug = getenv("FUZZ_PLANT");
	unsigned int i = 0;

	if (allocator && !strcmp(allocator, "libc"))
		*chosen = fuzz_adapter_libc;
	else if (!allocator || !*allocator || !strcmp(allocator, "slabpool"))
		*chosen = fuzz_adapter_slabpool;
	else
		goto unknown;
	if (!bug || !*bug)
		return;
	while (fuzz_plants[i].name && strcmp(fuzz_plants[i].name, bug))
		i++;
	if (fuzz_plants[i].name && chosen->caps == CAP_ALL) {
		fuzz_plants[i].apply(chosen);
		return;
	}
unknown:
	fprintf(stderr, "fuzz: FUZZ_ADAPTER is slabpool or libc; FUZZ_PLANT, with slabpool only, "
			"is a name that --plants lists\n");
	exit(2);
}

const struct fuzz_adapter *fuzz_adapter_chosen(void)
{
	static struct fuzz_adapter chosen;

	if (!chosen.name)
		choose(&chosen);
	return &chosen;
}
