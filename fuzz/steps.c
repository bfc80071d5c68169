/* SPDX-License-Identifier: MIT */
/* See steps.h. Like inside.c this looks at the allocator's structures, and changes nothing. */
#include "steps.h"
#include "rest.h"

#include "core/instance.h"
#include "core/thread.h"

#define GROWTH 4u            /* a magazine's next store is so much larger */
#define SPARES 64u           /* empty stores that a cache keeps */
#define HOME_LEFT 8u         /* full magazines in a home that take none of a thread that ends */
#define LOOK_EVERY 16u       /* exchanges between two looks at the clock */
#define OLD_AT_ONCE 2u       /* old magazines that one exchange empties */

struct mags {
	uint32_t count, room;
};

/* A cache, as the thread whose turn it is sees it. */
struct view {
	bool has_magazines, bound, current, grows;
	struct mags loaded, spare;
	uint32_t home;
	uint32_t first, limit, batch, shared, epoch;
	struct { struct mags top; uint32_t count, low; } homes[DEPOT_HOMES];
	struct mags old_top;
	uint32_t full, old, spares, full_since;
	size_t depot_objects, free_objects;
	uint64_t refills, flushes, exchanges, made, released;
	uint32_t empty, oldest_age;
	uint32_t fired;
};

static struct kmem_cache *cache;
static struct view before;

static uint32_t seconds(const struct world *w)
{
	return w->pool->platform.clock ? (uint32_t)(fuzz_platform.now / 1000) : 0;
}

static struct mags of_store(const struct slabpool_store *store)
{
	return store ? (struct mags){ store->count, store->capacity } : (struct mags){ 0, 0 };
}

static struct thread_record *record_of(struct slabpool *pool)
{
	return pool->is_default ? slabpool_thread_current : thread_find(pool);
}

/* The home that a new thread gets: that of the fewest. */
static uint32_t home_next(const struct slabpool *pool)
{
	uint32_t users[DEPOT_HOMES] = { 0 }, home = 0;

	for (const struct thread_record *r = pool->threads; r; r = r->next)
		users[r->home % DEPOT_HOMES]++;
	for (uint32_t k = 1; k < DEPOT_HOMES; k++)
		if (users[k] < users[home])
			home = k;
	return home;
}

static void look_at_slot(struct view *v)
{
	struct thread_record *record = record_of(cache->pool);
	const struct slabpool_slot *slot = thread_slot(cache);

	v->has_magazines = cache->pool->options.magazines && !cache->pool->event &&
			   cache->pool->platform.thread_set && record != &thread_gone;
	v->loaded = (struct mags){ slot->loaded.count, slot->loaded.capacity };
	v->spare = (struct mags){ slot->spare.count, slot->spare.capacity };
	v->bound = slot->cache == cache;
	v->current = v->bound && slot->epoch == cache->epoch;
	v->grows = slot->grows;
	v->home = record == &thread_none ? home_next(cache->pool) : record->home % DEPOT_HOMES;
}

static void look_at_depot(const struct world *w, struct view *v)
{
	uint32_t oldest = cache->empty_last;

	for (uint32_t k = 0; k < DEPOT_HOMES; k++) {
		v->homes[k].top = of_store(cache->home[k].full);
		v->homes[k].count = cache->home[k].count;
		v->homes[k].low = cache->home[k].low;
	}
	v->old_top = of_store(cache->old);
	v->full = cache->full_count;
	v->old = cache->old_count;
	v->spares = cache->spare_count;
	v->full_since = cache->full_since;
	v->depot_objects = cache->depot_objects;
	v->free_objects = cache->free_objects;
	v->empty = cache->empty_slabs;
	v->oldest_age = oldest == SLAB_NO_SLAB ? 0
					       : seconds(w) - cache->arena->slab[oldest].stamp;
}

