/* SPDX-License-Identifier: MIT */
/*
 * Which calls of the system, and of the program's callbacks, fail: the Nth of a kind, once or from
 * then on, and after the first failure another one, of the same kind or of a different one: while
 * the first is still handled, or soon after.
 */
#ifndef FUZZ_FAULTS_H
#define FUZZ_FAULTS_H

#include <slabpool/compiler.h>

enum fuzz_fault {
	FAULT_NONE,
	FAULT_COMMIT_ONCE,    /* the Nth commit fails */
	FAULT_COMMIT_FROM,    /* the Nth and all later ones */
	FAULT_RESERVE_ONCE,
	FAULT_RESERVE_FROM,
	FAULT_SYNC_ONCE,      /* initialising a lock */
	FAULT_SYNC_FROM,
	FAULT_THREAD_ONCE,    /* storing a thread's record */
	FAULT_THREAD_FROM,
	FAULT_CALLBACK_ONCE,  /* the backend of a mempool, where it is the program's own */
	FAULT_CALLBACK_FROM,
	FAULT_KINDS
};

struct fuzz_faults {
	enum fuzz_fault fault;
	uint32_t at;             /* counted from 0 */
	enum fuzz_fault then;    /* counts from the first failure on */
	uint32_t then_at;
};

/* As in the instance's words: "commit", "commits-from", ... */
extern const char *const fuzz_fault_names[FAULT_KINDS];

/* Counts a call of a kind that can fail; true if this one shall. */
bool fuzz_fault_hits(enum fuzz_fault once, enum fuzz_fault from);
/* From here on; what the input says is ignored during a sweep. */
void fuzz_faults_plan(const struct fuzz_faults *faults);
/* The same faults, counted anew. */
void fuzz_faults_rearm(uint32_t at, bool armed);
/* Nothing fails any more that fails for good. */
void fuzz_faults_heal(void);
/* A reservation was refused, or may be. */
bool fuzz_faults_reserve(void);

/* During a sweep what fails instead of what inputs say; else NULL. */
extern const struct fuzz_faults *fuzz_faults_swept;
/* Calls of the kind that was to fail first, since the instance was opened. */
uint32_t fuzz_faults_calls(void);
/* A new world: nothing was counted, nothing failed. */
void fuzz_faults_open(const struct fuzz_faults *faults);

#endif
