/* SPDX-License-Identifier: MIT */
/*
 * Magazines: a thread's stock of free objects of one cache.
 *
 * A thread owns two magazines of each cache that it uses. Both are plain stacks of pointers; no
 * lock and no atomic is needed to use them, since no other thread may touch them:
 *
 *      struct slabpool_magazine                    struct slabpool_store
 *     +----------------+                 +------+-------+----------+
 *     | store ---------|---------------->| next | count | capacity |
 *     | count     3    |                 +------+-------+----------+------+------+-----+
 *     | capacity  6    |                 | obj 0 | obj 1 | obj 2 |  -   |  -   |  -  |
 *     +----------------+                 +-------+-------+-------+------+------+-----+
 *                                           0 .. count-1: free objects      room
 *
 * While a store is in a magazine the count beside the pointer is the true one and the store's own
 * is 0; magazine_unload() writes it back. Outside a magazine (in a depot list) the store's
 * own count is the true one.
 *
 * States of a store and the legal moves:
 *
 *   1. fresh      magazine_store_init()       memory without objects, in nobody's list
 *   2. listed     magazine_list_push()        in exactly one of the depot's lists (full, empty)
 *   3. loaded     magazine_load()             in exactly one magazine of exactly one thread
 *
 *   fresh -> listed, fresh -> loaded, listed <-> loaded; a fresh or unlisted store may be freed.
 *
 * The guarantee, with H(m) = { object[0], ..., object[count - 1] }:
 *
 *   no object twice    j < k < count  ==>  object[j] != object[k]
 *   pop                result = object[count - 1],  H' = H \ { result },  result not in H'
 *   push(o)            o not in H  ==>  H' = H + { o },  all other entries unchanged
 *   bounds             count <= capacity <= MAGAZINE_MAX
 *
 * So an object that a thread pops is in none of its magazines any more, and cannot be handed out
 * twice. That o is not in H before a push is the caller's duty; the state byte of the object's
 * granule shows it (a free of an object that is already free never reaches the magazine).
 * magazine_is_valid() checks the invariant at run time; slabpool_cache_info() shows the number of
 * objects in magazines.
 *
 * Locking: a magazine belongs to its thread, a list and the stores in it to the depot's lock.
 */
#include "core/magazine.h"

_Static_assert(MAGAZINE_MAX <= UINT32_MAX / sizeof(void *) / 2, "a store's size must fit 32 bits");

size_t magazine_store_bytes(uint32_t capacity)
{
	return offsetof(struct slabpool_store, object) + capacity * sizeof(void *);
}

void magazine_store_init(struct slabpool_store *store, uint32_t capacity)
{
	store->next = NULL;
	store->count = 0;
	store->capacity = capacity;
}

void magazine_load(struct slabpool_magazine *m, struct slabpool_store *store)
{
	m->store = store;
	slabpool_magazine_set_count(m, store ? store->count : 0);
	m->capacity = store ? store->capacity : 0;
	if (store)
		store->count = 0;
}

struct slabpool_store *magazine_unload(struct slabpool_magazine *m)
{
	struct slabpool_store *store = m->store;

	if (store)
		store->count = m->count;
	m->store = NULL;
	slabpool_magazine_set_count(m, 0);
	m->capacity = 0;
	return store;
}

void magazine_swap(struct slabpool_magazine *a, struct slabpool_magazine *b)
{
	struct slabpool_store *store = a->store;
	uint32_t count = a->count, capacity = a->capacity;

	a->store = b->store;
	slabpool_magazine_set_count(a, b->count);
	a->capacity = b->capacity;
	b->store = store;
	slabpool_magazine_set_count(b, count);
	b->capacity = capacity;
}

void magazine_list_push(struct slabpool_store **list, struct slabpool_store *store)
{
	store->next = *list;
	*list = store;
}

struct slabpool_store *magazine_list_pop(struct slabpool_store **list)
{
	struct slabpool_store *store = *list;

	if (store) {
		*list = store->next;
		store->next = NULL;
	}
	return store;
}

/* True if object is among the first count entries. */
/*@ requires bounded: count <= MAGAZINE_MAX;
    requires memory: store_memory(store, count);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> store_holds(store, count, (void *)object);
*/
static bool store_has(const struct slabpool_store *store, uint32_t count, const void *object)
{
	/*@ loop invariant range: 0 <= k <= count;
	    loop invariant none_yet: !store_holds(store, k, (void *)object);
	    loop assigns k;
	    loop variant count - k;
	*/
	for (uint32_t k = 0; k < count; k++) {
		if (store->object[k] == object)
			return true;
	}
	return false;
}

bool magazine_is_valid(const struct slabpool_magazine *m)
{
	if (m->count > m->capacity || m->capacity > MAGAZINE_MAX)
		return false;
	/*@ loop invariant range: 0 <= k <= m->count;
	    loop invariant objects: store_none_null(m->store, k);
	    loop invariant distinct: store_distinct(m->store, k);
	    loop assigns k;
	    loop variant m->count - k;
	*/
	for (uint32_t k = 0; k < m->count; k++) {
		if (!m->store->object[k] || store_has(m->store, k, m->store->object[k]))
			return false;
	}
	return true;
}
