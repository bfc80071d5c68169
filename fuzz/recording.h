/* SPDX-License-Identifier: MIT */
/* Recordings of real programs (SLABPOOL_OPTIONS=record=FILE) as programs of a fuzz target. */
#ifndef FUZZ_RECORDING_H
#define FUZZ_RECORDING_H

#include "ops.h"

/*
 * Converts a recording into at most limit bytes of input, to be freed by the caller; NULL, and why
 * in *error. *events: how many events are in it.
 */
uint8_t *recording_convert(const struct fuzz_target *target, const uint8_t *data, size_t size,
			   size_t limit, size_t *bytes, size_t *events, const char **error);

#endif
