/* SPDX-License-Identifier: MIT */
/*
 * Module parameters from the program's arguments: name=value, where - and _ in a name are the
 * same, as in the kernel. `loglevel=N` and `quiet` are the face's own, as on a kernel's command
 * line, unless the module has parameters with these names.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct slabpool_kernel_param *params;

static const char *const type_names[] = {
	[SLABPOOL_KERNEL_PARAM_bool] = "bool",
	[SLABPOOL_KERNEL_PARAM_invbool] = "bool",
	[SLABPOOL_KERNEL_PARAM_byte] = "0..255",
	[SLABPOOL_KERNEL_PARAM_short] = "short",
	[SLABPOOL_KERNEL_PARAM_ushort] = "ushort",
	[SLABPOOL_KERNEL_PARAM_int] = "int",
	[SLABPOOL_KERNEL_PARAM_uint] = "uint",
	[SLABPOOL_KERNEL_PARAM_long] = "long",
	[SLABPOOL_KERNEL_PARAM_ulong] = "ulong",
	[SLABPOOL_KERNEL_PARAM_ullong] = "ullong",
	[SLABPOOL_KERNEL_PARAM_charp] = "text",
	[SLABPOOL_KERNEL_PARAM_string] = "text",
};

void slabpool_kernel_add_param(struct slabpool_kernel_param *param)
{
	struct slabpool_kernel_param **link = &params;

	while (*link)
		link = &(*link)->next;
	param->next = NULL;
	*link = param;
}

static bool same_name(const char *argument, size_t length, const char *name)
{
	size_t i;

	for (i = 0; i < length; i++) {
		char a = argument[i] == '-' ? '_' : argument[i];
		char b = name[i] == '-' ? '_' : name[i];

		if (a != b || name[i] == '\0')
			return false;
	}
	return name[length] == '\0';
}

static int parse_bool(const char *text, bool *value)
{
	static const char *const yes[] = { "1", "y", "Y", "on", "true", "" };
	static const char *const no[] = { "0", "n", "N", "off", "false" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(text, yes[i]) == 0) {
			*value = true;
			return 0;
		}
	}
	for (i = 0; i < ARRAY_SIZE(no); i++) {
		if (strcmp(text, no[i]) == 0) {
			*value = false;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_signed(const char *text, long long low, long long high, long long *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 0);
	if (errno || end == text || *end != '\0' || *value < low || *value > high)
		return -EINVAL;
	return 0;
}

static int parse_unsigned(const char *text, unsigned long long high, unsigned long long *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	if (errno || end == text || *end != '\0' || text[0] == '-' || *value > high)
		return -EINVAL;
	return 0;
}

static int set_signed(enum slabpool_kernel_param_type type, const char *text, void *value)
{
	long long n = 0;
	int status;

	switch (type) {
	case SLABPOOL_KERNEL_PARAM_short:
		status = parse_signed(text, SHRT_MIN, SHRT_MAX, &n);
		if (status == 0)
			*(short *)value = (short)n;
		return status;
	case SLABPOOL_KERNEL_PARAM_int:
		status = parse_signed(text, INT_MIN, INT_MAX, &n);
		if (status == 0)
			*(int *)value = (int)n;
		return status;
	default:
		status = parse_signed(text, LONG_MIN, LONG_MAX, &n);
		if (status == 0)
			*(long *)value = (long)n;
		return status;
	}
}

static int set_unsigned(enum slabpool_kernel_param_type type, const char *text, void *value)
{
	static const unsigned long long high[] = {
		[SLABPOOL_KERNEL_PARAM_byte] = UCHAR_MAX,
		[SLABPOOL_KERNEL_PARAM_ushort] = USHRT_MAX,
		[SLABPOOL_KERNEL_PARAM_uint] = UINT_MAX,
		[SLABPOOL_KERNEL_PARAM_ulong] = ULONG_MAX,
		[SLABPOOL_KERNEL_PARAM_ullong] = ULLONG_MAX,
	};
	unsigned long long n = 0;
	int status = parse_unsigned(text, high[type], &n);

	if (status)
		return status;
	if (type == SLABPOOL_KERNEL_PARAM_byte)
		*(unsigned char *)value = (unsigned char)n;
	else if (type == SLABPOOL_KERNEL_PARAM_ushort)
		*(unsigned short *)value = (unsigned short)n;
	else if (type == SLABPOOL_KERNEL_PARAM_uint)
		*(unsigned int *)value = (unsigned int)n;
	else if (type == SLABPOOL_KERNEL_PARAM_ulong)
		*(unsigned long *)value = (unsigned long)n;
	else
		*(unsigned long long *)value = n;
	return 0;
}

/* @p text lives as long as the program: it is an argument, or a part of one. */
static int set_one(const struct slabpool_kernel_param *param, char *text, void *value)
{
	bool yes = false;
	int status;

	switch (param->type) {
	case SLABPOOL_KERNEL_PARAM_bool:
	case SLABPOOL_KERNEL_PARAM_invbool:
		status = parse_bool(text, &yes);
		if (status == 0)
			*(bool *)value = yes != (param->type == SLABPOOL_KERNEL_PARAM_invbool);
		return status;
	case SLABPOOL_KERNEL_PARAM_charp:
		*(char **)value = text;
		return 0;
	case SLABPOOL_KERNEL_PARAM_string:
		if (strlen(text) >= param->size)
			return -ENOSPC;
		memcpy(value, text, strlen(text) + 1);
		return 0;
	case SLABPOOL_KERNEL_PARAM_short:
	case SLABPOOL_KERNEL_PARAM_int:
	case SLABPOOL_KERNEL_PARAM_long:
		return set_signed(param->type, text, value);
	default:
		return set_unsigned(param->type, text, value);
	}
}

