/* SPDX-License-Identifier: MIT */
/*
 * Nanoseconds of an allocation and its free: slabpool against the C library's malloc, in one
 * process and in one run. Rounds of the allocators alternate, so that a change of the machine's
 * clock or load meets all of them. Prints CSV, one line a round; ci/bench makes the table.
 *
 * Patterns
 *	hot     allocate, write a word, free: the same object again and again
 *	lifo    allocate 64 objects, free them newest first
 *	fifo    a queue of 1024 live objects: free the oldest, allocate a new one
 *	random  1024 live objects: free a random one, allocate a new one
 *	bulk    64 objects by kmem_cache_alloc_bulk() and kmem_cache_free_bulk(); the others loop
 */
#include <errno.h>
#include <slabpool/slabpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIVE 1024
#define BATCH 64

/* An allocator under test; state is a cache or NULL. */
struct allocator {
	const char *name;
	void *(*take)(void *state, size_t size);
	void (*give)(void *state, void *object);
	bool needs_cache;
};

struct setting {
	unsigned int rounds;
	size_t operations; /* pairs a round */
	const char *patterns, *sizes, *allocators; /* comma-separated, or NULL for all */
};

struct trial {
	const struct allocator *allocator;
	void *state;
	size_t size;
	size_t operations;
};

static void *libc_take(void *state, size_t size)
{
	(void)state;
	return malloc(size);
}

static void libc_give(void *state, void *object)
{
	(void)state;
	free(object);
}

static void *cache_take(void *state, size_t size)
{
	(void)size;
	return kmem_cache_alloc((struct kmem_cache *)state, GFP_KERNEL);
}

static void cache_give(void *state, void *object)
{
	kmem_cache_free((struct kmem_cache *)state, object);
}

static void *kmalloc_take(void *state, size_t size)
{
	(void)state;
	return kmalloc(size, GFP_KERNEL);
}

static void kmalloc_give(void *state, void *object)
{
	(void)state;
	kfree(object);
}

static const struct allocator allocators[] = {
	{"kmem_cache", cache_take, cache_give, true},
	{"kmalloc", kmalloc_take, kmalloc_give, false},
	{"malloc", libc_take, libc_give, false},
};

#define ALLOCATORS (sizeof(allocators) / sizeof(allocators[0]))

/* The compiler must neither drop the object nor what is written to it. */
static inline void *use(void *object)
{
	if (!object) {
		fprintf(stderr, "bench: out of memory\n");
		exit(1);
	}
	*(volatile unsigned long *)object = 1;
	__asm__ volatile("" : "+r"(object) : : "memory");
	return object;
}

static void run_hot(const struct trial *t)
{
	for (size_t i = 0; i < t->operations; i++)
		t->allocator->give(t->state, use(t->allocator->take(t->state, t->size)));
}

static void run_lifo(const struct trial *t)
{
	void *live[BATCH];

	for (size_t done = 0; done < t->operations; done += BATCH) {
		for (size_t i = 0; i < BATCH; i++)
			live[i] = use(t->allocator->take(t->state, t->size));
		for (size_t i = BATCH; i-- > 0;)
			t->allocator->give(t->state, live[i]);
	}
}

static void fill(const struct trial *t, void **live, size_t n)
{
	for (size_t i = 0; i < n; i++)
		live[i] = use(t->allocator->take(t->state, t->size));
}

static void drain(const struct trial *t, void **live, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t->allocator->give(t->state, live[i]);
}

static void run_fifo(const struct trial *t)
{
	static void *live[LIVE];

	fill(t, live, LIVE);
	for (size_t i = 0; i < t->operations; i++) {
		void **oldest = &live[i % LIVE];

		t->allocator->give(t->state, *oldest);
		*oldest = use(t->allocator->take(t->state, t->size));
	}
	drain(t, live, LIVE);
}

static void run_random(const struct trial *t)
{
	static void *live[LIVE];
	uint32_t seed = 1;

	fill(t, live, LIVE);
	for (size_t i = 0; i < t->operations; i++) {
		void **victim;

		seed = seed * 1664525u + 1013904223u;
		victim = &live[(seed >> 16) % LIVE];
		t->allocator->give(t->state, *victim);
		*victim = use(t->allocator->take(t->state, t->size));
	}
	drain(t, live, LIVE);
}

