/* SPDX-License-Identifier: MIT */
/*
 * A sensor node without an operating system: 64 KiB of memory, no threads, no libc.
 *
 * Three kinds of memory, each with the call that fits it:
 *	samples   many, small, of one size, from one cache; dropped if there is no memory
 *	alarms    must not be lost: a mempool with a reserve that samples cannot use up
 *	packets   of any size, made of a few samples, sent and freed: kmalloc
 *
 * The main loop measures until memory is full, raises alarms in that very moment, then drains its
 * queue into packets and looks whether all memory came back. Everything works on one instance that
 * the caller has made over a buffer: on bare metal slabpool_bare_memory() gives the buffer to the
 * default instance, on a host slabpool_platform_buffer() makes one beside it (host.c).
 *
 * Nothing can be waited for here: mempool_alloc() with GFP_KERNEL returns NULL as GFP_ATOMIC does,
 * but also says so.
 *
 * Output:
 *	sensor: samples until memory was full: {int}
 *	sensor: a sample with no memory left: dropped
 *	sensor: alarms raised with no memory left: 8 of 8
 *	sensor: one alarm too many: refused
 *	sensor: packets sent: {int}, samples in them: all
 *	sensor: objects still in use: 0
 *	sensor: memory is as it was
 *	sensor: ok
 */
#include "sensor.h"

#define ALARMS 8
#define SAMPLES_A_PACKET 32

struct sample {
	struct sample *next;
	uint32_t time;
	int16_t value[4];
};

struct alarm {
	struct alarm *next;
	uint32_t time;
	char text[24];
};

struct node {
	struct slabpool *memory;
	struct kmem_cache *samples, *alarms;
	mempool_t *alarm_pool;
	struct sample *first, **last;
	struct alarm *raised;
	uint32_t time;
	struct slabpool_memory_info before; /* with both caches, but without an object */
	void (*line)(const char *text);
};

static size_t append(char *to, size_t used, size_t size, const char *text)
{
	while (*text && used + 1 < size)
		to[used++] = *text++;
	to[used] = '\0';
	return used;
}

