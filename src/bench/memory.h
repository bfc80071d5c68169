/* SPDX-License-Identifier: MIT */
/*
 * What an allocator holds, in bytes of anonymous memory of the process; objects are written as a
 * whole, as memory that was not touched is not there. Each command wants a process of its own.
 *
 *	memory SIZE LIVE          "ok START FILLED CHURNED FREED SHRUNK"
 *	retain SIZE LIVE SECONDS  "ok START FILLED FREED LATER": SECONDS later, after some calls,
 *				  and as much again, what was freed is kept no longer than the
 *				  allocator says
 *	soak SIZE SECONDS         "ok START EARLY LATE": most that was held in the first and in the
 *				  last fifth of the time, while one thread allocates up to 50,000
 *				  objects and another frees as many of before
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#define SOAK_OBJECTS 50000u
#define SOAK_LARGEST 8u

/* No code and no file: only what the process itself wrote. */
static size_t resident(void)
{
	static char text[4096];
	int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	const char *line;
	ssize_t got;

	if (file < 0)
		bench_die("cannot open /proc/self/smaps_rollup");
	got = read(file, text, sizeof(text) - 1);
	close(file);
	text[got > 0 ? got : 0] = '\0';
	line = strstr(text, "\nAnonymous:");
	if (!line)
		bench_die("/proc/self/smaps_rollup tells nothing");
	return strtoul(line + 11, NULL, 10) * 1024;
}

/* What the driver itself needs for measuring is there before the start. */
static size_t resident_at_start(void)
{
	resident();
	return resident();
}

static void write_whole(size_t size, void **live, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memset(live[i], 1, size);
}

static void do_memory(size_t size, size_t n)
{
	void **live = job_array(n);
	size_t at[5];
	form_t form;

	at[0] = resident_at_start();
	form = form_open(size, n);
	fill(form, size, live, n);
	write_whole(size, live, n);
	at[1] = resident();
	churn(form, size, live, n, 2 * n, BENCH_SEED);
	write_whole(size, live, n);
	at[2] = resident();
	drain(form, size, live, n);
	at[3] = resident();
	form_trim(form);
	at[4] = resident();
	printf("ok %zu %zu %zu %zu %zu\n", at[0], at[1], at[2], at[3], at[4]);
}

#define RETAIN_CALLS 16u

static void do_retain(size_t size, size_t n, unsigned int seconds)
{
	void **live = job_array(n);
	size_t at[4];
	form_t form;

	at[0] = resident_at_start();
	form = form_open(size, n);
	fill(form, size, live, n);
	write_whole(size, live, n);
	at[1] = resident();
	drain(form, size, live, n);
	at[2] = resident();
	for (size_t i = 0; i < 2 * RETAIN_CALLS; i++) {
		if (i % RETAIN_CALLS == 0)
			sleep(seconds);
		fill(form, size, live, n / 32);
		drain(form, size, live, n / 32);
	}
	at[3] = resident();
	printf("ok %zu %zu %zu %zu\n", at[0], at[1], at[2], at[3]);
}

struct soak {
	form_t form;
	size_t size;
	pthread_barrier_t turn;
	void **object[2];
	size_t count[2];
	bool over;
};

/* Frees what was allocated a turn ago. */
static void *soak_consumer(void *argument)
{
	struct soak *soak = argument;

	thread_hook(true);
	for (unsigned int which = 1;; which ^= 1) {
		pthread_barrier_wait(&soak->turn);
		if (soak->over)
			break;
		drain(soak->form, soak->size, soak->object[which], soak->count[which]);
		soak->count[which] = 0;
		pthread_barrier_wait(&soak->turn);
	}
	thread_hook(false);
	return NULL;
}

static void soak_turn(struct soak *soak, unsigned int which, size_t n)
{
	pthread_barrier_wait(&soak->turn);
	fill(soak->form, soak->size, soak->object[which], n);
	soak->count[which] = n;
	pthread_barrier_wait(&soak->turn);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void soak_run(struct soak *soak, unsigned int seconds, size_t at[3])
{
	uint64_t begin = bench_clock(CLOCK_MONOTONIC), whole = seconds * (uint64_t)1000000000;
	uint64_t passed = 0, looked = 0, seed = BENCH_SEED;
	unsigned int which = 0;

	/* As much at once as there ever can be: a later rise is no rare chance. */
	for (unsigned int i = 0; i < SOAK_LARGEST; i++, which ^= 1)
		soak_turn(soak, which, SOAK_OBJECTS);
	for (; passed < whole; which ^= 1) {
		soak_turn(soak, which, 1 + bench_below(&seed, SOAK_OBJECTS));
		passed = bench_clock(CLOCK_MONOTONIC) - begin;
		/* Looking costs time itself. */
		if (passed - looked < whole / 200)
			continue;
		looked = passed;
		if (passed < whole / 5)
			at[1] = larger(at[1], resident());
		else if (passed > whole / 5 * 4)
			at[2] = larger(at[2], resident());
	}
}

static void do_soak(size_t size, unsigned int seconds)
{
	static struct soak soak;
	pthread_t consumer;
	size_t at[3] = {0};

	soak.size = size;
	soak.object[0] = job_array(SOAK_OBJECTS);
	soak.object[1] = job_array(SOAK_OBJECTS);
	at[0] = resident_at_start();
	soak.form = form_open(size, 2 * SOAK_OBJECTS);
	pthread_barrier_init(&soak.turn, NULL, 2);
	if (pthread_create(&consumer, NULL, soak_consumer, &soak))
		bench_die("no thread");
	soak_run(&soak, seconds, at);
	soak.over = true;
	pthread_barrier_wait(&soak.turn);
	pthread_join(consumer, NULL);
	printf("ok %zu %zu %zu\n", at[0], at[1], at[2]);
}

#endif
