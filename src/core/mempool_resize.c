/* SPDX-License-Identifier: MIT */
/*
 * Mempool, second part: another size for the reserve, beside alloc and free of other threads.
 *
 *      grow n                                     shrink n
 *      1. an array of n, known to this thread     step, under the lock, while curr_nr > n:
 *      2. under the lock: copy, install it,           take one element out,
 *         min_nr = n                                  min_nr = curr_nr
 *      3. free the old array                      then min_nr = n
 *      4. elements from the backend, one by       and after each step, without the lock, the
 *         one, while the reserve has room         element goes to the backend
 *
 * min_nr follows curr_nr down, so that what other threads free meanwhile does not fill what is
 * being emptied, and curr_nr <= max(1, min_nr) holds at every moment. The backend is never called
 * under the lock; after each call the reserve is looked at again. Both loops are bounded by the
 * sizes alone: whatever other threads do, the call ends. If two threads resize one pool at once
 * one of the sizes wins and nothing is lost.
 */
#include "core/mempool.h"

/* Moves the elements to an array of n entries. The old array is the caller's. */
/*@ requires pool: pool_valid(m);
    requires owned: array != \null && array == array_owned && array_size == n;
    requires room: array_room(array, n);
    requires fits: m->curr_nr <= n;
    terminates always: \true;
    exits never: \false;
    assigns array[0 .. n - 1], m->elements, m->min_nr, array_owned, array_size;
    ensures pool: pool_valid(m);
    ensures installed: m->elements == array && m->min_nr == n;
    ensures kept: elements_kept{Pre, Post}(m, m->curr_nr);
    ensures old: \result == \old(m->elements) && \result == array_owned && \result != \null;
*/
SLABPOOL_UNDER(reserve_locks)
static void **reserve_move(struct mempool *m, void **array, int n)
{
	void **old = m->elements;
	/*@ ghost int size = m->min_nr > 0 ? m->min_nr : 1; */
	/*@ loop invariant range: 0 <= i <= m->curr_nr;
	    loop invariant copied: \forall integer k; 0 <= k < i ==> array[k] == m->elements[k];
	    loop invariant source: elements_kept{Pre, Here}(m, m->curr_nr);
	    loop assigns i, array[0 .. n - 1];
	    loop variant m->curr_nr - i;
	*/
	for (int i = 0; i < m->curr_nr; i++)
		array[i] = old[i];
	m->elements = array;
	slabpool_store_int(&m->min_nr, n);
	/*@ ghost array_owned = old; */
	/*@ ghost array_size = size; */
	return old;
}

/* Installs an array of n entries if that is more than the reserve has. The array that is not
 * needed any more: the old one, or array itself if another thread resized meanwhile. */
/*@ requires pool: pool_valid(m);
    requires owned: array != \null && array == array_owned && array_size == n;
    requires room: array_room(array, n);
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], array_owned, array_size;
    ensures pool: pool_valid(m);
    ensures unneeded: \result != \null && \result == array_owned;
    ensures size: m->min_nr >= n;
    ensures alone: sole_resizer != 0 && \old(m->min_nr) <= n ==> m->min_nr == n;
*/
static void **reserve_install(struct mempool *m, void **array, int n)
{
	void **unneeded = array;

	reserve_lock(m);
	if (m->min_nr < n)
		unneeded = reserve_move(m, array, n);
	reserve_unlock(m);
	return unneeded;
}

/* True if the reserve is not full. */
/*@ requires pool: pool_valid(m);
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->min_nr, m->curr_nr, m->elements, array_memory[0 .. array_end - 1];
    ensures pool: pool_valid(m);
    ensures exact: \result <==> m->curr_nr < reserve_size(m);
    ensures alone: sole_resizer != 0 ==> resize_excluded{Pre, Post}(m);
*/
static bool reserve_has_room(struct mempool *m)
{
	bool room;

	reserve_lock(m);
	room = m->curr_nr < size_of_reserve(m);
	reserve_unlock(m);
	return room;
}

/* Gets up to n elements from the backend while the reserve has room. */
/*@ requires pool: pool_valid(m);
    requires ledger: ledger_room;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->wait, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], backend_out,
      reserve_in;
    ensures pool: pool_valid(m);
    ensures none_lost: in_hand == \old(in_hand);
    ensures alone: sole_resizer != 0 ==> resize_excluded{Pre, Post}(m);
*/
static void reserve_refill(struct mempool *m, int n)
{
	void *element;

	/*@ loop invariant pool: pool_valid(m);
	    loop invariant none_lost: in_hand == \at(in_hand, Pre);
	    loop invariant few: 0 <= reserve_in - \at(reserve_in, Pre) <= \at(n, Pre) - n;
	    loop invariant alone: sole_resizer != 0 ==> resize_excluded{Pre, Here}(m);
	    loop invariant down: n <= \at(n, Pre);
	    loop assigns n, element, m->lock, m->wait, m->min_nr, m->curr_nr, m->elements,
	      array_memory[0 .. array_end - 1], backend_out, reserve_in;
	    loop variant n;
	*/
	for (; n > 0 && reserve_has_room(m); n--) {
		element = element_alloc(m, GFP_KERNEL | __GFP_NOWARN);
		if (!element)
			return;
		if (!reserve_give(m, element)) {
			element_free(m, element);
			return;
		}
	}
}

