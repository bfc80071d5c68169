/* SPDX-License-Identifier: MIT */
/* See inside.h. Beside damage.c the one file that looks at the allocator's structures. */
#include "inside.h"
#include "platform.h"

#include "core/instance.h"
#include "core/thread.h"

static const struct fuzz_found nothing;

/* --- which object or run --- */

static struct fuzz_found in_slab(const struct arena *arena, const struct slab *slab, size_t offset)
{
	struct fuzz_found found = { .what = FOUND_SLACK, .cache = slab->owner };
	size_t run = (size_t)slab->page << SLABPOOL_PAGE_SHIFT, at = offset - run, index;

	/* To the caller the allocator's own objects are foreign memory. */
	if (slab->owner->life == CACHE_META)
		return nothing;
	found.name = slab->owner->name;
	if (at < slab->first)
		return found;
	index = (at - slab->first) / slab->stride;
	if (index >= slab->capacity)
		return found;
	found.what = FOUND_OBJECT;
	found.start = arena->address + run + slab->first + index * slab->stride;
	found.bytes = slab->stride;
	found.text = "an object of a cache";
	return found;
}

/* Descriptors that no list has may have lost their contents. */
static const struct slab *slab_of(const struct kmem_cache *cache, const struct arena *arena,
				  size_t offset)
{
	for (uint32_t list = 0; cache->arena == arena && list < LIST_COUNT; list++) {
		for (uint32_t i = cache->list[list]; i != SLAB_NO_SLAB; i = arena->slab[i].next) {
			const struct slab *slab = &arena->slab[i];
			size_t run = (size_t)slab->page << SLABPOOL_PAGE_SHIFT;

			if (offset >= run && offset - run < slab->bytes)
				return slab;
		}
	}
	return NULL;
}

static const struct slab *slab_with(const struct slabpool *pool, const struct arena *arena,
				    size_t offset)
{
	const struct slab *slab = NULL;

	for (const struct kmem_cache *c = pool->first; c && !slab; c = c->next)
		slab = slab_of(c, arena, offset);
	for (uint32_t k = 0; k < META_COUNT && !slab; k++)
		slab = slab_of(&pool->meta[k], arena, offset);
	return slab;
}

static struct fuzz_found in_run(const struct arena *arena, size_t offset)
{
	static const char *const text[] = {
		"memory of kmalloc", "memory of alloc_pages", "memory of vmalloc",
	};
	uint32_t shift = SLABPOOL_PAGE_SHIFT - arena->granule_shift;

	for (uint32_t page = 0; page < arena->opened; page++) {
		size_t start = (size_t)page << SLABPOOL_PAGE_SHIFT, bytes;
		uint32_t entry = arena->page_map[page];
		struct fuzz_found found = { .what = FOUND_RUN };

		if (entry <= PAGE_RUN)
			continue;
		bytes = (size_t)(entry - PAGE_RUN) << SLABPOOL_PAGE_SHIFT;
		if (offset < start || offset - start >= bytes)
			continue;
		found.start = arena->address + start;
		found.bytes = bytes;
		found.text = text[(arena->state[(size_t)page << shift] - STATE_RUN_KMALLOC) % 3];
		return found;
	}
	return nothing;
}

static const struct arena *arena_with(const struct slabpool *pool, const void *p, size_t *offset)
{
	for (uint32_t k = 0; k < INSTANCE_ARENAS; k++) {
		const struct arena *arena = &pool->arena[k];

		*offset = (uintptr_t)p - arena->address;
		if (pool->arena_made[k] && (uintptr_t)p >= arena->address &&
		    *offset >> SLABPOOL_PAGE_SHIFT < arena->opened)
			return arena;
	}
	return NULL;
}

struct fuzz_found fuzz_inside_find(struct slabpool *pool, const void *p)
{
	size_t offset;
	const struct arena *arena = arena_with(pool, p, &offset);
	const struct slab *slab = arena ? slab_with(pool, arena, offset) : NULL;

	if (!arena)
		return nothing;
	return slab ? in_slab(arena, slab, offset) : in_run(arena, offset);
}

/* --- where an object is --- */

/* Visits free objects; the search ends when the visit says so. */
struct visit {
	bool (*object)(struct visit *visit, void *object);
	const void *wanted;
	uint32_t left;      /* objects to pass by */
	uint32_t seen;
	void *found;
};

static bool in_store(struct visit *visit, const struct slabpool_store *store, uint32_t count)
{
	for (uint32_t i = 0; store && i < count; i++)
		if (visit->object(visit, store->object[i]))
			return true;
	return false;
}

static bool in_stores(struct visit *visit, const struct slabpool_store *store)
{
	for (; store; store = store->next)
		if (in_store(visit, store, store->count))
			return true;
	return false;
}

static bool in_threads(struct visit *visit, const struct kmem_cache *cache, bool own)
{
	const struct thread_record *mine = cache->pool->is_default
						   ? slabpool_thread_current
						   : fuzz_platform.record[fuzz_platform.thread];

	for (const struct thread_record *r = cache->pool->threads; r; r = r->next) {
		const struct slabpool_slot *slot = thread_slot_in(r, cache);

		if ((r == mine) != own || slot->cache != cache)
			continue;
		if (in_store(visit, slot->loaded.store, slot->loaded.count) ||
		    in_store(visit, slot->spare.store, slot->spare.count))
			return true;
	}
	return false;
}

static bool in_depot(struct visit *visit, const struct kmem_cache *cache)
{
	for (uint32_t k = 0; k < DEPOT_HOMES; k++)
		if (in_stores(visit, cache->home[k].full))
			return true;
	return in_stores(visit, cache->old);
}

