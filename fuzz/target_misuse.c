/* SPDX-License-Identifier: MIT */
/*
 * Target misuse: each crime in each place, under each reaction. Every report is compared to the
 * letter, not a byte of what is committed may change, and in the end every cache still serves.
 */
#include "calls.h"
#include "pools.h"
#include "targets.h"

/* New operations go to the end: an input's meaning must not change. */
static const struct fuzz_op *const misuse_ops[] = {
	&op_cache_create, &op_cache_alloc, &op_cache_free, &op_cache_alloc_many, &op_free_many,
	&op_free_again, &op_free_part, &op_free_never, &op_cache_free_to, &op_dead, &op_bulk_with,
	&op_scribble, &op_cache_destroy, &op_cache_shrink, &op_thread, &op_thread_flush,
	&op_thread_exit, &op_cache_tune, &op_kmalloc, &op_kfree, &op_vmalloc, &op_vfree,
	&op_alloc_pages, &op_free_pages, &op_kvfree, &op_krealloc, &op_kvrealloc, &op_free_foreign,
	&op_free_inside, &op_pool_create, &op_pool_alloc, &op_pool_free, &op_pool_resize,
	&op_pool_destroy, &op_element_bad, &op_cache_alloc_bulk, &op_cache_free_bulk, &op_crowd,
	&op_odd, &op_reap, &op_clock, &op_write, &op_check, &op_fork, &op_fault,
	&op_faults,
};

/* Objects that a cache gives once more at the end, as far as there are handles. */
#define ONCE_MORE 40u

static void use_all(struct world *w)
{
	uint32_t handle = w->object_count;

	for (uint32_t i = 0; i < w->cache_count; i++) {
		if (w->cache[i].same_as != i || !w->cache[i].users)
			continue;
		for (uint32_t k = 0; k < ONCE_MORE && handle < FUZZ_MAX_OBJECTS; k++) {
			model_new(w, handle, FAMILY_CACHE, 0, NULL, 0, 1, 0);
			alloc_one(w, i, GFP_NOWAIT | __GFP_NOWARN, handle++);
		}
	}
	world_check(w);
}

static void end(struct world *w)
{
	use_all(w);
	end_with_pools(w);
}

const struct fuzz_target fuzz_target_misuse = {
	.name = "misuse",
	.instance = &op_instance,
	.ops = misuse_ops,
	.op_count = sizeof(misuse_ops) / sizeof(misuse_ops[0]),
	.strict = true,
	.begin = pools_reset,
	.end = end,
};
