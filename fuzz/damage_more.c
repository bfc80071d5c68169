/* SPDX-License-Identifier: MIT */
/* More values that is_valid() must see, each in a place that only some programs have. */
#include "calls.h"

#include "core/instance.h"
#include "core/thread.h"

/* A place, its bytes, and what is wrong for it. */
struct spot {
	void *place;
	unsigned char bytes;
	uint64_t wrong;
};
#define SPOT(lvalue, value) ((struct spot){ &(lvalue), sizeof(lvalue), (uint64_t)(value) })
#define NOTHING ((struct spot){ NULL, 0, 0 })

static struct slab *slab_of(struct kmem_cache *cache)
{
	uint32_t which = SLAB_NO_SLAB;

	for (uint32_t list = 0; list < LIST_COUNT && which == SLAB_NO_SLAB; list++)
		which = cache->list[list];
	return which == SLAB_NO_SLAB ? NULL : &cache->arena->slab[which];
}

static uint32_t unowned_page(const struct arena *arena)
{
	for (uint32_t page = 0; page < arena->opened; page++)
		if (arena->page_map[page] == PAGE_UNOWNED)
			return page;
	return arena->opened;
}

/* State bytes inside of an object, each of eight neighbours in turn. */
static struct spot spot_of_state(struct kmem_cache *cache, unsigned int which)
{
	const struct slab *slab = slab_of(cache);
	struct arena *arena = cache->arena;
	size_t at;

	if (!slab || slab->stride >> arena->granule_shift <= which + 1)
		return NOTHING;
	at = (((size_t)slab->page << SLABPOOL_PAGE_SHIFT) + slab->first) >> arena->granule_shift;
	return SPOT(arena->state[at + 1 + which], cache->hot.tag);
}

static struct spot spot_of_slab(struct kmem_cache *cache, unsigned int which)
{
	struct slab *slab = slab_of(cache), *partial = NULL;
	struct arena *arena = cache->arena;

	if (!slab)
		return NOTHING;
	for (uint32_t list = 0; list < LIST_COUNT; list++)
		if (list != LIST_FULL && list != LIST_EMPTY && cache->list[list] != SLAB_NO_SLAB)
			partial = &arena->slab[cache->list[list]];
	switch (which) {
	case 0:
		return SPOT(arena->open_granules, 0);
	case 1:
		return SPOT(arena->open_granules, (((size_t)slab->page << SLABPOOL_PAGE_SHIFT) >>
						   arena->granule_shift) + 1);
	case 2:
		return SPOT(slab->owner, (uintptr_t)&cache->pool->kmalloc[0]);
	case 3:
		return partial ? SPOT(partial->free_count, 0) : NOTHING;
	case 4:
		return partial ? SPOT(partial->free_count, partial->capacity) : NOTHING;
	case 5:
		return SPOT(cache->list[slab->list], arena->slab_count);
	case 6:
		return SPOT(slab->next, slab - arena->slab);
	case 7:
		return SPOT(arena->page_map[slab->page], PAGE_UNOWNED);
	case 8:
		return SPOT(arena->opened, slab->page + 1);
	default:
		return SPOT(cache->arena->slab[slab - arena->slab].list, LIST_NONE);
	}
}

static struct slabpool_store *first_full(const struct kmem_cache *cache, unsigned int *home)
{
	*home = 0;
	while (*home < DEPOT_HOMES - 1 && !cache->home[*home].full)
		++*home;
	return cache->home[*home].full;
}

static struct spot spot_of_depot(struct kmem_cache *cache, unsigned int which)
{
	unsigned int home;
	struct slabpool_store *full = first_full(cache, &home);

