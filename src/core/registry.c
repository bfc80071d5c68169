/* SPDX-License-Identifier: MIT */
/*
 * Registry: caches come and go.
 *
 *   memory -> live (pool->first .. last) -> retired (pool->retired .. retired_last) -> live ...
 *
 * A destroyed cache's descriptor is never given back while the instance lives: it is dead, refuses
 * every call with a report, and is reused only after RETIRED_KEEP others were destroyed after it.
 * So a stale pointer to a cache is found with certainty for a long time, and the id, which is the
 * place of the cache in every thread's table, comes back with its descriptor.
 *
 * Destroy empties every thread's magazines of the cache: by contract no other use of it runs. With
 * live objects it reports and leaves the cache as it was, usable.
 *
 * Locking: the instance's lock protects the lists and ids.
 */
#include "core/check.h"
#include "core/instance.h"
#include "core/locks.h"
#include "core/lookup.h"
#include "core/memory.h"
#include "core/pages.h"
#include "core/setup.h"
#include "core/thread.h"

#define RETIRED_KEEP 32u
/* Objects that destroy names, beyond their count. */
#define LIVE_REPORTS 16u

#include "../../proofs/logic/Registry.acsl"
#include "core/text.h"

static char *name_copy(struct slabpool *pool, const char *name, uint32_t *bytes)
{
	size_t length = text_length(name) + 1;
	char *copy;

	*bytes = (uint32_t)length;
	if (length > 256)
		copy = pages_alloc(pool, length, 1, STATE_RUN_VMALLOC, __GFP_NOWARN);
	else
		copy = meta_alloc(pool, length > 32 ? META_NAME_256 : META_NAME_32);
	return copy ? memcpy(copy, name, length) : NULL;
}

static void name_free(struct slabpool *pool, char *copy, uint32_t bytes)
{
	if (!copy)
		return;
	if (bytes > 256)
		pages_free(pool, copy, STATE_RUN_VMALLOC);
	else
		meta_free(pool, bytes > 32 ? META_NAME_256 : META_NAME_32, copy);
}

/* A descriptor to set up: the oldest retired one, or new memory. */
SLABPOOL_UNDER(instance_locks)
static struct kmem_cache *descriptor_get(struct slabpool *pool)
{
	struct kmem_cache *cache = pool->retired;
	uint32_t id, shift;

	if (pool->retired_count <= RETIRED_KEEP && pool->next_id < pool->options.max_caches) {
		cache = meta_alloc(pool, META_CACHE);
		if (cache) {
			memset(cache, 0, sizeof(*cache));
			cache->id = pool->next_id++;
			return cache;
		}
		cache = pool->retired;
	}
	if (!cache)
		return NULL;
	pool->retired = cache->next;
	pool->retired_count--;
	id = cache->id;
	shift = cache->hot.granule_shift;
	memset(cache, 0, sizeof(*cache));
	cache->id = id;
	/* Who still has the old handle may use it, also if no new cache comes of this. */
	cache->hot.granule_shift = shift;
	return cache;
}

/* Puts a dead descriptor at the end of the retired ones. */
/*@ requires memory: \valid(pool) && \valid(cache);
    requires apart: list_apart(pool, cache);
    requires last: pool->retired != \null ==>
             \valid(pool->retired_last) && list_apart(pool, pool->retired_last) &&
             \separated(cache, pool->retired_last);
    requires room: pool->retired_count < UINT32_MAX;
    terminates always: \true;
    exits never: \false;
    assigns cache->life, cache->hot.granules, cache->hot.slot_offset, cache->hot.fast_tag,
      cache->pool, cache->name, cache->own_name, cache->next, pool->retired,
      pool->retired_last, pool->retired_last->next, pool->retired_count;
    ensures dead: cache->life == CACHE_DEAD && cache->hot.granules == 0 &&
            cache->hot.slot_offset == 0 && cache->hot.fast_tag == SLABPOOL_TAG_SLOW;
    ensures last: pool->retired_last == cache && cache->next == \null;
    ensures first: pool->retired == (\old(pool->retired) == \null ? cache :
            \old(pool->retired));
    ensures linked: \old(pool->retired) != \null ==>
            \old(pool->retired_last)->next == cache;
    ensures counted: pool->retired_count == \old(pool->retired_count) + 1;
*/
SLABPOOL_UNDER(instance_locks)
static void descriptor_retire(struct slabpool *pool, struct kmem_cache *cache)
{
	cache->life = CACHE_DEAD;
	cache->hot.granules = 0;
	cache->hot.slot_offset = 0;
	cache->hot.fast_tag = SLABPOOL_TAG_SLOW;
	cache->pool = pool;
	cache->name = "(destroyed)";
	cache->own_name = NULL;
	cache->next = NULL;
	if (pool->retired)
		pool->retired_last->next = cache;
	else
		pool->retired = cache;
	pool->retired_last = cache;
	pool->retired_count++;
}

