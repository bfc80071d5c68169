/* SPDX-License-Identifier: MIT */
/*
 * slabpool-trace: an input of a fuzz target in words, as a C program, from words, and from a
 * recording. It shares the targets' operation tables, so that it never says anything else than
 * what a fuzzer does.
 */
#include "../../fuzz/emit.h"
#include "../../fuzz/input.h"
#include "../../fuzz/recording.h"
#include "../../fuzz/world.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"usage: slabpool-trace [--target T] [--c] FILE\n"
	"       slabpool-trace [--target T] --assemble TEXT [--output FILE]\n"
	"       slabpool-trace [--target T] --upgrade FILE [--output FILE]\n"
	"       slabpool-trace [--target T] --from-recording FILE [--limit BYTES] [--output FILE]\n"
	"\n"
	"Prints an input of a fuzz target in words, an operation a line.\n"
	"  --target T        kmem_cache, mempool, kmalloc, geometry, misuse or threads; without\n"
	"                    it, the name of the directory that FILE is in\n"
	"  --c               runs the input and prints the run as a C program that needs nothing\n"
	"                    but slabpool: cc FILE.c $(pkg-config --cflags --libs slabpool)\n"
	"  --assemble        makes an input of words, as printed; \"-\" is standard input\n"
	"  --upgrade         writes the same program in the newest version of the format\n"
	"  --from-recording  makes an input of a recording (SLABPOOL_OPTIONS=record=FILE)\n"
	"  --limit BYTES     stops converting there; 4000\n"
	"  --output FILE     where the input goes; standard output\n"
	"Exit status: 0; 2 for a file that cannot be used; 3 if an oracle fails while running.\n";

struct options {
	const char *target, *path, *output;
	size_t limit;
	enum { MODE_WORDS, MODE_C, MODE_ASSEMBLE, MODE_UPGRADE, MODE_RECORDING } mode;
};

static int refuse(const char *path, const char *text)
{
	fflush(stdout);
	fprintf(stderr, "slabpool-trace: %s: %s\n", path, text);
	return 2;
}

/* By name, or by the directory of the path. */
static const struct fuzz_target *find_target(const struct options *options)
{
	const char *slash = strrchr(options->path, '/'), *start;
	char name[32];
	size_t n;

	if (options->target)
		return fuzz_target_named(options->target);
	if (!slash)
		return NULL;
	for (start = slash; start > options->path && start[-1] != '/';)
		start--;
	n = (size_t)(slash - start);
	if (n >= sizeof(name))
		return NULL;
	memcpy(name, start, n);
	name[n] = '\0';
	return fuzz_target_named(name);
}

static int write_out(const struct options *options, const uint8_t *data, size_t size)
{
	FILE *out = options->output ? fopen(options->output, "wb") : stdout;
	bool good;

	if (!out)
		return refuse(options->output, "cannot be written");
	good = fwrite(data, 1, size, out) == size;
	if (options->output)
		good = fclose(out) == 0 && good;
	else
		good = fflush(out) == 0 && good;
	return good ? 0 : refuse(options->output ? options->output : "output",
				 "cannot be written");
}

/* --- words to bytes --- */

struct assembly {
	struct fuzz_program program;
	uint8_t *bytes;
	size_t size, room;
};

static int assemble_line(struct assembly *assembly, const char *line, char *message, size_t room)
{
	struct fuzz_call call;
	int result = fuzz_parse_call(&assembly->program, line, &call, message, room);

	if (result)
		return result > 0 ? 0 : -1;
	if (assembly->room - assembly->size < FUZZ_CALL_BYTES) {
		snprintf(message, room, "the text is too long");
		return -1;
	}
	assembly->size += fuzz_encode(&assembly->program, &call, assembly->bytes + assembly->size);
	fuzz_program_count(&assembly->program, &call);
	return 0;
}

static int assemble_file(struct assembly *assembly, const struct options *options, FILE *file)
{
	char line[1024], message[160], place[1200];
	unsigned int number = 0;

	while (fgets(line, sizeof(line), file)) {
		number++;
		if (!assemble_line(assembly, line, message, sizeof(message)))
			continue;
		snprintf(place, sizeof(place), "%s:%u", options->path, number);
		return refuse(place, message);
	}
	if (ferror(file))
		return refuse(options->path, "cannot be read");
	if (assembly->program.index == 0)
		return refuse(options->path, "there is no operation in it");
	return write_out(options, assembly->bytes, assembly->size);
}

static int assemble(const struct options *options, const struct fuzz_target *target)
{
	struct assembly assembly = { .room = INPUT_MAX };
	bool standard = !strcmp(options->path, "-");
	FILE *file = standard ? stdin : fopen(options->path, "r");
	int status = 2;

	if (!file)
		return refuse(options->path, "cannot be read");
	fuzz_program_open(&assembly.program, target, NULL, 0);
	assembly.bytes = malloc(assembly.room);
	if (assembly.bytes)
		status = assemble_file(&assembly, options, file);
	free(assembly.bytes);
	if (!standard)
		fclose(file);
	return status;
}

