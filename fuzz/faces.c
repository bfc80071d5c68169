/* SPDX-License-Identifier: MIT */
#include "faces.h"

static kmem_buckets *face_buckets(void)
{
	return kmem_buckets_create("buckets", 0, 0, 0, NULL);
}

void *faces_take(unsigned int face, size_t n, size_t size, gfp_t gfp)
{
	unsigned int k = 0;

#define TAKE(name, family, adds, drops, call) \
	if (face == k++)                      \
		return call;
	FACE_TAKES(TAKE)
	return NULL;
}

void faces_give(unsigned int face, void *p, size_t size)
{
	unsigned int k = 0;

#define GIVE(name, how, call) \
	if (face == k++)      \
		call;
	FACE_GIVES(GIVE)
}

void *faces_alloc(unsigned int face, struct kmem_cache *cache, gfp_t gfp)
{
	unsigned int k = 0;

#define ALLOC(name, adds, call) \
	if (face == k++)        \
		return call;
	FACE_ALLOCS(ALLOC)
	return NULL;
}

void faces_free(unsigned int face, struct kmem_cache *cache, void *object)
{
	unsigned int k = 0;

#define FREE(name, call) \
	if (face == k++) \
		call;
	FACE_FREES(FREE)
}

void *faces_pages(unsigned int face, unsigned int order, gfp_t gfp)
{
	struct page *page = NULL;
	unsigned int k = 0;

#define PAGES(name, most, adds, call) \
	if (face == k++)              \
		page = call;
	FACE_PAGES(PAGES)
	return page_address(page);
}

void faces_unpages(unsigned int face, void *address, unsigned int order)
{
	struct page *page = address;
	unsigned int k = 0;

#define UNPAGES(name, most, call) \
	if (face == k++)          \
		call;
	FACE_UNPAGES(UNPAGES)
}

void *faces_resize(unsigned int face, void *p, size_t n, size_t size, gfp_t gfp)
{
	unsigned int k = 0;

#define RESIZE(name, call) \
	if (face == k++)   \
		return call;
	FACE_RESIZES(RESIZE)
	return NULL;
}
