/* SPDX-License-Identifier: MIT */
/*
 * Mutation at the level of operations: an input is read as a program, operations are put in, taken
 * out, repeated, moved and changed, and the program is written again, in the newest version of the
 * format. References follow the objects that they name, so that what surrounds a change keeps its
 * sense.
 */
#ifndef FUZZ_MUTATOR_H
#define FUZZ_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_target;

/* Writes a changed program over data, at most room bytes; its size. The same for the same seed. */
size_t fuzz_mutate(const struct fuzz_target *target, uint8_t *data, size_t size, size_t room,
		   unsigned int seed);
/* Writes a program out of parts of two to out, at most room bytes; its size. */
size_t fuzz_cross(const struct fuzz_target *target, const uint8_t *one, size_t one_size,
		  const uint8_t *other, size_t other_size, uint8_t *out, size_t room,
		  unsigned int seed);
/* Writes the program that data is, unchanged. */
size_t fuzz_rewrite(const struct fuzz_target *target, uint8_t *data, size_t size, size_t room);

#endif
