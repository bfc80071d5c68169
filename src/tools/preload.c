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
 *	malloc calloc realloc reallocarray      -> slabpool_kvmalloc, slabpool_kvrealloc
 *	memalign aligned_alloc posix_memalign
 *	valloc pvalloc                          -> slabpool_kmemalign
 *	free                                    -> slabpool_kvfree
 *	malloc_usable_size                      -> slabpool_ksize
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
#define GFP_MALLOC (GFP_KERNEL | __GFP_NOWARN)

static struct slabpool *heap;
static SLABPOOL_THREAD_LOCAL bool starting;

/* An early object's size stands before it. */
static struct early {
	size_t used;
	SLABPOOL_ALIGNED(16) unsigned char bytes[EARLY_BYTES];
} early;

static SLABPOOL_COLD struct slabpool *heap_start(void)
{
	struct slabpool *pool = NULL;

	if (!starting) {
		starting = true;
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

static inline void *allocate(size_t size, gfp_t gfp)
{
	struct slabpool *pool = heap_get();
	void *p;

	if (SLABPOOL_UNLIKELY(!pool))
		return early_alloc(MALLOC_ALIGN, size);
	p = slabpool_kvmalloc(pool, size ? size : 1, gfp);
	if (SLABPOOL_UNLIKELY(!p))
		errno = ENOMEM;
	return p;
}

/* align: a power of two. */
static void *allocate_aligned(size_t align, size_t size)
{
	struct slabpool *pool = heap_get();
	void *p;

	if (!pool)
		return early_alloc(align < MALLOC_ALIGN ? MALLOC_ALIGN : align, size);
	p = slabpool_kmemalign(pool, align < MALLOC_ALIGN ? MALLOC_ALIGN : align,
			       size ? size : 1, GFP_MALLOC);
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
	return allocate(size, GFP_MALLOC);
}

SLABPOOL_API void free(void *p)
{
	int saved;

	if (!p || SLABPOOL_UNLIKELY(is_early(p)))
		return;
	saved = errno;
	slabpool_kvfree(heap_get(), p);
	errno = saved;
}

SLABPOOL_API void *calloc(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return allocate(bytes, GFP_MALLOC | __GFP_ZERO);
}

static SLABPOOL_COLD void *early_move(const void *p, size_t size)
{
	size_t old = early_size(p);
	void *to = allocate(size, GFP_MALLOC);

	if (to)
		memcpy(to, p, old < size ? old : size);
	return to;
}

SLABPOOL_API void *realloc(void *p, size_t size)
{
	void *to;

	if (!p)
		return malloc(size);
	if (!size) {
		free(p);
		return NULL;
	}
	if (SLABPOOL_UNLIKELY(is_early(p)))
		return early_move(p, size);
	to = slabpool_kvrealloc(heap_get(), p, size, GFP_MALLOC);
	if (!to)
		errno = ENOMEM;
	return to;
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
