/* SPDX-License-Identifier: MIT */
/*
 * The buffer is cut into grains of 512 bytes; a byte a grain says whether it is committed, was
 * committed once (and must be zeroed before it is committed again), or was never touched.
 */
#include "platform.h"
#include "turns.h"

#include "poison.h"
#include "world.h"

#include <errno.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)128 << 20)
#define GRAIN_SHIFT 9
#define GRAIN ((size_t)1 << GRAIN_SHIFT)
#define RESERVATIONS 16u
#define LOCK_READY 0xa7
#define LOCK_HELD 1

/* Reservations are multiples of this, so that eight grains can be looked at as one word. */
#define GRAINS_BYTES (8 * GRAIN)

enum grain { GRAIN_FRESH, GRAIN_DIRTY, GRAIN_COMMITTED };

struct reservation {
	size_t start, bytes;   /* offset in the buffer; bytes 0: unused */
	size_t top;            /* no grain at or above this offset was committed */
};

static unsigned char buffer[BUFFER_BYTES] SLABPOOL_ALIGNED(1u << 22);
static unsigned char grains[BUFFER_BYTES >> GRAIN_SHIFT];
static struct reservation reservations[RESERVATIONS];
static size_t buffer_used;
static bool buffer_poisoned;

struct fuzz_platform_state fuzz_platform;

/* Coverage of the harness's own page tables would teach the fuzzer nothing, and cost a third of
 * its speed. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)
#endif

static void *platform_reserve(void *context, size_t bytes, size_t align)
{
	unsigned int i = 0;
	size_t start;

	(void)context;
	if (bytes == 0 || align == 0 || (align & (align - 1)))
		fuzz_fail("platform", "reserve(%zu, %zu)", bytes, align);
	turns_point();
	if (fuzz_fault_hits(FAULT_RESERVE_ONCE, FAULT_RESERVE_FROM))
		return NULL;
	start = (buffer_used + align - 1) & ~(align - 1);
	start = (start + GRAINS_BYTES - 1) & ~(GRAINS_BYTES - 1);
	while (i < RESERVATIONS && reservations[i].bytes)
		i++;
	if (i == RESERVATIONS || start > BUFFER_BYTES || bytes > BUFFER_BYTES - start ||
	    align > sizeof(buffer)) {
		fuzz_platform.refused++;
		return NULL;
	}
	reservations[i] = (struct reservation){ start, bytes, start };
	buffer_used = start + bytes;
	fuzz_platform.reservations++;
	world_trace(&fuzz_world, start + bytes);
	return buffer + start;
}

/* The reservation that holds a whole range, or a failure. */
static struct reservation *find_reservation(const void *address, size_t bytes, const char *call)
{
	uintptr_t offset = (uintptr_t)address - (uintptr_t)buffer;

	for (unsigned int i = 0; i < RESERVATIONS; i++) {
		struct reservation *r = &reservations[i];

		if (offset >= r->start && offset - r->start <= r->bytes &&
		    bytes <= r->bytes - (offset - r->start) && r->bytes)
			return r;
	}
	fuzz_fail("platform", "%s outside of what is reserved: %p, %zu bytes", call, address,
		  bytes);
}

static void poison_grains(size_t first, size_t end)
{
	if (first < end)
		POISON(buffer + (first << GRAIN_SHIFT), (end - first) << GRAIN_SHIFT);
}

/* Eight grains at a time: reservations start and end at multiples of that. */
static void release(struct reservation *r)
{
	size_t end = r->top >> GRAIN_SHIFT;
	uint64_t word;

	size_t first = end;   /* of a stretch in which something is committed */

	for (size_t g = r->start >> GRAIN_SHIFT; g < end; g += sizeof(word)) {
		memcpy(&word, grains + g, sizeof(word));
		if (!(word & 0x0202020202020202u)) {
			poison_grains(first, g);
			first = end;
			continue;
		}
		if (first == end)
			first = g;
		word = (word | word >> 1) & 0x0101010101010101u;
		memcpy(grains + g, &word, sizeof(word));
	}
	poison_grains(first, end);
	r->bytes = 0;
}

static void platform_unreserve(void *context, void *address, size_t bytes)
{
	struct reservation *r = find_reservation(address, bytes, "unreserve");

	(void)context;
	if ((unsigned char *)address != buffer + r->start || bytes != r->bytes)
		fuzz_fail("platform", "unreserve(%p, %zu) of a part", address, bytes);
	if (r->start + r->bytes == buffer_used)
		buffer_used = r->start;
	release(r);
	if (--fuzz_platform.reservations == 0)
		buffer_used = 0;
}

