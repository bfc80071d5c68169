/* SPDX-License-Identifier: MIT */
/* Where the default instance's reports go. See report_file.c. */
#ifndef SLABPOOL_PLATFORM_REPORT_FILE_H
#define SLABPOOL_PLATFORM_REPORT_FILE_H

#include <slabpool/slabpool.h>

/* All of the bytes, in one write() where the system allows it, so that lines of threads do not mix;
 * false if that cannot be. */
bool report_write(int file, const char *bytes, size_t length);
/* Sets options->report if the text asks for another place or form and the program has no function
 * of its own; complains through say() about what cannot be. Once a process. */
void report_file_from_env(struct slabpool_options *options, const char *text,
			  void (*say)(void *context, const char *line));

#endif