static struct view look(const struct world *w)
{
	struct view v = {
		.first = cache->first, .limit = cache->limit, .batch = cache->batchcount,
		.shared = cache->shared, .epoch = cache->epoch,
		.refills = cache->refills, .flushes = cache->flushes,
		.exchanges = cache->exchanges, .made = cache->grows,
		.released = cache->releases,
		.fired = fuzz_platform.fired + fuzz_platform.refused,
	};

	look_at_slot(&v);
	look_at_depot(w, &v);
	return v;
}

void steps_before(const struct world *w, struct kmem_cache *which)
{
	cache = NULL;
	if (!rest_can_look(w))
		return;
	cache = which;
	before = look(w);
}

/* --- what has to come of it --- */

static void swap(struct view *v)
{
	struct mags m = v->loaded;

	v->loaded = v->spare;
	v->spare = m;
}

/* What is there from before the epoch goes to the slabs; two magazines of the first size. */
static void bind(struct view *v)
{
	if (v->current)
		return;
	if (v->bound) {
		v->flushes += (v->loaded.count > 0) + (v->spare.count > 0);
		v->free_objects += v->loaded.count + v->spare.count;
	}
	v->loaded = v->spare = (struct mags){ 0, v->first };
	v->grows = false;
	v->current = v->bound = true;
}

static uint32_t larger(const struct view *v, uint32_t room)
{
	return room > v->limit / GROWTH ? v->limit : room * GROWTH;
}

/* The loaded magazine for the first of a list of the depot. */
static void exchange(struct view *v, struct mags top)
{
	v->depot_objects -= top.count;
	v->exchanges++;
	if (v->loaded.room == v->limit && v->spares < SPARES)
		v->spares++;
	v->loaded = top;
	v->grows = true;
}

static void exchange_home(struct view *v, uint32_t home)
{
	v->full--;
	v->homes[home].count--;
	if (v->homes[home].low > v->homes[home].count)
		v->homes[home].low = v->homes[home].count;
	exchange(v, v->homes[home].top);
}

static bool fill(struct view *v)
{
	size_t got;

	if (v->loaded.room < v->limit && v->grows) {
		v->loaded.room = larger(v, v->loaded.room);
		v->spares -= v->loaded.room == v->limit && v->spares;
	}
	got = v->loaded.room < v->batch ? v->loaded.room : v->batch;
	got = got < v->free_objects ? got : v->free_objects;
	if (!got)
		return false;
	v->free_objects -= got;
	v->loaded.count = (uint32_t)got;
	v->refills++;
	v->grows = true;
	return true;
}

/* The next home that has something, after this one. */
static uint32_t other(const struct view *v)
{
	for (uint32_t k = 1; k < DEPOT_HOMES; k++)
		if (v->homes[(v->home + k) % DEPOT_HOMES].count)
			return (v->home + k) % DEPOT_HOMES;
	return DEPOT_HOMES;
}

static void refill(struct view *v)
{
	uint32_t home;

	for (;;) {
		if (v->homes[v->home].count) {
			exchange_home(v, v->home);
			return;
		}
		if (fill(v))
			return;
		home = other(v);
		if (home < DEPOT_HOMES) {
			exchange_home(v, home);
			return;
		}
		if (v->old) {
			v->old--;
			exchange(v, v->old_top);
			return;
		}
		v->made++;
		v->free_objects += cache->geometry.capacity;
	}
}

static void take(struct view *v)
{
	if (!v->has_magazines) {
		if (!v->free_objects) {
			v->made++;
			v->free_objects += cache->geometry.capacity;
		}
		v->free_objects--;
		return;
	}
	if (!v->loaded.count) {
		bind(v);
		if (v->spare.count)
			swap(v);
		else
			refill(v);
	}
	v->loaded.count--;
}

/* What nobody needed for retain_ms is old, and is emptied some with each exchange. */
static void age(const struct world *w, struct view *v)
{
	uint32_t retain = w->options.retain_ms / 1000 + (w->options.retain_ms % 1000 != 0);
	uint32_t emptied;

	if (v->exchanges % LOOK_EVERY == 0 && seconds(w) - v->full_since >= retain) {
		for (uint32_t k = 0; k < DEPOT_HOMES; k++) {
			v->old += v->homes[k].low;
			v->full -= v->homes[k].low;
			v->homes[k].count -= v->homes[k].low;
			v->homes[k].low = v->homes[k].count;
		}
		v->full_since = seconds(w);
	}
	emptied = v->old < OLD_AT_ONCE ? v->old : OLD_AT_ONCE;
	v->old -= emptied;
	v->flushes += emptied;
}

