/* SPDX-License-Identifier: MIT */
/*
 * The ready-made callbacks of a mempool, called directly, as a kernel module.
 *
 * A mempool stands on two functions: one that gives an element and one that takes it back. For
 * elements from kmalloc() Linux has both ready, mempool_kmalloc() and mempool_kfree(); their last
 * argument, pool_data, is the element's size in the shape of a pointer. They are ordinary
 * functions: this module takes 8192 bytes when it is loaded and gives them back when it goes.
 *
 * Shows: how size and pointer share pool_data, GFP_KERNEL against NULL, ksize().
 *
 * Output:
 *	mempool_kmalloc: 8192 bytes at {hex}
 *	mempool_kmalloc: 8192 bytes may be used
 *	mempool_kmalloc: freed successfully
 */
#define pr_fmt(fmt) "mempool_kmalloc: " fmt

#include <linux/blkdev.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/writeback.h>

#define ELEMENT_SIZE 8192

static void *element;

static int __init take(void)
{
	element = mempool_kmalloc(GFP_KERNEL, (void *)(unsigned long)ELEMENT_SIZE);
	if (!element) {
		pr_err("cannot allocate %d bytes\n", ELEMENT_SIZE);
		return -ENOMEM;
	}
	/* On Linux %p prints a hash, lest messages tell an attacker addresses. */
	pr_info("%d bytes at %p\n", ELEMENT_SIZE, element);
	memset(element, 0xa5, ELEMENT_SIZE);
	pr_info("%zu bytes may be used\n", ksize(element));
	return 0;
}

static void __exit give_back(void)
{
	mempool_kfree(element, (void *)(unsigned long)ELEMENT_SIZE);
	pr_info("freed successfully\n");
}

module_init(take);
module_exit(give_back);

MODULE_LICENSE("MIT");
MODULE_DESCRIPTION("Takes memory through mempool_kmalloc() and gives it back");
