/* SPDX-License-Identifier: MIT */
/*
 * The contract of platform.h, held against the three platforms: POSIX, buffer and the tests' own.
 * Every platform goes through the same checks of pages; what only one has follows.
 */
#include "support/tap.h"
#include "support/test_platform.h"
#include <setjmp.h>
#include <sys/resource.h>
#include <time.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static bool is_filled(const unsigned char *p, size_t bytes, unsigned char with)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		if (p[i] != with)
			return false;
	return true;
}

static int commit(const struct slabpool_platform *platform, void *p, size_t bytes)
{
	return platform->commit(platform->context, p, bytes, SLABPOOL_COMMIT);
}

static void decommit(const struct slabpool_platform *platform, void *p, size_t bytes)
{
	is_int(platform->commit(platform->context, p, bytes, SLABPOOL_DECOMMIT), 0,
	       "decommit never fails");
}

/* Alignment, and pieces that do not overlap. */
static void check_reserve(const struct slabpool_platform *platform, const char *name)
{
	static const size_t align[] = {8, 4 * KIB, 64 * KIB, 1 * MIB, 4 * MIB};
	unsigned char *piece[5];
	size_t i, j;

	for (i = 0; i < 5; i++) {
		piece[i] = platform->reserve(platform->context, 100 * KIB, align[i]);
		if (!ok(piece[i] != NULL, "%s: reserve aligned to %zu", name, align[i]))
			return;
		is_uint((uintptr_t)piece[i] % align[i], 0, "%s: it is aligned", name);
		is_int(commit(platform, piece[i], 100 * KIB), 0, "%s: commit all of it", name);
		ok(is_filled(piece[i], 100 * KIB, 0), "%s: it reads zero", name);
		memset(piece[i], (int)i + 1, 100 * KIB);
	}
	for (i = 0; i < 5; i++)
		ok(is_filled(piece[i], 100 * KIB, (unsigned char)(i + 1)),
		   "%s: piece %zu was not overwritten by others", name, i);
	for (j = 5; j > 0; j--)
		platform->unreserve(platform->context, piece[j - 1], 100 * KIB);
	ok(!platform->reserve(platform->context, SIZE_MAX, 4096), "%s: too much", name);
	ok(!platform->reserve(platform->context, SIZE_MAX / 2 + 1, 4096), "%s: too much", name);
}

/* What is discarded reads zero and stays accessible; a platform that cannot leaves it as it is. */
static void check_discard(const struct slabpool_platform *platform, const char *name)
{
	size_t bytes = 300000, from = 5000, to = 280000;
	unsigned char *p = platform->reserve(platform->context, bytes, 4096);
	int result;

	if (!ok(p && commit(platform, p, bytes) == 0, "%s: reserve", name))
		return;
	memset(p, 0xa5, bytes);
	result = platform->commit(platform->context, p + from, to - from, SLABPOOL_DISCARD);
	ok(result == 0 || result == -EOPNOTSUPP, "%s: discard, or not supported", name);
	ok(is_filled(p + from, to - from, result ? 0xa5 : 0), "%s: as it says", name);
	ok(is_filled(p, from, 0xa5) && is_filled(p + to, bytes - to, 0xa5),
	   "%s: nothing else changes", name);
	memset(p, 0x5a, bytes);
	ok(is_filled(p, bytes, 0x5a), "%s: all of it is accessible", name);
	platform->unreserve(platform->context, p, bytes);
}

