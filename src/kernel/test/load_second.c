/* SPDX-License-Identifier: MIT */
/* The other source of load_first.c: linked later, but of an earlier level. */
#define pr_fmt(fmt) "second: " fmt

#include <linux/module.h>

int second_value;
EXPORT_SYMBOL_GPL(second_value);

static int __init second_init(void)
{
	second_value = 7;
	pr_info("loaded\n");
	return 0;
}

static void __exit second_exit(void)
{
	pr_info("unloaded\n");
}

subsys_initcall(second_init);
module_exit(second_exit);
MODULE_LICENSE("MIT");