	switch (which) {
	case 0:
		return cache->spare ? SPOT(cache->spare_count, 0) : NOTHING;
	case 1:
		return full ? SPOT(cache->home[home].count, cache->home[home].count - 1) : NOTHING;
	case 2:
		return SPOT(cache->home[home].low, cache->home[home].count + 1);
	case 3:
		return SPOT(cache->old_count, cache->old_count + 1);
	case 4:
		return full && full->count ? SPOT(full->count, full->count - 1) : NOTHING;
	case 5:
		return full && full->count > 1
			       ? SPOT(full->object[0], (uintptr_t)full->object[1]) : NOTHING;
	case 6:
		return cache->old ? SPOT(cache->old->count, cache->old->count - 1) : NOTHING;
	default:
		return cache->old ? SPOT(cache->old->object[0], 64) : NOTHING;
	}
}

static struct spot spot_of_magazine(struct kmem_cache *cache, unsigned int which)
{
	struct thread_record *record = cache->pool->threads;
	struct slabpool_slot *slot = record ? thread_slot_in(record, cache) : NULL;
	const struct slab *slab = slab_of(cache);
	struct arena *arena = cache->arena;
	uintptr_t start;

	if (!slot || !slot->cache || !slab || !slot->loaded.count)
		return slot && slot->cache && slot->spare.count && which == 0 ? SPOT(slot->cache, 0)
									     : NOTHING;
	start = arena->address + (size_t)slab->page * PAGE_SIZE;
	switch (which) {
	case 1:
		return SPOT(slot->loaded.store, 0);
	case 2:
		return unowned_page(arena) == arena->opened ? NOTHING
			: SPOT(slot->loaded.store->object[0],
			       arena->address + (size_t)unowned_page(arena) * PAGE_SIZE);
	case 3:
		return SPOT(slot->loaded.store->object[0],
			    start + slab->first + (size_t)slab->capacity * slab->stride);
	case 4:
		return SPOT(slot->loaded.store->object[0],
			    (uintptr_t)slot->loaded.store->object[0] +
				    ((size_t)1 << arena->granule_shift));
	case 5:
		return slot->spare.count ? SPOT(slot->loaded.store->object[0],
						(uintptr_t)slot->spare.store->object[0])
					 : NOTHING;
	case 6:
		return SPOT(slot->loaded.store->capacity, MAGAZINE_MAX + 1);
	default:
		return SPOT(slot->loaded.count, slot->loaded.capacity + 1);
	}
}

static struct spot spot_of_run(struct kmem_cache *cache, unsigned int which)
{
	struct slabpool *pool = cache->pool;

	for (uint32_t k = 0; k < INSTANCE_ARENAS; k++) {
		struct arena *arena = &pool->arena[k];
		uint32_t page = 0, pages;

		while (pool->arena_made[k] && page < arena->opened &&
		       arena->page_map[page] <= PAGE_RUN)
			page++;
		if (!pool->arena_made[k] || page == arena->opened)
			continue;
		pages = arena->page_map[page] - PAGE_RUN;
		if (which == 0)
			return SPOT(arena->page_map[page], PAGE_RUN);
		if (which == 1 && pages > 1)
			return SPOT(arena->page_map[page], PAGE_RUN + pages - 1);
		if (which == 2)
			return SPOT(arena->state[((size_t)page << SLABPOOL_PAGE_SHIFT) >>
						 arena->granule_shift], STATE_TAG_SHARED);
	}
	return NOTHING;
}

/* By way of an integer of the place's size: which of its bytes come first, the machine says. */
union sized {
	uint8_t one;
	uint16_t two;
	uint32_t four;
	uint64_t eight;
};

static uint64_t get(const struct spot *spot)
{
	union sized u;

	__builtin_memcpy(&u, spot->place, spot->bytes);
	return spot->bytes == 1 ? u.one : spot->bytes == 2 ? u.two : spot->bytes == 4 ? u.four
										       : u.eight;
}

