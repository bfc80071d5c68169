/* SPDX-License-Identifier: MIT */
/*
 * The platform for tests.
 *
 * The buffer is zero wherever no page is marked committed: commit() only marks, and what is
 * dropped is zeroed at once. So the cost of an instance is the memory that it used. Pieces lie
 * anywhere in the buffer, first fit; the table of them is kept in order.
 */
#include "support/test_platform.h"
#include "core/thread.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGEST_RUN ((size_t)1 << 22)

__attribute__((noreturn)) static void broken(const char *what)
{
	fprintf(stderr, "test platform: %s\n", what);
	abort();
}

static bool is_threaded(const struct test_platform *tp)
{
	return (tp->flags & TEST_PTHREADS) != 0;
}

static void enter(struct test_platform *tp)
{
	if (is_threaded(tp))
		pthread_mutex_lock(&tp->mutex);
}

static void leave(struct test_platform *tp)
{
	if (is_threaded(tp))
		pthread_mutex_unlock(&tp->mutex);
}

/* Counts a call that may fail, and tells whether it must. */
static bool must_fail(struct test_platform *tp, unsigned int kind)
{
	bool fails;

	if (!(tp->fail_kinds & kind))
		return false;
	tp->calls++;
	fails = tp->fail_call != 0 &&
		(tp->calls == tp->fail_call || (tp->fail_on && tp->calls > tp->fail_call));
	tp->failed += fails;
	return fails;
}

/* Start of the first gap with room for bytes at a multiple of align, and its place in the table. */
static bool find_gap(const struct test_platform *tp, size_t bytes, size_t align,
		     struct test_piece *piece, unsigned int *place)
{
	uintptr_t base = (uintptr_t)tp->memory;
	size_t end = 0;
	unsigned int i;

	for (i = 0; i <= tp->pieces; i++) {
		size_t limit = i < tp->pieces ? tp->piece[i].start : tp->bytes;
		size_t start = end + (size_t)(-(base + end) & (align - 1));

		if (start <= limit && bytes <= limit - start) {
			piece->start = start;
			piece->bytes = bytes;
			*place = i;
			return true;
		}
		if (i < tp->pieces)
			end = tp->piece[i].start + tp->piece[i].bytes;
	}
	return false;
}

static void *test_reserve(void *context, size_t bytes, size_t align)
{
	struct test_platform *tp = (struct test_platform *)context;
	struct test_piece piece;
	unsigned int place;
	void *result = NULL;

	if (align == 0 || (align & (align - 1)) != 0)
		broken("reserve: alignment is no power of two");
	if (bytes == 0 || bytes > tp->bytes)
		return NULL;
	if (align < TEST_PAGE)
		align = TEST_PAGE;
	bytes = (bytes + TEST_PAGE - 1) & ~(size_t)(TEST_PAGE - 1);
	enter(tp);
	if (!must_fail(tp, TEST_FAIL_RESERVE) && tp->pieces < TEST_PIECES &&
	    find_gap(tp, bytes, align, &piece, &place)) {
		memmove(&tp->piece[place + 1], &tp->piece[place],
			(tp->pieces - place) * sizeof(piece));
		tp->piece[place] = piece;
		tp->pieces++;
		tp->reserves++;
		tp->reserved += bytes;
		result = tp->memory + piece.start;
	}
	leave(tp);
	return result;
}

/* Zeroes a range of the buffer as far as its pages are committed; whole pages are given back. */
static void drop_range(struct test_platform *tp, size_t from, size_t to)
{
	size_t page;

	for (page = from / TEST_PAGE; page * TEST_PAGE < to; page++) {
		size_t start = page * TEST_PAGE, end = start + TEST_PAGE;
		bool whole = start >= from && end <= to;

		if (!tp->page[page])
			continue;
		start = start < from ? from : start;
		end = end > to ? to : end;
		memset(tp->memory + start, 0, end - start);
		if (!whole)
			continue;
		tp->page[page] = 0;
		tp->committed -= TEST_PAGE;
		if (tp->flags & TEST_STRICT)
			mprotect(tp->memory + start, TEST_PAGE, PROT_NONE);
	}
}

