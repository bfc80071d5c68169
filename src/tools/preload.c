/* SPDX-License-Identifier: MIT */
/*
 * libslabpool-preload.so: libc's malloc family over kmalloc, for programs that know nothing of
 * slabpool.
 *
 *	LD_PRELOAD=libslabpool-preload.so sqlite3 ...
 *
 * The library stands alone (no libslabpool.so, and its own names are hidden) and replaces the
 * whole family, so that no pointer of another malloc ever comes in:
 *
 *	malloc calloc realloc reallocarray      -> a cache for each size class (size_class.h);
 *	memalign aligned_alloc posix_memalign      beyond the largest, slabpool_kvmalloc,
 *	valloc pvalloc                             slabpool_kvrealloc and slabpool_kmemalign
 *	free                                    -> slabpool_kvfree
 *	malloc_usable_size                      -> slabpool_ksize
 *
 * Kmalloc's own classes are a doubling apart for the most part, and programs hold objects of
 * any size: a quarter of the memory would be rounding. A class's cache is made when it is first
 * needed. While calls are recorded there are none, so that the recording has the sizes asked for;
 * neither is there a second try for a class whose cache cannot be made.
 *
 * What is freed is kept sparingly at first (heap_configure()). A class whose slabs keep coming and
 * going doubles retain_kib; a run that is asked for again and again after one as long was given
 * back raises idle_kib to two of them. A buffer that grows by small steps gets address space for
 * the next ones.
 *
 * Guarantee, as glibc's: p = malloc(n) is NULL with errno ENOMEM, or a pointer that no other live
 * one equals, also for n = 0, and
 *
 *	malloc_usable_size(p) >= n  &&  p % 8 == 0  &&  (n >= 16 ==> p % 16 == 0)
 *
 * An object of fewer than 16 bytes cannot need an alignment of 16. free() leaves errno alone. A
 * pointer that does not come from here, or was freed before, is a caller's crime: one line, then
 * abort (SLABPOOL_OPTIONS=misuse=1 goes on).
 *
 * The beginning of a process: the first call makes the default instance, which may itself call
 * malloc (pthread_atfork does, say). Such calls of the thread that is at it are served from a
 * small static buffer, whose objects are never reused:
 *
 *	heap NULL, starting false   first call: makes the instance
 *	heap NULL, starting true    the first call is under way in this thread: early buffer
 *	heap set                    for ever after
 *
 * Fork is the platform layer's matter; nothing here has a lock.
 */
#define _GNU_SOURCE
#include "core/kmalloc.h"
#include "core/pages.h"
#include "tools/size_class.h"
#include <slabpool/inline.h>
#include <slabpool/slabpool.h>

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not every C library declares it. */
void *pvalloc(size_t size);

/* What libc's malloc promises beyond any size; smaller objects need less. */
#define MALLOC_ALIGN 16u
#define EARLY_BYTES 65536u
/* realloc() to less never moves so small an object. */
#define STAY_BYTES 64u
#define MAGAZINE_KIB 128u
#define DEPOT_KIB 64u
#define RETAIN_KIB 64u
#define IDLE_KIB 512u
/* Up to what they are raised, and by what: so many slabs of a class were given back and made again
 * since the last look, or so many runs asked for that one given back could have been. */
#define RETAIN_MOST_KIB 16384u
#define IDLE_MOST_KIB 65536u
#define SLABS_MISSED 128u
#define RUNS_MISSED 8u
#define REFILLS_A_LOOK 64u
#define GFP_MALLOC (GFP_KERNEL | __GFP_NOWARN)

/* The largest alignment of an object that lies in a class. */
#define CLASS_ALIGN 4096u

static struct slabpool *heap;
/* The classes' caches, NULL until they are made; and those that cannot be. */
static struct kmem_cache *class[SIZE_CLASSES];
static uint8_t class_refused[SIZE_CLASSES];
/* What is learned. Threads may lose each other's steps: it is a guess anyway. */
static uint32_t class_refills[SIZE_CLASSES];
static uint32_t class_released[SIZE_CLASSES]; /* slabs, at the last lesson */
static size_t run_gone;                       /* the longest run that did not stay idle */
static uint32_t runs_missed;
static SLABPOOL_THREAD_LOCAL bool starting;

/* An early object's size stands before it. */
static struct early {
	size_t used;
	SLABPOOL_ALIGNED(16) unsigned char bytes[EARLY_BYTES];
} early;

/* Most programs are small: what is free goes back sooner than by the library's own options.
 * SLABPOOL_OPTIONS comes on top. */
