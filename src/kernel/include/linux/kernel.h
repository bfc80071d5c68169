/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: passes through, as <sys/sysinfo.h> includes <linux/kernel.h>, and adds the helpers.
 * snprintf() and its family are libc's, so without the kernel's %p extensions; scnprintf() and
 * kasprintf() have them.
 */
#ifndef SLABPOOL_KERNEL_KERNEL_H
#define SLABPOOL_KERNEL_KERNEL_H

#if __has_include_next(<linux/kernel.h>)
#include_next <linux/kernel.h>
#endif

#ifndef __cplusplus
#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/stddef.h>
#include <linux/stringify.h>
#include <linux/types.h>
#include <stdarg.h>

#include <linux/bug.h>

/* Declared here, as all of <stdio.h> and <stdlib.h> would take names from kernel sources. */
int(snprintf)(char *text, size_t size, const char *fmt, ...) __printf(3, 4);
int(sprintf)(char *text, const char *fmt, ...) __printf(2, 3);
int(vsnprintf)(char *text, size_t size, const char *fmt, va_list args) __printf(3, 0);
int(sscanf)(const char *text, const char *fmt, ...) __attribute__((__format__(scanf, 2, 3)));

/** As snprintf(), but returns what was really written. */
int scnprintf(char *text, size_t size, const char *fmt, ...) __printf(3, 4);
int vscnprintf(char *text, size_t size, const char *fmt, va_list args) __printf(3, 0);
/** A formatted string from kmalloc(), or NULL. */
char *kasprintf(gfp_t gfp, const char *fmt, ...) __printf(2, 3);
char *kvasprintf(gfp_t gfp, const char *fmt, va_list args) __printf(2, 0);

#define upper_32_bits(n) ((u32)(((n) >> 16) >> 16))
#define lower_32_bits(n) ((u32)((n) & 0xffffffff))
#define REPEAT_BYTE(x) ((~0ul / 0xff) * (x))
#define U8_MAX ((u8)~0U)
#define U16_MAX ((u16)~0U)
#define U32_MAX ((u32)~0U)
#define U64_MAX ((u64)~0ULL)
#define S32_MAX ((s32)(U32_MAX >> 1))
#define S64_MAX ((s64)(U64_MAX >> 1))

#ifndef INT_MAX
#define INT_MAX ((int)(~0U >> 1))
#define INT_MIN (-INT_MAX - 1)
#define UINT_MAX (~0U)
#define LONG_MAX ((long)(~0UL >> 1))
#define LONG_MIN (-LONG_MAX - 1)
#define ULONG_MAX (~0UL)
#endif

#define might_sleep() ((void)0)
#define might_sleep_if(condition) ((void)(condition))
#endif

#endif
