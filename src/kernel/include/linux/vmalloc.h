/* SPDX-License-Identifier: MIT */
/* Kernel face: the calls are slabpool's own, in <slabpool/gfp.h>. */
#ifndef SLABPOOL_KERNEL_VMALLOC_H
#define SLABPOOL_KERNEL_VMALLOC_H

#include <linux/gfp.h>
#include <linux/types.h>

#define vmalloc_user(size) vzalloc(size)
#define vmalloc_32(size) vmalloc(size)

#endif
