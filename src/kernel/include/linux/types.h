/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: passes through, as libc's own headers include <linux/types.h>, and adds the short
 * names. Everything here is also legal C++, for the same reason.
 */
#ifndef SLABPOOL_KERNEL_TYPES_H
#define SLABPOOL_KERNEL_TYPES_H

/* 64-bit types are long long on every machine, as in the kernel: "%llu" fits. */
#ifndef __SANE_USERSPACE_TYPES__
#define __SANE_USERSPACE_TYPES__
#endif
#if __has_include_next(<linux/types.h>)
#include_next <linux/types.h>
#else
typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __le16, __be16;
typedef __u32 __le32, __be32;
typedef __u64 __le64, __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef unsigned int __poll_t;
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <slabpool/gfp.h>

typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef short s16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef long long s64;

typedef unsigned short umode_t;
typedef unsigned long pgoff_t;
typedef u64 sector_t;
typedef u64 phys_addr_t;
typedef u64 dma_addr_t;
typedef phys_addr_t resource_size_t;
typedef unsigned int fmode_t;
/* glibc hides it in strict mode; the others have it in other headers, if at all. */
#if defined(__GLIBC__) && !defined(__USE_MISC)
typedef __loff_t loff_t;
#elif !defined(__GLIBC__) && !defined(__BIONIC__) && !defined(loff_t)
typedef off_t loff_t;
#endif

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_head {
	struct hlist_node *first;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

/** An object's place in the queue of those that wait for a grace period: <linux/rcupdate.h>. */
struct callback_head {
	void *opaque[2];
	void (*func)(struct callback_head *head);
};
#define rcu_head callback_head

typedef void (*rcu_callback_t)(struct callback_head *head);
typedef void (*call_rcu_func_t)(struct callback_head *head, rcu_callback_t func);

#endif
