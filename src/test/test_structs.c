/* SPDX-License-Identifier: MIT */
/*
 * The structures below the caches, each against something naive that does the same: page runs
 * against a map with a number a page, a slab's bits against an array of bools, a magazine against
 * an array, the lookup against a division.
 */
#include "support/tap.h"
#include "support/test_platform.h"

#include "core/instance.h"
#include "core/lookup.h"

#define PAGES 8192u        /* of the arena: eight of the largest runs */
#define RUNS 400u
#define STEPS 20000u
#define LARGEST 1024u

static struct test_platform tp;
static struct slabpool *pool;
static struct arena arena;
static uint16_t owner[PAGES];   /* number of the run that has the page, 0: none */
static struct run {
	uint32_t page, pages;
	enum arena_use use;
} runs[RUNS];                   /* run of number k + 1; pages 0: unused */
static uint64_t seed;
static unsigned int broken;     /* steps after which something was wrong */

static uint32_t pick(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % n);
}

static void fault(const char *what, uint32_t a, uint32_t b)
{
	if (broken++ == 0)
		diag("first fault: %s (%u, %u)", what, a, b);
}

/* An instance for its platform and options, and an arena of its own that nothing else uses. */
static void open_arena(unsigned int idle_kib)
{
	struct slabpool_platform platform;
	struct slabpool_options options;

	test_platform_reset(&tp);
	test_platform_table(&tp, &platform);
	slabpool_options_init(&options);
	options.arena_mib = 1;
	options.idle_kib = idle_kib;
	pool = slabpool_create(&platform, &options);
	if (!pool || arena_init(pool, &arena, (size_t)PAGES << SLABPOOL_PAGE_SHIFT, 6) != 0)
		bail_out("no arena");
	memset(owner, 0, sizeof(owner));
	memset(runs, 0, sizeof(runs));
	broken = 0;
}

static void close_arena(void)
{
	arena_exit(pool, &arena);
	slabpool_destroy(pool);
	is_uint(tp.reserved, 0, "all memory is given back");
}

static uint32_t power_above(uint32_t n)
{
	uint32_t power = 1;

	while (power < n)
		power *= 2;
	return power > LARGEST ? LARGEST : power;
}

static unsigned char *address(uint32_t page)
{
	return arena.base + ((size_t)page << SLABPOOL_PAGE_SHIFT);
}

/* The naive map's opinion: some aligned place, all of it free, is left for so many pages. */
static bool has_room(uint32_t pages)
{
	uint32_t need = power_above(pages), page, k;

	for (page = 0; page + need <= PAGES; page += need) {
		for (k = 0; k < need && owner[page + k] == 0;)
			k++;
		if (k == need)
			return true;
	}
	return false;
}

/* Of fresh memory all is zero; whatever it was, its pages carry the run's number from now on. */
static void write_run(uint32_t number, bool fresh)
{
	const struct run *r = &runs[number - 1];
	uint32_t k;

	for (k = 0; k < r->pages; k++) {
		uint32_t *word = (uint32_t *)(void *)address(r->page + k);

		if (fresh && (word[0] | word[SLABPOOL_PAGE_SIZE / 4 - 1]) != 0)
			fault("fresh memory that is not zero", number, k);
		word[0] = word[SLABPOOL_PAGE_SIZE / 4 - 1] = number * 65536 + k;
	}
}

static void read_run(uint32_t number)
{
	const struct run *r = &runs[number - 1];
	uint32_t k;

	for (k = 0; k < r->pages; k++) {
		const uint32_t *word = (const uint32_t *)(const void *)address(r->page + k);

		if (word[0] != number * 65536 + k || word[0] != word[SLABPOOL_PAGE_SIZE / 4 - 1])
			fault("a run's page was written", number, k);
	}
}

static void take(uint32_t number, uint32_t pages, enum arena_use use)
{
	struct run *r = &runs[number - 1];
	uint64_t failed = tp.failed;
	bool fresh = false;
	uint32_t page = arena_alloc_run(pool, &arena, pages, use, &fresh), k;

	if (page == ARENA_NO_PAGE) {
		if (tp.failed == failed && pages <= LARGEST && has_room(pages))
			fault("no run although there is room", pages, 0);
		return;
	}
	if (tp.failed != failed)
		fault("a run although a commit failed", page, pages);
	if (page >= PAGES || pages > PAGES - page)
		bail_out("a run beyond the arena: %u pages at %u", pages, page);
	if (page % power_above(pages) != 0)
		fault("a run that is not aligned", page, pages);
	for (k = 0; k < pages; k++) {
		if (owner[page + k] != 0)
			fault("a page twice", page + k, owner[page + k]);
		owner[page + k] = (uint16_t)number;
	}
	*r = (struct run){ page, pages, use };
	write_run(number, fresh);
}

