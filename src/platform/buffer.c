/* SPDX-License-Identifier: MIT */
/*
 * A platform over a buffer of the caller: no system beneath, no threads, no clock, no waiting.
 *
 *	memory                        used              bytes
 *	| piece | piece |   piece     |  never given out |
 *
 * reserve() cuts the next piece off, aligned; unreserve() takes the last piece back, leaves others
 * where they are, and takes all back when none is left. A piece is zeroed when it is cut and again
 * when its contents are dropped, so what is committed for the first time reads as zero, whatever
 * the buffer held. Nothing more is asked of it: all of the buffer is always readable and writable.
 *
 * Reports go line by line to the function that slabpool_bare_output() was given.
 */
#include "core/memory.h"
#include "platform/error.h"
#include <slabpool/slabpool.h>

static void (*output_line)(const char *text);
static void (*output_fatal)(void);

static void *buffer_reserve(void *context, size_t bytes, size_t align)
{
	struct slabpool_buffer *buffer = (struct slabpool_buffer *)context;
	uintptr_t next = (uintptr_t)buffer->memory + buffer->used;
	size_t pad = (size_t)(-next & (align - 1)), room = buffer->bytes - buffer->used;
	unsigned char *piece;

	if (bytes == 0 || pad > room || bytes > room - pad)
		return NULL;
	piece = buffer->memory + buffer->used + pad;
	buffer->used += pad + bytes;
	buffer->pieces++;
	memset(piece, 0, bytes);
	return piece;
}

static void buffer_unreserve(void *context, void *address, size_t bytes)
{
	struct slabpool_buffer *buffer = (struct slabpool_buffer *)context;
	unsigned char *piece = (unsigned char *)address;

	if (piece + bytes == buffer->memory + buffer->used)
		buffer->used = (size_t)(piece - buffer->memory);
	buffer->pieces--;
	if (buffer->pieces == 0)
		buffer->used = 0;
}

static int buffer_commit(void *context, void *address, size_t bytes, enum slabpool_memory how)
{
	struct slabpool_buffer *buffer = (struct slabpool_buffer *)context;
	uintptr_t offset = (uintptr_t)address - (uintptr_t)buffer->memory;

	if (offset > buffer->used || bytes > buffer->used - offset)
		return -ENOMEM;
	if (how == SLABPOOL_DECOMMIT)
		memset(address, 0, bytes);
	return how == SLABPOOL_DISCARD ? -EOPNOTSUPP : 0;
}

static int buffer_sync_init(void *context, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	(void)context;
	(void)lock;
	(void)wait;
	return 0;
}

static void buffer_sync_exit(void *context, struct slabpool_lock *lock, struct slabpool_wait *wait)
{
	(void)context;
	(void)lock;
	(void)wait;
}

static void buffer_lock(void *context, struct slabpool_lock *lock)
{
	(void)context;
	(void)lock;
}

static void buffer_report(void *context, const struct slabpool_report *report)
{
	char line[256];

	(void)context;
	if (!output_line)
		return;
	slabpool_report_line(report, line, sizeof(line));
	output_line(line);
}

SLABPOOL_NORETURN static void buffer_fatal(void *context)
{
	(void)context;
	if (output_fatal)
		output_fatal();
	__builtin_trap();
}

void slabpool_bare_output(void (*line)(const char *text), void (*fatal)(void))
{
	output_line = line;
	output_fatal = fatal;
}

void slabpool_platform_buffer(struct slabpool_platform *platform, struct slabpool_buffer *state,
			      void *memory, size_t bytes)
{
	static const struct slabpool_platform standard = {
		.reserve = buffer_reserve,
		.unreserve = buffer_unreserve,
		.commit = buffer_commit,
		.sync_init = buffer_sync_init,
		.sync_exit = buffer_sync_exit,
		.lock = buffer_lock,
		.unlock = buffer_lock,
		.report = buffer_report,
		.fatal = buffer_fatal,
	};

	state->memory = (unsigned char *)memory;
	state->bytes = bytes;
	state->used = 0;
	state->pieces = 0;
	*platform = standard;
	platform->context = state;
}
