/* SPDX-License-Identifier: MIT */
#include "core/lookup.h"
#include "../../proofs/logic/MultipleLemmas.acsl"

size_t lookup_offset(const struct arena *arena, const unsigned char *p)
{
	return slabpool_pointer_offset(arena->base, arena->pages * LOOKUP_PAGE_BYTES, p);
}

uint32_t lookup_slab(const struct arena *arena, size_t offset)
{
	uint32_t page = (uint32_t)(offset / LOOKUP_PAGE_BYTES);
	uint32_t owner = slabpool_load_u32(&arena->page_map[page]);

	/* What is beyond the table is the length of a page run. */
	if (owner == PAGE_UNOWNED || owner > arena->pages)
		return SLAB_NO_SLAB;
	return owner - 1;
}

/* What an object holds lies in the run: shown for one object after the other. */
/*@ ghost
  /@ requires memory: \valid_read(s);
     requires sizes: slab_fits(s);
     terminates always: \true;
     exits never: \false;
     assigns \nothing;
     ensures inside: held_inside(s, s->capacity);
  @/
  void objects_are_inside(const struct slab *s) {
    /@ loop invariant range: 0 <= i <= s->capacity;
       loop invariant inside: held_inside(s, i);
       loop assigns i;
       loop variant s->capacity - i;
    @/
    for (uint32_t i = 0; i < s->capacity; i++) {
      product_in_order(i + 1, s->capacity, s->stride);
      /@ assert next: 0 <= object_offset(s, i) &&
           object_offset(s, i) + s->stride <= s->bytes; @/
    }
  }
*/

uint32_t lookup_object(const struct arena *arena, uint32_t slab, size_t offset)
{
	const struct slab *s = &arena->slab[slab];
	size_t start = s->page * LOOKUP_PAGE_BYTES;

	/*@ ghost objects_are_inside(s); */
	if (offset < start || offset - start >= s->bytes)
		return SLAB_NO_OBJECT;
	return slab_object_at(s, (uint32_t)(offset - start));
}

/* What divides the address, the run's start and the object's offset divides their sum: shown for
 * one divisor after the other. */
/*@ ghost
  /@ requires tables: arena_tables(arena);
     requires slab: slab_in_arena(arena, slab);
     requires index: index < arena->slab[slab].capacity;
     requires inside: start_in_run(arena, slab, index);
     requires aligned: object_aligned(&arena->slab[slab], index);
     terminates always: \true;
     exits never: \false;
     assigns \nothing;
     ensures aligned: address_aligned(arena, slab, index);
  @/
  void address_is_aligned(const struct arena *arena, uint32_t slab, uint32_t index) {
    uint64_t start = (uint64_t)arena->slab[slab].page * LOOKUP_PAGE_BYTES;
    uint64_t offset = arena->slab[slab].first +
                      (uint64_t)index * arena->slab[slab].stride;
    /@ assert start: start == run_start(arena, slab); @/
    /@ assert offset: offset == object_offset(&arena->slab[slab], index); @/
    /@ loop invariant range: 1 <= d <= SLAB_MAX_BYTES + 1;
       loop invariant aligned: \forall integer e; 0 < e < d && divides_slab(arena, slab, e) ==>
         (arena->address + object_start(arena, slab, index)) % e == 0;
       loop assigns d;
       loop variant SLAB_MAX_BYTES + 1 - d;
    @/
    for (uint32_t d = 1; d <= SLAB_MAX_BYTES; d++) {
      if (arena->address % d == 0 && start % d == 0 && arena->slab[slab].first % d == 0 &&
          arena->slab[slab].stride % d == 0) {
        sum_is_multiple(start, offset, d);
        sum_is_multiple(arena->address, start + offset, d);
      }
    }
  }
*/

unsigned char *lookup_address(const struct arena *arena, uint32_t slab, uint32_t index)
{
	const struct slab *s = &arena->slab[slab];
	size_t offset = s->page * LOOKUP_PAGE_BYTES + slab_object_offset(s, index);

	/*@ assert offset: offset == object_start(arena, slab, index); */
	/*@ assert inside: start_in_run(arena, slab, index); */
	/*@ ghost address_is_aligned(arena, slab, index); */
	/*@ assert apart: \forall integer j; 0 <= j < s->capacity && j != index ==>
	      objects_apart(s, index, j) && objects_separated(arena, slab, index, j); */
	return arena->base + offset;
}
