/* SPDX-License-Identifier: MIT */
/* Kernel face: the calls are slabpool's own, in <slabpool/mempool.h>. */
#ifndef SLABPOOL_KERNEL_MEMPOOL_H
#define SLABPOOL_KERNEL_MEMPOOL_H

#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/types.h>

#include <slabpool/mempool.h>

#endif
