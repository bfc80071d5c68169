/* SPDX-License-Identifier: MIT */
/*
 * Kmalloc: memory of any size.
 *
 *   size      0          -> ZERO_SIZE_PTR
 *   1 .. 8192            -> the smallest of 13 size classes, each a cache
 *   .. KMALLOC_MAX_SIZE  -> a run of pages
 *   beyond (kvmalloc)    -> a run of pages of vmalloc's kind
 *
 * kfree() needs no cache: the state byte at the address says whether a run or an object of a cache
 * starts there, and the page map whose it is.
 *
 * Guarantee: ksize(kmalloc(n)) >= n; a power of two up to the arena's alignment is naturally
 * aligned; krealloc() never loses the old object when it fails.
 *
 * Locking: none here.
 */
#include "core/check.h"
#include "core/instance.h"
#include "core/kmalloc.h"
#include "core/lookup.h"
#include "core/memory.h"
#include "core/pages.h"
#include "../../proofs/logic/Classes.acsl"
#include "../../proofs/logic/Owners.acsl"

/*@ requires pool: \valid_read(pool) && event_known(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
static SLABPOOL_COLD void show(struct slabpool *pool, enum slabpool_event_kind kind,
			       const void *object, const void *result, size_t size, size_t align,
			       gfp_t gfp)
{
	struct slabpool_event event = {
		.kind = kind, .object = object, .result = result, .size = size, .align = align,
		.flags = gfp,
	};

	instance_event(pool, &event);
}

/*@ requires pool: \valid_read(pool) && event_known(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
static inline void event_object(struct slabpool *pool, enum slabpool_event_kind kind,
				const void *object, const void *result, size_t size, size_t align,
				gfp_t gfp)
{
	if (SLABPOOL_UNLIKELY(pool->event != NULL))
		show(pool, kind, object, result, size, align, gfp);
}

/* Without event and message. virt: vmalloc may serve what kmalloc cannot. */
static void *get(struct slabpool *pool, size_t size, gfp_t gfp, bool virt)
{
	if (SLABPOOL_UNLIKELY(size == 0))
		return ZERO_SIZE_PTR;
	if (SLABPOOL_LIKELY(size <= KMALLOC_MAX_CACHE_SIZE))
		return cache_alloc(&pool->kmalloc[geometry_kmalloc_class((uint32_t)size)],
				   gfp | __GFP_NOWARN);
	if (size <= KMALLOC_MAX_SIZE)
		return pages_alloc(pool, size, 1, STATE_RUN_KMALLOC, gfp);
	return virt ? pages_alloc(pool, size, 1, STATE_RUN_VMALLOC, gfp) : NULL;
}

static void *get_said(struct slabpool *pool, const char *call, size_t size, gfp_t gfp, bool virt)
{
	void *object = get(pool, size, gfp & ~__GFP_NOFAIL, virt);

	if (SLABPOOL_UNLIKELY(!object))
		check_no_memory(pool, call, NULL, size, gfp);
	event_object(pool, SLABPOOL_EVENT_KMALLOC, NULL, ZERO_OR_NULL_PTR(object) ? NULL : object,
		     size, 0, gfp);
	return object;
}

static SLABPOOL_NOINLINE void *kmalloc_slow(struct slabpool *pool, size_t size, gfp_t gfp)
{
	return get_said(pool, "kmalloc", size, gfp, false);
}

static SLABPOOL_NOINLINE void *kvmalloc_slow(struct slabpool *pool, size_t size, gfp_t gfp)
{
	return get_said(pool, "kvmalloc", size, gfp, true);
}

/* An object of a smaller size's class, if the thread's magazine has one; no event is due then, as
 * whoever observes has no magazines. */
static inline void *get_fast(struct slabpool *pool, size_t size, gfp_t gfp)
{
	const struct slabpool_hot *hot;
	struct slabpool_magazine *m;
	uint32_t count;

	if (SLABPOOL_UNLIKELY(size - 1 >= INSTANCE_CLASS_TABLE))
		return NULL;
	hot = &pool->kmalloc[pool->class_of[(size + 7) / 8]].hot;
	m = &slabpool_slot_of(hot)->loaded;
	count = m->count;
	if (SLABPOOL_UNLIKELY(count == 0 || (gfp & __GFP_ZERO) != 0))
		return NULL;
	return slabpool_hot_take(hot, m, count - 1);
}

void *slabpool_kmalloc(struct slabpool *pool, size_t size, gfp_t gfp)
{
	void *object = get_fast(pool, size, gfp);

	return SLABPOOL_LIKELY(object != NULL) ? object : kmalloc_slow(pool, size, gfp);
}