static void give(uint32_t number)
{
	struct run *r = &runs[number - 1];
	uint32_t k;

	read_run(number);
	arena_free_run(pool, &arena, r->page, r->pages, r->use, pick(4) != 0);
	for (k = 0; k < r->pages; k++)
		owner[r->page + k] = 0;
	r->pages = 0;
}

/* Mostly small runs, some up to the largest, few beyond. */
static uint32_t some_pages(void)
{
	switch (pick(40)) {
	case 0:
		return 1 + pick(3000);
	case 1:
	case 2:
		return 1 + pick(LARGEST);
	default:
		return 1 + pick(24);
	}
}

static uint32_t pages_owned(enum arena_use use)
{
	uint32_t sum = 0, k;

	for (k = 0; k < RUNS; k++)
		if (runs[k].pages && runs[k].use == use)
			sum += runs[k].pages;
	return sum;
}

static void check_arena(uint32_t step)
{
	if (!arena_is_valid(&arena))
		fault("arena_is_valid() is false", step, 0);
	if (arena.used[ARENA_SLAB] != pages_owned(ARENA_SLAB) ||
	    arena.used[ARENA_RUN] != pages_owned(ARENA_RUN))
		fault("the counts of used pages", step, 0);
}

/* Everything is free: it can be had in the largest runs, and then in one piece. */
static void check_whole(void)
{
	uint32_t number;

	for (number = 1; number <= PAGES / LARGEST; number++)
		take(number, LARGEST, ARENA_RUN);
	is_uint(pages_owned(ARENA_RUN), PAGES, "all free: %u runs of the largest order",
		PAGES / LARGEST);
	for (number = 1; number <= PAGES / LARGEST; number++)
		give(number);
	take(1, PAGES, ARENA_RUN);
	is_uint(runs[0].pages, PAGES, "or one run of all pages");
	take(2, 1, ARENA_RUN);
	is_uint(runs[1].pages, 0, "and not one more");
	give(1);
	check_arena(0);
	is_uint(broken, 0, "all without a fault");
}

/* One commit in fail_one_in steps fails; 0: none. */
static void random_runs(const char *name, unsigned int idle_kib, unsigned int fail_one_in)
{
	uint32_t step, number, taken = 0;

	open_arena(idle_kib);
	tp.fail_kinds = TEST_FAIL_COMMIT;
	seed = idle_kib + fail_one_in;
	for (step = 0; step < STEPS && broken == 0; step++) {
		number = 1 + pick(RUNS);
		if (fail_one_in && pick(fail_one_in) == 0)
			tp.fail_call = tp.calls + 1;
		if (runs[number - 1].pages) {
			give(number);
		} else {
			take(number, some_pages(), pick(2) ? ARENA_RUN : ARENA_SLAB);
			taken += runs[number - 1].pages > 0;
		}
		tp.fail_call = 0;
		if (pick(500) == 0)
			arena_reap(pool, &arena);
		check_arena(step);
	}
	is_uint(broken, 0, "%s: %u steps, %u runs taken", name, step, taken);
	ok((tp.failed > 20) == (fail_one_in > 0), "%" PRIu64 " commits failed", tp.failed);
	for (number = 1; number <= RUNS; number++)
		if (runs[number - 1].pages)
			give(number);
	check_whole();
	close_arena();
}

