/* SPDX-License-Identifier: MIT */
/*
 * Threads: what they hold comes back when they end, wherever in their end they still free;
 * destroying a cache collects what others hold; objects travel between threads unharmed.
 *
 * Everything runs on the default instance, whose records are thread-local variables, and again on
 * an instance of its own, whose records go by pthread key.
 */
#include "support/tap.h"
#include <slabpool/slabpool.h>

#define OBJECTS 300
#define ROUNDS 3

struct world {
	const char *name;
	struct slabpool *pool;
	struct kmem_cache *cache;
	pthread_barrier_t barrier;
};

static struct kmem_cache *new_cache(struct slabpool *pool, const char *name, unsigned int size)
{
	struct kmem_cache *cache = slabpool_cache_create(pool, name, size, NULL, 0);

	if (!cache)
		bail_out("no cache");
	return cache;
}

static void run(void *(*function)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, argument) != 0)
		bail_out("no thread");
	pthread_join(thread, NULL);
}

static struct slabpool_cache_info info_of(struct kmem_cache *cache)
{
	struct slabpool_cache_info info;

	memset(&info, 0, sizeof(info));
	is_int(slabpool_cache_info(cache, &info), 0, "cache info");
	is_uint(info.total_objects, info.active_objects + info.magazine_objects +
		info.depot_objects + info.slab_objects, "the counts add up");
	return info;
}

static void fill_and_empty(struct kmem_cache *cache)
{
	void *object[OBJECTS];
	size_t i;

	for (i = 0; i < OBJECTS; i++) {
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!object[i])
			bail_out("no memory");
		memset(object[i], (int)i, kmem_cache_size(cache));
	}
	for (i = 0; i < OBJECTS; i++)
		kmem_cache_free(cache, object[i]);
}

static void *use_and_end(void *context)
{
	struct world *world = (struct world *)context;
	struct slabpool_cache_info info;

	fill_and_empty(world->cache);
	info = info_of(world->cache);
	is_uint(info.active_objects, 0, "%s: nothing is live", world->name);
	ok(info.magazine_objects > 0, "%s: the thread holds free objects", world->name);
	return NULL;
}

static void test_thread_exit(struct world *world)
{
	struct slabpool_cache_info info;

	world->cache = new_cache(world->pool, "exit", 48);
	run(use_and_end, world);
	info = info_of(world->cache);
	is_uint(info.magazine_objects, 0, "%s: the ended thread holds nothing", world->name);
	is_uint(info.active_objects, 0, "%s: and lost nothing", world->name);
	is_int(kmem_cache_shrink(world->cache), 0, "%s: all slabs can go", world->name);
	is_uint(info_of(world->cache).total_objects, 0, "%s: all objects are gone", world->name);
	kmem_cache_destroy(world->cache);
}

static struct world *key_world;
static pthread_key_t early_key, late_key;
static unsigned int key_rounds;

/* A destructor that frees, allocates, and comes again, as POSIX allows. ThreadSanitizer forgets a
 * thread in the last of its rounds. */
#define DESTRUCTOR_ROUNDS (TAP_TSAN ? 2 : 4)

static void free_at_end(void *object)
{
	kmem_cache_free(key_world->cache, object);
	if (__atomic_add_fetch(&key_rounds, 1, __ATOMIC_RELAXED) % DESTRUCTOR_ROUNDS)
		pthread_setspecific(early_key, kmem_cache_alloc(key_world->cache, GFP_KERNEL));
}

static void free_many_at_end(void *object)
{
	kmem_cache_free(key_world->cache, object);
	fill_and_empty(key_world->cache);
}

static void *leave_to_destructors(void *context)
{
	struct world *world = (struct world *)context;

	fill_and_empty(world->cache);
	pthread_setspecific(early_key, kmem_cache_alloc(world->cache, GFP_KERNEL));
	pthread_setspecific(late_key, kmem_cache_alloc(world->cache, GFP_KERNEL));
	return NULL;
}

/* Never touches the allocator but in a destructor. */
static void *only_destructors(void *object)
{
	pthread_setspecific(late_key, object);
	return NULL;
}

static void test_free_in_destructors(struct world *world)
{
	struct slabpool_cache_info info;
	size_t i;

	world->cache = new_cache(world->pool, "destructors", 80);
	key_world = world;
	key_rounds = 0;
	for (i = 0; i < ROUNDS; i++)
		run(leave_to_destructors, world);
	run(only_destructors, kmem_cache_alloc(world->cache, GFP_KERNEL));
	slabpool_thread_flush(world->pool);
	info = info_of(world->cache);
	ok(key_rounds >= 2 * ROUNDS, "%s: destructors ran in rounds", world->name);
	is_uint(info.active_objects, 0, "%s: all objects were freed", world->name);
	is_uint(info.magazine_objects, 0, "%s: nothing stays with threads that are gone",
		world->name);
	is_int(kmem_cache_shrink(world->cache), 0, "%s: all slabs can go", world->name);
	kmem_cache_destroy(world->cache);
}

static void *hold_while_destroyed(void *context)
{
	struct world *world = (struct world *)context;

	fill_and_empty(world->cache);
	pthread_barrier_wait(&world->barrier); /* main destroys */
	pthread_barrier_wait(&world->barrier); /* main has made another cache */
	fill_and_empty(world->cache);
	return NULL;
}

