/* SPDX-License-Identifier: MIT */
/**
 * @file layout.h
 * What the fast path sees of the allocator: the part of a cache, of a thread and of a magazine that
 * slabpool/inline.h compiles into the caller. Nothing else may look at it.
 *
 * SLABPOOL_LAYOUT is raised with every change of this file or of inline.h that a caller compiled
 * before would not survive; a program is checked against the library when it starts.
 */
#ifndef SLABPOOL_LAYOUT_H
#define SLABPOOL_LAYOUT_H

#include <slabpool/compiler.h>

SLABPOOL_BEGIN_DECLS

#define SLABPOOL_LAYOUT 1u

/* A fast tag that no state byte equals: every free takes the slow path. */
#define SLABPOOL_TAG_SLOW 256u

/* The memory of one magazine; moves whole between threads and the depot. */
struct slabpool_store {
	struct slabpool_store *next; /* in a depot list */
	uint32_t count;              /* objects, while in the depot's list of full ones */
	uint32_t capacity;           /* room in object[] */
	void *object[SLABPOOL_AT_MOST(256)];
};

/* A thread's stock of free objects of one cache. Count and capacity stand beside the pointer, so
 * that the fast path loads them without following it. */
struct slabpool_magazine {
	struct slabpool_store *store; /* NULL: capacity is 0 */
	uint32_t count;               /* object[0 .. count-1] are free objects, last in first out */
	uint32_t capacity;
};

struct kmem_cache;

/* A thread's magazines of one cache. Touched by its thread alone, but when the cache is
 * destroyed or the thread is gone. One cache line. */
struct slabpool_slot {
	struct slabpool_magazine loaded; /* served from first */
	struct slabpool_magazine spare;  /* full or empty, against ping-pong with the depot */
	struct kmem_cache *cache;        /* NULL: unused */
	uint32_t epoch;                  /* the cache's epoch when last looked at */
	uint16_t home;                   /* where in the depot its full magazines lie */
	bool grows;                      /* its next store is a larger one */
} SLABPOOL_ALIGNED(64);

/* What the fast path reads of a cache: the first bytes of struct kmem_cache. */
struct slabpool_hot {
	uintptr_t address;      /* of the arena */
	uintptr_t state_of_0;   /* where the state byte of address 0 would be */
	size_t granules;        /* state bytes to look at; at times too few */
	uint8_t *state;
	size_t slot_offset;     /* bytes from the first slot; 0: to one that is always empty */
	uint32_t granule_shift;
	uint32_t fast_tag;      /* the tag, or SLABPOOL_TAG_SLOW */
	uint8_t tag;            /* state byte of a live object */
};

/* The calling thread's slots of the default instance, by cache. */
extern SLABPOOL_API SLABPOOL_THREAD_LOCAL struct slabpool_slot *slabpool_thread_slots;

/* Whatever the fast path cannot do. */
SLABPOOL_API void *slabpool_alloc_slow(struct kmem_cache *cache, unsigned int gfp);
SLABPOOL_API void slabpool_free_slow(struct kmem_cache *cache, void *object);

/** Ends the program with a message if @p layout is not this library's SLABPOOL_LAYOUT. */
SLABPOOL_API void slabpool_check_layout(unsigned int layout);

SLABPOOL_END_DECLS

#endif
