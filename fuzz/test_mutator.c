/* SPDX-License-Identifier: MIT */
/* The mutator over the corpora: what it writes is a program, as it was said, and the same for a
 * seed. */
#include "input.h"
#include "mutator.h"
#include "ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 4096u
#define SEEDS 40u

static unsigned int number, failed;

static void check(bool held, const char *what)
{
	printf("%s %u - %s\n", held ? "ok" : "not ok", ++number, what);
	failed += !held;
}

static char *words(const struct fuzz_target *target, const uint8_t *data, size_t size)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	fuzz_print_program(out, target, data, size);
	fclose(out);
	return text;
}

/* Version, size, and nothing that a reader would not read back as it is. */
static bool is_canonical(const struct fuzz_target *target, const uint8_t *data, size_t size)
{
	uint8_t copy[ROOM];
	size_t again;

	if (size > ROOM || fuzz_version(data, size) != FUZZ_VERSION)
		return false;
	memcpy(copy, data, size);
	again = fuzz_rewrite(target, copy, size, ROOM);
	return again == size && !memcmp(copy, data, size);
}

struct tally {
	unsigned int inputs, wrong_words, wrong_form, wrong_seed, changed, crossed;
};

static void mutate(const struct fuzz_target *target, const uint8_t *data, size_t size,
		   const uint8_t *other, size_t other_size, struct tally *tally)
{
	uint8_t one[ROOM], two[ROOM];
	size_t n, again;

	for (unsigned int seed = 1; seed <= SEEDS; seed++) {
		memcpy(one, data, size);
		memcpy(two, data, size);
		n = fuzz_mutate(target, one, size, ROOM, seed);
		again = fuzz_mutate(target, two, size, ROOM, seed);
		tally->wrong_form += !is_canonical(target, one, n);
		tally->wrong_seed += n != again || memcmp(one, two, n);
		tally->changed += n != size || memcmp(one, data, n);
		n = fuzz_cross(target, data, size, other, other_size, one, ROOM, seed);
		tally->wrong_form += !is_canonical(target, one, n);
		tally->crossed += n != size || memcmp(one, data, n);
		/* As little room as there may be is kept. */
		memcpy(one, data, size);
		tally->wrong_form += fuzz_mutate(target, one, size, size, seed) > size;
	}
}

static void check_file(const struct fuzz_target *target, const char *path, const char *next,
		       struct tally *tally)
{
	const char *error;
	size_t size, other_size;
	uint8_t *data = input_read(path, &size, &error);
	uint8_t *other = input_read(next, &other_size, &error);
	uint8_t copy[ROOM];

	if (data && other && size < ROOM / 2 && other_size < ROOM / 2) {
		char *before = words(target, data, size), *after;

		tally->inputs++;
		memcpy(copy, data, size);
		size = fuzz_rewrite(target, copy, size, ROOM);
		after = words(target, copy, size);
		tally->wrong_words += !before || !after || strcmp(before, after) != 0;
		free(before);
		free(after);
		mutate(target, copy, size, other, other_size, tally);
	}
	free(data);
	free(other);
}

static void check_target(const struct fuzz_target *target, const char *corpus)
{
	struct input_list list = { NULL, 0, 0 };
	struct tally tally = { 0 };
	const char *error;
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", corpus, target->name);
	if (input_list_add(&list, path, &error))
		printf("# %s: %s\n", path, error);
	for (size_t i = 0; i < list.count; i++)
		check_file(target, list.path[i], list.path[(i + 1) % list.count], &tally);
	input_list_free(&list);
	printf("# %s: %u inputs, of %u mutants %u differ, of as many crossings %u\n", target->name,
	       tally.inputs, tally.inputs * SEEDS, tally.changed, tally.crossed);
	check(tally.inputs && !tally.wrong_words, "reading and writing keep a program");
	check(tally.inputs && !tally.wrong_form, "a mutant is a program of the newest version");
	check(tally.inputs && !tally.wrong_seed, "a seed gives the same mutant");
	check(tally.changed * 10 > tally.inputs * SEEDS * 8, "most mutants are other programs");
	check(tally.crossed * 10 > tally.inputs * SEEDS * 8, "most crossings are other programs");
}

/* What is put before an operation does not change which object it frees. */
static void check_references(void)
{
	static const char text[] = "object 0 = kmalloc(size=100, gfp=GFP_KERNEL)\n";
	const struct fuzz_target *target = fuzz_target_named("kmalloc");
	const char *lines[] = { "instance()", text, "kfree(object 0)" };
	struct fuzz_program program;
	uint8_t data[ROOM], copy[ROOM];
	size_t size = 0, n;
	unsigned int kept = 0, made = 0;

	fuzz_program_open(&program, target, NULL, 0);
	for (unsigned int i = 0; i < 3; i++) {
		struct fuzz_call call;
		char message[100];

		if (fuzz_parse_call(&program, lines[i], &call, message, sizeof(message)))
			continue;
		size += fuzz_encode(&program, &call, data + size);
		fuzz_program_count(&program, &call);
	}
	for (unsigned int seed = 0; seed < 4000; seed++) {
		struct fuzz_call call;
		uint32_t object = FUZZ_NONE;
		bool freed = false;

		memcpy(copy, data, size);
		n = fuzz_mutate(target, copy, size, ROOM, seed);
		/* Only those in which both operations stand unchanged, with another object made. */
		fuzz_program_open(&program, target, copy, n);
		while (fuzz_program_next(&program, &call)) {
			if (!strcmp(call.op->name, "kmalloc") && call.arg[0] == 100)
				object = object == FUZZ_NONE ? call.first : FUZZ_NONE - 1;
			if (!strcmp(call.op->name, "kfree") && call.arg[0] == object)
				freed = true;
		}
		if (program.index != 4 || program.made[FUZZ_MAKES_OBJECT] != 2 || object > 1)
			continue;
		made++;
		kept += freed;
	}
	printf("# %u programs with an object more, in %u the same is freed\n", made, kept);
	check(made > 50 && kept * 10 > made * 8, "references follow their objects");
}

int main(int argc, char **argv)
{
	unsigned int targets = 0;

	if (argc != 2) {
		fputs("usage: test_mutator CORPUS\n", stderr);
		return 2;
	}
	for (unsigned int i = 0; fuzz_targets[i]; i++, targets++)
		check_target(fuzz_targets[i], argv[1]);
	check_references();
	printf("1..%u\n", targets * 5 + 1);
	return failed != 0;
}
