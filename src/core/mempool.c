/* SPDX-License-Identifier: MIT */
/*
 * Mempool: a reserve of elements over any pair of allocate and free functions.
 *
 *                    alloc, free                     elements
 *      user  <---->  struct mempool  ------------->  +---+---+---+---+---+
 *                          |                         | e | e | e | - | - |
 *                          v                         +---+---+---+---+---+
 *                       backend                        0 .. curr_nr-1     size = max(1, min_nr)
 *            (a cache, kmalloc, pages, the user's)
 *
 * An element is in one of three hands, and each function moves it one step:
 *
 *   1. backend    the allocator below: free memory
 *   2. reserve    elements[0 .. curr_nr-1]
 *   3. user
 *
 *      init         backend -> reserve      size times, or not at all
 *      alloc        backend -> user         if the backend gives one, else reserve -> user
 *      free         user -> reserve         while curr_nr < size, else user -> backend
 *      resize       reserve <-> backend     the surplus, or what is missing
 *      exit         reserve -> backend      all
 *
 * The guarantees:
 *
 *   bounds          0 <= curr_nr <= size, and elements[i] != NULL for i < curr_nr
 *   reserve         an attempt returns NULL  ==>  curr_nr == 0 under the lock
 *   refill          free hands an element to the backend  ==>  curr_nr == size, under the lock or
 *                   at a glance that is as late as the element was handed out
 *   conservation    a call changes (got from backends - given to backends) - (put into reserves -
 *                   taken from reserves) by +1 if it returns an element, by -1 if it takes one,
 *                   else by 0: nothing is lost and nothing is handed out twice
 *   init, exit      a failed init leaves nothing behind; exit gives everything back
 *
 * No thread caches any of the reserve, so that it holds for all threads together. mempool_t's
 * curr_nr and min_nr show its state at any time.
 *
 * Locking: the pool's lock protects min_nr, curr_nr, elements and the array. It is never held
 * while a backend is called: a function that needs both looks again after it took the lock back.
 * An array that is replaced or gets ready belongs to one thread alone. The wait for an element is
 * not here (api/mempool.c): these functions make one attempt and end.
 *
 * The proof takes the lock as a monitor: reserve_lock() may change all that the lock protects, and
 * promises the invariant. Where a result depends on no other thread resizing the pool meanwhile
 * the contract says so (sole_resizer).
 */
#include "core/mempool.h"

_Static_assert(sizeof(int) == 4, "the ledger of the proof counts elements in 64 bits");

/* --- the lock --- */

void reserve_lock(struct mempool *m)
{
	sync_lock(m->pool, &m->lock);
}

void reserve_unlock(struct mempool *m)
{
	sync_unlock(m->pool, &m->lock);
}

/* --- the reserve; these take the lock --- */

bool reserve_give(struct mempool *m, void *element)
{
	bool room;

	reserve_lock(m);
	room = m->curr_nr < size_of_reserve(m);
	if (room)
		reserve_put(m, element);
	reserve_unlock(m);
	if (room)
		reserve_wake(m);
	return room;
}

void reserve_free_locked(struct mempool *m, void *element)
{
	if (!reserve_give(m, element))
		element_free(m, element);
}

void *reserve_alloc_preallocated(struct mempool *m)
{
	void *element = NULL;

	reserve_lock(m);
	if (m->curr_nr > 0)
		element = reserve_take(m);
	reserve_unlock(m);
	return element;
}

/* --- bulk --- */

/* Fills NULL entries from the backend until it gives none. @return how many are NULL still. */
/*@ requires pool: pool_valid(m);
    requires memory: bulk_memory(m, elements, count);
    requires ledger: ledger_room;
    terminates always: \true;
    exits never: \false;
    assigns elements[0 .. count - 1], backend_out;
    ensures pool: pool_valid(m);
    ensures missing: \result == bulk_missing(elements, count);
    ensures filled: \result == 0 ==> bulk_filled(elements, count);
    ensures grows: bulk_missing_grows(elements, count);
    ensures kept: bulk_kept{Pre, Post}(elements, count);
    ensures few: 0 <= backend_out - \old(backend_out) <= count;
    ensures ledger: backend_out == \old(backend_out) + \old(bulk_missing(elements, count)) -
      \result;
*/
static unsigned int bulk_from_backend(struct mempool *m, void **elements, unsigned int count,
				      gfp_t gfp)
{
	unsigned int filled, missing = 0;

	/*@ loop invariant range: 0 <= filled <= count;
	    loop invariant pool: pool_valid(m);
	    loop invariant done: bulk_filled(elements, filled);
	    loop invariant rest: bulk_same{Pre, Here}(elements, filled, count);
	    loop invariant kept: bulk_kept{Pre, Here}(elements, filled);
	    loop invariant few: 0 <= bulk_missing{Pre}(elements, filled) <= filled;
	    loop invariant ledger: backend_out == \at(backend_out, Pre) +
	      bulk_missing{Pre}(elements, filled);
	    loop assigns filled, elements[0 .. count - 1], backend_out;
	    loop variant count - filled;
	*/
	for (filled = 0; filled < count; filled++) {
		if (!elements[filled])
			elements[filled] = element_alloc(m, gfp);
		if (!elements[filled])
			break;
	}
	/*@ loop invariant range: 0 <= i <= count;
	    loop invariant few: missing <= i;
	    loop invariant missing: missing == bulk_missing(elements, i);
	    loop invariant none: missing == 0 ==> bulk_filled(elements, i);
	    loop invariant grows: bulk_missing_grows(elements, i);
	    loop invariant before: i <= filled ==> missing == 0;
	    loop invariant behind: i >= filled ==>
	      missing == bulk_missing{Pre}(elements, i) - bulk_missing{Pre}(elements, filled);
	    loop assigns i, missing;
	    loop variant count - i;
	*/
	for (unsigned int i = 0; i < count; i++) {
		if (!elements[i])
			missing++;
	}
	return missing;
}

