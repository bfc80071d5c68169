/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: spin locks and reader-writer locks over the threads' own, as a thread that spins
 * would only keep the holder from running. There are no interrupts to be disabled.
 */
#ifndef SLABPOOL_KERNEL_SPINLOCK_H
#define SLABPOOL_KERNEL_SPINLOCK_H

#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/types.h>
#include <pthread.h>

typedef struct spinlock {
	pthread_mutex_t mutex;
} spinlock_t;
typedef spinlock_t raw_spinlock_t;

#define __SPIN_LOCK_UNLOCKED(name) { .mutex = PTHREAD_MUTEX_INITIALIZER }
#define DEFINE_SPINLOCK(name) spinlock_t name = __SPIN_LOCK_UNLOCKED(name)
#define DEFINE_RAW_SPINLOCK(name) DEFINE_SPINLOCK(name)

static inline void spin_lock_init(spinlock_t *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
}

static inline void spin_lock(spinlock_t *lock)
{
	pthread_mutex_lock(&lock->mutex);
}

static inline void spin_unlock(spinlock_t *lock)
{
	pthread_mutex_unlock(&lock->mutex);
}

static inline int spin_trylock(spinlock_t *lock)
{
	return pthread_mutex_trylock(&lock->mutex) == 0;
}

/** True if anybody holds it; a moment later that may be otherwise. */
static inline int spin_is_locked(spinlock_t *lock)
{
	if (!spin_trylock(lock))
		return 1;
	spin_unlock(lock);
	return 0;
}

#define SLABPOOL_KERNEL_IRQSAVE(flags, statement)  \
	do {                                       \
		unsigned long *__flags = &(flags); \
		*__flags = 0;                      \
		statement;                         \
	} while (0)
#define SLABPOOL_KERNEL_IRQRESTORE(flags, statement) \
	do {                                         \
		(void)(flags);                       \
		statement;                           \
	} while (0)

#define assert_spin_locked(lock) BUG_ON(!spin_is_locked(lock))
#define spin_lock_irq(lock) spin_lock(lock)
#define spin_unlock_irq(lock) spin_unlock(lock)
#define spin_lock_bh(lock) spin_lock(lock)
#define spin_unlock_bh(lock) spin_unlock(lock)
#define spin_lock_nested(lock, subclass) spin_lock(lock)
#define spin_lock_irqsave(lock, flags) SLABPOOL_KERNEL_IRQSAVE(flags, spin_lock(lock))
#define spin_unlock_irqrestore(lock, flags) SLABPOOL_KERNEL_IRQRESTORE(flags, spin_unlock(lock))

#define raw_spin_lock_init(lock) spin_lock_init(lock)
#define raw_spin_lock(lock) spin_lock(lock)
#define raw_spin_unlock(lock) spin_unlock(lock)
#define raw_spin_trylock(lock) spin_trylock(lock)
#define raw_spin_lock_irqsave(lock, flags) spin_lock_irqsave(lock, flags)
#define raw_spin_unlock_irqrestore(lock, flags) spin_unlock_irqrestore(lock, flags)

typedef struct {
	pthread_rwlock_t lock;
} rwlock_t;

#define __RW_LOCK_UNLOCKED(name) { .lock = PTHREAD_RWLOCK_INITIALIZER }
#define DEFINE_RWLOCK(name) rwlock_t name = __RW_LOCK_UNLOCKED(name)
#define rwlock_init(rw) ((void)pthread_rwlock_init(&(rw)->lock, NULL))
#define read_lock(rw) ((void)pthread_rwlock_rdlock(&(rw)->lock))
#define read_unlock(rw) ((void)pthread_rwlock_unlock(&(rw)->lock))
#define write_lock(rw) ((void)pthread_rwlock_wrlock(&(rw)->lock))
#define write_unlock(rw) ((void)pthread_rwlock_unlock(&(rw)->lock))
#define read_lock_irqsave(rw, flags) SLABPOOL_KERNEL_IRQSAVE(flags, read_lock(rw))
#define read_unlock_irqrestore(rw, flags) SLABPOOL_KERNEL_IRQRESTORE(flags, read_unlock(rw))
#define write_lock_irqsave(rw, flags) SLABPOOL_KERNEL_IRQSAVE(flags, write_lock(rw))
#define write_unlock_irqrestore(rw, flags) SLABPOOL_KERNEL_IRQRESTORE(flags, write_unlock(rw))

#define local_irq_save(flags) SLABPOOL_KERNEL_IRQSAVE(flags, (void)0)
#define local_irq_restore(flags) ((void)(flags))
#define lockdep_assert_held(lock) ((void)(lock))
#define preempt_disable() barrier()
#define preempt_enable() barrier()

#endif
