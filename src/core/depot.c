/* SPDX-License-Identifier: MIT */
/*
 * Depot: the stock of full magazines of a cache, and the way between magazines and slabs.
 *
 *      thread A            depot              thread B
 *   +--------+-------+   +--------+       +--------+-------+
 *   | loaded | spare |   | full.. |       | loaded | spare |
 *   +--------+-------+   | spare..|       +--------+-------+
 *        \  whole magazines |   ^  whole magazines /
 *         `---------------->|   `-----------------'
 *                           v   ^  batchcount objects
 *                         slabs
 *
 * A free object is in exactly one place: in a magazine, in a full magazine of the depot, or free in
 * its slab (its bit is set there). It moves
 *   1. depot -> magazine   depot_refill, when both of a thread's magazines are empty: from the
 *                          thread's home;
 *   2. slab -> magazine    depot_refill, when there is nothing; then from the other homes, too;
 *   3. magazine -> depot   depot_accept, when both are full; depot_leave, when the thread ends;
 *   4. magazine -> slab    depot_accept, when the depot is full; flushes of all kinds;
 *   5. slab -> user, user -> slab  depot_alloc_one, depot_free_one, where a thread has no magazine.
 * A magazine is exchanged whole, so that a thread that only frees what another allocates pays one
 * lock for a magazine of objects.
 *
 * Guarantee: objects of all slabs = with users + in magazines + depot_objects + free_objects;
 * slabpool_cache_info() shows the four.
 *
 * Homes: a depot is in DEPOT_HOMES parts, and each thread has one of them as its home. A thread
 * gets back what it gave, or what one gave that is gone, rather than what another works with: the
 * state bytes of 64 neighbours share a line, for which two threads would compete at every call.
 * Measured with two threads that replace some of 1,000 objects in bursts: 6 instead of 11 ns a
 * pair.
 *
 * Growth: a slot starts with stores of kmem_cache.first objects; each that it gets later is
 * GROWTH times as large, up to the limit. A thread that uses a cache much goes to the depot rarely.
 *
 * Refill puts objects into a magazine so that they leave it in ascending order of address.
 *
 * A depot may hold much, as a burst of frees is often followed by a burst of allocations. What of
 * it nobody needed for retain_ms (the least number of full magazines in that time) grows old and is
 * emptied into the slabs, some magazines with each exchange.
 *
 * Locking: the cache's lock protects lists, slabs and depot. The allocator's own caches may be
 * locked under it.
 */
#include "core/instance.h"
#include "core/locks.h"
#include "core/stock.h"
#include "core/thread.h"

/* Smaller objects share cache lines and come with their neighbours. */
#define PREFETCH_STRIDE 128u
/* How much larger a magazine's next store is. */
#define GROWTH 4u
/* A home with as many full magazines takes none of a thread that ends. */
#define HOME_LEFT 8u
/* Exchanges between two looks at the clock, and old magazines that one exchange empties. */
#define EXCHANGES_A_LOOK 16u
#define OLD_AT_ONCE 2u

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures smallest: \result == (capacity <= 16 ? META_STORE_16 :
            capacity <= 64 ? META_STORE_64 : META_STORE_256);
*/
static unsigned int meta_of_capacity(uint32_t capacity)
{
	return capacity <= 16 ? META_STORE_16 : capacity <= 64 ? META_STORE_64 : META_STORE_256;
}

struct slabpool_store *depot_store_new(struct kmem_cache *cache, uint32_t capacity)
{
	struct slabpool_store *store = meta_alloc(cache->pool, meta_of_capacity(capacity));

	if (store)
		magazine_store_init(store, capacity);
	return store;
}

void depot_store_free(struct kmem_cache *cache, struct slabpool_store *store)
{
	if (store)
		meta_free(cache->pool, meta_of_capacity(store->capacity), store);
}

