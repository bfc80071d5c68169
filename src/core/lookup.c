/* SPDX-License-Identifier: MIT */
/*
 * From an address to its slab and object, and back.
 *
 *      p --- base --> offset --- page_map --> slab --- division --> object
 *
 *      base            page 0   page 1   page 2   page 3   page 4
 *      |---------------|--------|--------|--------|--------|-----
 *      page_map          0        s + 1    s + 1    RUN + n  0
 *                        nobody   slab s   slab s   n pages  (inside a run: 0)
 *
 * No header is ever looked for near p: an address that the caller made up leads to an offset, an
 * entry of a table and a descriptor, each of them checked against its bounds, and never to memory
 * that the allocator does not own. That is at once the check for foreign pointers.
 *
 * Guarantee, proved by the contracts in lookup.h:
 *  1. lookup_offset() is exact: base + offset = p, or p is none of the arena's bytes.
 *  2. lookup_slab() is what the page map says. Where the map is exact (each page of a slab's run
 *     names it, and no other page does), the slab owns the page, and no other slab does.
 *  3. lookup_object() is i if and only if object i holds the byte:
 *     start(i) <= offset < start(i) + stride.
 *  4. lookup_address() is the inverse of 3. Its object lies inside the run, overlaps no other
 *     object of the slab, and is memory if the run is. It is aligned to whatever divides the
 *     arena's address, the run's start, the colour and the stride: the buddy layer gives runs
 *     that are aligned to their size, and geometry makes the rest multiples of the alignment.
 *
 * One thing is taken on trust: slabpool_pointer_offset() in slabpool/compiler.h, three lines that
 * compare two addresses as numbers. Nothing here looks at what a pointer points to.
 *
 * Locking: none. base, pages and the tables' addresses never change; an entry of the page map is
 * read by a relaxed atomic load, and whoever asks about a live object asks about an entry that
 * stays as it is while the object lives.
 *
 * How to observe it: kmem_dump_obj() prints what these functions find.
 */
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

size_t lookup_start(const struct arena *arena, uint32_t slab, uint32_t index)
{
	const struct slab *s = &arena->slab[slab];
	size_t offset = s->page * LOOKUP_PAGE_BYTES + slab_object_offset(s, index);

	/*@ assert offset: offset == object_start(arena, slab, index); */
	/*@ assert inside: start_in_run(arena, slab, index); */
	/*@ ghost address_is_aligned(arena, slab, index); */
	return offset;
}

unsigned char *lookup_address(const struct arena *arena, uint32_t slab, uint32_t index)
{
	size_t offset = lookup_start(arena, slab, index);

	/*@ assert apart: \forall integer j; 0 <= j < arena->slab[slab].capacity && j != index ==>
	      objects_apart(&arena->slab[slab], index, j) &&
	      objects_separated(arena, slab, index, j); */
	return arena->base + offset;
}
