/* SPDX-License-Identifier: MIT */
/*
 * printk() and all that talks through it. A message is formatted into one buffer and leaves in one
 * write, so that messages of different threads do not mix. As in the kernel, a message that does
 * not say KERN_CONT starts a line of its own, even if the one before had no newline.
 */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#endif

#include "internal.h"

/* Longer messages are cut. */
#define MESSAGE_BYTES 2048
/* Of a message that names no level, as the kernel's default. */
#define DEFAULT_LEVEL 4

#define RATELIMIT_SECONDS 5
#define RATELIMIT_BURST 10

/* Everything but debug messages, which are compiled in only where they are wanted. */
int console_loglevel = 8;

/* Protects what follows. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool line_open;      /* the last message that was shown ended without a newline */
static bool hidden;         /* the last message was not shown, nor is what continues it */
static time_t limit_start;  /* of the present interval, in seconds */
static unsigned int limit_count;

/* The level that @p fmt starts with, or -1 for KERN_CONT; *skip: characters of the mark. */
static int message_level(const char *fmt, int *skip)
{
	*skip = 0;
	if (fmt[0] != KERN_SOH_ASCII || fmt[1] == '\0')
		return DEFAULT_LEVEL;
	*skip = 2;
	if (fmt[1] == 'c')
		return -1;
	return fmt[1] >= '0' && fmt[1] <= '7' ? fmt[1] - '0' : DEFAULT_LEVEL;
}

int vprintk(const char *fmt, va_list args)
{
	char text[MESSAGE_BYTES];
	int skip;
	int level = message_level(fmt, &skip);
	int length;

	/* One byte is kept for the newline of the message before. */
	length = vscnprintf(text + 1, sizeof(text) - 1, fmt + skip, args);
	text[0] = '\n';
	pthread_mutex_lock(&mutex);
	if (level >= 0)
		hidden = level >= console_loglevel;
	if (hidden || length == 0) {
		pthread_mutex_unlock(&mutex);
		return 0;
	}
	if (line_open && level >= 0)
		fwrite(text, 1, (size_t)length + 1, stderr);
	else
		fwrite(text + 1, 1, (size_t)length, stderr);
	line_open = text[length] != '\n';
	pthread_mutex_unlock(&mutex);
	return length;
}

int printk(const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vprintk(fmt, args);
	va_end(args);
	return length;
}

void slabpool_kernel_end_line(void)
{
	pthread_mutex_lock(&mutex);
	if (line_open)
		fputc('\n', stderr);
	line_open = false;
	pthread_mutex_unlock(&mutex);
}

bool slabpool_kernel_ratelimit(void)
{
	struct timespec now;
	bool allowed;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&mutex);
	if (limit_count == 0 || now.tv_sec - limit_start >= RATELIMIT_SECONDS) {
		limit_start = now.tv_sec;
		limit_count = 0;
	}
	allowed = limit_count < RATELIMIT_BURST;
	if (allowed)
		limit_count++;
	pthread_mutex_unlock(&mutex);
	return allowed;
}

void dump_stack(void)
{
#if __has_include(<execinfo.h>)
	void *frames[64];
	int count = backtrace(frames, 64);

	printk(KERN_DEFAULT "Call Trace:\n");
	backtrace_symbols_fd(frames, count, 2);
#else
	printk(KERN_DEFAULT "Call Trace: not available with this libc\n");
#endif
}

void slabpool_kernel_warn_on(const char *file, int line, const char *function)
{
	printk(KERN_WARNING "WARNING: at %s:%d %s()\n", file, line, function);
}

void slabpool_kernel_warn(const char *file, int line, const char *function, const char *fmt, ...)
{
	struct va_format format = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	format.va = &args;
	printk(KERN_WARNING "WARNING: at %s:%d %s()\n%pV", file, line, function, &format);
	va_end(args);
}

void slabpool_kernel_bug(const char *file, int line, const char *function)
{
	printk(KERN_EMERG "kernel BUG at %s:%d! in %s()\n", file, line, function);
	abort();
}

void panic(const char *fmt, ...)
{
	struct va_format format = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	format.va = &args;
	printk(KERN_EMERG "Kernel panic - not syncing: %pV", &format);
	va_end(args);
	slabpool_kernel_end_line();
	abort();
}

char *kvasprintf(gfp_t gfp, const char *fmt, va_list args)
{
	va_list again;
	char *text;
	int length;

	va_copy(again, args);
	length = slabpool_kernel_format(NULL, 0, fmt, again);
	va_end(again);
	text = kmalloc((size_t)length + 1, gfp);
	if (text)
		slabpool_kernel_format(text, (size_t)length + 1, fmt, args);
	return text;
}

char *kasprintf(gfp_t gfp, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = kvasprintf(gfp, fmt, args);
	va_end(args);
	return text;
}
