/* SPDX-License-Identifier: MIT */
/* Kernel face: every function with external linkage is visible to the linker already. */
#ifndef SLABPOOL_KERNEL_EXPORT_H
#define SLABPOOL_KERNEL_EXPORT_H

#include <linux/stringify.h>

#define EXPORT_SYMBOL(name) extern __typeof__(name) name;
#define EXPORT_SYMBOL_GPL(name) EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_NS(name, ns) EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_NS_GPL(name, ns) EXPORT_SYMBOL(name)

#endif
