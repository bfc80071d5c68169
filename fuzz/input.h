/* SPDX-License-Identifier: MIT */
/* Files as bytes, directories as sorted lists of files. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

#define INPUT_MAX ((size_t)1 << 20)

/* The bytes of a file, to be freed; NULL, and why in *error, if it cannot be read, is empty or
 * larger than INPUT_MAX. */
uint8_t *input_read(const char *path, size_t *size, const char **error);

struct input_list {
	char **path;
	size_t count, room;
};
/* Adds a file, or all files of a directory and below, sorted by name. 0, or -1 and *error. */
int input_list_add(struct input_list *list, const char *path, const char **error);
void input_list_free(struct input_list *list);

#endif
