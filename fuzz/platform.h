/* SPDX-License-Identifier: MIT */
/*
 * The system under a fuzzed instance: memory out of one static buffer, faults where the input says
 * so, a clock that the program turns, threads that are a number. Nothing is mapped or unmapped, so
 * that a world costs microseconds; memory that is not committed is poisoned under ASan.
 */
#ifndef FUZZ_PLATFORM_H
#define FUZZ_PLATFORM_H

#include "faults.h"

#include <slabpool/platform.h>

#define FUZZ_THREADS 4u

struct fuzz_platform_plan {
	struct fuzz_faults faults;
	bool threads;         /* thread records are supported */
	bool clock;
	/* Called in place of a wait; NULL: the platform cannot wait. */
	void (*wait)(unsigned int milliseconds);
	void (*report)(void *context, const struct slabpool_report *report);
	void (*fatal)(void);  /* does not return */
};

struct fuzz_platform_state {
	struct fuzz_platform_plan plan;
	uint32_t fired;       /* failures injected since the start */
	bool armed;           /* no failure while false */
	uint32_t reservations, locks_made;
	uint32_t locks_held;
	uint32_t wakes;       /* of who waits */
	unsigned int thread;  /* whose turn it is */
	uint32_t turns;       /* handed over */
	void *record[FUZZ_THREADS];
	uint64_t now;
	uint32_t refused;     /* reservations that did not fit the buffer */
	bool keeps;           /* it cannot drop the contents of what stays committed */
};
extern struct fuzz_platform_state fuzz_platform;

/* Starts a new world: everything is given back whatever the last one left. */
void fuzz_platform_open(struct slabpool_platform *platform, const struct fuzz_platform_plan *plan);
/* The record of the thread whose turn it is, which has none from now on. */
void *fuzz_platform_forget(void);
/* True if address lies in memory that is reserved now. */
bool fuzz_platform_reserved(const void *address);
/* Where address lies in the buffer that all memory is taken from; the buffer's size if outside. */
size_t fuzz_platform_offset(const void *address);
/* The last byte that was ever reserved in this world: of somebody's tables. */
void *fuzz_platform_last(void);
/* The end of the first bytes of a reservation that is larger: where pages are used last. */
void *fuzz_platform_unopened(size_t bytes);
/* A number for all that is committed: what is written changes it. */
uint64_t fuzz_platform_digest(void);
/* Any address inside the buffer that is not reserved now. */
void *fuzz_platform_outside(void);

#endif
