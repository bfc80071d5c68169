/* SPDX-License-Identifier: MIT */
/*
 * Read-copy-update for the kernel face, over liburcu's bulletproof flavour. This file sees
 * liburcu's headers and not the face's, whose names they share; the face sees none of liburcu's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <urcu/urcu-bp.h>

#include <slabpool/slabpool.h>

#include "rcu.h"

/* An offset in place of a function: the object is to be freed. No function lives that low. */
#define OFFSET_MAX 4096

/* What stands behind the face's struct callback_head: its two opaque words, then its function. */
struct waiting {
	struct rcu_head urcu;
	union {
		slabpool_kernel_callback_t func;
		uintptr_t offset;
	} action;
};

_Static_assert(sizeof(struct waiting) == 3 * sizeof(void *),
	       "struct callback_head in <linux/types.h> must have room for liburcu's struct");

void slabpool_kernel_rcu_read_lock(void)
{
	urcu_bp_read_lock();
}

void slabpool_kernel_rcu_read_unlock(void)
{
	urcu_bp_read_unlock();
}

bool slabpool_kernel_rcu_reading(void)
{
	return urcu_bp_read_ongoing();
}

void slabpool_kernel_synchronize_rcu(void)
{
	urcu_bp_synchronize_rcu();
}

void slabpool_kernel_rcu_barrier(void)
{
	urcu_bp_barrier();
}

static void run(struct rcu_head *head)
{
	struct waiting *waiting = (struct waiting *)head;

	if (waiting->action.offset < OFFSET_MAX)
		kvfree((char *)waiting - waiting->action.offset);
	else
		waiting->action.func((struct callback_head *)waiting);
}

void slabpool_kernel_call_rcu(struct callback_head *head, slabpool_kernel_callback_t func)
{
	struct waiting *waiting = (struct waiting *)head;

	waiting->action.func = func;
	urcu_bp_call_rcu(&waiting->urcu, run);
}

void slabpool_kernel_kfree_rcu(struct callback_head *head, size_t offset)
{
	struct waiting *waiting = (struct waiting *)head;

	waiting->action.offset = offset;
	urcu_bp_call_rcu(&waiting->urcu, run);
}

void slabpool_kernel_kfree_rcu_sleeping(const void *object)
{
	urcu_bp_synchronize_rcu();
	kvfree(object);
}

void slabpool_kernel_use_rcu(void)
{
	static bool done;
	struct slabpool_options options;

	if (done)
		return;
	done = true;
	slabpool_options_init(&options);
	options.rcu_synchronize = urcu_bp_synchronize_rcu;
	/* -EBUSY: the program was faster, and has chosen its options itself. */
	(void)slabpool_configure(&options);
}
