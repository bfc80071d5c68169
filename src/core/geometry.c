/* SPDX-License-Identifier: MIT */
/*
 * Size, alignment, granule, order, colour and objects a slab: the rules.
 *
 *      run = 2^order pages                                  (a power of two, aligned to itself)
 *      |colour|object 0      |object 1      | ... |object capacity-1|  waste  |
 *             ^ multiple of colour_off      ^ stride: multiple of align and of granule
 *
 *  1. align: with hwcache_align a cache line (64), halved while size <= half of it; at least the
 *     request's align and 8; rounded up to a multiple of 8. This is Linux's calculate_alignment().
 *  2. stride, first: before + size + after, rounded up to a multiple of align.
 *  3. granule: the request's, or of 8, 16, 64 and 1024 (none above the page but 8) the one with
 *     the least R + R / granule, where R is the stride rounded up to it: the object's bytes and its
 *     state bytes. Of equal ones the larger. Against granule 8, which never rounds, this is at
 *     most stride / 8 on top of the stride.
 *  4. stride: rounded up to a multiple of the granule. It stays a multiple of align, since both
 *     are powers of two.
 *  5. order: held(run) = min(run / stride, SLAB_MAX_OBJECTS), waste = run - held * stride.
 *     limit = min(GEOMETRY_MAX_ORDER, 22 - page_shift): a run never passes SLAB_MAX_BYTES.
 *     high = min(max_order, limit). low = the smallest order >= min_order whose run is at least
 *     stride and at least align.
 *     - low > high: order = low. Objects beyond max_order get the smallest run that holds one.
 *     - otherwise n = min_objects, halved (rounding down) while n > 1 and n > held(run of high);
 *       for fraction = 16, then 8, 4 and 1: the first order in low .. high with held >= n and
 *       waste <= run / fraction. Fraction 1 always finds one. Linux's SLUB chooses in the same
 *       way, but lowers its wish one by one, and tries all fractions for each.
 *  6. capacity = held(run). colour_off = max(align, granule, 64).
 *     colours = waste / colour_off + 1: a slab may start its objects at 0, 1 .. colours - 1 times
 *     colour_off.
 *
 * Refused, with nothing written: page_shift outside 9 .. 16; min_order > max_order, max_order >
 * GEOMETRY_MAX_ORDER or min_order > limit; size 0; before + size + after beyond the largest run,
 * 2^(page_shift + limit) bytes (4 MiB with pages from 4 KiB on); align neither 0 nor a power of
 * two, or beyond that run; granule neither 0 nor a power of two from 8 to the page. Everything
 * else is met.
 *
 * Guarantee, proved by the contracts in geometry.h: the rules above, as formulas, and
 *     align and granule are powers of two and divide stride, colour_off and run: so every object
 *     of every colour is aligned, and starts a granule of its own
 *     colour * colour_off + capacity * stride <= run for each colour < colours
 *     1 <= capacity <= run / granule: a bit a granule is room enough for the slab's free bits
 *     the granule costs least; no arithmetic overflows
 *
 * Pure arithmetic: no locks, no state. How to observe it: slabpool_cache_info() shows the results.
 */
#include "core/geometry.h"
#include "../../proofs/logic/MultipleLemmas.acsl"
#include "../../proofs/logic/PowerLemmas.acsl"

/* Binary logarithm of SLAB_MAX_BYTES. */
#define RUN_SHIFT 22u

_Static_assert(SLAB_MAX_BYTES == 1u << RUN_SHIFT, "the largest run is SLAB_MAX_BYTES");

bool geometry_is_pow2(uint32_t n)
{
	if (n == 0)
		return false;
	/*@ loop invariant positive: 0 < n;
	    loop invariant same: power_of_two(n) <==> power_of_two(\at(n, Pre));
	    loop assigns n;
	    loop variant n;
	*/
	while (n % 2 == 0)
		n /= 2;
	return n == 1;
}

