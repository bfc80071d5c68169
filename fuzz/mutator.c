/* SPDX-License-Identifier: MIT */
#include "mutator.h"

#include "ops.h"

#include <string.h>

#define CALLS 600u   /* operations that are read of a program; what is behind them is dropped */
#define STRETCH 8u   /* operations that are moved, copied or removed at once, at most */

/* Whose handles a call's arguments are. */
enum source { FIRST, SECOND, FRESH };

struct part {
	struct fuzz_call call;
	enum source source;
};

struct draft {
	const struct fuzz_target *target;
	struct part part[CALLS];
	uint32_t count;
	uint32_t made[FRESH][FUZZ_HANDLES];   /* by the programs that were read */
	uint64_t random;
};

/* By source, kind and old number: the number in what is written, or FUZZ_NONE. */
static uint32_t renumbered[FRESH][FUZZ_HANDLES][FUZZ_MAX_OBJECTS];

static uint32_t below(struct draft *d, uint32_t limit)
{
	d->random ^= d->random << 13;
	d->random ^= d->random >> 7;
	d->random ^= d->random << 17;
	return limit ? (uint32_t)((d->random >> 32) % limit) : 0;
}

/* One in n times. */
static bool once_in(struct draft *d, uint32_t n)
{
	return below(d, n) == 0;
}

static void begin(struct draft *d, const struct fuzz_target *target, unsigned int seed)
{
	d->target = target;
	d->count = 0;
	memset(d->made, 0, sizeof(d->made));
	d->random = (seed + 1) * 0x9e3779b97f4a7c15u;
}

/* --- reading and writing --- */

/* Appends the operations of a program, all but the instance's line of a second one. */
static void read_in(struct draft *d, const uint8_t *data, size_t size, enum source source)
{
	static struct fuzz_program program;
	struct fuzz_call call;

	fuzz_program_open(&program, d->target, data, size);
	while (d->count < CALLS && fuzz_program_next(&program, &call))
		if (call.index || d->count == 0)
			d->part[d->count++] = (struct part){ call, source };
	memcpy(d->made[source], program.made, sizeof(program.made));
}

static enum fuzz_handle handle_kind(enum fuzz_kind kind)
{
	switch (kind) {
	case FUZZ_CACHE:
		return FUZZ_MAKES_CACHE;
	case FUZZ_POOL:
		return FUZZ_MAKES_POOL;
	case FUZZ_OBJECT:
		return FUZZ_MAKES_OBJECT;
	default:
		return FUZZ_MAKES_NOTHING;
	}
}

/* Any handle, more often a new one: what was just made is what most programs go on with. */
static uint32_t any_handle(struct draft *d, uint32_t made)
{
	if (made == 0)
		return FUZZ_NONE;
	if (once_in(d, 3))
		return made - 1;
	return made - 1 - below(d, once_in(d, 2) && made > 8 ? 8 : made);
}

static void place_handles(struct draft *d, const struct fuzz_program *program,
			  const struct part *part, struct fuzz_call *call)
{
	for (unsigned int i = 0; call->op->arg[i].kind != FUZZ_END; i++) {
		enum fuzz_handle kind = handle_kind(call->op->arg[i].kind);
		uint32_t old = call->arg[i], now = FUZZ_NONE;

		if (kind == FUZZ_MAKES_NOTHING)
			continue;
		if (part->source != FRESH && old < d->made[part->source][kind])
			now = renumbered[part->source][kind][old];
		call->arg[i] = now == FUZZ_NONE ? any_handle(d, program->made[kind]) : now;
	}
}

static void forget_numbers(const struct draft *d)
{
	for (unsigned int source = 0; source < FRESH; source++)
		for (unsigned int kind = 0; kind < FUZZ_HANDLES; kind++)
			memset(renumbered[source][kind], 0xff,
			       d->made[source][kind] * sizeof(uint32_t));
}

