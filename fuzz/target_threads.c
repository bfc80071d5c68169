/* SPDX-License-Identifier: MIT */
/*
 * Target threads: what one thread after another does, and between that, stretches in which two to
 * four of them work at once (calls_overlap.c), on one instance.
 */
#include "calls.h"
#include "targets.h"

/* New operations go to the end: what was assembled keeps its meaning. */
static const struct fuzz_op *const threads_ops[] = {
	&op_cache_create, &op_overlap, &op_cache_alloc_many, &op_free_many, &op_free_at_once,
	&op_thread, &op_thread_exit, &op_thread_flush, &op_cache_shrink, &op_cache_tune,
	&op_cache_destroy, &op_cache_alloc, &op_cache_free, &op_cache_free_to, &op_reap, &op_clock,
	&op_check, &op_write, &op_kmalloc, &op_kfree, &op_faults, &op_crowd, &op_show,
};

const struct fuzz_target fuzz_target_threads = {
	.name = "threads",
	.instance = &op_instance,
	.ops = threads_ops,
	.op_count = sizeof(threads_ops) / sizeof(threads_ops[0]),
	.end = end_of_program,
};
