/* SPDX-License-Identifier: MIT */
/*
 * The patterns of one thread. Each measures at least job->pairs pairs.
 *
 *	hot     allocate, write a word, free: the same object again and again, another in each
 *		round, as addresses that agree in their low bits hold a processor up
 *	zero    the same, zeroed by the allocator
 *	bulk32  allocate 32 objects, then free them, newest first; by bulk calls where there are any
 *	fifo    allocate job->live objects, then free them in the same order
 *	rand    allocate job->live objects, then free them in random order
 *	churn   of job->live objects, free a burst of 1 to 256 random ones and allocate as many
 *	steady  of job->live objects, replace the 256 oldest, then the next; objects are not touched
 *	fill    as fifo; objects are not touched
 *	create  make a cache, allocate and free job->live objects, destroy it
 *	caches  job->live caches, each with an object: replace that of a random one
 *	trace   the calls of a recording
 *	lock    no allocation: locks and unlocks a mutex
 */
#ifndef BENCH_PATTERNS_H
#define BENCH_PATTERNS_H

#define BENCH_BURST 256u

static void **job_array(size_t n)
{
	return bench_memory(n * sizeof(void *));
}

/* Objects that are kept so that another one is the hot one. */
#define HOT_KEPT 31u

struct kept {
	void *object[HOT_KEPT];
	size_t count;
};

static void keep_some(form_t form, size_t size, struct kept *kept)
{
	static size_t round;

	kept->count = round++ * 7 % HOT_KEPT;
	for (size_t i = 0; i < kept->count; i++)
		kept->object[i] = bench_touch(form_take(form, size));
}

static void keep_none(form_t form, size_t size, const struct kept *kept)
{
	for (size_t i = kept->count; i-- > 0;)
		form_give(form, size, kept->object[i]);
}

static void pattern_hot(form_t form, struct job *job)
{
	size_t size = job->size, pairs = job->pairs;
	struct kept kept;

	keep_some(form, size, &kept);
	job_begin(job);
	for (size_t i = 0; i < pairs; i++)
		form_give(form, size, bench_touch(form_take(form, size)));
	job_end(job, pairs);
	keep_none(form, size, &kept);
}

static void pattern_zero(form_t form, struct job *job)
{
	size_t size = job->size, pairs = job->pairs;
	struct kept kept;

	keep_some(form, size, &kept);
	job_begin(job);
	for (size_t i = 0; i < pairs; i++)
		form_give(form, size, bench_touch(form_take_zeroed(form, size)));
	job_end(job, pairs);
	keep_none(form, size, &kept);
}

static void pattern_bulk32(form_t form, struct job *job)
{
	void *objects[BENCH_BULK];
	size_t size = job->size, done;

	job_begin(job);
	for (done = 0; done < job->pairs; done += BENCH_BULK) {
#ifdef FORM_BULK
		if (!form_take_bulk(form, size, objects))
			bench_die("out of memory");
		for (size_t i = 0; i < BENCH_BULK; i++)
			bench_touch(objects[i]);
		form_give_bulk(form, size, objects);
#else
		for (size_t i = 0; i < BENCH_BULK; i++)
			objects[i] = bench_touch(form_take(form, size));
		for (size_t i = BENCH_BULK; i-- > 0;)
			form_give(form, size, objects[i]);
#endif
	}
	job_end(job, done);
}

static void fill(form_t form, size_t size, void **live, size_t n)
{
	for (size_t i = 0; i < n; i++)
		live[i] = bench_touch(form_take(form, size));
}

static void fill_untouched(form_t form, size_t size, void **live, size_t n)
{
	for (size_t i = 0; i < n; i++)
		live[i] = bench_hide(form_take(form, size));
}

static void drain(form_t form, size_t size, void **live, size_t n)
{
	for (size_t i = 0; i < n; i++)
		form_give(form, size, live[i]);
}

static void pattern_fifo(form_t form, struct job *job)
{
	void **live = job_array(job->live);

	while (job->done < job->pairs) {
		job_begin(job);
		fill(form, job->size, live, job->live);
		drain(form, job->size, live, job->live);
		job_end(job, job->live);
	}
	bench_memory_free(live, job->live * sizeof(void *));
}

static void pattern_fill(form_t form, struct job *job)
{
	void **live = job_array(job->live);

	while (job->done < job->pairs) {
		job_begin(job);
		fill_untouched(form, job->size, live, job->live);
		drain(form, job->size, live, job->live);
		job_end(job, job->live);
	}
	bench_memory_free(live, job->live * sizeof(void *));
}

