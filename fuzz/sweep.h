/* SPDX-License-Identifier: MIT */
/* Every input under every fault: the Nth call of each kind fails, for each N. */
#ifndef FUZZ_SWEEP_H
#define FUZZ_SWEEP_H

#include "world.h"

/*
 * Runs an input under each fault in turn, in a process of its own. most: so many values of N for
 * each kind and way, spread evenly; 0: all. False after a finding, with the fault on stderr.
 */
bool sweep_input(const struct fuzz_target *target, const uint8_t *data, size_t size,
		 unsigned long most, unsigned long *runs);
/* Runs an input under one fault, "commit:5" or "commit:5:thread:0". False: not understood. */
bool sweep_one(const struct fuzz_target *target, const uint8_t *data, size_t size,
	       const char *text, FILE *words);

#endif