/* --- bytes to bytes, to words and to C --- */

static int upgrade(const struct options *options, const struct fuzz_target *target,
		   const uint8_t *data, size_t size)
{
	struct fuzz_program in, out;
	struct fuzz_call call;
	/* An operation may have left out its last arguments, and be read as if it had them. */
	size_t room = INPUT_MAX + FUZZ_CALL_BYTES, bytes = 0;
	uint8_t *result = malloc(room);
	int status;

	if (!result)
		return refuse(options->path, "no memory");
	fuzz_program_open(&in, target, data, size);
	fuzz_program_open(&out, target, NULL, 0);
	while (fuzz_program_next(&in, &call) && bytes <= INPUT_MAX) {
		bytes += fuzz_encode(&out, &call, result + bytes);
		fuzz_program_count(&out, &call);
	}
	if (bytes <= INPUT_MAX)
		status = write_out(options, result, bytes);
	else
		status = refuse(options->path, "would be larger than a MiB");
	free(result);
	return status;
}

static uint32_t objects_of(const struct fuzz_target *target, const uint8_t *data, size_t size)
{
	struct fuzz_program program;
	struct fuzz_call call;

	fuzz_program_open(&program, target, data, size);
	while (fuzz_program_next(&program, &call))
		continue;
	return program.made[FUZZ_MAKES_OBJECT];
}

/* The run ended with a finding: what was printed so far still has to be a program. */
static void finish_after_abort(int number)
{
	(void)number;
	fuzz_emit_end(stdout);
	fflush(stdout);
	_exit(3);
}

static int print_c(const struct fuzz_target *target, const uint8_t *data, size_t size)
{
	signal(SIGABRT, finish_after_abort);
	signal(SIGSEGV, finish_after_abort);
	fuzz_emit_begin(stdout, objects_of(target, data, size));
	fuzz_run(target, data, size, NULL, stdout);
	fuzz_emit_end(stdout);
	return fflush(stdout) ? 2 : 0;
}

static int convert(const struct options *options, const struct fuzz_target *target,
		   const uint8_t *data, size_t size)
{
	size_t bytes, events;
	const char *error;
	uint8_t *input = recording_convert(target, data, size, options->limit, &bytes, &events,
					   &error);
	int status;

	if (!input)
		return refuse(options->path, error);
	fprintf(stderr, "slabpool-trace: %zu events make %zu bytes\n", events, bytes);
	status = write_out(options, input, bytes);
	free(input);
	return status;
}

static int work(const struct options *options)
{
	const struct fuzz_target *target = find_target(options);
	const char *error;
	uint8_t *data;
	size_t size;
	int status = 0;

	if (!target)
		return refuse(options->target ? options->target : options->path,
			      "no target; say --target kmem_cache, mempool, kmalloc, geometry, "
			      "misuse or threads");
	if (options->mode == MODE_ASSEMBLE)
		return assemble(options, target);
	data = input_read(options->path, &size, &error);
	if (!data)
		return refuse(options->path, error);
	if (options->mode != MODE_RECORDING && fuzz_version(data, size) > FUZZ_VERSION)
		status = refuse(options->path, "a newer version of the format than this reads");
	else if (options->mode == MODE_UPGRADE)
		status = upgrade(options, target, data, size);
	else if (options->mode == MODE_RECORDING)
		status = convert(options, target, data, size);
	else if (options->mode == MODE_C)
		status = print_c(target, data, size);
	else
		fuzz_print_program(stdout, target, data, size);
	free(data);
	return status;
}

static bool take_value(char **argv, int argc, int *i, const char *name, const char **value)
{
	if (strcmp(argv[*i], name) || *i + 1 >= argc)
		return false;
	*value = argv[++*i];
	return true;
}

static int parse(struct options *options, int argc, char **argv)
{
	const char *limit = NULL;

	for (int i = 1; i < argc; i++) {
		if (take_value(argv, argc, &i, "--target", &options->target) ||
		    take_value(argv, argc, &i, "--output", &options->output) ||
		    take_value(argv, argc, &i, "--limit", &limit))
			continue;
		if (!strcmp(argv[i], "--c"))
			options->mode = MODE_C;
		else if (!strcmp(argv[i], "--assemble"))
			options->mode = MODE_ASSEMBLE;
		else if (!strcmp(argv[i], "--upgrade"))
			options->mode = MODE_UPGRADE;
		else if (!strcmp(argv[i], "--from-recording"))
			options->mode = MODE_RECORDING;
		else if ((argv[i][0] == '-' && argv[i][1]) || options->path)
			return refuse(argv[i], "not understood; see slabpool-trace --help");
		else
			options->path = argv[i];
	}
	if (limit)
		options->limit = strtoul(limit, NULL, 10);
	if (!options->path)
		return refuse("arguments", "name a file; see slabpool-trace --help");
	if (options->limit < 64 || options->limit > INPUT_MAX)
		return refuse("--limit", "a number of bytes from 64 to 1048576");
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { .limit = 4000 };
	int status;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return 0;
		}
	}
	status = parse(&options, argc, argv);
	return status ? status : work(&options);
}
