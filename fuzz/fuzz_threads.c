/* SPDX-License-Identifier: MIT */
#include "entry.h"
#include "targets.h"

const struct fuzz_target *const fuzz_this = &fuzz_target_threads;
