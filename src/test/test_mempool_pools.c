/* SPDX-License-Identifier: MIT */
/*
 * Mempools over the ready-made functions, on the default instance and on one of their own; what an
 * observer sees; and threads: a waiter is woken by another thread's free, and a pool that all
 * allocate from, free to and resize at once loses nothing.
 */
#include "core/mempool.h"
#include "support/tap.h"
#include <slabpool/slabpool.h>

static void use_pool(mempool_t *pool, size_t bytes, const char *what)
{
	unsigned char *a, *b;

	ok(pool != NULL, "%s pool", what);
	if (!pool)
		return;
	is_int(pool->curr_nr, 2, "%s: two elements in reserve", what);
	a = mempool_alloc(pool, GFP_KERNEL);
	b = mempool_alloc_preallocated(pool);
	ok(a && b && a != b, "%s: two elements", what);
	memset(a, 0xaa, bytes);
	memset(b, 0xbb, bytes);
	ok(a[0] == 0xaa && a[bytes - 1] == 0xaa, "%s: of %u bytes", what, (unsigned int)bytes);
	is_int(pool->curr_nr, 1, "%s: one of them reserved", what);
	mempool_free(a, pool);
	mempool_free(b, pool);
	is_int(pool->curr_nr, 2, "%s: the reserve is full again", what);
	is_int(mempool_resize(pool, 4), 0, "%s: grows", what);
	is_int(mempool_resize(pool, 1), 0, "%s: shrinks", what);
	mempool_destroy(pool);
}

static void test_ready_made(struct slabpool *pool, const char *where)
{
	struct kmem_cache *cache = slabpool_cache_create(pool, "elements", 48, NULL, 0);
	struct slabpool_cache_info info;
	struct slabpool_memory_info before, after;

	diag("%s", where);
	slabpool_reap(pool);
	slabpool_memory_info(pool, &before);
	use_pool(slabpool_mempool_create(pool, 2, mempool_alloc_slab, mempool_free_slab, cache),
		 48, "slab");
	use_pool(slabpool_mempool_create(pool, 2, mempool_kmalloc, mempool_kfree,
					 (void *)(uintptr_t)100), 100, "kmalloc");
	use_pool(slabpool_mempool_create(pool, 2, mempool_kvmalloc, mempool_kvfree,
					 (void *)(uintptr_t)(8 << 20)), 8 << 20, "kvmalloc");
	use_pool(slabpool_mempool_create(pool, 2, mempool_alloc_pages, mempool_free_pages,
					 (void *)(uintptr_t)2), 4 * PAGE_SIZE, "page");
	is_int(slabpool_cache_info(cache, &info), 0, "info");
	is_uint(info.active_objects, 0, "the cache has all its objects back");
	slabpool_memory_info(pool, &after);
	is_uint(after.runs, before.runs, "and so have the pages");
	kmem_cache_destroy(cache);
	ok(slabpool_is_valid(pool), "the instance is sound");
}

static void test_is_valid(struct slabpool *instance)
{
	mempool_t *pool = slabpool_mempool_create(instance, 2, mempool_kmalloc, mempool_kfree,
						  (void *)(uintptr_t)40);
	void *element = pool->elements[1];

	ok(reserve_is_valid(pool), "a pool is valid");
	pool->curr_nr = 3;
	ok(!reserve_is_valid(pool), "not with more elements than it can hold");
	pool->curr_nr = -1;
	ok(!reserve_is_valid(pool), "not with a negative number");
	pool->curr_nr = 2;
	pool->min_nr = -1;
	ok(!reserve_is_valid(pool), "not with a negative size");
	pool->min_nr = 2;
	pool->elements[1] = NULL;
	ok(!reserve_is_valid(pool), "not with a NULL element");
	pool->elements[1] = element;
	ok(reserve_is_valid(pool), "as before again");
	mempool_destroy(pool);
}

/* The elements of a pool over kmalloc come from the pool's own instance. */
static void test_own_instance(struct slabpool *instance)
{
	struct slabpool_memory_info before, after;
	mempool_t *pool;

	slabpool_memory_info(instance, &before);
	pool = slabpool_mempool_create(instance, 3, mempool_kmalloc, mempool_kfree,
				       (void *)(uintptr_t)65536);
	slabpool_memory_info(instance, &after);
	ok(after.runs >= before.runs + 3 * 65536, "kmalloc elements of the pool's own instance");
	mempool_destroy(pool);
	pool = slabpool_mempool_create(instance, 3, mempool_alloc_pages, mempool_free_pages,
				       (void *)(uintptr_t)4);
	slabpool_memory_info(instance, &after);
	ok(after.runs >= before.runs + 3 * 16 * PAGE_SIZE, "page elements too");
	mempool_destroy(pool);
	slabpool_memory_info(instance, &after);
	is_uint(after.runs, before.runs, "and there they go back to");
}

