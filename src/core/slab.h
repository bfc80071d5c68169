/* SPDX-License-Identifier: MIT */
/* One slab: which of its objects are free, out of line. See slab.c for the theory. */
#ifndef SLABPOOL_CORE_SLAB_H
#define SLABPOOL_CORE_SLAB_H

#include <slabpool/compiler.h>

#define SLAB_NO_OBJECT UINT32_MAX
#define SLAB_NO_SLAB UINT32_MAX
/* Most objects of a slab, and most bytes of its run. */
#define SLAB_MAX_OBJECTS 65536u
#define SLAB_MAX_BYTES 0x400000u

struct kmem_cache;

struct slab {
	uint64_t *free_bits;  /* bit i set: object i is free here; (capacity + 63) / 64 words */
	uint32_t capacity;    /* objects, 1 .. SLAB_MAX_OBJECTS */
	uint32_t free_count;  /* bits set */
	uint32_t hint;        /* no word below free_bits[hint] has a bit set */
	uint32_t first;       /* bytes from the run's start to object 0: the colour */
	uint32_t stride;      /* bytes from object to object */
	uint32_t bytes;       /* of the run: first + capacity * stride <= bytes <= SLAB_MAX_BYTES */
	/* Owned by the cache layer; the functions of slab.c leave them alone. */
	struct kmem_cache *owner;
	uint32_t cache;       /* id of the owner, UINT32_MAX while the descriptor is unused */
	uint32_t page;        /* first page of the run in its arena */
	uint32_t next, prev;  /* slab indices in one of the cache's lists */
	uint32_t list;        /* which list */
	uint32_t stamp;       /* when it became empty, in seconds of the platform's clock */
};

#include "../../proofs/logic/Bits.acsl"
#include "../../proofs/logic/Slab.acsl"

/* Starts with every object free. bits: (capacity + 63) / 64 words that belong to this slab. */
/*@ requires memory: slab_words(slab, bits, capacity);
    requires sizes: slab_sizes(capacity, first, stride, bytes);
    terminates always: \true;
    exits never: \false;
    assigns slab->free_bits, slab->capacity, slab->free_count, slab->hint,
            slab->first, slab->stride, slab->bytes, bits[0 .. words_for(capacity) - 1];
    ensures fields: slab->free_bits == bits && slab->capacity == capacity &&
            slab->first == first && slab->stride == stride && slab->bytes == bytes;
    ensures invariant: slab_memory(slab) && slab_ok(slab);
    ensures all_free: every_object_free(slab) && slab->free_count == capacity;
*/
void slab_init(struct slab *slab, uint64_t *bits, uint32_t capacity, uint32_t first,
	       uint32_t stride, uint32_t bytes);

/* Takes the lowest free object: its index, or SLAB_NO_OBJECT when all are taken. */
/*@ requires memory: slab_memory(slab);
    requires invariant: slab_ok(slab);
    terminates always: \true;
    exits never: \false;
    assigns slab->free_bits[0 .. words_for(slab->capacity) - 1], slab->hint,
            slab->free_count;
    ensures invariant: slab_ok(slab);
    ensures others: other_objects_kept{Pre, Post}(slab, \result);
    behavior full:
      assumes none: no_object_free(slab);
      ensures nothing: \result == SLAB_NO_OBJECT;
      ensures count: slab->free_count == \old(slab->free_count) == 0;
    behavior taken:
      assumes some: !no_object_free(slab);
      ensures lowest: lowest_free{Pre}(slab, \result);
      ensures taken: \result < slab->capacity && !object_free(slab, \result);
      ensures count: slab->free_count == \old(slab->free_count) - 1;
    complete behaviors;
    disjoint behaviors;
*/
uint32_t slab_take(struct slab *slab);

/* Gives object index back; false (and nothing changes) if it is free already or out of range. */
/*@ requires memory: slab_memory(slab);
    requires invariant: slab_ok(slab);
    terminates always: \true;
    exits never: \false;
    assigns slab->free_bits[index / 64], slab->hint, slab->free_count;
    ensures invariant: slab_ok(slab);
    ensures others: other_objects_kept{Pre, Post}(slab, index);
    behavior refused:
      assumes wrong: index >= slab->capacity || object_free(slab, index);
      assigns \nothing;
      ensures refused: !\result;
      ensures unchanged: other_objects_kept{Pre, Post}(slab, -1) &&
              slab->free_count == \old(slab->free_count) && slab->hint == \old(slab->hint);
    behavior given:
      assumes right: index < slab->capacity && !object_free(slab, index);
      ensures given: \result && object_free(slab, index);
      ensures count: slab->free_count == \old(slab->free_count) + 1;
    complete behaviors;
    disjoint behaviors;
*/
bool slab_give(struct slab *slab, uint32_t index);

/* True if object index is free in the slab. */
/*@ requires memory: slab_memory(slab);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bit: \result <==> object_free(slab, index);
*/
bool slab_is_free(const struct slab *slab, uint32_t index);

/* Byte offset of object index from the run's start. */
/*@ requires memory: \valid_read(slab);
    requires sizes: slab_fits(slab);
    requires range: index < slab->capacity;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures offset: \result == object_offset(slab, index);
    ensures inside: object_inside(slab, index);
    ensures apart: apart_from_others(slab, index);
    ensures aligned: object_aligned(slab, index);
*/
uint32_t slab_object_offset(const struct slab *slab, uint32_t index);

/* The object that holds byte offset of the run: its index, or SLAB_NO_OBJECT for the colour
 * before the first and the tail behind the last. */
/*@ requires memory: \valid_read(slab);
    requires sizes: slab_fits(slab);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures sound: \result == SLAB_NO_OBJECT || object_holds(slab, \result, offset);
    ensures complete: no_other_holds(slab, \result, offset);
*/
uint32_t slab_object_at(const struct slab *slab, uint32_t offset);

/* All invariants of the descriptor and its bits. */
/*@ requires memory: \valid_read(slab);
    requires words: slab->free_bits != \null && slab_fits(slab) ==>
             \valid_read(slab->free_bits + (0 .. words_for(slab->capacity) - 1));
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures valid: \result <==> slab->free_bits != \null && slab_ok(slab);
*/
bool slab_is_valid(const struct slab *slab);

#endif