static void put(const struct spot *spot, uint64_t value)
{
	union sized u;

	if (spot->bytes == 1)
		u.one = (uint8_t)value;
	else if (spot->bytes == 2)
		u.two = (uint16_t)value;
	else if (spot->bytes == 4)
		u.four = (uint32_t)value;
	else
		u.eight = value;
	__builtin_memcpy(spot->place, &u, spot->bytes);
}

static bool seen_one(struct world *w, struct spot spot)
{
	uint64_t was;
	bool valid;

	if (!spot.place || get(&spot) == spot.wrong)
		return true;
	was = get(&spot);
	put(&spot, spot.wrong);
	valid = w->a->is_valid(w->pool);
	put(&spot, was);
	return !valid;
}

/* --- a slab in a list where it does not belong, all numbers as they would be if it did --- */

static uint32_t *number_of(struct kmem_cache *cache, uint32_t list)
{
	static uint32_t none;

	if (list == LIST_FULL)
		return &cache->full_slabs;
	return list == LIST_EMPTY ? &cache->empty_slabs : &none;
}

static void list_out(struct kmem_cache *cache, struct slab *head)
{
	struct slab *table = cache->arena->slab;

	cache->list[head->list] = head->next;
	--*number_of(cache, head->list);
	if (head->next != SLAB_NO_SLAB)
		table[head->next].prev = SLAB_NO_SLAB;
	else if (head->list == LIST_EMPTY)
		cache->empty_last = SLAB_NO_SLAB;
}

static void list_in(struct kmem_cache *cache, struct slab *slab, uint32_t list)
{
	struct slab *table = cache->arena->slab;
	uint32_t which = (uint32_t)(slab - table);

	slab->next = cache->list[list];
	slab->list = list;
	cache->list[list] = which;
	++*number_of(cache, list);
	if (slab->next != SLAB_NO_SLAB)
		table[slab->next].prev = which;
	else if (list == LIST_EMPTY)
		cache->empty_last = which;
}

static bool seen_misplaced(struct world *w, struct kmem_cache *cache, unsigned int which)
{
	static const uint32_t ends[] = { LIST_PARTIAL_1, LIST_EMPTY, LIST_FULL };
	uint32_t from = ends[which % 3], to = ends[(which + 1 + which / 3 % 2) % 3];
	struct slab *table = cache->arena->slab, *head;
	bool valid;

	for (uint32_t list = 0; from < LIST_EMPTY && list < LIST_EMPTY; list++)
		if (cache->list[list] != SLAB_NO_SLAB)
			from = list;
	if (cache->list[from] == SLAB_NO_SLAB)
		return true;
	head = &table[cache->list[from]];
	list_out(cache, head);
	list_in(cache, head, to);
	valid = w->a->is_valid(w->pool);
	list_out(cache, head);
	list_in(cache, head, from);
	return !valid;
}

static void run_damage_more(struct world *w, const struct fuzz_call *call)
{
	static struct spot (*const kinds[])(struct kmem_cache *, unsigned int) = {
		spot_of_state, spot_of_slab, spot_of_depot, spot_of_magazine, spot_of_run,
	};
	uint32_t root = usable_cache(w, call->arg[0]), kind = call->arg[1];
	struct kmem_cache *cache;
	bool seen;

	if (root == FUZZ_NONE || !(w->a->caps & CAP_FORK))
		return;
	world_check_valid(w);
	cache = w->cache[root].k;
	seen = kind < sizeof(kinds) / sizeof(kinds[0])
		       ? seen_one(w, kinds[kind](cache, call->arg[2]))
		       : seen_misplaced(w, cache, call->arg[2]);
	if (!seen)
		fuzz_fail("valid", "is_valid does not see the damage");
	world_only_looked(w);
}

const struct fuzz_op op_damage_more = {
	"damage_more", FUZZ_MAKES_NOTHING, -1, run_damage_more, "/* damage_more: internal */",
	{ ARG_CACHE, ARG_NUMBER("kind", 0, 5, 0), ARG_NUMBER("which", 0, 9, 0) },
	.damages = true,
};
