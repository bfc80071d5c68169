/* SPDX-License-Identifier: MIT */
/*
 * Module parameters from the program's arguments.
 *
 * Output:
 *	count=5 big=0 name=none on=0 short=-1 list(0)=1,2,3 word=empty
 * Output with count=0x10 big=18446744073709551615 name=a=b on:
 *	count=16 big=18446744073709551615 name=a=b on=1 short=-1 list(0)=1,2,3 word=empty
 * Output with short-one=-300 list=7,8 word=seven:
 *	count=5 big=0 name=none on=0 short=-300 list(2)=7,8,3 word=seven
 * Output with on=n count=-3:
 *	count=-3 big=0 name=none on=0 short=-1 list(0)=1,2,3 word=empty
 * Output with count=12x:
 *	face_parameters: '12x' is no value for count=int
 * Output with count:
 *	face_parameters: '' is no value for count=int
 * Output with short_one=40000:
 *	face_parameters: '40000' is no value for short_one=short
 * Output with list=1,2,3,4:
 *	face_parameters: '1' is no value for list=uint
 * Output with word=longer-than-it-fits:
 *	face_parameters: 'longer-than-it-fits' is no value for word=text
 * Output with nothing=1:
 *	face_parameters: unknown parameter 'nothing=1'; --help lists them
 * Output with --help:
 *	usage: face_parameters [name=value]...
 *	  count=int
 *	  big=ullong
 *	  name=text
 *	  on=bool
 *	  short_one=short
 *	  list=uint,...
 *	  word=text
 *	  loglevel=N  hide messages of level N and above; quiet: the same as loglevel=4
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

static int count = 5;
static unsigned long long big;
static char *name = "none";
static bool on;
static short short_one = -1;
static unsigned int list[3] = { 1, 2, 3 };
static int listed;
static char word[8] = "empty";

module_param(count, int, 0644);
MODULE_PARM_DESC(count, "how many");
module_param(big, ullong, S_IRUGO);
module_param(name, charp, 0444);
module_param(on, bool, 0);
module_param(short_one, short, 0);
module_param_array(list, uint, &listed, 0);
module_param_string(word, word, sizeof(word), 0);

static int __init parameters_init(void)
{
	pr_info("count=%d big=%llu name=%s on=%d short=%d list(%d)=%u,%u,%u word=%s\n", count, big,
		name, on, short_one, listed, list[0], list[1], list[2], word);
	return 0;
}
module_init(parameters_init);

MODULE_LICENSE("MIT");
