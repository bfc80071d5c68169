/* SPDX-License-Identifier: MIT */
/*
 * Damage to the allocator's own structures, one value at a time, undone at once: is_valid() must
 * see each. Beside inside.c the one file that looks inside; an oracle that cannot fail is none.
 */
#include "adapter.h"

#include "core/instance.h"
#include "core/thread.h"

/* A place that holds a number, and what is wrong for it. */
struct spot {
	void *place;
	unsigned char bytes;   /* 1, 2, 4, 8 */
	uint64_t wrong;
};

static uint64_t get(const struct spot *spot)
{
	switch (spot->bytes) {
	case 1:
		return *(uint8_t *)spot->place;
	case 4:
		return *(uint32_t *)spot->place;
	default:
		return *(uint64_t *)spot->place;
	}
}

static void put(const struct spot *spot, uint64_t value)
{
	if (spot->bytes == 1)
		*(uint8_t *)spot->place = (uint8_t)value;
	else if (spot->bytes == 4)
		*(uint32_t *)spot->place = (uint32_t)value;
	else
		*(uint64_t *)spot->place = value;
}

#define SPOT(lvalue, value) ((struct spot){ &(lvalue), sizeof(lvalue), (uint64_t)(value) })
#define NOTHING ((struct spot){ NULL, 0, 0 })

#define arena_state(arena, p)                                                                   \
	(arena)->state[(size_t)((unsigned char *)(p) - (arena)->base) >> (arena)->granule_shift]

static struct spot spot_of_slab(struct kmem_cache *cache, unsigned int which)
{
	struct arena *arena = cache->arena;
	uint32_t index = SLAB_NO_SLAB;
	struct slab *slab;

	for (uint32_t list = 0; list < LIST_COUNT && index == SLAB_NO_SLAB; list++)
		index = cache->list[list];
	if (index == SLAB_NO_SLAB)
		return NOTHING;
	slab = &arena->slab[index];
	switch (which) {
	case 0:
		return SPOT(slab->free_count, slab->free_count + 1);
	case 1:
		return SPOT(slab->capacity, slab->capacity + 1);
	case 2:
		return SPOT(slab->stride, slab->stride + 8);
	case 3:
		return SPOT(slab->first, slab->bytes + 64);
	case 4:
		return SPOT(slab->hint, (slab->capacity + 63) / 64 + 1);
	case 5:
		return SPOT(slab->cache, slab->cache + 1);
	case 6:
		return SPOT(slab->list, (slab->list + 1) % LIST_COUNT);
	case 7:
		return SPOT(slab->prev, 0);
	case 8:
		return SPOT(slab->page, slab->page + 1);
	case 9:
		return SPOT(slab->free_bits[0], ~slab->free_bits[0]);
	case 10:
		return SPOT(arena->page_map[slab->page], arena->page_map[slab->page] + 1);
	case 11:
		return SPOT(arena->state[((size_t)(slab->page + 1) << (SLABPOOL_PAGE_SHIFT -
								       arena->granule_shift)) -
					 1], STATE_TAG_LAST);
	case 12:
		return SPOT(slab->bytes, slab->bytes / 2);
	case 13:
		return slab->free_bits[0] ? SPOT(slab->hint, 1) : NOTHING;
	case 14:
		return SPOT(slab->bytes, SLAB_MAX_BYTES + 1);
	case 15:
		return SPOT(slab->page, arena->opened);
	case 17:
		return SPOT(slab->first, slab->first + 8);
	default:
		return SPOT(slab->capacity, SLAB_MAX_OBJECTS + 1);
	}
}

/* The first full magazine of a depot, or NULL. */
static struct slabpool_store *first_full(const struct kmem_cache *cache)
{
	unsigned int k = 0;

	while (k < DEPOT_HOMES - 1 && !cache->home[k].full)
		k++;
	return cache->home[k].full;
}

static struct spot spot_of_cache(struct kmem_cache *cache, unsigned int which)
{
	struct slabpool_store *full = first_full(cache);

	switch (which) {
	case 0:
		return SPOT(cache->slabs, cache->slabs + 1);
	case 1:
		return SPOT(cache->empty_slabs, cache->empty_slabs + 1);
	case 2:
		return SPOT(cache->full_slabs, cache->full_slabs + 1);
	case 3:
		return SPOT(cache->free_objects, cache->free_objects + 1);
	case 4:
		return SPOT(cache->empty_last, 0xfffe);
	case 5:
		return SPOT(cache->life, CACHE_DEAD);
	case 6:
		return SPOT(cache->full_count, cache->full_count + 1);
	case 7:
		return SPOT(cache->depot_objects, cache->depot_objects + 1);
	case 8:
		return full ? SPOT(full->count, full->capacity + 1) : NOTHING;
	case 9:
		return full && full->count ? SPOT(full->object[0], (uintptr_t)cache) : NOTHING;
	case 10:
		return SPOT(cache->spare_count, cache->spare_count + 1);
	case 11:
		return cache->spare ? SPOT(cache->spare->count, 1) : NOTHING;
	case 12:
		return full && full->count
			       ? SPOT(arena_state(cache->arena, full->object[0]), cache->hot.tag)
			       : NOTHING;
	case 13:
		return SPOT(cache->pool->meta[META_CACHE].slabs,
			    cache->pool->meta[META_CACHE].slabs + 1);
	default:
		return SPOT(cache->prev, (uintptr_t)cache);
	}
}

