/* SPDX-License-Identifier: MIT */
/* Caches by every name and macro that makes one, and calls without a cache. */
#include "calls.h"

#include <string.h>

/* The macros name the cache after the struct. */
struct plain {
	uint64_t head;
	unsigned char text[40];
};

enum creator { CREATE_FIVE, CREATE_ARGS, CREATE_DEFAULT, CREATE_USERCOPY, CREATE_MACRO_ARGS,
	       CREATE_MACRO_FIVE, CREATE_MACRO_NULL, CREATE_STRUCT, CREATE_STRUCT_USERCOPY };
static const struct fuzz_word creator_words[] = {
	{ "five-arguments", "0", CREATE_FIVE },
	{ "args", "1", CREATE_ARGS },
	{ "no-args", "2", CREATE_DEFAULT },
	{ "usercopy", "3", CREATE_USERCOPY },
	{ "macro-args", "4", CREATE_MACRO_ARGS },
	{ "macro-five", "5", CREATE_MACRO_FIVE },
	{ "macro-null", "6", CREATE_MACRO_NULL },
	{ "KMEM_CACHE", "7", CREATE_STRUCT },
	{ "KMEM_CACHE_USERCOPY", "8", CREATE_STRUCT_USERCOPY },
	{ NULL, NULL, 0 },
};
/* Flags that kmem_cache_create() of the other operation does not have. */
static const struct fuzz_word more_flag_words[] = {
	{ "RED_ZONE", "SLAB_RED_ZONE", SLAB_RED_ZONE },
	{ "STORE_USER", "SLAB_STORE_USER", SLAB_STORE_USER },
	{ "TRACE", "SLAB_TRACE", SLAB_TRACE },
	{ "CACHE_DMA", "SLAB_CACHE_DMA", SLAB_CACHE_DMA },
	{ "MEM_SPREAD", "SLAB_MEM_SPREAD", SLAB_MEM_SPREAD },
	{ "ACCOUNT", "SLAB_ACCOUNT", SLAB_ACCOUNT },
	{ "DEBUG_OBJECTS", "SLAB_DEBUG_OBJECTS", SLAB_DEBUG_OBJECTS },
	{ "NO_USER_FLAGS", "SLAB_NO_USER_FLAGS", SLAB_NO_USER_FLAGS },
	{ NULL, NULL, 0 },
};
#define FLAGS_ARG 7
#define CREATOR_ARG 8

static struct kmem_cache *by_name(struct world *w, const struct fuzz_call *call, const char *name,
				  const struct kmem_cache_args *args, uint32_t flags)
{
	struct kmem_cache_args own = *args, *null = NULL;
	unsigned int size = call->arg[0];

	(void)w;
	for (unsigned int i = 0; more_flag_words[i].word; i++)
		if (call->arg[FLAGS_ARG] & (1u << i))
			flags |= more_flag_words[i].value;
	switch ((enum creator)creator_words[call->arg[CREATOR_ARG]].value) {
	case CREATE_FIVE:
		return __kmem_cache_create(name, size, own.align, flags, own.ctor);
	case CREATE_ARGS:
		return __kmem_cache_create_args(name, size, &own, flags);
	case CREATE_DEFAULT:
		return __kmem_cache_default_args(name, size, NULL, flags);
	case CREATE_USERCOPY:
		return kmem_cache_create_usercopy(name, size, own.align, flags, own.useroffset,
						  own.usersize, own.ctor);
	case CREATE_MACRO_ARGS:
		return kmem_cache_create(name, size, &own, flags);
	case CREATE_MACRO_FIVE:
		return kmem_cache_create(name, size, own.align, flags, own.ctor);
	case CREATE_MACRO_NULL:
		return kmem_cache_create(name, size, null, flags);
	case CREATE_STRUCT:
		return KMEM_CACHE(plain, flags);
	default:
		return KMEM_CACHE_USERCOPY(plain, flags, text);
	}
}

