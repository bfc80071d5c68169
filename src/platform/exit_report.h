/* SPDX-License-Identifier: MIT */
/* What the default instance still holds when the program ends. See exit_report.c. */
#ifndef SLABPOOL_PLATFORM_EXIT_REPORT_H
#define SLABPOOL_PLATFORM_EXIT_REPORT_H

#include <slabpool/slabpool.h>

/* Reports at the end what is still live in the instance, if the text asks for it. */
void exit_report_from_env(struct slabpool *pool, const char *text,
			  void (*say)(void *context, const char *line));

#endif
