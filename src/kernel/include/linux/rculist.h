/* SPDX-License-Identifier: MIT */
/* Kernel face: lists that are read under rcu_read_lock(). Writers hold a lock of their own. */
#ifndef SLABPOOL_KERNEL_RCULIST_H
#define SLABPOOL_KERNEL_RCULIST_H

#include <linux/list.h>
#include <linux/rcupdate.h>

static inline void slabpool_kernel_insert_rcu(struct list_head *item, struct list_head *before,
					      struct list_head *after)
{
	item->next = after;
	item->prev = before;
	rcu_assign_pointer(before->next, item);
	after->prev = item;
}

static inline void list_add_rcu(struct list_head *item, struct list_head *head)
{
	slabpool_kernel_insert_rcu(item, head, head->next);
}

static inline void list_add_tail_rcu(struct list_head *item, struct list_head *head)
{
	slabpool_kernel_insert_rcu(item, head->prev, head);
}

/** Readers may still stand on @p item: its next pointer stays. */
static inline void list_del_rcu(struct list_head *item)
{
	item->next->prev = item->prev;
	WRITE_ONCE(item->prev->next, item->next);
	item->prev = LIST_POISON2;
}

static inline void list_replace_rcu(struct list_head *old, struct list_head *item)
{
	item->next = old->next;
	item->prev = old->prev;
	rcu_assign_pointer(item->prev->next, item);
	item->next->prev = item;
	old->prev = LIST_POISON2;
}

static inline void hlist_add_head_rcu(struct hlist_node *node, struct hlist_head *head)
{
	struct hlist_node *first = head->first;

	node->next = first;
	node->pprev = &head->first;
	rcu_assign_pointer(head->first, node);
	if (first)
		first->pprev = &node->next;
}

static inline void hlist_del_rcu(struct hlist_node *node)
{
	WRITE_ONCE(*node->pprev, node->next);
	if (node->next)
		node->next->pprev = node->pprev;
	node->pprev = LIST_POISON2;
}

static inline void hlist_del_init_rcu(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	hlist_del_rcu(node);
	node->pprev = NULL;
}

#define list_entry_rcu(ptr, type, member) container_of(rcu_dereference(ptr), type, member)
#define list_for_each_entry_rcu(pos, head, member, ...)                                  \
	for (pos = list_entry_rcu((head)->next, __typeof__(*pos), member);               \
	     &pos->member != (head);                                                     \
	     pos = list_entry_rcu(pos->member.next, __typeof__(*pos), member))
#define hlist_for_each_entry_rcu(pos, head, member, ...)                                 \
	for (pos = hlist_entry_safe(rcu_dereference((head)->first), __typeof__(*pos), member); \
	     pos;                                                                        \
	     pos = hlist_entry_safe(rcu_dereference(pos->member.next), __typeof__(*pos), member))

#endif
