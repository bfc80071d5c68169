/* SPDX-License-Identifier: MIT */
/**
 * @file gfp.h
 * Allocation flags (gfp_t) and page-level calls with Linux's names.
 *
 * The numeric values are slabpool's own: Linux changes them from release to release, so no
 * program may hard-code them. Meaning here:
 *  - __GFP_ZERO       the memory is zeroed before it is returned;
 *  - __GFP_DIRECT_RECLAIM  the call may block (tested by gfpflags_allow_blocking()):
 *                     mempool_alloc() may wait. Empty slabs of all caches are reaped before any
 *                     allocation fails, whatever the mask: in user space that does not block;
 *  - __GFP_NOWARN     no message when the allocation fails;
 *  - __GFP_NOFAIL     a failure ends the program through the platform's fatal hook;
 *  - all others are accepted and have no effect in user space.
 */
#ifndef SLABPOOL_GFP_H
#define SLABPOOL_GFP_H

#include <slabpool/compiler.h>

SLABPOOL_BEGIN_DECLS

typedef unsigned int gfp_t;

#define ___GFP_DMA 0x1u
#define ___GFP_HIGHMEM 0x2u
#define ___GFP_DMA32 0x4u
#define ___GFP_MOVABLE 0x8u
#define ___GFP_RECLAIMABLE 0x10u
#define ___GFP_HIGH 0x20u
#define ___GFP_IO 0x40u
#define ___GFP_FS 0x80u
#define ___GFP_ZERO 0x100u
#define ___GFP_ATOMIC 0x200u
#define ___GFP_DIRECT_RECLAIM 0x400u
#define ___GFP_KSWAPD_RECLAIM 0x800u
#define ___GFP_WRITE 0x1000u
#define ___GFP_NOWARN 0x2000u
#define ___GFP_RETRY_MAYFAIL 0x4000u
#define ___GFP_NOFAIL 0x8000u
#define ___GFP_NORETRY 0x10000u
#define ___GFP_MEMALLOC 0x20000u
#define ___GFP_COMP 0x40000u
#define ___GFP_NOMEMALLOC 0x80000u
#define ___GFP_HARDWALL 0x100000u
#define ___GFP_THISNODE 0x200000u
#define ___GFP_ACCOUNT 0x400000u
#define ___GFP_NOTRACK 0x800000u

#define __GFP_DMA ((gfp_t)___GFP_DMA)
#define __GFP_HIGHMEM ((gfp_t)___GFP_HIGHMEM)
#define __GFP_DMA32 ((gfp_t)___GFP_DMA32)
#define __GFP_MOVABLE ((gfp_t)___GFP_MOVABLE)
#define __GFP_RECLAIMABLE ((gfp_t)___GFP_RECLAIMABLE)
#define __GFP_HIGH ((gfp_t)___GFP_HIGH)
#define __GFP_IO ((gfp_t)___GFP_IO)
#define __GFP_FS ((gfp_t)___GFP_FS)
#define __GFP_ZERO ((gfp_t)___GFP_ZERO)
#define __GFP_ATOMIC ((gfp_t)___GFP_ATOMIC)
#define __GFP_DIRECT_RECLAIM ((gfp_t)___GFP_DIRECT_RECLAIM)
#define __GFP_KSWAPD_RECLAIM ((gfp_t)___GFP_KSWAPD_RECLAIM)
#define __GFP_RECLAIM ((gfp_t)(___GFP_DIRECT_RECLAIM | ___GFP_KSWAPD_RECLAIM))
/* Linux before 4.4: the one bit that said "may sleep". */
#define __GFP_WAIT __GFP_RECLAIM
#define __GFP_WRITE ((gfp_t)___GFP_WRITE)
#define __GFP_NOWARN ((gfp_t)___GFP_NOWARN)
#define __GFP_RETRY_MAYFAIL ((gfp_t)___GFP_RETRY_MAYFAIL)
/* Older spellings. */
#define __GFP_REPEAT __GFP_RETRY_MAYFAIL
#define __GFP_COLD ((gfp_t)0)
#define __GFP_NOFAIL ((gfp_t)___GFP_NOFAIL)
#define __GFP_NORETRY ((gfp_t)___GFP_NORETRY)
#define __GFP_MEMALLOC ((gfp_t)___GFP_MEMALLOC)
#define __GFP_COMP ((gfp_t)___GFP_COMP)
#define __GFP_NOMEMALLOC ((gfp_t)___GFP_NOMEMALLOC)
#define __GFP_HARDWALL ((gfp_t)___GFP_HARDWALL)
#define __GFP_THISNODE ((gfp_t)___GFP_THISNODE)
#define __GFP_ACCOUNT ((gfp_t)___GFP_ACCOUNT)
#define __GFP_NOTRACK ((gfp_t)___GFP_NOTRACK)

