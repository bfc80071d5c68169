/* SPDX-License-Identifier: MIT */
/*
 * SLABPOOL_OPTIONS=leaks=1: what nobody freed, when the program ends: a report a cache, kmalloc's
 * among them, and one for the memory in page runs.
 *
 *	slabpool: exit: cache 'conn' still has 39 objects, not destroyed
 *	slabpool: exit: page runs still hold 102400 bytes
 *
 * The library's destructor counts: it runs after what the program registered with atexit(), and
 * not at all after _exit() or a signal. What threads' magazines hold is free. A child of a fork
 * reports what it inherited, too.
 */
#include "platform/exit_report.h"
#include "core/check.h"
#include "core/instance.h"
#include "platform/env_value.h"

#define NAME_SHOWN 256

static struct slabpool *watched;

/* One of the caches that have live objects. No lock may be held while it is reported. */
struct leak {
	uint32_t before;          /* caches with live objects to pass over */
	char name[NAME_SHOWN + 1];
	size_t objects;
};

static int find_leak(struct kmem_cache *cache, void *context)
{
	struct leak *leak = (struct leak *)context;
	struct slabpool_cache_info info;

	if (slabpool_cache_info(cache, &info) != 0 || info.active_objects == 0)
		return 0;
	if (leak->before > 0) {
		leak->before--;
		return 0;
	}
	strncpy(leak->name, info.name, NAME_SHOWN);
	leak->objects = info.active_objects;
	return 1;
}

static void report_caches(void)
{
	struct slabpool_report report = { .kind = SLABPOOL_REPORT_LIVE_OBJECTS, .call = "exit" };
	uint32_t found = 0;

	for (;;) {
		struct leak leak = { .before = found };

		if (!slabpool_for_each_cache(watched, find_leak, &leak))
			return;
		report.cache = leak.name;
		report.size = leak.objects;
		check_report(watched, &report);
		found++;
	}
}

__attribute__((destructor)) static void report_at_exit(void)
{
	struct slabpool_report report = { .kind = SLABPOOL_REPORT_LIVE_RUNS, .call = "exit" };
	struct slabpool_memory_info info;

	if (!watched)
		return;
	report_caches();
	slabpool_memory_info(watched, &info);
	report.size = info.runs;
	if (report.size)
		check_report(watched, &report);
}

void exit_report_from_env(struct slabpool *pool, const char *text,
			  void (*say)(void *context, const char *line))
{
	size_t length;
	const char *value = text ? env_value(text, "leaks", &length) : NULL;

	if (!value)
		return;
	if (length == 1 && *value == '1')
		watched = pool;
	else if (length != 1 || *value != '0')
		env_complain(say, "leaks", value, length, "is not 0 or 1, ignored");
}
