/* SPDX-License-Identifier: MIT */
/*
 * Geometry against a naive reference: the rules of geometry.h once more, written down as searches
 * over everything that may be chosen, with 64-bit numbers and without a formula of the library.
 * Every size up to two pages, with every alignment and line, and samples of all the rest; next to
 * the reference each answer is checked for what a slab needs of it.
 */
#include "support/tap.h"
#include "core/geometry.h"

#define MOST_BYTES 0x400000u

struct tally {
	unsigned long asked, met, refused, differ, unfit;
	struct geometry_request first; /* the first that differs or does not fit */
};

static const struct geometry_request usual = {
	.page_shift = 12, .min_order = 0, .max_order = 5, .min_objects = 8,
};

static uint64_t smallest_multiple(uint64_t bytes, uint64_t step)
{
	uint64_t n = 0;

	/* Doubled steps first: the same multiple in fewer turns. */
	while (step < 4096 && n + 64 * step < bytes)
		n += 64 * step;
	while (n < bytes)
		n += step;
	return n;
}

static bool is_power(uint64_t n)
{
	uint64_t power;

	for (power = 1; power <= n; power *= 2)
		if (power == n)
			return true;
	return false;
}

/* The smallest of the lines 8, 16, 32 that holds the object, else a whole one. */
static uint64_t naive_align(const struct geometry_request *r)
{
	uint64_t line = 8;

	while (line < 64 && line < r->size)
		line *= 2;
	if (!r->hwcache_align || line < r->align)
		line = r->align;
	return smallest_multiple(line > 8 ? line : 8, 8);
}

/* Bytes of an object and its state bytes for this granule. */
static uint64_t naive_cost(uint64_t stride, uint64_t granule)
{
	uint64_t bytes = smallest_multiple(stride, granule);

	return bytes + bytes / granule;
}

/* The least cost first, then the largest granule of that cost. */
static uint64_t naive_granule(uint64_t stride, uint64_t page)
{
	static const uint64_t granule[] = { 8, 16, 64, 1024 };
	uint64_t least = UINT64_MAX, best = 0;
	unsigned int k;

	for (k = 0; k < 4; k++)
		if (granule[k] <= page && naive_cost(stride, granule[k]) < least)
			least = naive_cost(stride, granule[k]);
	for (k = 0; k < 4; k++)
		if (granule[k] <= page && naive_cost(stride, granule[k]) == least)
			best = granule[k];
	return best;
}

static uint64_t naive_most(uint32_t page_shift)
{
	uint64_t run = (uint64_t)1 << page_shift;
	unsigned int order;

	for (order = 0; order < 10 && run * 2 <= MOST_BYTES; order++)
		run *= 2;
	return run;
}

static uint64_t naive_objects(uint64_t run, uint64_t stride)
{
	uint64_t objects = run / stride;

	return objects > 65536 ? 65536 : objects;
}

/* 0: at most a sixteenth is lost, 1: an eighth, 2: a quarter, 3: more. */
static unsigned int naive_grade(uint64_t run, uint64_t stride)
{
	uint64_t waste = run - naive_objects(run, stride) * stride;

	return waste * 16 <= run ? 0 : waste * 8 <= run ? 1 : waste * 4 <= run ? 2 : 3;
}

/* Of the orders that may be: the best grade, and of that the smallest order. */
static unsigned int naive_order(const struct geometry_request *r, uint64_t stride, uint64_t align)
{
	uint64_t page = (uint64_t)1 << r->page_shift, most = naive_most(r->page_shift);
	uint64_t least = stride > align ? stride : align, wish = r->min_objects, run;
	unsigned int low = r->min_order, high = r->max_order, order, best = UINT32_MAX, grade = 4;

	while (page << low < least)
		low++;
	while (page << high > most)
		high--;
	if (low >= high)
		return low;
	run = page << high;
	while (wish > 1 && wish > naive_objects(run, stride))
		wish /= 2;
	for (order = low; order <= high; order++) {
		run = page << order;
		if (naive_objects(run, stride) >= wish && naive_grade(run, stride) < grade) {
			grade = naive_grade(run, stride);
			best = order;
		}
	}
	return best;
}

