/* SPDX-License-Identifier: MIT */
/* A run as a C program. */
#ifndef FUZZ_EMIT_H
#define FUZZ_EMIT_H

#include "ops.h"

/* All before the first statement. objects: how many handles the program makes. */
void fuzz_emit_begin(FILE *out, uint32_t objects);
/* All after the last one. */
void fuzz_emit_end(FILE *out);

#endif
