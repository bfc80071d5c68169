/* SPDX-License-Identifier: MIT */
/*
 * Layout: the places of an arena's data and tables in its reservation, in one of two orders.
 *
 *  large   base | state | bits | page_map | slab | link | order     with gaps
 *  small   base | bits | slab | link | page_map | state | order     without
 *
 * Guarantee: each ends before the next begins, no sum overflows, and each starts at a multiple of
 * its entries' alignment if the reservation does.
 */
#include "core/layout.h"

#include "../../proofs/logic/LayoutLemmas.acsl"

/* An object, its state byte, its cache and the thread's slot and magazine are used together. On
 * some processors two lines whose addresses agree in the low bits and in a hash of the next ones
 * push each other out of the first-level cache: 22 ns for a hot pair instead of 4. Ranges of round
 * sizes at round addresses agree in all of them, so large arenas begin, and their state bytes
 * follow, with a skew that makes the hashes differ. It costs address space only. */
#define SKEW_PAGES ((size_t)1 << 16)  /* arenas of fewer pages have none */
#define SKEW_UNIT ((size_t)ARENA_MAX_RUN << SLABPOOL_PAGE_SHIFT)

/*@ requires align: align > 0 && n + align <= SIZE_MAX;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures least: n <= \result < n + align;
    ensures multiple: \result % align == 0;
*/
static size_t round_up_size(size_t n, size_t align)
{
	size_t last = n + align - 1;

	/*@ ghost product_is_multiple(last / align, align); */
	/*@ assert whole: last - last % align == (last / align) * align; */
	return last - last % align;
}

uint32_t words_a_page(uint32_t granule_shift)
{
	uint32_t granules = (uint32_t)granules_of(1, granule_shift);

	return granules < 64 ? 1 : granules / 64;
}

/* Bytes before the data of a large arena: less than 31 skews. */
/*@ requires shift: 3 <= granule_shift <= 12;
    requires skew: skew == 0 || skew == SKEW_UNIT;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures few: \result <= 30 * SKEW_UNIT;
    ensures aligned: \result % SKEW_UNIT == 0;
*/
static size_t data_offset(uint32_t granule_shift, size_t skew)
{
	size_t skews = (5 + 7 * (size_t)granule_shift) % 31;

	/*@ ghost product_is_multiple(skews, SKEW_UNIT); */
	return skews * skew;
}

/* Where the tables stand, each at another offset from a page's start. */
/*@ requires memory: \valid(layout);
    requires pages: table_bounds(pages, granules, words);
    requires shift: 3 <= granule_shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns *layout;
    ensures apart: layout_spread(layout, pages, granules, words);
    ensures staggered: layout_staggered(layout, pages, granules, words);
    ensures aligned: layout_aligned(layout);
*/
static void layout_compute(struct arena_layout *layout, size_t pages, uint32_t granule_shift,
			   size_t granules, size_t words)
{
	size_t skew = pages < SKEW_PAGES ? 0 : SKEW_UNIT, at;

	layout->base = data_offset(granule_shift, skew);
	at = layout->base + pages * SLABPOOL_PAGE_SIZE;
	layout->state = at + 45 * skew + 832;
	layout->bits = round_up_size(layout->state + granules, 64) + 192;
	at = layout->bits + words * sizeof(uint64_t);
	layout->page_map = round_up_size(at, 64) + 320;
	at = layout->page_map + pages * sizeof(uint32_t);
	layout->slab = round_up_size(at, 64) + 448;
	at = layout->slab + pages * sizeof(struct slab);
	layout->link = round_up_size(at, 64) + 64;
	at = layout->link + pages * sizeof(struct page_link);
	layout->order = round_up_size(at, 64) + 128;
	layout->end = round_up_size(layout->order + pages, SLABPOOL_PAGE_SIZE);
}

/* Small arenas need less room before the tables than the offsets above take. */
/*@ requires memory: \valid(layout);
    requires pages: table_bounds(pages, granules, words) && pages < 256;
    terminates always: \true;
    exits never: \false;
    assigns *layout;
    ensures apart: layout_dense(layout, pages, granules, words);
    ensures aligned: layout_aligned(layout);
*/
static void layout_compact(struct arena_layout *layout, size_t pages, size_t granules,
			   size_t words)
{
	layout->base = 0;
	layout->bits = pages * SLABPOOL_PAGE_SIZE;
	/*@ assert bits: layout->bits == pages * 512 * 8; */
	layout->slab = layout->bits + words * sizeof(uint64_t);
	layout->link = layout->slab + pages * sizeof(struct slab);
	layout->page_map = layout->link + pages * sizeof(struct page_link);
	layout->state = layout->page_map + pages * sizeof(uint32_t);
	layout->order = layout->state + granules;
	layout->end = layout->order + pages;
	/*@ assert words: layout->bits % 8 == 0 && layout->slab % 8 == 0; */
	/*@ assert links: layout->link % 8 == 0 && layout->page_map % 8 == 0; */
	/*@ assert base: layout->base == 0; */
}

void layout_choose(struct arena_layout *layout, uint32_t pages, uint32_t granule_shift)
{
	size_t granules = granules_of(pages, granule_shift);
	size_t words;

	/*@ ghost table_sizes(pages, granule_shift); */
	words = (size_t)pages * words_a_page(granule_shift);
	if (pages < 256)
		layout_compact(layout, pages, granules, words);
	else
		layout_compute(layout, pages, granule_shift, granules, words);
}

size_t base_align(uint32_t pages)
{
	size_t align = SLABPOOL_PAGE_SIZE;
	uint32_t limit = pages >= 256 ? pages : pages / 8;

	/*@ loop invariant power: base_alignment(align);
	    loop invariant small: align == SLABPOOL_PAGE_SIZE ||
	      align / SLABPOOL_PAGE_SIZE <= limit;
	    loop assigns align;
	    loop variant ARENA_MAX_RUN * SLABPOOL_PAGE_SIZE - align;
	*/
	while (align < ((size_t)ARENA_MAX_RUN << SLABPOOL_PAGE_SHIFT) &&
	       align / SLABPOOL_PAGE_SIZE * 2 <= limit)
		align *= 2;
	return align;
}

uint32_t pages_of(size_t bytes)
{
	size_t pages = (bytes > SIZE_MAX / 2 ? SIZE_MAX / 2 : bytes) / SLABPOOL_PAGE_SIZE;

	return pages > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)pages;
}
