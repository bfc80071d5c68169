/* SPDX-License-Identifier: MIT */
/* Many objects between one magazine and a caller's array. See bulk.c for the theory. */
#ifndef SLABPOOL_CORE_BULK_H
#define SLABPOOL_CORE_BULK_H

#include "core/hot.h"

#include "../../proofs/logic/Bulk.acsl"

/*@ requires to: \valid(to + (0 .. n - 1));
    requires from: \valid_read(from + (0 .. n - 1));
    requires apart: \separated(to + (0 .. n - 1), from + (0 .. n - 1));
    terminates always: \true;
    exits never: \false;
    assigns to[0 .. n - 1];
    ensures copied: array_is{Pre, Post}(to, n, (void **)from);
*/
static inline void bulk_copy(void **restrict to, void *const *restrict from, size_t n)
{
	size_t k;

	/*@ loop invariant range: 0 <= k <= n;
	    loop invariant copied: array_is{Pre, Here}(to, k, (void **)from);
	    loop assigns k, to[0 .. n - 1];
	    loop variant n - k;
	*/
	for (k = 0; k < n; k++)
		to[k] = from[k];
}

/* Idle objects are the caller's from now on. */
/*@ requires hot: \valid_read(hot) && 3 <= hot->granule_shift <= 12;
    requires objects: \valid_read(objects + (0 .. n - 1));
    requires placed: array_placed(hot, (void **)objects, n);
    terminates always: \true;
    exits never: \false;
    assigns hot->state[0 .. granules_to_end(hot)];
    ensures live: array_bytes(hot, (void **)objects, n, hot->tag);
    ensures others: states_kept_but{Pre, Post}(hot, (void **)objects, n);
    ensures hot: hot_kept{Pre, Post}(hot);
*/
static inline void bulk_mark(const struct slabpool_hot *hot, void *const *objects, size_t n)
{
	const uintptr_t state_of_0 = hot->state_of_0;
	uint8_t *const state = hot->state;
	const uint32_t shift = hot->granule_shift;
	const uint8_t tag = hot->tag;
	size_t k;

	/*@ loop invariant range: 0 <= k <= n;
	    loop invariant hot: hot->tag == tag;
	    loop invariant live: array_bytes(hot, (void **)objects, k, tag);
	    loop invariant others: states_kept_but{Pre, Here}(hot, (void **)objects, k);
	    loop assigns k, hot->state[0 .. granules_to_end(hot)];
	    loop variant n - k;
	*/
	for (k = 0; k < n; k++) {
		uint8_t *byte = slabpool_state_at(state, state_of_0, objects[k], shift);

		/*@ assert place: byte == hot->state + granule(hot, objects[k]); */
		/*@ ghost granule_is_inside(hot, objects[k]); */
		slabpool_store_u8(byte, tag);
	}
}

