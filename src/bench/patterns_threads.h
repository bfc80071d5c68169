/* SPDX-License-Identifier: MIT */
/*
 * The patterns of several threads, by time that passes.
 *
 *	pc       one thread allocates and writes a word, another frees; objects go through a ring of
 *	         1024, 32 at a time
 *	threads  job->threads threads, each with churn over job->live objects of its own; the figure
 *	         is the time from the first one's begin to the last one's end, over all pairs
 */
#ifndef BENCH_PATTERNS_THREADS_H
#define BENCH_PATTERNS_THREADS_H

#define RING_ROOM 1024u

struct ring {
	form_t form;
	size_t size, pairs;
	_Alignas(128) size_t head; /* objects that were put in */
	_Alignas(128) size_t tail; /* objects that were taken out */
	_Alignas(128) void *object[RING_ROOM];
};

static bool one_thread_only(struct job *job)
{
#ifdef FORM_ONE_THREAD
	job->skipped = "it is not for several threads";
#endif
	return job->skipped != NULL;
}

static void thread_hook(bool begins)
{
#ifdef FORM_THREAD
	form_thread(begins);
#else
	(void)begins;
#endif
}

/* Until *count is at least wanted. The other side may have no processor of its own. */
static void ring_wait(const size_t *count, size_t wanted)
{
	for (unsigned int tries = 0; __atomic_load_n(count, __ATOMIC_ACQUIRE) < wanted; tries++) {
		if (tries > 1000)
			sched_yield();
	}
}

static void *ring_consumer(void *argument)
{
	struct ring *ring = argument;
	size_t done = 0;

	thread_hook(true);
	while (done < ring->pairs) {
		ring_wait(&ring->head, done + BENCH_BULK);
		for (size_t end = done + BENCH_BULK; done < end; done++)
			form_give(ring->form, ring->size, ring->object[done % RING_ROOM]);
		__atomic_store_n(&ring->tail, done, __ATOMIC_RELEASE);
	}
	thread_hook(false);
	return NULL;
}

static void ring_producer(struct ring *ring)
{
	size_t done = 0;

	while (done < ring->pairs) {
		if (done + BENCH_BULK > RING_ROOM)
			ring_wait(&ring->tail, done + BENCH_BULK - RING_ROOM);
		for (size_t end = done + BENCH_BULK; done < end; done++)
			ring->object[done % RING_ROOM] =
				bench_touch(form_take(ring->form, ring->size));
		__atomic_store_n(&ring->head, done, __ATOMIC_RELEASE);
	}
}

static void pattern_pc(form_t form, struct job *job)
{
	static struct ring ring;
	pthread_t consumer;
	uint64_t begin;

	if (one_thread_only(job))
		return;
	memset(&ring, 0, sizeof(ring));
	ring.form = form;
	ring.size = job->size;
	ring.pairs = (job->pairs + BENCH_BULK - 1) / BENCH_BULK * BENCH_BULK;
	if (pthread_create(&consumer, NULL, ring_consumer, &ring))
		bench_die("no thread");
	begin = bench_clock(CLOCK_MONOTONIC);
	ring_producer(&ring);
	ring_wait(&ring.tail, ring.pairs);
	job->nanoseconds = bench_clock(CLOCK_MONOTONIC) - begin;
	job->done = ring.pairs;
	pthread_join(consumer, NULL);
}

struct team {
	form_t form;
	const struct job *job;
	pthread_barrier_t ready;
};

struct member {
	pthread_t thread;
	struct team *team;
	uint64_t seed;
	uint64_t begin, end; /* by its own watch: the leader may be without a processor */
	size_t done;
};

static void *member_work(void *argument)
{
	struct member *member = argument;
	struct team *team = member->team;
	const struct job *job = team->job;
	void **live = job_array(job->live);

	thread_hook(true);
	fill(team->form, job->size, live, job->live);
	pthread_barrier_wait(&team->ready);
	member->begin = bench_clock(CLOCK_MONOTONIC);
	member->done = churn(team->form, job->size, live, job->live, job->pairs / job->threads,
			     member->seed);
	member->end = bench_clock(CLOCK_MONOTONIC);
	drain(team->form, job->size, live, job->live);
	thread_hook(false);
	bench_memory_free(live, job->live * sizeof(void *));
	return NULL;
}

static void pattern_threads(form_t form, struct job *job)
{
	static struct member member[BENCH_THREADS_MAX];
	struct team team = {.form = form, .job = job};
	uint64_t begin = UINT64_MAX, end = 0;

	if (one_thread_only(job))
		return;
	pthread_barrier_init(&team.ready, NULL, job->threads);
	for (unsigned int i = 0; i < job->threads; i++) {
		member[i] = (struct member){.team = &team, .seed = BENCH_SEED + 2 * i};
		if (pthread_create(&member[i].thread, NULL, member_work, &member[i]))
			bench_die("no thread");
	}
	for (unsigned int i = 0; i < job->threads; i++) {
		pthread_join(member[i].thread, NULL);
		job->done += member[i].done;
		begin = member[i].begin < begin ? member[i].begin : begin;
		end = member[i].end > end ? member[i].end : end;
	}
	job->nanoseconds = end - begin;
	pthread_barrier_destroy(&team.ready);
}

#endif
