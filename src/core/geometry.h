/* SPDX-License-Identifier: MIT */
/* Size, alignment, order, colour and objects a slab: pure arithmetic. See geometry.c. */
#ifndef SLABPOOL_CORE_GEOMETRY_H
#define SLABPOOL_CORE_GEOMETRY_H

#include <slabpool/compiler.h>

/* What a cache asks for. */
struct geometry_request {
	uint32_t size;          /* object bytes as asked, 1 .. 4 MiB */
	uint32_t align;         /* 0 or a power of two up to the largest slab */
	bool hwcache_align;     /* SLAB_HWCACHE_ALIGN */
	uint32_t before, after; /* bytes of red zone and tracks on either side (0 today) */
	uint32_t granule;       /* 0: choose among 8, 16, 64, 1024; else the only granule there is */
	uint32_t page_shift;    /* bytes a page = 2^page_shift */
	uint32_t min_order, max_order, min_objects;
};

/* What it gets. */
struct geometry {
	uint32_t align;       /* effective alignment of every object's address */
	uint32_t stride;      /* from object to object: multiple of align and of granule */
	uint32_t granule;     /* bytes that one state byte of its arena stands for */
	uint32_t order;       /* pages a slab = 2^order */
	uint32_t capacity;    /* objects a slab */
	uint32_t colour_off;  /* bytes from colour to colour: multiple of align, line and granule */
	uint32_t colours;     /* 1 + the largest colour */
};

#define GEOMETRY_CACHE_LINE 64u
#define GEOMETRY_MIN_ALIGN 8u
#define GEOMETRY_MAX_ORDER 10u
/* Size classes of kmalloc: 8, 16, 32, 64, 96, 128, 192, 256 ... 8192. */
#define GEOMETRY_KMALLOC_CLASSES 13u

bool geometry_is_pow2(uint32_t n);
/* Smallest multiple of align that is >= n. n + align must not pass UINT32_MAX. */
uint32_t geometry_round_up(uint32_t n, uint32_t align);
/* Effective alignment: Linux's calculate_alignment(). */
uint32_t geometry_align(uint32_t size, uint32_t align, bool hwcache_align);
/* The granule that costs least memory for this stride: rounding plus state bytes. */
uint32_t geometry_granule(uint32_t stride);
/* Smallest order whose run holds bytes. */
uint32_t geometry_order_of(uint64_t bytes, uint32_t page_shift);
/* All of it; false if the request cannot be met (and *geometry is untouched). */
bool geometry_compute(const struct geometry_request *request, struct geometry *geometry);
/* Class of a kmalloc of size 1 .. 8192, and the class's size. */
uint32_t geometry_kmalloc_class(uint32_t size);
uint32_t geometry_kmalloc_size(uint32_t class_index);

#endif
