/* SPDX-License-Identifier: MIT */
/*
 * Four threads do everything at once: objects of shared caches and of kmalloc, handed over through
 * a ring, while caches shrink, are tuned, are made and destroyed, and memory is reaped.
 *
 * Every object is full of bytes that follow from its token, from its first byte to its last, as
 * long as it lives: who overlaps it, hands it out twice or reuses it early breaks them. At the end
 * all live objects are compared by address, and each cache must count as many as there are.
 *
 * STRESS_SECONDS says how long each of the two instances is worked on, STRESS_SEED what the threads
 * draw from; without them it is short, and the same each time. STRESS_PLANT makes the test do what
 * a broken allocator would, so that one sees it fail: `twice` (an object is handed out while it
 * lives), `lost` (a free is forgotten), `unordered` (a handover orders nothing: TSan sees that).
 */
#include "support/tap.h"
#include <slabpool/slabpool.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#define THREADS 4u
#define OWN 64u            /* objects that a thread keeps */
#define RING 128u          /* objects between threads */
#define CACHES 3u
#define STEPS (TAP_TSAN || TAP_ASAN ? 15000u : 150000u)
#define MILLISECONDS 1500

/* A number of the environment, or what stands for it. */
static unsigned long asked(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

static bool planted(const char *bug)
{
	const char *text = getenv("STRESS_PLANT");

	return text && !strcmp(text, bug);
}

/* What every object starts with. */
struct head {
	uint32_t token, size, source;  /* source: a cache's number, or CACHES for kmalloc */
};

struct stress {
	struct slabpool *pool;
	struct kmem_cache *cache[CACHES];
	struct head *ring[RING];
	uint64_t started;          /* ms */
	bool twice, lost, unordered;
	unsigned int broken, refused;
};

struct worker {
	struct stress *stress;
	struct head *own[OWN];
	uint64_t random;
	uint32_t number, sequence;
	unsigned long steps, privates, handed;
	pthread_t thread;
};

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint32_t pick(struct worker *w, uint32_t n)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((w->random >> 33) % n);
}

static unsigned char filling(uint32_t token, size_t k)
{
	return (unsigned char)((token * 2654435761u >> 24) + k * 7);
}

static void fill(struct head *object, uint32_t token, uint32_t size, uint32_t source)
{
	unsigned char *byte = (unsigned char *)object;
	size_t k;

	object->token = token;
	object->size = size;
	object->source = source;
	for (k = sizeof(*object); k < size; k++)
		byte[k] = filling(token, k);
}

static bool is_whole(const struct head *object)
{
	const unsigned char *byte = (const unsigned char *)object;
	size_t k;

	if (object->source > CACHES || object->size < sizeof(*object) || object->size > 20000)
		return false;
	for (k = sizeof(*object); k < object->size; k++)
		if (byte[k] != filling(object->token, k))
			return false;
	return true;
}

static void broke(struct stress *stress)
{
	__atomic_add_fetch(&stress->broken, 1, __ATOMIC_RELAXED);
}

static struct head *make(struct worker *w)
{
	struct stress *stress = w->stress;
	uint32_t source = pick(w, CACHES + 1), size;
	struct head *object = stress->twice && pick(w, 100) == 0 ? w->own[pick(w, OWN)] : NULL;

	if (object)
		return object;
	if (source < CACHES) {
		size = kmem_cache_size(stress->cache[source]);
		object = (struct head *)kmem_cache_alloc(stress->cache[source], GFP_KERNEL);
	} else {
		size = 12 + pick(w, pick(w, 50) == 0 ? 19000 : 600);
		object = (struct head *)slabpool_kmalloc(stress->pool, size, GFP_KERNEL);
	}
	if (!object)
		bail_out("no memory");
	fill(object, w->sequence++ * THREADS + w->number, size, source);
	return object;
}

static void drop(struct stress *stress, struct head *object)
{
	if (!object)
		return;
	if (!is_whole(object))
		broke(stress);
	else if (stress->lost && object->token % 100 == 0)
		return;
	else if (object->source < CACHES)
		kmem_cache_free(stress->cache[object->source], object);
	else
		slabpool_kfree(stress->pool, object);
}

