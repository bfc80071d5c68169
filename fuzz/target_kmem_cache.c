/* SPDX-License-Identifier: MIT */
/* Targets kmem_cache and kmalloc: their tables, and the end of a program. */
#include "calls.h"
#include "default.h"
#include "rest.h"
#include "targets.h"

/* New operations go to the end: what was assembled keeps its meaning. */
static const struct fuzz_op *const kmem_cache_ops[] = {
	&op_cache_create, &op_cache_alloc, &op_cache_free, &op_cache_alloc_many, &op_free_many,
	&op_cache_alloc_bulk, &op_cache_free_bulk, &op_cache_destroy, &op_cache_shrink,
	&op_cache_free_to, &op_free_inside, &op_free_foreign, &op_cache_create_args,
	&op_cache_tune, &op_tune_line, &op_thread, &op_thread_exit, &op_thread_flush, &op_clock,
	&op_reap, &op_check, &op_show, &op_write, &op_fault, &op_kfree, &op_kmalloc,
	&op_fork, &op_damage, &op_crowd, &op_odd, &op_object_take,
	&op_object_give, &op_give,
	&op_create_by, &op_without, &op_sheaf_prefill, &op_sheaf_refill, &op_sheaf_from,
	&op_sheaf_return, &op_dump, &op_reopen,
	&op_faults,
	&op_stray, &op_doubt, &op_riddle, &op_fork_inside, &op_damage_more, &op_clock_far,
};

const struct fuzz_target fuzz_target_kmem_cache = {
	.name = "kmem_cache",
	.instance = &op_instance,
	.ops = kmem_cache_ops,
	.op_count = sizeof(kmem_cache_ops) / sizeof(kmem_cache_ops[0]),
	.old_op_count = 30u,
	.end = end_of_program,
};

static const struct fuzz_op *const kmalloc_ops[] = {
	&op_kmalloc, &op_kfree, &op_krealloc, &op_kmemalign, &op_kmalloc_many, &op_free_many,
	&op_kvmalloc, &op_kvfree, &op_kvrealloc, &op_vmalloc, &op_vfree, &op_alloc_pages,
	&op_free_pages, &op_free_inside, &op_free_foreign, &op_size_roundup, &op_cache_free_bulk,
	&op_thread, &op_thread_exit, &op_thread_flush, &op_clock, &op_reap, &op_check, &op_show,
	&op_write, &op_fault, &op_tune_line, &op_fork, &op_odd,
	&op_take, &op_give, &op_resize_by, &op_pages_take, &op_pages_give, &op_dump,
	&op_dump_foreign, &op_options, &op_constants, &op_layout, &op_reopen,
	&op_faults,
	&op_riddle, &op_reopen_large,
};

const struct fuzz_target fuzz_target_kmalloc = {
	.name = "kmalloc",
	.instance = &op_instance,
	.ops = kmalloc_ops,
	.op_count = sizeof(kmalloc_ops) / sizeof(kmalloc_ops[0]),
	.old_op_count = 29u,
	.end = end_of_program,
};

const struct fuzz_target *const fuzz_targets[] = {
	&fuzz_target_kmem_cache,
	&fuzz_target_mempool,
	&fuzz_target_kmalloc,
	&fuzz_target_geometry,
	&fuzz_target_misuse,
	&fuzz_target_threads,
	NULL,
};

static int nothing_left(struct kmem_cache *cache, void *context)
{
	const struct fuzz_adapter *a = fuzz_world.a;
	struct slabpool_cache_info info;

	(void)context;
	a->cache_info(cache, &info);
	if (info.total_objects || info.slabs)
		fuzz_fail("left over", "%s has %zu slabs and %zu objects, %zu of them in use",
			  info.name, info.slabs, info.total_objects, info.active_objects);
	return 0;
}

static void destroy_caches(struct world *w)
{
	while (w->crowd_count)
		w->a->cache_destroy(w->crowd[--w->crowd_count]);
	for (uint32_t i = 0; i < w->cache_count; i++) {
		struct wcache *c = &w->cache[i];

		if (!c->live)
			continue;
		w->a->cache_destroy(w->cache[c->same_as].k);
		world_between(w);
		w->cache[c->same_as].users--;
		c->live = false;
	}
}

void end_of_program(struct world *w)
{
	struct slabpool_memory_info memory;

	if (!w->clean_end)
		return;
	sheaves_return(w);
	for (uint32_t i = 0; i < w->object_count; i++)
		if (fuzz_objects[i].live)
			give_back_live(w, i);
	stats_check_all(w, "statistics");
	for (unsigned int t = 0; t < FUZZ_THREADS && (w->a->caps & CAP_THREADS); t++) {
		void *record = fuzz_platform.record[t];

		/* As in run_thread_exit(): the platform forgets before it calls. */
		default_thread(t);
		fuzz_platform.record[t] = NULL;
		if (record)
			w->a->thread_exit(w->pool, record);
	}
	destroy_caches(w);
	if (!(w->a->caps & CAP_STATS))
		return;
	w->a->reap(w->pool);
	w->a->for_each_cache(w->pool, nothing_left, NULL);
	rest_check_end(w);
	w->a->memory_info(w->pool, &memory);
	if (memory.runs || memory.idle || memory.reclaimable)
		fuzz_fail("left over", "%zu bytes in runs, %zu idle, %zu reclaimable", memory.runs,
			  memory.idle, memory.reclaimable);
}
