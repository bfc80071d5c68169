/* SPDX-License-Identifier: MIT */
/*
 * Which lock protects what, in a form that clang checks (-Wthread-safety; ci/style does): every
 * struct with a lock has a class, which stands for the lock of whichever one is worked on.
 *
 *   SLABPOOL_GUARDED(class)   a field: touched only under the lock
 *   SLABPOOL_UNDER(class)     a function: called only under the lock
 *   SLABPOOL_OUTSIDE(class)   a function: takes the lock itself, so never called under it
 *   SLABPOOL_LOCKS, _UNLOCKS  a function that takes, or releases, the lock
 *   SLABPOOL_ALONE            a function that runs while nobody else can use what it touches:
 *                             before it is published, after its end, in a child after fork
 *
 * The check knows classes, not objects: that it is the lock of the right cache is for the reader.
 * Counts that are read beside the lock go through slabpool_load_*() and are no reads to it.
 */
#ifndef SLABPOOL_CORE_GUARD_H
#define SLABPOOL_CORE_GUARD_H

#include <slabpool/compiler.h>

struct SLABPOOL_LOCK_CLASS lock_class {
	char unused;
};

/* Never defined: they stand in annotations only. */
extern struct lock_class instance_locks; /* struct slabpool: lock */
extern struct lock_class making_locks;   /* struct slabpool: arena_lock */
extern struct lock_class arena_locks;    /* struct arena */
extern struct lock_class cache_locks;    /* struct kmem_cache */
extern struct lock_class reserve_locks;  /* struct mempool: elements, curr_nr, min_nr */

#endif