/* Through the ring: what another thread put there comes out in exchange. */
static struct head *hand_over(struct worker *w, struct head *object)
{
	w->handed += object != NULL;
	if (w->stress->unordered)
		return __atomic_exchange_n(&w->stress->ring[pick(w, RING)], object,
					   __ATOMIC_RELAXED);
	return __atomic_exchange_n(&w->stress->ring[pick(w, RING)], object, __ATOMIC_ACQ_REL);
}

/* A cache that no other thread knows: all its objects at once, then none. */
static void private_cache(struct worker *w)
{
	struct kmem_cache *cache;
	struct head *object[24];
	uint32_t size = 16 + pick(w, 900), n = 1 + pick(w, 24), k;

	cache = slabpool_cache_create(w->stress->pool, "private", size, NULL, 0);
	if (!cache)
		bail_out("no private cache");
	for (k = 0; k < n; k++) {
		object[k] = (struct head *)kmem_cache_alloc(cache, GFP_KERNEL);
		if (!object[k])
			bail_out("no private object");
		fill(object[k], k, size, 0);
	}
	for (k = 0; k < n; k++) {
		if (!is_whole(object[k]) || object[k]->token != k)
			broke(w->stress);
		kmem_cache_free(cache, object[k]);
	}
	kmem_cache_destroy(cache);
	w->privates++;
}

static void disturb(struct worker *w)
{
	struct kmem_cache *cache = w->stress->cache[pick(w, CACHES)];
	unsigned int limit = 1 + pick(w, 100);

	switch (pick(w, 5)) {
	case 0:
		kmem_cache_shrink(cache);
		break;
	case 1:
		slabpool_reap(w->stress->pool);
		break;
	case 2:
		slabpool_thread_flush(w->stress->pool);
		break;
	case 3:
		if (slabpool_cache_tune(cache, limit, 1 + pick(w, limit), pick(w, 8)) != 0)
			__atomic_add_fetch(&w->stress->refused, 1, __ATOMIC_RELAXED);
		break;
	default:
		private_cache(w);
		break;
	}
}

static void *work(void *context)
{
	struct worker *w = (struct worker *)context;
	struct stress *stress = w->stress;
	unsigned long most = getenv("STRESS_SECONDS") ? ULONG_MAX : STEPS;
	uint64_t allowed = asked("STRESS_SECONDS", 0) * 1000;

	if (allowed == 0)
		allowed = MILLISECONDS;
	for (w->steps = 0; w->steps < most; w->steps++) {
		struct head **place = &w->own[pick(w, OWN)];

		if (w->steps % 256 == 0 && milliseconds() - stress->started > allowed)
			break;
		if (pick(w, 100) == 0)
			disturb(w);
		else if (pick(w, 3) == 0)
			*place = hand_over(w, *place);
		else if (*place && pick(w, 2))
			drop(stress, *place), *place = NULL;
		else if (!*place)
			*place = make(w);
	}
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct head *const *x = (const struct head *const *)a;
	const struct head *const *y = (const struct head *const *)b;

	return (uintptr_t)*x < (uintptr_t)*y ? -1 : (uintptr_t)*x > (uintptr_t)*y;
}

/* All live objects, sorted; how many. */
static unsigned int collect(struct stress *stress, struct worker *worker, struct head **all)
{
	unsigned int n = 0, k, j;

	for (k = 0; k < RING; k++)
		if (stress->ring[k])
			all[n++] = stress->ring[k];
	for (k = 0; k < THREADS; k++)
		for (j = 0; j < OWN; j++)
			if (worker[k].own[j])
				all[n++] = worker[k].own[j];
	qsort(all, n, sizeof(all[0]), by_address);
	return n;
}

