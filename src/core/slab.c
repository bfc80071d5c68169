/* SPDX-License-Identifier: MIT */
/*
 * One slab: which of its objects are free.
 *
 * A slab is a run of pages cut into objects of one stride. Nothing of what is known about it lies
 * inside the run: the descriptor and one bit an object stand in tables of the arena, so that a
 * write behind the end of an object cannot harm them.
 *
 *      run    |colour|  object 0  |  object 1  | ... | object capacity-1 | waste |
 *             0    first      first+stride                                     bytes
 *
 *      bits   free_bits[0]     free_bits[1]     ...      last word
 *             bit 0 .. 63      bit 64 .. 127             bits from capacity on are 0
 *                 ^ hint: every word before it is 0
 *
 * States of object i and their legal moves
 *  1. free     bit set: slab_take() may hand it out
 *  2. taken    bit clear: it is the cache layer's, in a magazine, in the depot or with the user
 *     slab_init()  all free
 *     slab_take()  free -> taken; always the lowest free one
 *     slab_give()  taken -> free; refuses what is free already
 *
 * Guarantee, proved by the contracts in slab.h, with F(s) the set { i : bit i of s is set }:
 *     F(s) is a subset of 0 .. capacity-1, and free_count = |F(s)|
 *     take:  F' = F \ { min F }, and the result is min F; SLAB_NO_OBJECT if and only if F is empty
 *     give:  F' = F + { i } if i < capacity is not in F; otherwise false and F' = F
 *     offset(i) = first + i * stride;  for i != j the ranges [offset(i), offset(i) + stride) and
 *     [offset(j), offset(j) + stride) are disjoint and lie in [0, bytes); what divides first and
 *     stride divides offset(i)
 *     object_at(o) = i  if and only if  offset(i) <= o < offset(i) + stride
 *
 * Why a search by words: a slab is used in bursts, a magazine at a time. The hint stands at the
 * word that was used last, so that taking 64 objects costs one test and one count of trailing
 * zeros each, and ascending addresses come for nothing. The hint only ever errs low.
 *
 * Locking: the lock of the cache that owns the slab. The functions touch nothing but the fields
 * that slab.h names above "Owned by the cache layer", and the slab's own words.
 *
 * How to observe it: slab_is_valid() checks all of the above on a live slab; the sum of
 * capacity - free_count over a cache's slabs is what its statistics call taken.
 */
#include "core/slab.h"
#include "../../proofs/logic/Word.acsl"
#include "../../proofs/logic/BitLemmas.acsl"
#include "../../proofs/logic/MultipleLemmas.acsl"


/*@ requires position: k < 64;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures set: word_bit(\result, k);
    ensures others: same_bits_but(word, \result, k);
*/
static uint64_t word_set(uint64_t word, uint32_t k)
{
	/*@ assert in_range: (uint64_t)(1 << k) == (1 << k); */
	return word | (uint64_t)1 << k;
}

/*@ requires position: k < 64;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures clear: !word_bit(\result, k);
    ensures others: same_bits_but(word, \result, k);
*/
static uint64_t word_clear(uint64_t word, uint32_t k)
{
	/*@ assert in_range: (uint64_t)(1 << k) == (1 << k); */
	return word & ~((uint64_t)1 << k);
}

/*@ requires position: k < 64;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bit: \result <==> word_bit(word, k);
*/
static bool word_test(uint64_t word, uint32_t k)
{
	/*@ assert in_range: (uint64_t)(1 << k) == (1 << k); */
	return (word & (uint64_t)1 << k) != 0;
}

/* The lowest k bits set. */
/*@ requires position: 1 <= k <= 64;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures low: low_bits(\result, k);
*/
static uint64_t word_low(uint32_t k)
{
	/*@ ghost max_has_all_bits(); */
	/*@ ghost ones_shifted_down(UINT64_MAX, k); */
	return UINT64_MAX >> (64 - k);
}

