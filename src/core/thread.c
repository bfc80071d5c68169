/* SPDX-License-Identifier: MIT */
/*
 * Thread: what a thread holds, so that most calls need no lock.
 *
 *   slabpool_thread_slots ----------------> slot[id of the cache]
 *   slabpool_thread_current --> record -->    loaded, spare, epoch
 *   (or platform.thread_get)
 *
 * A thread gets its record, with a slot for every cache that there may be, on the first slow path,
 * and two magazines with the first object of a cache. A table is address space at first: the
 * system gives it memory where slots are used. What does not exist is stood in for by thread_none,
 * whose slots have neither objects nor room: the fast path looks at counts only and falls into the
 * slow path by itself. The slot with id 0 belongs to a cache of the allocator's own and stays
 * empty: caches that the fast path must not serve point to it.
 *
 * States of a thread:
 *   none -> has a record -> gone
 * A thread is gone when its exit hook ran: its magazines went back, and what later hooks of the
 * same thread free goes to the slabs directly.
 *
 * Shrink and reap raise a cache's epoch: on its next slow path a thread that held objects from
 * before gives them back first. Until then they count as held.
 *
 * Guarantee: a slot is touched by its own thread only, but when its cache is destroyed (no other
 * use of the cache may run then) or its thread does not exist any more (after fork).
 *
 * A table reads zero when it is made and when it is given back.
 *
 * Locking: the instance's lock protects the list of records.
 */
#include "core/thread.h"
#include "core/instance.h"
#include "core/locks.h"

#include "../../proofs/logic/Thread.acsl"

/* The largest value of each option. */
#define MOST(type, name, standard, low, high, text) MOST_##name = (high),
enum { SLABPOOL_OPTION_LIST(MOST) };
#undef MOST

/* As many as the option max_caches may be; but where there are no threads every cache points to the
 * first. */
static struct slabpool_slot slots_none[SLABPOOL_THREADS ? MOST_max_caches : 1];
struct thread_record thread_none = { .slot = slots_none };
struct thread_record thread_gone = { .slot = slots_none };

SLABPOOL_THREAD_LOCAL struct thread_record *slabpool_thread_current = &thread_none;
SLABPOOL_THREAD_LOCAL struct slabpool_slot *slabpool_thread_slots = slots_none;

struct thread_record *thread_find(struct slabpool *pool)
{
	const struct slabpool_platform *platform = &pool->platform;
	void *record = platform->thread_get ? platform->thread_get(platform->context) : NULL;

	return record ? record : &thread_none;
}

static struct thread_record *current_record(struct slabpool *pool)
{
	return pool->is_default ? slabpool_thread_current : thread_find(pool);
}

struct slabpool_slot *thread_slot(const struct kmem_cache *cache)
{
	const struct thread_record *record = current_record(cache->pool);

	return record->slot == slots_none ? &slots_none[0] : thread_slot_in(record, cache);
}

/*@ requires memory: \valid_read(record);
    terminates always: \true;
    exits never: \false;
    assigns slabpool_thread_current, slabpool_thread_slots;
    ensures current: slabpool_thread_current == record;
    ensures slots: slabpool_thread_slots == record->slot;
*/
static void use_record(struct thread_record *record)
{
	slabpool_thread_current = record;
	slabpool_thread_slots = record->slot;
}

/* The record is in force before the platform hears of it: that may allocate, in this thread. */
static int set_current(struct slabpool *pool, struct thread_record *record)
{
	int error;

	if (pool->is_default)
		use_record(record);
	error = pool->platform.thread_set(pool->platform.context, record);
	if (error && pool->is_default)
		use_record(&thread_none);
	return error;
}

/* The home with the fewest threads: what one of them left there is for the next. */
/*@ requires memory: \valid(pool);
    requires users: users_below(pool, UINT32_MAX);
    terminates always: \true;
    exits never: \false;
    assigns pool->home_users[0 .. DEPOT_HOMES - 1];
    ensures range: \result < DEPOT_HOMES;
    ensures least: home_least{Pre}(pool, \result, DEPOT_HOMES);
    ensures count: pool->home_users[\result] == \old(pool->home_users[\result]) + 1;
    ensures others: users_kept_but{Pre, Post}(pool, \result);
*/
SLABPOOL_UNDER(instance_locks)
static uint32_t home_choose(struct slabpool *pool)
{
	uint32_t home = 0, k;

	/*@ loop invariant range: 1 <= k <= DEPOT_HOMES && home < k;
	    loop invariant least: home_least(pool, home, k);
	    loop assigns k, home;
	    loop variant DEPOT_HOMES - k;
	*/
	for (k = 1; k < DEPOT_HOMES; k++) {
		if (pool->home_users[k] < pool->home_users[home])
			home = k;
	}
	pool->home_users[home]++;
	return home;
}

