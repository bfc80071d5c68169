/* SPDX-License-Identifier: MIT */
/* See turns.h. Compiled without TSan: what orders the threads here orders nothing for it. */
#include "turns.h"

#include "world.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY UINT32_MAX
/* As the kernel numbers them: not every libc comes with the kernel's headers. */
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129
#define CPUS_MOST 4096u
/* Turns of an input after which they change at one point of SELDOM, no longer of OFTEN: where
 * memory is full, each allocation takes the lock of every cache, and seconds would go by. */
#define MANY_TURNS 65536u
#define OFTEN 2u
#define SELDOM 64u

static struct {
	uint32_t turn[TURNS_MOST]; /* 1: it is this thread's; each a futex */
	uint32_t left;             /* threads that are not done */
	bool done[TURNS_MOST];
	unsigned int threads, cpu;
	uint32_t series;
	bool on;
	void (*body)(void *context, unsigned int k);
	void *context;
} turns;

static __thread unsigned int self;

/* Of TSan's runtime, where there is one. */
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));
void __tsan_mutex_pre_lock(void *address, unsigned int flags) __attribute__((weak));
void __tsan_mutex_post_lock(void *address, unsigned int flags, int times) __attribute__((weak));
int __tsan_mutex_pre_unlock(void *address, unsigned int flags) __attribute__((weak));
void __tsan_mutex_post_unlock(void *address, unsigned int flags) __attribute__((weak));

void AnnotateIgnoreWritesBegin(const char *file, int line) __attribute__((weak));
void AnnotateIgnoreWritesEnd(const char *file, int line) __attribute__((weak));

void turns_acquire(void *place)
{
	if (__tsan_acquire)
		__tsan_acquire(place);
}

void turns_release(void *place)
{
	if (__tsan_release)
		__tsan_release(place);
}

void turns_lock_begins(void *lock)
{
	if (__tsan_mutex_pre_lock)
		__tsan_mutex_pre_lock(lock, 0);
}

void turns_lock_taken(void *lock)
{
	if (__tsan_mutex_post_lock)
		__tsan_mutex_post_lock(lock, 0, 1);
}

void turns_unlock_begins(void *lock)
{
	if (__tsan_mutex_pre_unlock)
		__tsan_mutex_pre_unlock(lock, 0);
}

void turns_unlocked(void *lock)
{
	if (__tsan_mutex_post_unlock)
		__tsan_mutex_post_unlock(lock, 0);
}

void turns_hide(bool begins)
{
	if (begins && AnnotateIgnoreWritesBegin)
		AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
	if (!begins && AnnotateIgnoreWritesEnd)
		AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
}

bool turns_on(void)
{
	return turns.on;
}

static void hand_to(uint32_t next)
{
	fuzz_platform.thread = next;
	__atomic_store_n(&turns.turn[next], 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turns.turn[next], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wait_for(uint32_t mine)
{
	while (!__atomic_load_n(&turns.turn[mine], __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &turns.turn[mine], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	turns.turn[mine] = 0;
}

/* The thread that is so many places behind this one among those that are not done. */
static uint32_t other(uint32_t places)
{
	uint32_t k = self;

	for (uint32_t i = 0; i < turns.threads * (places + 1); i++) {
		k = (k + 1) % turns.threads;
		if (!turns.done[k] && k != self && places-- == 0)
			return k;
	}
	return NOBODY;
}

static void switch_to(uint32_t next)
{
	unsigned int mine = self;

	fuzz_platform.turns++;
	hand_to(next);
	wait_for(mine);
}

static uint32_t draw(void)
{
	turns.series = turns.series * 1664525u + 1013904223u;
	return turns.series >> 16;
}

void turns_point(void)
{
	uint32_t one_of, number, next;

	if (!turns.on || turns.left < 2)
		return;
	one_of = fuzz_platform.turns < MANY_TURNS ? OFTEN : SELDOM;
	number = draw();
	if (number % one_of)
		return;
	next = other(number / one_of % (turns.left - 1));
	if (next != NOBODY)
		switch_to(next);
}

bool turns_give_up(void)
{
	uint32_t next = turns.left < 2 ? NOBODY : other(draw() % (turns.left - 1));

	if (next == NOBODY)
		return false;
	switch_to(next);
	return true;
}

/* As one of them runs at a time, they are quicker on one processor: a turn that goes to another
 * one has to wake that up. Where it cannot be chosen they run where they are put. */
static void share_processor(void)
{
	const unsigned int bits = 8 * sizeof(unsigned long);
	unsigned long allowed[CPUS_MOST / (8 * sizeof(unsigned long))] = { 0 };

	if (turns.cpu >= CPUS_MOST)
		return;
	allowed[turns.cpu / bits] = 1ul << turns.cpu % bits;
	syscall(SYS_sched_setaffinity, 0, sizeof(allowed), allowed);
}

static void *thread_main(void *argument)
{
	share_processor();
	self = (unsigned int)(uintptr_t)argument;
	wait_for(self);
	turns_acquire(&turns);
	turns.body(turns.context, self);
	turns_release(&turns);
	turns.done[self] = true;
	if (--turns.left)
		hand_to(other(draw() % turns.left));
	return NULL;
}

void turns_run(unsigned int threads, uint32_t seed, void (*body)(void *context, unsigned int k),
	       void *context)
{
	pthread_t thread[TURNS_MOST];

	turns.threads = turns.left = threads;
	turns.series = seed;
	turns.body = body;
	turns.context = context;
	turns.on = true;
	if (syscall(SYS_getcpu, &turns.cpu, NULL, NULL))
		turns.cpu = CPUS_MOST;
	for (unsigned int k = 0; k < threads; k++) {
		turns.done[k] = false;
		turns.turn[k] = 0;
		if (pthread_create(&thread[k], NULL, thread_main, (void *)(uintptr_t)k))
			fuzz_fail("platform", "no thread");
	}
	turns_release(&turns);
	hand_to(0);
	for (unsigned int k = 0; k < threads; k++)
		pthread_join(thread[k], NULL);
	turns_acquire(&turns);
	turns.on = false;
}