static size_t append_number(char *to, size_t used, size_t size, uint32_t number)
{
	char digits[11];
	size_t n = sizeof(digits) - 1;

	digits[n] = '\0';
	do {
		digits[--n] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	return append(to, used, size, digits + n);
}

/* "sensor: what number rest": there is no printf here. A negative number is left out. */
static void say(const struct node *node, const char *what, int32_t number, const char *rest)
{
	char text[96];
	size_t used = append(text, 0, sizeof(text), "sensor: ");

	used = append(text, used, sizeof(text), what);
	if (number >= 0)
		used = append_number(text, used, sizeof(text), (uint32_t)number);
	append(text, used, sizeof(text), rest);
	node->line(text);
}

static bool open_node(struct node *node)
{
	node->last = &node->first;
	node->samples = slabpool_cache_create(node->memory, "sample", sizeof(struct sample), NULL,
					      0);
	node->alarms = slabpool_cache_create(node->memory, "alarm", sizeof(struct alarm), NULL, 0);
	if (!node->samples || !node->alarms)
		return false;
	slabpool_memory_info(node->memory, &node->before);
	node->alarm_pool = slabpool_mempool_create(node->memory, ALARMS, mempool_alloc_slab,
						   mempool_free_slab, node->alarms);
	return node->alarm_pool != NULL;
}

/* As an interrupt would: never blocks, and drops the sample if there is no memory. */
static bool measure(struct node *node)
{
	struct sample *sample = kmem_cache_alloc(node->samples, GFP_ATOMIC | __GFP_NOWARN);
	int i;

	node->time++;
	if (!sample)
		return false;
	sample->next = NULL;
	sample->time = node->time;
	for (i = 0; i < 4; i++)
		sample->value[i] = (int16_t)(node->time * 7 + (uint32_t)i);
	*node->last = sample;
	node->last = &sample->next;
	return true;
}

static bool raise_alarm(struct node *node, const char *text)
{
	struct alarm *alarm = mempool_alloc(node->alarm_pool, GFP_ATOMIC | __GFP_NOWARN);

	if (!alarm)
		return false;
	alarm->time = node->time;
	append(alarm->text, 0, sizeof(alarm->text), text);
	alarm->next = node->raised;
	node->raised = alarm;
	return true;
}

/* Frees the first samples into a packet. The number of samples in it; 0: no memory for one. */
static uint32_t send_packet(struct node *node)
{
	uint32_t *packet = slabpool_kmalloc(node->memory, SAMPLES_A_PACKET * sizeof(*packet),
					    GFP_ATOMIC | __GFP_NOWARN);
	uint32_t n = 0;

	while (packet && n < SAMPLES_A_PACKET && node->first) {
		struct sample *sample = node->first;

		packet[n++] = sample->time ^ (uint32_t)sample->value[0];
		node->first = sample->next;
		kmem_cache_free(node->samples, sample);
	}
	if (!node->first)
		node->last = &node->first;
	/* Here the radio would send it. */
	slabpool_kfree(node->memory, packet);
	return n;
}

static void drop_alarms(struct node *node)
{
	while (node->raised) {
		struct alarm *alarm = node->raised;

		node->raised = alarm->next;
		mempool_free(alarm, node->alarm_pool);
	}
}

/* Measures until there is no memory; what must not be lost still gets through. */
static bool fill(struct node *node, uint32_t *measured)
{
	uint32_t alarms = 0;
	bool dropped, refused;

	/* One packet's worth is kept back, or nothing could be sent any more. */
	void *kept = slabpool_kmalloc(node->memory, SAMPLES_A_PACKET * sizeof(uint32_t),
				      GFP_ATOMIC);

	while (measure(node))
		++*measured;
	say(node, "samples until memory was full: ", (int32_t)*measured, "");
	dropped = !measure(node);
	say(node, "a sample with no memory left: ", -1, dropped ? "dropped" : "kept?");
	/* The cache may have free objects beside the reserve: up to one slab. */
	while (alarms < 4096 && node->alarm_pool->curr_nr == ALARMS &&
	       raise_alarm(node, "battery low"))
		alarms++;
	for (alarms = 1; alarms < ALARMS && raise_alarm(node, "battery low"); alarms++)
		;
	say(node, "alarms raised with no memory left: ", (int32_t)alarms, " of 8");
	refused = !raise_alarm(node, "one too many");
	say(node, "one alarm too many: ", -1, refused ? "refused" : "granted?");
	slabpool_kfree(node->memory, kept);
	return dropped && refused && alarms == ALARMS;
}

static bool drain(struct node *node, uint32_t measured)
{
	uint32_t packets = 0, sent = 0, n;

	while ((n = send_packet(node)) > 0) {
		packets++;
		sent += n;
	}
	drop_alarms(node);
	say(node, "packets sent: ", (int32_t)packets, sent == measured ? ", samples in them: all" :
	    ", but samples were lost");
	return sent == measured;
}

/* Everything goes back: to the caches, from the caches to the pages. */
static bool close_node(struct node *node)
{
	struct slabpool_memory_info after;
	struct slabpool_cache_info info;
	size_t used;
	bool same;

	mempool_destroy(node->alarm_pool);
	slabpool_cache_info(node->samples, &info);
	used = info.active_objects;
	slabpool_cache_info(node->alarms, &info);
	used += info.active_objects;
	say(node, "objects still in use: ", (int32_t)used, "");
	slabpool_reap(node->memory);
	slabpool_memory_info(node->memory, &after);
	same = after.slabs == node->before.slabs && after.runs == node->before.runs;
	say(node, same ? "memory is as it was" : "memory is missing", -1, "");
	kmem_cache_destroy(node->alarms);
	kmem_cache_destroy(node->samples);
	return used == 0 && same;
}

bool sensor_run(struct slabpool *memory, void (*line)(const char *text))
{
	struct node node = { .memory = memory, .line = line };
	uint32_t measured = 0;
	bool good;

	if (!open_node(&node)) {
		say(&node, "no memory to start with", -1, "");
		return false;
	}
	good = fill(&node, &measured);
	good = drain(&node, measured) && good;
	good = close_node(&node) && good;
	say(&node, good ? "ok" : "FAILED", -1, "");
	return good;
}
