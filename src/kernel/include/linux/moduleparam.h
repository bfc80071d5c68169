/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: module parameters, set by `name=value` arguments of the program. A boolean may
 * stand without a value.
 */
#ifndef SLABPOOL_KERNEL_MODULEPARAM_H
#define SLABPOOL_KERNEL_MODULEPARAM_H

#include <linux/init.h>
#include <linux/types.h>

enum slabpool_kernel_param_type {
	SLABPOOL_KERNEL_PARAM_bool,
	SLABPOOL_KERNEL_PARAM__Bool = SLABPOOL_KERNEL_PARAM_bool, /* `bool` may be a macro */
	SLABPOOL_KERNEL_PARAM_invbool,
	SLABPOOL_KERNEL_PARAM_byte,
	SLABPOOL_KERNEL_PARAM_short,
	SLABPOOL_KERNEL_PARAM_ushort,
	SLABPOOL_KERNEL_PARAM_int,
	SLABPOOL_KERNEL_PARAM_uint,
	SLABPOOL_KERNEL_PARAM_long,
	SLABPOOL_KERNEL_PARAM_ulong,
	SLABPOOL_KERNEL_PARAM_ullong,
	SLABPOOL_KERNEL_PARAM_charp,
	SLABPOOL_KERNEL_PARAM_string
};

/* The variable of a parameter must have just this type. */
typedef bool slabpool_kernel_type__Bool;
typedef bool slabpool_kernel_type_bool;
typedef bool slabpool_kernel_type_invbool;
typedef unsigned char slabpool_kernel_type_byte;
typedef short slabpool_kernel_type_short;
typedef unsigned short slabpool_kernel_type_ushort;
typedef int slabpool_kernel_type_int;
typedef unsigned int slabpool_kernel_type_uint;
typedef long slabpool_kernel_type_long;
typedef unsigned long slabpool_kernel_type_ulong;
typedef unsigned long long slabpool_kernel_type_ullong;
typedef char *slabpool_kernel_type_charp;

/** One parameter; the file that declares it owns the memory. */
struct slabpool_kernel_param {
	struct slabpool_kernel_param *next;
	const char *name;
	enum slabpool_kernel_param_type type;
	void *value;
	size_t size;         /**< bytes of one element (of the string) */
	unsigned int max;    /**< elements that fit: 1 but for arrays */
	unsigned int *count; /**< elements that were set, or NULL */
};

void slabpool_kernel_add_param(struct slabpool_kernel_param *param);

#define SLABPOOL_KERNEL_PARAM(param_name, param_type, param_value, param_size, param_max,      \
			      param_count)                                                     \
	static struct slabpool_kernel_param slabpool_kernel_param_##param_name = {             \
		.name = #param_name, .type = (param_type), .value = (param_value),             \
		.size = (param_size), .max = (param_max), .count = (param_count) };            \
	static void __attribute__((__constructor__)) slabpool_kernel_add_param_##param_name(void) \
	{                                                                                      \
		slabpool_kernel_add_param(&slabpool_kernel_param_##param_name);                \
	}

#define SLABPOOL_KERNEL_PARAM_CHECK(variable, type)                                            \
	_Static_assert(__same_type(variable, __PASTE(slabpool_kernel_type_, type)),            \
		       "module_param: the variable is of another type than the parameter")
#define module_param_named(name, variable, type, perm)                                         \
	SLABPOOL_KERNEL_PARAM_CHECK(variable, type);                                           \
	SLABPOOL_KERNEL_PARAM(name, __PASTE(SLABPOOL_KERNEL_PARAM_, type), &(variable),        \
			      sizeof(variable), 1, NULL)
#define module_param(name, type, perm) module_param_named(name, name, type, perm)
#define module_param_array_named(name, array, type, nump, perm)                                \
	SLABPOOL_KERNEL_PARAM_CHECK((array)[0], type);                                         \
	SLABPOOL_KERNEL_PARAM(name, __PASTE(SLABPOOL_KERNEL_PARAM_, type), (array),            \
			      sizeof((array)[0]), sizeof(array) / sizeof((array)[0]),          \
			      (unsigned int *)(nump))
#define module_param_array(name, type, nump, perm)                                             \
	module_param_array_named(name, name, type, nump, perm)
#define module_param_string(name, string, len, perm)                                           \
	SLABPOOL_KERNEL_PARAM(name, SLABPOOL_KERNEL_PARAM_string, (string), (len), 1, NULL)
#define core_param(name, variable, type, perm) module_param_named(name, variable, type, perm)
#define MODULE_PARM_DESC(name, text) _Static_assert(sizeof(text) > 0, "a string");

/* Kernel sources pass file modes here, and get them through <linux/stat.h>. */
#ifndef S_IRUGO
#define S_IRUGO 0444
#define S_IWUGO 0222
#define S_IXUGO 0111
#define S_IRWXUGO 0777
#endif
#ifndef S_IRUSR
#define S_IRUSR 0400
#define S_IWUSR 0200
#define S_IRGRP 0040
#define S_IROTH 0004
#endif

#endif
