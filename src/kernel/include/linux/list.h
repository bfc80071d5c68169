/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: doubly linked rings (struct list_head) and hash chains (struct hlist_head).
 *
 *	head <-> a <-> b <-> head          an empty ring: head <-> head
 *
 * A chain's head is one pointer; a node's pprev points to whatever points to the node, so that
 * it can be taken out without knowing its head.
 */
#ifndef SLABPOOL_KERNEL_LIST_H
#define SLABPOOL_KERNEL_LIST_H

#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/types.h>

/* Where a removed element points to: an access faults. */
#define LIST_POISON1 ((void *)0x100)
#define LIST_POISON2 ((void *)0x122)

/* <sys/queue.h> has another LIST_HEAD. */
#undef LIST_HEAD
#define LIST_HEAD_INIT(name) { &(name), &(name) }
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline void slabpool_kernel_join(struct list_head *left, struct list_head *right)
{
	left->next = right;
	right->prev = left;
}

/** Puts @p item behind @p head: first in the ring. */
static inline void list_add(struct list_head *item, struct list_head *head)
{
	slabpool_kernel_join(item, head->next);
	slabpool_kernel_join(head, item);
}

/** Puts @p item before @p head: last in the ring. */
static inline void list_add_tail(struct list_head *item, struct list_head *head)
{
	slabpool_kernel_join(head->prev, item);
	slabpool_kernel_join(item, head);
}

static inline void __list_del_entry(struct list_head *item)
{
	slabpool_kernel_join(item->prev, item->next);
}

static inline void list_del(struct list_head *item)
{
	__list_del_entry(item);
	item->next = LIST_POISON1;
	item->prev = LIST_POISON2;
}

static inline void list_del_init(struct list_head *item)
{
	__list_del_entry(item);
	INIT_LIST_HEAD(item);
}

static inline void list_replace(struct list_head *old, struct list_head *item)
{
	slabpool_kernel_join(item, old->next);
	slabpool_kernel_join(old->prev, item);
}

static inline void list_replace_init(struct list_head *old, struct list_head *item)
{
	list_replace(old, item);
	INIT_LIST_HEAD(old);
}

static inline void list_move(struct list_head *item, struct list_head *head)
{
	__list_del_entry(item);
	list_add(item, head);
}

static inline void list_move_tail(struct list_head *item, struct list_head *head)
{
	__list_del_entry(item);
	list_add_tail(item, head);
}

static inline int list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

static inline int list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

static inline int list_is_first(const struct list_head *item, const struct list_head *head)
{
	return item->prev == head;
}

static inline int list_is_last(const struct list_head *item, const struct list_head *head)
{
	return item->next == head;
}

static inline int list_is_head(const struct list_head *item, const struct list_head *head)
{
	return item == head;
}

static inline void list_rotate_left(struct list_head *head)
{
	if (!list_empty(head))
		list_move_tail(head->next, head);
}

/** Moves all of @p list to the front of @p head; @p list itself is left undefined. */
static inline void list_splice(const struct list_head *list, struct list_head *head)
{
	struct list_head *first = list->next;

	if (list_empty(list))
		return;
	slabpool_kernel_join(list->prev, head->next);
	slabpool_kernel_join(head, first);
}

static inline void list_splice_tail(struct list_head *list, struct list_head *head)
{
	struct list_head *last = list->prev;

	if (list_empty(list))
		return;
	slabpool_kernel_join(head->prev, list->next);
	slabpool_kernel_join(last, head);
}

static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	list_splice(list, head);
	INIT_LIST_HEAD(list);
}

static inline void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
	list_splice_tail(list, head);
	INIT_LIST_HEAD(list);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) list_entry((pos)->member.prev, __typeof__(*(pos)), member)

#define list_for_each(pos, head) for (pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_prev(pos, head) for (pos = (head)->prev; pos != (head); pos = pos->prev)
#define list_for_each_safe(pos, n, head) \
	for (pos = (head)->next, n = pos->next; pos != (head); pos = n, n = pos->next)
#define list_for_each_entry(pos, head, member)                               \
	for (pos = list_first_entry(head, __typeof__(*pos), member);         \
	     &pos->member != (head); pos = list_next_entry(pos, member))
#define list_for_each_entry_reverse(pos, head, member)                       \
	for (pos = list_last_entry(head, __typeof__(*pos), member);          \
	     &pos->member != (head); pos = list_prev_entry(pos, member))
#define list_for_each_entry_continue(pos, head, member)                      \
	for (pos = list_next_entry(pos, member); &pos->member != (head);     \
	     pos = list_next_entry(pos, member))
#define list_for_each_entry_from(pos, head, member) \
	for (; &pos->member != (head); pos = list_next_entry(pos, member))
#define list_for_each_entry_safe(pos, n, head, member)                       \
	for (pos = list_first_entry(head, __typeof__(*pos), member),         \
	    n = list_next_entry(pos, member);                                \
	     &pos->member != (head); pos = n, n = list_next_entry(n, member))
#define list_for_each_entry_safe_reverse(pos, n, head, member)               \
	for (pos = list_last_entry(head, __typeof__(*pos), member),          \
	    n = list_prev_entry(pos, member);                                \
	     &pos->member != (head); pos = n, n = list_prev_entry(n, member))

#define HLIST_HEAD_INIT { .first = NULL }
#define HLIST_HEAD(name) struct hlist_head name = HLIST_HEAD_INIT
#define INIT_HLIST_HEAD(head) ((head)->first = NULL)

static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->next = NULL;
	node->pprev = NULL;
}

static inline int hlist_unhashed(const struct hlist_node *node)
{
	return !node->pprev;
}

static inline int hlist_empty(const struct hlist_head *head)
{
	return !READ_ONCE(head->first);
}

static inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
	node->next = head->first;
	node->pprev = &head->first;
	if (head->first)
		head->first->pprev = &node->next;
	head->first = node;
}

static inline void __hlist_del(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
}

static inline void hlist_del(struct hlist_node *node)
{
	__hlist_del(node);
	node->next = LIST_POISON1;
	node->pprev = LIST_POISON2;
}

static inline void hlist_del_init(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	__hlist_del(node);
	INIT_HLIST_NODE(node);
}

#define hlist_entry(ptr, type, member) container_of(ptr, type, member)
#define hlist_entry_safe(ptr, type, member)                                  \
	({                                                                   \
		__typeof__(ptr) __node = (ptr);                              \
		__node ? hlist_entry(__node, type, member) : NULL;           \
	})
#define hlist_for_each(pos, head) for (pos = (head)->first; pos; pos = pos->next)
#define hlist_for_each_safe(pos, n, head) \
	for (pos = (head)->first; pos && (n = pos->next, 1); pos = n)
#define hlist_for_each_entry(pos, head, member)                              \
	for (pos = hlist_entry_safe((head)->first, __typeof__(*pos), member); pos; \
	     pos = hlist_entry_safe(pos->member.next, __typeof__(*pos), member))
#define hlist_for_each_entry_safe(pos, n, head, member)                      \
	for (pos = hlist_entry_safe((head)->first, __typeof__(*pos), member); \
	     pos && (n = pos->member.next, 1);                               \
	     pos = hlist_entry_safe(n, __typeof__(*pos), member))

#endif