/*@ requires range: index < SLAB_MAX_OBJECTS;
    requires memory: \valid(bits + index / 64);
    terminates always: \true;
    exits never: \false;
    assigns bits[index / 64];
    ensures set: bit(bits, index);
    ensures others: bits_kept_but{Pre, Post}(bits, SLAB_MAX_OBJECTS, index);
    ensures count: !bit{Pre}(bits, index) ==>
            bits_counted{Pre, Post}(bits, SLAB_MAX_OBJECTS, index, 1);
*/
static void bit_set(uint64_t *bits, uint32_t index)
{
	bits[index / 64] = word_set(bits[index / 64], index % 64);
	/*@ assert others: bits_kept_but{Pre, Here}(bits, SLAB_MAX_OBJECTS, index); */
	/*@ ghost
	  /@ loop invariant range: 0 <= i <= SLAB_MAX_OBJECTS;
	     loop invariant count: !bit{Pre}(bits, index) ==>
	                           bits_counted{Pre, Here}(bits, i, index, 1);
	     loop assigns i;
	     loop variant SLAB_MAX_OBJECTS - i;
	  @/
	  for (uint32_t i = 0; i < SLAB_MAX_OBJECTS; i++) {
	    /@ assert before: bits_count{Pre}(bits, i + 1) ==
	         bits_count{Pre}(bits, i) + bit_value{Pre}(bits, i); @/
	    /@ assert after: bits_count(bits, i + 1) ==
	         bits_count(bits, i) + bit_value(bits, i); @/
	    /@ assert same: i != index ==> bit_value(bits, i) == bit_value{Pre}(bits, i); @/
	    /@ assert more: i == index ==> !bit{Pre}(bits, index) ==>
	         bit_value(bits, i) == 1 && bit_value{Pre}(bits, i) == 0; @/
	  }
	*/
}

/*@ requires range: index < SLAB_MAX_OBJECTS;
    requires memory: \valid(bits + index / 64);
    terminates always: \true;
    exits never: \false;
    assigns bits[index / 64];
    ensures clear: !bit(bits, index);
    ensures others: bits_kept_but{Pre, Post}(bits, SLAB_MAX_OBJECTS, index);
    ensures count: bit{Pre}(bits, index) ==>
            bits_counted{Pre, Post}(bits, SLAB_MAX_OBJECTS, index, -1);
*/
static void bit_clear(uint64_t *bits, uint32_t index)
{
	bits[index / 64] = word_clear(bits[index / 64], index % 64);
	/*@ assert others: bits_kept_but{Pre, Here}(bits, SLAB_MAX_OBJECTS, index); */
	/*@ ghost
	  /@ loop invariant range: 0 <= i <= SLAB_MAX_OBJECTS;
	     loop invariant count: bit{Pre}(bits, index) ==>
	                           bits_counted{Pre, Here}(bits, i, index, -1);
	     loop assigns i;
	     loop variant SLAB_MAX_OBJECTS - i;
	  @/
	  for (uint32_t i = 0; i < SLAB_MAX_OBJECTS; i++) {
	    /@ assert before: bits_count{Pre}(bits, i + 1) ==
	         bits_count{Pre}(bits, i) + bit_value{Pre}(bits, i); @/
	    /@ assert after: bits_count(bits, i + 1) ==
	         bits_count(bits, i) + bit_value(bits, i); @/
	    /@ assert same: i != index ==> bit_value(bits, i) == bit_value{Pre}(bits, i); @/
	    /@ assert less: i == index ==> bit{Pre}(bits, index) ==>
	         bit_value(bits, i) == 0 && bit_value{Pre}(bits, i) == 1; @/
	  }
	*/
}

/*@ requires memory: \valid_read(bits + index / 64);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bit: \result <==> bit(bits, index);
*/
static bool bit_test(const uint64_t *bits, uint32_t index)
{
	return word_test(bits[index / 64], index % 64);
}

/* All bits of the words of capacity objects, and none behind. */
/*@ requires range: 0 < capacity <= SLAB_MAX_OBJECTS;
    requires memory: \valid(bits + (0 .. words_for(capacity) - 1));
    terminates always: \true;
    exits never: \false;
    assigns bits[0 .. words_for(capacity) - 1];
    ensures set: bits_set_between(bits, 0, capacity);
    ensures clear: bits_clear_between(bits, capacity, 64 * words_for(capacity));
*/
static void bits_fill(uint64_t *bits, uint32_t capacity)
{
	uint32_t last = (capacity - 1) / 64, i;

	/*@ ghost max_has_all_bits(); */
	/*@ assert words: last == words_for(capacity) - 1; */
	/*@ loop invariant range: 0 <= i <= last;
	    loop invariant set: bits_set_between(bits, 0, 64 * i);
	    loop assigns i, bits[0 .. last - 1];
	    loop variant last - i;
	*/
	for (i = 0; i < last; i++)
		bits[i] = UINT64_MAX;
	bits[last] = word_low(capacity - last * 64);
}