static void shuffle(void **array, size_t n, uint64_t *seed)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = bench_below(seed, i);
		void *other = array[j];

		array[j] = array[i - 1];
		array[i - 1] = other;
	}
}

static void pattern_rand(form_t form, struct job *job)
{
	void **live = job_array(job->live);
	uint64_t seed = BENCH_SEED;

	while (job->done < job->pairs) {
		job_begin(job);
		fill(form, job->size, live, job->live);
		job_end(job, 0);
		shuffle(live, job->live, &seed);
		job_begin(job);
		drain(form, job->size, live, job->live);
		job_end(job, job->live);
	}
	bench_memory_free(live, job->live * sizeof(void *));
}

/* Replaces at least pairs objects out of live, in bursts. Returns how many. */
static size_t churn(form_t form, size_t size, void **live, size_t n, size_t pairs, uint64_t seed)
{
	size_t done = 0, at[BENCH_BURST];

	while (done < pairs) {
		size_t burst = 1 + bench_below(&seed, BENCH_BURST);

		for (size_t i = 0; i < burst; i++) {
			at[i] = bench_below(&seed, n);
			if (live[at[i]])
				form_give(form, size, live[at[i]]);
			live[at[i]] = NULL;
		}
		for (size_t i = 0; i < burst; i++) {
			if (live[at[i]])
				continue;
			live[at[i]] = bench_touch(form_take(form, size));
			done++;
		}
	}
	return done;
}

static void pattern_churn(form_t form, struct job *job)
{
	void **live = job_array(job->live);
	size_t done;

	fill(form, job->size, live, job->live);
	job_begin(job);
	done = churn(form, job->size, live, job->live, job->pairs, BENCH_SEED);
	job_end(job, done);
	drain(form, job->size, live, job->live);
	bench_memory_free(live, job->live * sizeof(void *));
}

static void pattern_steady(form_t form, struct job *job)
{
	void **live = job_array(job->live);
	size_t first = 0, done, window = job->live < BENCH_BURST ? job->live : BENCH_BURST;

	fill_untouched(form, job->size, live, job->live);
	job_begin(job);
	for (done = 0; done < job->pairs; done += window) {
		drain(form, job->size, live + first, window);
		fill_untouched(form, job->size, live + first, window);
		first = first + 2 * window <= job->live ? first + window : 0;
	}
	job_end(job, done);
	drain(form, job->size, live, job->live);
	bench_memory_free(live, job->live * sizeof(void *));
}

static void pattern_create(form_t form, struct job *job)
{
#ifdef FORM_CACHES
	void **live = job_array(job->live);
	size_t size = job->size;

	(void)form;
	job_begin(job);
	for (size_t i = 0; i < job->pairs; i++) {
		form_t fresh = form_open(size, job->live);

		fill(fresh, size, live, job->live);
		drain(fresh, size, live, job->live);
		form_close(fresh);
	}
	job_end(job, job->pairs);
	bench_memory_free(live, job->live * sizeof(void *));
#else
	(void)form;
	job->skipped = "it has no caches to create";
#endif
}

static void pattern_caches(form_t form, struct job *job)
{
#ifdef FORM_CACHES
	void **live = job_array(job->live);
	form_t *cache = bench_memory(job->live * sizeof(form_t));
	uint64_t seed = BENCH_SEED;
	size_t size = job->size;

	(void)form;
	for (size_t i = 0; i < job->live; i++) {
		cache[i] = form_open(size, 1);
		if (!cache[i])
			bench_die("no more caches");
		live[i] = bench_touch(form_take(cache[i], size));
	}
	job_begin(job);
	for (size_t i = 0; i < job->pairs; i++) {
		size_t k = bench_below(&seed, job->live);

		form_give(cache[k], size, live[k]);
		live[k] = bench_touch(form_take(cache[k], size));
	}
	job_end(job, job->pairs);
	for (size_t i = 0; i < job->live; i++) {
		form_give(cache[i], size, live[i]);
		form_close(cache[i]);
	}
	bench_memory_free(cache, job->live * sizeof(form_t));
	bench_memory_free(live, job->live * sizeof(void *));
#else
	(void)form;
	job->skipped = "it has no caches";
#endif
}

static void pattern_lock(form_t form, struct job *job)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	(void)form;
	job_begin(job);
	for (size_t i = 0; i < job->pairs; i++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
	}
	job_end(job, job->pairs);
}

#endif
