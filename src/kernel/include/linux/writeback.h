/* SPDX-License-Identifier: MIT */
/* Kernel face: names only. There is no page cache here. */
#ifndef SLABPOOL_KERNEL_WRITEBACK_H
#define SLABPOOL_KERNEL_WRITEBACK_H

#include <linux/mm.h>
#include <linux/types.h>

struct address_space;
struct backing_dev_info;
struct inode;
struct super_block;
struct writeback_control;

#endif
