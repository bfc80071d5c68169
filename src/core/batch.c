/* SPDX-License-Identifier: MIT */
/*
 * Batch: objects out of slabs, and back, as many as a magazine has room for.
 *
 *      slab, free bit set  -- depot_take -->  objects[]  -- depot_give -->  slab, free bit set
 *
 * Guarantee, proved here and by the contracts of slab.h and lookup.h:
 *  1. What is taken out of a slab was free there and is not any more, is one of its objects,
 *     aligned as such, and each is another one; the slab's count falls by as many. Fewer
 *     than asked for are taken only when none is left.
 *  2. What is given is looked up as a pointer that anybody may have made up: the object that holds
 *     it, or none. A slab takes it if it has it not; else nothing changes, and it is reported.
 *
 * Locking: the cache's lock.
 */
#include "core/check.h"
#include "core/instance.h"
#include "core/lookup.h"

#include "../../proofs/logic/Batch.acsl"

/* Takes up to n objects out of one slab, in ascending order of address. */
/*@ requires tables: arena_tables(arena);
    requires slab: slab_in_arena(arena, which);
    requires memory: slab_memory(&arena->slab[which]);
    requires invariant: slab_ok(&arena->slab[which]);
    requires room: \valid(objects + (0 .. n - 1));
    requires apart: objects_apart_from_slab(arena, which, objects, n);
    terminates always: \true;
    exits never: \false;
    assigns objects[0 .. n - 1], arena->slab[which].hint, arena->slab[which].free_count,
            arena->slab[which].free_bits[0 .. words_for(arena->slab[which].capacity) - 1];
    ensures bounded: \result <= n;
    ensures invariant: slab_ok(&arena->slab[which]);
    ensures count: arena->slab[which].free_count + \result ==
            \old(arena->slab[which].free_count);
    ensures none_new: none_freed{Pre, Post}(&arena->slab[which]);
    ensures rest: \result < n ==> no_object_free(&arena->slab[which]);
*/
static uint32_t take_from(const struct arena *arena, uint32_t which, void **objects, uint32_t n)
{
	struct slab *slab = &arena->slab[which];
	uint32_t got, index;

	/*@ ghost uint64_t *bits = slab->free_bits; */
	/*@ ghost uint32_t words = (slab->capacity + 63) / 64; */
	/*@ loop invariant range: 0 <= got <= n;
	    loop invariant invariant: slab_ok(slab);
	    loop invariant count: slab->free_count + got ==
	      \at(arena->slab[which].free_count, Pre);
	    loop invariant none_new: none_freed{Pre, Here}(slab);
	    loop assigns got, index, objects[0 .. n - 1], slab->hint, slab->free_count,
	      bits[0 .. words - 1];
	    loop variant n - got;
	*/
	for (got = 0; got < n; got++) {
		void *object;

		index = slab_take(slab);
		if (index == SLAB_NO_OBJECT)
			break;
		object = slabpool_object_at(arena->base, arena->address,
					    lookup_start(arena, which, index));
		/*@ assert this: is_object(arena, which, index, object); */
		/*@ assert taken: index_taken{Pre, Here}(slab, index); */
		objects[got] = object;
	}
	return got;
}

/* Bytes from the arena's base to an address, or LOOKUP_NOT_IN. */
/*@ requires tables: arena_tables(arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures inside: \result != LOOKUP_NOT_IN ==> number_inside(arena, number) &&
            \result == number - arena->address;
    ensures outside: \result == LOOKUP_NOT_IN ==> !number_inside(arena, number);
*/
static size_t offset_of(const struct arena *arena, uintptr_t number)
{
	if (number < arena->address ||
	    number - arena->address >= arena->pages * LOOKUP_PAGE_BYTES)
		return LOOKUP_NOT_IN;
	return number - arena->address;
}

/* Gives one object back to the slab that holds it, which is to be filed; SLAB_NO_SLAB if none does,
 * or if that has it already. */
/*@ requires memory: \valid(cache) && arena_tables(cache->arena);
    requires slabs: mapped_slabs_ok(cache->arena);
    requires apart: slabs_apart_from_cache(cache, cache->arena);
    requires room: cache->free_objects < SIZE_MAX;
    terminates always: \true;
    exits never: \false;
    assigns cache->free_objects, cache->arena->slab[0 .. cache->arena->pages - 1].hint,
            cache->arena->slab[0 .. cache->arena->pages - 1].free_count,
            cache->arena->slab[0 .. cache->arena->pages - 1].free_bits[0 .. 1023];
    ensures count: cache->free_objects ==
            \old(cache->free_objects) + (\result == SLAB_NO_SLAB ? 0 : 1);
*/
SLABPOOL_UNDER(cache_locks)
static uint32_t give_back(struct kmem_cache *cache, const void *object)
{
	const struct arena *arena = cache->arena;
	size_t offset = offset_of(arena, (uintptr_t)object);
	uint32_t which = SLAB_NO_SLAB;

	if (offset != LOOKUP_NOT_IN)
		which = lookup_slab(arena, offset);
	if (which == SLAB_NO_SLAB ||
	    !slab_give(&arena->slab[which], lookup_object(arena, which, offset)))
		return SLAB_NO_SLAB;
	cache->free_objects++;
	return which;
}

uint32_t depot_take(struct kmem_cache *cache, void **objects, uint32_t n)
{
	uint32_t got = 0;

	while (got < n) {
		uint32_t which = shelf_pick(cache);

		if (which == SLAB_NO_SLAB)
			break;
		got += take_from(cache->arena, which, objects + got, n - got);
		shelf_file(cache, which);
	}
	cache->free_objects -= got;
	return got;
}

/* The same, with a report. */
SLABPOOL_UNDER(cache_locks)
static uint32_t give_one(struct kmem_cache *cache, void *object)
{
	uint32_t which = give_back(cache, object);

	if (which == SLAB_NO_SLAB) {
		struct slabpool_report report = {
			.kind = SLABPOOL_REPORT_INTERNAL, .call = "slab_give",
			.cache = cache->name, .pointer = object, .crime = true,
			.text = "an object in a magazine is free in its slab",
		};

		check_report(cache->pool, &report);
	}
	return which;
}

/* Files a slab that was given objects; true if it became empty. */
SLABPOOL_UNDER(cache_locks)
static bool file_given(struct kmem_cache *cache, uint32_t which)
{
	struct slab *slab;

	if (which == SLAB_NO_SLAB)
		return false;
	slab = &cache->arena->slab[which];
	shelf_file(cache, which);
	if (slab->list != LIST_EMPTY)
		return false;
	slab->stamp = slabs_now(cache);
	return true;
}

bool depot_give(struct kmem_cache *cache, void *const *objects, uint32_t n)
{
	uint32_t last = SLAB_NO_SLAB, k;
	bool empty = false;

	/* Most have the slab of the one before. */
	for (k = 0; k < n; k++) {
		uint32_t which = give_one(cache, objects[k]);

		if (which != last)
			empty |= file_given(cache, last);
		last = which;
	}
	return file_given(cache, last) || empty;
}
