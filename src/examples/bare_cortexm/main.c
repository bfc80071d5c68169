/* SPDX-License-Identifier: MIT */
/*
 * The sensor node (../bare/sensor.c) on a Cortex-M: no operating system, no libc. The vector table
 * and the start-up code are here, memcpy() and memset() in string.c, the memory map in link.ld.
 *
 * Text goes out by semihosting: the debugger, or qemu, carries out a call when the processor stops
 * at `bkpt 0xab` with the call's number in r0 and its argument in r1.
 */
#include "../bare/sensor.h"

#define SEMIHOSTING_WRITE0 0x04
#define SEMIHOSTING_EXIT_EXTENDED 0x20
#define APPLICATION_EXIT 0x20026

#ifndef MEMORY
#define MEMORY (64 * 1024)
#endif

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

void reset(void) __attribute__((noreturn));
void fault(void) __attribute__((noreturn));

static unsigned char memory[MEMORY] __attribute__((aligned(1024)));

/* The stack's top, then where the processor goes on reset and on every fault. */
__attribute__((section(".vectors"), used)) static const struct {
	uint32_t *stack;
	void (*handler[15])(void);
} vectors = {
	stack_top,
	{ reset, fault, fault, fault, fault, fault },
};

static uint32_t semihosting(uint32_t call, const void *argument)
{
	register uint32_t r0 __asm__("r0") = call;
	register const void *r1 __asm__("r1") = argument;

	__asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
	return r0;
}

static __attribute__((noreturn)) void leave(uint32_t status)
{
	const uint32_t block[2] = { APPLICATION_EXIT, status };

	semihosting(SEMIHOSTING_EXIT_EXTENDED, block);
	for (;;)
		;
}

static void line(const char *text)
{
	semihosting(SEMIHOSTING_WRITE0, text);
	semihosting(SEMIHOSTING_WRITE0, "\n");
}

static void fatal(void)
{
	leave(3);
}

void fault(void)
{
	line("fault");
	leave(4);
}

void reset(void)
{
	uint32_t *from = data_load, *to;
	struct slabpool *pool;

	for (to = data_start; to < data_end; to++)
		*to = *from++;
	for (to = bss_start; to < bss_end; to++)
		*to = 0;

	slabpool_bare_output(line, fatal);
	if (slabpool_bare_memory(memory, sizeof(memory)) || !(pool = slabpool_default())) {
		line("sensor: too little memory");
		leave(2);
	}
	leave(sensor_run(pool, line) ? 0 : 1);
}