static bool naive_sane(const struct geometry_request *r)
{
	uint64_t most;

	if (r->page_shift < 9 || r->page_shift > 16 || r->max_order > 10 ||
	    r->min_order > r->max_order)
		return false;
	most = naive_most(r->page_shift);
	if ((uint64_t)1 << (r->page_shift + r->min_order) > most)
		return false;
	if (r->size == 0 || (uint64_t)r->before + r->size + r->after > most)
		return false;
	if (r->align != 0 && (!is_power(r->align) || r->align > most))
		return false;
	return r->granule == 0 || (is_power(r->granule) && r->granule >= 8 &&
				   r->granule <= (uint64_t)1 << r->page_shift);
}

static bool naive_compute(const struct geometry_request *r, struct geometry *g)
{
	uint64_t stride, run, step;

	if (!naive_sane(r))
		return false;
	g->align = (uint32_t)naive_align(r);
	stride = smallest_multiple((uint64_t)r->before + r->size + r->after, g->align);
	g->granule = r->granule;
	if (r->granule == 0)
		g->granule = (uint32_t)naive_granule(stride, (uint64_t)1 << r->page_shift);
	stride = smallest_multiple(stride, g->granule);
	g->stride = (uint32_t)stride;
	g->order = naive_order(r, stride, g->align);
	run = (uint64_t)1 << (r->page_shift + g->order);
	g->capacity = (uint32_t)naive_objects(run, stride);
	step = g->align > g->granule ? g->align : g->granule;
	g->colour_off = (uint32_t)(step > 64 ? step : 64);
	for (g->colours = 1; g->capacity * stride + (uint64_t)g->colours * g->colour_off <= run;)
		g->colours++;
	return true;
}

static bool same(const struct geometry *a, const struct geometry *b)
{
	return a->align == b->align && a->stride == b->stride && a->granule == b->granule &&
	       a->order == b->order && a->capacity == b->capacity &&
	       a->colour_off == b->colour_off && a->colours == b->colours;
}

/* What a slab needs, whatever the rules: room, alignment, whole granules. */
static bool is_fit(const struct geometry_request *r, const struct geometry *g)
{
	uint64_t run = (uint64_t)1 << (r->page_shift + g->order);
	uint64_t last = (uint64_t)(g->colours - 1) * g->colour_off;

	return is_power(g->align) && g->align >= 8 && g->align >= r->align && run <= MOST_BYTES &&
	       g->stride >= (uint64_t)r->before + r->size + r->after && g->capacity > 0 &&
	       g->colours > 0 && last + (uint64_t)g->capacity * g->stride <= run &&
	       g->stride % g->align == 0 && g->colour_off % g->align == 0 && run % g->align == 0 &&
	       g->stride % g->granule == 0 && g->colour_off % g->granule == 0 &&
	       run % g->granule == 0 && g->order >= r->min_order;
}

static void ask(struct tally *tally, const struct geometry_request *r)
{
	struct geometry got = { 0 }, want = { 0 };
	bool met = geometry_compute(r, &got), expected = naive_compute(r, &want);
	bool differ = met != expected || !same(&got, &want), unfit = met && !is_fit(r, &got);

	tally->asked++;
	tally->met += met;
	tally->refused += !met;
	if ((differ || unfit) && tally->differ + tally->unfit == 0)
		tally->first = *r;
	tally->differ += differ;
	tally->unfit += unfit;
}

static void judge(const struct tally *tally, const char *what)
{
	const struct geometry_request *r = &tally->first;

	is_uint(tally->differ, 0, "%s: %lu requests, as the reference says", what, tally->asked);
	is_uint(tally->unfit, 0, "%s: each of %lu met ones makes a slab", what, tally->met);
	if (tally->differ + tally->unfit > 0)
		diag("first: size %u align %u hwcache %d around %u+%u granule %u page 2^%u "
		     "orders %u..%u objects %u", r->size, r->align, r->hwcache_align, r->before,
		     r->after, r->granule, r->page_shift, r->min_order, r->max_order,
		     r->min_objects);
}

