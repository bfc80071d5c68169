/* SPDX-License-Identifier: MIT */
/* Kernel face. */
#ifndef SLABPOOL_KERNEL_STRINGIFY_H
#define SLABPOOL_KERNEL_STRINGIFY_H

#define __stringify_1(...) #__VA_ARGS__
#define __stringify(...) __stringify_1(__VA_ARGS__)

#endif