static size_t write_out(struct draft *d, uint8_t *out, size_t room)
{
	struct fuzz_program program, next;
	uint8_t bytes[FUZZ_CALL_BYTES];
	size_t size = 0, n;

	forget_numbers(d);
	fuzz_program_open(&program, d->target, NULL, 0);
	for (uint32_t i = 0; i < d->count; i++) {
		const struct part *part = &d->part[i];
		struct fuzz_call call = part->call;

		place_handles(d, &program, part, &call);
		/* May lower the number of objects that are made: what is written says so, too. */
		next = program;
		fuzz_program_count(&next, &call);
		n = fuzz_encode(&program, &call, bytes);
		program = next;
		if (n > room - size)
			break;
		memcpy(out + size, bytes, n);
		size += n;
		n = call.count < part->call.count ? call.count : part->call.count;
		for (uint32_t k = 0; part->source != FRESH && k < n; k++)
			renumbered[part->source][call.op->makes][part->call.first + k] =
				call.first + k;
	}
	return size;
}

/* --- values --- */

static uint32_t any_number(struct draft *d, const struct fuzz_arg *arg)
{
	uint64_t span = (uint64_t)arg->high - arg->low + 1, value;

	/* Large numbers are many objects or many bytes: what they show, a few of them show. */
	switch (below(d, 32)) {
	case 0:
		return arg->high;
	case 1:
		value = below(d, (uint32_t)(span < UINT32_MAX ? span : UINT32_MAX));
		break;
	case 2:
	case 3:
		value = ((uint64_t)1 << below(d, 24)) + below(d, 3) - 1;
		value -= value > arg->low ? arg->low : 0;
		break;
	case 4:
	case 5:
	case 6:
		return arg->low;
	default:
		if (once_in(d, 3))
			return arg->standard;
		value = below(d, once_in(d, 2) ? 9 : 200);
	}
	return arg->low + (uint32_t)(value % span);
}

static uint32_t any_value(struct draft *d, const struct fuzz_arg *arg)
{
	uint32_t names = fuzz_names(arg);

	if (arg->kind == FUZZ_CHOICE)
		return once_in(d, 3) ? arg->standard : below(d, names);
	if (arg->kind == FUZZ_NUMBER)
		return any_number(d, arg);
	if (arg->kind == FUZZ_BITS && once_in(d, 2))
		return once_in(d, 3) ? below(d, 1u << names) : 1u << below(d, names);
	return 0;
}

/* A neighbour of a number; half or double of it. */
static uint32_t near(struct draft *d, const struct fuzz_arg *arg, uint32_t value)
{
	uint64_t changed = value;

	switch (below(d, 4)) {
	case 0:
		changed = (uint64_t)value + 1;
		break;
	case 1:
		changed = value ? value - 1 : value;
		break;
	case 2:
		changed = value / 2;
		break;
	default:
		changed = (uint64_t)value * 2;
	}
	return changed < arg->low || changed > arg->high ? value : (uint32_t)changed;
}

/* --- edits; the instance's line stays where it is --- */

static void open_gap(struct draft *d, uint32_t at, uint32_t n)
{
	memmove(&d->part[at + n], &d->part[at], (d->count - at) * sizeof(d->part[0]));
	d->count += n;
}

static uint32_t any_place(struct draft *d)
{
	return 1 + below(d, d->count);
}

static void insert(struct draft *d)
{
	const struct fuzz_target *target = d->target;
	uint32_t at = any_place(d);
	struct part part = { .source = FRESH };

	do
		part.call.op = target->ops[below(d, target->op_count)];
	while (part.call.op->seldom && !once_in(d, 16));
	for (unsigned int i = 0; part.call.op->arg[i].kind != FUZZ_END; i++)
		part.call.arg[i] = any_value(d, &part.call.op->arg[i]);
	if (d->count == CALLS)
		return;
	open_gap(d, at, 1);
	d->part[at] = part;
}

/* A stretch of operations: where it begins, and how many; 0 if there is none. */
static uint32_t any_stretch(struct draft *d, uint32_t *at)
{
	uint32_t rest = d->count - 1, n;

	if (rest == 0)
		return 0;
	*at = 1 + below(d, rest);
	n = once_in(d, 2) ? 1 : 1 + below(d, STRETCH);
	return n < d->count - *at ? n : d->count - *at;
}

