/* SPDX-License-Identifier: MIT */
/*
 * libc's malloc family as libslabpool-preload.so gives it. The program is linked to the library,
 * so its own calls, libc's and the dynamic linker's all go there.
 */
#define _GNU_SOURCE
#include "test/support/tap.h"

#include <limits.h>
#include <malloc.h>

/* Not every C library declares it. */
void *pvalloc(size_t size);

/* The compiler knows too much about constants. */
static volatile size_t huge = SIZE_MAX, three = 3, odd_align = 24;

static bool aligned(const void *p, size_t align)
{
	return (uintptr_t)p % align == 0;
}

static void test_sizes(void)
{
	size_t bad_align = 0, bad_size = 0, null = 0;

	for (size_t size = 0; size < 20000; size += size < 300 ? 1 : 37) {
		void *p[9];

		for (int i = 0; i < 9; i++) {
			p[i] = malloc(size);
			null += !p[i];
			bad_align += !aligned(p[i], size < 16 ? 8 : 16);
			bad_size += malloc_usable_size(p[i]) < size;
			memset(p[i], i, malloc_usable_size(p[i]));
		}
		for (int i = 0; i < 9; i++) {
			const unsigned char *byte = p[i];

			bad_size += size && (byte[0] != i || byte[size - 1] != i);
			free(p[i]);
		}
	}
	is_uint(null, 0, "malloc gives memory");
	is_uint(bad_align, 0, "aligned to 16, or 8 below 16 bytes");
	is_uint(bad_size, 0, "usable as far as malloc_usable_size() says");
}

static void test_zero(void)
{
	void *a = malloc(0), *b = malloc(0);

	ok(a && b && a != b, "malloc(0) gives a pointer of its own");
	free(a);
	free(b);
	free(NULL);
	is_uint(malloc_usable_size(NULL), 0, "malloc_usable_size(NULL)");
	a = calloc(0, 5);
	ok(a != NULL, "calloc(0, 5)");
	a = realloc(a, 10);
	ok(a != NULL, "realloc of it");
	is_ptr(realloc(a, 0), NULL, "realloc(p, 0) frees and gives NULL");
}

/* ---- what it costs ---- */

#define COST_OBJECTS 20000
/* Of the bytes asked for: rounding, state bytes, what magazines and slabs have to spare. */
#define COST_MOST_PERCENT 120

