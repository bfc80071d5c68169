/* SPDX-License-Identifier: MIT */
/**
 * @file hot.h
 * The fast path without its thread: what one magazine hands out and takes back, and the state bytes
 * that say whether an object is with the user. Compiled into the library and by inline.h.
 */
#ifndef SLABPOOL_HOT_H
#define SLABPOOL_HOT_H

#include <slabpool/magazine.h>

/* Granule of an object in the arena at this address, granules of 2^shift bytes; beyond all granules
 * for anything that is not the start of one: low bits of an interior pointer become high ones. */
static inline size_t slabpool_granule_in(uintptr_t address, uint32_t shift, const void *object)
{
	uintptr_t number = (uintptr_t)object;
	/* The difference, on a circle of numbers, without a subtraction that wraps. */
	size_t offset = number >= address ? number - address : SIZE_MAX - (address - number) + 1;

	return slabpool_rotate(offset, shift);
}

static inline size_t slabpool_granule_of(const struct slabpool_hot *hot, const void *object)
{
	return slabpool_granule_in(hot->address, hot->granule_shift, object);
}

/* Ends the life of the object that this state byte stands for; false, and nothing changes, if it
 * has another tag or none. With the fast tag: or if its free is to be looked at. */
static inline bool slabpool_state_clear(uint8_t *byte, uint32_t tag)
{
	if (SLABPOOL_UNLIKELY(slabpool_load_u8(byte) != tag))
		return false;
	slabpool_store_u8(byte, 0);
	return true;
}

/* Hands out the magazine's last object; left is the count without it. */
static inline void *slabpool_hot_take(const struct slabpool_hot *hot, struct slabpool_magazine *m,
				      uint32_t left)
{
	uint32_t shift = hot->granule_shift;
	uint8_t tag = hot->tag;
	void *object = slabpool_magazine_pop(m, left);

	/*@ assert kept: hot_kept{Pre, Here}(hot); */
	/*@ assert granules: \forall integer k; 0 <= k < left ==> granule(hot, m->store->object[k])
	      == \at(granule(hot, m->store->object[k]), Pre); */
	/*@ assert new: \forall integer k; 0 <= k < left ==>
	      granule(hot, m->store->object[k]) != granule(hot, object); */
	/*@ assert others: store_idle(hot, m->store, left); */
	if (SLABPOOL_CHECKS)
		slabpool_store_u8(slabpool_state_at(hot->state, hot->state_of_0, object, shift),
				  tag);
	return object;
}

/* Ends an object's life and puts it into a magazine that has room. byte: its state byte. */
static inline void slabpool_hot_keep(const struct slabpool_hot *hot, struct slabpool_magazine *m,
				     size_t count, uint8_t *byte, void *object)
{
	(void)hot; /* of whose table the byte is, for the contract */
	if (SLABPOOL_CHECKS)
		slabpool_store_u8(byte, 0);
	/*@ assert others: store_idle(hot, m->store, m->count); */
	/*@ assert new: \forall integer k; 0 <= k < m->count ==>
	      granule(hot, m->store->object[k]) != granule(hot, object); */
	/*@ assert ended: object_idle(hot, object); */
	slabpool_magazine_push(m, count, object);
	/*@ assert kept: hot_kept{Pre, Here}(hot); */
	/*@ assert store_kept: store_keeps{Pre, Here}(m->store, count); */
	/*@ assert granules: \forall integer k; 0 <= k < count ==> granule(hot, m->store->object[k])
	      == \at(granule(hot, m->store->object[k]), Pre); */
	/*@ assert start: starts_granule(hot, object); */
	/*@ assert byte: state_byte(hot, granule(hot, object)); */
	/*@ assert none: hot->state[granule(hot, object)] == 0; */
	/*@ assert starts: \forall integer k; 0 <= k < count ==>
	      starts_granule(hot, m->store->object[k]); */
	/*@ assert bytes: \forall integer k; 0 <= k < count ==>
	      state_byte(hot, granule(hot, m->store->object[k])); */
	/*@ assert zeros: \forall integer k; 0 <= k < count ==>
	      hot->state[granule(hot, m->store->object[k])] == 0; */
	/*@ assert others: store_idle(hot, m->store, count); */
	/*@ assert ended: object_idle(hot, object); */
	/*@ assert last: m->store->object[count] == object; */
	/*@ assert idle: store_idle(hot, m->store, count + 1); */
	/*@ assert distinct: store_granules_distinct(hot, m->store, count + 1); */
}

/* Takes a live object back if there is room in the magazine; false, and nothing changes, if it is
 * none, if every free is to be looked at, or if there is no room. */
static inline bool slabpool_hot_give(const struct slabpool_hot *hot, struct slabpool_magazine *m,
				     void *object)
{
	size_t granule = slabpool_granule_of(hot, object);
	size_t granules = slabpool_load_size(&hot->granules);
	size_t count = m->count;
	uint8_t *byte;

	if (SLABPOOL_UNLIKELY(count == m->capacity))
		return false;
	if (SLABPOOL_CHECKS && SLABPOOL_UNLIKELY(granule >= granules))
		return false;
	byte = &hot->state[granule];
	if (SLABPOOL_CHECKS && SLABPOOL_UNLIKELY(slabpool_load_u8(byte) != hot->fast_tag))
		return false;
	slabpool_hot_keep(hot, m, count, byte, object);
	return true;
}

#endif
