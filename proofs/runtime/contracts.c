/* SPDX-License-Identifier: MIT */
/* See contracts.h. */
#include "contracts.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Loop rounds that a clause may take for each call, on average: the first calls are all checked,
 * and so is a cheap clause; of a dear one every so many calls are, by count and not by time. */
#define UNWATCHED __attribute__((no_sanitize("address")))
#define STEPS_A_CALL 300u
/* A clause that takes more at once says nothing: one over the slabs of a large arena. */
#define STEPS_MOST (1ul << 20)
#define LOG_MOST (1u << 22)

struct store {
	unsigned char *where;
	uint8_t bytes;   /* 1 .. 8 */
	bool opaque;     /* made behind a trusted contract */
	uint8_t value[8]; /* what is not there at the moment */
};

struct tally {
	unsigned long calls, judged, steps;
};

int contracts_time = 1;
unsigned long contracts_steps, contracts_steps_end = ULONG_MAX;

static struct contracts_frame *top;
static unsigned int running, opaque_depth;
static struct store *log_of;
static size_t log_count, log_room;
static struct tally *tallies;
static bool silent; /* the runtime's own work is not logged */
/* Only the first thread is watched: another changes what an earlier state was. */
static __thread bool first_thread;
static bool paused; /* what is kept is broken on purpose */
/* The log was full, as after tens of megabytes of zeros: no more is said of the outermost call. */
static bool lost;
static unsigned long steps_before;
static bool ranges_read; /* since the clause at hand began: nothing is mapped while it is judged */

int __asan_region_is_poisoned(const void *start, size_t bytes) __attribute__((weak));

static void violation(unsigned int clause, const char *more)
{
	const struct contracts_clause *c = &contracts_clauses[clause];

	silent = true;
	fflush(stdout);
	fprintf(stderr, "contract violated: %s:%u: %s: %s %s%s%s%s\n", c->file, c->line,
		c->function, c->kind, c->name, *c->name ? ": " : "", c->text, more);
	for (struct contracts_frame *f = top; f; f = f->above)
		if (f->exits)
			fprintf(stderr, "  in %s\n", contracts_clauses[f->exits].function);
	fflush(stderr);
	abort();
}

/* --- counts --- */

static void write_counts(void)
{
	const char *path = getenv("CONTRACTS_COUNTS");
	FILE *file;

	if (top && !silent && top->running && top->exits)
		violation(top->exits, " (the program ended inside)");
	file = path && tallies ? fopen(path, "w") : NULL;
	if (!file)
		return;
	for (unsigned int i = 1; i < contracts_clause_count; i++)
		fprintf(file, "%u %lu %lu %lu\n", i, tallies[i].calls, tallies[i].judged,
			tallies[i].steps);
	fclose(file);
}

static void begin(void)
{
	tallies = calloc(contracts_clause_count, sizeof(*tallies));
	if (!tallies)
		abort();
	atexit(write_counts);
}

static void __attribute__((constructor)) program_begins(void)
{
	first_thread = true;
}

static bool watching(void)
{
	return first_thread && !paused;
}

void contracts_pause(bool on)
{
	paused = on;
}

bool contracts_due(unsigned int clause)
{
	struct tally *t = &tallies[clause];

	if (!watching() || lost)
		return false;
	t->calls++;
	if (t->steps > t->calls * STEPS_A_CALL)
		return false;
	steps_before = contracts_steps;
	contracts_steps_end = contracts_steps + STEPS_MOST;
	ranges_read = false;
	return true;
}

void contracts_judge(unsigned int clause, bool held)
{
	bool given_up = contracts_steps >= contracts_steps_end;

	contracts_steps_end = ULONG_MAX;
	tallies[clause].steps += contracts_steps - steps_before;
	if (given_up)
		return;
	tallies[clause].judged++;
	if (!held)
		violation(clause, "");
}

/* --- stores --- */

static bool own_variable(const void *where)
{
	const char *at = where;

	/* The stack grows downwards. */
	return at < top->sp && at >= (char *)__builtin_frame_address(0);
}

UNWATCHED static void note(void *where, size_t bytes)
{
	unsigned char *at = where;

	if (silent || !running || lost || !watching() || contracts_time == 0 ||
	    where == &contracts_steps || own_variable(where))
		return;
	while (bytes > 0) {
		size_t part = bytes < 8 ? bytes : 8;

		if (log_count == log_room) {
			log_room = log_room ? 2 * log_room : 4096;
			if (log_room <= LOG_MOST)
				log_of = realloc(log_of, log_room * sizeof(*log_of));
			if (log_room > LOG_MOST || !log_of) {
				log_room = log_of ? LOG_MOST : 0;
				lost = true;
				return;
			}
		}
		log_of[log_count].where = at;
		log_of[log_count].bytes = (uint8_t)part;
		log_of[log_count].opaque = opaque_depth > 0;
		for (size_t i = 0; i < part; i++)
			log_of[log_count].value[i] = at[i];
		log_count++;
		at += part;
		bytes -= part;
	}
}

