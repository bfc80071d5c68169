/* SPDX-License-Identifier: MIT */
/*
 * The kernel's formats: everything but pointers is handed to libc piece by piece, with the value
 * taken out of the argument list here; pointers have the kernel's extensions, of which those that
 * make sense without a kernel are done and all others print the address.
 *
 *	% flags width .precision length conversion      of %p: all letters and digits behind it
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/printk.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* Bytes that %*ph shows at most. */
#define DUMP_MAX 64

/* Where the text goes; length counts what would have been written without a limit. */
struct sink {
	char *text;
	size_t size;
	size_t length;
};

/* One conversion, as read from the format. */
struct spec {
	char flags[8];
	int width;     /* 0 if none; negative: to the left */
	int precision; /* negative if none */
	char size;     /* H char, h short, 0 int, l long, L long long, z size_t, t ptrdiff_t */
	char conversion;
};

/* A va_list that functions can share: as an array type it would decay on some machines. */
struct arguments {
	va_list list;
};

static void put(struct sink *sink, const char *text, size_t length)
{
	if (sink->length < sink->size) {
		size_t room = sink->size - sink->length - 1;

		memcpy(sink->text + sink->length, text, min(length, room));
		sink->text[sink->length + min(length, room)] = '\0';
	}
	sink->length += length;
}

/* libc formats at the end of what is there; fmt has the form "%flags*.*conversion". */
#define put_libc(sink, fmt, spec, value)                                                       \
	do {                                                                                   \
		size_t used = min((sink)->length, (sink)->size);                               \
		int wrote = snprintf((sink)->size ? (sink)->text + used : NULL,                \
				     (sink)->size - used, (fmt), (spec)->width,                \
				     (spec)->precision, (value));                              \
		(sink)->length += wrote > 0 ? (size_t)wrote : 0;                               \
	} while (0)

static int read_number(const char **fmt, struct arguments *args)
{
	int number = 0;

	if (**fmt == '*') {
		++*fmt;
		return va_arg(args->list, int);
	}
	while (**fmt >= '0' && **fmt <= '9') {
		if (number < 10000)
			number = number * 10 + (**fmt - '0');
		++*fmt;
	}
	return number;
}

static char read_size(const char **fmt)
{
	char first = **fmt;

	if (first == '\0' || !strchr("hlLqzZtj", first))
		return 0;
	++*fmt;
	if ((first == 'h' || first == 'l') && **fmt == first) {
		++*fmt;
		return first == 'h' ? 'H' : 'L';
	}
	if (first == 'q' || first == 'j')
		return 'L';
	return first == 'Z' ? 'z' : first;
}

/* Reads what stands behind '%'; the format then stands on what follows the conversion. */
static void read_spec(const char **fmt, struct arguments *args, struct spec *spec)
{
	size_t n = 0;

	memset(spec, 0, sizeof(*spec));
	while (**fmt && strchr("-+ #0", **fmt)) {
		if (n < sizeof(spec->flags) - 1)
			spec->flags[n++] = **fmt;
		++*fmt;
	}
	spec->width = read_number(fmt, args);
	spec->precision = -1;
	if (**fmt == '.') {
		++*fmt;
		spec->precision = read_number(fmt, args);
	}
	spec->size = read_size(fmt);
	spec->conversion = **fmt;
	if (**fmt)
		++*fmt;
}

static long long take_signed(struct arguments *args, char size)
{
	switch (size) {
	case 'H':
		return (signed char)va_arg(args->list, int);
	case 'h':
		return (short)va_arg(args->list, int);
	case 'l':
		return va_arg(args->list, long);
	case 'L':
		return va_arg(args->list, long long);
	case 'z':
		return va_arg(args->list, ssize_t);
	case 't':
		return va_arg(args->list, ptrdiff_t);
	default:
		return va_arg(args->list, int);
	}
}

static unsigned long long take_unsigned(struct arguments *args, char size)
{
	switch (size) {
	case 'H':
		return (unsigned char)va_arg(args->list, unsigned int);
	case 'h':
		return (unsigned short)va_arg(args->list, unsigned int);
	case 'l':
		return va_arg(args->list, unsigned long);
	case 'L':
		return va_arg(args->list, unsigned long long);
	case 'z':
	case 't':
		return va_arg(args->list, size_t);
	default:
		return va_arg(args->list, unsigned int);
	}
}

static void put_number(struct sink *sink, const struct spec *spec, struct arguments *args)
{
	char fmt[24];

	snprintf(fmt, sizeof(fmt), "%%%s*.*ll%c", spec->flags, spec->conversion);
	if (spec->conversion == 'd' || spec->conversion == 'i')
		put_libc(sink, fmt, spec, take_signed(args, spec->size));
	else
		put_libc(sink, fmt, spec, take_unsigned(args, spec->size));
}

static void put_string(struct sink *sink, const struct spec *spec, const char *text)
{
	char fmt[24];

	snprintf(fmt, sizeof(fmt), "%%%s*.*s", strchr(spec->flags, '-') ? "-" : "");
	put_libc(sink, fmt, spec, IS_ERR(text) ? "(efault)" : text ? text : "(null)");
}

