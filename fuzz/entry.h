/* SPDX-License-Identifier: MIT */
/* What ties a target's file to an engine or to the replay driver. */
#ifndef FUZZ_ENTRY_H
#define FUZZ_ENTRY_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_target;
extern const struct fuzz_target *const fuzz_this;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
