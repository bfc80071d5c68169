/* SPDX-License-Identifier: MIT */
/*
 * A small TAP producer for unit tests: needs nothing but libc, so that every test also builds for
 * the cross targets.
 *
 *	#include "support/tap.h"
 *	int main(void)
 *	{
 *		ok(1 + 1 == 2, "numbers add up");
 *		is_int(kmem_cache_size(cache), 24, "size of %s", name);
 *		dies(free_twice, object, "slabpool: kmem_cache_free: double free of ...");
 *		return tap_done();
 *	}
 *
 * Every check prints one line, returns whether it held, and a failed one tells the place and both
 * values as diagnostics. tap_done() prints the plan and gives main()'s exit status: a test that
 * checked nothing fails. Checks may be made from several threads at once.
 */
#ifndef SLABPOOL_TEST_TAP_H
#define SLABPOOL_TEST_TAP_H

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAP_UNUSED __attribute__((unused))
#define TAP_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Sanitizers of this build, for the few tests that a tool cannot follow. */
#if defined(__has_feature)
#define TAP_HAS_FEATURE(x) __has_feature(x)
#else
#define TAP_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || TAP_HAS_FEATURE(address_sanitizer)
#define TAP_ASAN 1
#else
#define TAP_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || TAP_HAS_FEATURE(thread_sanitizer)
#define TAP_TSAN 1
#else
#define TAP_TSAN 0
#endif

/* Bytes of stderr that a death test keeps of its child. */
#define TAP_ERR_BYTES 8192

static struct tap {
	pthread_mutex_t mutex; /* protects the counters and stdout */
	unsigned int run, failed;
} tap = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* What became of a child process. */
struct tap_child {
	int exit_status;            /* -1 if it did not exit */
	int signal;                 /* 0 if no signal ended it */
	char err[TAP_ERR_BYTES];    /* its stderr, terminated */
};

/* A line of diagnostics: "# ..." on stdout, where the harness keeps it with the result. */
static TAP_UNUSED TAP_PRINTF(1, 2) void diag(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&tap.mutex);
	fputs("# ", stdout);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	pthread_mutex_unlock(&tap.mutex);
	va_end(args);
}

/* A description is one line without '#', which would start a directive. */
static TAP_UNUSED TAP_PRINTF(4, 0) void tap_line(bool held, const char *file, int line,
						 const char *format, va_list args)
{
	char text[400], *c;

	vsnprintf(text, sizeof(text), format, args);
	for (c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '#')
			*c = '?';
	pthread_mutex_lock(&tap.mutex);
	tap.run++;
	tap.failed += !held;
	printf("%sok %u - %s\n", held ? "" : "not ", tap.run, text);
	if (!held)
		printf("#   failed at %s:%d\n", file, line);
	fflush(stdout);
	pthread_mutex_unlock(&tap.mutex);
}

static TAP_UNUSED TAP_PRINTF(4, 5) bool tap_ok(bool held, const char *file, int line,
					       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_line(held, file, line, format, args);
	va_end(args);
	return held;
}

static TAP_UNUSED TAP_PRINTF(5, 6) bool tap_int(intmax_t got, intmax_t want, const char *file,
						int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_line(got == want, file, line, format, args);
	va_end(args);
	if (got != want)
		diag("  got %" PRIdMAX ", expected %" PRIdMAX, got, want);
	return got == want;
}

static TAP_UNUSED TAP_PRINTF(5, 6) bool tap_uint(uintmax_t got, uintmax_t want, const char *file,
						 int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_line(got == want, file, line, format, args);
	va_end(args);
	if (got != want)
		diag("  got %" PRIuMAX " (0x%" PRIxMAX "), expected %" PRIuMAX " (0x%" PRIxMAX ")",
		     got, got, want, want);
	return got == want;
}

static TAP_UNUSED TAP_PRINTF(5, 6) bool tap_ptr(const void *got, const void *want,
						const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_line(got == want, file, line, format, args);
	va_end(args);
	if (got != want)
		diag("  got %p, expected %p", (void *)(uintptr_t)got, (void *)(uintptr_t)want);
	return got == want;
}

/* Two strings; either may be NULL. */
static TAP_UNUSED TAP_PRINTF(5, 6) bool tap_str(const char *got, const char *want,
						const char *file, int line, const char *format, ...)
{
	bool held = got && want ? strcmp(got, want) == 0 : got == want;
	va_list args;

	va_start(args, format);
	tap_line(held, file, line, format, args);
	va_end(args);
	if (!held) {
		diag("  got      '%s'", got ? got : "(null)");
		diag("  expected '%s'", want ? want : "(null)");
	}
	return held;
}