/* Ranges that end anywhere: exactly what is dropped reads zero afterwards, nothing else. */
static void check_edges(const struct slabpool_platform *platform, const char *name)
{
	static const size_t edge[][2] = {
		{0, 1}, {1, 2}, {100, 5000}, {4095, 4097}, {4096, 8192}, {5000, 20000},
		{65536, 131072}, {65000, 200000}, {0, 300000}, {299999, 300000},
	};
	size_t bytes = 300000, i;
	unsigned char *p = platform->reserve(platform->context, bytes, 4096);

	if (!ok(p != NULL, "%s: reserve", name))
		return;
	for (i = 0; i < sizeof(edge) / sizeof(edge[0]); i++) {
		size_t from = edge[i][0], to = edge[i][1];

		is_int(commit(platform, p, bytes), 0, "%s: commit all", name);
		memset(p, 0xee, bytes);
		is_int(commit(platform, p, bytes), 0, "%s: commit again", name);
		ok(is_filled(p, bytes, 0xee), "%s: which keeps the contents", name);
		decommit(platform, p + from, to - from);
		is_int(commit(platform, p + from, to - from), 0, "%s: commit the hole", name);
		ok(is_filled(p + from, to - from, 0), "%s: %zu..%zu reads zero", name, from, to);
		ok(is_filled(p, from, 0xee) && is_filled(p + to, bytes - to, 0xee),
		   "%s: the rest is as it was", name);
	}
	platform->unreserve(platform->context, p, bytes);
}

/* What was never committed may be dropped, and what comes new after an old piece is zero. */
static void check_reuse(const struct slabpool_platform *platform, const char *name)
{
	size_t bytes = 5 * MIB, round;

	for (round = 0; round < 3; round++) {
		unsigned char *p = platform->reserve(platform->context, bytes, 4096);

		if (!ok(p != NULL, "%s: reserve", name))
			return;
		decommit(platform, p + 1000, 3 * MIB);
		is_int(commit(platform, p + 2 * MIB - 10, 20), 0, "%s: commit 20 bytes", name);
		ok(is_filled(p + 2 * MIB - 10, 20, 0), "%s: they are zero", name);
		memset(p + 2 * MIB - 10, 0x55, 20);
		is_int(commit(platform, p, 0), 0, "%s: nothing is committed", name);
		is_int(commit(platform, p + bytes - 1, 1), 0, "%s: the last byte", name);
		p[bytes - 1] = 1;
		platform->unreserve(platform->context, p, bytes);
	}
}

static void check_lock(const struct slabpool_platform *platform, const char *name)
{
	struct slabpool_lock lock;
	struct slabpool_wait wait;

	is_int(platform->sync_init(platform->context, &lock, &wait), 0, "%s: a lock", name);
	platform->lock(platform->context, &lock);
	platform->unlock(platform->context, &lock);
	platform->lock(platform->context, &lock);
	if (platform->wait && platform->wake) {
		platform->wake(platform->context, &wait, false);
		platform->wake(platform->context, &wait, true);
	}
	platform->unlock(platform->context, &lock);
	platform->sync_exit(platform->context, &lock, &wait);
}

static void check_all(const struct slabpool_platform *platform, const char *name)
{
	check_reserve(platform, name);
	check_edges(platform, name);
	check_discard(platform, name);
	check_reuse(platform, name);
	check_lock(platform, name);
}

static void test_posix_wait(const struct slabpool_platform *platform)
{
	struct slabpool_lock lock;
	struct slabpool_wait wait;
	uint64_t before = platform->clock(platform->context), after;

	platform->sync_init(platform->context, &lock, &wait);
	platform->lock(platform->context, &lock);
	platform->wait(platform->context, &wait, &lock, 60);
	platform->unlock(platform->context, &lock);
	platform->sync_exit(platform->context, &lock, &wait);
	after = platform->clock(platform->context);
	ok(after - before >= 59, "a wait without a wake lasts its time");
	ok(after - before < 10000, "and ends");
}

static int dummy_record;

static void *set_record(void *context)
{
	const struct slabpool_platform *platform = (const struct slabpool_platform *)context;

	ok(!platform->thread_get(platform->context), "another thread has no record");
	is_int(platform->thread_set(platform->context, &dummy_record), 0, "it sets one");
	ok(platform->thread_get(platform->context) == &dummy_record, "and has it");
	platform->thread_set(platform->context, NULL);
	return NULL;
}