static void cut(struct draft *d)
{
	uint32_t at, n = any_stretch(d, &at);

	if (n == 0)
		return;
	memmove(&d->part[at], &d->part[at + n], (d->count - at - n) * sizeof(d->part[0]));
	d->count -= n;
}

/* A copy behind itself, or anywhere. What it made before stays, and what the copy makes is new. */
static void repeat(struct draft *d)
{
	struct part copy[STRETCH];
	uint32_t at, n = any_stretch(d, &at);

	if (n == 0 || d->count + n > CALLS)
		return;
	memcpy(copy, &d->part[at], n * sizeof(copy[0]));
	at = once_in(d, 2) ? at + n : any_place(d);
	open_gap(d, at, n);
	memcpy(&d->part[at], copy, n * sizeof(copy[0]));
}

static void swap(struct draft *d)
{
	uint32_t one, other;
	struct part part;

	if (d->count < 3)
		return;
	one = 1 + below(d, d->count - 1);
	other = once_in(d, 2) && one + 1 < d->count ? one + 1 : 1 + below(d, d->count - 1);
	part = d->part[one];
	d->part[one] = d->part[other];
	d->part[other] = part;
}

static void change_call(struct draft *d, struct part *part)
{
	unsigned int args = 0, i;
	const struct fuzz_arg *arg;
	enum fuzz_handle kind;

	while (part->call.op->arg[args].kind != FUZZ_END)
		args++;
	if (args == 0)
		return;
	i = below(d, args);
	arg = &part->call.op->arg[i];
	kind = handle_kind(arg->kind);
	if (kind != FUZZ_MAKES_NOTHING)
		part->call.arg[i] = part->source == FRESH ? FUZZ_NONE
				    : any_handle(d, d->made[part->source][kind]);
	else if (arg->kind == FUZZ_BITS)
		part->call.arg[i] ^= 1u << below(d, fuzz_names(arg));
	else if (arg->kind == FUZZ_NUMBER && once_in(d, 2))
		part->call.arg[i] = near(d, arg, part->call.arg[i]);
	else
		part->call.arg[i] = any_value(d, arg);
}

static void change(struct draft *d)
{
	change_call(d, &d->part[once_in(d, 8) ? 0 : below(d, d->count)]);
}

static void edit(struct draft *d)
{
	static void (*const edits[])(struct draft *) = { insert, insert, insert, cut, repeat,
							 swap, change, change, change };

	do
		edits[below(d, sizeof(edits) / sizeof(edits[0]))](d);
	while (!once_in(d, 3));
}

size_t fuzz_mutate(const struct fuzz_target *target, uint8_t *data, size_t size, size_t room,
		   unsigned int seed)
{
	static struct draft d;

	begin(&d, target, seed);
	read_in(&d, data, size, FIRST);
	edit(&d);
	return write_out(&d, data, room);
}

size_t fuzz_cross(const struct fuzz_target *target, const uint8_t *one, size_t one_size,
		  const uint8_t *other, size_t other_size, uint8_t *out, size_t room,
		  unsigned int seed)
{
	static struct draft d;
	static struct part taken[CALLS];
	uint32_t first, n, at;

	begin(&d, target, seed);
	read_in(&d, one, one_size, FIRST);
	first = d.count;
	read_in(&d, other, other_size, SECOND);
	n = d.count - first;
	if (n) {
		/* A stretch of the second, with what it needs before it more often than not. */
		uint32_t from = once_in(&d, 3) ? below(&d, n) : 0;
		uint32_t to = from + 1 + below(&d, n - from);

		memcpy(taken, &d.part[first + from], (to - from) * sizeof(taken[0]));
		d.count = first;
		at = any_place(&d);
		open_gap(&d, at, to - from);
		memcpy(&d.part[at], taken, (to - from) * sizeof(taken[0]));
	}
	return write_out(&d, out, room);
}

size_t fuzz_rewrite(const struct fuzz_target *target, uint8_t *data, size_t size, size_t room)
{
	static struct draft d;

	begin(&d, target, 0);
	read_in(&d, data, size, FIRST);
	return write_out(&d, data, room);
}