/* Freed runs keep their memory up to the limit, are used again as they are, and can be reaped. */
static void test_idle(void)
{
	uint32_t page;
	size_t before, bytes;
	bool fresh;

	open_arena(256);
	arena_free_run(pool, &arena, arena_alloc_run(pool, &arena, 1, ARENA_SLAB, &fresh), 1,
		       ARENA_SLAB, false);
	before = tp.committed;
	page = arena_alloc_run(pool, &arena, 32, ARENA_RUN, &fresh);
	ok(fresh, "the first use of memory is fresh");
	memset(address(page), 0x55, 32 * SLABPOOL_PAGE_SIZE);
	arena_free_run(pool, &arena, page, 32, ARENA_RUN, true);
	is_uint(tp.committed, before + 32 * SLABPOOL_PAGE_SIZE, "a freed run stays idle");
	ok(arena.idle_pages >= 32, "and is counted");
	page = arena_alloc_run(pool, &arena, 32, ARENA_RUN, &fresh);
	ok(!fresh, "an idle run is not called fresh");
	is_uint(address(page)[5], 0x55, "it is the same memory");
	is_uint(tp.committed, before + 32 * SLABPOOL_PAGE_SIZE, "no more is committed");
	arena_free_run(pool, &arena, page, 32, ARENA_RUN, true);
	bytes = (size_t)arena.idle_pages << SLABPOOL_PAGE_SHIFT;
	is_uint(arena_reap(pool, &arena), bytes, "reap tells the bytes");
	is_uint(arena.idle_pages, 0, "nothing is idle then");
	is_uint(tp.committed, before, "and the memory is back");
	is_uint(arena_reap(pool, &arena), 0, "a second reap finds nothing");
	page = arena_alloc_run(pool, &arena, 65, ARENA_RUN, &fresh);
	ok(fresh, "after reap memory is fresh again");
	arena_free_run(pool, &arena, page, 65, ARENA_RUN, true);
	is_uint(arena.idle_pages, 0, "a run beyond idle_kib goes back at once");
	page = arena_alloc_run(pool, &arena, 16, ARENA_SLAB, &fresh);
	before = tp.committed;
	arena_free_run(pool, &arena, page, 16, ARENA_SLAB, false);
	is_uint(tp.committed, before - 16 * SLABPOOL_PAGE_SIZE,
		"a run that is not to be kept goes back at once");
	ok(arena_is_valid(&arena), "valid");
	close_arena();
}

/* Each capacity by random takes and gives; the lowest free object always comes first. */
static void random_slab(uint32_t capacity, uint32_t first, uint32_t stride)
{
	uint64_t bits[16];
	bool taken[1024] = { false };
	uint32_t live = 0, step, k, index;
	struct slab slab;

	broken = 0;
	seed = capacity;
	memset(bits, 0xa5, sizeof(bits));
	slab_init(&slab, bits, capacity, first, stride, first + capacity * stride + 5);
	for (step = 0; step < 4000 && broken == 0; step++) {
		index = pick(capacity + 2);
		if (pick(step / 1000 % 2 ? 3 : 2)) {
			for (k = 0; k < capacity && taken[k];)
				k++;
			index = slab_take(&slab);
			if (index != (k < capacity ? k : SLAB_NO_OBJECT))
				fault("not the lowest free object", index, k);
			live += k < capacity;
			taken[k] = k < capacity;
		} else {
			bool right = index < capacity && taken[index];

			if (slab_give(&slab, index) != right)
				fault("give", index, right);
			live -= right;
			if (right)
				taken[index] = false;
		}
		for (k = 0; k < capacity; k++)
			if (slab_is_free(&slab, k) == taken[k])
				fault("a bit", k, taken[k]);
		if (slab_is_free(&slab, capacity) || slab.free_count != capacity - live ||
		    !slab_is_valid(&slab))
			fault("count or validity", slab.free_count, live);
	}
	is_uint(broken, 0, "a slab of %u objects", capacity);
}

/* Every byte of a run belongs to the object that a search finds. */
static void places_of_slab(uint32_t capacity, uint32_t first, uint32_t stride, uint32_t bytes)
{
	uint64_t bits[16];
	uint32_t offset, k, wrong = 0;
	struct slab slab;

	slab_init(&slab, bits, capacity, first, stride, bytes);
	for (offset = 0; offset < bytes + 100; offset++) {
		for (k = 0; k < capacity; k++)
			if (offset >= first + k * stride && offset < first + (k + 1) * stride)
				break;
		wrong += slab_object_at(&slab, offset) != (k < capacity ? k : SLAB_NO_OBJECT);
	}
	for (k = 0; k < capacity; k++)
		wrong += slab_object_offset(&slab, k) != first + k * stride;
	is_uint(wrong, 0, "places of %u objects of %u bytes behind %u", capacity, stride, first);
}

static void test_slabs(void)
{
	static const uint32_t capacity[] = { 1, 2, 63, 64, 65, 127, 128, 500, 1000 };
	uint32_t k;

	for (k = 0; k < sizeof(capacity) / sizeof(capacity[0]); k++)
		random_slab(capacity[k], 64 * k, 40);
	places_of_slab(1, 0, 4096, 4096);
	places_of_slab(39, 64, 104, 4224);
	places_of_slab(500, 0, 8, 4096);
	places_of_slab(7, 128, 520, 3900);
}