static const struct test_piece *piece_of(const struct test_platform *tp, const void *address,
					 size_t bytes)
{
	size_t offset = (size_t)((uintptr_t)address - (uintptr_t)tp->memory);
	unsigned int i;

	for (i = 0; i < tp->pieces; i++) {
		const struct test_piece *piece = &tp->piece[i];

		if (offset >= piece->start && offset - piece->start <= piece->bytes &&
		    bytes <= piece->bytes - (offset - piece->start))
			return piece;
	}
	return NULL;
}

static void test_unreserve(void *context, void *address, size_t bytes)
{
	struct test_platform *tp = (struct test_platform *)context;
	const struct test_piece *piece;
	unsigned int place;

	enter(tp);
	piece = piece_of(tp, address, bytes);
	bytes = (bytes + TEST_PAGE - 1) & ~(size_t)(TEST_PAGE - 1);
	if (!piece || tp->memory + piece->start != address || piece->bytes != bytes)
		broken("unreserve: not a reservation");
	drop_range(tp, piece->start, piece->start + piece->bytes);
	tp->reserved -= bytes;
	tp->unreserves++;
	place = (unsigned int)(piece - tp->piece);
	tp->pieces--;
	memmove(&tp->piece[place], &tp->piece[place + 1],
		(tp->pieces - place) * sizeof(*piece));
	leave(tp);
}

static size_t pages_missing(const struct test_platform *tp, size_t first, size_t end)
{
	size_t missing = 0;

	while (first < end)
		missing += !tp->page[first++];
	return missing;
}

static int commit_range(struct test_platform *tp, size_t from, size_t to)
{
	size_t first = from / TEST_PAGE, end = (to + TEST_PAGE - 1) / TEST_PAGE;
	size_t missing = pages_missing(tp, first, end);

	if (missing == 0)
		return 0;
	if (must_fail(tp, TEST_FAIL_COMMIT) || tp->committed + missing * TEST_PAGE > tp->budget)
		return -ENOMEM;
	memset(tp->page + first, 1, end - first);
	if (tp->flags & TEST_STRICT)
		mprotect(tp->memory + first * TEST_PAGE, (end - first) * TEST_PAGE,
			 PROT_READ | PROT_WRITE);
	tp->commits++;
	tp->committed += missing * TEST_PAGE;
	if (tp->committed > tp->committed_most)
		tp->committed_most = tp->committed;
	return 0;
}

/* The platform's mark is held. */
static void discard_range(struct test_platform *tp, void *address, size_t bytes)
{
	size_t from = (size_t)((uintptr_t)address - (uintptr_t)tp->memory);

	if (bytes == 0 ||
	    pages_missing(tp, from / TEST_PAGE, (from + bytes + TEST_PAGE - 1) / TEST_PAGE) > 0)
		broken("discard: of what is not committed");
	memset(address, 0, bytes);
	tp->discards++;
	tp->discarded += bytes;
}

static int test_commit(void *context, void *address, size_t bytes, enum slabpool_memory how)
{
	struct test_platform *tp = (struct test_platform *)context;
	size_t from = (size_t)((uintptr_t)address - (uintptr_t)tp->memory);
	int result = 0;

	enter(tp);
	if (!piece_of(tp, address, bytes))
		broken("commit: outside of every reservation");
	if (how == SLABPOOL_DISCARD) {
		discard_range(tp, address, bytes);
	} else if (bytes > 0 && how == SLABPOOL_COMMIT) {
		result = commit_range(tp, from, from + bytes);
	} else if (bytes > 0) {
		tp->decommits++;
		drop_range(tp, from, from + bytes);
	}
	leave(tp);
	return result;
}

/* Without threads a lock is a mark that must be right. */
#define MARK_FREE 0x4c6f636b46726565u
#define MARK_HELD 0x4c6f636b48656c64u

