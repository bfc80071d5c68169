/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: messages go to stderr, each line without its level mark. `loglevel=N` among the
 * program's arguments, or the variable console_loglevel, hides lines of level N and above; as in
 * the kernel, pr_debug() is compiled in only where DEBUG is defined.
 *
 * Formats are printf's with the kernel's pointer extensions: %p, %px and %pK print the address,
 * %pe an error number by name, %pV a struct va_format, %pa what a phys_addr_t pointer points to,
 * %*ph bytes in hexadecimal; every other extension prints the address.
 */
#ifndef SLABPOOL_KERNEL_PRINTK_H
#define SLABPOOL_KERNEL_PRINTK_H

#include <linux/compiler.h>
#include <linux/init.h>
#include <linux/kern_levels.h>
#include <linux/types.h>
#include <stdarg.h>

/* The build of a kernel module passes its name; elsewhere the file's name has to do. */
#ifndef KBUILD_MODNAME
#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)
#define KBUILD_MODNAME __FILE_NAME__
#else
#define KBUILD_MODNAME "module"
#endif
#endif

struct va_format {
	const char *fmt;
	va_list *va;
};

extern int console_loglevel;

/** @return the number of characters printed, 0 for a hidden line. Thread-safe: a message is one
 * write. */
int printk(const char *fmt, ...) __printf(1, 2) __cold;
int vprintk(const char *fmt, va_list args) __printf(1, 0) __cold;
#define _printk printk
void dump_stack(void) __cold;

static inline __printf(1, 2) int no_printk(const char *fmt, ...)
{
	return 0;
}

#ifndef pr_fmt
#define pr_fmt(fmt) fmt
#endif

#define pr_emerg(fmt, ...) printk(KERN_EMERG pr_fmt(fmt), ##__VA_ARGS__)
#define pr_alert(fmt, ...) printk(KERN_ALERT pr_fmt(fmt), ##__VA_ARGS__)
#define pr_crit(fmt, ...) printk(KERN_CRIT pr_fmt(fmt), ##__VA_ARGS__)
#define pr_err(fmt, ...) printk(KERN_ERR pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...) printk(KERN_WARNING pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warning(fmt, ...) pr_warn(fmt, ##__VA_ARGS__)
#define pr_notice(fmt, ...) printk(KERN_NOTICE pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...) printk(KERN_INFO pr_fmt(fmt), ##__VA_ARGS__)
#define pr_cont(fmt, ...) printk(KERN_CONT fmt, ##__VA_ARGS__)
#ifdef DEBUG
#define pr_devel(fmt, ...) printk(KERN_DEBUG pr_fmt(fmt), ##__VA_ARGS__)
#else
#define pr_devel(fmt, ...) no_printk(KERN_DEBUG pr_fmt(fmt), ##__VA_ARGS__)
#endif
#define pr_debug(fmt, ...) pr_devel(fmt, ##__VA_ARGS__)

#define SLABPOOL_KERNEL_ONCE(statement)                                              \
	do {                                                                         \
		static bool slabpool_kernel_done;                                    \
		if (!__atomic_exchange_n(&slabpool_kernel_done, true, __ATOMIC_RELAXED)) \
			statement;                                                   \
	} while (0)

#define printk_once(fmt, ...) SLABPOOL_KERNEL_ONCE(printk(fmt, ##__VA_ARGS__))
#define pr_emerg_once(fmt, ...) SLABPOOL_KERNEL_ONCE(pr_emerg(fmt, ##__VA_ARGS__))
#define pr_alert_once(fmt, ...) SLABPOOL_KERNEL_ONCE(pr_alert(fmt, ##__VA_ARGS__))
#define pr_crit_once(fmt, ...) SLABPOOL_KERNEL_ONCE(pr_crit(fmt, ##__VA_ARGS__))
#define pr_err_once(fmt, ...) SLABPOOL_KERNEL_ONCE(pr_err(fmt, ##__VA_ARGS__))
#define pr_warn_once(fmt, ...) SLABPOOL_KERNEL_ONCE(pr_warn(fmt, ##__VA_ARGS__))
#define pr_notice_once(fmt, ...) SLABPOOL_KERNEL_ONCE(pr_notice(fmt, ##__VA_ARGS__))
#define pr_info_once(fmt, ...) SLABPOOL_KERNEL_ONCE(pr_info(fmt, ##__VA_ARGS__))

/** At most ten messages in five seconds from all rate-limited callers together. */
bool slabpool_kernel_ratelimit(void);
#define printk_ratelimit() slabpool_kernel_ratelimit()
#define SLABPOOL_KERNEL_LIMITED(statement)           \
	do {                                         \
		if (slabpool_kernel_ratelimit())     \
			statement;                   \
	} while (0)
#define printk_ratelimited(fmt, ...) SLABPOOL_KERNEL_LIMITED(printk(fmt, ##__VA_ARGS__))
#define pr_err_ratelimited(fmt, ...) SLABPOOL_KERNEL_LIMITED(pr_err(fmt, ##__VA_ARGS__))
#define pr_warn_ratelimited(fmt, ...) SLABPOOL_KERNEL_LIMITED(pr_warn(fmt, ##__VA_ARGS__))
#define pr_notice_ratelimited(fmt, ...) SLABPOOL_KERNEL_LIMITED(pr_notice(fmt, ##__VA_ARGS__))
#define pr_info_ratelimited(fmt, ...) SLABPOOL_KERNEL_LIMITED(pr_info(fmt, ##__VA_ARGS__))

#endif
