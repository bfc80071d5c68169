/* SPDX-License-Identifier: MIT */
#include "default.h"

#include "core/instance.h"
#include "core/thread.h"
#include "platform.h"
#include "platform/default.h"

/* Of the threads that do not run; NULL: none. */
static struct thread_record *records[FUZZ_THREADS];

static void run_with(struct thread_record *record)
{
	slabpool_thread_current = record ? record : &thread_none;
	slabpool_thread_slots = slabpool_thread_current->slot;
}

void default_use(struct slabpool *pool)
{
	__atomic_store_n(&slabpool_default_instance, pool, __ATOMIC_RELEASE);
	for (unsigned int t = 0; !pool && t < FUZZ_THREADS; t++)
		records[t] = NULL;
	if (!pool)
		run_with(NULL);
}

struct slabpool *default_create(const struct slabpool_platform *platform,
				const struct slabpool_options *options)
{
	return instance_create(platform, options, true);
}

void default_thread(unsigned int thread)
{
	records[fuzz_platform.thread] = slabpool_thread_current;
	fuzz_platform.thread = thread;
	run_with(records[thread]);
}

void default_thread_anew(unsigned int thread)
{
	fuzz_platform.record[thread] = NULL;
	records[thread] = NULL;
	if (thread == fuzz_platform.thread)
		run_with(NULL);
}
