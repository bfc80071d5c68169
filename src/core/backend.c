/* SPDX-License-Identifier: MIT */
/*
 * Backend: what a mempool takes from the layers below. Each function here is a few lines that the
 * prover cannot look into (a cast between types of memory, the platform's lock), so that its
 * contract in mempool.h is taken as given (proofs/SOUNDNESS.md).
 */
#include "core/mempool.h"
#include <slabpool/slabpool.h>

void *backend_alloc(struct mempool *m, gfp_t gfp)
{
	size_t data = (size_t)(uintptr_t)m->pool_data;

	if (m->alloc == mempool_kmalloc)
		return slabpool_kmalloc(m->pool, data, gfp);
	if (m->alloc == mempool_kvmalloc)
		return slabpool_kvmalloc(m->pool, data, gfp);
	return slabpool_alloc_pages(m->pool, gfp, (unsigned int)data);
}

void backend_free(struct mempool *m, void *element)
{
	size_t data = (size_t)(uintptr_t)m->pool_data;

	if (m->alloc == mempool_kmalloc)
		slabpool_kfree(m->pool, element);
	else if (m->alloc == mempool_kvmalloc)
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

void reserve_lock(struct mempool *m)
{
	sync_lock(m->pool, &m->lock);
}

void reserve_unlock(struct mempool *m)
{
	sync_unlock(m->pool, &m->lock);
}