/* The elements of an array are separated by commas, which are overwritten. */
static int set_param(const struct slabpool_kernel_param *param, char *text)
{
	unsigned int n = 0;
	int status;

	if (param->max == 1)
		return set_one(param, text, param->value);
	while (text) {
		char *comma = strchr(text, ',');

		if (comma)
			*comma = '\0';
		if (n == param->max)
			return -ENOSPC;
		status = set_one(param, text, (char *)param->value + n * param->size);
		if (status)
			return status;
		n++;
		text = comma ? comma + 1 : NULL;
	}
	if (param->count)
		*param->count = n;
	return 0;
}

static void help(void)
{
	const struct slabpool_kernel_param *param;

	printk("usage: %s [name=value]...\n", slabpool_kernel_this_module.name);
	for (param = params; param; param = param->next)
		printk("  %s=%s%s\n", param->name, type_names[param->type],
		       param->max > 1 ? ",..." : "");
	printk("  loglevel=N  hide messages of level N and above; quiet: the same as loglevel=4\n");
}

static int parse_own(const char *argument)
{
	long long level = 0;

	if (strcmp(argument, "quiet") == 0) {
		console_loglevel = 4;
		return 0;
	}
	if (strncmp(argument, "loglevel=", 9) == 0 &&
	    parse_signed(argument + 9, 0, 15, &level) == 0) {
		console_loglevel = (int)level;
		return 0;
	}
	return -EINVAL;
}

static int parse_argument(char *argument)
{
	static char none[] = "";
	size_t length = strcspn(argument, "=");
	char *text = argument[length] == '=' ? argument + length + 1 : none;
	const struct slabpool_kernel_param *param;
	int status;

	for (param = params; param; param = param->next) {
		if (same_name(argument, length, param->name))
			break;
	}
	if (!param) {
		status = parse_own(argument);
		if (status)
			printk(KERN_ERR "%s: unknown parameter '%s'; --help lists them\n",
			       slabpool_kernel_this_module.name, argument);
		return status;
	}
	status = argument[length] == '=' || param->type == SLABPOOL_KERNEL_PARAM_bool ?
		set_param(param, text) : -EINVAL;
	if (status)
		printk(KERN_ERR "%s: '%s' is no value for %s=%s\n",
		       slabpool_kernel_this_module.name, text, param->name,
		       type_names[param->type]);
	return status ? -EINVAL : 0;
}

int slabpool_kernel_parse(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			help();
			return 1;
		}
		if (parse_argument(argv[i]))
			return -EINVAL;
	}
	return 0;
}
