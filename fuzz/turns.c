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

static struct {
	uint32_t turn;             /* whose it is; a futex */
	uint32_t left;             /* threads that are not done */
	bool done[TURNS_MOST];
	unsigned int threads;
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
	if (next != NOBODY)
		fuzz_platform.thread = next;
	__atomic_store_n(&turns.turn, next, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turns.turn, FUTEX_WAKE_PRIVATE, TURNS_MOST + 1, NULL, NULL, 0);
}

static void wait_for(uint32_t mine)
{
	uint32_t now;

	while ((now = __atomic_load_n(&turns.turn, __ATOMIC_ACQUIRE)) != mine)
		syscall(SYS_futex, &turns.turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
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
	uint32_t number, next;

	if (!turns.on || turns.left < 2)
		return;
	number = draw();
	if (number & 1)
		return;
	next = other((number >> 1) % (turns.left - 1));
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

static void *thread_main(void *argument)
{
	self = (unsigned int)(uintptr_t)argument;
	wait_for(self);
	turns_acquire(&turns);
	turns.body(turns.context, self);
	turns_release(&turns);
	turns.done[self] = true;
	if (--turns.left)
		hand_to(other(draw() % turns.left));
	else
		hand_to(NOBODY);
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
	turns.turn = NOBODY;
	turns.on = true;
	for (unsigned int k = 0; k < threads; k++) {
		turns.done[k] = false;
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