/* A magazine against an array; its store is moved about meanwhile. */
static void test_magazine(void)
{
	static char cell[MAGAZINE_MAX + 1];
	static void *memory[MAGAZINE_MAX + 8];
	struct slabpool_magazine m = { NULL, 0, 0 }, other = { NULL, 0, 0 };
	struct slabpool_store *store = (struct slabpool_store *)(void *)memory, *list = NULL;
	void *naive[MAGAZINE_MAX];
	uint32_t count = 0, step, wrong = 0;

	magazine_store_init(store, MAGAZINE_MAX);
	magazine_load(&m, store);
	for (step = 0; step < 20000; step++) {
		if (pick(2) && count < MAGAZINE_MAX) {
			naive[count] = &cell[count + 1];
			slabpool_magazine_push(&m, m.count, naive[count++]);
		} else if (count > 0) {
			wrong += slabpool_magazine_pop(&m, m.count - 1) != naive[--count];
		}
		if (pick(50) == 0) {
			magazine_swap(&m, &other);
			wrong += m.count != 0 || other.count != count;
			magazine_list_push(&list, magazine_unload(&other));
			wrong += other.capacity != 0 || list->count != count;
			magazine_load(&m, magazine_list_pop(&list));
		}
		wrong += m.count != count || (pick(50) == 0 && !magazine_is_valid(&m));
	}
	is_uint(wrong, 0, "a magazine gives back what went in last");
	is_uint(magazine_store_bytes(64), sizeof(*store) + 64 * sizeof(void *), "bytes of a store");
}

/* For each byte of a slab's run: the object of those given out that holds it, or none. */
static unsigned int wrong_in_slab(struct kmem_cache *cache, unsigned char **given, unsigned int n)
{
	const struct arena *a = cache->arena;
	size_t run = SLABPOOL_PAGE_SIZE << cache->geometry.order, k;
	size_t start = ((uintptr_t)given[0] - a->address) & ~(run - 1);
	uint32_t which = lookup_slab(a, start), index;
	unsigned int wrong = 0, j;

	for (k = 0; k < run; k++) {
		unsigned char *p = a->base + start + k;

		for (j = 0; j < n && (p < given[j] || p >= given[j] + cache->geometry.stride);)
			j++;
		index = lookup_object(a, which, start + k);
		wrong += lookup_offset(a, p) != start + k || lookup_slab(a, start + k) != which;
		wrong += (index == SLAB_NO_OBJECT) != (j == n);
		wrong += index != SLAB_NO_OBJECT && lookup_address(a, which, index) != given[j];
	}
	return wrong;
}

static void test_lookup(void)
{
	static const unsigned int size[] = { 8, 24, 100, 520, 1500, 3000 };
	struct slabpool_platform platform;
	struct slabpool_options options;
	unsigned char *given[512];
	struct kmem_cache *cache;
	unsigned int k, n;

	test_platform_reset(&tp);
	test_platform_table(&tp, &platform);
	slabpool_options_init(&options);
	options.min_order = 0;
	options.arena_mib = 1;
	pool = slabpool_create(&platform, &options);
	for (k = 0; pool && k < sizeof(size) / sizeof(size[0]); k++) {
		cache = slabpool_cache_create(pool, "looked-up", size[k], NULL, 0);
		for (n = 0; cache && n < cache->geometry.capacity && n < 512; n++)
			given[n] = (unsigned char *)kmem_cache_alloc(cache, GFP_KERNEL);
		if (!cache || n == 0 || n > 512)
			bail_out("no slab of objects of %u bytes", size[k]);
		is_uint(wrong_in_slab(cache, given, n), 0, "every byte of %u objects of %u", n,
			size[k]);
	}
	is_uint(lookup_offset(&pool->arena[0], pool->arena[0].base - 1), LOOKUP_NOT_IN,
		"a byte before the arena is not in it");
	is_uint(lookup_offset(&pool->arena[0], pool->arena[0].base +
			      ((size_t)pool->arena[0].pages << SLABPOOL_PAGE_SHIFT)), LOOKUP_NOT_IN,
		"nor is one behind it");
	is_uint(lookup_offset(&pool->arena[0], NULL), LOOKUP_NOT_IN, "nor NULL");
	slabpool_destroy(pool);
	is_uint(tp.reserved, 0, "all memory is given back");
}

int main(void)
{
	test_platform_open(&tp, (size_t)64 << 20, 0);
	random_runs("runs that go back at once", 0, 0);
	random_runs("runs that stay idle", 65536, 0);
	random_runs("idle up to a limit, commits that fail", 2048, 7);
	test_idle();
	test_slabs();
	test_magazine();
	test_lookup();
	test_platform_close(&tp);
	return tap_done();
}