static void put_address(struct sink *sink, const struct spec *spec, const void *pointer)
{
	struct spec wide = *spec;
	unsigned long long value = (uintptr_t)pointer;
	char fmt[24];

	wide.precision = (int)(2 * sizeof(void *));
	snprintf(fmt, sizeof(fmt), "%%%s%s*.*llx", strchr(spec->flags, '-') ? "-" : "",
		 strchr(spec->flags, '#') ? "#" : "");
	put_libc(sink, fmt, &wide, value);
}

static void put_bytes(struct sink *sink, const unsigned char *bytes, int count, char between)
{
	static const char digits[] = "0123456789abcdef";
	int i;

	for (i = 0; i < min(count, DUMP_MAX); i++) {
		char pair[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

		if (i > 0 && between)
			put(sink, &between, 1);
		put(sink, pair, 2);
	}
}

static void put_error(struct sink *sink, const struct spec *spec, const void *pointer)
{
	static const struct {
		int number;
		const char *name;
	} known[] = {
		{ EPERM, "EPERM" }, { ENOENT, "ENOENT" }, { EINTR, "EINTR" }, { EIO, "EIO" },
		{ ENXIO, "ENXIO" }, { E2BIG, "E2BIG" }, { EAGAIN, "EAGAIN" },
		{ ENOMEM, "ENOMEM" }, { EACCES, "EACCES" }, { EFAULT, "EFAULT" },
		{ EBUSY, "EBUSY" }, { EEXIST, "EEXIST" }, { ENODEV, "ENODEV" },
		{ EINVAL, "EINVAL" }, { ENOSPC, "ENOSPC" }, { ERANGE, "ERANGE" },
		{ ENOSYS, "ENOSYS" }, { EOVERFLOW, "EOVERFLOW" },
		{ EOPNOTSUPP, "EOPNOTSUPP" }, { ETIMEDOUT, "ETIMEDOUT" },
	};
	char number[24];
	size_t i;

	if (!IS_ERR(pointer)) {
		put_address(sink, spec, pointer);
		return;
	}
	snprintf(number, sizeof(number), "%ld", PTR_ERR(pointer));
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (-PTR_ERR(pointer) == known[i].number)
			snprintf(number, sizeof(number), "-%s", known[i].name);
	}
	put_string(sink, spec, number);
}

static void put_nested(struct sink *sink, const struct va_format *format)
{
	va_list again;
	size_t used = min(sink->length, sink->size);

	va_copy(again, *format->va);
	sink->length += (size_t)slabpool_kernel_format(sink->size ? sink->text + used : NULL,
						       sink->size - used, format->fmt, again);
	va_end(again);
}

static void put_pointer(struct sink *sink, const struct spec *spec, const void *pointer,
			const char *extension)
{
	static const char between[] = { 'C', ':', 'D', '-', 'N', '\0' };
	char separator = ' ';
	size_t i;

	switch (extension[0]) {
	case 'V':
		put_nested(sink, pointer);
		break;
	case 'e':
		put_error(sink, spec, pointer);
		break;
	case 'h':
		for (i = 0; i < sizeof(between); i += 2) {
			if (extension[1] == between[i])
				separator = between[i + 1];
		}
		put_bytes(sink, pointer, spec->width > 0 ? spec->width : 1, separator);
		break;
	case 'M':
		put_bytes(sink, pointer, 6, ':');
		break;
	case 'a': {
		u64 address = *(const u64 *)pointer;
		struct spec wide = { .width = 0, .precision = 16 };

		put_libc(sink, "0x%*.*llx", &wide, (unsigned long long)address);
		break;
	}
	default:
		put_address(sink, spec, pointer);
		break;
	}
}

static bool is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void convert(struct sink *sink, const char **fmt, const char *start,
		    struct arguments *args)
{
	struct spec spec;
	char one;

	read_spec(fmt, args, &spec);
	switch (spec.conversion) {
	case 'd': case 'i': case 'o': case 'u': case 'x': case 'X':
		put_number(sink, &spec, args);
		break;
	case 'c':
		one = (char)va_arg(args->list, int);
		put(sink, &one, 1);
		break;
	case 's':
		put_string(sink, &spec, va_arg(args->list, const char *));
		break;
	case 'p':
		put_pointer(sink, &spec, va_arg(args->list, const void *), *fmt);
		while (is_letter_or_digit(**fmt))
			++*fmt;
		break;
	case '%':
		put(sink, "%", 1);
		break;
	default:
		/* Unknown, as floating point is in the kernel: shown as it stands. */
		put(sink, start, (size_t)(*fmt - start));
		break;
	}
}

int slabpool_kernel_format(char *text, size_t size, const char *fmt, va_list list)
{
	struct sink sink = { .text = text, .size = size };
	struct arguments args;

	if (size > 0)
		text[0] = '\0';
	va_copy(args.list, list);
	while (*fmt) {
		size_t plain = strcspn(fmt, "%");
		const char *start = fmt + plain;

		put(&sink, fmt, plain);
		fmt = start;
		if (*fmt) {
			fmt++;
			convert(&sink, &fmt, start, &args);
		}
	}
	va_end(args.list);
	return (int)sink.length;
}

int vscnprintf(char *text, size_t size, const char *fmt, va_list args)
{
	int length = slabpool_kernel_format(text, size, fmt, args);

	if (size == 0)
		return 0;
	return (size_t)length < size ? length : (int)size - 1;
}

int scnprintf(char *text, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vscnprintf(text, size, fmt, args);
	va_end(args);
	return length;
}
