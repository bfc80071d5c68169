/* SPDX-License-Identifier: MIT */
/*
 * Backend: what a mempool takes from its own instance. The prover cannot look into these: all of
 * the allocator is behind them, whose memory a mempool's proof does not speak of, and an array is a
 * cast between types of memory. Their contracts in mempool.h are taken as given
 * (proofs/SOUNDNESS.md).
 */
#include "core/mempool.h"
#include <slabpool/slabpool.h>

void *backend_alloc(struct mempool *m, gfp_t gfp)
{
	size_t data = (size_t)(uintptr_t)m->pool_data;

	if (m->source == BACKEND_KMALLOC)
		return slabpool_kmalloc(m->pool, data, gfp);
	if (m->source == BACKEND_KVMALLOC)
		return slabpool_kvmalloc(m->pool, data, gfp);
	return slabpool_alloc_pages(m->pool, gfp, (unsigned int)data);
}

void backend_free(struct mempool *m, void *element)
{
	size_t data = (size_t)(uintptr_t)m->pool_data;

	if (m->source == BACKEND_KMALLOC)
		slabpool_kfree(m->pool, element);
	else if (m->source == BACKEND_KVMALLOC)
		slabpool_kvfree(m->pool, element);
	else
		slabpool_free_pages(m->pool, element, (unsigned int)data);
}

void **backend_array_new(struct mempool *m, int count)
{
	if ((size_t)count > SIZE_MAX / sizeof(void *))
		return NULL;
	return slabpool_kvmalloc(m->pool, (size_t)count * sizeof(void *),
				 GFP_KERNEL | __GFP_NOWARN);
}

void backend_array_free(struct mempool *m, void **array)
{
	slabpool_kvfree(m->pool, array);
}