/* Keeps an empty store for the next exchange, or frees it. */
/*@ requires cache: depot_ready(cache);
    requires lists: depot_in_heap(cache) && heap_shape;
    requires store: store == \null || in_store_heap(store);
    terminates always: \true;
    exits never: \false;
    assigns cache->spare, cache->spare_count, STORE_LINKS, META_CHANGES;
    ensures ready: depot_ready(cache);
    ensures lists: depot_in_heap(cache);
    ensures shape: heap_shape;
    ensures nothing: store == \null ==> cache->spare == \old(cache->spare) &&
            cache->spare_count == \old(cache->spare_count);
*/
SLABPOOL_UNDER(cache_locks)
static void put_away(struct kmem_cache *cache, struct slabpool_store *store)
{
	if (store && !stock_spare_put(cache, store))
		depot_store_free(cache, store);
}

/* The room of a slot's next store, if that of its last one is known: larger from the second on. */
/*@ requires memory: \valid(slot);
    requires limits: 1 <= capacity <= limit <= MAGAZINE_MAX;
    terminates always: \true;
    exits never: \false;
    assigns slot->grows;
    ensures grows: slot->grows;
    ensures room: capacity <= \result <= limit;
    ensures larger: \old(slot->grows) ==>
            \result == (capacity * GROWTH < limit ? capacity * GROWTH : limit);
    ensures first: !\old(slot->grows) ==> \result == capacity;
*/
static uint32_t next_capacity(struct slabpool_slot *slot, uint32_t capacity, uint32_t limit)
{
	if (slot->grows)
		capacity = capacity > limit / GROWTH ? limit : capacity * GROWTH;
	slot->grows = true;
	return capacity;
}

/* An empty store for a slot that had one of this capacity. */
/*@ requires cache: depot_ready(cache);
    requires lists: depot_in_heap(cache) && heap_shape;
    requires limits: depot_limits(cache);
    requires slot: slot_apart(cache, slot) && slot_owned == slot;
    requires apart: cache->spare == \null || store_not_owned(cache->spare);
    requires capacity: 1 <= capacity <= cache->limit;
    terminates always: \true;
    exits never: \false;
    assigns slot->grows, cache->spare, cache->spare_count, STORE_LINKS, META_CHANGES;
    ensures ready: depot_ready(cache);
    ensures lists: depot_in_heap(cache);
    ensures shape: heap_shape;
    ensures store: \result == \null || (in_store_heap(\result) && store_not_owned(\result));
    ensures grows: slot->grows;
    ensures smaller: (\old(slot->grows) ? capacity * GROWTH : capacity) < \old(cache->limit) ==>
      cache->spare == \old(cache->spare) && cache->spare_count == \old(cache->spare_count);
*/
SLABPOOL_UNDER(cache_locks)
static struct slabpool_store *spare_get(struct kmem_cache *cache, struct slabpool_slot *slot,
					uint32_t capacity)
{
	struct slabpool_store *store = NULL;

	capacity = next_capacity(slot, capacity, cache->limit);
	if (capacity == cache->limit)
		store = stock_spare_get(cache);
	/*@ assert slot: slot->loaded.store == \at(slot->loaded.store, Pre) &&
	      slot->spare.store == \at(slot->spare.store, Pre); */
	return store ? store : depot_store_new(cache, capacity);
}

/* Takes a full magazine of another home, or else an old one. */
/*@ requires memory: \valid(cache) && cache_apart_from_stores(cache);
    requires range: home < DEPOT_HOMES;
    requires lists: depot_in_heap(cache) && heap_shape;
    requires counted: homes_counted(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->home[0 .. DEPOT_HOMES - 1], cache->full_count, cache->old, cache->old_count,
            STORE_LINKS;
    ensures lists: depot_in_heap(cache);
    ensures shape: heap_shape;
    ensures counted: homes_counted(cache);
    ensures one_less: \result != \null ==> cache->full_count + cache->old_count ==
            \old(cache->full_count + cache->old_count) - 1;
    ensures kept: \result == \null ==> cache->full_count == \old(cache->full_count) &&
            cache->old_count == \old(cache->old_count);
    ensures store: store_or_none(\result);
*/
SLABPOOL_UNDER(cache_locks)
static struct slabpool_store *other_get(struct kmem_cache *cache, uint32_t home)
{
	uint32_t other = stock_other_home(cache, home);

	if (other < DEPOT_HOMES)
		return stock_full_get(cache, other);
	return stock_old_get(cache);
}

