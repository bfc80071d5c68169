/* SPDX-License-Identifier: MIT */
/* Kernel face: passes through, and adds what kernel sources expect. */
#ifndef SLABPOOL_KERNEL_STDDEF_H
#define SLABPOOL_KERNEL_STDDEF_H

#if __has_include_next(<linux/stddef.h>)
#include_next <linux/stddef.h>
#endif
#include <stddef.h>

#define sizeof_field(type, member) sizeof(((type *)0)->member)
#define FIELD_SIZEOF(type, member) sizeof_field(type, member)
#define offsetofend(type, member) (offsetof(type, member) + sizeof_field(type, member))
#define typeof_member(type, member) __typeof__(((type *)0)->member)
#define struct_group(name, members...)   \
	union {                          \
		struct { members };      \
		struct { members } name; \
	}
#ifdef __DECLARE_FLEX_ARRAY
#define DECLARE_FLEX_ARRAY(type, name) __DECLARE_FLEX_ARRAY(type, name)
#endif

#endif
