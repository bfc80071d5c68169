/* SPDX-License-Identifier: MIT */
/* Kernel face: the calls are slabpool's own, in <slabpool/slab.h>. */
#ifndef SLABPOOL_KERNEL_SLAB_H
#define SLABPOOL_KERNEL_SLAB_H

#include <linux/cache.h>
#include <linux/gfp.h>
#include <linux/overflow.h>
#include <linux/types.h>

#include <slabpool/slab.h>

#endif