/* What lay in the depot for all of retain_ms is not needed: the rest was enough. */
SLABPOOL_UNDER(cache_locks)
static void full_age(struct kmem_cache *cache)
{
	uint32_t now, k;

	if (cache->exchanges % EXCHANGES_A_LOOK != 0)
		return;
	now = slabs_now(cache);
	if (now - cache->full_since < slabs_retain(cache))
		return;
	for (k = 0; k < DEPOT_HOMES; k++)
		stock_retire(cache, k, cache->home[k].count - cache->home[k].low);
	cache->full_since = now;
}

/* Empties up to n old magazines into the slabs; true if a slab became empty. */
SLABPOOL_UNDER(cache_locks)
static bool old_empty(struct kmem_cache *cache, uint32_t n)
{
	struct slabpool_store *store;
	bool empty = false;

	for (; n > 0 && (store = stock_old_get(cache)) != NULL; n--) {
		cache->depot_objects -= store->count;
		cache_count(&cache->flushes);
		empty |= depot_give(cache, store->object, store->count);
		depot_store_free(cache, store);
	}
	return empty;
}

void depot_flush(struct kmem_cache *cache)
{
	struct slabpool_store *store;
	uint32_t k;

	cache_lock(cache);
	for (k = 0; k < DEPOT_HOMES; k++)
		stock_retire(cache, k, 0);
	old_empty(cache, UINT32_MAX);
	while ((store = stock_spare_get(cache)) != NULL)
		depot_store_free(cache, store);
	cache_unlock(cache);
}

/* What was full in the depot is soon allocated, and has been cold since it was freed. Measured
 * with 100,000 objects freed in order and at random, in ns a pair: 22 to 16 and 25 to 21 at 1 KiB,
 * 39 to 29 and 56 to 35 at 8 KiB; but 9 to 11 at 16 bytes, where several share a line. */
/*@ requires memory: \valid_read(cache) && store_head((struct slabpool_store *)store);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
*/
static void prefetch(const struct kmem_cache *cache, const struct slabpool_store *store)
{
	uint32_t k;

	if (cache->geometry.stride < PREFETCH_STRIDE)
		return;
	/*@ loop invariant range: 0 <= k <= store->count;
	    loop assigns k;
	    loop variant store->count - k;
	*/
	for (k = 0; k < store->count; k++) {
		SLABPOOL_PREFETCH(slabpool_state_at(cache->hot.state, cache->hot.state_of_0,
						    store->object[k], cache->hot.granule_shift));
		SLABPOOL_PREFETCH(store->object[k]);
	}
}

/* Exchanges the empty loaded magazine for one of the depot, which counts it no more. */
/*@ requires memory: \valid(cache);
    requires store: depot_store(cache, store);
    requires counted: store->count <= cache->depot_objects;
    requires slot: magazine_of_slot(cache, slot, &slot->loaded);
    requires empty: slot->loaded.count == 0;
    requires apart: store_apart_from_slot(store, slot) && stores_apart(store, slot->loaded.store);
    terminates always: \true;
    exits never: \false;
    assigns cache->depot_objects, cache->exchanges, slot->loaded, slot->grows,
            slot->loaded.store->count, store->count;
    ensures former: \result == \old(slot->loaded.store) &&
            (\result == \null || store_valid(\result) && \result->count == 0);
    ensures loaded: slot->loaded.store == store && slot->loaded.count == \old(store->count) &&
            slot->loaded.capacity == store->capacity;
    ensures moved: cache->depot_objects + slot->loaded.count == \old(cache->depot_objects);
    ensures slot: magazine_of_slot(cache, slot, &slot->loaded);
    ensures grows: slot->grows;
*/
SLABPOOL_UNDER(cache_locks)
static struct slabpool_store *exchange(struct kmem_cache *cache, struct slabpool_slot *slot,
				       struct slabpool_store *store)
{
	struct slabpool_store *former = magazine_unload(&slot->loaded);

	/*@ assert count: store->count == \at(store->count, Pre); */
	/*@ assert capacity: store->capacity == \at(store->capacity, Pre); */
	/*@ assert objects: store_keeps{Pre, Here}(store, store->count); */
	/*@ assert none_null: store_none_null(store, store->count); */
	/*@ assert distinct: store_distinct(store, store->count); */
	/*@ assert whole: store_valid(store); */
	cache->depot_objects -= store->count;
	cache_count(&cache->exchanges);
	slot->grows = true;
	/*@ assert still: store->count == \at(store->count, Pre) && store_valid(store); */
	magazine_load(&slot->loaded, store);
	return former;
}

