/* SPDX-License-Identifier: MIT */
/*
 * Thread: what a thread holds, so that most calls need no lock.
 *
 *   slabpool_thread_current --> record --> chunk[id / 64] --> slot[id % 64]
 *   (or platform.thread_get)                                  loaded, spare, epoch
 *
 * A thread gets its record on the first slow path, a chunk with the first cache of its 64, two
 * magazines with the first object of a cache. What does not exist is stood in for by thread_none
 * and thread_chunk_none, whose slots have neither objects nor room: the fast path looks at counts
 * only and falls into the slow path by itself.
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
 * Locking: the instance's lock protects the list of records and chunk pointers of others.
 */
#include "core/thread.h"
#include "core/instance.h"
#include "core/sync.h"

#define NONE_4 &thread_chunk_none, &thread_chunk_none, &thread_chunk_none, &thread_chunk_none
#define NONE_16 NONE_4, NONE_4, NONE_4, NONE_4
#define NONE_64 NONE_16, NONE_16, NONE_16, NONE_16
#if SLABPOOL_MAX_CACHES == 8192u
#define NONE_ALL NONE_64, NONE_64
#elif SLABPOOL_MAX_CACHES == 256u
#define NONE_ALL NONE_4
#else
#error "SLABPOOL_MAX_CACHES must be 8192 or 256: the table of stand-ins has to match"
#endif

struct thread_chunk thread_chunk_none;
struct thread_record thread_none = { .chunk = { NONE_ALL } };
struct thread_record thread_gone = { .chunk = { NONE_ALL } };

SLABPOOL_THREAD_LOCAL struct thread_record *slabpool_thread_current = &thread_none;

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

/* The record is in force before the platform hears of it: that may allocate, in this thread. */
static int set_current(struct slabpool *pool, struct thread_record *record)
{
	int error;

	if (pool->is_default)
		slabpool_thread_current = record;
	error = pool->platform.thread_set(pool->platform.context, record);
	if (error && pool->is_default)
		slabpool_thread_current = &thread_none;
	return error;
}

static void record_link(struct slabpool *pool, struct thread_record *record)
{
	sync_lock(pool, &pool->lock);
	record->prev = NULL;
	record->next = pool->threads;
	if (pool->threads)
		pool->threads->prev = record;
	pool->threads = record;
	sync_unlock(pool, &pool->lock);
}

/* The instance's lock is held. */
static void record_unlink(struct slabpool *pool, struct thread_record *record)
{
	if (record->prev)
		record->prev->next = record->next;
	else
		pool->threads = record->next;
	if (record->next)
		record->next->prev = record->prev;
}

static struct thread_record *record_new(struct slabpool *pool)
{
	struct thread_record *record = meta_alloc(pool, META_RECORD);
	uint32_t k;

	if (!record)
		return NULL;
	for (k = 0; k < THREAD_CHUNKS; k++)
		record->chunk[k] = &thread_chunk_none;
	record->pool = pool;
	record_link(pool, record);
	if (set_current(pool, record) == 0)
		return record;
	sync_lock(pool, &pool->lock);
	record_unlink(pool, record);
	sync_unlock(pool, &pool->lock);
	meta_free(pool, META_RECORD, record);
	return NULL;
}

static struct thread_chunk *chunk_new(struct slabpool *pool)
{
	static const struct thread_slot unused;
	struct thread_chunk *chunk = meta_alloc(pool, META_CHUNK);
	uint32_t k;

	for (k = 0; chunk && k < THREAD_CHUNK_SLOTS; k++)
		chunk->slot[k] = unused;
	return chunk;
}

/* The calling thread's own slot of this cache, made if need be; NULL if it can have none. */
static struct thread_slot *own_slot(struct kmem_cache *cache)
{
	struct slabpool *pool = cache->pool;
	struct thread_record *record = current_record(pool);
	uint32_t which = cache->id / THREAD_CHUNK_SLOTS;

	if (record == &thread_gone)
		return NULL;
	if (record == &thread_none)
		record = record_new(pool);
	if (!record)
		return NULL;
	if (record->chunk[which] == &thread_chunk_none) {
		struct thread_chunk *chunk = chunk_new(pool);

		if (!chunk)
			return NULL;
		sync_lock(pool, &pool->lock);
		record->chunk[which] = chunk;
		sync_unlock(pool, &pool->lock);
	}
	return &record->chunk[which]->slot[cache->id % THREAD_CHUNK_SLOTS];
}

static void magazine_empty(struct kmem_cache *cache, struct magazine *m)
{
	bool empty = false;

	if (m->count) {
		sync_lock(cache->pool, &cache->lock);
		empty = depot_give(cache, m->store->object, m->count);
		magazine_set_count(m, 0);
		cache->flushes++;
		sync_unlock(cache->pool, &cache->lock);
	}
	depot_store_free(cache, magazine_unload(m));
	if (empty)
		depot_trim_default(cache);
}