/* Hands out the last n objects of a magazine, or all: how many. */
/*@ requires hot: \valid_read(hot) && 3 <= hot->granule_shift <= 12;
    requires apart: hot_apart(hot, m);
    requires memory: magazine_memory(m);
    requires valid: magazine_valid(m);
    requires idle: store_idle(hot, m->store, m->count);
    requires distinct: store_granules_distinct(hot, m->store, m->count);
    requires placed: array_placed(hot, &m->store->object[0], m->count);
    requires room: \valid(objects + (0 .. n - 1));
    requires room_apart: array_apart(m, objects, n);
    requires room_beside: array_beside(m, hot, objects, n);
    terminates always: \true;
    exits never: \false;
    assigns m->count, objects[0 .. n - 1], hot->state[0 .. granules_to_end(hot)];
    ensures number: \result == \min(n, \old(m->count));
    ensures left: m->count == \old(m->count) - \result;
    ensures last_in: array_is_part{Pre, Post}(objects, \result, m->store, m->count);
    ensures distinct_out: array_granules_distinct(hot, objects, \result);
    ensures starts: array_starts(hot, objects, \result);
    ensures live: array_bytes(hot, objects, \result, hot->tag);
    ensures were_idle: array_bytes_before{Pre, Post}(hot, objects, \result, 0);
    ensures others: states_kept_but{Pre, Post}(hot, objects, \result);
    ensures hot: hot_kept{Pre, Post}(hot);
    ensures store: m->store == \old(m->store);
    ensures memory: magazine_memory(m);
    ensures valid: magazine_valid(m);
    ensures idle: store_idle(hot, m->store, m->count);
    ensures distinct: store_granules_distinct(hot, m->store, m->count);
*/
static inline size_t bulk_take(const struct slabpool_hot *hot, struct slabpool_magazine *m,
			       void **objects, size_t n)
{
	const uint32_t count = m->count;
	size_t got = n < count ? n : count;

	if (got == 0)
		return 0;
	bulk_copy(objects, m->store->object + (count - got), got);
	/*@ assert copied: array_is_part{Pre, Here}(objects, got, m->store, count - got); */
	/*@ assert store_kept: store_keeps{Pre, Here}(m->store, count); */
	slabpool_magazine_set_count(m, count - (uint32_t)got);
	/*@ assert unchanged: hot_kept{Pre, Here}(hot) &&
	      hot->state_of_0 == \at(hot->state_of_0, Pre); */
	/*@ assert still_valid: magazine_bounds(m) && magazine_none_null(m) &&
	      magazine_distinct(m); */
	/*@ assert place: \forall integer j; count - got <= j < count ==>
	      one_placed(hot, m->store->object[j]); */
	/*@ assert same: \forall integer k; 0 <= k < got ==>
	      objects[k] == m->store->object[count - got + k]; */
	/*@ assert places: array_placed(hot, objects, got); */
	/*@ assert new: \forall integer k; 0 <= k < count - got ==>
	      granule_not_in(hot, objects, got, granule(hot, m->store->object[k])); */
	/*@ assert idle_before: array_bytes(hot, objects, got, 0); */
	/*@ assert still_idle: store_idle(hot, m->store, count - got); */
	/*@ assert apart_out: array_granules_distinct(hot, objects, got); */
	bulk_mark(hot, objects, got);
	return got;
}

/* Ends the life of objects from the first one on, until one is not as the fast path wants it: how
 * many. */
/*@ requires table: state_table(hot);
    requires tag: hot->fast_tag != 0;
    requires objects: \valid_read(objects + (0 .. n - 1));
    terminates always: \true;
    exits never: \false;
    assigns hot->state[0 .. hot->granules - 1];
    ensures number: \result <= n;
    ensures were_live: array_live{Pre}(hot, (void **)objects, \result);
    ensures each_once: array_granules_distinct(hot, (void **)objects, \result);
    ensures ended: array_bytes(hot, (void **)objects, \result, 0);
    ensures stopped: \result < n ==> !object_live(hot, objects[\result]);
    ensures others: states_kept_but{Pre, Post}(hot, (void **)objects, \result);
    ensures hot: hot_kept{Pre, Post}(hot);
    ensures table: state_table(hot);
*/
static inline size_t bulk_end(const struct slabpool_hot *hot, void *const *objects, size_t n)
{
	const uintptr_t address = hot->address;
	uint8_t *const state = hot->state;
	const size_t granules = slabpool_load_size(&hot->granules);
	const uint32_t shift = hot->granule_shift, tag = hot->fast_tag;
	size_t k;

	/*@ loop invariant range: 0 <= k <= n;
	    loop invariant unchanged: hot_kept{Pre, Here}(hot);
	    loop invariant were_live: array_live{Pre}(hot, (void **)objects, k);
	    loop invariant each_once: array_granules_distinct(hot, (void **)objects, k);
	    loop invariant ended: array_bytes(hot, (void **)objects, k, 0);
	    loop invariant others: states_kept_but{Pre, Here}(hot, (void **)objects, k);
	    loop assigns k, hot->state[0 .. hot->granules - 1];
	    loop variant n - k;
	*/
	for (k = 0; k < n; k++) {
		size_t granule = slabpool_granule_in(address, shift, objects[k]);

		if (SLABPOOL_UNLIKELY(granule >= granules))
			break;
		if (SLABPOOL_UNLIKELY(!slabpool_state_clear(&state[granule], tag)))
			break;
	}
	return k;
}

