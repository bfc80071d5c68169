/* SPDX-License-Identifier: MIT */
/* Planted bugs that stand in files of their own; planted.c has the list. */
#ifndef FUZZ_PLANTED_H
#define FUZZ_PLANTED_H

#include "adapter.h"

/* planted_misuse.c */
void plant_trace_left(struct fuzz_adapter *a);
void plant_wrong_owner(struct fuzz_adapter *a);
void plant_wrong_line(struct fuzz_adapter *a);
void plant_report_locked(struct fuzz_adapter *a);
void plant_reported_twice(struct fuzz_adapter *a);
void plant_ignored_reported(struct fuzz_adapter *a);
void plant_abort_ignored(struct fuzz_adapter *a);
void plant_useless_after_crime(struct fuzz_adapter *a);
void plant_refusal_observed(struct fuzz_adapter *a);
void plant_destroyed_unnoticed(struct fuzz_adapter *a);
void plant_free_list_inside(struct fuzz_adapter *a);
void plant_bad_element_unnoticed(struct fuzz_adapter *a);
void plant_misuse_reset(void);
/* planted_faults.c: replay alone must not find them, a sweep must */
void plant_fault_in_making(struct fuzz_adapter *a);
void plant_fault_on_fault(struct fuzz_adapter *a);

/* planted_steps.c */
void plant_event_wrong(struct fuzz_adapter *a);
void plant_magazines_flushed(struct fuzz_adapter *a);
void plant_kept_too_much(struct fuzz_adapter *a);
void plant_colourless(struct fuzz_adapter *a);
void plant_store_left(struct fuzz_adapter *a);
void plant_tag_left(struct fuzz_adapter *a);
void plant_kmalloc_flagless(struct fuzz_adapter *a);
void plant_tables_kept(struct fuzz_adapter *a);
void plant_generous_class(struct fuzz_adapter *a);
void plant_gfp_forgotten(struct fuzz_adapter *a);
void plant_steps_reset(void);
/* planted_threads.c */
void plant_lock_left_out(struct fuzz_adapter *a);
void plant_object_for_two(struct fuzz_adapter *a);
void plant_lost_at_once(struct fuzz_adapter *a);
void plant_free_at_once_unnoticed(struct fuzz_adapter *a);
void plant_threads_reset(void);

#endif
