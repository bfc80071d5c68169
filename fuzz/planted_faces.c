/* SPDX-License-Identifier: MIT */
/* Bugs in what the Linux names do beyond the calls that they lead to: see planted.c. */
#include "adapter.h"
#include "faces.h"

#include <string.h>

#define REAL fuzz_adapter_slabpool

/* kmalloc_array() that multiplies and hopes. */
static void *wrapping_take(unsigned int face, size_t n, size_t size, gfp_t gfp)
{
	return REAL.face_take(face, 1, n * size, gfp);
}

/* kzalloc(), kcalloc() and the like that leave what was there. */
static void *dirty_take(unsigned int face, size_t n, size_t size, gfp_t gfp)
{
	unsigned char *p = REAL.face_take(face, n, size, gfp);

	if (!ZERO_OR_NULL_PTR(p))
		p[0] = 0x5a;
	return p;
}

/* kfree_sensitive() as kfree(). */
static void careless_give(unsigned int face, void *p, size_t size)
{
	unsigned int k = 0, sensitive = 0;

#define IS_SENSITIVE(name, how, call) sensitive |= face == k++ && strstr(#name, "sensitive");
	FACE_GIVES(IS_SENSITIVE)
	if (sensitive)
		REAL.kvfree(slabpool_default(), p);
	else
		REAL.face_give(face, p, size);
}

static void *short_resize(unsigned int face, void *p, size_t n, size_t size, gfp_t gfp)
{
	return REAL.face_resize(face, p, n > 1 ? n - 1 : n, size, gfp);
}

static struct slab_sheaf *short_prefill(struct kmem_cache *cache, gfp_t gfp, unsigned int size)
{
	return REAL.sheaf_prefill(cache, gfp, size ? size - 1 : 0);
}

static void *zeroless_alloc(unsigned int face, struct kmem_cache *cache, gfp_t gfp)
{
	(void)face;
	return REAL.cache_alloc(cache, gfp);
}

static void *shifted_pages(unsigned int face, unsigned int order, gfp_t gfp)
{
	char *p = REAL.face_pages(face, order, gfp);

	return p && order ? p + PAGE_SIZE : p;
}

static void silent_dump(void *object)
{
	(void)object;
}

static bool believing_valid(const mempool_t *mempool)
{
	(void)mempool;
	return true;
}

#define PLANT(name, field, bug)                     \
	void name(struct fuzz_adapter *adapter)     \
	{                                           \
		adapter->field = bug;               \
	}
PLANT(plant_wrapping_array, face_take, wrapping_take)
PLANT(plant_dirty_face, face_take, dirty_take)
PLANT(plant_careless_give, face_give, careless_give)
PLANT(plant_short_resize, face_resize, short_resize)
PLANT(plant_short_sheaf, sheaf_prefill, short_prefill)
PLANT(plant_zeroless_face, face_alloc, zeroless_alloc)
PLANT(plant_shifted_pages, face_pages, shifted_pages)
PLANT(plant_silent_dump, dump_obj, silent_dump)
PLANT(plant_believing_reserve, pool_is_valid, believing_valid)