static void commit_in(struct reservation *r, size_t from, size_t to)
{
	size_t g = from >> GRAIN_SHIFT, end = (to + GRAIN - 1) >> GRAIN_SHIFT, first;

	while (g < end) {
		if (grains[g] == GRAIN_COMMITTED) {
			g++;
			continue;
		}
		/* A stretch that is not committed, of one kind. */
		for (first = g; g < end && grains[g] == grains[first]; g++)
			continue;
		UNPOISON(buffer + (first << GRAIN_SHIFT), (g - first) << GRAIN_SHIFT);
		if (grains[first] == GRAIN_DIRTY)
			memset(buffer + (first << GRAIN_SHIFT), 0, (g - first) << GRAIN_SHIFT);
		memset(grains + first, GRAIN_COMMITTED, g - first);
	}
	to = (to + GRAINS_BYTES - 1) & ~(GRAINS_BYTES - 1);
	if (to > r->top)
		r->top = to;
}

/* Whole grains only: what shares a grain with memory in use stays. */
static void commit_out(size_t from, size_t to)
{
	size_t g = (from + GRAIN - 1) >> GRAIN_SHIFT, end = to >> GRAIN_SHIFT, first;

	while (g < end) {
		for (first = g; g < end && grains[g] == GRAIN_COMMITTED; g++)
			grains[g] = GRAIN_DIRTY;
		poison_grains(first, g);
		while (g < end && grains[g] != GRAIN_COMMITTED)
			g++;
	}
}

static void discard(void *address, size_t bytes)
{
	size_t from = (size_t)((unsigned char *)address - buffer), g;

	for (g = from >> GRAIN_SHIFT; g << GRAIN_SHIFT < from + bytes; g++)
		if (grains[g] != GRAIN_COMMITTED)
			fuzz_fail("platform", "discard of %p, %zu, which is not committed", address,
				  bytes);
	/* What reads as zero may be read meanwhile. */
	turns_hide(true);
	memset(address, 0, bytes);
	turns_hide(false);
}

static int platform_commit(void *context, void *address, size_t bytes, enum slabpool_memory how)
{
	struct reservation *r = find_reservation(address, bytes, "commit");
	size_t from = (size_t)((unsigned char *)address - buffer);

	(void)context;
	world_trace(&fuzz_world, from + bytes + how);
	if (how == SLABPOOL_DISCARD) {
		discard(address, bytes);
		return 0;
	}
	if (how == SLABPOOL_DECOMMIT) {
		commit_out(from, from + bytes);
		return 0;
	}
	turns_point();
	if (fuzz_fault_hits(FAULT_COMMIT_ONCE, FAULT_COMMIT_FROM))
		return -ENOMEM;
	commit_in(r, from, from + bytes);
	return 0;
}

static int platform_sync_init(void *context, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	(void)context;
	if (fuzz_fault_hits(FAULT_SYNC_ONCE, FAULT_SYNC_FROM))
		return -ENOMEM;
	lock->opaque.bytes[0] = LOCK_READY;
	lock->opaque.bytes[1] = 0;
	if (wait)
		wait->opaque.bytes[0] = LOCK_READY;
	fuzz_platform.locks_made++;
	return 0;
}

static void check_lock(const struct slabpool_lock *lock, bool held, const char *call)
{
	if (lock->opaque.bytes[0] != LOCK_READY)
		fuzz_fail("lock", "%s of a lock that is not initialised", call);
	if ((lock->opaque.bytes[1] == LOCK_HELD) != held)
		fuzz_fail("lock", "%s of a lock that is %s", call, held ? "free" : "held");
}

static void platform_sync_exit(void *context, struct slabpool_lock *lock,
			       struct slabpool_wait *wait)
{
	(void)context;
	check_lock(lock, false, "sync_exit");
	if (wait && wait->opaque.bytes[0] != LOCK_READY)
		fuzz_fail("lock", "sync_exit of a condition that is not initialised");
	lock->opaque.bytes[0] = 0;
	fuzz_platform.locks_made--;
}

static void platform_lock(void *context, struct slabpool_lock *lock)
{
	(void)context;
	turns_point();
	turns_lock_begins(lock);
	/* Another thread has it; it is its own that nobody can give back. */
	while (turns_on() && lock->opaque.bytes[1] == LOCK_HELD && turns_give_up())
		continue;
	check_lock(lock, false, "lock");
	lock->opaque.bytes[1] = LOCK_HELD;
	fuzz_platform.locks_held++;
	turns_lock_taken(lock);
}

static void platform_unlock(void *context, struct slabpool_lock *lock)
{
	(void)context;
	turns_unlock_begins(lock);
	check_lock(lock, true, "unlock");
	lock->opaque.bytes[1] = 0;
	fuzz_platform.locks_held--;
	turns_unlocked(lock);
	turns_point();
}

static void platform_wait(void *context, struct slabpool_wait *wait, struct slabpool_lock *lock,
			  unsigned int milliseconds)
{
	if (wait->opaque.bytes[0] != LOCK_READY)
		fuzz_fail("lock", "wait on a condition that is not initialised");
	platform_unlock(context, lock);
	fuzz_platform.plan.wait(milliseconds);
	platform_lock(context, lock);
}

