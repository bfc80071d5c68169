/* SPDX-License-Identifier: MIT */
/*
 * Hostile adapters that do wrong only where a call fails that fails in no input of the corpora as
 * it stands: a sweep has to find them.
 */
#include "planted.h"
#include "pools.h"
#include "world.h"

#define REAL fuzz_adapter_slabpool

/* --- a pool whose backend fails for the first element: its lock is forgotten --- */

static mempool_t *forgetful_create(struct slabpool *pool, int min_nr, mempool_alloc_t *alloc_fn,
				   mempool_free_t *free_fn, void *data)
{
	uint32_t fired = fuzz_platform.fired;
	mempool_t *made = REAL.pool_create(pool, min_nr, alloc_fn, free_fn, data);
	const struct wpool *p = &pools[pools_made - 1];

	if (!made && fuzz_platform.fired != fired && p->backend_failed && !p->from_backend)
		fuzz_platform.locks_made++;
	return made;
}

/* --- an instance that forgets its memory once a commit and a lock failed --- */

static struct slabpool_platform real_platform;
static unsigned int failed_commits, failed_locks;

static int watched_commit(void *context, void *address, size_t bytes, enum slabpool_memory how)
{
	int result = real_platform.commit(context, address, bytes, how);

	failed_commits += result < 0;
	return result;
}

static int watched_sync_init(void *context, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	int result = real_platform.sync_init(context, lock, wait);

	failed_locks += result < 0;
	return result;
}

static struct slabpool *watched_create(const struct slabpool_platform *platform,
				       const struct slabpool_options *options)
{
	struct slabpool_platform watched = *platform;

	/* What is to have no platform has none. */
	if (!platform->commit)
		return REAL.create(platform, options);
	real_platform = *platform;
	failed_commits = failed_locks = 0;
	watched.commit = watched_commit;
	watched.sync_init = watched_sync_init;
	return REAL.create(&watched, options);
}

static void forgetful_destroy(struct slabpool *pool)
{
	if (!pool || !failed_commits || !failed_locks)
		REAL.destroy(pool);
}

void plant_fault_in_making(struct fuzz_adapter *a)
{
	a->pool_create = forgetful_create;
}

void plant_fault_on_fault(struct fuzz_adapter *a)
{
	a->create = watched_create;
	a->destroy = forgetful_destroy;
}