/* Makes a record the first of the instance's, with a home. */
/*@ requires memory: \valid(pool) && \valid(record) && \separated(pool, record);
    requires first: neighbour(pool, record, pool->threads);
    requires users: users_below(pool, UINT32_MAX);
    terminates always: \true;
    exits never: \false;
    assigns record->home, record->prev, record->next, pool->threads, pool->threads->prev,
            pool->home_users[0 .. DEPOT_HOMES - 1];
    ensures first: pool->threads == record && record->prev == \null;
    ensures rest: record->next == \old(pool->threads) &&
            (record->next == \null || record->next->prev == record);
    ensures home: record->home < DEPOT_HOMES && home_least{Pre}(pool, record->home, DEPOT_HOMES);
    ensures users: pool->home_users[record->home] ==
            \at(pool->home_users[\at(record->home, Post)], Pre) + 1;
*/
SLABPOOL_UNDER(instance_locks)
static void record_insert(struct slabpool *pool, struct thread_record *record)
{
	uint32_t home = home_choose(pool);

	record->home = home;
	record->prev = NULL;
	record->next = pool->threads;
	if (pool->threads)
		pool->threads->prev = record;
	pool->threads = record;
}

static void record_link(struct slabpool *pool, struct thread_record *record)
{
	instance_lock(pool);
	record_insert(pool, record);
	instance_unlock(pool);
}

/* Takes a record out from between its neighbours. */
/*@ requires memory: \valid(pool) && \valid(record) && \separated(pool, record);
    requires before: neighbour(pool, record, record->prev);
    requires behind: neighbour(pool, record, record->next);
    requires apart: record->prev == \null || record->next == \null ||
             \separated(record->prev, record->next);
    requires home: record->home < DEPOT_HOMES && pool->home_users[record->home] > 0;
    terminates always: \true;
    exits never: \false;
    assigns record->prev->next, record->next->prev, pool->threads,
            pool->home_users[record->home];
    ensures before: record->prev == \null ? pool->threads == record->next :
            record->prev->next == record->next && pool->threads == \old(pool->threads);
    ensures behind: record->next == \null || record->next->prev == record->prev;
    ensures users: pool->home_users[record->home] ==
            \old(pool->home_users[record->home]) - 1;
*/
SLABPOOL_UNDER(instance_locks)
static void record_unlink(struct slabpool *pool, struct thread_record *record)
{
	if (record->prev)
		record->prev->next = record->next;
	else
		pool->threads = record->next;
	if (record->next)
		record->next->prev = record->prev;
	pool->home_users[record->home]--;
}

static void record_give(struct slabpool *pool, struct thread_record *record)
{
	if (record->slot)
		meta_free(pool, META_TABLE, record->slot);
	meta_free(pool, META_RECORD, record);
}

static struct thread_record *record_new(struct slabpool *pool)
{
	struct thread_record *record = meta_alloc(pool, META_RECORD);

	if (!record)
		return NULL;
	record->pool = pool;
	record->slot = meta_alloc(pool, META_TABLE);
	if (!record->slot) {
		record_give(pool, record);
		return NULL;
	}
	record_link(pool, record);
	if (set_current(pool, record) == 0)
		return record;
	instance_lock(pool);
	record_unlink(pool, record);
	instance_unlock(pool);
	record_give(pool, record);
	return NULL;
}

/* The calling thread's own record, made if need be; NULL if it can have none. */
static struct thread_record *own_record(struct slabpool *pool)
{
	struct thread_record *record = current_record(pool);

	if (record == &thread_gone)
		return NULL;
	if (record == &thread_none)
		record = record_new(pool);
	return record;
}

static void magazine_empty(struct kmem_cache *cache, struct slabpool_magazine *m)
{
	bool empty = false;

	if (m->count) {
		cache_lock(cache);
		empty = depot_give(cache, m->store->object, m->count);
		slabpool_magazine_set_count(m, 0);
		cache_count(&cache->flushes);
		cache_unlock(cache);
	}
	depot_store_free(cache, magazine_unload(m));
	if (empty)
		slabs_trim_default(cache);
}

void thread_slot_flush(struct slabpool_slot *slot)
{
	struct kmem_cache *cache = slot->cache;

	if (!cache)
		return;
	magazine_empty(cache, &slot->loaded);
	magazine_empty(cache, &slot->spare);
	slot->epoch = 0;
	slot->grows = false;
	slot->cache = NULL;
}

