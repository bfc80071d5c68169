/* SPDX-License-Identifier: MIT */
/* Bytes to operations and back. See ops.h for the encoding. */
#include "ops.h"

#include <string.h>

static const uint32_t handle_limit[FUZZ_HANDLES] = {
	[FUZZ_MAKES_CACHE] = FUZZ_MAX_CACHES,
	[FUZZ_MAKES_POOL] = FUZZ_MAX_POOLS,
	[FUZZ_MAKES_OBJECT] = FUZZ_MAX_OBJECTS,
};

static const uint8_t magic[] = { 'S', 'P' };

uint32_t fuzz_version(const uint8_t *data, size_t size)
{
	if (!data)
		return FUZZ_VERSION;
	return size >= FUZZ_HEADER && !memcmp(data, magic, sizeof(magic)) ? data[2] : 0;
}

void fuzz_program_open(struct fuzz_program *program, const struct fuzz_target *target,
		       const uint8_t *data, size_t size)
{
	memset(program, 0, sizeof(*program));
	program->target = target;
	program->version = fuzz_version(data, size);
	program->next = data && program->version ? data + FUZZ_HEADER : data;
	program->end = data ? data + size : data;
}

static uint8_t next_byte(struct fuzz_program *program)
{
	return program->next < program->end ? *program->next++ : 0;
}

