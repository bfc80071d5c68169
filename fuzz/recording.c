/* SPDX-License-Identifier: MIT */
/*
 * The format of a recording: 8 bytes "slabrec1", then events until the end or a zero byte. An
 * event is a byte (bits 0-5 the operation, bit 6: it failed) and its operands: LEB128 numbers, a
 * name is a length and bytes. What an event gives gets the next number of its kind, from 1; 0 is
 * NULL. Only what the target can express is taken over: for kmalloc the kmalloc and page calls,
 * for kmem_cache the calls on caches, for mempool those on pools.
 */
#include "recording.h"

#include <slabpool/slab.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "slabrec1"
#define FAILED 0x40u
#define IDS ((size_t)1 << 20)

enum event {
	EVENT_CACHE_CREATE = 1, EVENT_CACHE_DESTROY, EVENT_CACHE_SHRINK, EVENT_CACHE_ALLOC,
	EVENT_CACHE_FREE, EVENT_KMALLOC, EVENT_KFREE, EVENT_KREALLOC, EVENT_KMEMALIGN,
	EVENT_PAGES_ALLOC, EVENT_PAGES_FREE, EVENT_POOL_CREATE, EVENT_POOL_DESTROY,
	EVENT_POOL_RESIZE, EVENT_POOL_ALLOC, EVENT_POOL_FREE, EVENT_THREAD, EVENT_COUNT
};

/* Operands, whether a name follows, and the kind of what is given. */
enum given { GIVES_NOTHING, GIVES_OBJECT, GIVES_CACHE, GIVES_POOL, GIVES_ELEMENT, GIVEN_KINDS };
static const struct shape {
	unsigned char operands;
	bool name;
	enum given gives;
} shapes[EVENT_COUNT] = {
	[EVENT_CACHE_CREATE] = { 3, true, GIVES_CACHE },
	[EVENT_CACHE_DESTROY] = { 1, false, GIVES_NOTHING },
	[EVENT_CACHE_SHRINK] = { 1, false, GIVES_NOTHING },
	[EVENT_CACHE_ALLOC] = { 2, false, GIVES_OBJECT },
	[EVENT_CACHE_FREE] = { 2, false, GIVES_NOTHING },
	[EVENT_KMALLOC] = { 2, false, GIVES_OBJECT },
	[EVENT_KFREE] = { 1, false, GIVES_NOTHING },
	[EVENT_KREALLOC] = { 3, false, GIVES_OBJECT },
	[EVENT_KMEMALIGN] = { 3, false, GIVES_OBJECT },
	[EVENT_PAGES_ALLOC] = { 2, false, GIVES_OBJECT },
	[EVENT_PAGES_FREE] = { 2, false, GIVES_NOTHING },
	[EVENT_POOL_CREATE] = { 3, false, GIVES_POOL },
	[EVENT_POOL_DESTROY] = { 1, false, GIVES_NOTHING },
	[EVENT_POOL_RESIZE] = { 2, false, GIVES_NOTHING },
	[EVENT_POOL_ALLOC] = { 2, false, GIVES_ELEMENT },
	[EVENT_POOL_FREE] = { 2, false, GIVES_NOTHING },
	[EVENT_THREAD] = { 1, false, GIVES_NOTHING },
};

struct conversion {
	const uint8_t *next, *end;
	struct fuzz_program program;
	uint8_t *out;
	size_t bytes, limit, events;
	bool full;
	/* By kind and number: the handle, or FUZZ_NONE. */
	uint32_t *handle[GIVEN_KINDS];
	size_t given[GIVEN_KINDS];
	uint64_t operand[3];
	uint32_t thread;
};

static bool number(struct conversion *c, uint64_t *value)
{
	*value = 0;
	for (unsigned int shift = 0; shift < 64; shift += 7) {
		if (c->next >= c->end)
			return false;
		*value |= (uint64_t)(*c->next & 0x7f) << shift;
		if (!(*c->next++ & 0x80))
			return true;
	}
	return false;
}

/* Writes one line of words as bytes; the handle that it makes, or FUZZ_NONE. */
static uint32_t put(struct conversion *c, const char *line)
{
	uint8_t bytes[FUZZ_CALL_BYTES];
	struct fuzz_call call;
	char message[120];
	size_t n;

	if (c->full || fuzz_parse_call(&c->program, line, &call, message, sizeof(message)) != 0)
		return FUZZ_NONE;
	n = fuzz_encode(&c->program, &call, bytes);
	if (c->bytes + n > c->limit || c->program.made[FUZZ_MAKES_OBJECT] + 1 >= FUZZ_MAX_OBJECTS) {
		c->full = true;
		return FUZZ_NONE;
	}
	memcpy(c->out + c->bytes, bytes, n);
	c->bytes += n;
	fuzz_program_count(&c->program, &call);
	return call.count ? call.first : FUZZ_NONE;
}

static uint32_t known(const struct conversion *c, enum given kind, uint64_t number)
{
	return number && number <= c->given[kind] ? c->handle[kind][number - 1] : FUZZ_NONE;
}

