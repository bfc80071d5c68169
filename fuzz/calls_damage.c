/* SPDX-License-Identifier: MIT */
/*
 * Memory that somebody overwrote, and what a thread had in hand when its process forked: the calls
 * that meet it refuse, say so, and change nothing. Like damage.c this looks inside; whatever it
 * writes is undone before the next operation.
 */
#include "calls.h"
#include "rest.h"
#include "default.h"

#include "core/instance.h"
#include "core/locks.h"
#include "core/slabs.h"
#include "core/stock.h"
#include "core/thread.h"

#include <string.h>

/* The first slab in one of a cache's lists, or NULL. */
static struct slab *slab_in(struct kmem_cache *cache, uint32_t list)
{
	uint32_t which = cache->list[list];

	return which == SLAB_NO_SLAB ? NULL : &cache->arena->slab[which];
}

static struct slab *any_slab(struct kmem_cache *cache)
{
	struct slab *slab = NULL;

	for (uint32_t list = 0; list < LIST_COUNT && !slab; list++)
		slab = slab_in(cache, list);
	return slab;
}

static uintptr_t start_of(const struct arena *arena, const struct slab *slab)
{
	return arena->address + (size_t)slab->page * PAGE_SIZE;
}

static uint8_t *state_at(const struct arena *arena, uintptr_t address)
{
	return &arena->state[(address - arena->address) >> arena->granule_shift];
}

/* Memory of a slab behind its last object, or 0 if there is none. */
static uintptr_t behind_last(const struct arena *arena, const struct slab *slab)
{
	size_t end = slab->first + (size_t)slab->capacity * slab->stride;

	if (end + ((size_t)1 << arena->granule_shift) > slab->bytes)
		return 0;
	return start_of(arena, slab) + end;
}

/* The cache behind a handle, if its insides can be looked at. */
static struct kmem_cache *open_cache(const struct world *w, uint32_t handle)
{
	uint32_t root = usable_cache(w, handle);

	return root == FUZZ_NONE || !(w->a->caps & CAP_FORK) ? NULL : w->cache[root].k;
}

/* A page of an arena that nobody owns; the arena's pages if there is none. */
static uint32_t unowned_page(const struct arena *arena)
{
	for (uint32_t page = 0; page < arena->opened; page++)
		if (arena->page_map[page] == PAGE_UNOWNED)
			return page;
	return arena->pages;
}

/* --- an address in a magazine that cannot be there --- */

enum stray { STRAY_BELOW, STRAY_ABOVE, STRAY_FREE_PAGE, STRAY_OTHER, STRAY_BEHIND, STRAY_FREE,
	     STRAY_UNLISTED, STRAY_COUNT };

static uintptr_t stray(struct kmem_cache *cache, struct slab *slab, enum stray which)
{
	const struct arena *arena = cache->arena;

	switch (which) {
	case STRAY_BELOW:
		return arena->address - 64;
	case STRAY_ABOVE:
		return arena->address + (size_t)arena->pages * PAGE_SIZE + 64;
	case STRAY_FREE_PAGE:
		return unowned_page(arena) == arena->pages
			       ? 0 : arena->address + (size_t)unowned_page(arena) * PAGE_SIZE;
	case STRAY_BEHIND:
		return behind_last(arena, slab);
	case STRAY_FREE:
		for (uint32_t i = 0; i < slab->capacity; i++)
			if (slab_is_free(slab, i))
				return start_of(arena, slab) + slab->first +
				       (size_t)i * slab->stride;
		return 0;
	default:
		return start_of(arena, slab) + slab->first;
	}
}

static void run_stray(struct world *w, const struct fuzz_call *call)
{
	uint32_t which = call->arg[1], list;
	struct kmem_cache *cache = open_cache(w, call->arg[0]);
	struct slab *slab = cache ? any_slab(cache) : NULL;
	struct kmem_cache *owner;
	uintptr_t address;
	void *object;

	/* Said with the cache's lock held: a program that is ended there cannot be looked at. */
	if (!slab || w->options.misuse == SLABPOOL_MISUSE_ABORT)
		return;
	address = stray(cache, slab, (enum stray)which);
	if (!address)
		return;
	world_act(w);
	object = (void *)address;
	list = slab->list;
	owner = slab->owner;
	if (which == STRAY_UNLISTED)
		slab->list = LIST_NONE;
	if (which == STRAY_OTHER)
		slab->owner = &w->pool->kmalloc[0];
	world_crime(w, KIND(INTERNAL), object);
	cache_lock(cache);
	depot_give(cache, &object, 1);
	cache_unlock(cache);
	slab->list = (uint8_t)list;
	slab->owner = owner;
	world_crime_done(w);
	world_check_valid(w);
}

