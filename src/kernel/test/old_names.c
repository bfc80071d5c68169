/* SPDX-License-Identifier: MIT */
/*
 * The form that the oldest module sources have: two functions with fixed names.
 *
 * Output:
 *	Hello, world
 *	Goodbye, world
 */
#include <linux/kernel.h>
#include <linux/module.h>

int init_module(void)
{
	printk(KERN_INFO "Hello, world\n");
	return 0;
}

void cleanup_module(void)
{
	printk(KERN_INFO "Goodbye, world\n");
}

MODULE_LICENSE("MIT");
