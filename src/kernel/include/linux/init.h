/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: init and exit functions. Each registers itself before main() starts; the library's
 * main() runs the init functions in the order of their levels, then the exit functions backwards.
 */
#ifndef SLABPOOL_KERNEL_INIT_H
#define SLABPOOL_KERNEL_INIT_H

#include <linux/compiler.h>
#include <linux/types.h>

/* User space keeps all code and data to the end. */
#define __init
#define __initdata
#define __initconst
#define __exit __attribute__((__unused__))
#define __exitdata __attribute__((__unused__))
#define __devinit
#define __devexit
#define __refdata
#define __ref

typedef int (*initcall_t)(void);
typedef void (*exitcall_t)(void);

/** One registered function; the registering file owns the memory, for the program's lifetime. */
struct slabpool_kernel_call {
	struct slabpool_kernel_call *next;
	struct slabpool_kernel_call *before; /**< loaded just before this one */
	const char *name;
	const char *unit;  /**< the same for all functions of one source file */
	int level;         /**< 0 first … 7 last */
	initcall_t init;   /**< one of the two is NULL */
	exitcall_t exit;
};

/* Its address tells which source file a function is from. */
static const char slabpool_kernel_unit __attribute__((__unused__)) = 0;

void slabpool_kernel_register(struct slabpool_kernel_call *call);

/* Complete in itself: kernel sources write module_init(fn) with and without a semicolon. */
#define SLABPOOL_KERNEL_CALL(fn, call_level, call_init, call_exit)                        \
	static struct slabpool_kernel_call slabpool_kernel_call_##fn = {                  \
		.name = #fn, .unit = &slabpool_kernel_unit, .level = (call_level),        \
		.init = (call_init), .exit = (call_exit) };                               \
	static void __attribute__((__constructor__)) slabpool_kernel_register_##fn(void)  \
	{                                                                                 \
		slabpool_kernel_register(&slabpool_kernel_call_##fn);                     \
	}

#define pure_initcall(fn) SLABPOOL_KERNEL_CALL(fn, 0, fn, NULL)
#define core_initcall(fn) SLABPOOL_KERNEL_CALL(fn, 1, fn, NULL)
#define postcore_initcall(fn) SLABPOOL_KERNEL_CALL(fn, 2, fn, NULL)
#define arch_initcall(fn) SLABPOOL_KERNEL_CALL(fn, 3, fn, NULL)
#define subsys_initcall(fn) SLABPOOL_KERNEL_CALL(fn, 4, fn, NULL)
#define fs_initcall(fn) SLABPOOL_KERNEL_CALL(fn, 5, fn, NULL)
#define device_initcall(fn) SLABPOOL_KERNEL_CALL(fn, 6, fn, NULL)
#define late_initcall(fn) SLABPOOL_KERNEL_CALL(fn, 7, fn, NULL)
#define __initcall(fn) device_initcall(fn)
#define __exitcall(fn) SLABPOOL_KERNEL_CALL(fn, 6, NULL, fn)

#endif