static void test_all_small(void)
{
	struct geometry_request r = usual;
	struct tally tally = { 0 };

	for (r.size = 1; r.size <= 8192; r.size++) {
		for (r.align = 0; r.align <= 4096; r.align = r.align ? r.align * 2 : 1) {
			r.hwcache_align = false;
			ask(&tally, &r);
			r.hwcache_align = true;
			ask(&tally, &r);
		}
	}
	judge(&tally, "all sizes to 8192, alignments to 4096, lines");
	is_uint(tally.refused, 0, "none of them is refused");
}

static void test_orders_and_pages(void)
{
	struct geometry_request r = usual;
	struct tally tally = { 0 };

	for (r.page_shift = 8; r.page_shift <= 17; r.page_shift++)
		for (r.min_order = 0; r.min_order <= 11; r.min_order += 3)
			for (r.max_order = 0; r.max_order <= 11; r.max_order++)
				for (r.min_objects = 0; r.min_objects <= 64;
				     r.min_objects = r.min_objects * 2 + 1)
					for (r.size = 1; r.size < 20000; r.size += r.size / 7 + 1)
						ask(&tally, &r);
	judge(&tally, "pages of 2^8 to 2^17, orders, wishes");
	ok(tally.met > 0 && tally.refused > 0, "some are refused: %lu", tally.refused);
}

/* Sizes around every power of two and three quarters of it, up to the largest run. */
static void ask_large(struct tally *tally, struct geometry_request *r)
{
	uint32_t power;
	int by;

	for (power = 4096; power <= MOST_BYTES; power *= 2) {
		for (by = -9; by <= 9; by++) {
			r->size = power + (uint32_t)by;
			ask(tally, r);
			r->size = power / 4 * 3 + (uint32_t)by;
			ask(tally, r);
		}
	}
}

static void test_large(void)
{
	struct geometry_request r = usual;
	struct tally tally = { 0 };

	for (r.page_shift = 9; r.page_shift <= 16; r.page_shift++)
		for (r.align = 0; r.align <= MOST_BYTES * 2; r.align = r.align ? r.align * 16 : 8)
			ask_large(&tally, &r);
	judge(&tally, "sizes up to 4 MiB");
	ok(tally.refused > 0, "what is beyond the largest run is refused: %lu", tally.refused);
}

static void test_forced_granule(void)
{
	struct geometry_request r = usual;
	struct tally tally = { 0 };

	for (r.granule = 1; r.granule <= 8192; r.granule *= 2)
		for (r.page_shift = 9; r.page_shift <= 16; r.page_shift++)
			for (r.align = 0; r.align <= 512; r.align = r.align ? r.align * 8 : 8)
				for (r.size = 1; r.size < 9000; r.size += r.size / 9 + 1)
					ask(&tally, &r);
	judge(&tally, "one granule for all");
	ok(tally.refused > 0, "granules below 8 and beyond the page are refused");
}

static void test_surroundings(void)
{
	struct geometry_request r = usual;
	struct tally tally = { 0 };

	for (r.before = 0; r.before <= 64; r.before += 8)
		for (r.after = 0; r.after <= 200; r.after += 25)
			for (r.size = 1; r.size < 5000; r.size += r.size / 5 + 1)
				ask(&tally, &r);
	r.before = r.after = MOST_BYTES / 2 - 4;
	for (r.size = 1; r.size < 16; r.size++)
		ask(&tally, &r);
	judge(&tally, "room before and behind the object");
	is_uint(tally.refused, 7, "more than the largest run in all is refused");
}

/* A request that must be refused, and leave the geometry as it was. */
static void refused(const char *what, struct geometry_request r)
{
	struct geometry before, after;

	memset(&before, 0xa5, sizeof(before));
	memset(&after, 0xa5, sizeof(after));
	ok(!geometry_compute(&r, &after), "refused: %s", what);
	ok(memcmp(&before, &after, sizeof(after)) == 0, "and nothing is written");
}

static struct geometry_request with_size(uint32_t size)
{
	struct geometry_request r = usual;

	r.size = size;
	return r;
}

