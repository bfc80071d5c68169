/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: read-copy-update over liburcu. Its "bulletproof" flavour needs no registration of
 * threads, so that kernel sources compile unchanged. The calls are never no-ops: without liburcu
 * this header is refused.
 *
 * A file that includes it also tells slabpool's default instance to wait for grace periods before
 * it gives back the pages of SLAB_TYPESAFE_BY_RCU caches.
 */
#ifndef SLABPOOL_KERNEL_RCUPDATE_H
#define SLABPOOL_KERNEL_RCUPDATE_H

#include <linux/compiler.h>
#include <linux/types.h>

#if !__has_include(<urcu.h>) || !__has_include(<urcu-bp.h>)
#error "<linux/rcupdate.h> needs liburcu: install liburcu-dev (userspace-rcu), rebuild slabpool"
#endif

/* In the library, in a file of its own: liburcu's headers define some of the same names. */
void slabpool_kernel_rcu_read_lock(void);
void slabpool_kernel_rcu_read_unlock(void);
bool slabpool_kernel_rcu_reading(void);
void slabpool_kernel_synchronize_rcu(void);
void slabpool_kernel_rcu_barrier(void);
void slabpool_kernel_call_rcu(struct callback_head *head, rcu_callback_t func);
void slabpool_kernel_kfree_rcu(struct callback_head *head, size_t offset);
void slabpool_kernel_kfree_rcu_sleeping(const void *object);
void slabpool_kernel_use_rcu(void);

#define rcu_read_lock() slabpool_kernel_rcu_read_lock()
#define rcu_read_unlock() slabpool_kernel_rcu_read_unlock()
#define rcu_read_lock_held() slabpool_kernel_rcu_reading()
#define rcu_read_lock_bh() rcu_read_lock()
#define rcu_read_unlock_bh() rcu_read_unlock()
/** Waits until every reader that is inside now has left. Not from within a reader. */
#define synchronize_rcu() slabpool_kernel_synchronize_rcu()
#define synchronize_rcu_expedited() synchronize_rcu()
/** Calls @p func with @p head after a grace period, from a thread of its own. */
#define call_rcu(head, func) slabpool_kernel_call_rcu(head, func)
#define call_rcu_hurry(head, func) call_rcu(head, func)
/** Waits until every call_rcu() and kfree_rcu() of before has run. */
#define rcu_barrier() slabpool_kernel_rcu_barrier()

static void __attribute__((__constructor__, __unused__)) slabpool_kernel_start_rcu(void)
{
	slabpool_kernel_use_rcu();
}

/** Frees @p p after a grace period; @p member is its struct rcu_head. */
#define kfree_rcu(p, member)                                                            \
	do {                                                                            \
		__typeof__(p) __object = (p);                                           \
		if (__object)                                                           \
			slabpool_kernel_kfree_rcu(&__object->member,                    \
						  offsetof(__typeof__(*(p)), member));  \
	} while (0)
#define kvfree_rcu(p, member) kfree_rcu(p, member)
/** For objects without a struct rcu_head: waits for the grace period. */
#define kfree_rcu_mightsleep(p) slabpool_kernel_kfree_rcu_sleeping(p)
#define kvfree_rcu_mightsleep(p) slabpool_kernel_kfree_rcu_sleeping(p)
#define kvfree_rcu_barrier() rcu_barrier()

#define rcu_dereference(p)                                           \
	({                                                           \
		__typeof__(p) __p = __atomic_load_n(&(p), __ATOMIC_ACQUIRE); \
		__p;                                                 \
	})
#define rcu_dereference_raw(p) rcu_dereference(p)
#define rcu_dereference_bh(p) rcu_dereference(p)
#define rcu_dereference_check(p, condition) rcu_dereference(p)
#define rcu_dereference_protected(p, condition) ((void)(condition), (p))
#define rcu_access_pointer(p) READ_ONCE(p)
#define rcu_pointer_handoff(p) (p)
#define rcu_assign_pointer(p, value) __atomic_store_n(&(p), (value), __ATOMIC_RELEASE)
#define RCU_INIT_POINTER(p, value) WRITE_ONCE(p, value)
#define RCU_INITIALIZER(value) (value)
#define rcu_replace_pointer(p, value, condition)       \
	({                                             \
		__typeof__(p) __old = (p);             \
		(void)(condition);                     \
		rcu_assign_pointer(p, value);          \
		__old;                                 \
	})
#define lockdep_is_held(lock) ((void)(lock), 1)

#endif
