/* SPDX-License-Identifier: MIT */
#include "core/geometry.h"

/* Runs beyond this are never chosen. */
#define RUN_SHIFT_MAX 22u
#define OBJECTS_MAX 65536u
#define REQUEST_MAX (1u << RUN_SHIFT_MAX)

bool geometry_is_pow2(uint32_t n)
{
	if (n == 0)
		return false;
	while (n % 2 == 0)
		n /= 2;
	return n == 1;
}

uint32_t geometry_round_up(uint32_t n, uint32_t align)
{
	return (n + align - 1) / align * align;
}

uint32_t geometry_align(uint32_t size, uint32_t align, bool hwcache_align)
{
	uint32_t line = GEOMETRY_CACHE_LINE;

	if (hwcache_align) {
		while (size <= line / 2)
			line /= 2;
		if (line > align)
			align = line;
	}
	if (align < GEOMETRY_MIN_ALIGN)
		align = GEOMETRY_MIN_ALIGN;
	return geometry_round_up(align, 8);
}

/* Bytes that an object takes with its state bytes. */
static uint32_t granule_cost(uint32_t stride, uint32_t granule)
{
	uint32_t rounded = geometry_round_up(stride, granule);

	return rounded + rounded / granule;
}

/* The better of two granules, if the second exists. */
static uint32_t granule_better(uint32_t stride, uint32_t granule, uint32_t larger, uint32_t most)
{
	if (larger > most || granule_cost(stride, larger) > granule_cost(stride, granule))
		return granule;
	return larger;
}

static uint32_t granule_choose(uint32_t stride, uint32_t most)
{
	uint32_t granule = 8;

	granule = granule_better(stride, granule, 16, most);
	granule = granule_better(stride, granule, 64, most);
	return granule_better(stride, granule, 1024, most);
}

uint32_t geometry_granule(uint32_t stride)
{
	return granule_choose(stride, 1024);
}

uint32_t geometry_order_of(uint64_t bytes, uint32_t page_shift)
{
	uint64_t page = (uint64_t)1 << page_shift;
	uint64_t pages = bytes / page + (bytes % page != 0), run = 1;
	uint32_t order = 0;

	while (run < pages) {
		run *= 2;
		order++;
	}
	return order;
}

/* Objects that a run holds. */
static uint32_t run_objects(uint32_t run, uint32_t stride)
{
	uint32_t objects = run / stride;

	return objects < OBJECTS_MAX ? objects : OBJECTS_MAX;
}

/* The first order in low .. high whose run holds objects and wastes at most 1/fraction;
 * high + 1 if none does. */
static uint32_t order_search(uint32_t low, uint32_t high, uint32_t page_shift, uint32_t stride,
			     uint32_t objects, uint32_t fraction)
{
	uint32_t order, run, held;

	for (order = low; order <= high; order++) {
		run = 1u << (page_shift + order);
		held = run_objects(run, stride);
		if (held >= objects && run - held * stride <= run / fraction)
			break;
	}
	return order;
}

/* Halves the wish until a run of the largest order grants it. */
static uint32_t objects_wanted(uint32_t wish, uint32_t most)
{
	while (wish > 1 && wish > most)
		wish /= 2;
	return wish;
}

static uint32_t order_choose(uint32_t low, uint32_t high, uint32_t page_shift, uint32_t stride,
			     uint32_t wish)
{
	uint32_t objects, order;

	objects = objects_wanted(wish, run_objects(1u << (page_shift + high), stride));
	order = order_search(low, high, page_shift, stride, objects, 16);
	if (order > high)
		order = order_search(low, high, page_shift, stride, objects, 8);
	if (order > high)
		order = order_search(low, high, page_shift, stride, objects, 4);
	if (order > high)
		order = order_search(low, high, page_shift, stride, objects, 1);
	return order;
}

/* The largest order there is for this page size. */
static uint32_t order_limit(uint32_t page_shift)
{
	uint32_t limit = RUN_SHIFT_MAX - page_shift;

	return limit < GEOMETRY_MAX_ORDER ? limit : GEOMETRY_MAX_ORDER;
}

static bool pages_are_sane(const struct geometry_request *request)
{
	return request->page_shift >= 9 && request->page_shift <= 16 &&
	       request->min_order <= request->max_order &&
	       request->max_order <= GEOMETRY_MAX_ORDER &&
	       request->min_order <= order_limit(request->page_shift);
}

static bool object_is_sane(const struct geometry_request *request)
{
	uint32_t most = 1u << (request->page_shift + order_limit(request->page_shift));

	if (request->size == 0 || request->size > most || request->before > most ||
	    request->after > most)
		return false;
	if (request->before + request->size + request->after > most)
		return false;
	return request->align == 0 ||
	       (geometry_is_pow2(request->align) && request->align <= most);
}

static bool granule_is_sane(const struct geometry_request *request)
{
	return request->granule == 0 ||
	       (geometry_is_pow2(request->granule) && request->granule >= 8 &&
		request->granule <= 1u << request->page_shift);
}

static uint32_t max_of(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* The order for this stride; false if no run holds one object. */
static bool order_find(const struct geometry_request *request, uint32_t align, uint32_t stride,
		       uint32_t *order)
{
	uint32_t limit = order_limit(request->page_shift), low, high;

	high = request->max_order < limit ? request->max_order : limit;
	low = max_of(request->min_order, geometry_order_of(max_of(stride, align),
							    request->page_shift));
	if (low > limit)
		return false;
	*order = low > high ? low : order_choose(low, high, request->page_shift, stride,
						 request->min_objects);
	return true;
}

bool geometry_compute(const struct geometry_request *request, struct geometry *geometry)
{
	uint32_t align, granule, stride, order, run;

	if (!pages_are_sane(request) || !object_is_sane(request) || !granule_is_sane(request))
		return false;
	align = geometry_align(request->size, request->align, request->hwcache_align);
	stride = geometry_round_up(request->before + request->size + request->after, align);
	granule = request->granule;
	if (granule == 0)
		granule = granule_choose(stride, 1u << request->page_shift);
	stride = geometry_round_up(stride, granule);
	if (!order_find(request, align, stride, &order))
		return false;
	run = 1u << (request->page_shift + order);
	geometry->align = align;
	geometry->stride = stride;
	geometry->granule = granule;
	geometry->order = order;
	geometry->capacity = run_objects(run, stride);
	geometry->colour_off = max_of(max_of(align, granule), GEOMETRY_CACHE_LINE);
	geometry->colours = (run - geometry->capacity * stride) / geometry->colour_off + 1;
	return true;
}

static const uint32_t kmalloc_sizes[GEOMETRY_KMALLOC_CLASSES] = {
	8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192,
};

uint32_t geometry_kmalloc_class(uint32_t size)
{
	if (size > 256)
		return 8u + (size > 512) + (size > 1024) + (size > 2048) + (size > 4096);
	return 0u + (size > 8) + (size > 16) + (size > 32) + (size > 64) + (size > 96) +
	       (size > 128) + (size > 192);
}

uint32_t geometry_kmalloc_size(uint32_t class_index)
{
	return kmalloc_sizes[class_index];
}
