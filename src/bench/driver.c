/* SPDX-License-Identifier: MIT */
/*
 * A driver: measures one allocator, the form that it was compiled with (driver.h), on demand.
 *
 *	bench-FORM [--OPTION] COMMAND...    does one command
 *	bench-FORM [--OPTION]               does the commands of standard input, one a line
 *
 * Commands
 *	run PATTERN SIZE PAIRS LIVE THREADS [FILE]
 *		"ok NANOSECONDS-A-PAIR PAIRS" or "skip REASON"
 *	and those of memory.h
 *
 * ci/bench keeps a process of each driver and lets them take turns, so that a change of the
 * machine's clock or load meets all of them.
 */
#include "driver.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include FORM_HEADER
#include "patterns.h"
#include "patterns_threads.h"
#include "patterns_trace.h"
#include "memory.h"

#define WORDS_MAX 8
/* The exit status after a command that was skipped. */
#define BENCH_SKIPPED 77

static const struct pattern {
	const char *name;
	void (*run)(form_t form, struct job *job);
} patterns[] = {
	{"hot", pattern_hot},
	{"lock", pattern_lock},
	{"zero", pattern_zero}, {"bulk32", pattern_bulk32}, {"fifo", pattern_fifo},
	{"rand", pattern_rand}, {"churn", pattern_churn}, {"steady", pattern_steady},
	{"fill", pattern_fill}, {"create", pattern_create}, {"caches", pattern_caches},
	{"pc", pattern_pc}, {"threads", pattern_threads}, {"trace", pattern_trace},
};

void *bench_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		bench_die("no memory for the driver itself");
	return memory;
}

void bench_memory_free(void *memory, size_t bytes)
{
	munmap(memory, bytes ? bytes : 1);
}

/* The form stays open from round to round, as a program's cache does. */
static form_t form_for(size_t size, size_t live)
{
	static form_t form;
	static size_t open_size, open_live;

	if (open_size == size && open_live == live)
		return form;
	if (open_size)
		form_close(form);
	form = form_open(size, live);
	open_size = size;
	open_live = live;
	return form;
}

static int do_run(int words, char **word)
{
	struct job job = {
		.size = strtoul(word[2], NULL, 10), .pairs = strtoul(word[3], NULL, 10),
		.live = strtoul(word[4], NULL, 10), .threads = (unsigned int)atoi(word[5]),
		.path = words > 6 ? word[6] : "",
	};

	if (!job.size || !job.pairs || !job.live || !job.threads ||
	    job.threads > BENCH_THREADS_MAX)
		return -1;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (strcmp(patterns[i].name, word[1]) != 0)
			continue;
		patterns[i].run(form_for(job.size, job.live * job.threads), &job);
		if (job.skipped)
			printf("skip %s\n", job.skipped);
		else
			printf("ok %.4f %zu\n", (double)job.nanoseconds / (double)job.done,
			       job.done);
		return job.skipped ? BENCH_SKIPPED : 0;
	}
	return -1;
}

static int do_held(int words, char **word)
{
	unsigned long number[3] = {0};

	for (int i = 1; i < words && i <= 3; i++)
		number[i - 1] = strtoul(word[i], NULL, 10);
	if (words == 3 && strcmp(word[0], "memory") == 0 && number[0] && number[1])
		do_memory(number[0], number[1]);
	else if (words == 4 && strcmp(word[0], "retain") == 0 && number[0] && number[1])
		do_retain(number[0], number[1], (unsigned int)number[2]);
	else if (words == 3 && strcmp(word[0], "soak") == 0 && number[0] && number[1])
		do_soak(number[0], (unsigned int)number[1]);
	else
		return -1;
	return 0;
}

static int command(int words, char **word)
{
	int status = -1;

	if (words >= 6 && strcmp(word[0], "run") == 0)
		status = do_run(words, word);
	else
		status = do_held(words, word);
	if (status < 0)
		puts("bad command; they are told at the top of driver.c and of memory.h");
	fflush(stdout);
	return status < 0 ? 2 : status;
}

/* One line at a time, without stdio's buffers: what they allocate is not to be measured. */
static bool line_read(char *line, size_t room)
{
	size_t n = 0;

	while (n + 1 < room && read(0, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	return n > 0;
}

static int serve(void)
{
	static char line[4096];
	int status = 0;

	while (line_read(line, sizeof(line))) {
		char *word[WORDS_MAX], *rest = line;
		int words = 0;

		while (words < WORDS_MAX && (word[words] = strtok_r(rest, " ", &rest)))
			words++;
		if (command(words, word) == 2)
			status = 2;
	}
	return status;
}

int main(int argc, char **argv)
{
	static char out[4096];
	int first = 1;

	setvbuf(stdout, out, _IOFBF, sizeof(out));
	/* No driver outlives who started it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (; first < argc && strncmp(argv[first], "--", 2) == 0; first++) {
		if (!form_option(argv[first])) {
			fprintf(stderr, "bench: this form has no option %s\n", argv[first]);
			return 2;
		}
	}
	return argc > first ? command(argc - first, argv + first) : serve();
}
