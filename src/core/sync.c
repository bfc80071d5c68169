/* SPDX-License-Identifier: MIT */
/*
 * Sync: the platform's locks, waits and clock under plain names. Nothing but the platform is
 * behind these calls; the proof takes their contracts as given (proofs/SOUNDNESS.md).
 *
 * Order in which locks are taken: the instance's, a cache's, one of the allocator's own caches',
 * an arena's. A mempool's lock is never held while anything else is taken.
 */
#include "core/sync.h"
#include "core/instance.h"

int sync_init(struct slabpool *pool, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	return pool->platform.sync_init(pool->platform.context, lock, wait);
}

void sync_exit(struct slabpool *pool, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	pool->platform.sync_exit(pool->platform.context, lock, wait);
}

void sync_lock(struct slabpool *pool, struct slabpool_lock *lock)
{
	pool->platform.lock(pool->platform.context, lock);
}

void sync_unlock(struct slabpool *pool, struct slabpool_lock *lock)
{
	pool->platform.unlock(pool->platform.context, lock);
}

bool sync_wait(struct slabpool *pool, struct slabpool_wait *wait, struct slabpool_lock *lock,
	       unsigned int milliseconds)
{
	if (!pool->platform.wait)
		return false;
	pool->platform.wait(pool->platform.context, wait, lock, milliseconds);
	return true;
}

void sync_wake(struct slabpool *pool, struct slabpool_wait *wait, bool all)
{
	if (pool->platform.wake)
		pool->platform.wake(pool->platform.context, wait, all);
}

uint64_t sync_clock(struct slabpool *pool)
{
	return pool->platform.clock ? pool->platform.clock(pool->platform.context) : 0;
}