/*@ requires memory: \valid(pool) && \valid(cache);
    requires apart: list_apart(pool, cache);
    requires last: pool->last == \null || (\valid(pool->last) &&
             list_apart(pool, pool->last) && \separated(cache, pool->last));
    terminates always: \true;
    exits never: \false;
    assigns cache->next, cache->prev, pool->last, pool->first, pool->last->next;
    ensures last: pool->last == cache && cache->next == \null;
    ensures before: cache->prev == \old(pool->last);
    ensures linked: \old(pool->last) != \null ==> \old(pool->last)->next == cache &&
            pool->first == \old(pool->first);
    ensures only: \old(pool->last) == \null ==> pool->first == cache;
*/
SLABPOOL_UNDER(instance_locks)
static void live_link(struct slabpool *pool, struct kmem_cache *cache)
{
	cache->next = NULL;
	cache->prev = pool->last;
	if (pool->last)
		pool->last->next = cache;
	else
		pool->first = cache;
	pool->last = cache;
}

/*@ requires memory: \valid(pool) && \valid(cache);
    requires apart: list_apart(pool, cache);
    requires before: cache->prev == \null || (\valid(cache->prev) &&
             list_apart(pool, cache->prev) && \separated(cache, cache->prev));
    requires behind: cache->next == \null || (\valid(cache->next) &&
             list_apart(pool, cache->next) && \separated(cache, cache->next));
    requires two: cache->next != \null && cache->prev != \null ==>
             \separated(cache->next, cache->prev);
    terminates always: \true;
    exits never: \false;
    assigns cache->prev->next, cache->next->prev, pool->first, pool->last;
    ensures before: cache->prev != \null ==> cache->prev->next == cache->next &&
            pool->first == \old(pool->first);
    ensures behind: cache->next != \null ==> cache->next->prev == cache->prev &&
            pool->last == \old(pool->last);
    ensures first: cache->prev == \null ==> pool->first == cache->next;
    ensures last: cache->next == \null ==> pool->last == cache->prev;
*/
SLABPOOL_UNDER(instance_locks)
static void live_unlink(struct slabpool *pool, struct kmem_cache *cache)
{
	if (cache->prev)
		cache->prev->next = cache->next;
	else
		pool->first = cache->next;
	if (cache->next)
		cache->next->prev = cache->prev;
	else
		pool->last = cache->prev;
}

/* A live cache that a new one may share; its stride must hold the new object. */
SLABPOOL_UNDER(instance_locks)
static struct kmem_cache *find_alike(struct slabpool *pool, uint32_t size,
				     const struct kmem_cache_args *args, slab_flags_t flags)
{
	uint32_t align = geometry_align(size, args ? args->align : 0,
					(flags & SLAB_HWCACHE_ALIGN) != 0);
	struct kmem_cache *cache;

	if (!pool->options.merge || (flags & FLAGS_NO_MERGE) ||
	    (args && (args->ctor || args->usersize)))
		return NULL;
	for (cache = pool->first; cache; cache = cache->next) {
		if (cache->life != CACHE_LIVE || cache->closing || cache->ctor || cache->usersize ||
		    (cache->flags & FLAGS_NO_MERGE) ||
		    (cache->flags & FLAGS_SAME) != (flags & FLAGS_SAME))
			continue;
		if (cache->geometry.align >= align && cache->size == size)
			return cache;
	}
	return NULL;
}