static void accept(const struct world *w, struct view *v)
{
	uint32_t room = v->spare.room;

	if (v->full >= v->shared || v->old >= v->shared - v->full) {
		v->free_objects += v->spare.count;
		v->spare.count = 0;
		v->flushes++;
		return;
	}
	if (v->grows)
		room = larger(v, room);
	v->spares -= room == v->limit && v->spares;
	v->grows = true;
	v->full++;
	v->homes[v->home].count++;
	v->depot_objects += v->spare.count;
	v->exchanges++;
	v->spare = (struct mags){ 0, room };
	age(w, v);
}

static void give(const struct world *w, struct view *v)
{
	if (!v->has_magazines) {
		v->free_objects++;
		return;
	}
	if (v->loaded.count == v->loaded.room) {
		bind(v);
		if (v->loaded.count == v->loaded.room) {
			if (v->spare.count)
				accept(w, v);
			swap(v);
		}
	}
	v->loaded.count++;
}

/* --- that it came --- */

/* True if they are; if not, and it is to be said, a failure. */
static bool same(bool say, const char *what, uint64_t got, uint64_t expected)
{
	if (got != expected && say)
		fuzz_fail("step", "%s: %llu, should be %llu", what, (unsigned long long)got,
			  (unsigned long long)expected);
	return got == expected;
}

/* Slabs that a call left empty stay up to retain_kib. A free waits for no readers: then they all
 * stay. After a fork and between threads there may be more, until the next such call. */
static void check_retained(const struct world *w, const struct kmem_cache *c, uint32_t empty_before)
{
	size_t run = PAGE_SIZE << c->geometry.order;

	if (!(c->flags & SLAB_TYPESAFE_BY_RCU) && c->empty_slabs > empty_before &&
	    c->empty_slabs > (size_t)w->options.retain_kib * 1024 / run)
		fuzz_fail("step", "%s keeps %u empty slabs of %zu bytes; retain_kib is %u",
			  c->name, c->empty_slabs, run, w->options.retain_kib);
}

/* Only what is due goes: too many empty slabs, or one that has been empty for retain_ms. */
static void check_released(const struct world *w, const struct view *now)
{
	uint32_t retain = w->options.retain_ms / 1000 + (w->options.retain_ms % 1000 != 0);
	size_t run = PAGE_SIZE << cache->geometry.order;
	size_t keep = (size_t)w->options.retain_kib * 1024 / run;
	uint64_t gone = now->released - before.released;

	if (gone && now->empty + gone <= keep && before.oldest_age < retain)
		fuzz_fail("step", "%llu slabs go of %llu empty ones, %zu may stay; the oldest was "
			  "empty for %u seconds", (unsigned long long)gone,
			  (unsigned long long)(now->empty + gone), keep, before.oldest_age);
}

static bool as_foretold(bool say, const struct view *now, const struct view *then)
{
	uint64_t gone = now->released - before.released;
	size_t free = now->depot_objects + now->free_objects;

	return same(say, "objects in the loaded magazine", now->loaded.count,
		    then->loaded.count) &&
	       same(say, "room in the loaded magazine", now->loaded.room, then->loaded.room) &&
	       same(say, "objects in the spare magazine", now->spare.count, then->spare.count) &&
	       same(say, "room in the spare magazine", now->spare.room, then->spare.room) &&
	       same(say, "full magazines", now->full, then->full) &&
	       same(say, "full magazines of the thread's home", now->homes[then->home].count,
		    then->homes[then->home].count) &&
	       same(say, "old magazines", now->old, then->old) &&
	       same(say, "empty stores", now->spares, then->spares) &&
	       same(say, "refills", now->refills, then->refills) &&
	       same(say, "flushes", now->flushes, then->flushes) &&
	       same(say, "exchanges", now->exchanges, then->exchanges) &&
	       same(say, "slabs made", now->made, then->made) &&
	       same(say, "free objects in depot and slabs", free,
		    then->depot_objects + then->free_objects - gone * cache->geometry.capacity);
}

