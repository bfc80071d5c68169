/* SPDX-License-Identifier: MIT */
/* The platform's functions by plain names: the trusted leaves of the proof. */
#ifndef SLABPOOL_CORE_SYNC_H
#define SLABPOOL_CORE_SYNC_H

#include <slabpool/platform.h>

struct slabpool;

int sync_init(struct slabpool *pool, struct slabpool_lock *lock, struct slabpool_wait *wait);
void sync_exit(struct slabpool *pool, struct slabpool_lock *lock, struct slabpool_wait *wait);
void sync_lock(struct slabpool *pool, struct slabpool_lock *lock);
void sync_unlock(struct slabpool *pool, struct slabpool_lock *lock);
/* False where the platform cannot wait. */
bool sync_wait(struct slabpool *pool, struct slabpool_wait *wait, struct slabpool_lock *lock,
	       unsigned int milliseconds);
void sync_wake(struct slabpool *pool, struct slabpool_wait *wait, bool all);
uint64_t sync_clock(struct slabpool *pool);

#endif