static void test_destroy(struct world *world)
{
	pthread_t thread[3];
	struct slabpool_cache_info info;
	size_t i;

	pthread_barrier_init(&world->barrier, NULL, 4);
	world->cache = new_cache(world->pool, "held", 56);
	for (i = 0; i < 3; i++)
		if (pthread_create(&thread[i], NULL, hold_while_destroyed, world) != 0)
			bail_out("no thread");
	pthread_barrier_wait(&world->barrier);
	info = info_of(world->cache);
	ok(info.magazine_objects > 0, "%s: three threads hold free objects", world->name);
	kmem_cache_destroy(world->cache);
	ok(slabpool_is_valid(world->pool), "%s: valid after destroy", world->name);
	world->cache = new_cache(world->pool, "next", 200);
	pthread_barrier_wait(&world->barrier);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	info = info_of(world->cache);
	is_str(info.name, "next", "%s: the next cache", world->name);
	is_uint(info.active_objects + info.magazine_objects, 0,
		"%s: threads used it and gave all back", world->name);
	kmem_cache_destroy(world->cache);
	ok(slabpool_is_valid(world->pool), "%s: valid at the end", world->name);
	pthread_barrier_destroy(&world->barrier);
}

/* Objects of many sizes travel through a shared table; each carries its own address. */
#define TABLE 256
#define STEPS 20000

struct exchange {
	struct world *world;
	struct kmem_cache *cache[3];
	uintptr_t *table[TABLE];
	unsigned int broken;
};

static void *exchange_objects(void *context)
{
	struct exchange *x = (struct exchange *)context;
	uint64_t random = (uintptr_t)&random | 1;
	size_t i;

	for (i = 0; i < STEPS; i++) {
		uintptr_t *object, which;

		random = random * 6364136223846793005u + 1442695040888963407u;
		which = (random >> 33) % 4;
		object = (uintptr_t *)(which < 3 ? kmem_cache_alloc(x->cache[which], GFP_KERNEL)
						 : slabpool_kmalloc(x->world->pool,
								    16 + (random >> 40) % 5000,
								    GFP_KERNEL));
		if (!object)
			bail_out("no memory");
		object[0] = (uintptr_t)object ^ which;
		object[1] = which;
		object = __atomic_exchange_n(&x->table[(random >> 36) % TABLE], object,
					     __ATOMIC_ACQ_REL);
		if (!object)
			continue;
		which = object[1];
		if (object[0] != ((uintptr_t)object ^ which)) {
			__atomic_add_fetch(&x->broken, 1, __ATOMIC_RELAXED);
			continue;
		}
		if (which < 3)
			kmem_cache_free(x->cache[which], object);
		else
			slabpool_kfree(x->world->pool, object);
	}
	return NULL;
}

static void test_exchange(struct world *world)
{
	static struct exchange x;
	pthread_t thread[4];
	size_t i;

	memset(&x, 0, sizeof(x));
	x.world = world;
	for (i = 0; i < 3; i++)
		x.cache[i] = new_cache(world->pool, "exchange", 16u << (2 * i));
	for (i = 0; i < 4; i++)
		if (pthread_create(&thread[i], NULL, exchange_objects, &x) != 0)
			bail_out("no thread");
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	is_uint(x.broken, 0, "%s: no object changed on its way", world->name);
	for (i = 0; i < TABLE; i++) {
		uintptr_t *object = x.table[i];

		if (object && object[1] < 3)
			kmem_cache_free(x.cache[object[1]], object);
		else
			slabpool_kfree(world->pool, object);
	}
	slabpool_thread_flush(world->pool);
	for (i = 0; i < 3; i++) {
		is_uint(info_of(x.cache[i]).active_objects, 0, "%s: all came back", world->name);
		is_int(kmem_cache_shrink(x.cache[i]), 0, "%s: all slabs can go", world->name);
		kmem_cache_destroy(x.cache[i]);
	}
	ok(slabpool_is_valid(world->pool), "%s: valid", world->name);
}

static void *make_and_destroy(void *context)
{
	struct world *world = (struct world *)context;
	size_t i;

	for (i = 0; i < 200; i++) {
		struct kmem_cache *cache = slabpool_cache_create(world->pool, "brief", 24, NULL, 0);
		void *object = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;

		if (!object)
			bail_out("no memory");
		kmem_cache_free(cache, object);
		kmem_cache_destroy(cache);
	}
	return NULL;
}

static int count_cache(struct kmem_cache *cache, void *count)
{
	(void)cache;
	++*(unsigned int *)count;
	return 0;
}

static void test_create_beside(struct world *world)
{
	unsigned int before = 0, after = 0;
	pthread_t thread[3];
	size_t i;

	slabpool_for_each_cache(world->pool, count_cache, &before);
	for (i = 0; i < 3; i++)
		if (pthread_create(&thread[i], NULL, make_and_destroy, world) != 0)
			bail_out("no thread");
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	slabpool_for_each_cache(world->pool, count_cache, &after);
	is_uint(after, before, "%s: caches made and destroyed by three threads are gone",
		world->name);
	ok(slabpool_is_valid(world->pool), "%s: valid", world->name);
}

static void test_world(struct world *world)
{
	test_thread_exit(world);
	test_free_in_destructors(world);
	test_destroy(world);
	test_exchange(world);
	test_create_beside(world);
}

int main(void)
{
	struct world normal = {.name = "default"}, own = {.name = "own"};
	struct slabpool_platform platform;

	pthread_key_create(&early_key, free_at_end);
	normal.pool = slabpool_default();
	if (slabpool_platform_open(&platform) != 0)
		bail_out("no platform");
	own.pool = slabpool_create(&platform, NULL);
	pthread_key_create(&late_key, free_many_at_end);
	if (!normal.pool || !own.pool)
		bail_out("no instance");
	test_world(&normal);
	test_world(&own);
	slabpool_destroy(own.pool);
	slabpool_platform_close(&platform);
	return tap_done();
}
