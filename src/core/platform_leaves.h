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
    assigns ((char *)address)[0 .. (how == SLABPOOL_DECOMMIT ? bytes : 0) - 1];
    ensures memory: \result == 0 && how == SLABPOOL_COMMIT ==>
      \valid((char *)address + (0 .. bytes - 1));
    ensures decommit: how == SLABPOOL_DECOMMIT ==> \result == 0;
*/
int slabpool_platform_commit(void *context, void *address, size_t bytes,
			     enum slabpool_memory how);
/*@ requires memory: \valid(lock) && (wait == \null || \valid(wait));
    terminates always: \true;
    exits never: \false;
    assigns *lock, *wait;
    ensures status: \result <= 0;
*/
int slabpool_platform_sync_init(void *context, struct slabpool_lock *lock,
				struct slabpool_wait *wait);
/*@ requires memory: \valid(lock) && (wait == \null || \valid(wait));
    terminates always: \true;
    exits never: \false;
    assigns *lock, *wait;
*/
void slabpool_platform_sync_exit(void *context, struct slabpool_lock *lock,
				 struct slabpool_wait *wait);
/*@ requires memory: \valid(lock);
    terminates always: \true;
    exits never: \false;
    assigns *lock;
*/
void slabpool_platform_lock(void *context, struct slabpool_lock *lock);
/*@ requires memory: \valid(lock);
    terminates always: \true;
    exits never: \false;
    assigns *lock;
*/
void slabpool_platform_unlock(void *context, struct slabpool_lock *lock);
/*@ requires memory: \valid(wait) && \valid(lock);
    terminates always: \true;
    exits never: \false;
    assigns *wait, *lock;
*/
void slabpool_platform_wait(void *context, struct slabpool_wait *wait, struct slabpool_lock *lock,
			    unsigned int milliseconds);
/*@ requires memory: \valid(wait);
    terminates always: \true;
    exits never: \false;
    assigns *wait;
*/
void slabpool_platform_wake(void *context, struct slabpool_wait *wait, bool all);
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures some: 0 <= \result;
*/
uint64_t slabpool_platform_clock(void *context);
/*@ requires report: \valid_read(report);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
void slabpool_platform_report(void *context, const struct slabpool_report *report);
/*@ terminates always: \true;
    exits ended: \true;
    assigns \nothing;
*/
void slabpool_platform_fatal(void *context);

/* The functions of the user's that an instance calls: to report, and to show it an event. */
/*@ requires report: \valid_read(report);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
void slabpool_user_report(void *context, const struct slabpool_report *report);
struct slabpool_event;
/*@ requires event: event != \null;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
void slabpool_user_event(void *context, const struct slabpool_event *event);

#include "../../proofs/logic/Platform.acsl"

#endif
