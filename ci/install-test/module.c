/* SPDX-License-Identifier: MIT */
/* A kernel-style source, built against the installed kernel face. */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>

static void *memory;

static int __init client_init(void)
{
	memory = kzalloc(64, GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	pr_info("module loaded\n");
	return 0;
}

static void __exit client_exit(void)
{
	kfree(memory);
	pr_info("module unloaded\n");
}

module_init(client_init);
module_exit(client_exit);
MODULE_LICENSE("GPL");
