/* SPDX-License-Identifier: MIT */
/*
 * The ways to end: each aborts after one message.
 *
 * Output:
 *	kernel BUG at {any}bugs.c:{int}! in bugs_init()
 * Output with how=1:
 *	Kernel panic - not syncing: number 42
 */
#include <linux/bug.h>
#include <linux/module.h>

static int how;
module_param(how, int, 0);

static int __init bugs_init(void)
{
	BUILD_BUG_ON(sizeof(int) != 4);
	if (how)
		panic("number %d", 42);
	BUG_ON(how != 0);
	BUG_ON(how == 0);
	return 0;
}
module_init(bugs_init);

MODULE_LICENSE("MIT");