static struct spot spot_of_magazine(struct kmem_cache *cache, unsigned int which)
{
	struct thread_record *record = cache->pool->threads;
	struct slabpool_slot *slot;

	if (!record)
		return NOTHING;
	slot = thread_slot_in(record, cache);
	if (!slot->cache || slot->loaded.count < 2)
		return NOTHING;
	switch (which) {
	case 0:
		return SPOT(slot->loaded.count, slot->loaded.count - 1);
	case 1:
		return SPOT(slot->loaded.capacity, MAGAZINE_MAX + 1);
	case 2:
		return SPOT(slot->loaded.store->object[0],
			    (uintptr_t)slot->loaded.store->object[1]);
	case 3:
		return SPOT(slot->loaded.store->object[0], 0);
	case 4:
		return SPOT(slot->loaded.store->object[0],
			    (uintptr_t)slot->loaded.store->object[0] + 8);
	case 5:
		return SPOT(slot->cache, (uintptr_t)cache->pool->first);
	case 6:
		return SPOT(slot->cache, 0);
	case 7:
		return SPOT(slot->loaded.count, slot->loaded.capacity + 1);
	case 8:
		return SPOT(arena_state(cache->arena, slot->loaded.store->object[0]),
			    cache->hot.tag);
	case 9:
		return slot->spare.count ? SPOT(slot->spare.store->object[0], 0) : NOTHING;
	case 10:
		return SPOT(slot->loaded.store->capacity, slot->loaded.capacity + 1);
	default:
		return SPOT(slot->loaded.store->object[0],
			    (uintptr_t)cache->arena->base + ((size_t)cache->arena->opened << 12));
	}
}

/* In the first page run that there is. */
static struct spot spot_of_run(struct slabpool *pool, unsigned int which)
{
	for (uint32_t k = 0; k < INSTANCE_ARENAS; k++) {
		struct arena *arena = &pool->arena[k];
		uint32_t page = 0;

		while (pool->arena_made[k] && page < arena->opened &&
		       arena->page_map[page] <= PAGE_RUN)
			page++;
		if (!pool->arena_made[k] || page == arena->opened)
			continue;
		if (which == 8)
			return SPOT(arena->page_map[page], PAGE_RUN + arena->opened + 1);
		if (which == 9)
			return SPOT(arena_state(arena, arena->base +
						((size_t)page << SLABPOOL_PAGE_SHIFT)), 0);
		return SPOT(arena->used[ARENA_RUN], arena->used[ARENA_RUN] + 1);
	}
	return NOTHING;
}

static struct spot spot_of_arena(struct kmem_cache *cache, unsigned int which)
{
	struct arena *arena = cache->arena;
	uint32_t order = 0;

	while (order < ARENA_ORDERS && arena->free_run[order] == ARENA_NO_PAGE)
		order++;
	switch (which) {
	case 0:
		return SPOT(arena->idle_pages, arena->idle_pages + 1);
	case 1:
		return SPOT(arena->used[ARENA_SLAB], arena->used[ARENA_SLAB] + 1);
	case 2:
		return SPOT(arena->slab_count, arena->opened + 1);
	case 3:
		return SPOT(cache->pool->last, 0);
	default:
		break;
	}
	if (which > 7)
		return spot_of_run(cache->pool, which);
	if (order == ARENA_ORDERS)
		return NOTHING;
	switch (which) {
	case 4:
		return SPOT(arena->free_run[order], arena->opened);
	case 5:
		return SPOT(arena->order[arena->free_run[order]], 0);
	case 6:
		return SPOT(arena->link[arena->free_run[order]].prev, 0);
	default:
		return SPOT(arena->link[arena->free_run[order]].next, arena->free_run[order] + 1);
	}
}

enum fuzz_seen fuzz_damage(struct kmem_cache *cache, unsigned int kind, unsigned int which)
{
	static struct spot (*const kinds[])(struct kmem_cache *, unsigned int) = {
		spot_of_slab, spot_of_cache, spot_of_magazine, spot_of_arena,
	};
	struct spot spot = kinds[kind % 4](cache, which);
	uint64_t was;
	bool valid;

	if (!spot.place || get(&spot) == spot.wrong)
		return FUZZ_SEEN_NOTHING;
	was = get(&spot);
	put(&spot, spot.wrong);
	valid = slabpool_is_valid(cache->pool);
	put(&spot, was);
	return valid ? FUZZ_SEEN_MISSED : FUZZ_SEEN_DAMAGE;
}