static void test_posix_threads(struct slabpool_platform *platform)
{
	struct slabpool_platform other;
	pthread_t thread;
	int mine = 0;

	is_int(slabpool_platform_open(&other), 0, "a second platform");
	ok(!platform->thread_get(platform->context), "no record at first");
	is_int(platform->thread_set(platform->context, &mine), 0, "a record is set");
	ok(platform->thread_get(platform->context) == &mine, "and found");
	ok(!other.thread_get(other.context), "but not in another platform");
	if (pthread_create(&thread, NULL, set_record, platform) != 0)
		bail_out("no thread");
	pthread_join(thread, NULL);
	ok(platform->thread_get(platform->context) == &mine, "mine is still there");
	platform->thread_set(platform->context, NULL);
	slabpool_platform_close(&other);
}

static void report_one(void *context)
{
	struct slabpool_platform *platform = (struct slabpool_platform *)context;
	struct slabpool_report report = {
		.kind = SLABPOOL_REPORT_NO_MEMORY, .call = "kmalloc", .size = 5};

	errno = 77;
	platform->report(platform->context, &report);
	if (errno != 77)
		_exit(1);
}

static void report_and_die(void *context)
{
	report_one(context);
	((struct slabpool_platform *)context)->fatal(
		((struct slabpool_platform *)context)->context);
}

/* Bytes of private writable memory that the process has, as Linux counts it. */
static size_t data_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* The system refuses to open whole units: what is asked for is opened page by page. */
static void open_under_limit(void *context)
{
	struct slabpool_platform *platform = (struct slabpool_platform *)context;
	size_t most = data_bytes() + MIB;
	struct rlimit limit = {most, most};
	unsigned char *p = platform->reserve(platform->context, 64 * MIB, 4096);
	size_t i;
	int failed = 0;

	if (!p || setrlimit(RLIMIT_DATA, &limit) != 0)
		_exit(3);
	for (i = 0; i < 64 && !failed; i++)
		failed = commit(platform, p + i * MIB, 4096) == -ENOMEM ? 1 : 0;
	if (failed)
		_exit(4);
	p[0] = p[63 * MIB] = 1;
	decommit(platform, p + 1, 8192);
	if (p[0] != 1)
		_exit(5);
	for (i = 0; i < 64 && !failed; i++)
		failed = commit(platform, p + i * MIB, MIB) == -ENOMEM ? 1 : 0;
	_exit(failed ? 7 : 6);
}

static void test_posix(void)
{
	struct slabpool_platform platform;
	struct tap_child child;

	if (!is_int(slabpool_platform_open(&platform), 0, "open"))
		return;
	check_all(&platform, "posix");
	test_posix_wait(&platform);
	test_posix_threads(&platform);
	lives(report_one, &platform, "slabpool: kmalloc: out of memory, 5 bytes\n",
	      "a report is one line and leaves errno alone");
	dies(report_and_die, &platform, "slabpool: kmalloc: out of memory, 5 bytes");
	tap_fork(open_under_limit, &platform, &child);
	if (child.exit_status == 6)
		skip("no limit on data here (emulator or old kernel)");
	else
		is_int(child.exit_status, 7, "pages are opened one by one under a limit on data");
	slabpool_platform_close(&platform);
	ok(!platform.context, "closed");
}

static char bare_line[256];
static jmp_buf bare_jump;

static void keep_line(const char *line)
{
	snprintf(bare_line, sizeof(bare_line), "%s", line);
}

static void jump_out(void)
{
	longjmp(bare_jump, 1);
}

static void test_buffer(void)
{
	struct slabpool_platform platform;
	struct slabpool_buffer state;
	struct slabpool_report report = {.kind = SLABPOOL_REPORT_NO_MEMORY, .call = "kmalloc"};
	size_t bytes = 24 * MIB;
	unsigned char *memory = malloc(bytes);

	if (!memory)
		bail_out("no memory");
	memset(memory, 0xdb, bytes);
	slabpool_platform_buffer(&platform, &state, memory + 1, bytes - 1);
	check_all(&platform, "buffer");
	is_uint(state.used, 0, "all pieces were taken back");
	ok(!platform.reserve(platform.context, bytes, 8), "not more than there is");
	ok(!platform.wait && !platform.wake && !platform.clock && !platform.thread_get &&
	   !platform.thread_set, "no threads, no clock");
	is_int(commit(&platform, memory + bytes, 1), -ENOMEM, "nothing outside is committed");
	platform.report(platform.context, &report);
	slabpool_bare_output(keep_line, jump_out);
	platform.report(platform.context, &report);
	is_str(bare_line, "slabpool: kmalloc: out of memory",
	       "reports go to the program's function");
	if (setjmp(bare_jump) == 0)
		platform.fatal(platform.context);
	ok(true, "fatal calls the program's function");
	slabpool_bare_output(NULL, NULL);
	free(memory);
}

