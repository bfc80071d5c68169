/* SPDX-License-Identifier: MIT */
/* Kernel face. */
#ifndef SLABPOOL_KERNEL_ARRAY_SIZE_H
#define SLABPOOL_KERNEL_ARRAY_SIZE_H

#include <linux/compiler.h>

#undef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]) + __must_be_array(array))

#endif
