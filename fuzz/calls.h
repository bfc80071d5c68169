/* SPDX-License-Identifier: MIT */
/* Operations and words that several targets share. */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include "world.h"

extern const struct fuzz_word gfp_words[];
#define ARG_GFP { "gfp", FUZZ_CHOICE, 0, 7, 0, gfp_words }
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
/* crimes.c: what the report about refusing p to this call must be, name by name and to the letter.
 * Between world_crime() and the call. */
void crime_foretell(struct world *w, enum how how, uint32_t by, const void *p);
/* The same for a call that is named; cache: by its handle, or FUZZ_NONE. */
void crime_foretell_call(struct world *w, const char *call, uint32_t cache, const void *p);
/* The same for a call on a destroyed cache. */
void crime_foretell_dead(struct world *w, const char *call, struct kmem_cache *cache);
/* A destroyed cache's handle whose descriptor was not taken by another cache since. */
bool is_dead(const struct world *w, uint32_t handle);
/* The cache that a handle really is, if it can be used; FUZZ_NONE otherwise. */
uint32_t usable_cache(const struct world *w, uint32_t handle);
/* One allocation from a cache, entered into the model. */
void alloc_one(struct world *w, uint32_t cache, gfp_t gfp, uint32_t handle);

/* What an allocation gave, and what of: checked against the model and entered. */
void kmalloc_came(struct world *w, void *p, size_t size, gfp_t gfp, uint32_t handle, bool virt);
void vmalloc_came(struct world *w, void *p, size_t size, gfp_t gfp, uint32_t handle);
void pages_came(struct world *w, void *p, unsigned int order, gfp_t gfp, uint32_t handle);
/* The live object old was resized and is p; the outcome goes to the handle fresh. */
void realloc_came(struct world *w, void *p, uint32_t old, size_t size, gfp_t gfp, uint32_t fresh,
		  bool virt);
/*
 * Creates a cache by some call. The operation's first arguments are CACHE_ARGS; what else there is
 * stands in args.
 */
typedef struct kmem_cache *(cache_maker)(struct world *w, const struct fuzz_call *call,
					 const char *name, const struct kmem_cache_args *args,
					 uint32_t flags);
void cache_create_by(struct world *w, const struct fuzz_call *call, cache_maker *maker,
		     const struct kmem_cache_args *args);
extern const struct fuzz_word cache_flag_words[], cache_align_words[], cache_name_words[];
#define CACHE_ARGS                                                                              \
	ARG_NUMBER("size", 0, 0x400001u, 64), ARG_CHOICE("align", cache_align_words),           \
	ARG_BITS("flags", cache_flag_words), ARG_NUMBER("ctor", 0, 1, 0),                       \
	ARG_CHOICE("name", cache_name_words)

/* The observer was shown an allocation of p from a cache, and nothing else. */
void alloc_shown(const struct world *w, uint32_t root, const void *p, gfp_t gfp);
/* An allocation from a cache gave p. */
void object_came(struct world *w, uint32_t root, void *p, gfp_t gfp, uint32_t handle);

/* Misuse, threads, time and checks: the operations of calls_common.c. */
extern const struct fuzz_op op_free_inside, op_free_foreign, op_thread, op_thread_exit,
	op_thread_flush, op_clock, op_reap, op_check, op_show, op_write, op_fault,
	op_faults;
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
/* Crimes that know where things are: calls_crimes.c. */
extern const struct fuzz_op op_free_again, op_free_never, op_free_part, op_dead, op_bulk_with,
	op_scribble, op_element_bad;
/* Several threads at once: calls_overlap.c. */
extern const struct fuzz_op op_overlap, op_free_at_once;
/* Mempools: target_mempool.c. */
extern const struct fuzz_op op_pool_create, op_pool_alloc, op_pool_free, op_pool_resize,
	op_pool_destroy;

/* The Linux names: calls_faces.c. */
extern const struct fuzz_op op_take, op_give, op_object_take, op_object_give, op_pages_take,
	op_pages_give, op_resize_by;
/* Caches by every name: calls_create.c. */
extern const struct fuzz_op op_create_by, op_without;
void cache_meanwhile(struct world *w);
/* Sheaves: calls_sheaf.c. */
extern const struct fuzz_op op_sheaf_prefill, op_sheaf_refill, op_sheaf_from, op_sheaf_return;
void sheaves_reset(void);
/* True if there is one: its memory and its objects are allocated, and the model does not know
 * where they are. */
bool sheaves_there(void);
void sheaves_return(struct world *w);
/* Options, platforms, descriptions: calls_setup.c. */
extern const struct fuzz_op op_options, op_second, op_constants, op_layout, op_dump,
	op_dump_foreign, op_reopen, op_reopen_large, op_clock_far;
/* Overwritten memory: calls_damage.c. */
extern const struct fuzz_op op_stray, op_doubt, op_riddle, op_fork_inside, op_damage_more;

/* At the end of a program: frees all, destroys all caches, and looks at what is left. */
void end_of_program(struct world *w);
/* The same for programs with mempools. */
void end_with_pools(struct world *w);

#endif
