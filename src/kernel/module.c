/* SPDX-License-Identifier: MIT */
/*
 * Loading and unloading: the life of a kernel-style source as a program.
 *
 * Constructors register every init and exit function before main() starts. Loading runs the init
 * functions by level and, within a level, in link order; each one that succeeds is pushed on the
 * stack of loaded sources. Unloading pops that stack and runs the exit function of the same source
 * file. So exit functions run in the reverse order of their init functions, whatever the levels,
 * and a source whose init function failed is not asked to exit.
 */
#include <linux/module.h>
#include <linux/printk.h>

#include <string.h>

#include "internal.h"

struct module slabpool_kernel_this_module = { .name = "module" };

/* In order of level, then of registration. */
static struct slabpool_kernel_call *inits;
/* Newest first. */
static struct slabpool_kernel_call *exits;
/* What has been loaded, newest first, linked through `before`. */
static struct slabpool_kernel_call *loaded;

#if defined(__ELF__)
/* The fixed names of the oldest sources; absent in all others. */
extern int slabpool_kernel_init_module(void) __weak;
extern void slabpool_kernel_cleanup_module(void) __weak;
static const char old_unit;
static struct slabpool_kernel_call old_init = {
	.name = "init_module", .unit = &old_unit, .level = 6 };
static struct slabpool_kernel_call old_exit = {
	.name = "cleanup_module", .unit = &old_unit, .level = 6 };
static bool old_registered;
#endif

void slabpool_kernel_register(struct slabpool_kernel_call *call)
{
	struct slabpool_kernel_call **link = &inits;

	if (call->exit) {
		call->next = exits;
		exits = call;
		return;
	}
	while (*link && (*link)->level <= call->level)
		link = &(*link)->next;
	call->next = *link;
	*link = call;
}

static void register_old_names(void)
{
#if defined(__ELF__)
	if (old_registered)
		return;
	old_registered = true;
	old_init.init = slabpool_kernel_init_module;
	old_exit.exit = slabpool_kernel_cleanup_module;
	if (old_init.init)
		slabpool_kernel_register(&old_init);
	if (old_exit.exit)
		slabpool_kernel_register(&old_exit);
#endif
}

int slabpool_kernel_load(void)
{
	struct slabpool_kernel_call *call;

	register_old_names();
	if (!inits) {
		printk(KERN_ERR "%s: no module_init() in this program: nothing to load\n",
		       slabpool_kernel_this_module.name);
		return -ENOENT;
	}
	for (call = inits; call; call = call->next) {
		int status = call->init();

		if (status < 0) {
			printk(KERN_ERR "%s: %s returned %d (%s): not loaded\n",
			       slabpool_kernel_this_module.name, call->name, status,
			       strerror(-status));
			slabpool_kernel_unload();
			return status;
		}
		if (status > 0)
			printk(KERN_WARNING "%s: %s returned %d: should be 0 or a negative errno; "
			       "loaded all the same\n",
			       slabpool_kernel_this_module.name, call->name, status);
		call->before = loaded;
		loaded = call;
	}
	return 0;
}

void slabpool_kernel_unload(void)
{
	while (loaded) {
		struct slabpool_kernel_call *call;
		const char *unit = loaded->unit;

		loaded = loaded->before;
		for (call = exits; call; call = call->next) {
			if (call->unit == unit)
				call->exit();
		}
	}
}

int slabpool_kernel_main(int argc, char **argv)
{
	int status;

	if (argc > 0) {
		const char *slash = strrchr(argv[0], '/');

		slabpool_kernel_this_module.name = slash ? slash + 1 : argv[0];
	}
	status = slabpool_kernel_parse(argc, argv);
	if (status)
		return status > 0 ? 0 : 2;
	status = slabpool_kernel_load();
	if (status == 0)
		slabpool_kernel_unload();
	slabpool_kernel_end_line();
	return status == 0 ? 0 : 1;
}
