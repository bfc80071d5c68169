/* SPDX-License-Identifier: MIT */
#include "core/slab.h"

static uint64_t word_set(uint64_t word, uint32_t k)
{
	return word | (uint64_t)1 << k;
}

static uint64_t word_clear(uint64_t word, uint32_t k)
{
	return word & ~((uint64_t)1 << k);
}

static bool word_test(uint64_t word, uint32_t k)
{
	return (word & (uint64_t)1 << k) != 0;
}

/* The lowest k bits set, 1 <= k <= 64. */
static uint64_t word_low(uint32_t k)
{
	return UINT64_MAX >> (64 - k);
}

void slab_init(struct slab *slab, uint64_t *bits, uint32_t capacity, uint32_t first,
	       uint32_t stride, uint32_t bytes)
{
	uint32_t last = (capacity - 1) / 64, i;

	slab->free_bits = bits;
	slab->capacity = capacity;
	slab->free_count = capacity;
	slab->hint = 0;
	slab->first = first;
	slab->stride = stride;
	slab->bytes = bytes;
	for (i = 0; i < last; i++)
		bits[i] = UINT64_MAX;
	bits[last] = word_low(capacity - last * 64);
}

uint32_t slab_take(struct slab *slab)
{
	uint32_t words = (slab->capacity + 63) / 64, w, k;

	for (w = slab->hint; w < words; w++)
		if (slab->free_bits[w] != 0)
			break;
	slab->hint = w;
	if (w == words)
		return SLAB_NO_OBJECT;
	k = slabpool_ctz64(slab->free_bits[w]);
	slab->free_bits[w] = word_clear(slab->free_bits[w], k);
	slab->free_count--;
	return w * 64 + k;
}

bool slab_give(struct slab *slab, uint32_t index)
{
	uint32_t w = index / 64;

	if (index >= slab->capacity || word_test(slab->free_bits[w], index % 64))
		return false;
	slab->free_bits[w] = word_set(slab->free_bits[w], index % 64);
	slab->free_count++;
	if (w < slab->hint)
		slab->hint = w;
	return true;
}

bool slab_is_free(const struct slab *slab, uint32_t index)
{
	return index < slab->capacity && word_test(slab->free_bits[index / 64], index % 64);
}

uint32_t slab_object_offset(const struct slab *slab, uint32_t index)
{
	return slab->first + index * slab->stride;
}

uint32_t slab_object_at(const struct slab *slab, uint32_t offset)
{
	uint32_t index;

	if (offset < slab->first)
		return SLAB_NO_OBJECT;
	index = (offset - slab->first) / slab->stride;
	return index < slab->capacity ? index : SLAB_NO_OBJECT;
}

/* Sizes fit together, whatever the bits say. */
static bool shape_is_valid(const struct slab *slab)
{
	if (slab->free_bits == NULL || slab->capacity == 0 || slab->stride == 0)
		return false;
	if (slab->capacity > SLAB_MAX_OBJECTS || slab->bytes > SLAB_MAX_BYTES)
		return false;
	if (slab->first > slab->bytes)
		return false;
	return slab->stride <= (slab->bytes - slab->first) / slab->capacity;
}

bool slab_is_valid(const struct slab *slab)
{
	uint32_t bits, free = 0, i;

	if (!shape_is_valid(slab))
		return false;
	bits = (slab->capacity + 63) / 64 * 64;
	if (slab->hint > bits / 64)
		return false;
	for (i = 0; i < bits; i++) {
		if (!word_test(slab->free_bits[i / 64], i % 64))
			continue;
		if (i >= slab->capacity || i / 64 < slab->hint)
			return false;
		free++;
	}
	return free == slab->free_count;
}