static bool in_slab_free(struct visit *visit, const struct arena *arena, const struct slab *slab)
{
	unsigned char *run = arena->base + ((size_t)slab->page << SLABPOOL_PAGE_SHIFT);

	for (uint32_t k = 0; k < slab->capacity; k++)
		if ((slab->free_bits[k / 64] >> k % 64 & 1) &&
		    visit->object(visit, run + slab->first + (size_t)k * slab->stride))
			return true;
	return false;
}

static bool in_slabs(struct visit *visit, const struct kmem_cache *cache)
{
	const struct slab *slab = cache->arena->slab;

	for (uint32_t list = 0; list < LIST_COUNT; list++)
		for (uint32_t i = cache->list[list]; i != SLAB_NO_SLAB; i = slab[i].next)
			if (in_slab_free(visit, cache->arena, &slab[i]))
				return true;
	return false;
}

static bool in_place(struct visit *visit, const struct kmem_cache *cache, enum fuzz_place place)
{
	switch (place) {
	case PLACE_OWN:
		return in_threads(visit, cache, true);
	case PLACE_OTHER:
		return in_threads(visit, cache, false);
	case PLACE_DEPOT:
		return in_depot(visit, cache);
	default:
		return in_slabs(visit, cache);
	}
}

static bool is_wanted(struct visit *visit, void *object)
{
	return object == visit->wanted;
}

enum fuzz_place fuzz_inside_place(const struct kmem_cache *cache, const void *p)
{
	struct visit visit = { .object = is_wanted, .wanted = p };
	size_t offset = (uintptr_t)p - cache->arena->address, run, index;
	const struct slab *slab = slab_of(cache, cache->arena, offset);
	unsigned int place = PLACE_OWN;

	while (place < PLACE_SLAB && !in_place(&visit, cache, (enum fuzz_place)place))
		place++;
	if (place < PLACE_SLAB || !slab)
		return (enum fuzz_place)place;
	run = (size_t)slab->page << SLABPOOL_PAGE_SHIFT;
	index = (offset - run - slab->first) / slab->stride;
	return slab->free_bits[index / 64] >> index % 64 & 1 ? PLACE_SLAB : PLACE_HELD;
}

bool fuzz_inside_held(struct slabpool *pool, const void *p)
{
	struct fuzz_found found = fuzz_inside_find(pool, p);

	if (found.start != (uintptr_t)p || found.what < FOUND_OBJECT)
		return false;
	return found.what == FOUND_RUN || fuzz_inside_place(found.cache, p) == PLACE_HELD;
}

static bool is_next(struct visit *visit, void *object)
{
	visit->seen++;
	visit->found = object;
	return visit->left-- == 0;
}

void *fuzz_inside_free(const struct kmem_cache *cache, enum fuzz_place place, uint32_t which)
{
	struct visit visit = { .object = is_next, .left = UINT32_MAX };
	uint32_t objects;

	in_place(&visit, cache, place);
	objects = visit.seen;
	if (!objects)
		return NULL;
	visit.left = which % objects;
	in_place(&visit, cache, place);
	return visit.found;
}

unsigned char *fuzz_inside_idle_end(struct slabpool *pool, const struct kmem_cache *cache,
				    unsigned char *p)
{
	struct fuzz_found found = fuzz_inside_find(pool, p);
	unsigned char *end = p;

	while (found.what == FOUND_OBJECT && found.cache == cache &&
	       fuzz_inside_place(found.cache, (void *)found.start) != PLACE_HELD) {
		end = (unsigned char *)found.start + found.bytes;
		found = fuzz_inside_find(pool, end);
	}
	return end;
}

const struct slabpool_lock *fuzz_inside_lock(const struct kmem_cache *cache)
{
	return &cache->lock;
}

/* --- the allocator's own data --- */

static void *of_thread(struct slabpool *pool, const struct kmem_cache *cache, uint32_t which)
{
	struct thread_record *record = pool->threads;

	if (!record)
		return NULL;
	if (which == 0)
		return record;
	return which == 1 ? (void *)record->slot : thread_slot_in(record, cache)->loaded.store;
}

void *fuzz_inside_metadata(struct slabpool *pool, const struct kmem_cache *cache, uint32_t which)
{
	const struct arena *arena = cache->arena;
	const struct slab *slab = NULL;
	unsigned char *run = arena->base;

	for (uint32_t list = 0; list < LIST_COUNT && !slab; list++)
		if (cache->list[list] != SLAB_NO_SLAB)
			slab = &arena->slab[cache->list[list]];
	if (slab)
		run += (size_t)slab->page << SLABPOOL_PAGE_SHIFT;
	switch (which % INSIDE_METADATA) {
	case 0:
		return pool;
	case 1:
		return (void *)(uintptr_t)cache;
	case 2:
		return &pool->kmalloc[which / INSIDE_METADATA % GEOMETRY_KMALLOC_CLASSES];
	case 3:
		return &pool->meta[which / INSIDE_METADATA % META_COUNT];
	case 4:
	case 5:
	case 6:
		return of_thread(pool, cache, which % INSIDE_METADATA - 4);
	case 7:
		return cache->home[0].full ? (void *)cache->home[0].full : (void *)cache->spare;
	case 8:
		return arena->page_map;
	case 9:
		return arena->state;
	case 10:
		return arena->slab;
	case 11:
		return arena->bits;
	case 12:
		return arena->link;
	case 13:
		return cache->own_name;
	case 14:
		/* The colour before the first object, or what is left behind the last. */
		if (!slab)
			return NULL;
		return slab->first ? run : run + (size_t)slab->capacity * slab->stride;
	default:
		return arena->base + ((size_t)arena->opened << SLABPOOL_PAGE_SHIFT);
	}
}
