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
#include "core/slabs.h"

#include "../../proofs/logic/MultipleLemmas.acsl"
#include "../../proofs/logic/BatchLemmas.acsl"

/* Takes the lowest free object of a slab: its index, or SLAB_NO_OBJECT. */
/*@ requires tables: arena_tables(arena);
    requires slab: slab_in_arena(arena, which);
    requires memory: slab_memory(&arena->slab[which]);
    requires invariant: slab_ok(&arena->slab[which]);
    requires room: \valid(object);
    requires apart: objects_apart_from_slab(arena, which, object, 1);
    terminates always: \true;
    exits never: \false;
    assigns *object, arena->slab[which].hint, arena->slab[which].free_count,
            arena->slab[which].free_bits[0 .. words_for(arena->slab[which].capacity) - 1];
    ensures arena: arena_kept{Pre, Post}(arena);
    ensures places: places_kept{Pre, Post}(arena, which);
    ensures invariant: slab_ok(&arena->slab[which]);
    ensures none_new: none_freed{Pre, Post}(&arena->slab[which]);
    ensures none: \result == SLAB_NO_OBJECT ==>
            arena->slab[which].free_count == \old(arena->slab[which].free_count) == 0;
    ensures one: \result != SLAB_NO_OBJECT ==>
            arena->slab[which].free_count == \old(arena->slab[which].free_count) - 1;
    ensures lowest: \result != SLAB_NO_OBJECT ==>
            bits_clear_between(arena->slab[which].free_bits, 0, \result + 1);
    ensures taken: \result != SLAB_NO_OBJECT ==>
            index_taken{Pre, Post}(&arena->slab[which], \result);
    ensures object: \result != SLAB_NO_OBJECT ==>
            is_object(arena, which, \result, *object);
*/
static uint32_t take_lowest(const struct arena *arena, uint32_t which, void **object)
{
	struct slab *slab = &arena->slab[which];
	uint32_t index = slab_take(slab);
	size_t start;

	/*@ assert arena: arena_kept{Pre, Here}(arena); */
	/*@ assert places: places_kept{Pre, Here}(arena, which); */
	/*@ assert tables: arena_tables(arena); */
	if (index == SLAB_NO_OBJECT)
		return index;
	start = lookup_start(arena, which, index);
	/*@ assert placed: object_placed(arena, which, index); */
	/*@ ghost Found: ; */
	*object = slabpool_object_at(arena->base, arena->address, start);
	/*@ assert arena_still: arena_kept{Found, Here}(arena); */
	/*@ assert places_still: places_kept{Found, Here}(arena, which); */
	/*@ assert placed_still: object_placed(arena, which, index); */
	/*@ assert number: (uintptr_t)*object ==
	      arena->address + object_start(arena, which, index); */
	return index;
}

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
    ensures arena: arena_kept{Pre, Post}(arena);
    ensures places: places_kept{Pre, Post}(arena, which);
    ensures bounded: \result <= n;
    ensures invariant: slab_ok(&arena->slab[which]);
    ensures count: arena->slab[which].free_count + \result ==
            \old(arena->slab[which].free_count);
    ensures none_new: none_freed{Pre, Post}(&arena->slab[which]);
    ensures taken: objects_taken{Pre, Post}(arena, which, objects, \result);
    ensures ascending: ascending(objects, \result);
    ensures rest: \result < n ==> arena->slab[which].free_count == 0;
