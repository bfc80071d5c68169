/* SPDX-License-Identifier: MIT */
/*
 * Pages, locks, waiting, clock and thread exit over POSIX: Linux with glibc or musl, and others.
 *
 * Pages. A reservation is a private mapping without access, which costs address space only:
 *
 *	base                                                          base + bytes
 *	| unit 0 | unit 1 | unit 2 |   ...                            |
 *	  open     closed   open        one bit a unit, out of line
 *
 * commit(in) opens whole units of POSIX_UNIT bytes with mprotect() and notes them in the bitmap,
 * so that a commit of what is open already costs no system call; an open page without contents
 * costs no memory, as the system gives it on first touch. commit(!in) drops the contents and keeps
 * the access: the next commit is free again. Where the system refuses a whole unit (limits on
 * data, strict overcommit) just the pages asked for are opened, and not noted.
 *
 * The contract "what was not committed since its reservation or last decommit reads as zero" holds
 * to the byte: dropped pages read zero (on Linux after MADV_DONTNEED, which is tried once, as some
 * emulators ignore it; elsewhere by mapping fresh pages over them), and what a dropped range
 * covers of pages that it shares with others is overwritten with zeroes.
 *
 * Threads. thread_set() stores the record in a key of this platform. When a thread ends, the key's
 * destructor hands the record to slabpool_thread_exit(); by then thread_get() gives NULL. Should
 * a record be set again in that thread (a later key's destructor frees an object), POSIX runs the
 * destructor again, at least PTHREAD_DESTRUCTOR_ITERATIONS rounds in all. The thread that ends
 * the process by exit() runs no destructors.
 *
 * Nothing here allocates from the C library, nothing changes errno, and everything may be called
 * before main() and before any constructor.
 */
#include "platform/posix.h"
#include "platform/report_file.h"
#include "core/thread.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

/* Bytes that one mprotect() opens: a large page of most machines. */
#define POSIX_UNIT ((size_t)1 << 21)

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct slabpool_lock),
	       "struct slabpool_lock has no room for a pthread_mutex_t");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(struct slabpool_wait),
	       "struct slabpool_wait has no room for a pthread_cond_t");
_Static_assert(_Alignof(pthread_mutex_t) <= _Alignof(struct slabpool_lock),
	       "struct slabpool_lock is not aligned for a pthread_mutex_t");
_Static_assert(_Alignof(pthread_cond_t) <= _Alignof(struct slabpool_wait),
	       "struct slabpool_wait is not aligned for a pthread_cond_t");

/* One reservation, in a mapping of its own. */
struct reservation {
	unsigned char *base;
	size_t bytes;        /* multiple of the system's page */
	size_t own_bytes;    /* of this struct's mapping */
	uint32_t open[];     /* a bit a unit, set once the unit is readable and writable */
};

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) & ~(unit - 1);
}

static size_t round_down(size_t n, size_t unit)
{
	return n & ~(unit - 1);
}

