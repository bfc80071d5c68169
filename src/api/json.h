/* SPDX-License-Identifier: MIT */
/* JSON, piece by piece. Names are bytes to slabpool: those beyond ASCII are written as \u0080 to
 * \u00ff, so that the text is JSON whatever a cache is called. */
#ifndef SLABPOOL_API_JSON_H
#define SLABPOOL_API_JSON_H

#include "api/text.h"

/* Of all objects that slabpool writes: keys may be added under the same one. */
#define JSON_VERSION 1u

static inline void json_string(struct text *text, const char *string)
{
	text_char(text, '"');
	for (; *string; string++) {
		unsigned char c = (unsigned char)*string;

		if (c == '"' || c == '\\') {
			text_char(text, '\\');
			text_char(text, (char)c);
		} else if (c < ' ' || c > '~') {
			text_string(text, "\\u00");
			text_char(text, "0123456789abcdef"[c / 16]);
			text_char(text, "0123456789abcdef"[c % 16]);
		} else {
			text_char(text, (char)c);
		}
	}
	text_char(text, '"');
}

/* A key that is not the first of its object. */
static inline void json_key(struct text *text, const char *key)
{
	text_string(text, ",\"");
	text_string(text, key);
	text_string(text, "\":");
}

static inline void json_number(struct text *text, const char *key, uint64_t value)
{
	json_key(text, key);
	text_decimal(text, value);
}

/* The beginning of an object that stands alone: {"slabpool":1 */
static inline void json_begin(struct text *text)
{
	text_string(text, "{\"slabpool\":");
	text_decimal(text, JSON_VERSION);
}

#endif
