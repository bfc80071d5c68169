/* SPDX-License-Identifier: MIT */
/*
 * Lines of text into a bounded buffer, without stdio and without memory: what reports, option
 * messages and slabinfo are made with, on hosts and on bare metal alike.
 *
 * A text counts all that is written to it and stores what has room; it is always terminated.
 */
#ifndef SLABPOOL_API_TEXT_H
#define SLABPOOL_API_TEXT_H

#include <slabpool/compiler.h>

struct text {
	char *line;     /* bytes of room, always terminated if bytes > 0 */
	size_t bytes;
	size_t length;  /* characters written, stored or not */
};

static inline void text_init(struct text *text, char *line, size_t bytes)
{
	text->line = line;
	text->bytes = bytes;
	text->length = 0;
	if (bytes > 0)
		line[0] = '\0';
}

static inline void text_char(struct text *text, char c)
{
	if (text->length + 1 < text->bytes) {
		text->line[text->length] = c;
		text->line[text->length + 1] = '\0';
	}
	text->length++;
}

static inline void text_string(struct text *text, const char *string)
{
	while (*string)
		text_char(text, *string++);
}

/* What came from outside: a control character would break the line, so it shows as '?'. */
static inline void text_foreign(struct text *text, const char *string, size_t most)
{
	size_t i;

	for (i = 0; i < most && string[i]; i++) {
		bool control = (unsigned char)string[i] < ' ' || string[i] == 127;

		text_char(text, control ? '?' : string[i]);
	}
}

static inline void text_quoted(struct text *text, const char *string, size_t most)
{
	text_char(text, '\'');
	text_foreign(text, string, most);
	text_char(text, '\'');
}

static inline size_t text_digits(uint64_t value, unsigned int base)
{
	size_t digits = 1;

	while (value >= base) {
		value /= base;
		digits++;
	}
	return digits;
}

/* @value in @base (10 or 16), right-aligned in @width columns. */
static inline void text_number(struct text *text, uint64_t value, unsigned int base, size_t width)
{
	char reversed[20];
	size_t digits = text_digits(value, base), i;

	for (i = 0; i < digits; i++) {
		reversed[i] = "0123456789abcdef"[value % base];
		value /= base;
	}
	for (i = digits; i < width; i++)
		text_char(text, ' ');
	while (digits > 0)
		text_char(text, reversed[--digits]);
}

static inline void text_decimal(struct text *text, uint64_t value)
{
	text_number(text, value, 10, 0);
}

static inline void text_pointer(struct text *text, const void *pointer)
{
	text_string(text, "0x");
	text_number(text, (uintptr_t)pointer, 16, 0);
}

#endif
