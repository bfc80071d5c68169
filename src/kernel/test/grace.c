/* SPDX-License-Identifier: MIT */
/*
 * That grace periods are real: synchronize_rcu() does not return, and call_rcu() calls nothing,
 * while a reader of another thread is inside; both do once it has left.
 */
#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include <semaphore.h>
#include <slabpool/slabpool.h>
#include <unistd.h>

#include "test/support/tap.h"

/* How long something that must not happen is given to happen. */
#define PATIENCE_US 100000

static sem_t inside, leave;
static atomic_t synchronized = ATOMIC_INIT(0);
static atomic_t called = ATOMIC_INIT(0);

static void *reader(void *unused)
{
	rcu_read_lock();
	sem_post(&inside);
	while (sem_wait(&leave))
		;
	rcu_read_unlock();
	return NULL;
}

static void *updater(void *unused)
{
	synchronize_rcu();
	atomic_inc(&synchronized);
	return NULL;
}

static void callback(struct rcu_head *head)
{
	atomic_inc(&called);
}

static void test_reader_holds_up(void)
{
	static struct rcu_head head;
	pthread_t threads[2];

	pthread_create(&threads[0], NULL, reader, NULL);
	while (sem_wait(&inside))
		;
	pthread_create(&threads[1], NULL, updater, NULL);
	call_rcu(&head, callback);
	usleep(PATIENCE_US);
	is_int(atomic_read(&synchronized), 0, "synchronize_rcu() waits for a reader");
	is_int(atomic_read(&called), 0, "call_rcu() waits for a reader");
	sem_post(&leave);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	is_int(atomic_read(&synchronized), 1, "synchronize_rcu() returns when it has left");
	rcu_barrier();
	is_int(atomic_read(&called), 1, "the callback has run when rcu_barrier() returns");
}

/* The pages of a type-safe cache are given back only when no reader can look at them any more. */
static void *shrinker(void *cache)
{
	kmem_cache_shrink(cache);
	atomic_inc(&synchronized);
	return NULL;
}

static void test_pages_wait(void)
{
	struct kmem_cache *cache = kmem_cache_create("typesafe", 256, 0, SLAB_TYPESAFE_BY_RCU,
						     NULL);
	unsigned char *object = kmem_cache_alloc(cache, GFP_KERNEL);
	struct slabpool_cache_info info;
	pthread_t threads[2];

	atomic_set(&synchronized, 0);
	memset(object, 0x77, 256);
	pthread_create(&threads[0], NULL, reader, NULL);
	while (sem_wait(&inside))
		;
	kmem_cache_free(cache, object);
	ok(object[0] == 0x77 && object[255] == 0x77, "a freed type-safe object keeps its content");
	slabpool_thread_flush(slabpool_default());
	pthread_create(&threads[1], NULL, shrinker, cache);
	usleep(PATIENCE_US);
	is_int(atomic_read(&synchronized), 0, "kmem_cache_shrink() waits for a reader");
	ok(object[0] == 0x77 && object[255] == 0x77, "and the page is still there");
	sem_post(&leave);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	slabpool_cache_info(cache, &info);
	is_int((int)info.slabs, 0, "the page is given back when the reader has left");
	kmem_cache_destroy(cache);
}

static void test_state(void)
{
	ok(!rcu_read_lock_held(), "outside");
	rcu_read_lock();
	rcu_read_lock();
	rcu_read_unlock();
	ok(rcu_read_lock_held(), "sections nest");
	rcu_read_unlock();
	ok(!rcu_read_lock_held(), "outside again");
}

struct tail_head {
	char payload[3000];
	struct rcu_head rcu;
};

/* kfree_rcu() finds the start of the object whatever the offset of its rcu_head. */
static void test_kfree_rcu(void)
{
	struct tail_head *large = kmalloc(sizeof(*large), GFP_KERNEL);
	struct rcu_head *small = kmalloc(sizeof(*small), GFP_KERNEL);
	struct tail_head *none = NULL;
	struct kmem_cache *cache = KMEM_CACHE(tail_head, 0);
	struct tail_head *object = kmem_cache_alloc(cache, GFP_KERNEL);
	struct first { struct rcu_head rcu; } *first = (struct first *)small;

	kfree_rcu(large, rcu);
	kfree_rcu(first, rcu);
	kfree_rcu(none, rcu);
	kfree_rcu(object, rcu);
	rcu_barrier();
	ok(!kmem_valid_obj(large), "a large object is freed");
	ok(!kmem_valid_obj(small), "an object that is its rcu_head is freed");
	ok(!kmem_valid_obj(object), "an object of a cache is freed");
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	kfree_rcu_mightsleep(object);
	ok(!kmem_valid_obj(object), "kfree_rcu_mightsleep() frees at once");
	kmem_cache_destroy(cache);
}

int main(void)
{
	sem_init(&inside, 0, 0);
	sem_init(&leave, 0, 0);
	test_state();
	test_reader_holds_up();
	test_kfree_rcu();
	test_pages_wait();
	return tap_done();
}