static void check_live(struct stress *stress, struct head **all, unsigned int n)
{
	unsigned int count[CACHES + 1] = { 0 }, overlaps = 0, broken = 0, k;
	struct slabpool_cache_info info;

	for (k = 0; k < n; k++) {
		broken += !is_whole(all[k]);
		overlaps += k > 0 && (uintptr_t)all[k - 1] + all[k - 1]->size > (uintptr_t)all[k];
		count[all[k]->source <= CACHES ? all[k]->source : CACHES]++;
	}
	is_uint(broken, 0, "%u live objects are as they were left", n);
	is_uint(overlaps, 0, "and share no byte");
	for (k = 0; k < CACHES; k++) {
		slabpool_cache_info(stress->cache[k], &info);
		is_uint(info.active_objects, count[k], "%s counts its live objects", info.name);
	}
	ok(slabpool_is_valid(stress->pool), "valid with live objects");
}

static void run_workers(struct stress *stress, struct worker *worker)
{
	unsigned long steps = 0, handed = 0, privates = 0;
	unsigned int k;

	stress->started = milliseconds();
	for (k = 0; k < THREADS; k++) {
		worker[k].stress = stress;
		worker[k].number = k;
		worker[k].random = asked("STRESS_SEED", 0) * THREADS + k + 1;
		if (pthread_create(&worker[k].thread, NULL, work, &worker[k]) != 0)
			bail_out("no thread");
	}
	for (k = 0; k < THREADS; k++) {
		pthread_join(worker[k].thread, NULL);
		steps += worker[k].steps;
		handed += worker[k].handed;
		privates += worker[k].privates;
	}
	ok(steps > 0 && handed > 0, "%lu steps, %lu objects handed over, %lu private caches",
	   steps, handed, privates);
	is_uint(stress->broken, 0, "no object changed under its owner");
	is_uint(stress->refused, 0, "no tuning was refused");
}

static void finish(struct stress *stress, struct head **all, unsigned int n)
{
	struct slabpool_cache_info info;
	struct slabpool_memory_info memory;
	unsigned int k;

	for (k = 0; k < n; k++)
		drop(stress, all[k]);
	slabpool_thread_flush(stress->pool);
	for (k = 0; k < CACHES; k++) {
		slabpool_cache_info(stress->cache[k], &info);
		is_uint(info.active_objects + info.magazine_objects, 0,
			"%s: all objects are back, and no thread holds any", info.name);
		is_int(kmem_cache_shrink(stress->cache[k]), 0, "all slabs go");
		kmem_cache_destroy(stress->cache[k]);
	}
	slabpool_reap(stress->pool);
	slabpool_memory_info(stress->pool, &memory);
	is_uint(memory.slabs + memory.runs + memory.idle, 0, "all memory is given back");
	ok(slabpool_is_valid(stress->pool), "valid at the end");
}

static void test_instance(const char *name, unsigned int exact, unsigned int consistency)
{
	static const unsigned int size[CACHES] = { 24, 200, 1500 };
	static struct stress stress;
	static struct worker worker[THREADS];
	static struct head *all[RING + THREADS * OWN];
	struct slabpool_platform platform;
	struct slabpool_options options;
	unsigned int k, n;

	memset(&stress, 0, sizeof(stress));
	memset(worker, 0, sizeof(worker));
	diag("%s", name);
	stress.twice = planted("twice");
	stress.lost = planted("lost");
	stress.unordered = planted("unordered");
	slabpool_options_init(&options);
	options.exact_double_free = exact;
	options.retain_kib = 128;
	options.shared = 4;
	options.limit = 16;
	if (stress.twice)
		options.misuse = SLABPOOL_MISUSE_REPORT;
	if (slabpool_platform_open(&platform) != 0)
		bail_out("no platform");
	stress.pool = slabpool_create(&platform, &options);
	if (!stress.pool)
		bail_out("no instance");
	for (k = 0; k < CACHES; k++) {
		stress.cache[k] = slabpool_cache_create(stress.pool, "shared", size[k], NULL,
							consistency ? SLAB_CONSISTENCY_CHECKS : 0);
		if (!stress.cache[k])
			bail_out("no cache");
	}
	run_workers(&stress, worker);
	n = collect(&stress, worker, all);
	check_live(&stress, all, n);
	finish(&stress, all, n);
	slabpool_destroy(stress.pool);
	slabpool_platform_close(&platform);
}

int main(void)
{
	test_instance("as by default", 0, 0);
	test_instance("all checks on", 1, SLAB_CONSISTENCY_CHECKS);
	return tap_done();
}
