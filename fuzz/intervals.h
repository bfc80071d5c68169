/* SPDX-License-Identifier: MIT */
/* A set of disjoint address ranges, each with a number: who lives where. */
#ifndef FUZZ_INTERVALS_H
#define FUZZ_INTERVALS_H

#include <stdbool.h>
#include <stdint.h>

#define INTERVALS_MAX 65536u
#define INTERVALS_NONE UINT32_MAX

/* Forgets everything. */
void intervals_clear(void);
/* Adds [start, start + size) under a number below INTERVALS_MAX that is not in use; size > 0.
 * INTERVALS_NONE, or the number of a range that it overlaps (then nothing is added). */
uint32_t intervals_add(uint32_t number, uintptr_t start, uintptr_t size);
/* Removes what was added under this number. */
void intervals_remove(uint32_t number);
/* The range that holds this address, or INTERVALS_NONE. */
uint32_t intervals_find(uintptr_t address);

#endif