static const char *gfp_word(uint64_t gfp)
{
	bool zero = gfp & __GFP_ZERO, waits = gfpflags_allow_blocking((gfp_t)gfp);

	if (!waits)
		return zero ? "NOWAIT|ZERO" : "GFP_NOWAIT";
	return zero ? "KERNEL|ZERO" : "GFP_KERNEL";
}

/* Sizes beyond what an input's small arenas hold would only fail. */
static unsigned int size_of(uint64_t size)
{
	return size > 0x100000 ? 0x100000 : (unsigned int)size;
}

static unsigned int shift_of(uint64_t align)
{
	unsigned int shift = 0;

	while (shift < 20 && ((uint64_t)1 << shift) < align)
		shift++;
	return shift;
}

static uint32_t convert_create(struct conversion *c)
{
	char line[160];
	uint64_t align = c->operand[1];

	snprintf(line, sizeof(line), "kmem_cache_create(size=%u, align=%u, flags=%s)",
		 size_of(c->operand[0]), align > 4096 ? 4096u : (unsigned int)align,
		 c->operand[2] & SLAB_HWCACHE_ALIGN ? "HWCACHE_ALIGN" : "0");
	return put(c, line);
}

static uint32_t convert_caches(struct conversion *c, enum event event)
{
	uint32_t cache = known(c, GIVES_CACHE, c->operand[0]);
	uint32_t object = known(c, GIVES_OBJECT, c->operand[1]);
	char line[160] = "";

	if (event == EVENT_CACHE_CREATE)
		return convert_create(c);
	if (cache == FUZZ_NONE)
		return FUZZ_NONE;
	if (event == EVENT_CACHE_DESTROY)
		snprintf(line, sizeof(line), "kmem_cache_destroy(cache %u)", cache);
	else if (event == EVENT_CACHE_SHRINK)
		snprintf(line, sizeof(line), "kmem_cache_shrink(cache %u)", cache);
	else if (event == EVENT_CACHE_ALLOC)
		snprintf(line, sizeof(line), "kmem_cache_alloc(cache %u, gfp=%s)", cache,
			 gfp_word(c->operand[1]));
	else if (object != FUZZ_NONE)
		snprintf(line, sizeof(line), "kmem_cache_free(object %u)", object);
	return *line ? put(c, line) : FUZZ_NONE;
}

static uint32_t convert_kmalloc(struct conversion *c, enum event event)
{
	uint32_t object = known(c, GIVES_OBJECT, c->operand[0]);
	uint64_t first = c->operand[0], second = c->operand[1];
	char line[160] = "";

	if (event == EVENT_KMALLOC || (event == EVENT_KREALLOC && object == FUZZ_NONE)) {
		if (event == EVENT_KREALLOC) {
			first = second;
			second = c->operand[2];
		}
		snprintf(line, sizeof(line), "kmalloc(size=%u, gfp=%s)", size_of(first),
			 gfp_word(second));
	} else if (event == EVENT_KMEMALIGN) {
		snprintf(line, sizeof(line), "kmemalign(align_shift=%u, size=%u, gfp=%s)",
			 shift_of(second), size_of(first), gfp_word(c->operand[2]));
	} else if (event == EVENT_PAGES_ALLOC) {
		snprintf(line, sizeof(line), "alloc_pages(order=%u, gfp=%s)",
			 first > 8 ? 8u : (unsigned int)first, gfp_word(second));
	} else if (object == FUZZ_NONE) {
		return FUZZ_NONE;
	} else if (event == EVENT_KFREE) {
		snprintf(line, sizeof(line), "kfree(object %u)", object);
	} else if (event == EVENT_KREALLOC) {
		snprintf(line, sizeof(line), "krealloc(object %u, size=%u, gfp=%s)", object,
			 size_of(second), gfp_word(c->operand[2]));
	} else if (event == EVENT_PAGES_FREE) {
		snprintf(line, sizeof(line), "free_pages(object %u, order=%u)", object,
			 second > 8 ? 8u : (unsigned int)second);
	}
	return put(c, line);
}

