/* SPDX-License-Identifier: MIT */
/* The platform's functions by plain names. */
#ifndef SLABPOOL_CORE_SYNC_H
#define SLABPOOL_CORE_SYNC_H

#include "core/instance.h"

/* 0, or a negative errno and nothing is to be undone. */
/*@ requires platform: platform_ok(&pool->platform);
    requires memory: \valid(lock) && (wait == \null || \valid(wait));
    terminates always: \true;
    exits never: \false;
    assigns *lock, *wait;
    ensures status: \result <= 0;
*/
int sync_init(struct slabpool *pool, struct slabpool_lock *lock, struct slabpool_wait *wait);
/*@ requires platform: platform_ok(&pool->platform);
    requires memory: \valid(lock) && (wait == \null || \valid(wait));
    terminates always: \true;
    exits never: \false;
    assigns *lock, *wait;
*/
void sync_exit(struct slabpool *pool, struct slabpool_lock *lock, struct slabpool_wait *wait);
/*@ requires platform: platform_ok(&pool->platform);
    requires memory: \valid(lock);
    terminates always: \true;
    exits never: \false;
    assigns *lock;
*/
void sync_lock(struct slabpool *pool, struct slabpool_lock *lock);
/*@ requires platform: platform_ok(&pool->platform);
    requires memory: \valid(lock);
    terminates always: \true;
    exits never: \false;
    assigns *lock;
*/
void sync_unlock(struct slabpool *pool, struct slabpool_lock *lock);
/* False where the platform cannot wait. */
/*@ requires platform: platform_ok(&pool->platform);
    requires memory: \valid(wait) && \valid(lock);
    terminates always: \true;
    exits never: \false;
    assigns *wait, *lock;
    ensures exact: \result <==> \old(pool->platform.wait) != \null;
*/
bool sync_wait(struct slabpool *pool, struct slabpool_wait *wait, struct slabpool_lock *lock,
	       unsigned int milliseconds);
/*@ requires platform: platform_ok(&pool->platform);
    requires memory: \valid(wait);
    terminates always: \true;
    exits never: \false;
    assigns *wait;
*/
void sync_wake(struct slabpool *pool, struct slabpool_wait *wait, bool all);
/* Milliseconds; 0 where time stands still. */
/*@ requires platform: platform_ok(&pool->platform);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures still: pool->platform.clock == \null ==> \result == 0;
*/
uint64_t sync_clock(struct slabpool *pool);

#endif
