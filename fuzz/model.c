/* SPDX-License-Identifier: MIT */
/*
 * The objects of the model: where they are and what is in them.
 *
 * Contents: a stamp in the first eight bytes, which krealloc must carry over, and one byte value
 * for the rest, so that filling and comparing are memset and memcmp. What lies between the size
 * asked for and the usable size gets another value: the guard. Of what is larger than 16 KiB only
 * the two ends and one byte a page are looked at.
 */
#include "poison.h"
#include "world.h"

#include <string.h>

#define WHOLE 16384u
#define ENDS 2048u

void model_reset(struct world *w)
{
	intervals_clear();
	w->cache_count = 0;
	w->object_count = 0;
	w->crowd_count = 0;
	w->current_cache = FUZZ_NONE;
	w->epoch = 0;
}

static unsigned char byte_of(uint32_t seed)
{
	return (unsigned char)((seed * 2654435761u) >> 24 | 1);
}

static uint64_t stamp_of(uint32_t seed)
{
	return (seed + 1) * 0x9e3779b97f4a7c15u;
}

static void fill(unsigned char *p, size_t n, unsigned char value)
{
	if (n <= WHOLE) {
		memset(p, value, n);
		return;
	}
	memset(p, value, ENDS);
	for (size_t i = ENDS; i < n - ENDS; i += 4096)
		p[i] = value;
	memset(p + n - ENDS, value, ENDS);
}

static bool same(const unsigned char *p, size_t n, unsigned char value)
{
	if (n == 0)
		return true;
	if (n <= WHOLE)
		return p[0] == value && !memcmp(p, p + 1, n - 1);
	for (size_t i = ENDS; i < n - ENDS; i += 4096)
		if (p[i] != value)
			return false;
	return same(p, ENDS, value) && same(p + n - ENDS, ENDS, value);
}

bool model_is_zero(const unsigned char *p, size_t n)
{
	if (n > WHOLE) {
		for (size_t i = 0; i < n; i += 512)
			if (p[i])
				return false;
		return same(p, WHOLE, 0) && same(p + n - ENDS, ENDS, 0);
	}
	return same(p, n, 0);
}

void model_fill(const struct world *w, uint32_t handle)
{
	const struct wobject *o = &fuzz_objects[handle];
	uint64_t stamp = stamp_of(handle);

	(void)w;
	fill(o->p, o->size, byte_of(handle));
	memcpy(o->p, &stamp, o->size < 8 ? o->size : 8);
	if (o->usable > o->size)
		fill(o->p + o->size, o->usable - o->size, (unsigned char)~byte_of(handle));
}

/* The first checked bytes of what was an object of this size hold the content of handle seed. */
void model_check_contents(const unsigned char *p, uint32_t seed, size_t checked, size_t size,
			  const char *what)
{
	uint64_t stamp = stamp_of(seed);
	bool good = !memcmp(p, &stamp, checked < 8 ? checked : 8);

	if (good && checked > 8) {
		unsigned char value = byte_of(seed);
		size_t whole = size > WHOLE && checked > ENDS ? ENDS : checked;

		good = same(p + 8, whole - 8, value);
		/* The same places that fill() wrote. */
		for (size_t i = ENDS; good && size > WHOLE && i < size - ENDS && i < checked;
		     i += 4096)
			good = p[i] == value;
		if (good && size > WHOLE && checked == size)
			good = same(p + size - ENDS, ENDS, value);
	}
	if (!good)
		fuzz_fail("contents", "object %u (%zu bytes at %p): %s", seed, size,
			  (const void *)p, what);
}

void model_check(const struct world *w, uint32_t handle)
{
	const struct wobject *o = &fuzz_objects[handle];

	(void)w;
	model_check_contents(o->p, handle, o->size, o->size,
			     "what was written is not there any more");
	if (o->usable > o->size && !same(o->p + o->size, o->usable - o->size,
					 (unsigned char)~byte_of(handle)))
		fuzz_fail("guard", "object %u: bytes behind its %zu were written", handle,
			  o->size);
}

void model_check_all(struct world *w)
{
	for (uint32_t i = 0; i < w->object_count; i++)
		if (fuzz_objects[i].live && fuzz_objects[i].size)
			model_check(w, i);
}

uint32_t model_find(const void *p)
{
	uint32_t at = intervals_find((uintptr_t)p);

	return at == INTERVALS_NONE ? FUZZ_NONE : at;
}