/* Takes back objects from the first one on, as far as the fast path can: how many. */
/*@ requires table: state_table(hot);
    requires tag: hot->fast_tag != 0;
    requires objects: \valid_read(objects + (0 .. n - 1));
    requires some: \forall integer k; 0 <= k < n && object_live(hot, objects[k]) ==>
             objects[k] != \null;
    requires memory: magazine_memory(m);
    requires apart: hot_apart(hot, m);
    requires valid: magazine_valid(m);
    requires idle: store_idle(hot, m->store, m->count);
    requires distinct: store_granules_distinct(hot, m->store, m->count);
    requires objects_apart: array_apart(m, (void **)objects, n);
    terminates always: \true;
    exits never: \false;
    assigns m->count, m->store->object[m->count .. m->capacity - 1],
            hot->state[0 .. hot->granules - 1];
    ensures number: \result <= n && \result <= m->capacity - \old(m->count);
    ensures more: m->count == \old(m->count) + \result;
    ensures were_live: array_live{Pre}(hot, (void **)objects, \result);
    ensures stopped: \result < n && m->count < m->capacity ==>
            !object_live(hot, objects[\result]);
    ensures last_in: \forall integer k; 0 <= k < \result ==>
            m->store->object[\old(m->count) + k] == objects[k];
    ensures kept: store_keeps{Old, Here}(m->store, \old(m->count));
    ensures ended: array_bytes(hot, (void **)objects, \result, 0);
    ensures others: states_kept_but{Pre, Post}(hot, (void **)objects, \result);
    ensures hot: hot_kept{Pre, Post}(hot);
    ensures store: m->store == \old(m->store) && m->capacity == \old(m->capacity);
    ensures memory: magazine_memory(m);
    ensures valid: magazine_valid(m);
    ensures idle: store_idle(hot, m->store, m->count);
    ensures distinct: store_granules_distinct(hot, m->store, m->count);
*/
static inline size_t bulk_give(const struct slabpool_hot *hot, struct slabpool_magazine *m,
			       void *const *objects, size_t n)
{
	const uint32_t count = m->count;
	size_t room = m->capacity - count, got;

	if (room == 0)
		return 0;
	got = bulk_end(hot, objects, n < room ? n : room);
	/*@ assert live_before: array_live{Pre}(hot, (void **)objects, got); */
	/*@ assert new: \forall integer k; 0 <= k < count ==>
	      granule_not_in(hot, (void **)objects, got, granule(hot, m->store->object[k])); */
	/*@ assert old_idle: store_idle(hot, m->store, count); */
	/*@ assert ended_idle: array_idle(hot, (void **)objects, got); */
	/*@ assert stopped: got < n && got < room ==> !object_live(hot, objects[got]); */
	bulk_copy(m->store->object + count, objects, got);
	/*@ assert unchanged: hot_kept{Pre, Here}(hot); */
	/*@ assert table: state_table(hot); */
	/*@ assert objects_kept: array_is{Pre, Here}((void **)objects, n, (void **)objects); */
	/*@ assert store_kept: store_keeps{Pre, Here}(m->store, count); */
	/*@ assert new_copied:
	      array_is{Pre, Here}(m->store->object + count, got, (void **)objects); */
	/*@ assert copied: \forall integer j; count <= j < count + got ==>
	      m->store->object[j] == objects[j - count]; */
	/*@ assert old_still: \forall integer j; 0 <= j < count ==>
	      object_idle(hot, m->store->object[j]); */
	/*@ assert new_idle: array_idle(hot, (void **)objects, got); */
	/*@ assert added_idle: \forall integer j; count <= j < count + got ==>
	      object_idle(hot, m->store->object[j]); */
	/*@ assert distinct_old: store_granules_distinct(hot, m->store, count); */
	/*@ assert distinct_both: \forall integer i, j; 0 <= i < count <= j < count + got ==>
	      granule(hot, m->store->object[i]) != granule(hot, m->store->object[j]); */
	/*@ assert each_once: array_granules_distinct(hot, (void **)objects, got); */
	/*@ assert moved: granules_moved(hot, (void **)objects, m->store, count, got); */
	/*@ ghost distinct_where_moved(hot, (void **)objects, m->store, count, got); */
	/*@ assert none_null: store_none_null(m->store, count + got); */
	/*@ assert granules: store_granules_distinct(hot, m->store, count + got); */
	/*@ assert once: store_distinct(m->store, count + got); */
	slabpool_magazine_set_count(m, count + (uint32_t)got);
	return got;
}

#endif
