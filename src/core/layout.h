/* SPDX-License-Identifier: MIT */
/* Where an arena's data and tables stand in its reservation. See layout.c. */
#ifndef SLABPOOL_CORE_LAYOUT_H
#define SLABPOOL_CORE_LAYOUT_H

#include "core/arena.h"

/* Offsets from the reservation's start. */
struct arena_layout {
	size_t base, state, bits, page_map, slab, link, order, end;
};

#include "../../proofs/logic/Layout.acsl"

/* Pages of an arena of so many bytes; it must leave room for its tables in the address space. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures room: \result * SLABPOOL_PAGE_SIZE <= SIZE_MAX / 2 && \result < PAGE_RUN;
    ensures some: bytes >= SLABPOOL_PAGE_SIZE ==> \result > 0;
*/
uint32_t pages_of(size_t bytes);
/* Words of free bits for a page that has as many objects as granules. */
/*@ requires shift: 3 <= granule_shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures words: \result == words_of_a_page(granule_shift);
*/
uint32_t words_a_page(uint32_t granule_shift);
/* Alignment of the base: the largest run's size, less where the arena is small. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: SLABPOOL_PAGE_SIZE <= \result <= ARENA_MAX_RUN * SLABPOOL_PAGE_SIZE;
    ensures power: base_alignment(\result);
    ensures small: \result == SLABPOOL_PAGE_SIZE ||
      \result / SLABPOOL_PAGE_SIZE <= base_pages(pages);
    ensures largest: \result == ARENA_MAX_RUN * SLABPOOL_PAGE_SIZE ||
      base_pages(pages) < \result / SLABPOOL_PAGE_SIZE * 2;
*/
size_t base_align(uint32_t pages);
/*@ requires memory: \valid(layout);
    requires pages: 0 < pages < PAGE_RUN && pages * SLABPOOL_PAGE_SIZE <= SIZE_MAX / 2;
    requires shift: 3 <= granule_shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns *layout;
    ensures apart:
      layout_spread(layout, pages, pages * granules_a_page(granule_shift),
                    pages * words_of_a_page(granule_shift)) ||
      layout_dense(layout, pages, pages * granules_a_page(granule_shift),
                   pages * words_of_a_page(granule_shift));
    ensures aligned: layout_aligned(layout);
*/
void layout_choose(struct arena_layout *layout, uint32_t pages, uint32_t granule_shift);

#endif
