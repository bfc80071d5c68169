/* SPDX-License-Identifier: MIT */
/* Hostile adapters for target threads: wrong only while several threads are at work. */
#include "inside.h"
#include "planted.h"
#include "turns.h"
#include "world.h"

#define REAL fuzz_adapter_slabpool

static struct slabpool_platform real_platform;
static unsigned char *given;
static unsigned int given_to;

void plant_threads_reset(void)
{
	given = NULL;
}

/* --- the lock of the first cache is left out --- */

static bool left_out(const struct slabpool_lock *lock)
{
	return turns_on() && fuzz_world.cache_count && fuzz_world.cache[0].live &&
	       lock == fuzz_inside_lock(fuzz_world.cache[0].k);
}

static void no_lock(void *context, struct slabpool_lock *lock)
{
	if (left_out(lock))
		turns_point();
	else
		real_platform.lock(context, lock);
}

static void no_unlock(void *context, struct slabpool_lock *lock)
{
	if (left_out(lock))
		turns_point();
	else
		real_platform.unlock(context, lock);
}

static struct slabpool *unlocked_create(const struct slabpool_platform *platform,
					const struct slabpool_options *options)
{
	struct slabpool_platform lax = *platform;

	real_platform = *platform;
	if (platform->lock) {
		lax.lock = no_lock;
		lax.unlock = no_unlock;
	}
	return REAL.create(&lax, options);
}

/* --- an object for two threads --- */

static void *shared_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	if (turns_on() && given && given_to != fuzz_platform.thread)
		return given;
	given_to = fuzz_platform.thread;
	given = turns_on() ? REAL.cache_alloc(cache, gfp) : NULL;
	return given ? given : REAL.cache_alloc(cache, gfp);
}

static void not_given_free(struct kmem_cache *cache, void *object)
{
	if (object == given)
		given = NULL;
	REAL.cache_free(cache, object);
}

/* --- a flush by another thread loses an object --- */

static int losing_shrink(struct kmem_cache *cache)
{
	void *p = turns_on() ? REAL.cache_alloc(cache, GFP_NOWAIT | __GFP_NOWARN) : NULL;

	(void)p;
	return REAL.cache_shrink(cache);
}

/* --- a second free at once is taken for another --- */

static void lax_free(struct kmem_cache *cache, void *object)
{
	if (!turns_on() || kmem_valid_obj(object))
		REAL.cache_free(cache, object);
}

void plant_lock_left_out(struct fuzz_adapter *a)
{
	a->create = unlocked_create;
}

void plant_object_for_two(struct fuzz_adapter *a)
{
	a->cache_alloc = shared_alloc;
	a->cache_free = not_given_free;
}

void plant_lost_at_once(struct fuzz_adapter *a)
{
	a->cache_shrink = losing_shrink;
}

void plant_free_at_once_unnoticed(struct fuzz_adapter *a)
{
	a->cache_free = lax_free;
}