static int test_sync_init(void *context, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	struct test_platform *tp = (struct test_platform *)context;
	bool fails;

	enter(tp);
	fails = must_fail(tp, TEST_FAIL_SYNC);
	tp->syncs += !fails;
	leave(tp);
	if (fails)
		return -EAGAIN;
	if (!is_threaded(tp)) {
		lock->opaque.align = MARK_FREE;
		return 0;
	}
	pthread_mutex_init((pthread_mutex_t *)lock, NULL);
	if (wait)
		pthread_cond_init((pthread_cond_t *)wait, NULL);
	return 0;
}

static void test_sync_exit(void *context, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	struct test_platform *tp = (struct test_platform *)context;

	enter(tp);
	tp->syncs--;
	leave(tp);
	if (is_threaded(tp)) {
		pthread_mutex_destroy((pthread_mutex_t *)lock);
		if (wait)
			pthread_cond_destroy((pthread_cond_t *)wait);
		return;
	}
	if (lock->opaque.align != MARK_FREE)
		broken("sync_exit: the lock is held or was never initialised");
	lock->opaque.align = 0;
}

static void test_lock(void *context, struct slabpool_lock *lock)
{
	struct test_platform *tp = (struct test_platform *)context;

	if (is_threaded(tp)) {
		pthread_mutex_lock((pthread_mutex_t *)lock);
		return;
	}
	if (lock->opaque.align != MARK_FREE)
		broken("lock: the lock is held or was never initialised");
	lock->opaque.align = MARK_HELD;
	tp->locks++;
}

static void test_unlock(void *context, struct slabpool_lock *lock)
{
	struct test_platform *tp = (struct test_platform *)context;

	if (is_threaded(tp)) {
		pthread_mutex_unlock((pthread_mutex_t *)lock);
		return;
	}
	if (lock->opaque.align != MARK_HELD)
		broken("unlock: the lock is not held");
	lock->opaque.align = MARK_FREE;
}

static void wait_for_real(struct slabpool_wait *wait, struct slabpool_lock *lock,
			  unsigned int milliseconds)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(milliseconds / 1000);
	until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait((pthread_cond_t *)wait, (pthread_mutex_t *)lock, &until);
}

static void test_wait(void *context, struct slabpool_wait *wait, struct slabpool_lock *lock,
		      unsigned int milliseconds)
{
	struct test_platform *tp = (struct test_platform *)context;

	enter(tp);
	tp->waits++;
	tp->now += is_threaded(tp) ? 0 : milliseconds;
	leave(tp);
	if (is_threaded(tp)) {
		wait_for_real(wait, lock, milliseconds);
		return;
	}
	test_unlock(tp, lock);
	if (tp->on_wait)
		tp->on_wait(tp->on_wait_context);
	test_lock(tp, lock);
}

static void test_wake(void *context, struct slabpool_wait *wait, bool all)
{
	struct test_platform *tp = (struct test_platform *)context;

	enter(tp);
	tp->wakes++;
	leave(tp);
	if (!is_threaded(tp))
		return;
	if (all)
		pthread_cond_broadcast((pthread_cond_t *)wait);
	else
		pthread_cond_signal((pthread_cond_t *)wait);
}

static uint64_t test_clock(void *context)
{
	struct test_platform *tp = (struct test_platform *)context;
	uint64_t now;

	enter(tp);
	now = tp->now;
	leave(tp);
	return now;
}

static void *test_thread_get(void *context)
{
	struct test_platform *tp = (struct test_platform *)context;

	return is_threaded(tp) ? pthread_getspecific(tp->key) : tp->record[tp->thread];
}

static int test_thread_set(void *context, void *record)
{
	struct test_platform *tp = (struct test_platform *)context;
	bool fails;

	enter(tp);
	fails = record && must_fail(tp, TEST_FAIL_THREAD);
	leave(tp);
	if (fails)
		return -ENOMEM;
	if (is_threaded(tp))
		return -pthread_setspecific(tp->key, record);
	tp->record[tp->thread] = record;
	return 0;
}

static void thread_ends(void *record)
{
	slabpool_thread_exit(((struct thread_record *)record)->pool, record);
}