/*@ requires pool: pool_valid(m);
    requires size: n > 0;
    requires ledger: ledger_room;
    requires no_array: array_owned == \null;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->wait, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], array_owned,
      array_size, backend_out, reserve_in;
    ensures pool: pool_valid(m);
    ensures no_array: array_owned == \null;
    ensures status: \result == 0 || \result == RESERVE_NO_MEMORY;
    ensures size: \result == 0 && sole_resizer != 0 && \old(m->min_nr) <= n ==> m->min_nr == n;
    ensures unchanged: \result != 0 ==> resize_excluded{Pre, Post}(m) &&
      backend_out == \old(backend_out);
    ensures none_lost: in_hand == \old(in_hand);
*/
static int reserve_grow(struct mempool *m, int n)
{
	void **array = backend_array_new(m, n);

	if (!array)
		return RESERVE_NO_MEMORY;
	backend_array_free(m, reserve_install(m, array, n));
	reserve_refill(m, n);
	return 0;
}

/* Takes one element out that a reserve of n would not hold, and lowers min_nr as far as what is
 * left allows. NULL: none is left, and min_nr is at most n. */
/*@ requires pool: pool_valid(m);
    requires size: n > 0;
    requires ledger: ledger_wide;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], reserve_in;
    ensures pool: pool_valid(m);
    ensures one: \result != \null ==> reserve_in == \old(reserve_in) - 1;
    ensures none: \result == \null ==> reserve_in == \old(reserve_in);
    ensures done: \result == \null ==> m->min_nr <= n;
    ensures lower: sole_resizer != 0 && \result != \null ==> m->min_nr < \old(m->min_nr);
    ensures enough: sole_resizer != 0 && \old(m->min_nr) >= n ==> m->min_nr >= n;
*/
static void *reserve_shrink_step(struct mempool *m, int n)
{
	void *element = NULL;

	reserve_lock(m);
	if (m->curr_nr > n) {
		element = reserve_take(m);
		slabpool_store_int(&m->min_nr, m->curr_nr);
	} else if (m->min_nr > n) {
		slabpool_store_int(&m->min_nr, n);
	}
	reserve_unlock(m);
	return element;
}

/* Shrinks from min_nr to n. The number of steps is bounded, whatever other threads do. */
/*@ requires pool: pool_valid(m);
    requires size: 0 < n <= min_nr;
    requires now: sole_resizer != 0 ==> m->min_nr == min_nr;
    requires ledger: ledger_room;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], backend_out,
      reserve_in;
    ensures pool: pool_valid(m);
    ensures size: sole_resizer != 0 ==> m->min_nr == n;
    ensures none_lost: in_hand == \old(in_hand);
*/
static void reserve_shrink(struct mempool *m, int min_nr, int n)
{
	void *element;

	/*@ loop invariant pool: pool_valid(m);
	    loop invariant none_lost: in_hand == \at(in_hand, Pre);
	    loop invariant range: n - 1 <= min_nr <= \at(min_nr, Pre);
	    loop invariant few: reserve_in == \at(reserve_in, Pre) + min_nr - \at(min_nr, Pre);
	    loop invariant alone: sole_resizer != 0 ==> n <= m->min_nr <= min_nr;
	    loop assigns min_nr, element, m->lock, m->min_nr, m->curr_nr, m->elements,
	      array_memory[0 .. array_end - 1], backend_out, reserve_in;
	    loop variant min_nr - n + 1;
	*/
	for (; min_nr >= n; min_nr--) {
		element = reserve_shrink_step(m, n);
		if (!element)
			return;
		element_free(m, element);
	}
}

/*@ requires pool: pool_valid(m);
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->min_nr, m->curr_nr, m->elements, array_memory[0 .. array_end - 1];
    ensures pool: pool_valid(m);
    ensures now: \result == m->min_nr;
    ensures alone: sole_resizer != 0 ==> resize_excluded{Pre, Post}(m);
*/
static int reserve_min_nr(struct mempool *m)
{
	int min_nr;

	reserve_lock(m);
	min_nr = m->min_nr;
	reserve_unlock(m);
	return min_nr;
}

int reserve_resize(struct mempool *m, int n)
{
	int min_nr;

	if (n <= 0)
		return RESERVE_INVALID;
	min_nr = reserve_min_nr(m);
	if (n > min_nr)
		return reserve_grow(m, n);
	reserve_shrink(m, min_nr, n);
	return 0;
}