static uint32_t convert_pools(struct conversion *c, enum event event)
{
	static const char *const kinds[] = { "custom", "slab", "kmalloc", "kvmalloc", "pages" };
	uint32_t pool = known(c, GIVES_POOL, c->operand[0]);
	uint32_t element = known(c, GIVES_ELEMENT, c->operand[1]);
	unsigned int n = (unsigned int)(c->operand[0] > 40 ? 40 : c->operand[0]);
	char line[160] = "";

	if (event == EVENT_POOL_CREATE) {
		uint64_t kind = c->operand[1] > 4 ? 0 : c->operand[1], data = c->operand[2];

		if (kind == 1 && known(c, GIVES_CACHE, data) == FUZZ_NONE)
			kind = 0;
		data = kind == 1 ? known(c, GIVES_CACHE, data) : kind == 0 ? 0 : data;
		snprintf(line, sizeof(line),
			 "mempool_create(min_nr_plus_1=%u, backend=%s, parameter=%u)", n + 1,
			 kinds[kind], data > 0x8000 ? 0x8000u : (unsigned int)data);
	} else if (pool == FUZZ_NONE) {
		return FUZZ_NONE;
	} else if (event == EVENT_POOL_DESTROY) {
		snprintf(line, sizeof(line), "mempool_destroy(pool %u)", pool);
	} else if (event == EVENT_POOL_RESIZE) {
		n = (unsigned int)(c->operand[1] > 40 ? 40 : c->operand[1]);
		snprintf(line, sizeof(line), "mempool_resize(pool %u, min_nr_plus_2=%u)", pool,
			 n + 2);
	} else if (event == EVENT_POOL_ALLOC) {
		snprintf(line, sizeof(line), "mempool_alloc(pool %u, gfp=%s)", pool,
			 gfp_word(c->operand[1]));
	} else if (element != FUZZ_NONE) {
		snprintf(line, sizeof(line), "mempool_free(object %u)", element);
	}
	return *line ? put(c, line) : FUZZ_NONE;
}

static void convert_thread(struct conversion *c)
{
	char line[40];

	snprintf(line, sizeof(line), "thread(thread=%u)",
		 (unsigned int)((c->operand[0] - 1) % 4));
	put(c, line);
}

static uint32_t convert_event(struct conversion *c, enum event event)
{
	const char *target = c->program.target->name;

	if (event == EVENT_THREAD)
		convert_thread(c);
	else if (!strcmp(target, "kmem_cache") && event <= EVENT_CACHE_FREE)
		return convert_caches(c, event);
	else if (!strcmp(target, "kmalloc") && event >= EVENT_KMALLOC && event <= EVENT_PAGES_FREE)
		return convert_kmalloc(c, event);
	else if (!strcmp(target, "mempool") &&
		 (event == EVENT_CACHE_CREATE || event == EVENT_CACHE_DESTROY))
		return convert_caches(c, event);
	else if (!strcmp(target, "mempool") && event >= EVENT_POOL_CREATE)
		return convert_pools(c, event);
	return FUZZ_NONE;
}

static bool name_over(struct conversion *c)
{
	uint64_t length;

	if (!number(c, &length) || length > (uint64_t)(c->end - c->next))
		return false;
	c->next += length;
	return true;
}

/* One event; NULL, or what is wrong with it. A cut-off event at the end is no error. */
static const char *next_event(struct conversion *c, bool *done)
{
	unsigned int byte = *c->next++, event = byte & 0x3f;
	const struct shape *shape = &shapes[event < EVENT_COUNT ? event : 0];
	uint32_t handle;

	*done = byte == 0;
	if (*done)
		return NULL;
	if ((byte & 0x80) || event >= EVENT_COUNT || !event)
		return "an event of no known kind";
	memset(c->operand, 0, sizeof(c->operand));
	for (unsigned int i = 0; i < shape->operands; i++)
		*done |= !*done && !number(c, &c->operand[i]);
	if (*done || (shape->name && !name_over(c))) {
		*done = true;
		return NULL;
	}
	c->events++;
	/* What failed for want of memory may succeed here, and nobody would free the element. */
	if (event == EVENT_POOL_ALLOC && (byte & FAILED))
		return NULL;
	handle = convert_event(c, (enum event)event);
	if (shape->gives == GIVES_NOTHING || (byte & FAILED))
		return NULL;
	if (c->given[shape->gives] == IDS)
		*done = true;
	else
		c->handle[shape->gives][c->given[shape->gives]++] = handle;
	return NULL;
}

static const char *convert_all(struct conversion *c)
{
	const char *error = NULL;
	bool done = false;

	put(c, "instance(arena_mib=4)");
	while (!error && !done && !c->full && c->next < c->end)
		error = next_event(c, &done);
	if (!error && c->program.index <= 1)
		return "nothing in it that this target can express";
	return error;
}

uint8_t *recording_convert(const struct fuzz_target *target, const uint8_t *data, size_t size,
			   size_t limit, size_t *bytes, size_t *events, const char **error)
{
	struct conversion c = { .next = data + 8, .end = data + size, .limit = limit };
	bool memory = true;

	*error = "no recording: it does not begin with " MAGIC;
	if (size < 8 || memcmp(data, MAGIC, 8))
		return NULL;
	fuzz_program_open(&c.program, target, NULL, 0);
	c.out = malloc(limit);
	for (unsigned int k = 1; k < GIVEN_KINDS; k++) {
		c.handle[k] = malloc(IDS * sizeof(uint32_t));
		memory = memory && c.handle[k];
	}
	*error = memory && c.out ? convert_all(&c) : "no memory";
	for (unsigned int k = 1; k < GIVEN_KINDS; k++)
		free(c.handle[k]);
	*bytes = c.bytes;
	*events = c.events;
	if (!*error)
		return c.out;
	free(c.out);
	return NULL;
}