static void heap_configure(void)
{
	struct slabpool_options options;

	slabpool_options_init(&options);
	options.magazine_kib = MAGAZINE_KIB;
	options.depot_kib = DEPOT_KIB;
	options.retain_kib = RETAIN_KIB;
	options.idle_kib = IDLE_KIB;
	slabpool_configure(&options);
}

static SLABPOOL_COLD struct slabpool *heap_start(void)
{
	struct slabpool *pool = NULL;

	if (!starting) {
		starting = true;
		heap_configure();
		pool = slabpool_default();
		starting = false;
		__atomic_store_n(&heap, pool, __ATOMIC_RELEASE);
	}
	return pool;
}

/* NULL while the instance is being made, or if it cannot be made. */
static inline struct slabpool *heap_get(void)
{
	struct slabpool *pool = __atomic_load_n(&heap, __ATOMIC_ACQUIRE);

	return SLABPOOL_LIKELY(pool != NULL) ? pool : heap_start();
}

static inline bool is_early(const void *p)
{
	return (uintptr_t)p - (uintptr_t)early.bytes < EARLY_BYTES;
}

static size_t early_size(const void *p)
{
	size_t size;

	memcpy(&size, (const unsigned char *)p - MALLOC_ALIGN, sizeof(size));
	return size;
}

/* Zeroed memory, or NULL. The buffer's start is aligned to 16 only, so padding pays for more. */
static SLABPOOL_COLD void *early_alloc(size_t align, size_t size)
{
	size_t need, at;
	unsigned char *p;

	if (!starting || size > EARLY_BYTES || align > EARLY_BYTES) {
		errno = ENOMEM;
		return NULL;
	}
	need = ((size + MALLOC_ALIGN - 1) & ~(size_t)(MALLOC_ALIGN - 1)) + MALLOC_ALIGN + align;
	at = __atomic_fetch_add(&early.used, need, __ATOMIC_RELAXED);
	if (at > EARLY_BYTES || need > EARLY_BYTES - at) {
		errno = ENOMEM;
		return NULL;
	}
	p = early.bytes + at + MALLOC_ALIGN;
	p += -(uintptr_t)p & (align - 1);
	memcpy(p - MALLOC_ALIGN, &size, sizeof(size));
	return p;
}

/* Every class is aligned to the largest power of two that divides it, up to a page. */
static struct kmem_cache *class_new(struct slabpool *pool, uint32_t bytes)
{
	static const char prefix[] = "malloc-";
	char name[sizeof(prefix) + 10], *at = name + sizeof(name) - 1;
	uint32_t rest, align = bytes & -bytes;
	struct kmem_cache_args args = { .align = align < CLASS_ALIGN ? align : CLASS_ALIGN };

	*at = 0;
	for (rest = bytes; rest > 0; rest /= 10)
		*--at = (char)('0' + rest % 10);
	at -= sizeof(prefix) - 1;
	memcpy(at, prefix, sizeof(prefix) - 1);
	return slabpool_cache_create(pool, at, bytes, &args, SLAB_NO_MERGE);
}

/* The cache of a class, made if need be; NULL if kmalloc has to serve. Of two threads that make it
 * in the same instant one gives its own back. */
