/* SPDX-License-Identifier: MIT */
/*
 * Two kernel sources in one program: the levels decide the order of loading, unloading is the
 * reverse, and a source that fails is not asked to exit while the one before it is.
 *
 * Output:
 *	second: loaded
 *	first: loaded, second has 7
 *	first: unloaded
 *	second: unloaded
 * Output with fail=12:
 *	second: loaded
 *	first: fails
 *	face_load_order: first_init returned -12 ({any}): not loaded
 *	second: unloaded
 * Output with fail=-1:
 *	second: loaded
 *	face_load_order: first_init returned 1: should be 0 or a negative errno; loaded all the same
 *	first: unloaded
 *	second: unloaded
 */
#define pr_fmt(fmt) "first: " fmt

#include <linux/module.h>

extern int second_value;

static int fail;
module_param(fail, int, 0);

static int __init first_init(void)
{
	if (fail < 0)
		return -fail;
	if (fail) {
		pr_err("fails\n");
		return -fail;
	}
	pr_info("loaded, second has %d\n", second_value);
	return 0;
}

static void __exit first_exit(void)
{
	pr_info("unloaded\n");
}

module_init(first_init);
module_exit(first_exit);
MODULE_LICENSE("MIT");