void __sanitizer_cov_store1(void *where);
void __sanitizer_cov_store2(void *where);
void __sanitizer_cov_store4(void *where);
void __sanitizer_cov_store8(void *where);
void __sanitizer_cov_store16(void *where);
void __sanitizer_cov_store1(void *where)
{
	note(where, 1);
}
void __sanitizer_cov_store2(void *where)
{
	note(where, 2);
}
void __sanitizer_cov_store4(void *where)
{
	note(where, 4);
}
void __sanitizer_cov_store8(void *where)
{
	note(where, 8);
}
void __sanitizer_cov_store16(void *where)
{
	note(where, 16);
}

/* The linker sends what the compiler makes of struct copies, memset() and so on here. */
#define AROUND(name)                                                                               \
	void *__real_##name(void *to, const void *from, size_t bytes);                             \
	void *__wrap_##name(void *to, const void *from, size_t bytes);                             \
	void *__wrap_##name(void *to, const void *from, size_t bytes)                              \
	{                                                                                          \
		note(to, bytes);                                                                   \
		return __real_##name(to, from, bytes);                                             \
	}
AROUND(__asan_memcpy)
AROUND(__asan_memmove)
void *__real___asan_memset(void *to, int value, size_t bytes);
void *__wrap___asan_memset(void *to, int value, size_t bytes);
void *__wrap___asan_memset(void *to, int value, size_t bytes)
{
	note(to, bytes);
	return __real___asan_memset(to, value, bytes);
}

UNWATCHED static void exchange(struct store *s)
{
	for (unsigned int i = 0; i < s->bytes; i++) {
		uint8_t other = s->where[i];

		s->where[i] = s->value[i];
		s->value[i] = other;
	}
}

int contracts_go(int time)
{
	int was = contracts_time;

	if (time == was || !top)
		return was;
	if (time == 0)
		for (size_t i = log_count; i > top->first; i--)
			exchange(&log_of[i - 1]);
	else
		for (size_t i = top->first; i < log_count; i++)
			exchange(&log_of[i]);
	contracts_time = time;
	return was;
}

/* --- calls --- */

void contracts_enter(struct contracts_frame *frame, const void *sp, bool opaque)
{
	if (!tallies)
		begin();
	frame->watched = watching();
	if (!frame->watched)
		return;
	frame->above = top;
	frame->sp = sp;
	frame->opaque = opaque;
	frame->running = false;
	frame->places = 0;
	frame->clause = frame->exits = 0;
	frame->first = log_count;
	top = frame;
}

void contracts_may_store(struct contracts_frame *frame, struct contracts_place place)
{
	if (place.bytes == 0 || !frame->watched)
		return;
	if (frame->places == CONTRACTS_PLACES)
		abort();
	frame->place[frame->places++] = place;
}

void contracts_own(struct contracts_frame *frame)
{
	if (!frame->watched)
		return;
	for (unsigned int i = 0; contracts_ghost_bytes[i]; i++)
		if (contracts_ghosts[i])
			memcpy(contracts_ghosts[i], &frame->ghost[i], contracts_ghost_bytes[i]);
}

void contracts_new(struct contracts_place place)
{
	if (!watching())
		return;
	for (struct contracts_frame *f = top; f; f = f->above)
		contracts_may_store(f, place);
}

void contracts_call(struct contracts_frame *frame, unsigned int assigns, unsigned int exits)
{
	if (!frame->watched)
		return;
	frame->clause = assigns;
	frame->exits = exits;
	frame->first = log_count;
	frame->running = true;
	for (unsigned int i = 0; frame->opaque && contracts_ghost_bytes[i]; i++)
		if (contracts_ghosts[i])
			memcpy(&frame->ghost[i], contracts_ghosts[i], contracts_ghost_bytes[i]);
	running++;
	opaque_depth += frame->opaque;
}

/* The fuzz targets jump out of the library when it ends the program: to where no call waits. */
void __real_longjmp(jmp_buf to, int value) __attribute__((__noreturn__));
void __wrap_longjmp(jmp_buf to, int value) __attribute__((__noreturn__));
void __wrap_longjmp(jmp_buf to, int value)
{
	contracts_go(1);
	top = NULL;
	running = opaque_depth = 0;
	log_count = 0;
	paused = lost = false;
	__real_longjmp(to, value);
}

static bool may_store(const struct contracts_frame *frame, const unsigned char *byte)
{
	for (unsigned int i = 0; i < frame->places; i++)
		if (byte >= (const unsigned char *)frame->place[i].start &&
		    byte < (const unsigned char *)frame->place[i].start + frame->place[i].bytes)
			return true;
	return false;
}