static size_t resident_bytes(void)
{
	unsigned long all = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%lu %lu", &all, &resident) != 2)
		bail_out("no /proc/self/statm");
	fclose(file);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Memory that objects of many sizes take, in percent of the sizes' sum, if a malloc gave and
 * touched `times` as much as it is asked for. */
static size_t cost_percent(size_t times)
{
	static void *object[COST_OBJECTS];
	size_t before = resident_bytes(), sum = 0, after;
	unsigned int seed = 5;

	for (int i = 0; i < COST_OBJECTS; i++) {
		size_t size = 40 + (size_t)rand_r(&seed) % 4000;

		sum += size;
		object[i] = malloc(size * times);
		memset(object[i], 1, size * times);
	}
	after = resident_bytes();
	for (int i = 0; i < COST_OBJECTS; i++)
		free(object[i]);
	return (after - before) * 100 / sum;
}

static void test_cost(void)
{
	size_t percent = cost_percent(1);

	ok(percent <= COST_MOST_PERCENT, "objects of all sizes take %zu %% of what is asked for",
	   percent);
	percent = cost_percent(2);
	ok(percent > COST_MOST_PERCENT, "a malloc that doubled them would be noticed: %zu %%",
	   percent);
}

static void test_usable(void)
{
	size_t bad = 0;

	for (size_t size = 1; size <= 200000; size += size < 33000 ? 1 : 997) {
		void *p = malloc(size);
		size_t spare = malloc_usable_size(p) - size;

		bad += spare >= 16 && spare >= (size + 7) / 8;
		free(p);
	}
	is_uint(bad, 0, "less than 16 bytes or an eighth to spare");
}

/* A buffer that grows by a little at a time, as many programs' do. */
static void test_growth(void)
{
	unsigned char *p = malloc(1000), *q;
	size_t moves = 0, bad = 0;

	memset(p, 1, 1000);
	for (size_t size = 2000; size <= 8 << 20; size += 1000) {
		q = realloc(p, size);
		moves += q != p;
		p = q;
		bad += p[size - 1001] != (unsigned char)((size - 1000) / 1000);
		memset(p + size - 1000, (int)(size / 1000), 1000);
	}
	is_uint(bad, 0, "a buffer that grows keeps its contents");
	ok(moves < 60, "and moves %zu times in 8000 steps", moves);
	p = realloc(p, 5000);
	ok(malloc_usable_size(p) < 6000, "realloc to much less gives the rest back");
	is_uint(p[4999], 4999 / 1000 + 1, "and keeps what is left");
	q = realloc(p, 4900);
	is_ptr(q, p, "to a little less it stays");
	free(q);
}

static void test_errno(void)
{
	void *p = malloc(10), *q = p;

	errno = 0;
	is_ptr(malloc(huge), NULL, "malloc(SIZE_MAX)");
	is_int(errno, ENOMEM, "sets ENOMEM");
	errno = 0;
	is_ptr(malloc(huge / 2 + 1), NULL, "malloc(PTRDIFF_MAX + 1)");
	is_int(errno, ENOMEM, "sets ENOMEM");
	errno = 0;
	is_ptr(calloc(huge / 2, 3), NULL, "calloc with an overflow");
	is_int(errno, ENOMEM, "sets ENOMEM");
	errno = 0;
	is_ptr(reallocarray(p, huge / 2, 3), NULL, "reallocarray with an overflow");
	is_int(errno, ENOMEM, "sets ENOMEM");
	errno = 0;
	is_ptr(realloc(p, huge), NULL, "realloc to SIZE_MAX");
	is_int(errno, ENOMEM, "sets ENOMEM");
	errno = 0;
	is_ptr(pvalloc(huge - 5), NULL, "pvalloc with an overflow");
	is_int(errno, ENOMEM, "sets ENOMEM");
	is_int(posix_memalign(&q, three, 8), EINVAL, "posix_memalign: no power of two");
	is_int(posix_memalign(&q, 4, 8), sizeof(void *) > 4 ? EINVAL : 0, "less than a pointer");
	is_int(posix_memalign(&q, 0, 8), EINVAL, "nor 0");
	errno = 77;
	is_int(posix_memalign(&q, 64, huge - 100), ENOMEM, "posix_memalign: too much");
	is_int(errno, 77, "and errno is left alone");
	ok(q == p || sizeof(void *) == 4, "as is the pointer");
	errno = 0;
	is_ptr(aligned_alloc(odd_align, 96), NULL, "aligned_alloc: no power of two");
	is_int(errno, EINVAL, "sets EINVAL");
	errno = 77;
	free(p);
	free(malloc(3 << 20));
	is_int(errno, 77, "free leaves errno alone");
}

static void test_alignments(void)
{
	size_t bad = 0;

	for (size_t align = sizeof(void *); align <= 1 << 20; align *= 2)
		for (size_t size = 0; size <= 70000; size = size * 3 + 1) {
			void *p = NULL, *q = memalign(align, size), *r = aligned_alloc(align, size);

			bad += posix_memalign(&p, align, size) != 0;
			bad += !p || !q || !r || !aligned(p, align) || !aligned(q, align) ||
			       !aligned(r, align) || malloc_usable_size(p) < size;
			if (!p || !q || !r)
				continue;
			memset(p, 1, malloc_usable_size(p));
			memset(q, 2, malloc_usable_size(q));
			q = realloc(q, size * 2 + 1);
			bad += !q || (size && *(unsigned char *)q != 2);
			free(p);
			free(q);
			free(r);
		}
	is_uint(bad, 0, "posix_memalign, memalign, aligned_alloc");
	void *p = valloc(10), *q = pvalloc(10), *r = memalign(odd_align, 10);

	ok(p && aligned(p, (size_t)sysconf(_SC_PAGESIZE)), "valloc");
	ok(q && aligned(q, (size_t)sysconf(_SC_PAGESIZE)) &&
	   malloc_usable_size(q) >= (size_t)sysconf(_SC_PAGESIZE), "pvalloc gives a whole page");
	ok(r && aligned(r, 32), "memalign rounds an odd alignment up");
	free(p);
	free(q);
	free(r);
}

static void test_contents(void)
{
	size_t bad = 0, old = 1;
	unsigned char *p = malloc(1);

	p[0] = 1;
	for (size_t size = 2; size < 48u << 20; size = size * 5 / 4 + 1) {
		p = realloc(p, size);
		if (!p)
			bail_out("realloc(%zu) gives NULL", size);
		bad += p[0] != 1 || p[old - 1] != (unsigned char)(old == 1 ? 1 : old);
		p[size - 1] = (unsigned char)size;
		old = size;
	}
	for (size_t size = old; size > 1; size = size * 3 / 4) {
		p[size - 1] = 9;
		p = realloc(p, size);
		bad += !p || p[0] != 1 || p[size - 1] != 9;
	}
	free(p);
	is_uint(bad, 0, "realloc keeps the contents, up to 48 MiB and down again");
	bad = 0;
	for (int round = 0; round < 3; round++)
		for (size_t size = 1; size < 20u << 20; size = size * 2 + 3) {
			p = calloc(1, size);
			for (size_t i = 0; p && i < size; i++)
				bad += p[i] != 0;
			memset(p, 0xff, size);
			free(p);
		}
	is_uint(bad, 0, "calloc gives zeros, also of memory that was used");
}

/* ---- threads and processes ---- */

#define THREADS 200
#define PASSED 64

static void *passed[PASSED];

static void free_late(void *p)
{
	free(p);
	free(malloc(100));
}

static pthread_key_t late;

/* Works, leaves objects for others, takes theirs, and frees one in a key's destructor. */
static void *worker(void *argument)
{
	uintptr_t n = (uintptr_t)argument;

	pthread_setspecific(late, malloc(n));
	for (uintptr_t i = 0; i < 2000; i++) {
		char *p = malloc(1 + (n * 31 + i * 7) % 3000);

		if (!p)
			return NULL;
		*p = (char)i;
		free(__atomic_exchange_n(&passed[(n + i) % PASSED], p, __ATOMIC_ACQ_REL));
	}
	return argument;
}

static void test_threads(void)
{
	uintptr_t bad = 0;

	pthread_key_create(&late, free_late);
	for (uintptr_t round = 0; round < THREADS; round += 8) {
		pthread_t thread[8];
		void *result;

		for (uintptr_t i = 0; i < 8; i++)
			pthread_create(&thread[i], NULL, worker, (void *)(round + i + 1));
		for (uintptr_t i = 0; i < 8; i++) {
			pthread_join(thread[i], &result);
			bad += (uintptr_t)result != round + i + 1;
		}
	}
	is_uint(bad, 0, "%d threads pass objects around and end", THREADS);
}

static bool stop_churn;

static void *churn(void *argument)
{
	while (!__atomic_load_n(&stop_churn, __ATOMIC_RELAXED))
		free(malloc((size_t)rand_r(argument) % 9000));
	return NULL;
}

static void test_fork(void)
{
	pthread_t thread[2];
	unsigned int seed[2] = {1, 2};
	int bad = 0;
	char *p = strdup("from the parent");

	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, churn, &seed[i]);
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			char *q = realloc(p, 5000);

			alarm(20);
			stop_churn = true;
			if (strcmp(q, "from the parent") != 0)
				_exit(1);
			free(q);
			exit(worker((void *)7) ? 0 : 2);
		}
		waitpid(child, &status, 0);
		bad += status != 0;
	}
	stop_churn = true;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	is_int(bad, 0, "100 forks while two threads allocate");
	is_str(p, "from the parent", "and the parent's memory is its own");
	free(p);
}

