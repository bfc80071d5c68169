/* SPDX-License-Identifier: MIT */
/*
 * What a driver's parts share: the job that it was told to do, and the clock.
 *
 * A driver is driver.c compiled with one form (form_*.h): the calls of one allocator, as inline
 * functions, so that a pattern calls the allocator directly and not through a pointer. Every form
 * is measured by the same patterns.
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Objects that a bulk call takes. */
#define BENCH_BULK 32u
#define BENCH_THREADS_MAX 64u
#define BENCH_SEED 88172645463325252u

struct job {
	size_t size;            /* bytes an object */
	size_t pairs;           /* allocations, each with its free, to be measured */
	size_t live;            /* population, objects a cache or caches, as the pattern says */
	unsigned int threads;
	const char *path;       /* of a trace */
	/* Results. */
	size_t done;            /* pairs that were measured */
	uint64_t nanoseconds;
	const char *skipped;    /* why nothing was measured, or NULL */
};

static inline uint64_t bench_clock(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Processor time, as other programs may run beside; of several threads, time that passes. */
static inline void job_begin(struct job *job)
{
	job->nanoseconds -= bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static inline void job_end(struct job *job, size_t pairs)
{
	job->nanoseconds += bench_clock(CLOCK_PROCESS_CPUTIME_ID);
	job->done += pairs;
}

static inline void bench_die(const char *text)
{
	fprintf(stderr, "bench: %s\n", text);
	exit(1);
}

/* The compiler must neither drop the object nor think that it knows it. */
static inline void *bench_hide(void *object)
{
	__asm__ volatile("" : "+r"(object) : : "memory");
	return object;
}

static inline void *bench_touch(void *object)
{
	if (!object)
		bench_die("out of memory");
	*(volatile unsigned long *)object = 1;
	return bench_hide(object);
}

static inline uint64_t bench_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* An even number below n, without a division. */
static inline size_t bench_below(uint64_t *seed, size_t n)
{
	return (size_t)((bench_random(seed) >> 32) * (uint64_t)n >> 32);
}

/* Memory of the driver itself: not from the allocator that is measured. */
void *bench_memory(size_t bytes);
void bench_memory_free(void *memory, size_t bytes);

#endif