static void test_linux_names(void)
{
	struct kmem_cache *cache = (kmem_cache_create)("elements", 24, 0, 0, NULL);
	mempool_t pool, *page_pool = mempool_create_page_pool(2, 1);
	void *memory;

	use_pool(mempool_create_slab_pool(2, cache), 24, "create_slab_pool");
	use_pool(mempool_create_kmalloc_pool(2, 5000), 5000, "create_kmalloc_pool");
	use_pool(mempool_create_kvmalloc_pool(2, 50000), 50000, "create_kvmalloc_pool");
	use_pool(mempool_create_node(2, mempool_kmalloc, mempool_kfree, (void *)(uintptr_t)16,
				     GFP_KERNEL, 0), 16, "create_node");
	memset(&pool, 0, sizeof(pool));
	is_int(mempool_init_slab_pool(&pool, 1, cache), 0, "init_slab_pool");
	mempool_exit(&pool);
	is_int(mempool_init_kmalloc_pool(&pool, 1, 10), 0, "init_kmalloc_pool");
	mempool_exit(&pool);
	is_int(mempool_init_kvmalloc_pool(&pool, 1, 10), 0, "init_kvmalloc_pool");
	mempool_exit(&pool);
	is_int(mempool_init_page_pool(&pool, 1, 0), 0, "init_page_pool");
	mempool_exit(&pool);
	is_int(mempool_init_node(&pool, 1, mempool_kmalloc, mempool_kfree, (void *)(uintptr_t)9,
				 GFP_KERNEL, 0), 0, "init_node");
	mempool_exit(&pool);
	memory = page_address(mempool_alloc(page_pool, GFP_KERNEL));
	is_uint((uintptr_t)memory % (2 * PAGE_SIZE), 0, "an element of order 1 is aligned so");
	mempool_free(virt_to_page(memory), page_pool);
	mempool_destroy(page_pool);

	memory = mempool_kmalloc(GFP_KERNEL, (void *)(uintptr_t)8192);
	ok(ksize(memory) >= 8192, "mempool_kmalloc called directly: the size is pool_data");
	mempool_kfree(memory, (void *)(uintptr_t)8192);
	kmem_cache_destroy(cache);
}

struct seen {
	enum slabpool_event_kind kind[32];
	const void *owner[32], *object[32], *result[32];
	size_t size[32];
	const char *name;
	unsigned int count;
};

static void observe(void *context, const struct slabpool_event *event)
{
	struct seen *seen = context;

	if (event->kind < SLABPOOL_EVENT_MEMPOOL_CREATE || seen->count == 32)
		return;
	seen->kind[seen->count] = event->kind;
	seen->owner[seen->count] = event->owner;
	seen->object[seen->count] = event->object;
	seen->result[seen->count] = event->result;
	seen->size[seen->count] = event->size;
	if (event->kind == SLABPOOL_EVENT_MEMPOOL_CREATE)
		seen->name = event->name;
	seen->count++;
}

static void test_events(struct slabpool *instance)
{
	static const enum slabpool_event_kind expected[] = {
		SLABPOOL_EVENT_MEMPOOL_CREATE, SLABPOOL_EVENT_MEMPOOL_ALLOC,
		SLABPOOL_EVENT_MEMPOOL_FREE,   SLABPOOL_EVENT_MEMPOOL_RESIZE,
		SLABPOOL_EVENT_MEMPOOL_ALLOC,  SLABPOOL_EVENT_MEMPOOL_ALLOC,
		SLABPOOL_EVENT_MEMPOOL_ALLOC,  SLABPOOL_EVENT_MEMPOOL_FREE,
		SLABPOOL_EVENT_MEMPOOL_FREE,   SLABPOOL_EVENT_MEMPOOL_FREE,
		SLABPOOL_EVENT_MEMPOOL_DESTROY,
	};
	struct seen seen = {.count = 0};
	void *element, *slots[2] = {NULL, NULL};
	mempool_t *pool;
	unsigned int i;

	slabpool_observe(instance, observe, &seen);
	pool = slabpool_mempool_create(instance, 2, mempool_kmalloc, mempool_kfree,
				       (void *)(uintptr_t)40);
	element = mempool_alloc(pool, GFP_KERNEL);
	mempool_free(element, pool);
	mempool_resize(pool, 3);
	element = mempool_alloc_preallocated(pool);
	is_int(mempool_alloc_bulk(pool, slots, 2), 0, "bulk with an observer");
	mempool_free(element, pool);
	mempool_free(slots[0], pool);
	mempool_free(slots[1], pool);
	mempool_free(NULL, pool);
	is_int(mempool_resize(pool, 0), -EINVAL, "a resize that is refused");
	mempool_destroy(pool);
	mempool_destroy(NULL);
	slabpool_observe(instance, NULL, NULL);

	is_uint(seen.count, sizeof(expected) / sizeof(expected[0]), "events");
	for (i = 0; i < seen.count && i < sizeof(expected) / sizeof(expected[0]); i++)
		is_uint(seen.kind[i], expected[i], "event %u", i);
	is_str(seen.name, "kmalloc", "creation names the kind of elements");
	ok(seen.result[0] == pool && seen.object[0] == (void *)(uintptr_t)40 && seen.size[0] == 2,
	   "and the pool, pool_data and min_nr");
	ok(seen.owner[1] == pool && seen.result[1] == seen.object[2], "alloc, free: the element");
	is_uint(seen.size[3], 3, "resize: the new min_nr");
	ok(seen.result[5] == slots[0] && seen.result[6] == slots[1], "bulk: each element");
}