static void run_create_by(struct world *w, const struct fuzz_call *call)
{
	enum creator creator = (enum creator)creator_words[call->arg[CREATOR_ARG]].value;
	bool none = creator == CREATE_DEFAULT || creator == CREATE_MACRO_NULL;
	bool usercopy = creator == CREATE_ARGS || creator == CREATE_USERCOPY ||
			creator == CREATE_MACRO_ARGS;
	struct fuzz_call same = *call;
	struct kmem_cache_args args = {
		.align = none ? 0 : cache_align_words[call->arg[1]].value,
		.ctor = !none && call->arg[3] ? model_ctor : NULL,
		.useroffset = usercopy ? call->arg[5] : 0,
		.usersize = usercopy ? call->arg[6] : 0,
	};
	struct slabpool_cache_info info;

	if (!(w->a->caps & CAP_FACES)) {
		w->cache[call->first] = (struct wcache){ .same_as = call->first };
		w->cache_count = call->first + 1;
		return;
	}
	if (creator >= CREATE_STRUCT) {
		same.arg[0] = sizeof(struct plain);
		same.arg[4] = 0;
		args = (struct kmem_cache_args){ .align = SLABPOOL_ALIGNOF(struct plain) };
	}
	cache_create_by(w, &same, by_name, &args);
	if (!w->cache[call->first].live || w->cache[call->first].same_as != call->first)
		return;
	w->a->cache_info(w->cache[call->first].k, &info);
	if (creator == CREATE_STRUCT_USERCOPY)
		args.useroffset = offsetof(struct plain, text), args.usersize = 40;
	if (info.useroffset != args.useroffset || info.usersize != args.usersize)
		fuzz_fail("result", "usercopy of %u bytes at %u, asked for were %u at %u",
			  info.usersize, info.useroffset, args.usersize, args.useroffset);
}

const struct fuzz_op op_create_by = {
	"create_cache", FUZZ_MAKES_CACHE, -1, run_create_by,
	"create_by($r, $8, $4, $0, $1, ($2) | ($7), $3 ? ctor : NULL, $5, $6)",
	{ CACHE_ARGS, ARG_NUMBER("useroffset", 0, 255, 0), ARG_NUMBER("usersize", 0, 255, 0),
	  ARG_BITS("more", more_flag_words), ARG_CHOICE("by", creator_words) },
};

/* Another thread makes a cache while one that is destroyed waits for its readers. */
void cache_meanwhile(struct world *w)
{
	static const struct kmem_cache_args args;
	struct kmem_cache *cache;

	if (!(w->a->caps & CAP_FACES) || !w->pool)
		return;
	cache = w->a->cache_create(w->pool, "meanwhile", 64, &args, 0);
	world_drop(w, KIND(BAD_ARGUMENT));
	if (cache)
		w->a->cache_destroy(cache);
}

/* --- without a cache, where that is survived --- */

enum without { NO_SHRINK, NO_STRUCT };
static const struct fuzz_word without_words[] = {
	{ "kmem_cache_shrink", "0", NO_SHRINK },
	{ "kmem_cache_create", "0", NO_STRUCT },
	{ NULL, NULL, 0 },
};

static void run_without(struct world *w, const struct fuzz_call *call)
{
	static uint64_t place;

	if (!(w->a->caps & CAP_FACES))
		return;
	world_act(w);
	if (without_words[call->arg[0]].value == NO_STRUCT) {
		if (kmem_cache_create("plain", 64, (void *)&place, 0) != (void *)(intptr_t)-22)
			fuzz_fail("result", "a third argument that is no struct is taken");
		world_expect(w, KIND(BAD_ARGUMENT), NULL);
		return;
	}
	world_crime(w, KIND(BAD_CACHE), NULL);
	if (kmem_cache_shrink(NULL))
		fuzz_fail("result", "no cache holds slabs");
	world_crime_done(w);
}

const struct fuzz_op op_without = {
	"no_cache", FUZZ_MAKES_NOTHING, -1, run_without, "/* no_cache: internal */",
	{ ARG_CHOICE("call", without_words) },
};