uint32_t geometry_round_up(uint32_t n, uint32_t align)
{
	/*@ ghost product_is_multiple((n + align - 1) / align, align); */
	return (n + align - 1) / align * align;
}

uint32_t geometry_align(uint32_t size, uint32_t align, bool hwcache_align)
{
	uint32_t line = GEOMETRY_CACHE_LINE;

	if (hwcache_align) {
		/*@ loop invariant line: line == 64 || (line == 32 && size <= 32) ||
		      (line == 16 && size <= 16) || (line == 8 && size <= 8);
		    loop assigns line;
		    loop variant line;
		*/
		while (line > GEOMETRY_MIN_ALIGN && size <= line / 2)
			line /= 2;
		if (line > align)
			align = line;
	}
	if (align < GEOMETRY_MIN_ALIGN)
		align = GEOMETRY_MIN_ALIGN;
	/*@ ghost small_powers(); */
	/*@ ghost eight_divides(align); */
	return geometry_round_up(align, 8);
}

/* Bytes that an object takes with its state bytes. */
/*@ requires range: stride <= 0x1000000 && 8 <= granule <= 1024;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures cost: \result == cost_of(stride, granule);
*/
static uint32_t granule_cost(uint32_t stride, uint32_t granule)
{
	uint32_t rounded = geometry_round_up(stride, granule);

	return rounded + rounded / granule;
}

/* The better of two granules, if the second exists. */
/*@ requires range: stride <= 0x1000000 && 8 <= granule < larger <= 1024;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == cheaper(stride, granule, larger, most);
    ensures one: \result == granule || (\result == larger && larger <= most);
*/
static uint32_t granule_better(uint32_t stride, uint32_t granule, uint32_t larger, uint32_t most)
{
	if (larger > most || granule_cost(stride, larger) > granule_cost(stride, granule))
		return granule;
	return larger;
}

/*@ requires range: stride <= 0x1000000;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == granule_for(stride, most);
    ensures best: granule_is_best(stride, \result, most);
*/
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
	uint64_t run;
	uint32_t order = 0;

	/*@ ghost shift_is_power(63); */
	/*@ assert largest: two(63) == 0x8000000000000000 && two(64) == 2 * two(63); */
	if (bytes > (uint64_t)1 << 63)
		return 64 - page_shift;
	/*@ ghost shift_is_power(page_shift); */
	run = (uint64_t)1 << page_shift;
	/*@ loop invariant run: run == two(page_shift + order) && 0 < run;
	    loop invariant range: order <= 63 - page_shift;
	    loop invariant smallest: order == 0 || two(page_shift + order - 1) < bytes;
	    loop assigns run, order;
	    loop variant 63 - order;
	*/
	while (run < bytes) {
		/*@ ghost shift_is_power(page_shift + order); */
		run *= 2;
		order++;
	}
	return order;
}

/*@ requires positive: 0 < stride;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures objects: \result == objects_in(run, stride);
    ensures fits: 0 <= \result * stride <= run;
    ensures some: run >= stride ==> 0 < \result;
    ensures most: \result <= SLAB_MAX_OBJECTS;
*/
static uint32_t run_objects(uint32_t run, uint32_t stride)
{
	uint32_t objects = run / stride;

	/*@ assert quotient: 0 <= objects * stride <= run; */
	/*@ assert fewer: objects >= SLAB_MAX_OBJECTS ==>
	      SLAB_MAX_OBJECTS * stride <= objects * stride; */
	return objects < SLAB_MAX_OBJECTS ? objects : SLAB_MAX_OBJECTS;
}

/* The first order in low .. high whose run holds objects and wastes at most 1/fraction;
 * high + 1 if none does. */
