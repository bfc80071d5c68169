/* SPDX-License-Identifier: MIT */
/* Operations in words, words back to operations, and operations as C statements. */
#include "ops.h"

#include <stdlib.h>
#include <string.h>

static const char *const handle_word[FUZZ_HANDLES] = {
	[FUZZ_MAKES_CACHE] = "cache",
	[FUZZ_MAKES_POOL] = "pool",
	[FUZZ_MAKES_OBJECT] = "object",
};

static const char *kind_word(enum fuzz_kind kind)
{
	switch (kind) {
	case FUZZ_CACHE:
		return handle_word[FUZZ_MAKES_CACHE];
	case FUZZ_POOL:
		return handle_word[FUZZ_MAKES_POOL];
	case FUZZ_OBJECT:
		return handle_word[FUZZ_MAKES_OBJECT];
	default:
		return NULL;
	}
}

static void print_made(FILE *out, const struct fuzz_call *call)
{
	const char *word = handle_word[call->op->makes];

	if (call->op->makes == FUZZ_MAKES_NOTHING)
		return;
	if (call->count == 0)
		fprintf(out, "no %s = ", word);
	else if (call->count == 1)
		fprintf(out, "%s %u = ", word, call->first);
	else
		fprintf(out, "%ss %u..%u = ", word, call->first, call->first + call->count - 1);
}

static void print_bits(FILE *out, const struct fuzz_arg *arg, uint32_t value, bool in_c)
{
	const char *between = "";

	for (uint32_t i = 0; i < fuzz_names(arg); i++) {
		if (!(value & (1u << i)))
			continue;
		fprintf(out, "%s%s", between, in_c ? arg->names[i].c : arg->names[i].word);
		between = in_c ? " | " : "|";
	}
	if (!*between)
		fputs("0", out);
}

static void print_arg(FILE *out, const struct fuzz_arg *arg, uint32_t value)
{
	const char *word = kind_word(arg->kind);

	if (word) {
		if (value == FUZZ_NONE)
			fprintf(out, "%s none", word);
		else
			fprintf(out, "%s %u", word, value);
		return;
	}
	fprintf(out, "%s=", arg->name);
	if (arg->kind == FUZZ_BITS)
		print_bits(out, arg, value, false);
	else if (arg->kind == FUZZ_CHOICE)
		fputs(arg->names[value].word, out);
	else
		fprintf(out, "%u", value);
}

void fuzz_print_call(FILE *out, const struct fuzz_call *call)
{
	print_made(out, call);
	fprintf(out, "%s(", call->op->name);
	for (unsigned int i = 0; call->op->arg[i].kind != FUZZ_END; i++) {
		if (i)
			fputs(", ", out);
		print_arg(out, &call->op->arg[i], call->arg[i]);
	}
	fputc(')', out);
}

void fuzz_print_program(FILE *out, const struct fuzz_target *target, const uint8_t *data,
			size_t size)
{
	struct fuzz_program program;
	struct fuzz_call call;

	fuzz_program_open(&program, target, data, size);
	while (fuzz_program_next(&program, &call)) {
		fuzz_print_call(out, &call);
		fputc('\n', out);
	}
}

/* A word that stands several times among the choices, to weigh more, is written at its first. */
static const char *c_of_choice(const struct fuzz_arg *arg, uint32_t value)
{
	uint32_t i = 0;

	while (strcmp(arg->names[i].word, arg->names[value].word))
		i++;
	return arg->names[i].c;
}

static void emit_arg(FILE *out, const struct fuzz_call *call, unsigned int i)
{
	const struct fuzz_arg *arg = &call->op->arg[i];

	if (arg->kind == FUZZ_BITS)
		print_bits(out, arg, call->arg[i], true);
	else if (arg->kind == FUZZ_CHOICE)
		fputs(c_of_choice(arg, call->arg[i]), out);
	else
		fprintf(out, "%uu", call->arg[i]);
}

void fuzz_emit_call(FILE *out, const struct fuzz_call *call)
{
	const char *c = call->op->c;

	fputc('\t', out);
	for (; c && *c; c++) {
		if (*c != '$') {
			fputc(*c, out);
			continue;
		}
		c++;
		if (*c == 'r')
			fprintf(out, "%uu", call->first);
		else if (*c >= '0' && *c <= '9')
			emit_arg(out, call, (unsigned int)(*c - '0'));
		else if (*c >= 'a' && *c <= 'f')
			emit_arg(out, call, (unsigned int)(*c - 'a') + 10);
	}
	fputs(";\n", out);
}

/* Where the next of several arguments ends: a comma or the closing parenthesis. */
static const char *arg_end(const char *p)
{
	while (*p && *p != ',' && *p != ')')
		p++;
	return p;
}

static bool parse_number(const char *text, size_t length, uint32_t *value)
{
	char copy[24];
	char *end;
	unsigned long long n;

	if (length == 0 || length >= sizeof(copy) || text[0] < '0' || text[0] > '9')
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	n = strtoull(copy, &end, 0);
	if (*end || n > UINT32_MAX)
		return false;
	*value = (uint32_t)n;
	return true;
}

/* The position of a word in a list of names, or the number of names. */
static uint32_t find_word(const struct fuzz_arg *arg, const char *text, size_t length)
{
	uint32_t i = 0;

	for (; i < fuzz_names(arg); i++)
		if (strlen(arg->names[i].word) == length &&
		    !memcmp(arg->names[i].word, text, length))
			break;
	return i;
}