/* --- constructors --- */

/* What a constructor leaves behind depends on the address alone. */
static unsigned char ctor_byte(const void *object)
{
	return (unsigned char)(((uintptr_t)object >> 3) * 37 | 0x80);
}

void model_ctor(void *object)
{
	struct world *w = &fuzz_world;
	struct wcache *cache;

	if (w->current_cache == FUZZ_NONE)
		fuzz_fail("constructor", "a constructor runs while no cache with one is used");
	cache = &w->cache[w->current_cache];
	if (!cache->ctor)
		fuzz_fail("constructor", "a constructor runs for a cache that has none");
	if (model_find(object) != FUZZ_NONE)
		fuzz_fail("constructor", "a constructor runs on live object %u",
			  model_find(object));
	cache->ctor_calls++;
	memset(object, ctor_byte(object), cache->size);
}

void model_reconstruct(const struct world *w, uint32_t handle)
{
	const struct wobject *o = &fuzz_objects[handle];

	if (o->family == FAMILY_CACHE && w->cache[o->owner].ctor)
		memset(o->p, ctor_byte(o->p), o->size);
}

static void check_fresh(const struct world *w, uint32_t handle, gfp_t gfp)
{
	const struct wobject *o = &fuzz_objects[handle];
	const struct wcache *cache = o->family == FAMILY_CACHE ? &w->cache[o->owner] : NULL;
	bool ctor = cache && cache->ctor;
	bool keeps = ctor || (cache && (cache->flags & SLAB_TYPESAFE_BY_RCU));

	if ((gfp & __GFP_ZERO) || (w->options.init_on_alloc && !keeps)) {
		if (!model_is_zero(o->p, o->size))
			fuzz_fail("zero", "object %u: %zu bytes that should be zero are not",
				  handle, o->size);
		return;
	}
	if (ctor && !cache->spoiled && !same(o->p, o->size, ctor_byte(o->p)))
		fuzz_fail("constructor", "object %u is not as its constructor made it", handle);
}

void model_new(struct world *w, uint32_t handle, enum family family, uint32_t owner, void *p,
	       size_t size, size_t align, gfp_t gfp)
{
	struct wobject *o = &fuzz_objects[handle];
	uint32_t other;

	if (handle >= w->object_count)
		w->object_count = handle + 1;
	*o = (struct wobject){ .p = p, .size = size, .usable = size, .owner = owner,
			       .family = (uint8_t)family, .live = p != NULL };
	world_trace_place(w, p);
	if (!p)
		return;
	if ((uintptr_t)p & (align - 1))
		fuzz_fail("alignment", "object %u at %p is not aligned to %zu", handle, p, align);
	if (family == FAMILY_KMALLOC || family == FAMILY_VMALLOC) {
		o->usable = w->a->ksize(w->pool, p);
		if (o->usable < size)
			fuzz_fail("size", "ksize of object %u is %zu, asked for were %zu", handle,
				  o->usable, size);
	}
	if ((w->a->caps & CAP_PLATFORM) && family != FAMILY_ELEMENT &&
	    (!fuzz_platform_reserved(p) || !fuzz_platform_reserved((char *)p + o->usable - 1)))
		fuzz_fail("size", "object %u at %p, %zu bytes, leaves reserved memory", handle, p,
			  o->usable);
	other = intervals_add(handle, (uintptr_t)p, o->usable);
	if (other != INTERVALS_NONE)
		fuzz_fail("disjoint", "object %u at %p, %zu bytes, overlaps object %u at %p",
			  handle, p, o->usable, other, (void *)fuzz_objects[other].p);
	if (!(gfp & MODEL_KEEP))
		check_fresh(w, handle, gfp);
	model_fill(w, handle);
}

void model_moved(struct world *w, uint32_t handle)
{
	struct wobject *o = &fuzz_objects[handle];

	intervals_remove(handle);
	o->live = false;
	o->epoch = (uint32_t)w->epoch;
}

void model_gone(struct world *w, uint32_t handle)
{
	struct wobject *o = &fuzz_objects[handle];
	const struct wcache *cache = o->family == FAMILY_CACHE ? &w->cache[o->owner] : NULL;
	bool keeps = cache && (cache->ctor || (cache->flags & SLAB_TYPESAFE_BY_RCU));

	if (!keeps && o->family != FAMILY_ELEMENT)
		UNINITIALISED(o->p, o->usable);
	model_moved(w, handle);
}
