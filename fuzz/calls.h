/* SPDX-License-Identifier: MIT */
/* Operations and words that several targets share. */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include "world.h"

extern const struct fuzz_word gfp_words[];
#define ARG_GFP { "gfp", FUZZ_CHOICE, 0, 0, 0, gfp_words }
#define ARG_OBJECT { "object", FUZZ_OBJECT, 0, 0, 0, NULL }
#define ARG_CACHE { "cache", FUZZ_CACHE, 0, 0, 0, NULL }
#define ARG_POOL { "pool", FUZZ_POOL, 0, 0, 0, NULL }
#define ARG_NUMBER(name, low, high, standard) { name, FUZZ_NUMBER, low, high, standard, NULL }
#define ARG_CHOICE(name, words) { name, FUZZ_CHOICE, 0, 0, 0, words }
#define ARG_BITS(name, words) { name, FUZZ_BITS, 0, 0, 0, words }

static inline gfp_t gfp_of(const struct fuzz_call *call, unsigned int arg)
{
	return gfp_words[call->arg[arg]].value;
}

/* How an address is given back. */
enum how { HOW_CACHE, HOW_KFREE, HOW_VFREE, HOW_KVFREE, HOW_PAGES };

/*
 * Gives an address back, as the model says: a legal free, a no-op, or a crime that must be
 * reported. by: the cache for HOW_CACHE, the order for HOW_PAGES. handle: whose address it was,
 * or FUZZ_NONE.
 */
void give_back(struct world *w, enum how how, uint32_t by, void *p, uint32_t handle);
/* Frees a live object in the way that fits it. */
void give_back_live(struct world *w, uint32_t handle);
/* The cache that a handle really is, if it can be used; FUZZ_NONE otherwise. */
uint32_t usable_cache(const struct world *w, uint32_t handle);
/* One allocation from a cache, entered into the model. */
void alloc_one(struct world *w, uint32_t cache, gfp_t gfp, uint32_t handle);

/* Misuse, threads, time and checks: the operations of calls_common.c. */
extern const struct fuzz_op op_free_inside, op_free_foreign, op_thread, op_thread_exit,
	op_thread_flush, op_clock, op_reap, op_check, op_show, op_write, op_fault;
/* What ordinary calls do not reach: calls_inside.c. */
extern const struct fuzz_op op_fork, op_damage, op_crowd, op_odd, op_slab;
/* kmem_cache_*: calls_cache.c. */
extern const struct fuzz_op op_cache_create, op_cache_create_args, op_cache_destroy,
	op_cache_shrink, op_cache_alloc, op_cache_free, op_cache_free_to, op_cache_alloc_bulk,
	op_cache_free_bulk, op_cache_alloc_many, op_free_many, op_cache_tune, op_tune_line;
/* kmalloc and pages: calls_kmalloc.c. */
extern const struct fuzz_op op_kmalloc, op_kfree, op_krealloc, op_kmemalign, op_kmalloc_many,
	op_kvmalloc, op_kvfree, op_kvrealloc, op_vmalloc, op_vfree, op_alloc_pages,
	op_free_pages, op_size_roundup;

/* At the end of a program: frees all, destroys all caches, and looks at what is left. */
void end_of_program(struct world *w);

#endif
