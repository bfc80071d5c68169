/* SPDX-License-Identifier: MIT */
/*
 * The instance under test as the one behind the Linux names, and as the default instance with its
 * fast path: what that keeps in variables of a thread, each thread of the program has for itself.
 */
#ifndef FUZZ_DEFAULT_H
#define FUZZ_DEFAULT_H

#include <slabpool/slabpool.h>

/* Behind the Linux names from now on; NULL: none any more, and no thread has a record. */
void default_use(struct slabpool *pool);
/* Makes an instance that serves the calling thread from its own variables. */
struct slabpool *default_create(const struct slabpool_platform *platform,
				const struct slabpool_options *options);
/* The program's thread with this number runs from now on. */
void default_thread(unsigned int thread);
/* A thread is new, or gone without its exit hook: it has no record. */
void default_thread_anew(unsigned int thread);

#endif