/* Exchanges the empty loaded magazine for a full one of the depot, if there is one. */
/*@ requires cache: depot_ready(cache);
    requires lists: depot_in_heap(cache) && heap_shape;
    requires store: store == \null || (in_store_heap(store) && depot_store(cache, store) &&
             store->count <= cache->depot_objects && store_apart_from_slot(store, slot) &&
             stores_apart(store, slot->loaded.store));
    requires slot: magazine_of_slot(cache, slot, &slot->loaded) && slot_apart(cache, slot);
    requires loaded: slot->loaded.store == \null || in_store_heap(slot->loaded.store);
    requires empty: slot->loaded.count == 0;
    terminates always: \true;
    exits never: \false;
    assigns cache->depot_objects, cache->exchanges, slot->loaded, slot->grows,
            slot->loaded.store->count, store->count, cache->spare, cache->spare_count,
            STORE_LINKS, META_CHANGES;
    ensures none: \result <==> store != \null;
    ensures loaded: \result ==> slot->loaded.store == store &&
            slot->loaded.count == \old(store->count);
    ensures moved: \result ==>
            cache->depot_objects + slot->loaded.count == \old(cache->depot_objects);
    ensures kept: !\result ==> cache->depot_objects == \old(cache->depot_objects) &&
            slot->loaded.count == 0;
    ensures lists: depot_in_heap(cache);
    ensures shape: heap_shape;
*/
SLABPOOL_UNDER(cache_locks)
static bool exchange_for(struct kmem_cache *cache, struct slabpool_slot *slot,
			 struct slabpool_store *store)
{
	struct slabpool_store *former;

	if (!store)
		return false;
	prefetch(cache, store);
	former = exchange(cache, slot, store);
	/*@ assert linked: heap_linked; */
	/*@ assert lists: depot_in_heap(cache); */
	/*@ assert count: slot->loaded.count == \at(store->count, Pre); */
	put_away(cache, former);
	return true;
}

/* Gives the empty loaded magazine the room that it is to have by now, if there is memory. */
SLABPOOL_UNDER(cache_locks)
static void loaded_enlarge(struct kmem_cache *cache, struct slabpool_slot *slot)
{
	struct slabpool_store *store = NULL;

	if (slot->loaded.capacity < cache->limit && slot->grows)
		store = spare_get(cache, slot, slot->loaded.capacity);
	if (!store)
		return;
	depot_store_free(cache, magazine_unload(&slot->loaded));
	magazine_load(&slot->loaded, store);
}

/*@ requires memory: \valid(objects + (0 .. n - 1));
    terminates always: \true;
    exits never: \false;
    assigns objects[0 .. n - 1];
    ensures reversed: \forall integer k; 0 <= k < n ==>
            objects[k] == \old(objects[n - 1 - k]);
*/
static void reverse(void **objects, uint32_t n)
{
	uint32_t k;

	/*@ loop invariant range: 0 <= k <= n / 2;
	    loop invariant head: \forall integer i; 0 <= i < k ==>
	      objects[i] == \at(objects[n - 1 - i], Pre);
	    loop invariant tail: \forall integer i; n - k <= i < n ==>
	      objects[i] == \at(objects[n - 1 - i], Pre);
	    loop invariant middle: \forall integer i; k <= i < n - k ==>
	      objects[i] == \at(objects[i], Pre);
	    loop assigns k, objects[0 .. n - 1];
	    loop variant n - k;
	*/
	for (k = 0; k < n / 2; k++) {
		void *swap = objects[k];

		objects[k] = objects[n - 1 - k];
		objects[n - 1 - k] = swap;
	}
}

/* Fills the empty loaded magazine out of slabs. */
SLABPOOL_UNDER(cache_locks)
static bool fill_from_slabs(struct kmem_cache *cache, struct slabpool_slot *slot)
{
	void **objects;
	uint32_t want, got;

	loaded_enlarge(cache, slot);
	objects = slot->loaded.store->object;
	want = slot->loaded.capacity;
	if (want > cache->batchcount)
		want = cache->batchcount;
	got = depot_take(cache, objects, want);
	reverse(objects, got);
	slabpool_magazine_set_count(&slot->loaded, got);
	if (got) {
		cache_count(&cache->refills);
		slot->grows = true;
	}
	return got != 0;
}