/* --- which arguments are refused --- */

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> 0 < size <= KMALLOC_MAX_SIZE;
*/
static bool size_is_sane(unsigned int size)
{
	return size > 0 && size <= KMALLOC_MAX_SIZE;
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> align_sane(align);
*/
static bool align_is_sane(unsigned int align)
{
	return align == 0 || (geometry_is_pow2(align) && align <= KMALLOC_MAX_SIZE);
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> useroffset + usersize <= size;
*/
static bool usercopy_is_sane(unsigned int size, unsigned int useroffset, unsigned int usersize)
{
	return usersize <= size && useroffset <= size - usersize;
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> flags_known(flags);
*/
static bool flags_are_known(slab_flags_t flags)
{
	return (flags & ~FLAGS_KNOWN) == 0;
}

/* Why an alignment is refused; NULL: it is not. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result == \null <==> align_sane(align);
*/
static const char *refusal_of_align(unsigned int align)
{
	if (align && !geometry_is_pow2(align))
		return "the alignment is no power of two";
	if (!align_is_sane(align))
		return "the alignment is beyond the largest slab";
	return NULL;
}

/* Why another argument of args is refused; NULL: none is. */
/*@ requires memory: \valid_read(args);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result == \null <==> args->sheaf_capacity <= MAGAZINE_MAX &&
            args->useroffset + args->usersize <= size;
*/
static const char *refusal_of_args(unsigned int size, const struct kmem_cache_args *args)
{
	if (args->sheaf_capacity > MAGAZINE_MAX)
		return "the sheaf capacity is beyond 256";
	if (!usercopy_is_sane(size, args->useroffset, args->usersize))
		return "the usercopy region is not inside the object";
	return NULL;
}

/* Why the arguments of a create call are refused; NULL: they are not. */
/*@ requires name: name == \null || \valid_read(name);
    requires args: args == \null || \valid_read(args);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result == \null <==>
            name != \null && name[0] != 0 && 0 < size <= KMALLOC_MAX_SIZE &&
            flags_known(flags) &&
            (args == \null || args_sane((struct kmem_cache_args *)args, size));
*/
static const char *refusal(const char *name, unsigned int size,
			   const struct kmem_cache_args *args, slab_flags_t flags)
{
	const char *text = NULL;

	if (!name || !*name)
		return "a cache needs a name";
	if (size == 0)
		return "the object size is 0";
	if (!size_is_sane(size))
		return "the object size is beyond KMALLOC_MAX_SIZE";
	if (args)
		text = refusal_of_align(args->align);
	if (!text && !flags_are_known(flags))
		return "an unknown flag is set";
	if (!text && args)
		text = refusal_of_args(size, args);
	return text;
}

/*@ requires pool: \valid_read(pool) && reports_known(pool);
    terminates always: \true;
    exits ended: \true;
    assigns \nothing;
    ensures failed: \result == \null;
*/
static struct kmem_cache *create_failed(struct slabpool *pool, const char *name, slab_flags_t flags,
					const char *text, size_t size)
{
	struct slabpool_report panic = {
		.kind = SLABPOOL_REPORT_PANIC, .call = "kmem_cache_create", .cache = name,
		.text = text,
	};

	check_bad_argument(pool, "kmem_cache_create", name, text, size);
	if (flags & SLAB_PANIC) {
		check_report(pool, &panic);
		/*@ calls slabpool_platform_fatal; */
		pool->platform.fatal(pool->platform.context);
	}
	return NULL;
}

/* What a new cache is made from. */
struct creation {
	const char *name;
	char *copy;           /* of the name, in the instance's memory */
	uint32_t copy_bytes;
	unsigned int size;
	const struct kmem_cache_args *args;
	slab_flags_t flags;
	const char *text;     /* why it failed */
};

/* A new cache, or one that is shared; NULL and a text on failure. */
SLABPOOL_UNDER(instance_locks)
static struct kmem_cache *create_locked(struct slabpool *pool, struct creation *wish)
{
	struct kmem_cache *cache = find_alike(pool, wish->size, wish->args, wish->flags);
	int error;

	if (cache) {
		cache->aliases++;
		return cache;
	}
	cache = descriptor_get(pool);
	if (!cache)
		return NULL;
	error = cache_setup(pool, cache, wish->copy, wish->size, wish->args, wish->flags,
			    CACHE_LIVE);
	if (error) {
		if (error == -22)
			wish->text = "size and alignment do not fit into a slab of this instance";
		descriptor_retire(pool, cache);
		return NULL;
	}
	cache->own_name = wish->copy;
	cache->name_bytes = wish->copy_bytes;
	wish->copy = NULL;
	live_link(pool, cache);
	return cache;
}

static struct kmem_cache *create_once(struct slabpool *pool, struct creation *wish)
{
	struct kmem_cache *cache;

	wish->text = "no memory for the cache";
	wish->copy = name_copy(pool, wish->name, &wish->copy_bytes);
	if (!wish->copy)
		return NULL;
	instance_lock(pool);
	cache = create_locked(pool, wish);
	instance_unlock(pool);
	name_free(pool, wish->copy, wish->copy_bytes);
	return cache;
}

struct kmem_cache *slabpool_cache_create(struct slabpool *pool, const char *name, unsigned int size,
					 const struct kmem_cache_args *args, slab_flags_t flags)
{
	struct slabpool_event event = {
		.kind = SLABPOOL_EVENT_CACHE_CREATE, .size = size, .flags = flags, .name = name,
		.align = args ? args->align : 0,
	};
	struct creation wish = { .name = name, .size = size, .args = args, .flags = flags };
	struct kmem_cache *cache;

	wish.text = refusal(name, size, args, flags);
	if (wish.text)
		return create_failed(pool, name, flags, wish.text, size);
	if (text_has_blank(name)) {
		struct slabpool_report report = {
			.kind = SLABPOOL_REPORT_NAME_SPACE, .call = "kmem_cache_create",
			.cache = name,
		};

		check_report(pool, &report);
	}
	cache = create_once(pool, &wish);
	if (!cache && slabpool_reap(pool) > 0)
		cache = create_once(pool, &wish);
	event.result = cache;
	instance_event(pool, &event);
	return cache ? cache : create_failed(pool, name, flags, wish.text, size);
}

/* Names the live objects of one slab. */
static uint32_t report_slab(struct kmem_cache *cache, uint32_t which, uint32_t budget)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_LIVE_OBJECTS, .call = "kmem_cache_destroy",
		.cache = cache->name, .size = cache->size,
	};
	uint32_t k;

	for (k = 0; k < cache->geometry.capacity && budget > 0; k++) {
		if (slab_is_free(&cache->arena->slab[which], k))
			continue;
		report.pointer = report.start = lookup_address(cache->arena, which, k);
		check_report(cache->pool, &report);
		budget--;
	}
	return budget;
}

SLABPOOL_ALONE
static void report_live(struct kmem_cache *cache, size_t count)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_LIVE_OBJECTS, .call = "kmem_cache_destroy",
		.cache = cache->name, .size = count,
	};
	uint32_t list, which, budget = LIVE_REPORTS;

	check_report(cache->pool, &report);
	for (list = LIST_PARTIAL_3; list <= LIST_FULL; list++) {
		if (list == LIST_EMPTY)
			continue;
		for (which = cache->list[list]; which != SLAB_NO_SLAB && budget > 0;
		     which = cache->arena->slab[which].next)
			budget = report_slab(cache, which, budget);
	}
}

