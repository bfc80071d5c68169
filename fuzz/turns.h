/* SPDX-License-Identifier: MIT */
/*
 * Real threads of which one runs at a time. Whose turn it is changes at points that are passed in
 * every run alike (a lock, a commit, the end of a step), by a series of numbers that the input
 * chooses: a run repeats to the last instruction. The turn is handed over behind TSan's back, so
 * that only what the allocator itself does orders its accesses: a race is a race whichever way the
 * turns fell.
 */
#ifndef FUZZ_TURNS_H
#define FUZZ_TURNS_H

#include <slabpool/compiler.h>

#define TURNS_MOST 4u

/* Runs body(context, k) for each k on a thread of its own, which to the allocator is number k, and
 * returns when all are done. */
void turns_run(unsigned int threads, uint32_t seed, void (*body)(void *context, unsigned int k),
	       void *context);
/* True while they run. */
bool turns_on(void);
/* The turn may go to another thread here. */
void turns_point(void);
/* This thread cannot go on: the turn goes to another one. False if none can. */
bool turns_give_up(void);

/* What the program does to hand something over: seen by TSan. */
void turns_release(void *place);
void turns_acquire(void *place);
/* Between the two, writes that may race. */
void turns_hide(bool begins);
/* Around taking and releasing a lock; TSan sees the lock, not how it is made. */
void turns_lock_begins(void *lock);
void turns_lock_taken(void *lock);
void turns_unlock_begins(void *lock);
void turns_unlocked(void *lock);

#endif
