/* SPDX-License-Identifier: MIT */
/*
 * Size, alignment, order, colour and objects a slab: pure arithmetic, and total: every request is
 * either met by the rules of geometry.c or refused.
 */
#ifndef SLABPOOL_CORE_GEOMETRY_H
#define SLABPOOL_CORE_GEOMETRY_H

#include "core/slab.h"

/* What a cache asks for. */
struct geometry_request {
	uint32_t size;          /* object bytes as asked, 1 .. the largest run */
	uint32_t align;         /* 0 or a power of two up to the largest run */
	bool hwcache_align;     /* SLAB_HWCACHE_ALIGN */
	uint32_t before, after; /* bytes of red zone and tracks on either side (0 today) */
	uint32_t granule;       /* 0: choose among 8, 16, 64, 1024; else the only granule there is:
	                           a power of two from 8 to the page */
	uint32_t page_shift;    /* bytes a page = 2^page_shift, 9 .. 16 */
	uint32_t min_order, max_order; /* min_order <= max_order <= GEOMETRY_MAX_ORDER */
	uint32_t min_objects;   /* wish, halved until a run of max_order grants it */
};

/* What it gets. */
struct geometry {
	uint32_t align;       /* effective alignment of every object's address */
	uint32_t stride;      /* from object to object: multiple of align and of granule */
	uint32_t granule;     /* bytes that one state byte of its arena stands for */
	uint32_t order;       /* pages a slab = 2^order */
	uint32_t capacity;    /* objects a slab, 1 .. SLAB_MAX_OBJECTS */
	uint32_t colour_off;  /* bytes from colour to colour: multiple of align, line and granule */
	uint32_t colours;     /* how many: the first object lies at 0 .. colours - 1 of them */
};

#define GEOMETRY_CACHE_LINE 64u
#define GEOMETRY_MIN_ALIGN 8u
#define GEOMETRY_MAX_ORDER 10u
/* Size classes of kmalloc: 8, 16, 32, 64, 96, 128, 192, 256 ... 8192. */
#define GEOMETRY_KMALLOC_CLASSES 13u

#include "../../proofs/logic/Power.acsl"
#include "../../proofs/logic/Geometry.acsl"
#include "../../proofs/logic/Request.acsl"
#include "../../proofs/logic/Kmalloc.acsl"

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures power: \result <==> power_of_two(n);
*/
bool geometry_is_pow2(uint32_t n);

/* Smallest multiple of align that is >= n. n + align must not pass UINT32_MAX. */
/*@ requires positive: 0 < align;
    requires range: n + align <= UINT32_MAX;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == rounded(n, align);
    ensures multiple: \result % align == 0;
    ensures smallest: n <= \result < n + align;
*/
uint32_t geometry_round_up(uint32_t n, uint32_t align);

/* Effective alignment: Linux's calculate_alignment(). With hwcache_align a cache line, halved
 * while two objects fit into half of it; at least align, at least 8, rounded up to 8. */
/*@ requires range: align <= 0x80000000;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == align_for(size, align, hwcache_align);
    ensures least: \result >= align && \result >= GEOMETRY_MIN_ALIGN;
    ensures most: \result <= larger_of(align + 7, GEOMETRY_CACHE_LINE);
    ensures power: align == 0 || power_of_two(align) ==> power_of_two(\result);
    ensures kept: power_of_two(align) && align >= GEOMETRY_CACHE_LINE ==> \result == align;
*/
uint32_t geometry_align(uint32_t size, uint32_t align, bool hwcache_align);

/* The granule that costs least memory for this stride: with R the stride rounded up to a multiple
 * of g, the g among 8, 16, 64 and 1024 of least R + R / g, and of equal ones the larger. For a
 * stride that is a multiple of 8, rounding and state bytes together cost at most an eighth. */
/*@ requires range: stride <= 0x1000000;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == granule_for(stride, 1024);
    ensures best: granule_is_best(stride, \result, 1024);
    ensures eighth: stride % 8 == 0 ==> cost_of(stride, \result) - stride <= stride / 8;
*/
uint32_t geometry_granule(uint32_t stride);

/* Smallest order whose run of 2^order pages holds bytes; total: 64 - page_shift where no 64-bit
 * number is large enough. */
/*@ requires page: page_shift <= 16;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures smallest: smallest_order(\result, 0, page_shift, bytes);
    ensures range: \result <= 64 - page_shift;
*/
uint32_t geometry_order_of(uint64_t bytes, uint32_t page_shift);

/* All of it by the rules of geometry.c; false if the request cannot be met (and *geometry is
 * untouched). */
/*@ requires memory: \valid_read(request) && \valid(geometry) &&
             \separated(request, geometry);
    terminates always: \true;
    exits never: \false;
    assigns *geometry;
    behavior refused:
      assumes insane: !request_sane(request);
      assigns \nothing;
      ensures refused: !\result;
    behavior met:
      assumes sane: request_sane(request);
      ensures met: \result;
      ensures align: geometry->align == request_align{Pre}(request) &&
              geometry->align >= \old(request->align);
      ensures granule: geometry->granule == request_granule{Pre}(request);
      ensures stride: geometry->stride ==
              rounded(request_stride{Pre}(request), geometry->granule);
      ensures order: order_meets{Pre}(request, geometry->order, geometry->stride,
                                      geometry->align);
      ensures capacity: capacity_meets(geometry->capacity, geometry->stride, geometry->granule,
                                       two(\old(request->page_shift) + geometry->order));
      ensures colour_off: geometry->colour_off ==
              larger_of(larger_of(geometry->align, geometry->granule), GEOMETRY_CACHE_LINE);
      ensures colours: colours_meet(geometry->colours, geometry->colour_off, geometry->stride,
                                    two(\old(request->page_shift) + geometry->order));
      ensures aligned: all_multiples(geometry->align, geometry->stride, geometry->colour_off,
                                     two(\old(request->page_shift) + geometry->order));
      ensures granular: all_multiples(geometry->granule, geometry->stride,
                                      geometry->colour_off,
                                      two(\old(request->page_shift) + geometry->order));
      ensures fits: colours_fit(geometry->colours, geometry->colour_off, geometry->capacity,
                                geometry->stride,
                                two(\old(request->page_shift) + geometry->order));
      ensures sound: geometry_sound(geometry, \old(request->page_shift));
    complete behaviors;
    disjoint behaviors;
*/
bool geometry_compute(const struct geometry_request *request, struct geometry *geometry);

/* Class of a kmalloc of at most 8192 bytes: the smallest that holds it. */
/*@ requires range: size <= 8192;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: \result < GEOMETRY_KMALLOC_CLASSES;
    ensures holds: kmalloc_size(\result) >= size;
    ensures smallest: no_smaller_class_holds(\result, size);
*/
uint32_t geometry_kmalloc_class(uint32_t size);

/* The size of a class. */
/*@ requires range: class_index < GEOMETRY_KMALLOC_CLASSES;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures size: \result == kmalloc_size(class_index);
*/
uint32_t geometry_kmalloc_size(uint32_t class_index);

/* Bytes of an array; false, and nothing is written, if no size_t holds them. */
/*@ requires memory: \valid(bytes);
    terminates always: \true;
    exits never: \false;
    assigns *bytes;
    ensures exact: \result <==> n * size <= SIZE_MAX;
    ensures product: \result ==> *bytes == n * size;
    ensures kept: !\result ==> *bytes == \old(*bytes);
*/
bool geometry_array_bytes(size_t n, size_t size, size_t *bytes);

#endif
