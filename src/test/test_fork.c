/* SPDX-License-Identifier: MIT */
/*
 * fork() while other threads allocate: the child can use everything at once, no lock is left
 * behind, and what the threads that it does not have held is recovered.
 */
#include "support/tap.h"
#include <slabpool/slabpool.h>

#define FORKS 40
#define THREADS 3
#define OBJECTS 200

static struct kmem_cache *cache;
static int stop;
/* qemu-user 7 dies when the child of a process with threads makes one. */
static bool emulated;
static pthread_barrier_t barrier;

static void use(unsigned int n)
{
	void *object[OBJECTS];
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		object[i] = (i + n) % 3 ? kmem_cache_alloc(cache, GFP_KERNEL)
					: kmalloc(1 + (i * 37 + n) % 9000, GFP_KERNEL);
		if (!object[i])
			_exit(10);
		*(unsigned char *)object[i] = (unsigned char)n;
	}
	for (i = 0; i < OBJECTS; i++)
		kfree(object[i]);
}

static void *keep_using(void *unused)
{
	unsigned int n = 0;

	(void)unused;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		use(n++);
	return NULL;
}

static void *use_beside(void *unused)
{
	(void)unused;
	use(7);
	return NULL;
}

/* What a child does: exit status 0 if all went well; an alarm ends it if a lock was left. */
static void child_of_busy_parent(void *unused)
{
	struct kmem_cache *own;
	pthread_t thread;
	unsigned int i;

	(void)unused;
	for (i = 0; i < 10; i++)
		use(i);
	own = kmem_cache_create("child", 40, 0, 0, NULL);
	if (!own || !kmem_cache_alloc(own, GFP_KERNEL))
		_exit(11);
	/* ThreadSanitizer makes no threads there, and gcc's AddressSanitizer leaves its own locks
	 * as they were when a thread of the parent's was about to begin. */
	if (!emulated && !TAP_TSAN && !TAP_ASAN) {
		if (pthread_create(&thread, NULL, use_beside, NULL) != 0)
			_exit(12);
		pthread_join(thread, NULL);
	}
	if (!slabpool_is_valid(slabpool_default()))
		_exit(13);
}

static void test_busy(void)
{
	pthread_t thread[THREADS];
	struct tap_child child;
	unsigned int i, failed = 0;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, keep_using, NULL) != 0)
			bail_out("no thread");
	for (i = 0; i < FORKS; i++) {
		tap_fork(child_of_busy_parent, NULL, &child);
		if (child.exit_status != 0) {
			diag("child %u: exit status %d, signal %d: %s", i, child.exit_status,
			     child.signal, child.err);
			failed++;
		}
		use(i);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	is_uint(failed, 0, "%d children of a busy parent allocate and free", FORKS);
	if (emulated)
		skip("an emulator that cannot make threads in these children");
	ok(slabpool_is_valid(slabpool_default()), "the parent is valid");
}

static void *hold(void *unused)
{
	(void)unused;
	use(1);
	pthread_barrier_wait(&barrier); /* main forks */
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* The threads that held objects do not exist here; main never used the cache. */
static void child_of_holders(void *unused)
{
	struct slabpool_cache_info info;

	(void)unused;
	if (slabpool_cache_info(cache, &info) != 0)
		_exit(20);
	if (info.active_objects != 0 || info.magazine_objects != 0)
		_exit(21);
	if (info.total_objects == 0)
		_exit(22);
	if (kmem_cache_shrink(cache) != 0)
		_exit(23);
	kmem_cache_destroy(cache);
	if (!slabpool_is_valid(slabpool_default()))
		_exit(24);
}

/* And once more in a child of a child. */
static void child_that_forks(void *unused)
{
	struct tap_child child;

	(void)unused;
	tap_fork(child_of_holders, NULL, &child);
	_exit(child.exit_status);
}

static void test_recovery(void)
{
	struct slabpool_cache_info info;
	struct tap_child child;
	pthread_t thread[THREADS];
	unsigned int i;

	kmem_cache_destroy(cache);
	cache = kmem_cache_create("held", 64, 0, 0, NULL);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, hold, NULL) != 0)
			bail_out("no thread");
	pthread_barrier_wait(&barrier);
	slabpool_cache_info(cache, &info);
	ok(info.magazine_objects > 0, "threads hold free objects");
	tap_fork(child_of_holders, NULL, &child);
	is_int(child.exit_status, 0, "a child recovers what they held");
	is_str(child.err, "", "without a word");
	tap_fork(child_that_forks, NULL, &child);
	is_int(child.exit_status, 0, "so does a child's child");
	pthread_barrier_wait(&barrier);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	slabpool_cache_info(cache, &info);
	is_uint(info.magazine_objects, 0, "the parent's threads gave theirs back");
	kmem_cache_destroy(cache);
}

/* Handlers of others, registered after slabpool's: they may allocate. */
static void *from_prepare;
static unsigned int handled;

static void handler_prepare(void)
{
	from_prepare = kmalloc(100, GFP_KERNEL);
	handled++;
}

static void handler_after(void)
{
	kfree(from_prepare);
	kfree(kmalloc(3000, GFP_KERNEL));
	handled++;
}

static void child_of_handlers(void *unused)
{
	(void)unused;
	use(3);
	_exit(handled == 2 ? 0 : 30);
}

static void test_handlers(void)
{
	struct tap_child child;

	cache = kmem_cache_create("handlers", 64, 0, 0, NULL);
	pthread_atfork(handler_prepare, handler_after, handler_after);
	tap_fork(child_of_handlers, NULL, &child);
	is_int(child.exit_status, 0, "fork handlers may allocate and free");
	is_uint(handled, 2, "on both sides");
	kmem_cache_destroy(cache);
	ok(slabpool_is_valid(slabpool_default()), "valid");
}

/* fork() before anything was allocated. */
static void child_before_first_use(void *unused)
{
	(void)unused;
	cache = kmem_cache_create("first", 64, 0, 0, NULL);
	use(1);
}

/* Without magazines no thread has a record that would tell of it. */
static void child_without_records(void *unused)
{
	struct slabpool_options options;
	struct tap_child child;
	pthread_t thread[THREADS];
	unsigned int i;

	(void)unused;
	slabpool_options_init(&options);
	options.magazines = 0;
	if (slabpool_configure(&options) != 0)
		_exit(40);
	cache = kmem_cache_create("no-records", 64, 0, 0, NULL);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, keep_using, NULL) != 0)
			_exit(41);
	/* Without magazines every call takes locks, which ThreadSanitizer makes slow. */
	for (i = 0; i < (TAP_TSAN ? 3 : FORKS); i++) {
		tap_fork(child_of_busy_parent, NULL, &child);
		if (child.exit_status != 0)
			_exit(child.exit_status);
	}
	_exit(0);
}

int main(void)
{
	struct tap_child child;

	emulated = getenv("TEST_EMULATED") != NULL;
	tap_fork(child_before_first_use, NULL, &child);
	is_int(child.exit_status, 0, "fork before first use");
	if (emulated) {
		skip("an emulator that cannot make threads in these children");
	} else {
		tap_fork(child_without_records, NULL, &child);
		is_int(child.exit_status, 0, "fork beside threads that have no record");
	}
	cache = kmem_cache_create("fork", 64, 0, 0, NULL);
	if (!cache)
		bail_out("no cache");
	test_busy();
	test_recovery();
	test_handlers();
	return tap_done();
}
