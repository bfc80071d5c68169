/* SPDX-License-Identifier: MIT */
/* Kernel face. */
#ifndef SLABPOOL_KERNEL_GFP_H
#define SLABPOOL_KERNEL_GFP_H

#include <linux/types.h>

#include <slabpool/gfp.h>

#define NUMA_NO_NODE (-1)
#define numa_node_id() 0

#endif