static void run_bulk(const struct trial *t)
{
	void *live[BATCH];

	if (!t->allocator->needs_cache) {
		run_lifo(t);
		return;
	}
	for (size_t done = 0; done < t->operations; done += BATCH) {
		struct kmem_cache *cache = (struct kmem_cache *)t->state;

		if (!kmem_cache_alloc_bulk(cache, GFP_KERNEL, BATCH, live))
			use(NULL);
		for (size_t i = 0; i < BATCH; i++)
			use(live[i]);
		kmem_cache_free_bulk(cache, BATCH, live);
	}
}

static const struct pattern {
	const char *name;
	void (*run)(const struct trial *t);
} patterns[] = {
	{"hot", run_hot}, {"lifo", run_lifo}, {"fifo", run_fifo}, {"random", run_random},
	{"bulk", run_bulk},
};

static const size_t sizes[] = {16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192};

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* True if @p word is one of the comma-separated words of @p list, or there is no list. */
static bool chosen(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0'))
			return true;
	}
	return !list;
}

static void run_size(const struct setting *setting, const struct pattern *pattern, size_t size)
{
	struct kmem_cache *cache = (kmem_cache_create)("bench", (unsigned int)size, 0, 0, NULL);

	if (!cache)
		use(NULL);
	/* Round 0 warms up and is not printed. */
	for (unsigned int round = 0; round <= setting->rounds; round++) {
		for (size_t turn = 0; turn < ALLOCATORS; turn++) {
			const struct allocator *allocator =
				&allocators[(turn + round) % ALLOCATORS];
			struct trial trial = {allocator, allocator->needs_cache ? cache : NULL,
					      size, setting->operations};
			double begin;

			if (!chosen(setting->allocators, allocator->name))
				continue;
			begin = seconds_now();
			pattern->run(&trial);
			if (round)
				printf("%s,%zu,%s,%u,%.3f\n", pattern->name, size, allocator->name,
				       round,
				       (seconds_now() - begin) * 1e9 / (double)setting->operations);
		}
	}
	kmem_cache_destroy(cache);
}

static void usage(FILE *out)
{
	fprintf(out, "usage: bench [--rounds N] [--operations N] [--patterns LIST] [--sizes LIST]\n"
		     "             [--allocators LIST]\n"
		     "Lists are comma-separated. Prints CSV: pattern,size,allocator,round,ns\n");
}

static bool number(const char *text, unsigned long low, unsigned long high, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *value >= low && *value <= high;
}

static bool parse(int argc, char **argv, struct setting *setting)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		unsigned long value;

		if (strcmp(argv[i], "--rounds") == 0 && number(argv[i + 1], 1, 10000, &value))
			setting->rounds = (unsigned int)value;
		else if (strcmp(argv[i], "--operations") == 0 &&
			 number(argv[i + 1], BATCH, 1000000000, &value))
			setting->operations = value / BATCH * BATCH;
		else if (strcmp(argv[i], "--patterns") == 0)
			setting->patterns = argv[i + 1];
		else if (strcmp(argv[i], "--sizes") == 0)
			setting->sizes = argv[i + 1];
		else if (strcmp(argv[i], "--allocators") == 0)
			setting->allocators = argv[i + 1];
		else
			return false;
	}
	return argc % 2 == 1;
}

int main(int argc, char **argv)
{
	struct setting setting = {.rounds = 15, .operations = 200000 / BATCH * BATCH};
	size_t runs = 0;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (!parse(argc, argv, &setting)) {
		usage(stderr);
		return 2;
	}
	puts("pattern,size,allocator,round,ns");
	for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			char word[32];

			snprintf(word, sizeof(word), "%zu", sizes[s]);
			if (!chosen(setting.patterns, patterns[p].name) ||
			    !chosen(setting.sizes, word))
				continue;
			run_size(&setting, &patterns[p], sizes[s]);
			runs++;
		}
	}
	if (!runs)
		fprintf(stderr, "bench: no such pattern or size\n");
	return runs ? 0 : 2;
}