/* Value that a byte had before the call: that of the oldest entry that holds it. */
UNWATCHED static bool changed(const struct contracts_frame *frame, const unsigned char *byte)
{
	for (size_t i = frame->first; i < log_count; i++)
		if (byte >= log_of[i].where && byte < log_of[i].where + log_of[i].bytes)
			return log_of[i].value[byte - log_of[i].where] != *byte;
	return false;
}

static void check_frame(struct contracts_frame *frame)
{
	char text[80];

	tallies[frame->clause].calls++;
	tallies[frame->clause].judged++;
	for (size_t i = frame->first; i < log_count; i++) {
		const struct store *s = &log_of[i];

		if (s->opaque && !frame->opaque)
			continue;
		for (unsigned int b = 0; b < s->bytes; b++) {
			if (may_store(frame, s->where + b) || !changed(frame, s->where + b))
				continue;
			snprintf(text, sizeof(text), " (the byte at %p is another one now)",
				 (void *)(s->where + b));
			violation(frame->clause, text);
		}
	}
}

/* Stores of the call into memory that is none of what its frame is about. */
static void forget(struct contracts_frame *frame, const void *start, const void *end)
{
	for (size_t i = frame->first; i < log_count; i++)
		if ((const void *)log_of[i].where >= start && (const void *)log_of[i].where < end)
			log_of[i].bytes = 0;
}

void contracts_result(struct contracts_frame *frame, const void *result, size_t bytes)
{
	if (!frame->watched)
		return;
	forget(frame, result, (const char *)result + bytes);
}

void contracts_return(struct contracts_frame *frame)
{
	if (!frame->watched)
		return;
	frame->running = false;
	running--;
	opaque_depth -= frame->opaque;
	/* What callees stored in variables of the body, which are no more. */
	forget(frame, (char *)__builtin_frame_address(0) - 65536, frame->sp);
	if (frame->clause && !lost)
		check_frame(frame);
}

void contracts_leave(struct contracts_frame *frame)
{
	if (!frame->watched)
		return;
	top = frame->above;
	if (!top) {
		log_count = 0;
		lost = false;
	}
}

/* --- memory --- */

#define RANGES 512u

static struct range {
	uintptr_t start, end;
} ranges[RANGES];
static unsigned int range_count, range_last;

/* What the system says is readable. */
static void read_ranges(void)
{
	static char text[1u << 17];
	size_t length = 0;
	int file = open("/proc/self/maps", O_RDONLY);

	range_count = range_last = 0;
	while (file >= 0 && length < sizeof(text) - 1) {
		ssize_t got = read(file, text + length, sizeof(text) - 1 - length);

		if (got <= 0)
			break;
		length += (size_t)got;
	}
	if (file >= 0)
		close(file);
	text[length] = '\0';
	for (char *line = text; *line && range_count < RANGES; line++) {
		char *rest;
		uintptr_t start = strtoull(line, &rest, 16), end = strtoull(rest + 1, &rest, 16);

		if (rest[1] == 'r') {
			ranges[range_count].start = start;
			ranges[range_count++].end = end;
		}
		line = strchr(rest, '\n');
		if (!line)
			break;
	}
}

static bool in_ranges(uintptr_t start, size_t bytes)
{
	for (unsigned int i = 0; i < range_count; i++) {
		const struct range *r = &ranges[(range_last + i) % range_count];

		if (start >= r->start && start < r->end) {
			range_last = (range_last + i) % range_count;
			return bytes <= r->end - start;
		}
	}
	return false;
}

static bool mapped(const void *p, size_t bytes)
{
	if (in_ranges((uintptr_t)p, bytes))
		return true;
	if ((uintptr_t)p < 65536 || (ranges_read && contracts_steps_end != ULONG_MAX))
		return false;
	read_ranges();
	ranges_read = true;
	return in_ranges((uintptr_t)p, bytes);
}

static bool readable(const void *p, size_t bytes)
{
	return mapped(p, bytes) && (!__asan_region_is_poisoned ||
				    !__asan_region_is_poisoned((void *)p, bytes));
}

bool contracts_valid(struct contracts_place place)
{
	return place.bytes == 0 || readable(place.start, place.bytes);
}

const void *contracts_readable(const void *p, size_t bytes)
{
	static const uint64_t zeros[32];

	return readable(p, bytes) || bytes > sizeof(zeros) ? p : zeros;
}

bool contracts_separated(unsigned int count, const struct contracts_place *place)
{
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int j = i + 1; j < count; j++) {
			const char *a = place[i].start, *b = place[j].start;

			if (place[i].bytes && place[j].bytes && a < b + place[j].bytes &&
			    b < a + place[i].bytes)
				return false;
		}
	return true;
}
