/* SPDX-License-Identifier: MIT */
/*
 * Sync: the platform's locks, waits and clock under plain names. Nothing but the platform is
 * behind these calls; what the proof takes as given of it stands in platform_leaves.h.
 *
 * Order in which locks are taken: the instance's, a cache's, one of the allocator's own caches',
 * an arena's. A mempool's lock is never held while anything else is taken.
 */
#include "core/sync.h"

int sync_init(struct slabpool *pool, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	int error;

	/*@ calls slabpool_platform_sync_init; */
	error = pool->platform.sync_init(pool->platform.context, lock, wait);
	return error;
}

void sync_exit(struct slabpool *pool, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	/*@ calls slabpool_platform_sync_exit; */
	pool->platform.sync_exit(pool->platform.context, lock, wait);
}

void sync_lock(struct slabpool *pool, struct slabpool_lock *lock)
{
	/*@ calls slabpool_platform_lock; */
	pool->platform.lock(pool->platform.context, lock);
}

void sync_unlock(struct slabpool *pool, struct slabpool_lock *lock)
{
	/*@ calls slabpool_platform_unlock; */
	pool->platform.unlock(pool->platform.context, lock);
}

bool sync_wait(struct slabpool *pool, struct slabpool_wait *wait, struct slabpool_lock *lock,
	       unsigned int milliseconds)
{
	if (!pool->platform.wait)
		return false;
	/*@ calls slabpool_platform_wait; */
	pool->platform.wait(pool->platform.context, wait, lock, milliseconds);
	return true;
}

void sync_wake(struct slabpool *pool, struct slabpool_wait *wait, bool all)
{
	if (!pool->platform.wake)
		return;
	/*@ calls slabpool_platform_wake; */
	pool->platform.wake(pool->platform.context, wait, all);
}

uint64_t sync_clock(struct slabpool *pool)
{
	uint64_t now;

	if (!pool->platform.clock)
		return 0;
	/*@ calls slabpool_platform_clock; */
	now = pool->platform.clock(pool->platform.context);
	return now;
}
