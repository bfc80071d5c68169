/* SPDX-License-Identifier: MIT */
/* Keys of SLABPOOL_OPTIONS whose values are texts, which only a host knows. */
#ifndef SLABPOOL_PLATFORM_ENV_VALUE_H
#define SLABPOOL_PLATFORM_ENV_VALUE_H

#include "api/text.h"

#include <string.h>

/* The value of the last key of this name, and its length; NULL if there is none. */
static inline const char *env_value(const char *text, const char *key, size_t *length)
{
	const char *value = NULL, *at = text;
	size_t n = strlen(key);

	while (at) {
		if (strncmp(at, key, n) == 0 && at[n] == '=')
			value = at + n + 1;
		at = strchr(at, ':');
		at = at ? at + 1 : NULL;
	}
	*length = value ? strcspn(value, ":") : 0;
	return value;
}

static inline void env_complain(void (*say)(void *context, const char *line), const char *key,
				const char *value, size_t length, const char *what)
{
	char line[512];
	struct text text;

	text_init(&text, line, sizeof(line));
	text_string(&text, "slabpool: option '");
	text_string(&text, key);
	text_string(&text, "': '");
	text_foreign(&text, value, length < 128 ? length : 128);
	text_string(&text, "' ");
	text_string(&text, what);
	say(NULL, line);
}

#endif
