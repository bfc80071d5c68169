/* SPDX-License-Identifier: MIT */
/* Kernel face: names only. There are no block devices here. */
#ifndef SLABPOOL_KERNEL_BLKDEV_H
#define SLABPOOL_KERNEL_BLKDEV_H

#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define SECTOR_SHIFT 9
#define SECTOR_SIZE (1 << SECTOR_SHIFT)

struct bio;
struct bio_vec;
struct block_device;
struct gendisk;
struct request;
struct request_queue;

#endif