/* Seven bits a byte, least significant first, at most five bytes. */
static uint32_t next_varint(struct fuzz_program *program)
{
	uint32_t value = 0;

	for (unsigned int shift = 0; shift < 35; shift += 7) {
		uint32_t byte = next_byte(program);

		value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return value;
}

static size_t put_varint(uint8_t *bytes, uint32_t value)
{
	size_t n = 0;

	while (value >= 0x80) {
		bytes[n++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	bytes[n++] = (uint8_t)value;
	return n;
}

uint32_t fuzz_names(const struct fuzz_arg *arg)
{
	uint32_t n = 0;

	while (arg->names && arg->names[n].word)
		n++;
	return n;
}

/* Values that the argument can take. */
static uint64_t span_of(const struct fuzz_arg *arg, uint32_t version)
{
	if (arg->kind == FUZZ_CHOICE)
		return version == 0 && arg->high ? arg->high : fuzz_names(arg);
	return (uint64_t)arg->high - arg->low + 1;
}

static enum fuzz_handle handle_of(enum fuzz_kind kind)
{
	if (kind == FUZZ_CACHE)
		return FUZZ_MAKES_CACHE;
	return kind == FUZZ_POOL ? FUZZ_MAKES_POOL : FUZZ_MAKES_OBJECT;
}

static uint32_t decode_arg(struct fuzz_program *program, const struct fuzz_arg *arg)
{
	uint32_t made, raw;
	uint64_t span;

	switch (arg->kind) {
	case FUZZ_BITS:
		return next_byte(program) & (uint32_t)((1u << fuzz_names(arg)) - 1);
	case FUZZ_CACHE:
	case FUZZ_POOL:
		made = program->made[handle_of(arg->kind)];
		raw = next_byte(program);
		return made ? raw % made : FUZZ_NONE;
	case FUZZ_OBJECT:
		made = program->made[FUZZ_MAKES_OBJECT];
		raw = next_varint(program);
		return made ? made - 1 - raw % made : FUZZ_NONE;
	default:
		span = span_of(arg, program->version);
		raw = span <= 256 ? next_byte(program) : next_varint(program);
		return arg->low + (uint32_t)(((uint64_t)(arg->standard - arg->low) + raw) % span);
	}
}

static unsigned int args_of(const struct fuzz_op *op)
{
	unsigned int n = 0;

	while (op->arg[n].kind != FUZZ_END)
		n++;
	return n;
}

static const struct fuzz_op *decode_op(struct fuzz_program *program)
{
	const struct fuzz_target *target = program->target;
	unsigned int code = next_byte(program);

	if (program->version == 0)
		code = code % FUZZ_OLD_CODES %
		       (target->old_op_count ? target->old_op_count : target->op_count);
	return target->ops[code % target->op_count];
}

/* How many arguments of the instance's line there are; those behind have their standard values. */
static unsigned int decode_count(struct fuzz_program *program, unsigned int args)
{
	if (program->version == 0)
		return args < FUZZ_OLD_ARGS ? args : FUZZ_OLD_ARGS;
	return next_byte(program) % (args + 1);
}

void fuzz_program_count(struct fuzz_program *program, struct fuzz_call *call)
{
	enum fuzz_handle makes = call->op->makes;
	int by = call->op->count_arg;

	call->index = program->index++;
	call->first = program->made[makes];
	call->count = 0;
	if (makes == FUZZ_MAKES_NOTHING)
		return;
	if (by >= 0 && program->many + call->arg[by] > FUZZ_MANY_BUDGET)
		call->arg[by] = 1;
	if (by >= 0)
		program->many += call->arg[by];
	call->count = by >= 0 ? call->arg[by] : 1;
	if (call->count > handle_limit[makes] - call->first)
		call->count = 0;
	program->made[makes] += call->count;
}

bool fuzz_program_next(struct fuzz_program *program, struct fuzz_call *call)
{
	unsigned int args, given;

	if (program->index && program->next >= program->end)
		return false;
	call->op = program->index ? decode_op(program) : program->target->instance;
	args = args_of(call->op);
	given = program->index ? args : decode_count(program, args);
	for (unsigned int i = 0; i < given; i++)
		call->arg[i] = decode_arg(program, &call->op->arg[i]);
	for (unsigned int i = given; i < args; i++)
		call->arg[i] = call->op->arg[i].standard;
	fuzz_program_count(program, call);
	return true;
}

static size_t encode_arg(const struct fuzz_program *program, const struct fuzz_arg *arg,
			 uint32_t value, uint8_t *bytes)
{
	uint64_t span;
	uint32_t raw;

	switch (arg->kind) {
	case FUZZ_BITS:
		bytes[0] = (uint8_t)value;
		return 1;
	case FUZZ_CACHE:
	case FUZZ_POOL:
		bytes[0] = (uint8_t)(value == FUZZ_NONE ? 0 : value);
		return 1;
	case FUZZ_OBJECT:
		raw = program->made[FUZZ_MAKES_OBJECT];
		return put_varint(bytes, value < raw ? raw - 1 - value : 0);
	default:
		span = span_of(arg, FUZZ_VERSION);
		raw = (uint32_t)((value - (uint64_t)arg->standard + span) % span);
		if (span > 256)
			return put_varint(bytes, raw);
		bytes[0] = (uint8_t)raw;
		return 1;
	}
}

size_t fuzz_encode(const struct fuzz_program *program, const struct fuzz_call *call,
		   uint8_t bytes[FUZZ_CALL_BYTES])
{
	const struct fuzz_target *target = program->target;
	unsigned int args = args_of(call->op);
	size_t n = 0;

	if (call->op == target->instance) {
		memcpy(bytes, magic, sizeof(magic));
		bytes[2] = FUZZ_VERSION;
		while (args && call->arg[args - 1] == call->op->arg[args - 1].standard)
			args--;
		bytes[3] = (uint8_t)args;
		n = FUZZ_HEADER + 1;
	}
	for (unsigned int i = 0; n == 0 && i < target->op_count; i++)
		if (target->ops[i] == call->op)
			bytes[n++] = (uint8_t)i;
	for (unsigned int i = 0; i < args; i++)
		n += encode_arg(program, &call->op->arg[i], call->arg[i], bytes + n);
	return n;
}

const struct fuzz_target *fuzz_target_named(const char *name)
{
	for (unsigned int i = 0; fuzz_targets[i]; i++)
		if (!strcmp(fuzz_targets[i]->name, name))
			return fuzz_targets[i];
	return NULL;
}