static bool parse_bits(const struct fuzz_arg *arg, const char *text, size_t length,
		       uint32_t *value)
{
	*value = 0;
	if (length == 1 && *text == '0')
		return true;
	while (length) {
		const char *bar = memchr(text, '|', length);
		size_t n = bar ? (size_t)(bar - text) : length;
		uint32_t bit = find_word(arg, text, n);

		if (bit == fuzz_names(arg))
			return false;
		*value |= 1u << bit;
		text += bar ? n + 1 : n;
		length -= bar ? n + 1 : n;
	}
	return true;
}

static bool parse_value(const struct fuzz_arg *arg, const char *text, size_t length,
			uint32_t *value)
{
	if (arg->kind == FUZZ_BITS)
		return parse_bits(arg, text, length, value);
	if (arg->kind == FUZZ_CHOICE) {
		*value = find_word(arg, text, length);
		return *value < fuzz_names(arg);
	}
	if (kind_word(arg->kind) && length == 4 && !memcmp(text, "none", 4)) {
		*value = FUZZ_NONE;
		return true;
	}
	if (!parse_number(text, length, value))
		return false;
	return arg->kind != FUZZ_NUMBER || (*value >= arg->low && *value <= arg->high);
}

/*
 * Which argument a piece of text is for: "name=..." by name, "cache ..." the next of that kind.
 * On return *text starts at the value. -1: none.
 */
static int which_arg(const struct fuzz_op *op, uint32_t seen, const char **text, size_t *length)
{
	const char *sign = memchr(*text, '=', *length);
	const char *blank = memchr(*text, ' ', *length);
	const char *end = sign ? sign : blank;
	size_t n = end ? (size_t)(end - *text) : 0;

	for (unsigned int i = 0; n && op->arg[i].kind != FUZZ_END; i++) {
		const char *word = sign ? op->arg[i].name : kind_word(op->arg[i].kind);

		if ((seen & (1u << i)) || !word || strlen(word) != n || memcmp(word, *text, n))
			continue;
		*text += n + 1;
		*length -= n + 1;
		return (int)i;
	}
	return -1;
}

static int parse_args(struct fuzz_call *call, const char *p, char *message, size_t bytes)
{
	uint32_t seen = 0;

	while (*p && *p != ')') {
		const char *end = arg_end(p), *text = p;
		size_t length = (size_t)(end - p);
		int i;

		while (length && *text == ' ') {
			text++;
			length--;
		}
		p = *end == ',' ? end + 1 : end;
		i = which_arg(call->op, seen, &text, &length);
		if (i < 0 || !parse_value(&call->op->arg[i], text, length, &call->arg[i])) {
			snprintf(message, bytes, "%s: bad argument \"%.*s\"", call->op->name,
				 (int)length, text);
			return -1;
		}
		seen |= 1u << i;
	}
	if (*p == ')')
		return 0;
	snprintf(message, bytes, "%s: no closing parenthesis", call->op->name);
	return -1;
}

/* The newest handle of a kind, which is what a zero byte stands for. */
static uint32_t newest(const struct fuzz_program *program, enum fuzz_kind kind)
{
	uint32_t made = program->made[FUZZ_MAKES_OBJECT];

	if (kind == FUZZ_OBJECT)
		return made ? made - 1 : FUZZ_NONE;
	made = program->made[kind == FUZZ_CACHE ? FUZZ_MAKES_CACHE : FUZZ_MAKES_POOL];
	return made ? 0 : FUZZ_NONE;
}

static void fill_standard(const struct fuzz_program *program, struct fuzz_call *call)
{
	for (unsigned int i = 0; call->op->arg[i].kind != FUZZ_END; i++) {
		const struct fuzz_arg *arg = &call->op->arg[i];

		if (kind_word(arg->kind))
			call->arg[i] = newest(program, arg->kind);
		else
			call->arg[i] = arg->kind == FUZZ_BITS ? 0 : arg->standard;
	}
}

int fuzz_parse_call(const struct fuzz_program *program, const char *line, struct fuzz_call *call,
		    char *message, size_t bytes)
{
	const struct fuzz_target *target = program->target;
	const char *open, *name;
	size_t length;

	line += strspn(line, " \t");
	if (*line == '\0' || *line == '\n' || *line == '#')
		return 1;
	open = strchr(line, '(');
	if (!open) {
		snprintf(message, bytes, "no operation in this line");
		return -1;
	}
	for (name = open; name > line && name[-1] != ' ';)
		name--;
	length = (size_t)(open - name);
	call->op = NULL;
	if (strlen(target->instance->name) == length &&
	    !memcmp(target->instance->name, name, length))
		call->op = target->instance;
	for (unsigned int i = 0; !call->op && i < target->op_count; i++)
		if (strlen(target->ops[i]->name) == length &&
		    !memcmp(target->ops[i]->name, name, length))
			call->op = target->ops[i];
	if (!call->op) {
		snprintf(message, bytes, "target %s has no operation \"%.*s\"", target->name,
			 (int)length, name);
		return -1;
	}
	if ((call->op == target->instance) != (program->index == 0)) {
		snprintf(message, bytes, "the first line, and no other, is %s(...)",
			 target->instance->name);
		return -1;
	}
	fill_standard(program, call);
	return parse_args(call, open + 1, message, bytes);
}