static void test_report(void *context, const struct slabpool_report *report)
{
	struct test_platform *tp = (struct test_platform *)context;

	enter(tp);
	if (tp->report_count < TEST_REPORTS) {
		struct test_report *kept = &tp->report[tp->report_count];

		kept->kind = report->kind;
		kept->crime = report->crime;
		slabpool_report_line(report, kept->line, sizeof(kept->line));
	}
	tp->report_count++;
	leave(tp);
}

SLABPOOL_NORETURN static void test_fatal(void *context)
{
	struct test_platform *tp = (struct test_platform *)context;

	if (tp->on_fatal)
		longjmp(*tp->on_fatal, 1);
	fprintf(stderr, "test platform: fatal after: %s\n", test_platform_line(tp));
	abort();
}

const char *test_platform_line(const struct test_platform *tp)
{
	unsigned int kept = tp->report_count < TEST_REPORTS ? tp->report_count : TEST_REPORTS;

	return kept > 0 ? tp->report[kept - 1].line : "";
}

unsigned int test_platform_reported(const struct test_platform *tp, enum slabpool_report_kind kind)
{
	unsigned int kept = tp->report_count < TEST_REPORTS ? tp->report_count : TEST_REPORTS;
	unsigned int i, count = 0;

	for (i = 0; i < kept; i++)
		count += tp->report[i].kind == kind;
	return count;
}

void test_platform_thread_end(struct test_platform *tp, struct slabpool *pool)
{
	void *record = tp->record[tp->thread];

	tp->record[tp->thread] = NULL;
	if (record)
		slabpool_thread_exit(pool, record);
}

void test_platform_reset(struct test_platform *tp)
{
	tp->budget = tp->bytes;
	tp->calls = tp->fail_call = tp->failed = 0;
	tp->fail_on = false;
	tp->fail_kinds = TEST_FAIL_ALL;
	tp->now = 0;
	tp->on_wait = NULL;
	tp->on_fatal = NULL;
	tp->committed_most = tp->committed;
	tp->reserves = tp->unreserves = tp->commits = tp->decommits = 0;
	tp->discards = tp->discarded = 0;
	tp->waits = tp->wakes = tp->locks = 0;
	tp->report_count = 0;
}

void test_platform_open(struct test_platform *tp, size_t bytes, unsigned int flags)
{
	int access = flags & TEST_STRICT ? PROT_NONE : PROT_READ | PROT_WRITE;

	memset(tp, 0, sizeof(*tp));
	tp->flags = flags;
	tp->bytes = bytes & ~(size_t)(TEST_PAGE - 1);
	tp->mapping_bytes = tp->bytes + LARGEST_RUN;
	tp->mapping = mmap(NULL, tp->mapping_bytes, access,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	tp->page = (unsigned char *)calloc(tp->bytes / TEST_PAGE + 1, 1);
	if (tp->mapping == MAP_FAILED || !tp->page ||
	    (flags & TEST_PTHREADS && pthread_key_create(&tp->key, thread_ends) != 0))
		broken("open: no memory");
	tp->memory = (unsigned char *)tp->mapping +
		     (-(uintptr_t)tp->mapping & (LARGEST_RUN - 1));
	pthread_mutex_init(&tp->mutex, NULL);
	test_platform_reset(tp);
}

void test_platform_close(struct test_platform *tp)
{
	if (is_threaded(tp))
		pthread_key_delete(tp->key);
	pthread_mutex_destroy(&tp->mutex);
	munmap(tp->mapping, tp->mapping_bytes);
	free(tp->page);
	memset(tp, 0, sizeof(*tp));
}

void test_platform_table(struct test_platform *tp, struct slabpool_platform *platform)
{
	*platform = (struct slabpool_platform){
		.context = tp,
		.reserve = test_reserve,
		.unreserve = test_unreserve,
		.commit = test_commit,
		.sync_init = test_sync_init,
		.sync_exit = test_sync_exit,
		.lock = test_lock,
		.unlock = test_unlock,
		.wait = test_wait,
		.wake = test_wake,
		.clock = test_clock,
		.thread_get = test_thread_get,
		.thread_set = test_thread_set,
		.report = test_report,
		.fatal = test_fatal,
	};
}
