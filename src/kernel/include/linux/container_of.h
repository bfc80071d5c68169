/* SPDX-License-Identifier: MIT */
/* Kernel face. */
#ifndef SLABPOOL_KERNEL_CONTAINER_OF_H
#define SLABPOOL_KERNEL_CONTAINER_OF_H

#include <linux/compiler.h>

/** The struct of @p type whose @p member is at @p ptr. */
#define container_of(ptr, type, member)                                                       \
	({                                                                                    \
		_Static_assert(__same_type(*(ptr), ((type *)0)->member) ||                    \
			       __same_type(*(ptr), void), "container_of: pointer type mismatch"); \
		(type *)((char *)(ptr) - offsetof(type, member));                             \
	})
#define container_of_const(ptr, type, member) container_of(ptr, type, member)

#endif