static void test_refusals(void)
{
	struct geometry_request r;

	refused("size 0", with_size(0));
	refused("a size beyond the largest run", with_size(MOST_BYTES + 1));
	refused("a size of almost 4 GiB", with_size(UINT32_MAX));
	r = with_size(8);
	r.align = 24;
	refused("an alignment that is no power of two", r);
	r.align = MOST_BYTES * 2;
	refused("an alignment beyond the largest run", r);
	r.align = 0x80000000u;
	refused("an alignment of 2 GiB", r);
	r = with_size(8);
	r.before = UINT32_MAX - 7;
	refused("a sum that wraps around", r);
	r = with_size(8);
	r.granule = 48;
	refused("a granule that is no power of two", r);
	r.granule = 4;
	refused("a granule below 8", r);
	r.granule = 8192;
	refused("a granule beyond the page", r);
	r = with_size(8);
	r.min_order = 6;
	refused("orders the wrong way round", r);
	r = with_size(8);
	r.max_order = 11;
	refused("an order beyond 10", r);
	r = with_size(8);
	r.page_shift = 40;
	refused("a page of 2^40 bytes", r);
}

static void test_granule(void)
{
	unsigned int differ = 0, dear = 0;
	uint32_t stride;

	for (stride = 8; stride <= 32768; stride += 8) {
		uint64_t granule = geometry_granule(stride);

		differ += granule != naive_granule(stride, 4096);
		dear += (naive_cost(stride, granule) - stride) * 8 > stride;
	}
	is_uint(differ, 0, "the cheapest granule for every stride to 32 KiB");
	is_uint(dear, 0, "rounding and state bytes together never take more than an eighth");
	is_uint(geometry_granule(8), 8, "stride 8: granule 8");
	is_uint(geometry_granule(16), 16, "stride 16: granule 16");
	is_uint(geometry_granule(64), 64, "stride 64: granule 64");
	is_uint(geometry_granule(72), 8, "stride 72: granule 8");
	is_uint(geometry_granule(8192), 1024, "stride 8192: granule 1024");
}

static void test_helpers(void)
{
	unsigned int wrong = 0;
	uint32_t n, shift;
	uint64_t bytes;

	for (n = 0; n < 100000; n++)
		wrong += geometry_is_pow2(n) != is_power(n);
	for (n = 2; n < 32; n++)
		wrong += !geometry_is_pow2(1u << n) || geometry_is_pow2((1u << n) - 1);
	is_uint(wrong, 0, "powers of two");
	for (wrong = 0, shift = 0; shift <= 16; shift++) {
		for (bytes = 1; bytes < (uint64_t)1 << 40; bytes = bytes * 3 / 2 + 1) {
			uint32_t order = geometry_order_of(bytes, shift);

			wrong += (uint64_t)1 << (shift + order) < bytes;
			wrong += order > 0 && (uint64_t)1 << (shift + order - 1) >= bytes;
		}
		wrong += geometry_order_of(0, shift) != 0;
		wrong += geometry_order_of((uint64_t)1 << 63, shift) != 63 - shift;
		wrong += geometry_order_of(UINT64_MAX, shift) != 64 - shift;
	}
	is_uint(wrong, 0, "the smallest order for any number of bytes");
	is_uint(geometry_round_up(0, 8), 0, "0 rounded up is 0");
	is_uint(geometry_round_up(17, 8), 24, "17 rounded up to 8 is 24");
	is_uint(geometry_round_up(0xfffffff0u, 8), 0xfffffff0u,
		"a multiple stays, also a large one");
}

static void test_kmalloc_classes(void)
{
	static const uint32_t size[] = { 8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096,
					 8192 };
	unsigned int wrong = 0, k = 0;
	uint32_t bytes;

	is_uint(GEOMETRY_KMALLOC_CLASSES, sizeof(size) / sizeof(size[0]), "13 classes");
	for (k = 0; k < GEOMETRY_KMALLOC_CLASSES; k++)
		wrong += geometry_kmalloc_size(k) != size[k];
	is_uint(wrong, 0, "of the sizes that they are named after");
	for (bytes = 1; bytes <= 8192; bytes++) {
		for (k = 0; size[k] < bytes;)
			k++;
		wrong += geometry_kmalloc_class(bytes) != k;
	}
	is_uint(wrong, 0, "every size gets the smallest class that holds it");
}

int main(void)
{
	test_all_small();
	test_orders_and_pages();
	test_large();
	test_forced_granule();
	test_surroundings();
	test_refusals();
	test_granule();
	test_helpers();
	test_kmalloc_classes();
	return tap_done();
}