static SLABPOOL_COLD struct kmem_cache *class_get(struct slabpool *pool, uint32_t c)
{
	struct kmem_cache *cache = __atomic_load_n(&class[c], __ATOMIC_ACQUIRE), *mine;

	if (cache || pool->event || slabpool_load_u8(&class_refused[c]))
		return cache;
	mine = class_new(pool, size_class_bytes(c));
	if (!mine) {
		slabpool_store_u8(&class_refused[c], 1);
		return NULL;
	}
	if (__atomic_compare_exchange_n(&class[c], &cache, mine, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return mine;
	slabpool_cache_destroy(mine);
	return cache;
}

/* Raises an option; one that the environment set below its start value stays. */
static void option_raise(uint32_t *option, unsigned int start, unsigned int kib,
			 unsigned int most)
{
	unsigned int now = slabpool_load_u32(option);

	kib = kib < most ? kib : most;
	if (now >= start && now < kib)
		slabpool_store_u32(option, kib);
}

/* After a class's magazine was empty: a class whose slabs come and go should keep more of them. */
static void class_learn(struct slabpool *pool, struct kmem_cache *cache, uint32_t c)
{
	uint32_t refills = slabpool_load_u32(&class_refills[c]) + 1;
	struct slabpool_cache_info info;
	uint32_t releases;

	slabpool_store_u32(&class_refills[c], refills);
	if (refills % REFILLS_A_LOOK != 0)
		return;
	slabpool_cache_info(cache, &info);
	releases = (uint32_t)info.releases;
	if (releases - slabpool_load_u32(&class_released[c]) < SLABS_MISSED)
		return;
	slabpool_store_u32(&class_released[c], releases);
	option_raise(&pool->retain_kib, RETAIN_KIB,
		     slabpool_load_u32(&pool->retain_kib) * 2, RETAIN_MOST_KIB);
}

/* Before a run is freed. */
static void run_note(struct slabpool *pool, const void *p)
{
	uint8_t kind;
	size_t bytes = pages_size(pool, p, &kind);

	if (bytes / 1024 > slabpool_load_u32(&pool->idle_kib) &&
	    bytes > slabpool_load_size(&run_gone))
		slabpool_store_size(&run_gone, bytes);
}

/* Before a run is made: one like it may have been given back in vain. */
static void run_learn(struct slabpool *pool, size_t size)
{
	uint32_t missed = slabpool_load_u32(&runs_missed) + 1;
	size_t kib = size / 1024;

	if (size > slabpool_load_size(&run_gone) ||
	    kib <= slabpool_load_u32(&pool->idle_kib))
		return;
	slabpool_store_u32(&runs_missed, missed);
	if (missed % RUNS_MISSED != 0)
		return;
	option_raise(&pool->idle_kib, IDLE_KIB,
		     kib < IDLE_MOST_KIB / 2 ? (unsigned int)kib * 2 : IDLE_MOST_KIB,
		     IDLE_MOST_KIB);
}

/* Whatever malloc cannot do by a cache that is there. */
static SLABPOOL_NOINLINE void *allocate_slow(size_t size, gfp_t gfp)
{
	struct slabpool *pool = heap_get();
	struct kmem_cache *cache = NULL;
	void *p;

	if (SLABPOOL_UNLIKELY(!pool))
		return early_alloc(MALLOC_ALIGN, size);
	size = size ? size : 1;
	if (size <= SIZE_CLASS_LARGEST)
		cache = class_get(pool, size_class_of(size));
	else
		run_learn(pool, size);
	if (cache)
		class_learn(pool, cache, size_class_of(size));
	p = cache ? slabpool_alloc_slow(cache, gfp) : slabpool_kvmalloc(pool, size, gfp);
	if (!p)
		errno = ENOMEM;
	return p;
}

static inline void *allocate(size_t size)
{
	const struct slabpool_hot *hot;
	const struct kmem_cache *cache;
	struct slabpool_magazine *m;
	uint32_t count;

	if (SLABPOOL_UNLIKELY(size - 1 >= SIZE_CLASS_LARGEST))
		return allocate_slow(size, GFP_MALLOC);
	cache = __atomic_load_n(&class[size_class_of(size)], __ATOMIC_ACQUIRE);
	if (SLABPOOL_UNLIKELY(!cache))
		return allocate_slow(size, GFP_MALLOC);
	hot = &cache->hot;
	m = &slabpool_slot_of(hot)->loaded;
	count = m->count;
	if (SLABPOOL_UNLIKELY(count == 0))
		return allocate_slow(size, GFP_MALLOC);
	return slabpool_hot_take(hot, m, count - 1);
}

/* align: a power of two. A class holds multiples of align if it holds one at all, and then begins
 * at one: see size_class.h. */
static void *allocate_aligned(size_t align, size_t size)
{
	struct slabpool *pool = heap_get();
	size_t rounded = size ? (size + align - 1) & ~(align - 1) : align;
	void *p;

	if (!pool)
		return early_alloc(align < MALLOC_ALIGN ? MALLOC_ALIGN : align, size);
	if (align <= MALLOC_ALIGN)
		return allocate(size > MALLOC_ALIGN ? size : MALLOC_ALIGN);
	if (align <= CLASS_ALIGN && size <= SIZE_CLASS_LARGEST && rounded <= SIZE_CLASS_LARGEST &&
	    class_get(pool, size_class_of(rounded)))
		return allocate(rounded);
	p = slabpool_kmemalign(pool, align, size ? size : 1, GFP_MALLOC);
	if (!p)
		errno = ENOMEM;
	return p;
}

static inline bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

SLABPOOL_API void *malloc(size_t size)
{
	return allocate(size);
}

static SLABPOOL_NOINLINE void free_slow(void *p)
{
	struct slabpool *pool;
	int saved = errno;

	if (p && !is_early(p)) {
		pool = heap_get();
		run_note(pool, p);
		slabpool_kvfree(pool, p);
	}
	errno = saved;
}

SLABPOOL_API void free(void *p)
{
	struct slabpool *pool = __atomic_load_n(&heap, __ATOMIC_ACQUIRE);

	if (SLABPOOL_UNLIKELY(!pool || !kmalloc_put_fast(pool, p)))
		free_slow(p);
}

SLABPOOL_API void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	if (SLABPOOL_UNLIKELY(bytes > SIZE_CLASS_LARGEST))
		return allocate_slow(bytes, GFP_MALLOC | __GFP_ZERO);
	p = allocate(bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

static SLABPOOL_COLD void *early_move(const void *p, size_t size)
{
	size_t old = early_size(p);
	void *to = allocate(size);

	if (to)
		memcpy(to, p, old < size ? old : size);
	return to;
}

/* True if an object of these usable bytes should stay where it is for the new size: a smaller
 * object is not worth the copy until it leaves more than half unused. */
static inline bool fits(size_t old, size_t size)
{
	return size <= old && (size > old / 2 || old <= STAY_BYTES);
}

/* Between classes, or between a class and a run. */
static void *move(void *p, size_t old, size_t size)
{
	void *to = allocate(size);

	if (!to)
		return size <= old ? p : NULL;
	memcpy(to, p, old < size ? old : size);
	free(p);
	return to;
}

/* A run that grows by small steps is made longer than asked, so that most steps stay where they
 * are. What is not written takes address space only. */
static size_t room_for(size_t old, size_t size)
{
	return size > old && size - old < old / 2 && size <= SIZE_MAX / 2 ? size / 4 * 3 : 0;
}

static void *resize(struct slabpool *pool, void *p, size_t size)
{
	size_t old = slabpool_ksize(pool, p), room = room_for(old, size);
	void *to;

	if (SLABPOOL_UNLIKELY(old == 0))
		return NULL;
	if (SLABPOOL_LIKELY(!pool->event)) {
		if (fits(old, size))
			return p;
		if (old <= SIZE_CLASS_LARGEST || size <= SIZE_CLASS_LARGEST)
			return move(p, old, size);
	}
	to = NULL;
	if (!pool->event && room)
		to = slabpool_kvrealloc(pool, p, size + room, GFP_MALLOC);
	if (!to)
		to = slabpool_kvrealloc(pool, p, size, GFP_MALLOC);
	if (!to)
		errno = ENOMEM;
	return to;
}

SLABPOOL_API void *realloc(void *p, size_t size)
{
	if (!p)
		return malloc(size);
	if (!size) {
		free(p);
		return NULL;
	}
	return SLABPOOL_UNLIKELY(is_early(p)) ? early_move(p, size)
					      : resize(heap_get(), p, size);
}

SLABPOOL_API void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, bytes);
}

/* As glibc: an alignment that is no power of two is rounded up to one. */
SLABPOOL_API void *memalign(size_t align, size_t size)
{
	size_t power = MALLOC_ALIGN;

	if (align > SIZE_MAX / 2 + 1) {
		errno = EINVAL;
		return NULL;
	}
	while (power < align)
		power *= 2;
	return allocate_aligned(power, size);
}

SLABPOOL_API void *aligned_alloc(size_t align, size_t size)
{
	if (!is_power_of_two(align)) {
		errno = EINVAL;
		return NULL;
	}
	return allocate_aligned(align, size);
}

SLABPOOL_API int posix_memalign(void **to, size_t align, size_t size)
{
	int saved = errno;
	void *p;

	if (!is_power_of_two(align) || align % sizeof(void *) != 0)
		return EINVAL;
	p = allocate_aligned(align, size);
	errno = saved;
	if (!p)
		return ENOMEM;
	*to = p;
	return 0;
}

SLABPOOL_API void *valloc(size_t size)
{
	return allocate_aligned((size_t)sysconf(_SC_PAGESIZE), size);
}

SLABPOOL_API void *pvalloc(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (size > SIZE_MAX - page) {
		errno = ENOMEM;
		return NULL;
	}
	return allocate_aligned(page, size ? (size + page - 1) & ~(page - 1) : page);
}

SLABPOOL_API size_t malloc_usable_size(void *p)
{
	if (!p)
		return 0;
	return SLABPOOL_UNLIKELY(is_early(p)) ? early_size(p) : slabpool_ksize(heap_get(), p);
}
