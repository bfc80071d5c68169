/* SPDX-License-Identifier: MIT */
/* The geometry rules once more, by trying everything: slow, plain, and written apart. */
#ifndef FUZZ_REFERENCE_H
#define FUZZ_REFERENCE_H

#include "core/geometry.h"

bool reference_compute(const struct geometry_request *request, struct geometry *geometry);
uint32_t reference_align(uint32_t size, uint32_t align, bool hwcache_align);
uint32_t reference_granule(uint32_t stride, uint32_t most);
uint32_t reference_order_of(uint64_t bytes, uint32_t page_shift);
uint32_t reference_class_size(uint64_t size);

#endif
