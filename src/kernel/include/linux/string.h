/* SPDX-License-Identifier: MIT */
/* Kernel face: libc's functions, and those that only the kernel has. */
#ifndef SLABPOOL_KERNEL_STRING_H
#define SLABPOOL_KERNEL_STRING_H

#if __has_include_next(<linux/string.h>)
#include_next <linux/string.h>
#endif
#include <string.h>

#ifndef __cplusplus
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include <slabpool/slab.h>

/** Copies and always terminates. The length, or -E2BIG if @p text was cut. */
static inline ssize_t slabpool_kernel_strscpy(char *to, const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	if (size == 0)
		return -E2BIG;
	if (length < size) {
		memcpy(to, text, length + 1);
		return (ssize_t)length;
	}
	memcpy(to, text, size - 1);
	to[size - 1] = '\0';
	return -E2BIG;
}
/* The size may be left out where @p to is an array. */
#define strscpy(to, ...) SLABPOOL_KERNEL_STRSCPY(to, __VA_ARGS__, sizeof(to))
#define SLABPOOL_KERNEL_STRSCPY(to, text, size, ...) slabpool_kernel_strscpy((to), (text), (size))

static inline size_t slabpool_kernel_strlcpy(char *to, const char *text, size_t size)
{
	slabpool_kernel_strscpy(to, text, size);
	return strlen(text);
}
/* Newer libcs have it; the macro gives one meaning everywhere. */
#undef strlcpy
#define strlcpy(to, text, size) slabpool_kernel_strlcpy((to), (text), (size))

/** Clears memory in a way that no compiler removes. */
static inline void memzero_explicit(void *memory, size_t size)
{
	memset(memory, 0, size);
	__asm__ __volatile__("" : : "r"(memory) : "memory");
}

static inline size_t str_has_prefix(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? length : 0;
}

/** Copies @p size bytes into memory from kmalloc(), or NULL. */
static inline void *kmemdup(const void *memory, size_t size, gfp_t gfp)
{
	void *copy = kmalloc(size, gfp);

	if (copy)
		memcpy(copy, memory, size);
	return copy;
}

static inline char *kmemdup_nul(const char *text, size_t length, gfp_t gfp)
{
	char *copy = (char *)kmalloc(length + 1, gfp);

	if (copy) {
		memcpy(copy, text, length);
		copy[length] = '\0';
	}
	return copy;
}

static inline char *kstrndup(const char *text, size_t max, gfp_t gfp)
{
	return text ? kmemdup_nul(text, strnlen(text, max), gfp) : NULL;
}

static inline char *kstrdup(const char *text, gfp_t gfp)
{
	return text ? (char *)kmemdup(text, strlen(text) + 1, gfp) : NULL;
}

/** User space knows no read-only kernel text: always a copy. */
static inline const char *kstrdup_const(const char *text, gfp_t gfp)
{
	return kstrdup(text, gfp);
}
#endif

#endif
