/* SPDX-License-Identifier: MIT */
/*
 * A platform for tests: bounded memory that runs out on demand, a clock that the test turns,
 * threads that the test switches between, reports that are kept instead of shown.
 *
 *	static struct test_platform tp;
 *	struct slabpool_platform platform;
 *
 *	test_platform_open(&tp, 64 << 20, 0);
 *	test_platform_table(&tp, &platform);
 *	pool = slabpool_create(&platform, &options);
 *	tp.fail_call = tp.calls + 3;            the third fallible call from now fails
 *	...
 *	slabpool_destroy(pool);
 *	is_uint(tp.reserved, 0, "everything was given back");
 *	test_platform_close(&tp);
 *
 * One platform may serve many instances, one after the other or at once; nothing is mapped or
 * zeroed but what they committed, so an instance costs microseconds.
 *
 * Deviations from the contract of platform.h on the side of the caller (unlocking what is not
 * locked, giving back what was not reserved, committing outside) abort with a line on stderr.
 */
#ifndef SLABPOOL_TEST_PLATFORM_H
#define SLABPOOL_TEST_PLATFORM_H

#include <pthread.h>
#include <setjmp.h>
#include <slabpool/slabpool.h>

#define TEST_PIECES 64u
#define TEST_REPORTS 64u
#define TEST_LINE 256u
#define TEST_THREADS 16u
#define TEST_PAGE 4096u

/* Flags of test_platform_open(). */
#define TEST_STRICT 1u   /* memory that is not committed cannot be touched (slow: mprotect) */
#define TEST_PTHREADS 2u /* real threads: locks are mutexes, records go by pthread keys */

/* Calls that may fail, for test_platform.fail_kinds. */
#define TEST_FAIL_RESERVE 1u
#define TEST_FAIL_COMMIT 2u
#define TEST_FAIL_SYNC 4u
#define TEST_FAIL_THREAD 8u
#define TEST_FAIL_ALL 15u

struct test_piece {
	size_t start, bytes;   /* in the buffer; bytes 0: unused */
};

struct test_report {
	enum slabpool_report_kind kind;
	bool crime;
	char line[TEST_LINE];
};

struct test_platform {
	/* Turned by the test at any time. */
	size_t budget;             /* committed bytes beyond which commit fails */
	uint64_t calls;            /* fallible calls so far */
	uint64_t fail_call;        /* the call of this number fails; 0: none */
	bool fail_on;              /* and all after it */
	unsigned int fail_kinds;   /* which kinds of calls count and fail */
	uint64_t now;              /* what the clock shows, in ms */
	/* Called by wait() with the lock given back; NULL: the clock just goes on. */
	void (*on_wait)(void *context);
	void *on_wait_context;
	jmp_buf *on_fatal;         /* where fatal() jumps to; NULL: it aborts */
	unsigned int thread;       /* the simulated thread that is running */

	/* Read by the test. */
	uint64_t failed;           /* calls that were made to fail */
	size_t reserved;           /* bytes reserved now */
	size_t committed;          /* bytes of pages committed now */
	size_t committed_most;
	uint64_t reserves, unreserves, commits, decommits, waits, wakes, locks;
	uint64_t discards, discarded; /* calls, bytes */
	unsigned int syncs;        /* locks initialised and not given back */
	unsigned int report_count; /* reports so far; the first TEST_REPORTS are kept */
	struct test_report report[TEST_REPORTS];

	/* Its own. */
	unsigned int flags;
	unsigned char *memory;     /* multiple of the largest page run */
	size_t bytes;
	void *mapping;
	size_t mapping_bytes;
	unsigned char *page;       /* a page: 1 committed */
	struct test_piece piece[TEST_PIECES]; /* in order of start, without holes in the table */
	unsigned int pieces;
	void *record[TEST_THREADS];
	pthread_mutex_t mutex;     /* protects all of this when threads are real */
	pthread_key_t key;
};

/* Maps the buffer; bails out of the test if that fails. */
void test_platform_open(struct test_platform *tp, size_t bytes, unsigned int flags);
void test_platform_close(struct test_platform *tp);
/* Counters, failures, reports and clock as after open; reserved memory stays. */
void test_platform_reset(struct test_platform *tp);
void test_platform_table(struct test_platform *tp, struct slabpool_platform *platform);
/* The simulated thread ends: its record goes to slabpool_thread_exit(). */
void test_platform_thread_end(struct test_platform *tp, struct slabpool *pool);
/* The last report's line, or "". */
const char *test_platform_line(const struct test_platform *tp);
/* How many of the kept reports are of this kind. */
unsigned int test_platform_reported(const struct test_platform *tp, enum slabpool_report_kind kind);

#endif
