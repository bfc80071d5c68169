/* SPDX-License-Identifier: MIT */
/* One contiguous range of address space: pages, who owns them, and a state byte a granule. */
#ifndef SLABPOOL_CORE_ARENA_H
#define SLABPOOL_CORE_ARENA_H

#include "core/buddy.h"
#include "core/slab.h"
#include <slabpool/gfp.h>
#include <slabpool/platform.h>

/* State bytes. 0: no live object starts in this granule. */
#define STATE_NONE 0u
#define STATE_TAG_FIRST 1u      /* live object of the cache with this tag */
#define STATE_TAG_LAST 250u
#define STATE_RUN_KMALLOC 252u  /* page run of a large kmalloc */
#define STATE_RUN_PAGES 253u    /* page run of alloc_pages */
#define STATE_RUN_VMALLOC 254u  /* page run of vmalloc */
#define STATE_TAG_SHARED 255u   /* live object of a cache without a tag of its own */

/* page_map values: 0 no owner, else slab index + 1 (at most pages); at the first page of a page run
 * PAGE_RUN + its length in pages. */
#define PAGE_RUN 0x80000000u
#define PAGE_UNOWNED 0u
#define PAGE_LOST 0x7fffffffu  /* only inside arena_collect() */

/* What pages are used for. */
enum arena_use { ARENA_SLAB, ARENA_RUN };

struct arena {
	/* Set once by arena_init. */
	unsigned char *base;      /* multiple of the largest run's size where the platform can */
	uintptr_t address;        /* base as a number */
	uint32_t pages;           /* usable pages from base */
	uint32_t granule_shift;
	uint32_t *page_map;       /* pages entries */
	uint8_t *state;           /* pages << (PAGE_SHIFT - granule_shift) entries */
	uint64_t *bits;           /* words_a_page words a page: free bits of the slab there */
	uint32_t words_a_page;
	struct slab *slab;        /* pages descriptors; slab_count were ever used */
	struct page_link *link;   /* pages entries, valid for the head of a free run */
	uint8_t *order;           /* pages entries: 0, or 1 + order of the free run starting here,
	                             with ORDER_IDLE if its memory was not given back, with
	                             ORDER_CLEAN if that of its tables was, too */
	void *reservation;
	size_t reserved;
	uint32_t align;           /* base is a multiple of this many bytes */
	/* Written under lock, read by anyone. */
	size_t open_granules;     /* state bytes of open pages: the table ends here */
	/* Protected by lock. */
	struct slabpool_lock lock;
#define GUARDED SLABPOOL_GUARDED(arena_locks)
	uint32_t opened GUARDED;  /* pages below this were handed to the page layer */
	uint32_t slab_count GUARDED; /* descriptors below this were ever used */
	uint32_t slab_free GUARDED; /* unused descriptors below slab_count, by slab.next */
	uint32_t free_run[ARENA_ORDERS] GUARDED;
	uint64_t idle_pages GUARDED; /* free pages that still have memory */
	uint64_t used[2] GUARDED; /* pages in slabs, pages in page runs */
#undef GUARDED
	bool tag_used[256] SLABPOOL_GUARDED(instance_locks); /* tags of live caches */
	struct kmem_cache *fast[256]; /* by tag: the cache, if a free needs no more than its tag */
};

#include "../../proofs/logic/Arena.acsl"

/* Writes owner into the page map. */
/*@ requires memory: arena_memory(arena);
    requires inside: page + pages <= arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns arena->page_map[page .. page + pages - 1];
    ensures owner: owner_set(arena, page, pages, owner);
*/
void arena_set_owner(struct arena *arena, uint32_t page, uint32_t pages, uint32_t owner);
/* The free runs, for buddy.h. */
/*@ requires memory: \valid(arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures tables: \result.link == arena->link && \result.order == arena->order &&
      \result.head == &arena->free_run[0] && \result.idle == &arena->idle_pages &&
      \result.opened == arena->opened;
*/
SLABPOOL_UNDER(arena_locks)
static inline struct free_runs runs_of(struct arena *arena)
{
	struct free_runs r = { arena->link, arena->order, arena->free_run, &arena->idle_pages,
			       arena->opened };

	return r;
}

/* Every free run is where the tables say; no lock, no other call may run. */
/*@ requires memory: arena_memory(arena) && arena->opened <= arena->pages;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
bool arena_is_valid(const struct arena *arena);
/* State bytes of so many pages. */
/*@ requires pages: pages <= SIZE_MAX / 512;
    requires shift: 3 <= granule_shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures number: \result == pages * granules_a_page(granule_shift);
*/
static inline size_t granules_of(size_t pages, uint32_t granule_shift)
{
	uint32_t shift = SLABPOOL_PAGE_SHIFT - granule_shift;

	/*@ ghost
	  /@ loop invariant range: 0 <= i <= shift;
	     loop invariant size: (1 << i) == granules_a_page(12 - i);
	     loop assigns i;
	     loop variant shift - i;
	  @/
	  for (uint32_t i = 0; i < shift; i++) {
	    /@ assert shifted: ((1 << i) << 1) == (1 << (i + 1)); @/
	  }
	*/
	/*@ assert each: (1 << shift) == granules_a_page(granule_shift); */
	/*@ assert known: (1 << shift) == 1 || (1 << shift) == 2 || (1 << shift) == 4 ||
	      (1 << shift) == 8 || (1 << shift) == 16 || (1 << shift) == 32 ||
	      (1 << shift) == 64 || (1 << shift) == 128 || (1 << shift) == 256 ||
	      (1 << shift) == 512; */
	return pages * ((size_t)1 << shift);
}

#endif
