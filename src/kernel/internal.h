/* SPDX-License-Identifier: MIT */
/* What the kernel face's own files share. */
#ifndef SLABPOOL_KERNEL_INTERNAL_H
#define SLABPOOL_KERNEL_INTERNAL_H

#include <stdarg.h>
#include <stddef.h>

/** Ends a line that was printed without a newline. */
void slabpool_kernel_end_line(void);

/** vsnprintf() with the kernel's formats: the length that the whole text has. */
int slabpool_kernel_format(char *text, size_t size, const char *fmt, va_list args)
	__attribute__((__format__(printf, 3, 0)));

#endif