static void touch_uncommitted(void *p)
{
	*(volatile unsigned char *)p = 1;
}

static void unlock_twice(void *context)
{
	struct slabpool_platform *platform = (struct slabpool_platform *)context;
	struct slabpool_lock lock;

	platform->sync_init(platform->context, &lock, NULL);
	platform->unlock(platform->context, &lock);
}

static void lock_twice(void *context)
{
	struct slabpool_platform *platform = (struct slabpool_platform *)context;
	struct slabpool_lock lock;

	platform->sync_init(platform->context, &lock, NULL);
	platform->lock(platform->context, &lock);
	platform->lock(platform->context, &lock);
}

static void test_own_failures(struct test_platform *tp, const struct slabpool_platform *platform)
{
	unsigned char *p;

	test_platform_reset(tp);
	tp->fail_kinds = TEST_FAIL_COMMIT;
	tp->fail_call = 2;
	p = platform->reserve(platform->context, 64 * KIB, 4096);
	is_int(commit(platform, p, 1), 0, "first commit");
	is_int(commit(platform, p, 4096), 0, "what is committed already does not count");
	is_int(commit(platform, p, 4097), -ENOMEM, "second commit fails");
	is_uint(tp->committed, 4096, "and changes nothing");
	is_int(commit(platform, p, 4097), 0, "third commit");
	tp->fail_call = 4;
	tp->fail_on = true;
	is_int(commit(platform, p, 64 * KIB), -ENOMEM, "fourth fails");
	is_int(commit(platform, p, 64 * KIB), -ENOMEM, "and all after it");
	is_uint(tp->failed, 3, "three were made to fail");
	tp->fail_on = false;
	tp->budget = 3 * 4096;
	is_int(commit(platform, p, 4 * 4096), -ENOMEM, "the budget holds");
	is_int(commit(platform, p, 3 * 4096), 0, "to the byte");
	platform->unreserve(platform->context, p, 64 * KIB);
	is_uint(tp->committed, 0, "unreserve gives back what was committed");
	is_uint(tp->reserved, 0, "and reserved");
}

static void test_own(unsigned int flags, const char *name)
{
	static struct test_platform tp;
	struct slabpool_platform platform;
	struct tap_child child;
	unsigned char *p;

	test_platform_open(&tp, 32 * MIB, flags);
	test_platform_table(&tp, &platform);
	check_all(&platform, name);
	test_own_failures(&tp, &platform);
	if (flags & TEST_STRICT) {
		p = platform.reserve(platform.context, 64 * KIB, 4096);
		commit(&platform, p, 4096);
		tap_fork(touch_uncommitted, p, &child);
		is_int(child.exit_status, 0, "committed memory can be touched");
		tap_fork(touch_uncommitted, p + 4096, &child);
		ok(child.exit_status != 0, "other memory cannot");
		platform.unreserve(platform.context, p, 64 * KIB);
	}
	if (!(flags & TEST_PTHREADS)) {
		dies(unlock_twice, &platform, "test platform: unlock: the lock is not held");
		dies(lock_twice, &platform,
		     "test platform: lock: the lock is held or was never initialised");
	}
	test_platform_close(&tp);
}

int main(void)
{
	test_posix();
	test_buffer();
	test_own(0, "own");
	test_own(TEST_STRICT, "own, strict");
	test_own(TEST_PTHREADS, "own, with threads");
	return tap_done();
}