void slab_init(struct slab *slab, uint64_t *bits, uint32_t capacity, uint32_t first,
	       uint32_t stride, uint32_t bytes)
{
	slab->free_bits = bits;
	slab->capacity = capacity;
	slab->free_count = capacity;
	slab->hint = 0;
	slab->first = first;
	slab->stride = stride;
	slab->bytes = bytes;
	bits_fill(bits, capacity);
	/*@ ghost count_all_bits(bits, capacity); */
	/*@ assert fits: slab_fits(slab); */
	/*@ assert tail: slab_tail(slab); */
	/*@ assert hint: slab_hint(slab); */
	/*@ assert count: slab_count(slab); */
}

uint32_t slab_take(struct slab *slab)
{
	uint32_t words = (slab->capacity + 63) / 64, w, k, index;

	/*@ loop invariant range: slab->hint <= w <= words;
	    loop invariant skipped: bits_clear_between(slab->free_bits, 0, 64 * w);
	    loop assigns w;
	    loop variant words - w;
	*/
	for (w = slab->hint; w < words; w++)
		if (slab->free_bits[w] != 0)
			break;
	slab->hint = w;
	if (w == words) {
		/*@ assert none: no_object_free(slab); */
		/*@ ghost count_all_bits(slab->free_bits, slab->capacity); */
		return SLAB_NO_OBJECT;
	}
	k = slabpool_ctz64(slab->free_bits[w]);
	index = w * 64 + k;
	/*@ assert position: index / 64 == w && index % 64 == k; */
	/*@ assert found: bit(slab->free_bits, index); */
	/*@ assert exists: index < slab->capacity; */
	/*@ assert below: \forall integer i; 64 * w <= i < index ==> i / 64 == w && i % 64 < k; */
	/*@ assert word: bits_clear_between(slab->free_bits, 64 * w, index); */
	/*@ assert lowest: bits_clear_between(slab->free_bits, 0, index); */
	bit_clear(slab->free_bits, index);
	/*@ ghost count_all_bits(slab->free_bits, slab->capacity); */
	slab->free_count--;
	/*@ assert tail: slab_tail(slab); */
	/*@ assert hint: slab_hint(slab); */
	/*@ assert count: slab_count(slab); */
	return index;
}

bool slab_give(struct slab *slab, uint32_t index)
{
	if (index >= slab->capacity || bit_test(slab->free_bits, index))
		return false;
	bit_set(slab->free_bits, index);
	/*@ ghost count_all_bits(slab->free_bits, slab->capacity); */
	slab->free_count++;
	if (index / 64 < slab->hint)
		slab->hint = index / 64;
	/*@ assert tail: slab_tail(slab); */
	/*@ assert hint: slab_hint(slab); */
	/*@ assert count: slab_count(slab); */
	return true;
}

bool slab_is_free(const struct slab *slab, uint32_t index)
{
	return index < slab->capacity && bit_test(slab->free_bits, index);
}

/* What divides first and stride divides the offset: shown for one divisor after the other. */
/*@ ghost
  /@ requires memory: \valid_read(slab);
     requires sizes: slab_fits(slab);
     requires range: index < slab->capacity;
     terminates always: \true;
     exits never: \false;
     assigns \nothing;
     ensures aligned: object_aligned(slab, index);
  @/
  void object_is_aligned(const struct slab *slab, uint32_t index) {
    /@ assert product: index * slab->stride <= slab->capacity * slab->stride; @/
    /@ loop invariant range: 1 <= a <= SLAB_MAX_BYTES + 1;
       loop invariant aligned: \forall integer d;
         0 < d < a && slab->first % d == 0 && slab->stride % d == 0 ==>
         object_offset(slab, index) % d == 0;
       loop assigns a;
       loop variant SLAB_MAX_BYTES + 1 - a;
    @/
    for (uint32_t a = 1; a <= SLAB_MAX_BYTES; a++) {
      if (slab->first % a == 0 && slab->stride % a == 0) {
        multiple_of_multiple(index, slab->stride, a);
        sum_is_multiple(slab->first, (uint64_t)index * slab->stride, a);
      }
    }
  }
*/