static void *map(void *address, size_t bytes, int access, int flags)
{
	void *p = mmap(address, bytes, access,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* A mapping without access whose start is a multiple of align: too long at first, then trimmed. */
static unsigned char *map_aligned(size_t bytes, size_t align, size_t page)
{
	size_t slack = align > page ? align - page : 0;
	unsigned char *p, *start;

	if (bytes > SIZE_MAX - slack)
		return NULL;
	p = (unsigned char *)map(NULL, bytes + slack, PROT_NONE, 0);
	if (!p || slack == 0)
		return p;
	start = p + (round_up((uintptr_t)p, align) - (uintptr_t)p);
	if (start > p)
		munmap(p, (size_t)(start - p));
	if (start < p + slack)
		munmap(start + bytes, (size_t)(p + slack - start));
	return start;
}

SLABPOOL_LOCKS(table_locks)
static void table_lock(struct posix *posix)
{
	pthread_mutex_lock(&posix->mutex);
}

SLABPOOL_UNLOCKS(table_locks)
static void table_unlock(struct posix *posix)
{
	pthread_mutex_unlock(&posix->mutex);
}

static bool table_add(struct posix *posix, struct reservation *reservation)
{
	uint32_t i;

	table_lock(posix);
	for (i = 0; i < POSIX_RESERVATIONS && posix->table[i]; i++)
		;
	if (i < POSIX_RESERVATIONS) {
		__atomic_store_n(&posix->table[i], reservation, __ATOMIC_RELEASE);
		if (i >= posix->table_used)
			__atomic_store_n(&posix->table_used, i + 1, __ATOMIC_RELEASE);
	}
	table_unlock(posix);
	return i < POSIX_RESERVATIONS;
}

/* The reservation that holds an address, and takes it out of the table if asked to. */
static struct reservation *table_find(struct posix *posix, const void *address, bool take)
{
	uint32_t used = __atomic_load_n(&posix->table_used, __ATOMIC_ACQUIRE), i;

	for (i = 0; i < used; i++) {
		struct reservation *r = __atomic_load_n(&posix->table[i], __ATOMIC_ACQUIRE);

		if (!r || (uintptr_t)address - (uintptr_t)r->base >= r->bytes)
			continue;
		if (take)
			__atomic_store_n(&posix->table[i], NULL, __ATOMIC_RELEASE);
		return r;
	}
	return NULL;
}

static void *posix_reserve(void *context, size_t bytes, size_t align)
{
	struct posix *posix = (struct posix *)context;
	struct reservation *r;
	size_t words, own;
	int saved = errno;

	if (bytes == 0 || bytes > SIZE_MAX / 2)
		return NULL;
	bytes = round_up(bytes, posix->page);
	words = bytes / POSIX_UNIT / 32 + 1;
	own = round_up(sizeof(*r) + words * sizeof(r->open[0]), posix->page);
	r = (struct reservation *)map(NULL, own, PROT_READ | PROT_WRITE, 0);
	if (!r)
		goto fail;
	r->bytes = bytes;
	r->own_bytes = own;
	r->base = map_aligned(bytes, align, posix->page);
	if (!r->base)
		goto fail_own;
	if (!table_add(posix, r))
		goto fail_base;
	errno = saved;
	return r->base;

fail_base:
	munmap(r->base, bytes);
fail_own:
	munmap(r, own);
fail:
	errno = saved;
	return NULL;
}

static void posix_unreserve(void *context, void *address, size_t bytes)
{
	struct reservation *r = table_find((struct posix *)context, address, true);
	int saved = errno;

	(void)bytes;
	if (r) {
		munmap(r->base, r->bytes);
		munmap(r, r->own_bytes);
	}
	errno = saved;
}

static bool unit_is_open(const struct reservation *r, size_t unit)
{
	return __atomic_load_n(&r->open[unit / 32], __ATOMIC_ACQUIRE) >> (unit % 32) & 1;
}

static void unit_note_open(struct reservation *r, size_t unit)
{
	__atomic_fetch_or(&r->open[unit / 32], (uint32_t)1 << (unit % 32), __ATOMIC_RELEASE);
}

/* Opens units first .. end-1, all of them closed. */
static bool units_open(struct reservation *r, size_t first, size_t end)
{
	size_t from = first * POSIX_UNIT;
	size_t to = end * POSIX_UNIT < r->bytes ? end * POSIX_UNIT : r->bytes;

	if (mprotect(r->base + from, to - from, PROT_READ | PROT_WRITE) != 0)
		return false;
	while (first < end)
		unit_note_open(r, first++);
	return true;
}

/* Makes bytes from .. to-1 of a reservation accessible. */
static int range_open(struct posix *posix, struct reservation *r, size_t from, size_t to)
{
	size_t unit = from / POSIX_UNIT, end = (to - 1) / POSIX_UNIT + 1;

	while (unit < end) {
		size_t first = unit;

		while (unit < end && !unit_is_open(r, unit))
			unit++;
		if (unit > first && !units_open(r, first, unit))
			goto by_page;
		while (unit < end && unit_is_open(r, unit))
			unit++;
	}
	return 0;

by_page:
	from = round_down(from, posix->page);
	to = round_up(to, posix->page);
	return mprotect(r->base + from, to - from, PROT_READ | PROT_WRITE) == 0 ? 0 : -ENOMEM;
}

/* Zeroes part of a page. One that cannot be opened never was: it reads zero. */
static void range_wipe(struct posix *posix, struct reservation *r, size_t from, size_t to)
{
	if (from < to && range_open(posix, r, from, to) == 0)
		memset(r->base + from, 0, to - from);
}

/* Drops whole pages. */
static void pages_drop(struct posix *posix, struct reservation *r, size_t from, size_t to)
{
	if (posix->drops_to_zero && madvise(r->base + from, to - from, MADV_DONTNEED) == 0)
		return;
	/* Locked memory refuses; so do systems on which the call is but a hint. */
	if (map(r->base + from, to - from, PROT_READ | PROT_WRITE, MAP_FIXED))
		return;
	range_wipe(posix, r, from, to);
}

static void range_drop(struct posix *posix, struct reservation *r, size_t from, size_t to)
{
	size_t first = round_up(from, posix->page), end = round_down(to, posix->page);

	if (first >= end) {
		range_wipe(posix, r, from, to);
		return;
	}
	range_wipe(posix, r, from, first);
	pages_drop(posix, r, first, end);
	range_wipe(posix, r, end, to);
}

static int posix_commit(void *context, void *address, size_t bytes, enum slabpool_memory how)
{
	struct posix *posix = (struct posix *)context;
	struct reservation *r = table_find(posix, address, false);
	int saved = errno, result = 0;
	size_t from;

	if (bytes == 0)
		return 0;
	if (!r || bytes > r->bytes - (size_t)((unsigned char *)address - r->base))
		return -ENOMEM;
	from = (size_t)((unsigned char *)address - r->base);
	/* What is dropped stays accessible. */
	if (how == SLABPOOL_COMMIT)
		result = range_open(posix, r, from, from + bytes);
	else
		range_drop(posix, r, from, from + bytes);
	errno = saved;
	return result;
}

/* Waits go by the clock that nobody sets, where conditions can use it. */
#if defined(_POSIX_CLOCK_SELECTION) && _POSIX_CLOCK_SELECTION > 0
#define WAIT_CLOCK CLOCK_MONOTONIC
#else
#define WAIT_CLOCK CLOCK_REALTIME
#endif

static int condition_init(pthread_cond_t *condition)
{
#if defined(_POSIX_CLOCK_SELECTION) && _POSIX_CLOCK_SELECTION > 0
	pthread_condattr_t attributes;
	int result = pthread_condattr_init(&attributes);

	if (result != 0)
		return result;
	result = pthread_condattr_setclock(&attributes, WAIT_CLOCK);
	if (result == 0)
		result = pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
	return result;
#else
	return pthread_cond_init(condition, NULL);
#endif
}

static int posix_sync_init(void *context, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	int result = pthread_mutex_init((pthread_mutex_t *)lock, NULL);

	(void)context;
	if (result == 0 && wait) {
		result = condition_init((pthread_cond_t *)wait);
		if (result != 0)
			pthread_mutex_destroy((pthread_mutex_t *)lock);
	}
	return -result;
}

static void posix_sync_exit(void *context, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	(void)context;
	pthread_mutex_destroy((pthread_mutex_t *)lock);
	if (wait)
		pthread_cond_destroy((pthread_cond_t *)wait);
}

static void posix_lock(void *context, struct slabpool_lock *lock)
{
	(void)context;
	pthread_mutex_lock((pthread_mutex_t *)lock);
}

static void posix_unlock(void *context, struct slabpool_lock *lock)
{
	(void)context;
	pthread_mutex_unlock((pthread_mutex_t *)lock);
}

static void posix_wait(void *context, struct slabpool_wait *wait, struct slabpool_lock *lock,
		       unsigned int milliseconds)
{
	struct timespec until;

	(void)context;
	clock_gettime(WAIT_CLOCK, &until);
	until.tv_sec += (time_t)(milliseconds / 1000);
	until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait((pthread_cond_t *)wait, (pthread_mutex_t *)lock, &until);
}

static void posix_wake(void *context, struct slabpool_wait *wait, bool all)
{
	(void)context;
	if (all)
		pthread_cond_broadcast((pthread_cond_t *)wait);
	else
		pthread_cond_signal((pthread_cond_t *)wait);
}

static uint64_t posix_clock(void *context)
{
	struct timespec now;

	(void)context;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *posix_thread_get(void *context)
{
	return pthread_getspecific(((struct posix *)context)->key);
}

static int posix_thread_set(void *context, void *record)
{
	return -pthread_setspecific(((struct posix *)context)->key, record);
}

static void thread_ends(void *record)
{
	slabpool_thread_exit(((struct thread_record *)record)->pool, record);
}

static void posix_report(void *context, const struct slabpool_report *report)
{
	char line[1024];
	size_t length = slabpool_report_line(report, line, sizeof(line) - 1);
	int saved = errno;

	(void)context;
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	report_write(STDERR_FILENO, line, length);
	errno = saved;
}

SLABPOOL_NORETURN static void posix_fatal(void *context)
{
	(void)context;
	abort();
}

static bool drop_gives_zero(size_t page)
{
#if defined(__linux__)
	unsigned char *p = (unsigned char *)map(NULL, page, PROT_READ | PROT_WRITE, 0);
	bool zero;

	if (!p)
		return false;
	*(volatile unsigned char *)p = 1;
	zero = madvise(p, page, MADV_DONTNEED) == 0 && *(volatile unsigned char *)p == 0;
	munmap(p, page);
	return zero;
#else
	(void)page;
	return false;
#endif
}

void posix_init(struct posix *posix, struct slabpool_platform *platform)
{
	int saved = errno;

	memset(posix, 0, sizeof(*posix));
	posix->page = (size_t)sysconf(_SC_PAGESIZE);
	posix->drops_to_zero = drop_gives_zero(posix->page);
	pthread_mutex_init(&posix->mutex, NULL);
	/* Without a key (a process may have few) threads keep no objects: slower, not wrong. */
	posix->has_key = pthread_key_create(&posix->key, thread_ends) == 0;
	*platform = (struct slabpool_platform){
		.context = posix,
		.reserve = posix_reserve,
		.unreserve = posix_unreserve,
		.commit = posix_commit,
		.sync_init = posix_sync_init,
		.sync_exit = posix_sync_exit,
		.lock = posix_lock,
		.unlock = posix_unlock,
		.wait = posix_wait,
		.wake = posix_wake,
		.clock = posix_clock,
		.thread_get = posix->has_key ? posix_thread_get : NULL,
		.thread_set = posix->has_key ? posix_thread_set : NULL,
		.report = posix_report,
		.fatal = posix_fatal,
	};
	errno = saved;
}

int slabpool_platform_open(struct slabpool_platform *platform)
{
	int saved = errno;
	struct posix *posix = (struct posix *)map(NULL, sizeof(*posix), PROT_READ | PROT_WRITE, 0);

	errno = saved;
	if (!posix)
		return -ENOMEM;
	posix_init(posix, platform);
	return 0;
}

void slabpool_platform_close(struct slabpool_platform *platform)
{
	struct posix *posix = (struct posix *)platform->context;
	int saved = errno;

	if (!posix)
		return;
	if (posix->has_key)
		pthread_key_delete(posix->key);
	pthread_mutex_destroy(&posix->mutex);
	munmap(posix, sizeof(*posix));
	memset(platform, 0, sizeof(*platform));
	errno = saved;
}
