/* SPDX-License-Identifier: MIT */
/* The platform's functions by plain names: the trusted leaves of the proof. */
#ifndef SLABPOOL_CORE_SYNC_H
#define SLABPOOL_CORE_SYNC_H

#include <slabpool/platform.h>

struct slabpool;

/* 0, or a negative errno and nothing is to be undone. */
/*@ requires memory: \valid(lock) && (wait == \null || \valid(wait));
    terminates always: \true;
    exits never: \false;
    assigns *lock, *wait;
    ensures status: \result <= 0;
*/
int sync_init(struct slabpool *pool, struct slabpool_lock *lock, struct slabpool_wait *wait);
/*@ requires memory: \valid(lock) && (wait == \null || \valid(wait));
    terminates always: \true;
    exits never: \false;
    assigns *lock, *wait;
*/
void sync_exit(struct slabpool *pool, struct slabpool_lock *lock, struct slabpool_wait *wait);
void sync_lock(struct slabpool *pool, struct slabpool_lock *lock);
void sync_unlock(struct slabpool *pool, struct slabpool_lock *lock);
/* False where the platform cannot wait. */
bool sync_wait(struct slabpool *pool, struct slabpool_wait *wait, struct slabpool_lock *lock,
	       unsigned int milliseconds);
/*@ requires memory: \valid(wait);
    terminates always: \true;
    exits never: \false;
    assigns *wait;
*/
void sync_wake(struct slabpool *pool, struct slabpool_wait *wait, bool all);
uint64_t sync_clock(struct slabpool *pool);

#endif
