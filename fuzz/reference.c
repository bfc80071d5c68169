/* SPDX-License-Identifier: MIT */
#include "reference.h"

static bool power_of_two(uint64_t n)
{
	for (unsigned int shift = 0; shift < 64; shift++)
		if (n == (uint64_t)1 << shift)
			return true;
	return false;
}

uint32_t reference_align(uint32_t size, uint32_t align, bool hwcache_align)
{
	static const uint32_t lines[] = { 8, 16, 32, 64 };
	uint32_t best = align;

	/* The smallest of these lines that holds the object, but for lines above 64. */
	for (unsigned int i = 0; hwcache_align && i < 4; i++) {
		if (size <= lines[i] || lines[i] == 64) {
			best = lines[i] > align ? lines[i] : align;
			break;
		}
	}
	while (best % 8)
		best++;
	return best < 8 ? 8 : best;
}

uint32_t reference_granule(uint32_t stride, uint32_t most)
{
	static const uint32_t granules[] = { 1024, 64, 16, 8 };
	uint64_t best_cost = UINT64_MAX;
	uint32_t best = 0;

	for (unsigned int i = 0; i < 4; i++) {
		uint64_t g = granules[i], count = ((uint64_t)stride + g - 1) / g;

		if (g > most)
			continue;
		if (count * g + count < best_cost) {
			best_cost = count * g + count;
			best = granules[i];
		}
	}
	return best;
}

uint32_t reference_order_of(uint64_t bytes, uint32_t page_shift)
{
	uint32_t order = 0;

	while (order < 63 - page_shift && ((uint64_t)1 << (page_shift + order)) < bytes)
		order++;
	return order;
}

uint32_t reference_class_size(uint64_t size)
{
	static const uint32_t sizes[] = { 8,   16,  32,   64,   96,   128, 192,
					  256, 512, 1024, 2048, 4096, 8192 };

	for (unsigned int i = 0; i < 13; i++)
		if (size <= sizes[i])
			return sizes[i];
	return 0;
}

static bool request_is_good(const struct geometry_request *r)
{
	uint64_t largest = 1u << 22, most;

	if (r->page_shift < 9 || r->page_shift > 16 || r->max_order > 10 ||
	    r->min_order > r->max_order)
		return false;
	most = (uint64_t)1024 << r->page_shift;
	if (most > largest)
		most = largest;
	if (((uint64_t)1 << (r->page_shift + r->min_order)) > most)
		return false;
	if (r->size == 0 || (uint64_t)r->size + r->before + r->after > most)
		return false;
	if (r->align && (!power_of_two(r->align) || r->align > most))
		return false;
	return r->granule == 0 || (power_of_two(r->granule) && r->granule >= 8 &&
				   r->granule <= (uint64_t)1 << r->page_shift);
}

static uint64_t objects_in(uint64_t run, uint64_t stride)
{
	return run / stride < 65536 ? run / stride : 65536;
}

/* The order by the rule: the smallest that holds the wished number (halved until the largest can
 * hold it) and wastes at most 1/16; else 1/8; else 1/4; else anything. */
static uint32_t best_order(const struct geometry_request *r, uint32_t low, uint32_t high,
			   uint64_t stride)
{
	static const uint32_t fractions[] = { 16, 8, 4, 1 };
	uint64_t wish = r->min_objects;

	while (wish > 1 && objects_in((uint64_t)1 << (r->page_shift + high), stride) < wish)
		wish /= 2;
	for (unsigned int f = 0; f < 4; f++) {
		for (uint32_t order = low; order <= high; order++) {
			uint64_t run = (uint64_t)1 << (r->page_shift + order);
			uint64_t held = objects_in(run, stride);

			if (held >= wish && run - held * stride <= run / fractions[f])
				return order;
		}
	}
	return high;
}

bool reference_compute(const struct geometry_request *r, struct geometry *out)
{
	uint64_t align, stride, granule, most, run;
	uint32_t low, high, top = 0;

	if (!request_is_good(r))
		return false;
	most = (uint64_t)1024 << r->page_shift < 1u << 22 ? (uint64_t)1024 << r->page_shift
							  : 1u << 22;
	while (((uint64_t)1 << (r->page_shift + top)) < most)
		top++;
	align = reference_align(r->size, r->align, r->hwcache_align);
	stride = (uint64_t)r->before + r->size + r->after;
	while (stride % align)
		stride += align - stride % align;
	granule = r->granule ? r->granule
			     : reference_granule((uint32_t)stride, 1u << r->page_shift);
	while (stride % granule)
		stride += granule - stride % granule;
	low = reference_order_of(stride > align ? stride : align, r->page_shift);
	low = low > r->min_order ? low : r->min_order;
	high = r->max_order < top ? r->max_order : top;
	if (low > top)
		return false;
	out->order = low > high ? low : best_order(r, low, high, stride);
	run = (uint64_t)1 << (r->page_shift + out->order);
	out->align = (uint32_t)align;
	out->stride = (uint32_t)stride;
	out->granule = (uint32_t)granule;
	out->capacity = (uint32_t)objects_in(run, stride);
	out->colour_off = 64;
	if (align > out->colour_off)
		out->colour_off = (uint32_t)align;
	if (granule > out->colour_off)
		out->colour_off = (uint32_t)granule;
	out->colours = (uint32_t)((run - out->capacity * stride) / out->colour_off) + 1;
	return true;
}