uint32_t slab_object_offset(const struct slab *slab, uint32_t index)
{
	/*@ assert before: \forall integer j; 0 <= j < index ==>
	      j * slab->stride + slab->stride <= index * slab->stride; */
	/*@ assert after: \forall integer j; index < j <= slab->capacity ==>
	      index * slab->stride + slab->stride <= j * slab->stride; */
	/*@ assert apart_before: \forall integer j; 0 <= j < index ==>
	      objects_apart(slab, index, j); */
	/*@ assert apart_after: \forall integer j; index < j < slab->capacity ==>
	      objects_apart(slab, index, j); */
	/*@ ghost object_is_aligned(slab, index); */
	return slab->first + index * slab->stride;
}

uint32_t slab_object_at(const struct slab *slab, uint32_t offset)
{
	uint32_t index;

	if (offset < slab->first)
		return SLAB_NO_OBJECT;
	index = (offset - slab->first) / slab->stride;
	/*@ assert here: object_offset(slab, index) <= offset <
	      object_offset(slab, index) + slab->stride; */
	/*@ assert lower: \forall integer j; 0 <= j < index ==>
	      j * slab->stride + slab->stride <= index * slab->stride; */
	/*@ assert higher: \forall integer j; index < j ==>
	      index * slab->stride + slab->stride <= j * slab->stride; */
	return index < slab->capacity ? index : SLAB_NO_OBJECT;
}

/* Sizes fit together, whatever the bits say. */
/*@ requires memory: \valid_read(slab);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures sizes: \result <==> slab->free_bits != \null && slab_fits(slab);
*/
static bool sizes_are_valid(const struct slab *slab)
{
	uint32_t room;

	if (slab->free_bits == NULL || slab->capacity == 0 || slab->stride == 0)
		return false;
	if (slab->capacity > SLAB_MAX_OBJECTS || slab->bytes > SLAB_MAX_BYTES)
		return false;
	if (slab->first > slab->bytes)
		return false;
	room = slab->bytes - slab->first;
	/*@ assert quotient: room / slab->capacity * slab->capacity <= room <
	      (room / slab->capacity + 1) * slab->capacity; */
	/*@ assert fits: slab->stride <= room / slab->capacity ==>
	      slab->stride * slab->capacity <= room / slab->capacity * slab->capacity; */
	/*@ assert passes: slab->stride > room / slab->capacity ==>
	      slab->stride * slab->capacity >= (room / slab->capacity + 1) * slab->capacity; */
	return slab->stride <= room / slab->capacity;
}

/*@ requires range: to <= SLAB_MAX_OBJECTS;
    requires memory: \valid_read(bits + (0 .. words_for(to) - 1));
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures clear: \result <==> bits_clear_between(bits, from, to);
*/
static bool bits_are_clear(const uint64_t *bits, uint32_t from, uint32_t to)
{
	uint32_t i;

	/*@ loop invariant range: from <= i && (i <= to || i == from);
	    loop invariant clear: bits_clear_between(bits, from, i);
	    loop assigns i;
	    loop variant to - i;
	*/
	for (i = from; i < to; i++)
		if (bit_test(bits, i))
			return false;
	return true;
}

/*@ requires range: n <= SLAB_MAX_OBJECTS;
    requires memory: \valid_read(bits + (0 .. words_for(n) - 1));
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures count: \result == bits_count(bits, n);
*/
static uint32_t bits_counted_below(const uint64_t *bits, uint32_t n)
{
	uint32_t count = 0, i;

	/*@ loop invariant range: 0 <= i <= n;
	    loop invariant count: count == bits_count(bits, i) && count <= i;
	    loop assigns i, count;
	    loop variant n - i;
	*/
	for (i = 0; i < n; i++) {
		/*@ ghost count_one_bit(bits, i); */
		if (bit_test(bits, i))
			count++;
	}
	return count;
}

bool slab_is_valid(const struct slab *slab)
{
	uint32_t words;

	if (!sizes_are_valid(slab))
		return false;
	words = (slab->capacity + 63) / 64;
	return slab->hint <= words && bits_are_clear(slab->free_bits, 0, slab->hint * 64) &&
	       bits_are_clear(slab->free_bits, slab->capacity, words * 64) &&
	       bits_counted_below(slab->free_bits, slab->capacity) == slab->free_count;
}
