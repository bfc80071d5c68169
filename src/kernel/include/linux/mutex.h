/* SPDX-License-Identifier: MIT */
/* Kernel face: mutexes are the threads' own. */
#ifndef SLABPOOL_KERNEL_MUTEX_H
#define SLABPOOL_KERNEL_MUTEX_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <pthread.h>

struct mutex {
	pthread_mutex_t mutex;
};

#define DEFINE_MUTEX(name) struct mutex name = { .mutex = PTHREAD_MUTEX_INITIALIZER }

static inline void mutex_init(struct mutex *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
}

static inline void mutex_destroy(struct mutex *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

static inline void mutex_lock(struct mutex *lock)
{
	pthread_mutex_lock(&lock->mutex);
}

static inline void mutex_unlock(struct mutex *lock)
{
	pthread_mutex_unlock(&lock->mutex);
}

static inline int mutex_trylock(struct mutex *lock)
{
	return pthread_mutex_trylock(&lock->mutex) == 0;
}

/** Nothing interrupts a waiting thread here: always 0. */
static inline int __must_check mutex_lock_interruptible(struct mutex *lock)
{
	mutex_lock(lock);
	return 0;
}

#define mutex_lock_killable(lock) mutex_lock_interruptible(lock)
#define mutex_lock_nested(lock, subclass) mutex_lock(lock)

static inline bool mutex_is_locked(struct mutex *lock)
{
	if (!mutex_trylock(lock))
		return true;
	mutex_unlock(lock);
	return false;
}

#endif