/* Where memory ran out in the middle anything may have been done without. */
static bool is_excused(struct world *w, const struct view *now)
{
	size_t arena = (size_t)w->options.arena_mib << 20;
	uint32_t order = cache->geometry.order;
	struct slabpool_memory_info memory;

	/* Empty slabs are in the way of a magazine's store: for that nothing is reaped. */
	w->a->memory_info(w->pool, &memory);
	if (memory.slabs + memory.metadata + memory.runs + memory.idle > arena / 2)
		return true;
	/* It may have been a table, a store, or a slab. */
	for (uint32_t k = 0; k < META_COUNT; k++)
		if (order < w->pool->meta[k].geometry.order)
			order = w->pool->meta[k].geometry.order;
	return now->fired != before.fired || now->epoch != before.epoch ||
	       memory_is_full(w, PAGE_SIZE << order, 2);
}

static void finish(struct world *w, const struct view *then)
{
	struct view now;

	now = look(w);
	if (now.released != before.released && now.epoch == before.epoch)
		check_released(w, &now);
	if (!as_foretold(false, &now, then) && !is_excused(w, &now))
		as_foretold(true, &now, then);
	cache = NULL;
}

void steps_took(struct world *w)
{
	struct view then = before;

	if (!cache)
		return;
	take(&then);
	finish(w, &then);
}

void steps_gave(struct world *w)
{
	struct view then = before;

	if (!cache)
		return;
	give(w, &then);
	check_retained(w, cache, before.empty);
	finish(w, &then);
}

/* --- what a thread holds goes --- */

#define CACHES_MOST 320u

static struct {
	struct kmem_cache *cache;
	uint32_t full, empty;
	size_t depot_objects;
} left[CACHES_MOST];
static uint32_t left_count, left_fired;

static void leave(const struct kmem_cache *c, const struct slabpool_magazine *m, uint32_t *in_home,
		  uint32_t k)
{
	if (!m->count || *in_home >= HOME_LEFT || left[k].full >= c->shared ||
	    c->old_count >= c->shared - left[k].full)
		return;
	left[k].full++;
	left[k].depot_objects += m->count;
	*in_home += 1;
}

void steps_before_flush(const struct world *w, const void *ending)
{
	const struct thread_record *r = ending;

	left_count = 0;
	left_fired = fuzz_platform.fired;
	for (struct kmem_cache *c = rest_can_look(w) ? w->pool->first : NULL; c; c = c->next) {
		const struct slabpool_slot *slot = r ? thread_slot_in(r, c) : NULL;
		uint32_t k = left_count, in_home;

		if (k == CACHES_MOST)
			return;
		left[k].cache = c;
		left[k].full = c->full_count;
		left[k].empty = c->empty_slabs;
		left[k].depot_objects = c->depot_objects;
		if (slot && slot->cache == c) {
			in_home = c->home[slot->home % DEPOT_HOMES].count;
			leave(c, &slot->loaded, &in_home, k);
			leave(c, &slot->spare, &in_home, k);
		}
		left_count++;
	}
}

void steps_flushed(struct world *w)
{
	for (uint32_t k = 0; k < left_count && fuzz_platform.fired == left_fired; k++) {
		const struct kmem_cache *c = left[k].cache;

		same(true, "full magazines when a thread's go", c->full_count, left[k].full);
		same(true, "objects in the depot when a thread's magazines go", c->depot_objects,
		     left[k].depot_objects);
		check_retained(w, c, left[k].empty);
	}
	left_count = 0;
}

void steps_reset(void)
{
	cache = NULL;
	left_count = 0;
}
