/* SPDX-License-Identifier: MIT */
/*
 * The Linux names by shape: calls that do the same by several names are rows of one list, and an
 * operation picks the row. They act on the default instance, which is the one under test.
 */
#ifndef FUZZ_FACES_H
#define FUZZ_FACES_H

#include <slabpool/slabpool.h>

/* X(name, family, adds, drops, call): memory of n objects of size bytes, with gfp. What a call does
 * to the caller's gfp: it drops these flags, then adds those. */
#define ALL_FLAGS (~(gfp_t)0)
#define FACE_TAKES(X)                                                                             \
	X(kmalloc, KMALLOC, 0, 0, kmalloc(n *size, gfp))                                          \
	X(kzalloc, KMALLOC, __GFP_ZERO, 0, kzalloc(n *size, gfp))                                 \
	X(kmalloc_node, KMALLOC, 0, 0, kmalloc_node(n *size, gfp, 1))                             \
	X(kzalloc_node, KMALLOC, __GFP_ZERO, 0, kzalloc_node(n *size, gfp, -1))                   \
	X(kmalloc_array, KMALLOC, 0, 0, kmalloc_array(n, size, gfp))                              \
	X(kcalloc, KMALLOC, __GFP_ZERO, 0, kcalloc(n, size, gfp))                                 \
	X(kmalloc_array_node, KMALLOC, 0, 0, kmalloc_array_node(n, size, gfp, 0))                 \
	X(kcalloc_node, KMALLOC, __GFP_ZERO, 0, kcalloc_node(n, size, gfp, 0))                    \
	X(kmalloc_track_caller, KMALLOC, 0, 0, kmalloc_track_caller(n *size, gfp))                \
	X(kmalloc_node_track_caller, KMALLOC, 0, 0,                                               \
	  kmalloc_node_track_caller(n *size, gfp, 0))                                             \
	X(kmalloc_nolock, KMALLOC, __GFP_NOWARN, __GFP_RECLAIM, kmalloc_nolock(n *size, gfp, 0))  \
	X(kmem_buckets_alloc, KMALLOC, 0, 0, kmem_buckets_alloc(face_buckets(), n *size, gfp))    \
	X(kmem_buckets_alloc_track_caller, KMALLOC, 0, 0,                                         \
	  kmem_buckets_alloc_track_caller(face_buckets(), n *size, gfp))                          \
	X(kmem_buckets_valloc, KVMALLOC, 0, 0, kmem_buckets_valloc(face_buckets(), n *size, gfp)) \
	X(mempool_kmalloc, KMALLOC, 0, 0, mempool_kmalloc(gfp, (void *)(n * size)))               \
	X(mempool_kvmalloc, KVMALLOC, 0, 0, mempool_kvmalloc(gfp, (void *)(n * size)))            \
	X(kmalloc_objs, KMALLOC, 0, 0, kmalloc_objs(struct face_object, n, gfp))                  \
	X(kzalloc_objs, KMALLOC, __GFP_ZERO, 0, kzalloc_objs(struct face_object, n, gfp))         \
	X(kvmalloc_objs, KVMALLOC, 0, 0, kvmalloc_objs(struct face_object, n, gfp))               \
	X(kvzalloc_objs, KVMALLOC, __GFP_ZERO, 0, kvzalloc_objs(struct face_object, n, gfp))      \
	X(kmalloc_obj, KMALLOC, 0, 0, kmalloc_obj(struct face_object, gfp))                       \
	X(kzalloc_obj, KMALLOC, GFP_KERNEL | __GFP_ZERO, ALL_FLAGS,                               \
	  kzalloc_obj(struct face_object))                                                        \
	X(kvmalloc_obj, KVMALLOC, GFP_KERNEL, ALL_FLAGS, kvmalloc_obj(struct face_object))        \
	X(kvzalloc_obj, KVMALLOC, __GFP_ZERO, 0, kvzalloc_obj(struct face_object, gfp))           \
	X(kvmalloc, KVMALLOC, 0, 0, kvmalloc(n *size, gfp))                                       \
	X(kvzalloc, KVMALLOC, __GFP_ZERO, 0, kvzalloc(n *size, gfp))                              \
	X(kvmalloc_node, KVMALLOC, 0, 0, kvmalloc_node(n *size, gfp, 0))                          \
	X(kvzalloc_node, KVMALLOC, __GFP_ZERO, 0, kvzalloc_node(n *size, gfp, 0))                 \
	X(kvmalloc_array, KVMALLOC, 0, 0, kvmalloc_array(n, size, gfp))                           \
	X(kvcalloc, KVMALLOC, __GFP_ZERO, 0, kvcalloc(n, size, gfp))                              \
	X(vmalloc, VMALLOC, GFP_KERNEL, ALL_FLAGS, vmalloc(n *size))                              \
	X(vzalloc, VMALLOC, GFP_KERNEL | __GFP_ZERO, ALL_FLAGS, vzalloc(n *size))                 \
	X(__vmalloc, VMALLOC, 0, 0, __vmalloc(n *size, gfp))                                      \
	X(vmalloc_node, VMALLOC, GFP_KERNEL, ALL_FLAGS, vmalloc_node(n *size, 0))                 \
	X(vzalloc_node, VMALLOC, GFP_KERNEL | __GFP_ZERO, ALL_FLAGS, vzalloc_node(n *size, 0))    \
	X(vmalloc_array, VMALLOC, GFP_KERNEL, ALL_FLAGS, vmalloc_array(n, size))                  \
	X(vcalloc, VMALLOC, GFP_KERNEL | __GFP_ZERO, ALL_FLAGS, vcalloc(n, size))