/*@ requires range: low <= high && page_shift + high <= RUN_SHIFT;
    requires positive: 0 < stride && 0 < fraction;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: low <= \result <= high + 1;
    ensures none_below: no_order_good(low, \result, page_shift, stride, objects, fraction);
    ensures good: \result <= high ==>
            order_good(\result, page_shift, stride, objects, fraction);
*/
static uint32_t order_search(uint32_t low, uint32_t high, uint32_t page_shift, uint32_t stride,
			     uint32_t objects, uint32_t fraction)
{
	uint32_t order, run, held;

	/*@ loop invariant range: low <= order <= high + 1;
	    loop invariant none_below:
	      no_order_good(low, order, page_shift, stride, objects, fraction);
	    loop assigns order, run, held;
	    loop variant high + 1 - order;
	*/
	for (order = low; order <= high; order++) {
		/*@ ghost run_is_power(page_shift + order); */
		run = 1u << (page_shift + order);
		held = run_objects(run, stride);
		if (held >= objects && run - held * stride <= run / fraction)
			break;
	}
	return order;
}

/* Halves the wish until it is granted. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures granted: \result == granted(wish, most);
    ensures range: \result <= 1 || \result <= most;
*/
static uint32_t wish_granted(uint32_t wish, uint32_t most)
{
	/*@ loop invariant same: granted(wish, most) == granted(\at(wish, Pre), most);
	    loop assigns wish;
	    loop variant wish;
	*/
	while (wish > 1 && wish > most)
		wish /= 2;
	/*@ assert unfolded: granted(wish, most) ==
	      (wish <= larger_of(1, most) ? wish : granted(wish / 2, most)); */
	return wish;
}