/* A backend that has SHARED elements and no more. */
#define SHARED 24
#define WORKERS 4
#define ROUNDS 20000

static struct {
	pthread_mutex_t mutex;
	char out[SHARED];
	int left;              /* elements that it gives before it fails */
	unsigned int wrong;
} shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void *shared_give(gfp_t gfp, void *data)
{
	void *element = NULL;

	(void)gfp;
	(void)data;
	pthread_mutex_lock(&shared.mutex);
	for (int i = 0; i < SHARED && shared.left > 0 && !element; i++) {
		if (!shared.out[i]) {
			shared.out[i] = 1;
			shared.left--;
			element = &shared.out[i];
		}
	}
	pthread_mutex_unlock(&shared.mutex);
	return element;
}

static void shared_take(void *element, void *data)
{
	char *out = element;

	(void)data;
	pthread_mutex_lock(&shared.mutex);
	if (*out)
		shared.left++;
	else
		shared.wrong++;
	*out = 0;
	pthread_mutex_unlock(&shared.mutex);
}

static void *alloc_in_thread(void *argument)
{
	return mempool_alloc(argument, GFP_KERNEL);
}

static void test_woken(struct slabpool *instance)
{
	mempool_t *pool;
	pthread_t thread;
	void *element, *got = NULL;
	struct timespec begin, end, moment = {.tv_nsec = 20000000};

	shared.left = 1;
	pool = slabpool_mempool_create(instance, 1, shared_give, shared_take, NULL);
	element = mempool_alloc(pool, GFP_KERNEL);
	if (pthread_create(&thread, NULL, alloc_in_thread, pool) != 0)
		bail_out("no thread");
	nanosleep(&moment, NULL);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	mempool_free(element, pool);
	pthread_join(thread, &got);
	clock_gettime(CLOCK_MONOTONIC, &end);
	ok(got == element, "a waiting thread gets what another one frees");
	ok(end.tv_sec - begin.tv_sec < 4, "long before its five seconds are over");
	mempool_free(got, pool);
	mempool_destroy(pool);
	is_int(shared.left, 1, "the element went back");
}

static void *work(void *argument)
{
	mempool_t *pool = argument;
	void *slots[3];
	uintptr_t lost = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		memset(slots, 0, sizeof(slots));
		slots[0] = mempool_alloc(pool, i % 3 == 0 ? GFP_NOWAIT : GFP_KERNEL);
		if (i % 3 != 0 && !slots[0])
			lost++;
		if (i % 7 == 0)
			slots[1] = mempool_alloc_preallocated(pool);
		mempool_free(slots[1], pool);
		if (i % 5 == 0 && slots[0] && mempool_free_bulk(pool, slots, 1) == 1)
			slots[0] = NULL;
		mempool_free(slots[0], pool);
	}
	return (void *)lost;
}

static void test_at_once(struct slabpool *instance)
{
	pthread_t thread[WORKERS];
	mempool_t *pool;
	void *lost;

	shared.left = 3;
	pool = slabpool_mempool_create(instance, 2, shared_give, shared_take, NULL);
	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&thread[i], NULL, work, pool) != 0)
			bail_out("no thread");
	for (int i = 0; i < 2000; i++)
		mempool_resize(pool, 1 + i % 9);
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(thread[i], &lost);
		is_uint((uintptr_t)lost, 0, "thread %d: a blocking alloc never gave NULL", i);
	}
	ok(reserve_is_valid(pool), "the reserve is sound");
	ok(pool->curr_nr >= 1 && pool->curr_nr <= 3, "and holds what the backend does not");
	is_int(pool->curr_nr + shared.left, 3, "no element is lost");
	mempool_destroy(pool);
	is_int(shared.left, 3, "all go back in the end");
	is_uint(shared.wrong, 0, "none twice");
}

int main(void)
{
	struct slabpool_platform platform;
	struct slabpool *own;

	if (slabpool_platform_open(&platform) != 0)
		bail_out("no platform");
	own = slabpool_create(&platform, NULL);
	if (!own)
		bail_out("no instance");
	test_ready_made(slabpool_default(), "on the default instance");
	test_ready_made(own, "on an instance of its own");
	test_own_instance(own);
	test_is_valid(own);
	test_linux_names();
	test_events(own);
	test_woken(own);
	test_at_once(own);
	test_at_once(slabpool_default());
	slabpool_destroy(own);
	slabpool_platform_close(&platform);
	return tap_done();
}
