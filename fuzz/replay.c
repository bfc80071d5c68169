/* SPDX-License-Identifier: MIT */
/*
 * The replay driver: runs inputs through a target without a fuzzing engine and says so in TAP. What
 * cannot be read, or is empty, ends it with "Bail out!": a replay that silently runs nothing is
 * worse than none.
 */
#include "entry.h"
#include "input.h"
#include "sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
	"usage: fuzz_TARGET [--words] [--twice] [--trace] [--repeat N] FILE|DIRECTORY...\n"
	"       fuzz_TARGET --sweep [--most N] FILE|DIRECTORY...\n"
	"       fuzz_TARGET --fault FAULT FILE\n"
	"       fuzz_TARGET --plants\n"
	"Replays inputs in the order of their names and prints TAP.\n"
	"  --words     print every operation before it runs\n"
	"  --twice     run each input twice; its two traces have to be the same\n"
	"  --trace     print the hash of each input's trace\n"
	"  --repeat N  run each input N times and print executions a second\n"
	"  --sweep     run each input under each fault: the Nth call of each kind fails, once,\n"
	"              for good and with a second failure behind it, for each N\n"
	"  --most N    so many values of N, spread evenly\n"
	"  --fault F   under one fault, as a sweep names it: commit:5, commit:5:thread:0\n"
	"  --plants    list the planted bugs: name, oracle, target\n"
	"Environment: FUZZ_PLANT=NAME puts a bug in front of the allocator; FUZZ_ADAPTER=libc\n"
	"puts libc's malloc under the oracles instead.\n";

static void list_plants(void)
{
	for (unsigned int i = 0; fuzz_plants[i].name; i++)
		printf("%s\t%s\t%s\n", fuzz_plants[i].name, fuzz_plants[i].oracle,
		       fuzz_plants[i].target);
}

/* A message for what cannot be read as a program of this version. */
static const char *unreadable(const uint8_t *data, size_t size)
{
	static char text[80];

	if (fuzz_version(data, size) <= FUZZ_VERSION)
		return NULL;
	snprintf(text, sizeof(text), "format version %u is newer than %u, which this reads",
		 fuzz_version(data, size), FUZZ_VERSION);
	return text;
}

static int bail_out(const char *path, const char *error)
{
	printf("Bail out! %s: %s\n", path, error);
	return 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct how {
	bool words, twice, trace, sweep;
	unsigned long most;      /* faults of each kind that a sweep tries; 0: all */
	const char *fault;       /* one fault instead */
	unsigned long repeat;
};

static bool replay_one(const struct how *how, const uint8_t *data, size_t size)
{
	unsigned long runs = 0;
	uint64_t trace = 0;

	if (how->sweep) {
		bool good = sweep_input(fuzz_this, data, size, how->most, &runs);

		printf("# %lu runs\n", runs);
		return good;
	}
	if (how->fault) {
		if (!sweep_one(fuzz_this, data, size, how->fault, how->words ? stdout : NULL)) {
			fprintf(stderr, "fuzz: --fault: KIND:N[:KIND:N], a kind being commit, "
				"reserve, sync, thread or callback, or commits-from and so on\n");
			exit(2);
		}
		return true;
	}
	for (unsigned long n = 0; n < how->repeat; n++)
		trace = fuzz_run(fuzz_this, data, size, how->words ? stdout : NULL, NULL);
	if (how->twice && fuzz_run(fuzz_this, data, size, NULL, NULL) != trace)
		fuzz_fail("trace", "the second run of the input differs from the first");
	if (how->trace)
		printf("# trace %016" PRIx64 "\n", trace);
	return true;
}

static int replay(const struct input_list *list, const struct how *how)
{
	double begin = now(), seconds;
	int status = 0;
	bool good;

	printf("1..%zu\n", list->count);
	for (size_t i = 0; i < list->count; i++) {
		const char *error = NULL;
		size_t size = 0;
		uint8_t *data = input_read(list->path[i], &size, &error);

		if (!data)
			return bail_out(list->path[i], error);
		error = unreadable(data, size);
		if (error) {
			free(data);
			bail_out(list->path[i], error);
			return 2;
		}
		/* Before it runs: a crash must be seen to be this input's. */
		printf("# %s\n", list->path[i]);
		fflush(stdout);
		good = replay_one(how, data, size);
		status |= !good;
		free(data);
		printf("%s %zu - %s\n", good ? "ok" : "not ok", i + 1, list->path[i]);
	}
	seconds = now() - begin;
	if (how->repeat > 1)
		printf("# %.0f executions a second\n",
		       (double)how->repeat * (double)list->count / seconds);
	return status;
}

int main(int argc, char **argv)
{
	struct input_list list = { NULL, 0, 0 };
	struct how how = { .repeat = 1 };
	const char *error = NULL;
	int status = 0;

	for (int i = 1; i < argc && status == 0; i++) {
		if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return 0;
		} else if (!strcmp(argv[i], "--plants")) {
			list_plants();
			return 0;
		} else if (!strcmp(argv[i], "--words")) {
			how.words = true;
		} else if (!strcmp(argv[i], "--twice")) {
			how.twice = true;
		} else if (!strcmp(argv[i], "--trace")) {
			how.trace = true;
		} else if (!strcmp(argv[i], "--sweep")) {
			how.sweep = true;
		} else if (!strcmp(argv[i], "--most") && i + 1 < argc) {
			how.most = strtoul(argv[++i], NULL, 10);
		} else if (!strcmp(argv[i], "--fault") && i + 1 < argc) {
			how.fault = argv[++i];
		} else if (!strcmp(argv[i], "--repeat") && i + 1 < argc) {
			how.repeat = strtoul(argv[++i], NULL, 10);
		} else if (input_list_add(&list, argv[i], &error)) {
			status = bail_out(argv[i], error);
		}
	}
	if (status == 0 && list.count == 0)
		status = bail_out("arguments", "there is no input to replay");
	if (status == 0)
		status = replay(&list, &how);
	input_list_free(&list);
	return status;
}