/* X(name, how, call): gives back p, of size bytes. */
#define FACE_GIVES(X)                                                                             \
	X(kfree, KFREE, kfree(p))                                                                 \
	X(kfree_const, KFREE, kfree_const(p))                                                     \
	X(kfree_sensitive, KFREE, kfree_sensitive(p))                                             \
	X(kzfree, KFREE, kzfree(p))                                                               \
	X(kvfree_sensitive, KVFREE, kvfree_sensitive(p, size))                                    \
	X(kfree_nolock, KFREE, kfree_nolock(p))                                                   \
	X(kvfree, KVFREE, kvfree(p))                                                              \
	X(vfree, VFREE, vfree(p))                                                                 \
	X(kfree_bulk, KFREE, kfree_bulk(1, &p))                                                   \
	X(mempool_kfree, KFREE, mempool_kfree(p, NULL))                                           \
	X(mempool_kvfree, KVFREE, mempool_kvfree(p, NULL))

/* X(name, adds, call): one object of a cache. */
#define FACE_ALLOCS(X)                                                                            \
	X(kmem_cache_alloc, 0, kmem_cache_alloc(cache, gfp))                                      \
	X(kmem_cache_alloc_node, 0, kmem_cache_alloc_node(cache, gfp, 1))                         \
	X(kmem_cache_alloc_lru, 0, kmem_cache_alloc_lru(cache, NULL, gfp))                        \
	X(kmem_cache_zalloc, __GFP_ZERO, kmem_cache_zalloc(cache, gfp))                           \
	X(mempool_alloc_slab, 0, mempool_alloc_slab(gfp, cache))                                  \
	X(slabpool_inline_alloc, 0, face_inline_alloc(cache, gfp))

/* X(name, call): gives an object back to its cache. */
#define FACE_FREES(X)                                                                             \
	X(kmem_cache_free, kmem_cache_free(cache, object))                                        \
	X(mempool_free_slab, mempool_free_slab(object, cache))                                    \
	X(slabpool_inline_free, face_inline_free(cache, object))

/* X(name, most, adds, call): pages of an order, at most this one. */
#define FACE_PAGES(X)                                                                             \
	X(alloc_pages, 11, 0, alloc_pages(gfp, order))                                            \
	X(alloc_pages_node, 11, 0, alloc_pages_node(0, gfp, order))                               \
	X(alloc_page, 0, 0, alloc_page(gfp))                                                      \
	X(__get_free_pages, 11, 0, (struct page *)__get_free_pages(gfp, order))                   \
	X(__get_free_page, 0, 0, (struct page *)__get_free_page(gfp))                             \
	X(get_zeroed_page, 0, __GFP_ZERO, (struct page *)get_zeroed_page(gfp))                    \
	X(mempool_alloc_pages, 11, 0, mempool_alloc_pages(gfp, (void *)(uintptr_t)order))

/* X(name, most, call): gives pages back. */
#define FACE_UNPAGES(X)                                                                           \
	X(__free_pages, 11, __free_pages(page, order))                                            \
	X(free_pages, 11, free_pages((unsigned long)page, order))                                 \
	X(__free_page, 0, __free_page(page))                                                      \
	X(free_page, 0, free_page((unsigned long)page))                                           \
	X(mempool_free_pages, 11, mempool_free_pages(page, (void *)(uintptr_t)order))

/* X(name, call): p resized to n * size bytes. */
#define FACE_RESIZES(X)                                                                           \
	X(krealloc, krealloc(p, n *size, gfp))                                                    \
	X(krealloc_array, krealloc_array(p, n, size, gfp))                                        \
	X(kvrealloc, kvrealloc(p, n *size, gfp))                                                  \
	X(__krealloc, __krealloc(p, n *size, gfp))

struct face_object {
	uint64_t numbers[5];
};

void *faces_take(unsigned int face, size_t n, size_t size, gfp_t gfp);
void faces_give(unsigned int face, void *p, size_t size);
void *faces_alloc(unsigned int face, struct kmem_cache *cache, gfp_t gfp);
void faces_free(unsigned int face, struct kmem_cache *cache, void *object);
void *faces_pages(unsigned int face, unsigned int order, gfp_t gfp);
void faces_unpages(unsigned int face, void *page, unsigned int order);
void *faces_resize(unsigned int face, void *p, size_t n, size_t size, gfp_t gfp);

/* Planted bugs: planted_faces.c. */
struct fuzz_adapter;
void plant_wrapping_array(struct fuzz_adapter *adapter);
void plant_dirty_face(struct fuzz_adapter *adapter);
void plant_careless_give(struct fuzz_adapter *adapter);
void plant_short_resize(struct fuzz_adapter *adapter);
void plant_short_sheaf(struct fuzz_adapter *adapter);
void plant_zeroless_face(struct fuzz_adapter *adapter);
void plant_shifted_pages(struct fuzz_adapter *adapter);
void plant_silent_dump(struct fuzz_adapter *adapter);
void plant_believing_reserve(struct fuzz_adapter *adapter);

/* Compiled with SLABPOOL_INLINE. */
void *face_inline_alloc(struct kmem_cache *cache, gfp_t gfp);
void face_inline_free(struct kmem_cache *cache, void *object);

#endif
