/* SPDX-License-Identifier: MIT */
/*
 * What printk() makes of levels, continuations and the kernel's formats.
 *
 * Output:
 *	messages: plain info
 *	no level at all
 *	one two three
 *	unfinished
 *	messages: a line of its own
 *	-5|+7|  42|0042|42  |ff|0xff|377
 *	-1 255 -1 65535
 *	9223372036854775807 18446744073709551615 12345
 *	text|  text|text  |te|(null)|c|%
 *	px {zeros}1234 plain {zeros}1234 K {zeros}1234
 *	symbol {zeros}1234 end
 *	errors -ENOMEM -EINVAL -4000
 *	nested: outer 1 inner 2 done
 *	bytes 01 02 ab ff, 01:02:ab, 0102, mac 01:02:ab:ff:00:10
 *	physical 0x0000000012345678
 *	scnprintf 7 "abcdefg" of 10
 *	kasprintf "value=17 -ENOENT"
 *	once
 *	limited 10 of 20
 *	four
 *	returned 5
 *	WARNING: at {any}messages.c:{int} check_warnings()
 *	WARNING: at {any}messages.c:{int} check_warnings()
 *	warned about 3
 *	WARNING: at {any}messages.c:{int} check_warnings()
 *	only once
 *	warnings returned 1 0 1 1 0
 *	error level
 *	messages: exit
 * Output with loglevel=4:
 *	error level
 */
#define pr_fmt(fmt) "messages: " fmt

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

static void check_levels(void)
{
	pr_info("plain info\n");
	pr_debug("never shown, as DEBUG is not defined\n");
	printk("no level at all\n");
	printk(KERN_INFO "one");
	printk(KERN_CONT " two");
	pr_cont(" three\n");
	printk(KERN_NOTICE "unfinished");
	pr_notice("a line of its own\n");
}

static void check_formats(void)
{
	const char *volatile none = NULL;

	printk("%d|%+d|%4d|%04d|%-4d|%x|%#x|%o\n", -5, 7, 42, 42, 42, 255, 255, 255);
	printk("%hhd %hhu %hd %hu\n", (signed char)-1, (unsigned char)255, (short)-1,
	       (unsigned short)65535);
	printk("%lld %llu %zu\n", S64_MAX, U64_MAX, (size_t)12345);
	printk("%s|%6s|%-6s|%.2s|%s|%c|%%\n", "text", "text", "text", "text", none, 'c');
}

static int check_nested(const char *fmt, ...) __printf(1, 2);

static int check_nested(const char *fmt, ...)
{
	struct va_format format;
	va_list args;
	int length;

	va_start(args, fmt);
	format.fmt = fmt;
	format.va = &args;
	length = printk("nested: outer %d %pV done\n", 1, &format);
	va_end(args);
	return length;
}

static void check_pointers(void)
{
	static const u8 bytes[] = { 0x01, 0x02, 0xab, 0xff, 0x00, 0x10 };
	phys_addr_t physical = 0x12345678;
	void *p = (void *)0x1234;

	printk("px %px plain %p K %pK\n", p, p, p);
	printk("symbol %pS end\n", p);
	printk("errors %pe %pe %pe\n", ERR_PTR(-ENOMEM), ERR_PTR(-EINVAL), ERR_PTR(-4000));
	check_nested("inner %d", 2);
	printk("bytes %*ph, %*phC, %*phN, mac %pM\n", 4, bytes, 3, bytes, 2, bytes, bytes);
	printk("physical %pa\n", &physical);
}

static void check_strings(void)
{
	char text[8];
	int length = scnprintf(text, sizeof(text), "%s", "abcdefghij");
	char *made = kasprintf(GFP_KERNEL, "value=%d %pe", 17, ERR_PTR(-ENOENT));

	printk("scnprintf %d \"%s\" of %d\n", length, text, 10);
	printk("kasprintf \"%s\"\n", made);
	kfree(made);
}

static void check_limits(void)
{
	int i, shown = 0;

	for (i = 0; i < 3; i++)
		printk_once("once\n");
	for (i = 0; i < 20; i++)
		shown += printk_ratelimit();
	printk("limited %d of %d\n", shown, 20);
}

static void check_warnings(void)
{
	int results[5] = { 0 };
	int i;

	results[0] = WARN_ON(1);
	results[1] = WARN_ON(0);
	results[2] = WARN(1, "warned about %d\n", 3);
	for (i = 0; i < 2; i++)
		results[3] = WARN_ONCE(i >= 0, "only once\n");
	results[4] = WARN_ON_ONCE(0);
	printk("warnings returned %d %d %d %d %d\n", results[0], results[1], results[2],
	       results[3], results[4]);
}

static int __init messages_init(void)
{
	int length;

	check_levels();
	check_formats();
	check_pointers();
	check_strings();
	check_limits();
	length = printk(KERN_INFO "four\n");
	printk("returned %d\n", length);
	check_warnings();
	printk(KERN_ERR "error level\n");
	return 0;
}

static void __exit messages_exit(void)
{
	pr_info("exit\n");
}

module_init(messages_init);
module_exit(messages_exit);
MODULE_LICENSE("MIT");
