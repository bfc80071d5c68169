/* SPDX-License-Identifier: MIT */
/*
 * What the proof takes for granted of a platform (slabpool/platform.h). These functions are
 * declared and never called: each stands for whatever function a platform has in its place.
 */
#ifndef SLABPOOL_CORE_PLATFORM_LEAVES_H
#define SLABPOOL_CORE_PLATFORM_LEAVES_H

#include <slabpool/platform.h>

/*@ requires size: bytes > 0 && align > 0;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures aligned: \result != \null ==> (uintptr_t)\result % align == 0;
    ensures fits: \result != \null ==> (uintptr_t)\result + bytes <= UINTPTR_MAX;
*/
void *slabpool_platform_reserve(void *context, size_t bytes, size_t align);
/*@ requires some: address != \null;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
void slabpool_platform_unreserve(void *context, void *address, size_t bytes);
/* Contents go when memory is taken away. What is discarded reads as zero before and after, or is
 * written before it is read. */
/*@ requires how: how == SLABPOOL_COMMIT || how == SLABPOOL_DECOMMIT || how == SLABPOOL_DISCARD;
    terminates always: \true;
    exits never: \false;
    assigns ((unsigned char *)address)[0 .. (how == SLABPOOL_DECOMMIT ? bytes : 0) - 1];
    ensures memory: \result == 0 && how == SLABPOOL_COMMIT ==>
      \valid((unsigned char *)address + (0 .. bytes - 1));
    ensures decommit: how == SLABPOOL_DECOMMIT ==> \result == 0;
*/
int slabpool_platform_commit(void *context, void *address, size_t bytes,
			     enum slabpool_memory how);

#endif