void thread_slot_flush(struct thread_slot *slot)
{
	struct kmem_cache *cache = slot->cache;

	if (!cache)
		return;
	magazine_empty(cache, &slot->loaded);
	magazine_empty(cache, &slot->spare);
	slot->cache = NULL;
}

struct thread_slot *thread_slot_get(struct kmem_cache *cache)
{
	struct thread_slot *slot;
	struct magazine_store *first, *second;
	uint32_t epoch = slabpool_load_u32(&cache->epoch);

	if (!cache->pool->options.magazines || cache->pool->event ||
	    !cache->pool->platform.thread_set || cache->life == CACHE_META)
		return NULL;
	slot = own_slot(cache);
	if (!slot)
		return NULL;
	if (slot->cache && slot->epoch == epoch)
		return slot;
	thread_slot_flush(slot);
	first = depot_store_new(cache);
	second = depot_store_new(cache);
	if (!first || !second) {
		depot_store_free(cache, first);
		depot_store_free(cache, second);
		return NULL;
	}
	magazine_load(&slot->loaded, first);
	magazine_load(&slot->spare, second);
	slot->epoch = epoch;
	slot->cache = cache;
	return slot;
}

void thread_flush_own(struct kmem_cache *cache)
{
	struct thread_slot *slot = thread_slot(cache);

	if (slot->cache == cache)
		thread_slot_flush(slot);
}

/* The slot of this cache in any thread's record. */
static struct thread_slot *slot_of(const struct thread_record *record,
				   const struct kmem_cache *cache)
{
	return &record->chunk[cache->id / THREAD_CHUNK_SLOTS]
			->slot[cache->id % THREAD_CHUNK_SLOTS];
}

void thread_flush_all(struct kmem_cache *cache)
{
	struct thread_record *record;

	sync_lock(cache->pool, &cache->pool->lock);
	for (record = cache->pool->threads; record; record = record->next)
		thread_slot_flush(slot_of(record, cache));
	sync_unlock(cache->pool, &cache->pool->lock);
}

size_t thread_held(const struct kmem_cache *cache)
{
	const struct thread_record *record;
	size_t held = 0;

	for (record = cache->pool->threads; record; record = record->next) {
		const struct thread_slot *slot = slot_of(record, cache);

		held += slabpool_load_u32(&slot->loaded.count);
		held += slabpool_load_u32(&slot->spare.count);
	}
	return held;
}

/* The instance's lock is held: a cache destroyed meanwhile finds the record full or empty. */
static void record_flush(struct thread_record *record)
{
	uint32_t c, k;

	for (c = 0; c < THREAD_CHUNKS; c++) {
		struct thread_chunk *chunk = record->chunk[c];

		if (chunk == &thread_chunk_none)
			continue;
		for (k = 0; k < THREAD_CHUNK_SLOTS; k++)
			thread_slot_flush(&chunk->slot[k]);
	}
}

/* Empties a record, takes it out of the list and frees it. */
static void record_free(struct slabpool *pool, struct thread_record *record)
{
	uint32_t c;

	sync_lock(pool, &pool->lock);
	record_flush(record);
	record_unlink(pool, record);
	sync_unlock(pool, &pool->lock);
	for (c = 0; c < THREAD_CHUNKS; c++)
		if (record->chunk[c] != &thread_chunk_none)
			meta_free(pool, META_CHUNK, record->chunk[c]);
	meta_free(pool, META_RECORD, record);
}

void slabpool_thread_exit(struct slabpool *pool, void *ended)
{
	struct thread_record *record = ended;

	if (record == NULL || record == &thread_none || record == &thread_gone)
		return;
	pool = record->pool;
	if (pool->is_default)
		slabpool_thread_current = &thread_gone;
	else
		pool->platform.thread_set(pool->platform.context, &thread_gone);
	record_free(pool, record);
}

void slabpool_thread_flush(struct slabpool *pool)
{
	struct thread_record *record = current_record(pool);

	if (record == &thread_none || record == &thread_gone)
		return;
	sync_lock(pool, &pool->lock);
	record_flush(record);
	sync_unlock(pool, &pool->lock);
}

/* Frees the stores of a slot whose thread vanished in the middle of anything. */
static void slot_abandon(struct thread_slot *slot)
{
	struct magazine_store *loaded = slot->loaded.store, *spare = slot->spare.store;

	if (!slot->cache)
		return;
	depot_store_free(slot->cache, loaded);
	if (spare != loaded)
		depot_store_free(slot->cache, spare);
}

static void record_abandon(struct slabpool *pool, struct thread_record *record)
{
	uint32_t c, k;

	record_unlink(pool, record);
	for (c = 0; c < THREAD_CHUNKS; c++) {
		if (record->chunk[c] == &thread_chunk_none)
			continue;
		for (k = 0; k < THREAD_CHUNK_SLOTS; k++)
			slot_abandon(&record->chunk[c]->slot[k]);
		meta_free(pool, META_CHUNK, record->chunk[c]);
	}
	meta_free(pool, META_RECORD, record);
}

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