static void platform_wake(void *context, struct slabpool_wait *wait, bool all)
{
	(void)context;
	(void)all;
	fuzz_platform.wakes++;
	if (wait->opaque.bytes[0] != LOCK_READY)
		fuzz_fail("lock", "wake of a condition that is not initialised");
}

static uint64_t platform_clock(void *context)
{
	(void)context;
	return fuzz_platform.now;
}

static void *platform_thread_get(void *context)
{
	(void)context;
	return fuzz_platform.record[fuzz_platform.thread];
}

static int platform_thread_set(void *context, void *record)
{
	(void)context;
	turns_point();
	if (fuzz_fault_hits(FAULT_THREAD_ONCE, FAULT_THREAD_FROM))
		return -ENOMEM;
	fuzz_platform.record[fuzz_platform.thread] = record;
	return 0;
}

static SLABPOOL_NORETURN void platform_fatal(void *context)
{
	(void)context;
	fuzz_platform.plan.fatal();
	fuzz_fail("platform", "fatal returned");
}

void fuzz_platform_open(struct slabpool_platform *platform, const struct fuzz_platform_plan *plan)
{
	if (!buffer_poisoned)
		POISON(buffer, sizeof(buffer));
	buffer_poisoned = true;
	for (unsigned int i = 0; i < RESERVATIONS; i++)
		if (reservations[i].bytes)
			release(&reservations[i]);
	buffer_used = 0;
	memset(&fuzz_platform, 0, sizeof(fuzz_platform));
	fuzz_platform.plan = *plan;
	fuzz_platform.armed = true;
	fuzz_faults_open(&plan->faults);
	*platform = (struct slabpool_platform){
		.reserve = platform_reserve,
		.unreserve = platform_unreserve,
		.commit = platform_commit,
		.sync_init = platform_sync_init,
		.sync_exit = platform_sync_exit,
		.lock = platform_lock,
		.unlock = platform_unlock,
		.wait = plan->wait ? platform_wait : NULL,
		.wake = plan->wait ? platform_wake : NULL,
		.clock = plan->clock ? platform_clock : NULL,
		.thread_get = plan->threads ? platform_thread_get : NULL,
		.thread_set = plan->threads ? platform_thread_set : NULL,
		.report = plan->report,
		.fatal = platform_fatal,
	};
}

void *fuzz_platform_forget(void)
{
	void *record = fuzz_platform.record[fuzz_platform.thread];

	fuzz_platform.record[fuzz_platform.thread] = NULL;
	return record;
}

bool fuzz_platform_reserved(const void *address)
{
	uintptr_t offset = (uintptr_t)address - (uintptr_t)buffer;

	for (unsigned int i = 0; i < RESERVATIONS; i++)
		if (reservations[i].bytes && offset - reservations[i].start < reservations[i].bytes)
			return true;
	return false;
}

size_t fuzz_platform_offset(const void *address)
{
	uintptr_t offset = (uintptr_t)address - (uintptr_t)buffer;

	return offset < sizeof(buffer) ? offset : sizeof(buffer);
}

void *fuzz_platform_last(void)
{
	return buffer + (buffer_used ? buffer_used - 1 : 0);
}

void *fuzz_platform_unopened(size_t bytes)
{
	for (unsigned int i = 0; bytes && i < RESERVATIONS; i++)
		if (reservations[i].bytes > bytes)
			return buffer + reservations[i].start + bytes - 64;
	return fuzz_platform_outside();
}

/* Twice for every crime: with checks of its own it would be most of what a fuzzer does. */
UNWATCHED static inline uint64_t mixed(uint64_t sum, uint64_t word)
{
	return (sum ^ word) * 0x9e3779b97f4a7c15u;
}

/* Of one grain; four sums side by side, as each waits for its own multiplication only. */
UNWATCHED static uint64_t digest_grain(const unsigned char *grain, uint64_t seed)
{
	uint64_t a = seed, b = 1, c = 2, d = 3, word[4];

	for (size_t i = 0; i < GRAIN; i += sizeof(word)) {
		__builtin_memcpy(word, grain + i, sizeof(word));
		a = mixed(a, word[0]);
		b = mixed(b, word[1]);
		c = mixed(c, word[2]);
		d = mixed(d, word[3]);
	}
	return mixed(mixed(a, b >> 7), mixed(c, d >> 9));
}

UNWATCHED uint64_t fuzz_platform_digest(void)
{
	uint64_t digest = buffer_used;

	for (unsigned int i = 0; i < RESERVATIONS; i++) {
		const struct reservation *r = &reservations[i];

		for (size_t g = r->start >> GRAIN_SHIFT; r->bytes && g < r->top >> GRAIN_SHIFT; g++)
			if (grains[g] == GRAIN_COMMITTED)
				digest = digest_grain(buffer + (g << GRAIN_SHIFT),
						      mixed(digest, g));
	}
	return digest;
}

void *fuzz_platform_outside(void)
{
	return buffer + sizeof(buffer) - 64;
}

#ifdef __clang__
#pragma clang attribute pop
#endif