const struct fuzz_op op_stray = {
	"stray_in_magazine", FUZZ_MAKES_NOTHING, -1, run_stray, "/* stray_in_magazine: internal */",
	{ ARG_CACHE, ARG_NUMBER("which", 0, STRAY_COUNT - 1, 0) },
	.damages = true,
};

/* --- a state byte that says "live" against the slab: SLAB_CONSISTENCY_CHECKS --- */

enum doubt { DOUBT_FREE, DOUBT_BEHIND, DOUBT_INSIDE, DOUBT_NO_PAGE, DOUBT_OWNER, DOUBT_BELOW,
	     DOUBT_COUNT };

/* The byte below the arena is far beyond its first granule, and not in it. */
static void free_below(struct world *w, struct kmem_cache *cache)
{
	uint8_t *state = cache->arena->state, was = *state;
	void *below = (void *)(cache->arena->address - 1);

	world_act(w);
	*state = cache->hot.tag;
	world_crime(w, KIND(DOUBLE_FREE) | KIND(FOREIGN) | KIND(INTERIOR) | KIND(WRONG_API), below);
	w->a->cache_free(cache, below);
	*state = was;
	world_crime_done(w);
	world_check_valid(w);
}

static void run_doubt(struct world *w, const struct fuzz_call *call)
{
	struct kmem_cache *cache = open_cache(w, call->arg[0]), *owner;
	uint32_t which = call->arg[1], *entry, page_was;
	struct slab *slab = cache ? any_slab(cache) : NULL;
	uintptr_t address = 0;
	uint8_t *state, was;

	/* A program that is ended there leaves what was changed. */
	if (!slab || w->options.misuse == SLABPOOL_MISUSE_ABORT)
		return;
	if (which == DOUBT_BELOW)
		free_below(w, cache);
	if (which == DOUBT_BELOW || !(cache->flags & SLAB_CONSISTENCY_CHECKS))
		return;
	if (which == DOUBT_BEHIND)
		address = behind_last(cache->arena, slab);
	else if (which == DOUBT_INSIDE && slab->stride > 1u << cache->arena->granule_shift)
		address = start_of(cache->arena, slab) + slab->first +
			  ((size_t)1 << cache->arena->granule_shift);
	else if (which != DOUBT_INSIDE)
		address = stray(cache, slab, STRAY_FREE);
	if (!address)
		return;
	world_act(w);
	state = state_at(cache->arena, address);
	entry = &cache->arena->page_map[slab->page +
					(address - start_of(cache->arena, slab)) / PAGE_SIZE];
	was = *state;
	page_was = *entry;
	owner = slab->owner;
	*state = cache->hot.tag;
	if (which == DOUBT_NO_PAGE)
		*entry = PAGE_UNOWNED;
	if (which == DOUBT_OWNER)
		slab->owner = &w->pool->kmalloc[0];
	world_crime(w, KIND(DOUBLE_FREE) | KIND(FOREIGN) | KIND(INTERIOR) | KIND(WRONG_CACHE) |
		    KIND(WRONG_API), (void *)address);
	w->a->cache_free(cache, (void *)address);
	*state = was;
	*entry = page_was;
	slab->owner = owner;
	world_crime_done(w);
	world_check_valid(w);
}

const struct fuzz_op op_doubt = {
	"doubtful_free", FUZZ_MAKES_NOTHING, -1, run_doubt, "/* doubtful_free: internal */",
	{ ARG_CACHE, ARG_NUMBER("which", 0, DOUBT_COUNT - 1, 0) },
	.damages = true,
};

/* --- looks at damaged tables --- */

/* The places that tell what an address is, each with something wrong in it. */
enum riddle { RIDDLE_NONE, RIDDLE_NO_RUN, RIDDLE_SHARED, RIDDLE_LONG, RIDDLE_SHORT, RIDDLE_NO_PAGE,
	      RIDDLE_PAGE_AFTER, RIDDLE_PAGE_BEFORE, RIDDLE_SIZE, RIDDLE_COUNT };

static void damage_slab(struct arena *arena, uint32_t page, enum riddle which)
{
	struct slab *slab = &arena->slab[arena->page_map[page] - 1];

	if (which == RIDDLE_PAGE_AFTER)
		slab->page++;
	else if (which == RIDDLE_PAGE_BEFORE)
		slab->page = slab->page ? slab->page - 1 : 0;
	else if (which == RIDDLE_SIZE)
		slab->bytes = slab->first;
}