#define ok(held, ...) tap_ok((held), __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...) tap_int((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_uint(got, want, ...) tap_uint((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_ptr(got, want, ...) tap_ptr((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) tap_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)

/* Counts one check that cannot be made here, with the reason. */
static TAP_UNUSED TAP_PRINTF(1, 2) void skip(const char *reason, ...)
{
	va_list args;

	va_start(args, reason);
	pthread_mutex_lock(&tap.mutex);
	tap.run++;
	printf("ok %u - # SKIP ", tap.run);
	vprintf(reason, args);
	putchar('\n');
	fflush(stdout);
	pthread_mutex_unlock(&tap.mutex);
	va_end(args);
}

/* The test cannot go on at all. */
static TAP_UNUSED TAP_PRINTF(1, 2) __attribute__((noreturn)) void bail_out(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("Bail out! ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	fflush(stdout);
	exit(1);
}

/* The plan, last of all. @return main()'s exit status. */
static TAP_UNUSED int tap_done(void)
{
	printf("1..%u\n", tap.run);
	if (tap.failed)
		printf("# %u of %u failed\n", tap.failed, tap.run);
	fflush(stdout);
	return tap.run == 0 || tap.failed != 0;
}

static TAP_UNUSED void tap_drain(int from, struct tap_child *child)
{
	size_t used = 0;
	char rest[512];
	ssize_t n;

	for (;;) {
		bool room = used < sizeof(child->err) - 1;

		n = read(from, room ? child->err + used : rest,
			 room ? sizeof(child->err) - 1 - used : sizeof(rest));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (room)
			used += (size_t)n;
	}
	child->err[used] = '\0';
}

/*
 * Runs @p function in a child process and tells how it ended; a function that returns exits with
 * status 0. The child's stdout is thrown away: its checks do not count. Half a minute at most.
 */
static TAP_UNUSED void tap_fork(void (*function)(void *argument), void *argument,
				struct tap_child *child)
{
	int ends[2], status = 0;
	pid_t pid;

	memset(child, 0, sizeof(*child));
	fflush(stdout);
	fflush(stderr);
	if (pipe(ends) != 0 || (pid = fork()) < 0)
		bail_out("cannot make a child process: %s", strerror(errno));
	if (pid == 0) {
		alarm(30);
		close(ends[0]);
		dup2(ends[1], STDERR_FILENO);
		close(ends[1]);
		if (!freopen("/dev/null", "w", stdout))
			_exit(126);
		function(argument);
		_exit(0);
	}
	close(ends[1]);
	tap_drain(ends[0], child);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	child->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	child->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* True if one of the lines of @p text is exactly @p line. */
static TAP_UNUSED bool tap_has_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (;;) {
		const char *end = strchr(text, '\n');
		size_t here = end ? (size_t)(end - text) : strlen(text);

		if (here == length && memcmp(text, line, length) == 0)
			return true;
		if (!end)
			return false;
		text = end + 1;
	}
}

/*
 * A death test: in a child process, @p function must end by abort() with the exact line @p line
 * among those on stderr.
 */
static TAP_UNUSED bool tap_dies(void (*function)(void *), void *argument, const char *line,
				const char *file, int number)
{
	struct tap_child *child = malloc(sizeof(*child));
	bool held;

	if (!child)
		bail_out("no memory for a death test");
	tap_fork(function, argument, child);
	held = child->signal == SIGABRT && tap_has_line(child->err, line);
	tap_ok(held, file, number, "dies: %s", line);
	if (!held)
		diag("  exit status %d, signal %d, stderr: '%s'", child->exit_status,
		     child->signal, child->err);
	free(child);
	return held;
}

/*
 * In a child process, @p function must return (or exit with 0) and write exactly @p err to stderr,
 * newlines included; "" for nothing.
 */
static TAP_UNUSED bool tap_lives(void (*function)(void *), void *argument, const char *err,
				 const char *what, const char *file, int number)
{
	struct tap_child *child = malloc(sizeof(*child));
	bool held;

	if (!child)
		bail_out("no memory for a child's output");
	tap_fork(function, argument, child);
	held = child->exit_status == 0 && strcmp(child->err, err) == 0;
	tap_ok(held, file, number, "lives: %s", what);
	if (!held)
		diag("  exit status %d, signal %d, stderr: '%s', expected '%s'",
		     child->exit_status, child->signal, child->err, err);
	free(child);
	return held;
}

#define dies(function, argument, line) tap_dies(function, argument, line, __FILE__, __LINE__)
#define lives(function, argument, err, what) \
	tap_lives(function, argument, err, what, __FILE__, __LINE__)

#endif
