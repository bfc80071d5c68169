/* SPDX-License-Identifier: MIT */
/* A malloc family that has no memory: under it no program may pass test_preload.py. */
#include <errno.h>
#include <stddef.h>

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);

void *malloc(size_t size)
{
	errno = ENOMEM;
	return NULL;
}

void *calloc(size_t n, size_t size)
{
	return malloc(size);
}

void *realloc(void *p, size_t size)
{
	return malloc(size);
}

void free(void *p)
{
}
