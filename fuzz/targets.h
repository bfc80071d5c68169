/* SPDX-License-Identifier: MIT */
/* The targets. */
#ifndef FUZZ_TARGETS_H
#define FUZZ_TARGETS_H

#include "ops.h"

extern const struct fuzz_target fuzz_target_kmem_cache, fuzz_target_mempool,
	fuzz_target_kmalloc, fuzz_target_geometry, fuzz_target_misuse,
	fuzz_target_threads;

#endif