#define GFP_ATOMIC (__GFP_HIGH | __GFP_ATOMIC | __GFP_KSWAPD_RECLAIM)
#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)
#define GFP_NOWAIT (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
#define GFP_NOIO (__GFP_RECLAIM)
#define GFP_NOFS (__GFP_RECLAIM | __GFP_IO)
#define GFP_TEMPORARY (GFP_KERNEL | __GFP_RECLAIMABLE)
#define GFP_USER (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HARDWALL)
#define GFP_DMA __GFP_DMA
#define GFP_DMA32 __GFP_DMA32
#define GFP_HIGHUSER (GFP_USER | __GFP_HIGHMEM)
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)

/** True if an allocation with @p gfp may block. Linux 4.4, include/linux/gfp.h. */
static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return (gfp & __GFP_DIRECT_RECLAIM) != 0;
}

/* The library's page: a constant of the build, independent of the system's page. */
#ifndef SLABPOOL_PAGE_SHIFT
#define SLABPOOL_PAGE_SHIFT 12
#endif
#define SLABPOOL_PAGE_SIZE ((size_t)1 << SLABPOOL_PAGE_SHIFT)
#ifndef PAGE_SHIFT
#define PAGE_SHIFT SLABPOOL_PAGE_SHIFT
#endif
#ifndef PAGE_SIZE
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#endif
#ifndef PAGE_MASK
#define PAGE_MASK (~(PAGE_SIZE - 1))
#endif

/** Opaque: one page of a run from alloc_pages(). */
struct page;

/**
 * Allocates 2^@p order contiguous pages, aligned to their size.
 * @return the first page, or NULL when memory is exhausted or @p order is beyond the largest run.
 * Thread-safe. Semantics: Linux, Documentation/core-api/memory-allocation.rst.
 */
SLABPOOL_API struct page *alloc_pages(gfp_t gfp, unsigned int order);
SLABPOOL_API struct page *alloc_pages_node(int node, gfp_t gfp, unsigned int order);
#define alloc_page(gfp) alloc_pages((gfp), 0)
/** Frees what alloc_pages() gave; @p order must be the same. NULL is a no-op. */
SLABPOOL_API void __free_pages(struct page *page, unsigned int order);
#define __free_page(page) __free_pages((page), 0)
/** The address of a page's memory. */
SLABPOOL_API void *page_address(const struct page *page);
/** The page that holds @p address. */
SLABPOOL_API struct page *virt_to_page(const void *address);
/** alloc_pages() by address: 0 on failure. */
SLABPOOL_API unsigned long __get_free_pages(gfp_t gfp, unsigned int order);
SLABPOOL_API unsigned long get_zeroed_page(gfp_t gfp);
#define __get_free_page(gfp) __get_free_pages((gfp), 0)
/** Frees what __get_free_pages() gave; 0 is a no-op. */
SLABPOOL_API void free_pages(unsigned long address, unsigned int order);
#define free_page(address) free_pages((address), 0)
/** The smallest order whose run holds @p size bytes (0 for size 0). */
SLABPOOL_API int get_order(unsigned long size);

/**
 * Allocates @p size bytes in whole pages, of any size that the arena can hold contiguously.
 * @return page-aligned memory or NULL (size 0 included). Free with vfree(). Thread-safe.
 */
SLABPOOL_API void *vmalloc(unsigned long size);
SLABPOOL_API void *vzalloc(unsigned long size);
SLABPOOL_API void *__vmalloc(unsigned long size, gfp_t gfp);
SLABPOOL_API void *vmalloc_node(unsigned long size, int node);
SLABPOOL_API void *vzalloc_node(unsigned long size, int node);
SLABPOOL_API void *vmalloc_array(size_t n, size_t size);
SLABPOOL_API void *vcalloc(size_t n, size_t size);
/** Frees what vmalloc() gave; NULL is a no-op. */
SLABPOOL_API void vfree(const void *address);

SLABPOOL_END_DECLS

#endif
