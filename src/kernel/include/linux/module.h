/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: a source with module_init() becomes a program. Its main() comes from the library
 * `slabpool-kernel`: it sets the parameters, loads (runs the init functions) and, if all of them
 * returned 0, unloads (runs the exit functions, backwards). A program with a main() of its own
 * calls slabpool_kernel_main() or the two halves itself.
 */
#ifndef SLABPOOL_KERNEL_MODULE_H
#define SLABPOOL_KERNEL_MODULE_H

#if __has_include_next(<linux/module.h>)
#include_next <linux/module.h>
#endif

#ifndef __cplusplus
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/stringify.h>

#define module_init(fn) device_initcall(fn)
#define module_exit(fn) __exitcall(fn)

/* The oldest form: two functions with fixed names (which libc may have for the system calls). */
int init_module(void) __asm__("slabpool_kernel_init_module");
void cleanup_module(void) __asm__("slabpool_kernel_cleanup_module");

/** Sets parameters from name=value arguments. 0, -EINVAL after a message, 1 after --help. */
int slabpool_kernel_parse(int argc, char **argv);
/** Runs every init function; on failure what was loaded is unloaded. 0 or a negative errno. */
int slabpool_kernel_load(void);
/** Runs the exit functions of what is loaded, backwards; a source without one just stays. */
void slabpool_kernel_unload(void);
/** All three, with messages: what main() does. The exit status. */
int slabpool_kernel_main(int argc, char **argv);

struct module {
	const char *name;
};
extern struct module slabpool_kernel_this_module;
#define THIS_MODULE (&slabpool_kernel_this_module)
#define module_name(module) ((module) ? (module)->name : "kernel")

static inline bool try_module_get(struct module *module)
{
	return true;
}

static inline void __module_get(struct module *module) {}
static inline void module_put(struct module *module) {}

#define MODULE_INFO(tag, text) _Static_assert(sizeof(text) > 0, "a string");
#define MODULE_LICENSE(text) MODULE_INFO(license, text)
#define MODULE_AUTHOR(text) MODULE_INFO(author, text)
#define MODULE_DESCRIPTION(text) MODULE_INFO(description, text)
#define MODULE_VERSION(text) MODULE_INFO(version, text)
#define MODULE_ALIAS(text) MODULE_INFO(alias, text)
#define MODULE_SOFTDEP(text) MODULE_INFO(softdep, text)
#define MODULE_FIRMWARE(text) MODULE_INFO(firmware, text)
#define MODULE_IMPORT_NS(ns) _Static_assert(1, "");
#define MODULE_ALIAS_FS(name) _Static_assert(1, "");
#define MODULE_SUPPORTED_DEVICE(name) _Static_assert(1, "");
#endif

#endif