static void free_twice(void *argument)
{
	void *p = malloc(100);

	free(p);
	free(p);
}

static void free_foreign(void *argument)
{
	free(argument);
}

static void realloc_freed(void *argument)
{
	void *p = malloc(100);

	free(p);
	p = realloc(p, (size_t)(uintptr_t)argument);
}

static void test_misuse(void)
{
	struct tap_child child;
	static char local[64];

	tap_fork(free_twice, NULL, &child);
	is_int(child.signal, SIGABRT, "a second free aborts");
	ok(strstr(child.err, "slabpool: ") != NULL && strstr(child.err, "double free") != NULL,
	   "and is reported: %s", child.err);
	tap_fork(free_foreign, local + 16, &child);
	is_int(child.signal, SIGABRT, "so does a free of static memory");
	ok(strstr(child.err, "slabpool: ") != NULL, "and is reported: %s", child.err);
	tap_fork(realloc_freed, (void *)50, &child);
	is_int(child.signal, SIGABRT, "so does a realloc of what was freed, to less");
	ok(strstr(child.err, "slabpool: ") != NULL, "and is reported: %s", child.err);
	tap_fork(realloc_freed, (void *)50000, &child);
	is_int(child.signal, SIGABRT, "or to more");
}

int main(void)
{
	test_sizes();
	test_zero();
	test_cost();
	test_usable();
	test_growth();
	test_errno();
	test_alignments();
	test_contents();
	test_threads();
	test_fork();
	test_misuse();
	return tap_done();
}
