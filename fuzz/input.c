/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint8_t *read_all(FILE *file, size_t *size, const char **error)
{
	uint8_t *data = malloc(INPUT_MAX + 1);

	*size = data ? fread(data, 1, INPUT_MAX + 1, file) : 0;
	*error = NULL;
	if (!data || ferror(file))
		*error = strerror(errno);
	else if (*size == 0)
		*error = "the file is empty";
	else if (*size > INPUT_MAX)
		*error = "the file is larger than a MiB";
	if (!*error)
		return data;
	free(data);
	return NULL;
}

uint8_t *input_read(const char *path, size_t *size, const char **error)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;

	if (!file) {
		*error = strerror(errno);
		return NULL;
	}
	data = read_all(file, size, error);
	fclose(file);
	return data;
}

static int append(struct input_list *list, char *path)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		char **grown = realloc(list->path, room * sizeof(*grown));

		if (!grown)
			return -1;
		list->path = grown;
		list->room = room;
	}
	list->path[list->count++] = path;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *below(const char *directory, const char *name)
{
	size_t n = strlen(directory), bytes = n + strlen(name) + 2;
	char *path = malloc(bytes);

	while (n > 1 && directory[n - 1] == '/')
		n--;
	if (path)
		snprintf(path, bytes, "%.*s/%s", (int)n, directory, name);
	return path;
}

static int add_directory(struct input_list *list, const char *path, const char **error)
{
	struct input_list names = { NULL, 0, 0 };
	DIR *directory = opendir(path);
	struct dirent *entry;
	int result = directory ? 0 : -1;

	if (!directory)
		*error = strerror(errno);
	while (directory && (entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.' && append(&names, below(path, entry->d_name)))
			result = -1;
	if (directory)
		closedir(directory);
	if (names.count)
		qsort(names.path, names.count, sizeof(*names.path), by_name);
	else if (result == 0)
		*error = "the directory is empty";
	if (!names.count)
		result = -1;
	for (size_t i = 0; i < names.count && result == 0; i++)
		result = names.path[i] ? input_list_add(list, names.path[i], error) : -1;
	input_list_free(&names);
	return result;
}

int input_list_add(struct input_list *list, const char *path, const char **error)
{
	struct stat status;
	char *copy;

	*error = "no memory";
	if (stat(path, &status)) {
		*error = strerror(errno);
		return -1;
	}
	if (S_ISDIR(status.st_mode))
		return add_directory(list, path, error);
	copy = strdup(path);
	return copy ? append(list, copy) : -1;
}

void input_list_free(struct input_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->path[i]);
	free(list->path);
	*list = (struct input_list){ NULL, 0, 0 };
}
