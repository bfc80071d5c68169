/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The ways in which the Nth call fails: once, for good, or with a second failure behind it. */
#define THEN_SAME 2u

static const enum fuzz_fault kinds[] = {
	FAULT_COMMIT_ONCE, FAULT_RESERVE_ONCE, FAULT_SYNC_ONCE, FAULT_THREAD_ONCE,
	FAULT_CALLBACK_ONCE,
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct fuzz_faults faults;

/* --- telling which fault it was --- */

/* What the process that runs the input leaves behind, however it ends. */
struct left {
	unsigned long runs;
	struct fuzz_faults faults;
};
static struct left *left;

static void tell(void)
{
	const struct fuzz_faults *f = &left->faults;

	fprintf(stderr, "fuzz: under the fault %s:%u", fuzz_fault_names[f->fault], f->at);
	if (f->then != FAULT_NONE)
		fprintf(stderr, ":%s:%u", fuzz_fault_names[f->then], f->then_at);
	fputc('\n', stderr);
	fflush(stderr);
}

/* --- one run --- */

/* True if the fault was reached. */
static bool run(const struct fuzz_target *target, const uint8_t *data, size_t size, FILE *words)
{
	if (left) {
		left->faults = faults;
		left->runs++;
	}
	fuzz_faults_swept = &faults;
	fuzz_run(target, data, size, words, NULL);
	fuzz_faults_swept = NULL;
	return fuzz_platform.fired != 0;
}

/* --- all of them --- */

struct input {
	const struct fuzz_target *target;
	const uint8_t *data;
	size_t size;
	uint32_t calls[KINDS];   /* that it makes of each kind when none fails */
};

/* The call fails alone, then with all later ones, then with a second one of each kind. */
static bool run_ways(const struct input *input, unsigned int kind, uint32_t at)
{
	bool reached;

	faults = (struct fuzz_faults){ .fault = kinds[kind], .at = at };
	reached = run(input->target, input->data, input->size, NULL);
	if (!reached)
		return false;
	faults.fault++;
	run(input->target, input->data, input->size, NULL);
	faults.fault--;
	for (unsigned int other = 0; other < KINDS; other++) {
		faults.then = kinds[other];
		for (uint32_t k = 0; k < (other == kind ? THEN_SAME : 1u); k++) {
			faults.then_at = k;
			if (input->calls[other])
				run(input->target, input->data, input->size, NULL);
		}
	}
	/* For good, while the first failure is handled. */
	faults.then = kinds[kind] + 1;
	faults.then_at = 1;
	run(input->target, input->data, input->size, NULL);
	return true;
}

static void sweep_kind(const struct input *input, unsigned int kind, unsigned long most)
{
	uint32_t calls = input->calls[kind];

	if (most && calls > most) {
		uint32_t gaps = most > 1 ? (uint32_t)most - 1 : 1;

		for (uint64_t i = 0; i < most; i++)
			run_ways(input, kind, (uint32_t)(i * (calls - 1) / gaps));
		return;
	}
	/* A failure may lead to calls that are not made without it. */
	for (uint32_t at = 0; at < calls || (calls && !most); at++)
		if (!run_ways(input, kind, at))
			return;
}

static void sweep(struct input *input, unsigned long most)
{
	for (unsigned int kind = 0; kind < KINDS; kind++) {
		faults = (struct fuzz_faults){ .fault = kinds[kind], .at = UINT32_MAX };
		run(input->target, input->data, input->size, NULL);
		input->calls[kind] = fuzz_faults_calls();
	}
	for (unsigned int kind = 0; kind < KINDS; kind++)
		sweep_kind(input, kind, most);
}

bool sweep_input(const struct fuzz_target *target, const uint8_t *data, size_t size,
		 unsigned long most, unsigned long *runs)
{
	struct input input = { .target = target, .data = data, .size = size };
	int status = 0;
	pid_t child;

	left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fflush(stdout);
	child = left == MAP_FAILED ? -1 : fork();
	if (child == 0) {
		sweep(&input, most);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("fuzz: no process to sweep in");
		exit(2);
	}
	if (status)
		tell();
	*runs = left->runs;
	munmap(left, sizeof(*left));
	left = NULL;
	return status == 0;
}

/* --- one by its name --- */

static bool parse_one(const char **text, enum fuzz_fault *fault, uint32_t *at)
{
	size_t n = strcspn(*text, ":");
	unsigned int kind = 1;
	char *end;

	while (kind < FAULT_KINDS && (strlen(fuzz_fault_names[kind]) != n ||
				      memcmp(fuzz_fault_names[kind], *text, n)))
		kind++;
	if (kind == FAULT_KINDS || (*text)[n] != ':')
		return false;
	*fault = (enum fuzz_fault)kind;
	*at = (uint32_t)strtoul(*text + n + 1, &end, 10);
	if (end == *text + n + 1)
		return false;
	*text = end;
	return true;
}

bool sweep_one(const struct fuzz_target *target, const uint8_t *data, size_t size,
	       const char *text, FILE *words)
{
	memset(&faults, 0, sizeof(faults));
	if (!parse_one(&text, &faults.fault, &faults.at))
		return false;
	if (*text == ':') {
		text++;
		if (!parse_one(&text, &faults.then, &faults.then_at))
			return false;
	}
	if (*text)
		return false;
	run(target, data, size, words);
	return true;
}