/* Fills all NULL entries, missing of them, from the reserve; or none, and false, if it does not
 * hold as many. */
/*@ requires pool: pool_valid(m);
    requires memory: bulk_memory(m, elements, count);
    requires missing: missing == bulk_missing(elements, count);
    requires grows: bulk_missing_grows(elements, count);
    requires ledger: ledger_half;
    terminates always: \true;
    exits never: \false;
    assigns elements[0 .. count - 1], m->lock, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], reserve_in;
    ensures pool: pool_valid(m);
    ensures filled: \result ==> bulk_filled(elements, count);
    ensures kept: bulk_kept{Pre, Post}(elements, count);
    ensures all: \result ==> reserve_in == \old(reserve_in) - missing;
    ensures none: !\result ==> m->curr_nr < missing && reserve_in == \old(reserve_in);
    ensures unchanged: !\result ==> bulk_same{Pre, Post}(elements, 0, count);
*/
static bool bulk_from_reserve(struct mempool *m, void **elements, unsigned int count,
			      unsigned int missing)
{
	bool enough;

	reserve_lock(m);
	enough = (unsigned int)m->curr_nr >= missing;
	/*@ loop invariant range: 0 <= i <= count;
	    loop invariant platform: pool_platform(m, m->pool);
	    loop invariant pool: pool_valid(m);
	    loop invariant done: enough ==> bulk_filled(elements, i);
	    loop invariant rest: bulk_same{Pre, Here}(elements, i, count);
	    loop invariant kept: bulk_kept{Pre, Here}(elements, i);
	    loop invariant few: 0 <= bulk_missing{Pre}(elements, i) <= i;
	    loop invariant idle: !enough ==> i == 0 && m->curr_nr < missing;
	    loop invariant left: enough ==>
	      m->curr_nr >= missing - bulk_missing{Pre}(elements, i);
	    loop invariant ledger: reserve_in == \at(reserve_in, Pre) -
	      bulk_missing{Pre}(elements, i);
	    loop assigns i, elements[0 .. count - 1], m->curr_nr, reserve_in;
	    loop variant count - i;
	*/
	for (unsigned int i = 0; enough && i < count; i++) {
		if (!elements[i]) {
			/*@ assert one_of_them: bulk_missing{Pre}(elements, i + 1) ==
			    bulk_missing{Pre}(elements, i) + 1; */
			elements[i] = reserve_take(m);
			/*@ assert platform: pool_platform(m, m->pool); */
			/*@ assert reserve: reserve_valid(m); */
		}
	}
	reserve_unlock(m);
	return enough;
}

unsigned int reserve_alloc_bulk(struct mempool *m, void **elements, unsigned int count,
				gfp_t gfp)
{
	unsigned int missing = bulk_from_backend(m, elements, count, gfp);

	if (missing > 0 && bulk_from_reserve(m, elements, count, missing))
		return 0;
	return missing;
}

unsigned int reserve_free_bulk(struct mempool *m, void *const *elements, unsigned int count)
{
	unsigned int given = 0;

	reserve_lock(m);
	/*@ loop invariant range: 0 <= given <= count;
	    loop invariant pool: pool_valid(m);
	    loop invariant ledger: reserve_in == \at(reserve_in, Pre) + given;
	    loop assigns given, m->curr_nr, array_memory[0 .. array_end - 1], reserve_in;
	    loop variant count - given;
	*/
	while (given < count && elements[given] && m->curr_nr < size_of_reserve(m)) {
		reserve_put(m, elements[given]);
		given++;
	}
	reserve_unlock(m);
	if (given > 0)
		reserve_wake(m);
	return given;
}

/* --- init and exit: no other thread uses the pool --- */