void *slabpool_kvmalloc(struct slabpool *pool, size_t size, gfp_t gfp)
{
	void *object = get_fast(pool, size, gfp);

	return SLABPOOL_LIKELY(object != NULL) ? object : kvmalloc_slow(pool, size, gfp);
}

void *slabpool_vmalloc(struct slabpool *pool, size_t size, gfp_t gfp)
{
	void *run = size ? pages_alloc(pool, size, 1, STATE_RUN_VMALLOC, gfp) : NULL;

	if (!run && size)
		check_no_memory(pool, "vmalloc", NULL, size, gfp);
	event_object(pool, SLABPOOL_EVENT_KMALLOC, NULL, run, size, 0, gfp);
	return run;
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> run_kind(state);
*/
static inline bool is_run(uint8_t state)
{
	return state >= STATE_RUN_KMALLOC && state <= STATE_RUN_VMALLOC;
}

/* The cache whose live object starts at p in this arena, or NULL. */
/*@ requires arena: arena_ready(arena) && map_known(arena);
    requires holds: arena_holds(arena, (uintptr_t)p);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures valid: \result != \null ==> \valid_read(\result);
    ensures owner: \result != \null ==> owner_of(arena, (uintptr_t)p, \result);
*/
static inline struct kmem_cache *owner_in(struct arena *arena, const void *p)
{
	uint8_t state = kmalloc_state(arena, (uintptr_t)p);
	uint32_t which;

	if (state == STATE_NONE || is_run(state))
		return NULL;
	which = lookup_slab(arena, (uintptr_t)p - arena->address);
	return which == SLAB_NO_SLAB ? NULL : arena->slab[which].owner;
}

/* The cache whose live object starts at p, or NULL. */
/*@ requires pool: \valid_read(pool) && places_ready(pool) && places_maps_known(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures valid: \result != \null ==> \valid_read(\result);
    ensures owner: \result != \null ==> owner_in_pool(pool, (uintptr_t)p, \result);
*/
static inline struct kmem_cache *cache_of(struct slabpool *pool, const void *p)
{
	struct arena *arena = instance_find(pool, p);

	return arena ? owner_in(arena, p) : NULL;
}

/* Frees whatever kmalloc, a cache or (virt) vmalloc gave; false after a report. */
static bool put(struct slabpool *pool, const char *call, const void *object, bool virt)
{
	struct kmem_cache *cache = cache_of(pool, object);
	void *p = (void *)(uintptr_t)object;

	if (SLABPOOL_LIKELY(cache != NULL))
		return cache_free(cache, p, call);
	if (pages_free(pool, object, STATE_RUN_KMALLOC))
		return true;
	if (virt && pages_free(pool, object, STATE_RUN_VMALLOC))
		return true;
	check_bad_free(pool, call, NULL, object);
	return false;
}

/* The kind of the live run that starts at p, or none. */
/*@ requires pool: \valid_read(pool) && places_ready(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures kind: \result == STATE_NONE || run_kind(\result);
    ensures ours: \result != STATE_NONE ==> held_in_pool(pool, (uintptr_t)p);
*/
static inline uint8_t run_kind_of(struct slabpool *pool, const void *p)
{
	struct arena *arena = instance_find(pool, p);
	uint8_t state = arena ? kmalloc_state(arena, (uintptr_t)p) : STATE_NONE;

	return is_run(state) ? state : STATE_NONE;
}

/* True if put() would take it: the observer must see a free before the memory is reused. */
/*@ requires pool: \valid_read(pool) && places_ready(pool) && places_maps_known(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures ours: \result ==> held_in_pool(pool, (uintptr_t)object);
*/
static bool would_take(struct slabpool *pool, const void *object, bool virt)
{
	uint8_t kind;

	if (cache_of(pool, object))
		return true;
	kind = run_kind_of(pool, object);
	return kind == STATE_RUN_KMALLOC || (virt && kind == STATE_RUN_VMALLOC);
}

static void put_said(struct slabpool *pool, const char *call, const void *object, bool virt)
{
	if (ZERO_OR_NULL_PTR(object))
		return;
	if (SLABPOOL_UNLIKELY(pool->event != NULL) && would_take(pool, object, virt))
		event_object(pool, SLABPOOL_EVENT_KFREE, object, NULL, 0, 0, 0);
	put(pool, call, object, virt);
}

static SLABPOOL_NOINLINE void kfree_slow(struct slabpool *pool, const void *object)
{
	put_said(pool, "kfree", object, false);
}

static SLABPOOL_NOINLINE void kvfree_slow(struct slabpool *pool, const void *object)
{
	put_said(pool, "kvfree", object, true);
}

void slabpool_kfree(struct slabpool *pool, const void *object)
{
	if (SLABPOOL_UNLIKELY(!kmalloc_put_fast(pool, object)))
		kfree_slow(pool, object);
}

void slabpool_kvfree(struct slabpool *pool, const void *object)
{
	if (SLABPOOL_UNLIKELY(!kmalloc_put_fast(pool, object)))
		kvfree_slow(pool, object);
}

void slabpool_vfree(struct slabpool *pool, const void *object)
{
	uint8_t kind = STATE_NONE;

	if (!object)
		return;
	if (pages_size(pool, object, &kind) == 0 || kind != STATE_RUN_VMALLOC) {
		check_bad_free(pool, "vfree", NULL, object);
		return;
	}
	event_object(pool, SLABPOOL_EVENT_KFREE, object, NULL, 0, 0, 0);
	pages_free(pool, object, STATE_RUN_VMALLOC);
}

/* Bytes of the live run that starts at p in this arena, 0 if none does. */
/*@ requires arena: arena_ready(arena);
    requires holds: arena_holds(arena, (uintptr_t)p);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bounded: \result <= arena->pages * SLABPOOL_PAGE_SIZE;
    ensures length: \result != 0 ==>
      \result == run_pages(arena, page_of(arena, (void *)p)) * SLABPOOL_PAGE_SIZE;
*/
static size_t run_bytes_in(struct arena *arena, const void *p)
{
	size_t offset = (uintptr_t)p - arena->address;
	uint32_t entry;

	if (offset % SLABPOOL_PAGE_SIZE != 0 || !is_run(kmalloc_state(arena, (uintptr_t)p)))
		return 0;
	/*@ assert inside: offset / SLABPOOL_PAGE_SIZE < arena->pages; */
	entry = slabpool_load_u32(&arena->page_map[offset / SLABPOOL_PAGE_SIZE]);
	if (entry < PAGE_RUN || entry - PAGE_RUN > arena->pages)
		return 0;
	return (size_t)(entry - PAGE_RUN) * SLABPOOL_PAGE_SIZE;
}

/* Usable bytes of a live object or run, 0 if there is none. */
/*@ requires pool: \valid_read(pool) && places_ready(pool) && places_maps_known(pool);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures ours: \result != 0 ==> held_in_pool(pool, (uintptr_t)object);
*/
static size_t usable(struct slabpool *pool, const void *object)
{
	struct arena *arena = instance_find(pool, object);
	struct kmem_cache *cache = arena ? owner_in(arena, object) : NULL;

	if (!arena)
		return 0;
	return cache ? cache->size : run_bytes_in(arena, object);
}

/*@ requires pool: \valid_read(pool) && places_ready(pool) && places_maps_known(pool) &&
      reports_known(pool);
    terminates always: \true;
    exits ended: \true;
    assigns \nothing;
    ensures none: (uintptr_t)object <= 16 ==> \result == 0;
    ensures ours: \result != 0 ==> held_in_pool(pool, (uintptr_t)object);
*/
size_t slabpool_ksize(struct slabpool *pool, const void *object)
{
	size_t size;

	if (ZERO_OR_NULL_PTR(object))
		return 0;
	size = usable(pool, object);
	if (size == 0)
		check_bad_free(pool, "ksize", NULL, object);
	return size;
}

/* Another object with the old one's contents; the old one stays. */
static void *moved(struct slabpool *pool, const void *object, size_t old_size, size_t size,
		   gfp_t gfp, bool virt)
{
	unsigned char *fresh = get(pool, size, gfp & ~(__GFP_ZERO | __GFP_NOFAIL), virt);
	size_t kept = old_size < size ? old_size : size;

	if (!fresh)
		return NULL;
	memcpy(fresh, object, kept);
	if (gfp & __GFP_ZERO)
		memset(fresh + kept, 0, usable(pool, fresh) - kept);
	return fresh;
}

/* The object itself. What it does not use now is zero if it ever grows into it again. */
/*@ requires sizes: size <= old_size;
    requires memory: \valid((char *)object + (0 .. old_size - 1));
    terminates always: \true;
    exits never: \false;
    assigns ((char *)object)[size .. old_size - 1];
    ensures same: \result == object;
    ensures zero: (gfp & __GFP_ZERO) != 0 ==>
      \forall integer k; size <= k < old_size ==> ((char *)object)[k] == 0;
*/
static void *stayed(void *object, size_t old_size, size_t size, gfp_t gfp)
{
	if (gfp & __GFP_ZERO)
		memory_zero_part(object, size, old_size);
	return object;
}

/* True if an object of these usable bytes should stay where it is for the new size. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures room: \result ==> size <= old_size;
    ensures exact: \result <==> size <= old_size &&
      (old_size <= KMALLOC_MAX_CACHE_SIZE || size > old_size / 2);
*/
static bool fits(size_t old_size, size_t size)
{
	return size <= old_size && (old_size <= KMALLOC_MAX_CACHE_SIZE || size > old_size / 2);
}

static void *resize(struct slabpool *pool, const char *call, const void *object, size_t size,
		    gfp_t gfp, bool virt)
{
	size_t old_size = usable(pool, object);
	void *fresh;

	if (old_size == 0 || !would_take(pool, object, virt)) {
		check_bad_free(pool, call, NULL, object);
		return NULL;
	}
	fresh = fits(old_size, size) ? stayed((void *)(uintptr_t)object, old_size, size, gfp)
				     : moved(pool, object, old_size, size, gfp, virt);
	event_object(pool, SLABPOOL_EVENT_KREALLOC, object, fresh, size, 0, gfp);
	if (!fresh)
		check_no_memory(pool, call, NULL, size, gfp);
	else if (fresh != object)
		put(pool, call, object, virt);
	return fresh;
}

static void *realloc_any(struct slabpool *pool, const char *call, const void *object, size_t size,
			 gfp_t gfp, bool virt)
{
	if (ZERO_OR_NULL_PTR(object))
		return get_said(pool, call, size, gfp, virt);
	if (size == 0) {
		put_said(pool, call, object, virt);
		return ZERO_SIZE_PTR;
	}
	return resize(pool, call, object, size, gfp, virt);
}

void *slabpool_krealloc(struct slabpool *pool, const void *object, size_t size, gfp_t gfp)
{
	return realloc_any(pool, "krealloc", object, size, gfp, false);
}

void *slabpool_kvrealloc(struct slabpool *pool, const void *object, size_t size, gfp_t gfp)
{
	return realloc_any(pool, "kvrealloc", object, size, gfp, true);
}

/* The class whose objects are aligned so: every class is aligned to its largest power of two. */
/*@ requires pool: \valid_read(pool) && classes_sized(pool);
    requires some: 0 < size;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures class: \result != \null ==> class_of_pool(pool, \result);
    ensures holds: \result != \null ==> \result->size >= size;
    ensures aligned: \result != \null ==> \result->geometry.align >= align;
    ensures none: \result == \null ==> no_class_fits(pool, align, size);
*/
static struct kmem_cache *class_for(struct slabpool *pool, size_t align, size_t size)
{
	size_t want = size > align ? size : align;
	uint32_t least, k;

	if (want > KMALLOC_MAX_CACHE_SIZE)
		return NULL;
	least = geometry_kmalloc_class((uint32_t)want);
	/*@ loop invariant range: least <= k <= GEOMETRY_KMALLOC_CLASSES;
	    loop invariant none: no_class_aligned(pool, least, k, align);
	    loop assigns k;
	    loop variant GEOMETRY_KMALLOC_CLASSES - k;
	*/
	for (k = least; k < GEOMETRY_KMALLOC_CLASSES; k++) {
		/*@ assert larger: kmalloc_size(least) <= kmalloc_size(k); */
		if (pool->kmalloc[k].geometry.align >= align)
			return &pool->kmalloc[k];
	}
	return NULL;
}

void *slabpool_kmemalign(struct slabpool *pool, size_t align, size_t size, gfp_t gfp)
{
	struct kmem_cache *cache;
	void *object = NULL;

	if (align == 0 || (align & (align - 1)) != 0)
		return NULL;
	cache = class_for(pool, align, size ? size : 1);
	if (cache)
		object = cache_alloc(cache, (gfp | __GFP_NOWARN) & ~__GFP_NOFAIL);
	else if (size <= SIZE_MAX / 2)
		object = pages_alloc(pool, size ? size : 1, align,
				     size <= KMALLOC_MAX_SIZE ? STATE_RUN_KMALLOC
							      : STATE_RUN_VMALLOC,
				     gfp);
	if (!object)
		check_no_memory(pool, "kmemalign", NULL, size, gfp);
	event_object(pool, SLABPOOL_EVENT_KMEMALIGN, NULL, object, size, align, gfp);
	return object;
}