struct slabpool_slot *thread_slot_get(struct kmem_cache *cache)
{
	struct thread_record *record;
	struct slabpool_slot *slot;
	struct slabpool_store *first, *second;
	uint32_t epoch = slabpool_load_u32(&cache->epoch);
	uint32_t capacity = slabpool_load_u32(&cache->first);

	if (!cache->pool->options.magazines || cache->pool->event ||
	    !cache->pool->platform.thread_set || cache->life == CACHE_META)
		return NULL;
	record = own_record(cache->pool);
	if (!record)
		return NULL;
	slot = thread_slot_in(record, cache);
	if (slot->cache && slot->epoch == epoch)
		return slot;
	thread_slot_flush(slot);
	first = depot_store_new(cache, capacity);
	second = depot_store_new(cache, capacity);
	if (!first || !second) {
		depot_store_free(cache, first);
		depot_store_free(cache, second);
		return NULL;
	}
	magazine_load(&slot->loaded, first);
	magazine_load(&slot->spare, second);
	slot->epoch = epoch;
	slot->home = (uint16_t)record->home;
	slot->cache = cache;
	return slot;
}

void thread_flush_own(struct kmem_cache *cache)
{
	struct slabpool_slot *slot = thread_slot(cache);

	if (slot->cache == cache)
		thread_slot_flush(slot);
}

void thread_flush_all(struct kmem_cache *cache)
{
	struct thread_record *record;

	instance_lock(cache->pool);
	for (record = cache->pool->threads; record; record = record->next)
		thread_slot_flush(thread_slot_in(record, cache));
	instance_unlock(cache->pool);
}

size_t thread_held(const struct kmem_cache *cache)
{
	const struct thread_record *record;
	size_t held = 0;

	for (record = cache->pool->threads; record; record = record->next) {
		const struct slabpool_slot *slot = thread_slot_in(record, cache);

		held += slabpool_load_u32(&slot->loaded.count);
		held += slabpool_load_u32(&slot->spare.count);
	}
	return held;
}

/* A cache destroyed meanwhile finds the record full or empty. */
SLABPOOL_UNDER(instance_locks)
static void record_flush(struct thread_record *record, bool ends)
{
	uint32_t k;

	for (k = META_COUNT; k < record->pool->next_id; k++) {
		struct slabpool_slot *slot = &record->slot[k];

		if (ends && slot->cache)
			depot_leave(slot->cache, slot);
		thread_slot_flush(slot);
	}
}

/* Empties a record, takes it out of the list and frees it. */
static void record_free(struct slabpool *pool, struct thread_record *record)
{
	instance_lock(pool);
	record_flush(record, true);
	record_unlink(pool, record);
	instance_unlock(pool);
	record_give(pool, record);
}

void slabpool_thread_exit(struct slabpool *pool, void *ended)
{
	struct thread_record *record = ended;

	if (record == NULL || record == &thread_none || record == &thread_gone)
		return;
	pool = record->pool;
	if (pool->is_default)
		use_record(&thread_gone);
	else
		pool->platform.thread_set(pool->platform.context, &thread_gone);
	record_free(pool, record);
}

void slabpool_thread_flush(struct slabpool *pool)
{
	struct thread_record *record = current_record(pool);

	if (record == &thread_none || record == &thread_gone)
		return;
	instance_lock(pool);
	record_flush(record, false);
	instance_unlock(pool);
}

/* Frees the stores of a slot whose thread vanished in the middle of anything. */
static void slot_abandon(struct slabpool_slot *slot)
{
	static const struct slabpool_slot unused;
	struct slabpool_store *loaded = slot->loaded.store, *spare = slot->spare.store;

	if (!slot->cache && !loaded && !spare)
		return;
	if (slot->cache) {
		depot_store_free(slot->cache, loaded);
		if (spare != loaded)
			depot_store_free(slot->cache, spare);
	}
	*slot = unused;
}

SLABPOOL_UNDER(instance_locks)
static void record_abandon(struct slabpool *pool, struct thread_record *record)
{
	uint32_t k;

	record_unlink(pool, record);
	for (k = META_COUNT; k < pool->next_id; k++)
		slot_abandon(&record->slot[k]);
	record_give(pool, record);
}

SLABPOOL_ALONE
bool thread_abandon_others(struct slabpool *pool)
{
	struct thread_record *own = current_record(pool), *record, *next;
	bool others = false;

	for (record = pool->threads; record; record = next) {
		next = record->next;
		if (record == own)
			continue;
		record_abandon(pool, record);
		others = true;
	}
	return others;
}