/* A magazine by itself: its size, and what it can never be. */
static void check_magazines(void)
{
	static uint64_t room[512];
	struct slabpool_store *store = (struct slabpool_store *)room;
	struct slabpool_magazine long_one = { store, 3, 2 };
	struct slabpool_magazine wide_one = { store, 0, MAGAZINE_MAX + 1 };
	struct slabpool_magazine good_one = { store, 0, MAGAZINE_MAX };

	if (magazine_is_valid(&long_one) || magazine_is_valid(&wide_one) ||
	    !magazine_is_valid(&good_one))
		fuzz_fail("valid", "a magazine of a wrong size is not seen");
	if (magazine_store_bytes(9) - magazine_store_bytes(8) != sizeof(void *) ||
	    magazine_store_bytes(0) < offsetof(struct slabpool_store, object))
		fuzz_fail("size", "a store of 8 objects has %zu bytes", magazine_store_bytes(8));
}

/* A depot's counts by themselves: empty lists whose counts say otherwise give nothing. */
static void check_stock(void)
{
	static struct kmem_cache cache;
	struct slabpool_magazine m = { NULL, 1, 1 };
	struct slabpool_store *none = NULL;

	memset(&cache, 0, sizeof(cache));
	cache.shared = 4;
	cache.full_count = cache.old_count = cache.spare_count = 2;
	cache.home[0].count = cache.home[1].count = 1;
	magazine_load(&m, NULL);
	if (m.count || m.capacity || magazine_list_pop(&none))
		fuzz_fail("result", "something of no store");
	if (stock_has_room(&cache))
		fuzz_fail("result", "a depot of 4 has room for more than 4");
	if (stock_spare_get(&cache) || stock_full_get(&cache, 0) || stock_old_get(&cache) ||
	    stock_other_home(&cache, 0) != DEPOT_HOMES)
		fuzz_fail("result", "a store out of an empty list");
	cache.old_count = 0;
	cache.depot_objects = SIZE_MAX;
	if (stock_has_room(&cache))
		fuzz_fail("result", "a depot's count of objects can wrap");
}

static void run_riddle(struct world *w, const struct fuzz_call *call)
{
	const struct wobject *o = object_at(call->arg[0]);
	uint32_t which = call->arg[1], page, entry;
	struct slab slab, *place = NULL;
	struct arena *arena;
	uint8_t *state, was;

	if (!(w->a->caps & CAP_FORK) || !o->live || o->family == FAMILY_ELEMENT)
		return;
	arena = instance_find(w->pool, o->p);
	page = (uint32_t)(((uintptr_t)o->p - arena->address) / PAGE_SIZE);
	world_act(w);
	check_magazines();
	check_stock();
	if (lookup_offset(arena, o->p) != (size_t)(o->p - arena->base))
		fuzz_fail("result", "the offset of %p", (void *)o->p);
	state = state_at(arena, (uintptr_t)o->p);
	was = *state;
	entry = arena->page_map[page];
	if (entry < PAGE_RUN && entry != PAGE_UNOWNED) {
		place = &arena->slab[entry - 1];
		slab = *place;
		damage_slab(arena, page, (enum riddle)which);
	}
	if (which == RIDDLE_NO_RUN)
		*state = STATE_NONE;
	if (which == RIDDLE_SHARED)
		*state = STATE_TAG_SHARED;
	if (which == RIDDLE_LONG && entry >= PAGE_RUN)
		arena->page_map[page] = PAGE_RUN + arena->pages + 1;
	if (which == RIDDLE_SHORT && entry >= PAGE_RUN)
		arena->page_map[page] = 1;
	if (which == RIDDLE_NO_PAGE)
		arena->page_map[page] = PAGE_UNOWNED;
	/* Nothing to rely on: only that it comes back, and changes nothing. */
	kmem_dump_obj(o->p);
	world_drop(w, KIND(OBJECT));
	w->may_end = KIND(FOREIGN) | KIND(INTERIOR) | KIND(DOUBLE_FREE) | KIND(WRONG_API);
	if (w->options.misuse != SLABPOOL_MISUSE_ABORT)
		w->a->ksize(w->pool, o->p);
	/* A run of no known length cannot be copied. */
	if ((which == RIDDLE_SHORT || which == RIDDLE_LONG) && entry >= PAGE_RUN &&
	    w->options.misuse != SLABPOOL_MISUSE_ABORT &&
	    w->a->krealloc(w->pool, o->p, 8, GFP_NOWAIT | __GFP_NOWARN))
		fuzz_fail("unchanged", "a refused krealloc gives memory");
	world_drop(w, w->may_end);
	w->may_end = 0;
	*state = was;
	arena->page_map[page] = entry;
	if (place)
		*place = slab;
	model_check(w, call->arg[0]);
	world_check_valid(w);
}

