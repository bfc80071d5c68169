/* SPDX-License-Identifier: MIT */
/* What the core uses of libc. On bare metal the program brings these functions, and there need not
 * be a <string.h>. */
#ifndef SLABPOOL_CORE_MEMORY_H
#define SLABPOOL_CORE_MEMORY_H

#if defined(SLABPOOL_BARE)
#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *memory, int byte, size_t bytes);
#else
#include <string.h>
#endif

#include <slabpool/compiler.h>

/* Typed forms, which the prover understands and compilers make memset() and memcpy() of. */
/*@ requires memory: \valid(to + (0 .. bytes - 1));
    terminates always: \true;
    exits never: \false;
    assigns to[0 .. bytes - 1];
    ensures zero: \forall integer k; 0 <= k < bytes ==> to[k] == 0;
*/
static inline SLABPOOL_NO_UBSAN void memory_clear(unsigned char *to, size_t bytes)
{
	/*@ loop invariant range: 0 <= i <= bytes;
	    loop invariant zero: \forall integer k; 0 <= k < i ==> to[k] == 0;
	    loop assigns i, to[0 .. bytes - 1];
	    loop variant bytes - i;
	*/
	for (size_t i = 0; i < bytes; i++)
		to[i] = 0;
}

/* The same of a part of an object, whatever it is, and of all of it. */
/*@ requires range: from <= to;
    requires memory: \valid((char *)memory + (from .. to - 1));
    terminates always: \true;
    exits never: \false;
    assigns ((char *)memory)[from .. to - 1];
    ensures zero: \forall integer k; from <= k < to ==> ((char *)memory)[k] == 0;
*/
static inline SLABPOOL_NO_UBSAN void memory_zero_part(void *memory, size_t from, size_t to)
{
	char *bytes = memory;

	/*@ loop invariant range: from <= i <= to;
	    loop invariant zero: \forall integer k; from <= k < i ==> bytes[k] == 0;
	    loop assigns i, bytes[from .. to - 1];
	    loop variant to - i;
	*/
	for (size_t i = from; i < to; i++)
		bytes[i] = 0;
}

/*@ requires memory: \valid((char *)memory + (0 .. bytes - 1));
    terminates always: \true;
    exits never: \false;
    assigns ((char *)memory)[0 .. bytes - 1];
    ensures zero: \forall integer k; 0 <= k < bytes ==> ((char *)memory)[k] == 0;
*/
static inline void memory_zero(void *memory, size_t bytes)
{
	memory_zero_part(memory, 0, bytes);
}

#endif