*/
static uint32_t take_from(const struct arena *arena, uint32_t which, void **objects, uint32_t n)
{
	uint32_t got, index;

	/*@ ghost uint64_t *bits = arena->slab[which].free_bits; */
	/*@ ghost uint32_t words = (arena->slab[which].capacity + 63) / 64; */
	/*@ ghost uint32_t stride = arena->slab[which].stride; */
	/*@ ghost uint64_t last = 0; */
	/*@ loop invariant range: 0 <= got <= n;
	    loop invariant arena: arena_kept{Pre, Here}(arena);
	    loop invariant places: places_kept{Pre, Here}(arena, which);
	    loop invariant invariant: slab_ok(&arena->slab[which]);
	    loop invariant count: arena->slab[which].free_count + got ==
	      \at(arena->slab[which].free_count, Pre);
	    loop invariant none_new: none_freed{Pre, Here}(&arena->slab[which]);
	    loop invariant below: got > 0 ==> bits_clear_between(bits, 0, last + 1);
	    loop invariant index: last < SLAB_MAX_OBJECTS;
	    loop invariant last: got > 0 ==> is_object(arena, which, last, objects[got - 1]);
	    loop invariant ascending: ascending(objects, got);
	    loop invariant taken: objects_taken{Pre, Here}(arena, which, objects, got);
	    loop assigns got, index, last, objects[0 .. n - 1], arena->slab[which].hint,
	      arena->slab[which].free_count, bits[0 .. words - 1];
	    loop variant n - got;
	*/
	for (got = 0; got < n; got++) {
		/*@ ghost Before: ; */
		index = take_lowest(arena, which, &objects[got]);
		if (index == SLAB_NO_OBJECT)
			break;
		/*@ assert above: got > 0 ==> last < index; */
		/*@ assert stride: arena->slab[which].stride == stride > 0; */
		/*@ ghost product_in_order(last + 1, index, stride); */
		/*@ assert one_on: (last + 1) * stride == last * stride + stride; */
		/*@ assert products: got > 0 ==> last * stride < index * stride; */
		/*@ assert starts: got > 0 ==> object_start(arena, which, last) <
		      object_start(arena, which, index); */
		/*@ assert kept: objects_kept{Before, Here}(objects, got); */
		/*@ assert arena: arena_kept{Pre, Before}(arena) &&
		      arena_kept{Before, Here}(arena); */
		/*@ assert earlier: objects_taken{Pre, Here}(arena, which, objects, got); */
		/*@ assert ascending: ascending(objects, got + 1); */
		/*@ assert taken: index_taken{Pre, Here}(&arena->slab[which], index); */
		/*@ assert this_taken: object_taken{Pre, Here}(arena, which, objects[got]); */
		/*@ assert all_taken: objects_taken{Pre, Here}(arena, which, objects, got + 1); */
		/*@ ghost last = index; */
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

/* True if the cache has the slab in one of its lists. */
/*@ requires memory: shelf_memory(cache);
    requires slab: which < cache->arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> on_shelf(cache, which);
*/
SLABPOOL_UNDER(cache_locks)
static bool is_shelved(struct kmem_cache *cache, uint32_t which)
{
	const struct slab *slab = &cache->arena->slab[which];

	return slab->owner == cache && slab->list < LIST_COUNT;
}

/* The slab of this cache that has the page at an offset: SLAB_NO_SLAB if none has. */
/*@ requires memory: shelf_memory(cache) && arena_tables(cache->arena);
    requires inside: offset == LOOKUP_NOT_IN || offset < arena_bytes(cache->arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures own: \result != SLAB_NO_SLAB ==> on_shelf(cache, \result) &&
      offset != LOOKUP_NOT_IN &&
      page_owner(cache->arena, offset / LOOKUP_PAGE_BYTES) == \result;
    ensures none: \result == SLAB_NO_SLAB && offset != LOOKUP_NOT_IN ==>
      !on_shelf(cache, page_owner(cache->arena, offset / LOOKUP_PAGE_BYTES));
*/
SLABPOOL_UNDER(cache_locks)
static uint32_t shelved_at(struct kmem_cache *cache, size_t offset)
{
	uint32_t which;

	if (offset == LOOKUP_NOT_IN)
		return SLAB_NO_SLAB;
	which = lookup_slab(cache->arena, offset);
	if (which == SLAB_NO_SLAB || !is_shelved(cache, which))
		return SLAB_NO_SLAB;
	return which;
}

/* Gives the object at an offset back to its slab, which is to be filed; false if there is none, or
 * the slab has it already. */
/*@ requires tables: arena_tables(arena);
    requires slab: slab_in_arena(arena, which);
    requires memory: slab_memory(&arena->slab[which]);
    requires invariant: slab_ok(&arena->slab[which]);
    requires apart: slab_apart_from_arena(arena, which);
    terminates always: \true;
    exits never: \false;
    assigns arena->slab[which].hint, arena->slab[which].free_count,
            arena->slab[which].free_bits[0 .. words_for(arena->slab[which].capacity) - 1];
    ensures places: places_kept{Pre, Post}(arena, which);
    ensures invariant: slab_ok(&arena->slab[which]);
    ensures given: \result ==> offset_given{Pre, Post}(arena, which, offset);
    ensures refused: !\result ==> offset_refused{Pre, Post}(arena, which, offset);
    ensures count: arena->slab[which].free_count ==
            \old(arena->slab[which].free_count) + (\result ? 1 : 0);
*/
static bool give_at(const struct arena *arena, uint32_t which, size_t offset)
{
	struct slab *slab = &arena->slab[which];
	uint32_t index = lookup_object(arena, which, offset);
	bool given;

	if (index == SLAB_NO_OBJECT)
		return false;
	/*@ assert held: object_holds(slab, index, offset - run_start(arena, which)); */
	/*@ assert word: index / 64 < words_for(slab->capacity); */
	given = slab_give(slab, index);
	/*@ assert arena: arena_kept{Pre, Here}(arena); */
	/*@ assert places: places_kept{Pre, Here}(arena, which); */
	/*@ assert one: given ==> object_given{Pre, Here}(arena, which, offset, index); */
	return given;
}

/* Takes objects out of one slab, which is to be filed. */
/*@ requires memory: slabs_memory(cache);
    requires steady: slabs_steady(cache);
    requires slab: on_shelf(cache, which);
    requires room: \valid(objects + (0 .. n - 1));
    requires apart: batch_apart(cache, objects, n);
    terminates always: \true;
    exits never: \false;
    assigns objects[0 .. n - 1], cache->arena->slab[which].hint,
      cache->arena->slab[which].free_count, cache->arena->slab[which].free_bits[0 ..
        words_for(cache->arena->slab[which].capacity) - 1];
    ensures bounded: \result <= n;
    ensures slabs: slabs_whole(cache);
    ensures shelf: shelf_ok(cache) && shelf_filed_but(cache, which);
    ensures fixed: shelf_fixed{Pre, Post}(cache);
    ensures count: cache->arena->slab[which].free_count + \result ==
      \old(cache->arena->slab[which].free_count);
    ensures rest: \result < n ==> cache->arena->slab[which].free_count == 0;
    ensures taken: objects_taken{Pre, Post}(cache->arena, which, objects, \result);
    ensures ascending: ascending(objects, \result);
*/
SLABPOOL_UNDER(cache_locks)
static uint32_t take_of(struct kmem_cache *cache, uint32_t which, void **objects, uint32_t n)
{
	const struct arena *arena = cache->arena;
	uint32_t got = take_from(arena, which, objects, n);

	/*@ assert arena: cache->arena == arena && arena_kept{Pre, Here}(arena); */
	/*@ assert links: slab_links_kept{Pre, Here}(arena->slab, arena->pages); */
	/*@ assert owners: owners_kept{Pre, Here}(arena->slab, arena->pages); */
	/*@ assert heads: ends_kept{Pre, Here}(cache); */
	return got;
}

uint32_t depot_take(struct kmem_cache *cache, void **objects, uint32_t n)
{
	uint32_t got = 0;

	while (got < n) {
		uint32_t which = shelf_pick(cache);

		if (which == SLAB_NO_SLAB)
			break;
		got += take_of(cache, which, objects + got, n - got);
		shelf_file(cache, which);
	}
	cache->free_objects -= got < cache->free_objects ? got : cache->free_objects;
	return got;
}

/*@ requires pool: \valid_read(cache) && \valid_read(cache->pool) && reports_known(cache->pool);
    terminates always: \true;
    exits ended: \true;
    assigns \nothing;
*/
static void report_refused(const struct kmem_cache *cache, void *object)
{
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_INTERNAL, .call = "slab_give",
		.cache = cache->name, .pointer = object, .crime = true,
		.text = "an object in a magazine is free in its slab",
	};

	check_report(cache->pool, &report);
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

	/* Most have the slab of the one before. A slab is filed before another one is given any. */
	for (k = 0; k < n; k++) {
		size_t offset = offset_of(cache->arena, (uintptr_t)objects[k]);
		uint32_t which = shelved_at(cache, offset);

		if (which != last) {
			empty |= file_given(cache, last);
			last = SLAB_NO_SLAB;
		}
		if (which != SLAB_NO_SLAB && give_at(cache->arena, which, offset)) {
			cache->free_objects += cache->free_objects < SIZE_MAX;
			last = which;
		} else {
			report_refused(cache, objects[k]);
		}
	}
	return file_given(cache, last) || empty;
}
