/* SPDX-License-Identifier: MIT */
/* What rcu.c offers; <linux/rcupdate.h> declares the same, as it must stand alone. */
#ifndef SLABPOOL_KERNEL_RCU_H
#define SLABPOOL_KERNEL_RCU_H

#include <stdbool.h>
#include <stddef.h>

struct callback_head;
typedef void (*slabpool_kernel_callback_t)(struct callback_head *head);

void slabpool_kernel_rcu_read_lock(void);
void slabpool_kernel_rcu_read_unlock(void);
bool slabpool_kernel_rcu_reading(void);
void slabpool_kernel_synchronize_rcu(void);
void slabpool_kernel_rcu_barrier(void);
void slabpool_kernel_call_rcu(struct callback_head *head, slabpool_kernel_callback_t func);
void slabpool_kernel_kfree_rcu(struct callback_head *head, size_t offset);
void slabpool_kernel_kfree_rcu_sleeping(const void *object);
void slabpool_kernel_use_rcu(void);

#endif