const struct fuzz_op op_riddle = {
	"look_at_damaged", FUZZ_MAKES_NOTHING, -1, run_riddle, "/* look_at_damaged: internal */",
	{ ARG_OBJECT, ARG_NUMBER("which", 0, RIDDLE_COUNT - 1, 0) },
	.damages = true,
};

/* --- fork while another thread is inside --- */

enum lost { LOST_NOTHING, LOST_PAGES, LOST_RUN, LOST_SLAB, LOST_SWAP, LOST_SLOT, LOST_LOADED,
	    LOST_SPARE, LOST_COUNT };

/* A slot of a thread that is not the one that forks, as a swap leaves it midway. */
static void lose_slot(struct kmem_cache *cache, enum lost which)
{
	const struct thread_record *own = thread_find(cache->pool);
	struct thread_record *record = cache->pool->threads;
	struct slabpool_slot *slot;

	while (record && record == own)
		record = record->next;
	slot = record ? thread_slot_in(record, cache) : NULL;
	if (!slot || !slot->cache || cache->pool->is_default)
		return;
	/* What a swap has in a variable is lost with the thread; the objects are not. */
	if (which == LOST_SWAP) {
		depot_store_free(cache, slot->spare.store);
		slot->spare = slot->loaded;
		return;
	}
	if (which == LOST_LOADED) {
		depot_store_free(cache, slot->loaded.store);
		slot->loaded = (struct slabpool_magazine){ NULL, 0, 0 };
	}
	/* Between its first magazine and its second. */
	if (which == LOST_SPARE) {
		depot_store_free(cache, slot->spare.store);
		slot->spare = (struct slabpool_magazine){ NULL, 0, 0 };
		return;
	}
	rest_lose_stores((slot->loaded.store != NULL) + (slot->spare.store != NULL));
	slot->cache = NULL;
}

/* Pages as that thread had them: taken, and not yet in use. */
static void lose(struct world *w, struct kmem_cache *cache, enum lost which)
{
	uint32_t page, slab;
	bool fresh;

	if (which >= LOST_SWAP)
		lose_slot(cache, which);
	if (which == LOST_NOTHING || which >= LOST_SWAP)
		return;
	if (arena_alloc_run(w->pool, cache->arena, 0, ARENA_RUN, &fresh) != ARENA_NO_PAGE ||
	    arena_alloc_run(w->pool, cache->arena, cache->arena->pages + 1, ARENA_RUN, &fresh) !=
		    ARENA_NO_PAGE)
		fuzz_fail("result", "a run of no pages, or of more than there are");
	page = arena_alloc_run(w->pool, cache->arena, 1u << cache->geometry.order,
			       which == LOST_RUN ? ARENA_RUN : ARENA_SLAB, &fresh);
	if (page == ARENA_NO_PAGE || which == LOST_PAGES)
		return;
	if (which == LOST_RUN) {
		arena_set_owner(cache->arena, page, 1, PAGE_RUN + (1u << cache->geometry.order));
		return;
	}
	slab = arena_slab_new(w->pool, cache->arena);
	cache->arena->slab[slab].owner = cache;
	cache->arena->slab[slab].page = page;
	cache->arena->slab[slab].list = LIST_NONE;
	arena_set_owner(cache->arena, page, 1u << cache->geometry.order, slab + 1);
}

static void run_fork_inside(struct world *w, const struct fuzz_call *call)
{
	uint32_t root = usable_cache(w, call->arg[0]);
	struct slabpool_memory_info before, after;

	if (!(w->a->caps & CAP_FORK) || !w->options.magazines || root == FUZZ_NONE)
		return;
	world_act(w);
	w->a->memory_info(w->pool, &before);
	lose(w, w->cache[root].k, (enum lost)call->arg[1]);
	w->a->fork_prepare(w->pool);
	w->a->fork_child(w->pool, true);
	for (unsigned int t = 0; t < FUZZ_THREADS; t++)
		if (t != fuzz_platform.thread)
			default_thread_anew(t);
	w->a->memory_info(w->pool, &after);
	/* Its readers may still be there: such pages belong to no cache from now on. */
	if (call->arg[1] == LOST_SLAB && (w->cache[root].flags & SLAB_TYPESAFE_BY_RCU)) {
		world_check_valid(w);
		world_give_up(w);
	}
	if (after.runs != before.runs)
		fuzz_fail("left over", "%zu bytes in runs after a fork, %zu before", after.runs,
			  before.runs);
	world_check(w);
}

const struct fuzz_op op_fork_inside = {
	"fork_inside", FUZZ_MAKES_NOTHING, -1, run_fork_inside, "/* fork_inside: internal */",
	{ ARG_CACHE, ARG_NUMBER("lost", 0, LOST_COUNT - 1, 0) },
};