bool depot_refill(struct kmem_cache *cache, struct slabpool_slot *slot)
{
	do {
		bool filled;

		cache_lock(cache);
		filled = exchange_for(cache, slot, stock_full_get(cache, slot->home)) ||
			 fill_from_slabs(cache, slot) ||
			 exchange_for(cache, slot, other_get(cache, slot->home));
		cache_unlock(cache);
		if (filled)
			return true;
	} while (slabs_add(cache));
	return false;
}

void depot_accept(struct kmem_cache *cache, struct slabpool_slot *slot)
{
	struct slabpool_store *store = NULL;
	bool empty = false;

	cache_lock(cache);
	if (stock_has_room(cache))
		store = spare_get(cache, slot, slot->spare.capacity);
	if (store) {
		stock_full_put(cache, slot->home, magazine_unload(&slot->spare));
		cache_count(&cache->exchanges);
		magazine_load(&slot->spare, store);
		full_age(cache);
		empty = old_empty(cache, OLD_AT_ONCE);
	} else {
		empty = depot_give(cache, slot->spare.store->object, slot->spare.count);
		slabpool_magazine_set_count(&slot->spare, 0);
		cache_count(&cache->flushes);
	}
	cache_unlock(cache);
	if (empty)
		slabs_trim_default(cache);
}

/* Puts what a magazine holds into a home, unless there is much. */
/*@ requires memory: \valid(cache) && cache_apart_from_stores(cache);
    requires range: home < DEPOT_HOMES;
    requires magazine: magazine_in_heap(cache, m);
    requires lists: depot_in_heap(cache) && heap_shape;
    requires counted: homes_counted(cache);
    terminates always: \true;
    exits never: \false;
    assigns cache->home[home], cache->full_count, cache->depot_objects, *m, m->store->count,
            STORE_LINKS;
    ensures moved: cache->depot_objects + m->count == \old(cache->depot_objects + m->count);
    ensures whole: m->count == 0 || m->count == \old(m->count);
    ensures magazine: magazine_in_heap(cache, m);
    ensures counted: homes_counted(cache);
    ensures lists: depot_in_heap(cache);
    ensures shape: heap_shape;
*/
SLABPOOL_UNDER(cache_locks)
static void leave(struct kmem_cache *cache, uint32_t home, struct slabpool_magazine *m)
{
	struct slabpool_store *store;

	if (!m->count || cache->home[home].count >= HOME_LEFT || !stock_has_room(cache))
		return;
	/*@ assert some: m->store != \null && in_store_heap(m->store); */
	/*@ assert apart: store_apart_from_cache(m->store, cache); */
	store = magazine_unload(m);
	/*@ assert bounded: store->count <= MAGAZINE_MAX; */
	/*@ assert homes: homes_kept{Pre, Here}(cache) &&
	      cache->full_count == \at(cache->full_count, Pre); */
	/*@ assert objects: cache->depot_objects == \at(cache->depot_objects, Pre) &&
	      store->count == \at(m->count, Pre); */
	/*@ assert shape: heap_linked; */
	/*@ assert lists: depot_in_heap(cache); */
	/*@ assert counts: homes_counted(cache); */
	stock_full_put(cache, home, store);
}

void depot_leave(struct kmem_cache *cache, struct slabpool_slot *slot)
{
	cache_lock(cache);
	leave(cache, slot->home, &slot->loaded);
	leave(cache, slot->home, &slot->spare);
	cache_unlock(cache);
}

void *depot_alloc_one(struct kmem_cache *cache)
{
	void *object;
	uint32_t got;

	do {
		cache_lock(cache);
		got = depot_take(cache, &object, 1);
		cache_unlock(cache);
		if (got)
			return object;
	} while (slabs_add(cache));
	return NULL;
}

void depot_free_one(struct kmem_cache *cache, void *object)
{
	bool empty;

	cache_lock(cache);
	empty = depot_give(cache, &object, 1);
	cache_unlock(cache);
	if (empty)
		slabs_trim_default(cache);
}