/*@ requires cache: \valid_read(cache) && \valid_read(cache->pool) && reports_known(cache->pool);
    terminates always: \true;
    exits ended: \true;
    assigns \nothing;
    ensures exact: \result <==> cache->life != CACHE_LIVE;
*/
static bool refuse_destroy(struct kmem_cache *cache)
{
	/* Through a number: WP's typed memory has no cast from a structure to untyped bytes. */
	uintptr_t number = (uintptr_t)cache;
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_BAD_CACHE, .call = "kmem_cache_destroy",
		.pointer = (const void *)number, .crime = true,
	};

	if (cache->life == CACHE_LIVE)
		return false;
	if (cache->life != CACHE_DEAD)
		report.text = "a cache of kmalloc cannot be destroyed";
	check_report(cache->pool, &report);
	return true;
}

/* One user of a shared cache less; if there was only one, nobody may share it any more. */
/*@ requires memory: \valid(cache) && \valid(cache->pool) && platform_ok(&cache->pool->platform);
    requires apart: \separated(cache, cache->pool);
    terminates always: \true;
    exits never: \false;
    assigns cache->aliases, cache->closing, INSTANCE_PROTECTED(cache->pool);
    ensures exact: \result <==> \old(cache->aliases) > 0;
    ensures one_less: \result ==> cache->aliases == \old(cache->aliases) - 1 &&
      cache->closing == \old(cache->closing);
    ensures closed: !\result ==> cache->closing != 0 && cache->aliases == 0;
*/
static bool drop_alias(struct kmem_cache *cache)
{
	bool shared;

	instance_lock(cache->pool);
	shared = cache->aliases > 0;
	if (shared)
		cache->aliases--;
	else
		cache->closing = true;
	instance_unlock(cache->pool);
	return shared;
}