/*@ requires pool: pool_valid(m);
    requires ledger: ledger_room;
    terminates always: \true;
    exits never: \false;
    assigns m->curr_nr, array_memory[0 .. array_end - 1], backend_out, reserve_in;
    ensures pool: pool_valid(m);
    ensures full: \result ==> m->curr_nr == reserve_size(m);
    ensures got: backend_out == \old(backend_out) + m->curr_nr - \old(m->curr_nr);
    ensures put: reserve_in == \old(reserve_in) + m->curr_nr - \old(m->curr_nr);
*/
SLABPOOL_ALONE
static bool reserve_fill(struct mempool *m)
{
	int size = size_of_reserve(m);
	void *element;

	/*@ loop invariant pool: pool_valid(m);
	    loop invariant same_array: resize_excluded{Pre, Here}(m);
	    loop invariant got: backend_out == \at(backend_out, Pre) + m->curr_nr -
	      \at(m->curr_nr, Pre);
	    loop invariant put: reserve_in == \at(reserve_in, Pre) + m->curr_nr -
	      \at(m->curr_nr, Pre);
	    loop assigns element, m->curr_nr, array_memory[0 .. array_end - 1], backend_out,
	      reserve_in;
	    loop variant size - m->curr_nr;
	*/
	while (m->curr_nr < size) {
		element = element_alloc(m, GFP_KERNEL);
		if (!element)
			return false;
		reserve_put(m, element);
	}
	return true;
}

/*@ requires pool: pool_valid(m);
    requires ledger: ledger_half;
    terminates always: \true;
    exits never: \false;
    assigns m->curr_nr, backend_out, reserve_in;
    ensures pool: pool_valid(m);
    ensures empty: m->curr_nr == 0;
    ensures returned: backend_out == \old(backend_out) - \old(m->curr_nr);
    ensures taken: reserve_in == \old(reserve_in) - \old(m->curr_nr);
*/
SLABPOOL_ALONE
static void reserve_drain(struct mempool *m)
{
	/*@ loop invariant pool: pool_valid(m);
	    loop invariant returned: backend_out == \at(backend_out, Pre) + m->curr_nr -
	      \at(m->curr_nr, Pre);
	    loop invariant taken: reserve_in == \at(reserve_in, Pre) + m->curr_nr -
	      \at(m->curr_nr, Pre);
	    loop assigns m->curr_nr, backend_out, reserve_in;
	    loop variant m->curr_nr;
	*/
	while (m->curr_nr > 0)
		element_free(m, reserve_take(m));
}

void reserve_exit(struct mempool *m)
{
	void **array = m->elements;

	if (!array)
		return;
	reserve_drain(m);
	m->elements = NULL;
	/*@ ghost array_owned = array; */
	backend_array_free(m, array);
	sync_exit(m->pool, &m->lock, &m->wait);
}

/* The memory of a pool whose fields are set: its array and its lock. 0 or RESERVE_NO_MEMORY. */
/*@ requires memory: pool_memory(m);
    requires platform: pool_platform(m, m->pool);
    requires functions: pool_callbacks(m);
    requires size: m->min_nr >= 0;
    requires empty: m->curr_nr == 0;
    requires no_array: array_owned == \null;
    terminates always: \true;
    exits never: \false;
    assigns m->elements, m->lock, m->wait, array_owned, array_size;
    ensures no_array: array_owned == \null;
    ensures status: \result == 0 || \result == RESERVE_NO_MEMORY;
    ensures pool: \result == 0 ==> pool_valid(m);
    ensures failed: \result != 0 ==> m->elements == \null;
*/
static int reserve_set_up(struct mempool *m)
{
	void **array;

	m->elements = NULL;
	array = backend_array_new(m, size_of_reserve(m));
	if (!array)
		return RESERVE_NO_MEMORY;
	if (sync_init(m->pool, &m->lock, &m->wait) != 0) {
		backend_array_free(m, array);
		return RESERVE_NO_MEMORY;
	}
	m->elements = array;
	/*@ ghost array_owned = (void **)0; */
	return 0;
}

int reserve_init(struct slabpool *pool, struct mempool *m, int min_nr, mempool_alloc_t *alloc,
		 mempool_free_t *free, void *pool_data, unsigned char source)
{
	m->elements = NULL;
	if (min_nr < 0 || !alloc || !free)
		return RESERVE_INVALID;
	m->pool = pool;
	m->min_nr = min_nr;
	m->curr_nr = 0;
	m->alloc = alloc;
	m->free = free;
	m->pool_data = pool_data;
	m->waiters = 0;
	m->source = source;
	if (reserve_set_up(m) != 0)
		return RESERVE_NO_MEMORY;
	if (!reserve_fill(m)) {
		reserve_exit(m);
		return RESERVE_NO_MEMORY;
	}
	return 0;
}

bool reserve_is_valid(const struct mempool *m)
{
	if (m->min_nr < 0 || m->curr_nr < 0 || m->curr_nr > size_of_reserve(m))
		return false;
	/*@ loop invariant range: 0 <= i <= m->curr_nr;
	    loop invariant elements: \forall integer k; 0 <= k < i ==> m->elements[k] != \null;
	    loop assigns i;
	    loop variant m->curr_nr - i;
	*/
	for (int i = 0; i < m->curr_nr; i++) {
		if (!m->elements[i])
			return false;
	}
	return true;
}
