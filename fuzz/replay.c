/* SPDX-License-Identifier: MIT */
/*
 * The replay driver: runs inputs through a target without a fuzzing engine and says so in TAP. What
 * cannot be read, or is empty, ends it with "Bail out!": a replay that silently runs nothing is
 * worse than none.
 */
#include "entry.h"
#include "input.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
	"usage: fuzz_TARGET [--words] [--repeat N] FILE|DIRECTORY...\n"
	"       fuzz_TARGET --plants\n"
	"Replays inputs in the order of their names and prints TAP.\n"
	"  --words     print every operation before it runs\n"
	"  --repeat N  run each input N times and print executions a second\n"
	"  --plants    list the planted bugs: name, oracle, target\n"
	"Environment: FUZZ_PLANT=NAME puts a bug in front of the allocator; FUZZ_ADAPTER=libc\n"
	"puts libc's malloc under the oracles instead.\n";

static void list_plants(void)
{
	for (unsigned int i = 0; fuzz_plants[i].name; i++)
		printf("%s\t%s\t%s\n", fuzz_plants[i].name, fuzz_plants[i].oracle,
		       fuzz_plants[i].target);
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

static int replay(const struct input_list *list, bool words, unsigned long repeat)
{
	double begin = now(), seconds;

	printf("1..%zu\n", list->count);
	for (size_t i = 0; i < list->count; i++) {
		const char *error = NULL;
		size_t size = 0;
		uint8_t *data = input_read(list->path[i], &size, &error);

		if (!data)
			return bail_out(list->path[i], error);
		/* Before it runs: a crash must be seen to be this input's. */
		printf("# %s\n", list->path[i]);
		fflush(stdout);
		for (unsigned long n = 0; n < repeat; n++)
			fuzz_run(fuzz_this, data, size, words ? stdout : NULL, NULL);
		free(data);
		printf("ok %zu - %s\n", i + 1, list->path[i]);
	}
	seconds = now() - begin;
	if (repeat > 1)
		printf("# %.0f executions a second\n",
		       (double)repeat * (double)list->count / seconds);
	return 0;
}

int main(int argc, char **argv)
{
	struct input_list list = { NULL, 0, 0 };
	unsigned long repeat = 1;
	const char *error = NULL;
	bool words = false;
	int status = 0;

	for (int i = 1; i < argc && status == 0; i++) {
		if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return 0;
		} else if (!strcmp(argv[i], "--plants")) {
			list_plants();
			return 0;
		} else if (!strcmp(argv[i], "--words")) {
			words = true;
		} else if (!strcmp(argv[i], "--repeat") && i + 1 < argc) {
			repeat = strtoul(argv[++i], NULL, 10);
		} else if (input_list_add(&list, argv[i], &error)) {
			status = bail_out(argv[i], error);
		}
	}
	if (status == 0 && list.count == 0)
		status = bail_out("arguments", "there is no input to replay");
	if (status == 0)
		status = replay(&list, words, repeat);
	input_list_free(&list);
	return status;
}