/* The cache stays. */
/*@ requires memory: \valid(cache) && \valid(cache->pool) && platform_ok(&cache->pool->platform);
    requires apart: \separated(cache, cache->pool);
    terminates always: \true;
    exits never: \false;
    assigns cache->closing, INSTANCE_PROTECTED(cache->pool);
    ensures open: cache->closing == 0;
*/
static void destroy_undo(struct kmem_cache *cache)
{
	instance_lock(cache->pool);
	cache->closing = false;
	instance_unlock(cache->pool);
}

/* Objects that are not in their slabs. Another thread may reap empty slabs meanwhile. */
static size_t live_objects(struct kmem_cache *cache)
{
	size_t live;

	cache_lock(cache);
	live = (size_t)cache->slabs * cache->geometry.capacity - cache->free_objects;
	cache_unlock(cache);
	return live;
}

void slabpool_cache_destroy(struct kmem_cache *cache)
{
	struct slabpool_event event = { .kind = SLABPOOL_EVENT_CACHE_DESTROY, .owner = cache };
	struct slabpool *pool;
	uint32_t name_bytes;
	char *name;
	size_t live;

	if (!cache || refuse_destroy(cache) || drop_alias(cache))
		return;
	pool = cache->pool;
	thread_flush_all(cache);
	depot_flush(cache);
	live = live_objects(cache);
	if (live) {
		report_live(cache, live);
		destroy_undo(cache);
		return;
	}
	instance_event(pool, &event);
	slabs_close(cache);
	name = cache->own_name;
	name_bytes = cache->name_bytes;
	instance_lock(pool);
	live_unlink(pool, cache);
	cache_teardown(cache);
	descriptor_retire(pool, cache);
	instance_unlock(pool);
	name_free(pool, name, name_bytes);
}

/* All that the cache's own arena keeps goes back, of the others what served as its magazines. */
static void arenas_trim(struct kmem_cache *cache)
{
	struct slabpool *pool = cache->pool;
	uint32_t k;

	arena_reap(pool, cache->arena);
	for (k = 0; k < INSTANCE_ARENAS; k++)
		if (slabpool_acquire_u8(&pool->arena_made[k]) && &pool->arena[k] != cache->arena)
			arena_trim(pool, &pool->arena[k]);
}

int slabpool_cache_shrink(struct kmem_cache *cache)
{
	struct slabpool_event event = { .kind = SLABPOOL_EVENT_CACHE_SHRINK, .owner = cache };
	uint32_t slabs, k;

	if (cache->life == CACHE_DEAD) {
		struct slabpool_report report = {
			.kind = SLABPOOL_REPORT_BAD_CACHE, .call = "kmem_cache_shrink",
			.pointer = cache, .crime = true,
		};

		check_report(cache->pool, &report);
		return 0;
	}
	cache_reap(cache);
	if ((cache->flags & SLAB_TYPESAFE_BY_RCU) && cache->pool->options.rcu_synchronize)
		slabs_trim(cache, 0, 0);
	/* The magazines that went with the objects. */
	for (k = 0; k < META_COUNT; k++)
		cache_reap(&cache->pool->meta[k]);
	arenas_trim(cache);
	instance_event(cache->pool, &event);
	cache_lock(cache);
	slabs = cache->slabs;
	cache_unlock(cache);
	return slabs != 0;
}
