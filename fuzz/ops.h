/* SPDX-License-Identifier: MIT */
/*
 * The operation tables: one row an operation, and everything that knows an operation reads it
 * here. The fuzzer decodes and executes rows, slabpool-trace prints them in words, parses the
 * words back, and prints them as C.
 *
 * An input is a program:
 *
 *     instance(...)  operation(...)  operation(...)  ...
 *
 * Each operation is a byte (its code) and its arguments, encoded by their kind (see below). Every
 * byte string decodes: codes and numbers are taken modulo, missing bytes read as 0, and a zero
 * byte always means the argument's standard value. An operation makes a fixed number of handles
 * whatever its outcome, so that a program can be printed without being run.
 *
 * An input begins with the format's version: "SP" and a byte. In version 1 the instance's line is
 * a byte that says how many of its arguments follow (the others have their standard values), so
 * that one can be added, and a code is taken modulo the table's length. What begins otherwise is
 * of version 0: the instance's line has the arguments that it had then, and codes count modulo 64
 * and modulo the length that the table had then. New operations go to the end of a table: what was
 * assembled keeps its meaning.
 */
#ifndef FUZZ_OPS_H
#define FUZZ_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FUZZ_ARGS 16u
#define FUZZ_VERSION 1u        /* of the format that is written */
#define FUZZ_HEADER 3u         /* bytes in front of an input of version 1 or later */
#define FUZZ_OLD_CODES 64u     /* version 0: operation codes; */
#define FUZZ_OLD_ARGS 15u      /* arguments of the instance's line */
#define FUZZ_NONE UINT32_MAX   /* a handle that names nothing yet */

enum fuzz_kind {
	FUZZ_END,
	FUZZ_NUMBER,  /* low .. high; one byte where that has 256 values, else a varint */
	FUZZ_CHOICE,  /* one of names; one byte */
	FUZZ_BITS,    /* any set of names (at most 8); one byte */
	FUZZ_CACHE,   /* a cache made before; one byte */
	FUZZ_POOL,    /* a mempool made before; one byte */
	FUZZ_OBJECT   /* an object made before: a varint that counts back from the newest */
};

/* The kinds of handles, and how many a program may make of each. */
enum fuzz_handle { FUZZ_MAKES_NOTHING, FUZZ_MAKES_CACHE, FUZZ_MAKES_POOL, FUZZ_MAKES_OBJECT,
		   FUZZ_HANDLES };
#define FUZZ_MAX_CACHES 48u
#define FUZZ_MAX_POOLS 16u
#define FUZZ_MAX_OBJECTS 65536u
/* Objects that operations with a count make before their count falls to 1: bounds an input's
 * work. */
#define FUZZ_MANY_BUDGET 1500u

/* A word of a choice or a set: how it is written in words and in C, and what it stands for. */
struct fuzz_word {
	const char *word;
	const char *c;
	uint32_t value;
};

struct fuzz_arg {
	const char *name;
	enum fuzz_kind kind;
	uint32_t low, high, standard;   /* numbers; choices: high words in version 0 (0: all) */
	const struct fuzz_word *names;
};

struct fuzz_call;
struct world;

struct fuzz_op {
	const char *name;
	enum fuzz_handle makes;
	int count_arg;           /* the argument that says how many handles are made; -1: one */
	void (*run)(struct world *world, const struct fuzz_call *call);
	/* The statement in C: $0 .. $9, $a .. $f are the arguments, $r the first
	 * handle made. */
	const char *c;
	struct fuzz_arg arg[FUZZ_ARGS + 1];
	/* Costs as much as hundreds of others: the mutator puts it in less often. */
	bool seldom;
	/* Breaks what the library keeps, and mends it: no contract holds in between. */
	bool damages;
};

/* One decoded operation. */
struct fuzz_call {
	const struct fuzz_op *op;
	uint32_t arg[FUZZ_ARGS];   /* values; handles; index of a choice; bits of a set */
	uint32_t first;            /* first handle made */
	uint32_t count;            /* handles made; 0 when the table is full */
	uint32_t index;            /* position in the program, the instance's line is 0 */
};

struct fuzz_target {
	const char *name;
	const struct fuzz_op *instance;
	const struct fuzz_op *const *ops;
	unsigned int op_count;
	unsigned int old_op_count;            /* what version 0 has of ops; 0: there is none */
	bool strict;             /* a crime must leave every byte as it was */
	void (*begin)(struct world *world);   /* after the instance is there; may be NULL */
	void (*step)(struct world *world);    /* checks after every operation; may be NULL */
	void (*end)(struct world *world);     /* before the instance is destroyed; may be NULL */
};

/* A reader of programs; also used, without data, to number handles while assembling. */
struct fuzz_program {
	const struct fuzz_target *target;
	const uint8_t *next, *end;
	uint32_t version;
	uint32_t made[FUZZ_HANDLES];
	uint32_t many;
	uint32_t index;
};

extern const struct fuzz_target *const fuzz_targets[];
const struct fuzz_target *fuzz_target_named(const char *name);

/* The version of an input's format; one above FUZZ_VERSION cannot be read. */
uint32_t fuzz_version(const uint8_t *data, size_t size);
/* Without data: to assemble a program of the version that is written. */
void fuzz_program_open(struct fuzz_program *program, const struct fuzz_target *target,
		       const uint8_t *data, size_t size);
/* The next operation; false at the end. The first one is always the instance's line. */
bool fuzz_program_next(struct fuzz_program *program, struct fuzz_call *call);
/* Numbers the handles that a call makes, as the reader does. */
void fuzz_program_count(struct fuzz_program *program, struct fuzz_call *call);

#define FUZZ_CALL_BYTES 96u
/* Encodes a call as it stands at this place of the program, the first one behind the header; the
 * number of bytes. */
size_t fuzz_encode(const struct fuzz_program *program, const struct fuzz_call *call,
		   uint8_t bytes[FUZZ_CALL_BYTES]);

/* A call in words, without newline. */
void fuzz_print_call(FILE *out, const struct fuzz_call *call);
void fuzz_print_program(FILE *out, const struct fuzz_target *target, const uint8_t *data,
			size_t size);
/* A call as a C statement. */
void fuzz_emit_call(FILE *out, const struct fuzz_call *call);
/*
 * Parses one line of words at this place of the program. 0: a call; 1: a blank line or comment;
 * -1: an error, described in message.
 */
int fuzz_parse_call(const struct fuzz_program *program, const char *line, struct fuzz_call *call,
		    char *message, size_t message_bytes);
/* The number of names a choice or set has. */
uint32_t fuzz_names(const struct fuzz_arg *arg);

#endif
