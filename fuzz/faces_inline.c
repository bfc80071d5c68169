/* SPDX-License-Identifier: MIT */
/* A caller that has the fast path compiled in. */
#define SLABPOOL_INLINE
#include "faces.h"

void *face_inline_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	return kmem_cache_alloc(cache, gfp);
}

void face_inline_free(struct kmem_cache *cache, void *object)
{
	kmem_cache_free(cache, object);
}