/*@ requires range: low <= high && page_shift + high <= RUN_SHIFT;
    requires stride: 0 < stride <= two(page_shift + high);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: low <= \result <= high;
    ensures chosen: order_for_objects(\result, low, high, page_shift, stride,
            granted(wish, objects_in(two(page_shift + high), stride)));
*/
static uint32_t order_choose(uint32_t low, uint32_t high, uint32_t page_shift, uint32_t stride,
			     uint32_t wish)
{
	uint32_t objects, order;

	/*@ ghost run_is_power(page_shift + high); */
	objects = wish_granted(wish, run_objects(1u << (page_shift + high), stride));
	order = order_search(low, high, page_shift, stride, objects, 16);
	if (order > high)
		order = order_search(low, high, page_shift, stride, objects, 8);
	if (order > high)
		order = order_search(low, high, page_shift, stride, objects, 4);
	if (order > high)
		order = order_search(low, high, page_shift, stride, objects, 1);
	/*@ assert grants: order_good(high, page_shift, stride, objects, 1); */
	return order;
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures larger: \result == larger_of(a, b);
*/
static uint32_t max_of(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures smaller: \result == smaller_of(a, b);
*/
static uint32_t min_of(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The largest order of this page size: a run never passes SLAB_MAX_BYTES. */
/*@ requires page: page_shift <= 16;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures limit: \result == order_limit(page_shift);
*/
static uint32_t largest_order(uint32_t page_shift)
{
	return min_of(RUN_SHIFT - page_shift, GEOMETRY_MAX_ORDER);
}

/* The order for a run that holds at least least bytes: one object, and its alignment. */
/*@ requires page: 9 <= page_shift <= 16;
    requires range: min <= high <= order_limit(page_shift);
    requires sizes: 0 < stride <= least <= largest_run(page_shift);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: \result <= order_limit(page_shift);
    ensures holds: least <= two(page_shift + \result);
    ensures chosen: order_is_chosen(\result, min, high, page_shift, stride, least, wish);
*/
static uint32_t order_find(uint32_t min, uint32_t high, uint32_t page_shift, uint32_t stride,
			   uint32_t least, uint32_t wish)
{
	uint32_t holding = geometry_order_of(least, page_shift);
	uint32_t low = max_of(min, holding), order;

	/*@ ghost
	  uint32_t limit = 22 - page_shift < 10 ? 22 - page_shift : 10;
	  powers_compared(page_shift + limit, page_shift + holding - 1);
	  powers_in_order(page_shift + holding, page_shift + low);
	  if (low <= high)
	    powers_in_order(page_shift + low, page_shift + high);
	*/
	/*@ assert range: low <= order_limit(page_shift); */
	/*@ assert holds: least <= two(page_shift + low); */
	/*@ assert lowest: smallest_order(low, min, page_shift, least); */
	if (low > high) {
		/*@ assert follows: order_follows(low, low, min, high, page_shift, stride, least,
		                                  wish); */
		return low;
	}
	order = order_choose(low, high, page_shift, stride, wish);
	/*@ ghost powers_in_order(page_shift + low, page_shift + order); */
	/*@ assert follows: order_follows(order, low, min, high, page_shift, stride, least,
	                                  wish); */
	return order;
}

/*@ requires memory: \valid_read(request);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures sane: \result <==> pages_sane(request);
*/
static bool pages_are_sane(const struct geometry_request *request)
{
	return request->page_shift >= 9 && request->page_shift <= 16 &&
	       request->min_order <= request->max_order &&
	       request->max_order <= GEOMETRY_MAX_ORDER &&
	       request->min_order <= largest_order(request->page_shift);
}

/*@ requires memory: \valid_read(request);
    requires most: most == largest_run(request->page_shift) <= SLAB_MAX_BYTES;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures sane: \result <==> object_sane(request);
*/
static bool object_is_sane(const struct geometry_request *request, uint32_t most)
{
	if (request->size == 0 || request->size > most || request->before > most ||
	    request->after > most)
		return false;
	if (request->before + request->size + request->after > most)
		return false;
	return request->align == 0 ||
	       (geometry_is_pow2(request->align) && request->align <= most);
}

/*@ requires memory: \valid_read(request);
    requires page: page == two(request->page_shift);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures sane: \result <==> granule_sane(request);
*/
static bool granule_is_sane(const struct geometry_request *request, uint32_t page)
{
	return request->granule == 0 ||
	       (geometry_is_pow2(request->granule) && request->granule >= 8 &&
		request->granule <= page);
}

/*@ requires memory: \valid_read(request);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures sane: \result <==> request_sane(request);
*/
static bool request_is_sane(const struct geometry_request *request)
{
	uint32_t shift = request->page_shift, limit;

	if (!pages_are_sane(request))
		return false;
	limit = shift + largest_order(shift);
	/*@ ghost run_is_power(shift); */
	/*@ ghost run_is_power(limit); */
	return object_is_sane(request, 1u << limit) && granule_is_sane(request, 1u << shift);
}

/* An object's bytes, rounded up to its alignment. */
/*@ requires powers: power_of_two(align) && power_of_two(most);
    requires range: 0 < bytes <= most <= SLAB_MAX_BYTES && align <= most;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == rounded(bytes, align);
    ensures multiple: \result % align == 0;
    ensures range: 0 < \result <= most;
*/
static uint32_t stride_of(uint32_t bytes, uint32_t align) /*@ ghost (uint32_t most) */
{
	/*@ ghost rounding_stays_below(bytes, align, most); */
	return geometry_round_up(bytes, align);
}

/* The granule that is asked for, or else the best that a page holds. */
/*@ requires wish: wish == 0 || (power_of_two(wish) && 8 <= wish <= page);
    requires range: stride <= SLAB_MAX_BYTES && 512 <= page;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == (wish == 0 ? granule_for(stride, page) : wish);
    ensures power: power_of_two(\result);
    ensures range: 8 <= \result <= page;
*/
static uint32_t granule_of(uint32_t wish, uint32_t stride, uint32_t page)
{
	/*@ ghost small_powers(); */
	return wish != 0 ? wish : granule_choose(stride, page);
}

/* A stride that is a multiple of align, rounded up to the granule. */
/*@ requires powers: power_of_two(align) && power_of_two(granule) && power_of_two(most);
    requires range: 0 < stride <= most <= SLAB_MAX_BYTES && granule <= most;
    requires multiple: stride % align == 0;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == rounded(stride, granule);
    ensures multiples: \result % align == 0 && \result % granule == 0;
    ensures range: stride <= \result <= most && granule <= \result;
*/
static uint32_t stride_granular(uint32_t stride, uint32_t granule)
/*@ ghost (uint32_t align, uint32_t most) */
{
	/*@ ghost rounding_stays_below(stride, granule, most); */
	/*@ ghost rounding_keeps_align(stride, align, granule); */
	return geometry_round_up(stride, granule);
}

/* Bytes from colour to colour. */
/*@ requires powers: power_of_two(align) && power_of_two(granule);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures value: \result == larger_of(larger_of(align, granule), GEOMETRY_CACHE_LINE);
    ensures multiples: \result % align == 0 && \result % granule == 0;
*/
static uint32_t colour_step(uint32_t align, uint32_t granule)
{
	uint32_t step = max_of(max_of(align, granule), GEOMETRY_CACHE_LINE);

	/*@ ghost small_powers(); */
	/*@ assert power: power_of_two(step); */
	/*@ ghost power_divides(align, step); */
	/*@ ghost power_divides(granule, step); */
	return step;
}

/* How many colours the waste of a run allows. */
/*@ requires range: 0 < stride <= run <= SLAB_MAX_BYTES && 0 < step;
    requires capacity: capacity == objects_in(run, stride) && 0 < capacity &&
             capacity * stride <= run;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures colours: colours_meet(\result, step, stride, run);
    ensures fits: colours_fit(\result, step, capacity, stride, run);
*/
static uint32_t colour_count(uint32_t run, uint32_t capacity, uint32_t stride, uint32_t step)
{
	uint32_t waste = run - capacity * stride;

	/*@ assert waste: waste == waste_in(run, stride); */
	/*@ ghost multiples_below(waste, step); */
	return waste / step + 1;
}

bool geometry_compute(const struct geometry_request *request, struct geometry *geometry)
{
	uint32_t shift = request->page_shift, align, granule, stride, order, exponent, run;
	uint32_t capacity, step, colours;

	if (!request_is_sane(request))
		return false;
	/*@ ghost uint32_t most = largest_run_of(shift); */
	align = geometry_align(request->size, request->align, request->hwcache_align);
	/*@ assert align: power_of_two(align) && align <= most && 8 <= align; */
	stride = stride_of(request->before + request->size + request->after, align)
		 /*@ ghost (most) */;
	granule = granule_of(request->granule, stride, 1u << shift);
	stride = stride_granular(stride, granule) /*@ ghost (align, most) */;
	order = order_find(request->min_order, min_of(request->max_order, largest_order(shift)),
			   shift, stride, max_of(stride, align), request->min_objects);
	/*@ assert limit: order <= order_limit(shift); */
	exponent = shift + order;
	/*@ ghost run_is_power(exponent); */
	run = 1u << exponent;
	/*@ assert run: run == two(shift + order) && power_of_two(run); */
	/*@ assert holds: align <= run && granule <= stride <= run <= SLAB_MAX_BYTES; */
	/*@ ghost power_divides(align, run); */
	/*@ ghost power_divides(granule, run); */
	capacity = run_objects(run, stride);
	/*@ ghost quotient_in_order(run, granule, stride); */
	/*@ assert capacity: capacity_meets(capacity, stride, granule, run); */
	step = colour_step(align, granule);
	colours = colour_count(run, capacity, stride, step);
	/*@ assert plain: slab_sizes(capacity, 0, stride, run); */
	geometry->align = align;
	geometry->stride = stride;
	geometry->granule = granule;
	geometry->order = order;
	geometry->capacity = capacity;
	geometry->colour_off = step;
	geometry->colours = colours;
	/*@ assert run_of: slab_run(geometry, shift) == run; */
	/*@ assert aligned: geometry_aligned(geometry, shift); */
	/*@ assert granular: geometry_granular(geometry, shift); */
	/*@ assert fits: geometry_fits(geometry, shift); */
	/*@ assert coloured: geometry_coloured(geometry, shift); */
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

bool geometry_array_bytes(size_t n, size_t size, size_t *bytes)
{
	if (size != 0 && n > SIZE_MAX / size)
		return false;
	*bytes = n * size;
	return true;
}
