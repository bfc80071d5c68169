/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: WARN says it on stderr and goes on, BUG says it and aborts.
 */
#ifndef SLABPOOL_KERNEL_BUG_H
#define SLABPOOL_KERNEL_BUG_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/printk.h>

void slabpool_kernel_warn(const char *file, int line, const char *function, const char *fmt, ...)
	__printf(4, 5) __cold;
void slabpool_kernel_warn_on(const char *file, int line, const char *function) __cold;
void slabpool_kernel_bug(const char *file, int line, const char *function) __noreturn __cold;
void panic(const char *fmt, ...) __printf(1, 2) __noreturn __cold;

#define BUG() slabpool_kernel_bug(__FILE__, __LINE__, __func__)
#define BUG_ON(condition)                    \
	do {                                 \
		if (unlikely(condition))     \
			BUG();               \
	} while (0)

#define WARN_ON(condition)                                                                 \
	({                                                                                 \
		int __warn_on = !!(condition);                                             \
		if (unlikely(__warn_on))                                                   \
			slabpool_kernel_warn_on(__FILE__, __LINE__, __func__);          \
		unlikely(__warn_on);                                                       \
	})
#define WARN(condition, ...)                                                               \
	({                                                                                 \
		int __warn_on = !!(condition);                                             \
		if (unlikely(__warn_on))                                                   \
			slabpool_kernel_warn(__FILE__, __LINE__, __func__, __VA_ARGS__);   \
		unlikely(__warn_on);                                                       \
	})
#define WARN_ONCE(condition, ...)                                                          \
	({                                                                                 \
		static bool __warned;                                                      \
		int __warn_once = !!(condition);                                           \
		if (unlikely(__warn_once) &&                                               \
		    !__atomic_exchange_n(&__warned, true, __ATOMIC_RELAXED))               \
			slabpool_kernel_warn(__FILE__, __LINE__, __func__, __VA_ARGS__);   \
		unlikely(__warn_once);                                                     \
	})
#define WARN_ON_ONCE(condition)                                                            \
	({                                                                                 \
		static bool __warned;                                                      \
		int __warn_once = !!(condition);                                           \
		if (unlikely(__warn_once) &&                                               \
		    !__atomic_exchange_n(&__warned, true, __ATOMIC_RELAXED))               \
			slabpool_kernel_warn_on(__FILE__, __LINE__, __func__);          \
		unlikely(__warn_once);                                                     \
	})
#define WARN_ON_SMP(condition) WARN_ON(condition)
#define WARN_TAINT(condition, taint, ...) WARN(condition, __VA_ARGS__)

#endif
