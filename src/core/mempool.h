/* SPDX-License-Identifier: MIT */
/* The reserve behind a mempool. See mempool.c for the theory. */
#ifndef SLABPOOL_CORE_MEMPOOL_H
#define SLABPOOL_CORE_MEMPOOL_H

#include "core/guard.h"
#include "core/sync.h"
#include <slabpool/mempool.h>

/* -EINVAL and -ENOMEM, which no freestanding header defines. */
#define RESERVE_INVALID (-22)
#define RESERVE_NO_MEMORY (-12)

/* Where elements come from: the functions that a pool was created with are called, unless they are
 * a ready-made pair that names no instance; for it the pool's own instance is asked. */
enum backend_source { BACKEND_CALLED, BACKEND_KMALLOC, BACKEND_KVMALLOC, BACKEND_PAGES };

/* Any pair of functions that is called for elements: the user's, or a cache's. Nothing calls these
 * two, they stand for such a pair in the proof. */
void *mempool_user_alloc(gfp_t gfp, void *pool_data);
void mempool_user_free(void *element, void *pool_data);

#include "../../proofs/logic/Mempool.acsl"

/*
 * --- Trusted: what lies below. A function that gives elements counts each of them in the
 * --- thread's ledger, one that takes them counts them off, and none touches a pool.
 */

/*@ requires ledger: ledger_wide;
    terminates always: \true;
    exits never: \false;
    assigns backend_out;
    ensures none: \result == \null ==> backend_out == \old(backend_out);
    ensures one: \result != \null ==> backend_out == \old(backend_out) + 1;
*/
void *mempool_user_alloc(gfp_t gfp, void *pool_data);
/*@ requires ledger: ledger_wide;
    requires element: element != \null;
    terminates always: \true;
    exits never: \false;
    assigns backend_out;
    ensures one: backend_out == \old(backend_out) - 1;
*/
void mempool_user_free(void *element, void *pool_data);

/* One element from the pool's own instance; NULL: none. */
/*@ requires pool: \valid_read(m) && source_known(m->source);
    requires ledger: ledger_wide;
    terminates always: \true;
    exits never: \false;
    assigns backend_out;
    ensures none: \result == \null ==> backend_out == \old(backend_out);
    ensures one: \result != \null ==> backend_out == \old(backend_out) + 1;
*/
void *backend_alloc(struct mempool *m, gfp_t gfp);
/*@ requires pool: \valid_read(m) && source_known(m->source);
    requires ledger: ledger_wide;
    requires element: element != \null;
    terminates always: \true;
    exits never: \false;
    assigns backend_out;
    ensures one: backend_out == \old(backend_out) - 1;
*/
void backend_free(struct mempool *m, void *element);

/* Room for count elements; NULL: no memory. Nobody else knows of it yet. */
/*@ requires size: count > 0;
    requires one_at_a_time: array_owned == \null;
    terminates always: \true;
    exits never: \false;
    assigns array_owned, array_size;
    ensures owned: array_owned == \result && array_size == count;
    ensures room: \result == \null || array_room(\result, count);
    ensures fresh: reserve_apart(m);
*/
void **backend_array_new(struct mempool *m, int count);
/* Only what this thread alone can reach may go. */
/*@ requires owned: array != \null && array == array_owned;
    terminates always: \true;
    exits never: \false;
    assigns array_owned;
    ensures gone: array_owned == \null;
*/
void backend_array_free(struct mempool *m, void **array);

/* --- Proved: the lock --- */

/*
 * Takes the pool's lock. What it protects may have changed since the thread last looked; the
 * invariant holds. The functions of this file hold it for a bounded time and call nothing of the
 * user's under it. (One thread alone would see no change: the contract says less, so that no proof
 * relies on it.)
 */
/*@ requires pool: pool_valid(m);
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->min_nr, m->curr_nr, m->elements, array_memory[0 .. array_end - 1];
    ensures invariant: pool_valid(m);
    ensures alone: sole_resizer != 0 ==> resize_excluded{Pre, Post}(m);
*/
SLABPOOL_LOCKS(reserve_locks)
void reserve_lock(struct mempool *m);
/*@ requires invariant: pool_valid(m);
    terminates always: \true;
    exits never: \false;
    assigns m->lock;
    ensures invariant: pool_valid(m);
*/
SLABPOOL_UNLOCKS(reserve_locks)
void reserve_unlock(struct mempool *m);

/*
 * --- Proved: the reserve. Postconditions about m speak of the moment when the lock was given
 * --- back for the last time.
 */

/* What the first attempt leaves out, and what every attempt has: a pool has its own reserve, so
 * the allocator below shall neither wait nor complain, let alone end the program. */
#define GFP_WITHOUT_FIRST (__GFP_DIRECT_RECLAIM | __GFP_IO)
#define GFP_WITHOUT (__GFP_ZERO | __GFP_NOFAIL)
#define GFP_WITH (__GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN)

/* The gfp of the first attempt, which must not block, and of all others. Neither zeroes, ends the
 * program or prints a message. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures never_blocks: first ==> (\result & ___GFP_DIRECT_RECLAIM) == 0;
    ensures may_block: !first ==>
      (\result & ___GFP_DIRECT_RECLAIM) == (gfp & ___GFP_DIRECT_RECLAIM);
    ensures quiet: (\result & ___GFP_NOWARN) != 0;
    ensures no_zero: (\result & ___GFP_ZERO) == 0;
    ensures no_end: (\result & ___GFP_NOFAIL) == 0;
    ensures rest: !first ==> \result == ((gfp & (UINT32_MAX - GFP_WITHOUT)) | GFP_WITH);
    ensures rest_first: first ==> \result ==
      (((gfp & (UINT32_MAX - GFP_WITHOUT)) | GFP_WITH) & (UINT32_MAX - GFP_WITHOUT_FIRST));
*/
static inline gfp_t reserve_gfp(gfp_t gfp, bool first)
{
	gfp = (gfp & ~GFP_WITHOUT) | GFP_WITH;
	if (first)
		gfp &= ~GFP_WITHOUT_FIRST;
	return gfp;
}

/* --- elements: between this thread and the backend --- */

/* One element from the pool's backend, or NULL. What names no instance is asked through the pool's
 * own: backend.c. */
/*@ requires memory: \valid_read(m);
    requires functions: pool_callbacks(m);
    requires ledger: ledger_wide;
    terminates always: \true;
    exits never: \false;
    assigns backend_out;
    ensures none: \result == \null ==> backend_out == \old(backend_out);
    ensures one: \result != \null ==> backend_out == \old(backend_out) + 1;
*/
static inline void *element_alloc(struct mempool *m, gfp_t gfp)
{
	void *element;

	if (SLABPOOL_UNLIKELY(m->source != BACKEND_CALLED))
		return backend_alloc(m, gfp);
	/*@ calls mempool_user_alloc; */
	element = m->alloc(gfp, m->pool_data);
	return element;
}

/* Gives one back to it. */
/*@ requires memory: \valid_read(m);
    requires functions: pool_callbacks(m);
    requires element: element != \null;
    requires ledger: ledger_wide;
    terminates always: \true;
    exits never: \false;
    assigns backend_out;
    ensures one: backend_out == \old(backend_out) - 1;
*/
static inline void element_free(struct mempool *m, void *element)
{
	if (SLABPOOL_UNLIKELY(m->source != BACKEND_CALLED)) {
		backend_free(m, element);
		return;
	}
	/*@ calls mempool_user_free; */
	m->free(element, m->pool_data);
}

/* --- the reserve --- */

/* Elements that the full reserve holds. */
/*@ requires memory: \valid_read(m);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures size: \result == reserve_size(m);
*/
static inline int size_of_reserve(const struct mempool *m)
{
	return m->min_nr > 0 ? m->min_nr : 1;
}

/* Takes the last element. */
/*@ requires pool: pool_valid(m);
    requires some: m->curr_nr > 0;
    requires ledger: ledger_wide;
    terminates always: \true;
    exits never: \false;
    assigns m->curr_nr, reserve_in;
    ensures pool: pool_valid(m);
    ensures last: \result == \old(m->elements[m->curr_nr - 1]) && \result != \null;
    ensures one_less: m->curr_nr == \old(m->curr_nr) - 1;
    ensures ledger: reserve_in == \old(reserve_in) - 1;
*/
SLABPOOL_UNDER(reserve_locks)
static inline void *reserve_take(struct mempool *m)
{
	slabpool_store_int(&m->curr_nr, m->curr_nr - 1);
	/*@ ghost reserve_in = reserve_in - 1; */
	return m->elements[m->curr_nr];
}

/* Adds an element. */
/*@ requires pool: pool_valid(m);
    requires room: m->curr_nr < reserve_size(m);
    requires element: element != \null;
    requires ledger: ledger_wide;
    terminates always: \true;
    exits never: \false;
    assigns m->elements[m->curr_nr], m->curr_nr, reserve_in;
    ensures pool: pool_valid(m);
    ensures last: m->elements[m->curr_nr - 1] == element;
    ensures kept: elements_kept{Pre, Post}(m, \old(m->curr_nr));
    ensures one_more: m->curr_nr == \old(m->curr_nr) + 1;
    ensures ledger: reserve_in == \old(reserve_in) + 1;
*/
SLABPOOL_UNDER(reserve_locks)
static inline void reserve_put(struct mempool *m, void *element)
{
	m->elements[m->curr_nr] = element;
	slabpool_store_int(&m->curr_nr, m->curr_nr + 1);
	/*@ ghost reserve_in = reserve_in + 1; */
}

/* Wakes who waits. The lock is not held: a thread that comes to wait later finds what was put. */
/*@ requires memory: \valid(m);
    requires platform: pool_platform(m, m->pool);
    terminates always: \true;
    exits never: \false;
    assigns m->wait;
    ensures nobody: m->waiters <= 0 ==> m->wait == \old(m->wait);
*/
static inline void reserve_wake(struct mempool *m)
{
	if (SLABPOOL_UNLIKELY(slabpool_load_int(&m->waiters) > 0))
		sync_wake(m->pool, &m->wait, true);
}

/* Puts an element back under the lock and wakes who waits; false if the reserve is full: the
 * element is not taken. */
/*@ requires pool: pool_valid(m);
    requires element: element != \null;
    requires ledger: ledger_wide;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->wait, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], reserve_in;
    ensures pool: pool_valid(m);
    ensures taken: \result ==> reserve_in == \old(reserve_in) + 1;
    ensures full: !\result ==> m->curr_nr == reserve_size(m) && reserve_in == \old(reserve_in);
    ensures alone: sole_resizer != 0 ==> resize_excluded{Pre, Post}(m);
*/
bool reserve_give(struct mempool *m, void *element);

/* From the reserve only; NULL only if it is empty. */
/*@ requires pool: pool_valid(m);
    requires ledger: ledger_wide;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], reserve_in;
    ensures pool: pool_valid(m);
    ensures guarantee: \result == \null ==> m->curr_nr == 0;
    ensures one: \result != \null ==> reserve_in == \old(reserve_in) - 1;
    ensures none: \result == \null ==> reserve_in == \old(reserve_in);
*/
void *reserve_alloc_preallocated(struct mempool *m);

/*
 * A glance without the lock, so that frees do not queue for it: true if the reserve was full at a
 * moment after the calling thread got what it is about to free. (Whoever took an element out of
 * the reserve lowered curr_nr before; a thread that has the element sees that or a later value.)
 */
/*@ requires pool: pool_valid(m);
    terminates always: \true;
    exits never: \false;
    assigns m->min_nr, m->curr_nr, m->elements, array_memory[0 .. array_end - 1];
    ensures invariant: pool_valid(m);
    ensures full: \result ==> m->curr_nr == reserve_size(m);
    ensures alone: sole_resizer != 0 ==> resize_excluded{Pre, Post}(m);
*/
static inline bool reserve_seems_full(struct mempool *m)
{
	int min_nr = slabpool_load_int(&m->min_nr);

	return slabpool_load_int(&m->curr_nr) >= (min_nr > 0 ? min_nr : 1);
}

/*
 * One attempt: the backend, then the reserve. NULL only if the reserve is empty.
 */
/*@ requires pool: pool_valid(m);
    requires ledger: ledger_room;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], backend_out,
      reserve_in;
    ensures pool: pool_valid(m);
    ensures guarantee: \result == \null ==> m->curr_nr == 0;
    ensures one: \result != \null ==> in_hand == \old(in_hand) + 1;
    ensures none: \result == \null ==> in_hand == \old(in_hand);
*/
static inline void *reserve_alloc(struct mempool *m, gfp_t gfp)
{
	void *element = element_alloc(m, gfp);

	if (SLABPOOL_LIKELY(element != NULL))
		return element;
	return reserve_alloc_preallocated(m);
}

/* Frees an element when a glance found room for it. */
/*@ requires pool: pool_valid(m);
    requires element: element != \null;
    requires ledger: ledger_room;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->wait, m->min_nr, m->curr_nr, m->elements, array_memory[0 .. array_end - 1],
      backend_out, reserve_in;
    ensures pool: pool_valid(m);
    ensures reserve_first: backend_out == \old(backend_out) || m->curr_nr == reserve_size(m);
    ensures one: in_hand == \old(in_hand) - 1;
*/
void reserve_free_locked(struct mempool *m, void *element);

/* NULL is a no-op. The backend gets the element only if the reserve is full, under the lock or at a
 * glance. */
/*@ requires pool: pool_valid(m);
    requires ledger: ledger_room;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->wait, m->min_nr, m->curr_nr, m->elements, array_memory[0 .. array_end - 1],
      backend_out, reserve_in;
    ensures pool: pool_valid(m);
    ensures reserve_first: backend_out == \old(backend_out) || m->curr_nr == reserve_size(m);
    ensures one: element != \null ==> in_hand == \old(in_hand) - 1;
    ensures none: element == \null ==> backend_out == \old(backend_out) &&
      reserve_in == \old(reserve_in);
*/
static inline void reserve_free(struct mempool *m, void *element)
{
	if (!element)
		return;
	if (SLABPOOL_LIKELY(reserve_seems_full(m)))
		element_free(m, element);
	else
		reserve_free_locked(m, element);
}

/*
 * Sets a pool up and fills its reserve. 0, -EINVAL for a negative min_nr or a NULL function,
 * -ENOMEM; after a failure nothing is held, and m->elements is NULL.
 */
/*@ requires memory: pool_memory(m);
    requires platform: pool_platform(m, pool);
    requires functions: alloc == \null || free == \null || source_known(source) ||
      (source == BACKEND_CALLED && users_pair(alloc, free));
    requires ledger: ledger_room;
    requires no_array: array_owned == \null;
    terminates always: \true;
    exits never: \false;
    assigns *m, array_memory[0 .. array_end - 1], array_owned, array_size, backend_out, reserve_in;
    ensures no_array: array_owned == \null;
    ensures refused: min_nr < 0 || alloc == \null || free == \null ==> \result == RESERVE_INVALID;
    ensures failed: \result != 0 ==> m->elements == \null &&
      backend_out == \old(backend_out) && reserve_in == \old(reserve_in);
    ensures pool: \result == 0 ==> pool_valid(m);
    ensures fields: \result == 0 ==> m->min_nr == min_nr && m->alloc == alloc &&
      m->free == free && m->pool_data == pool_data && m->pool == pool;
    ensures filled: \result == 0 ==> m->curr_nr == reserve_size(m) &&
      reserve_in == \old(reserve_in) + m->curr_nr &&
      backend_out == \old(backend_out) + m->curr_nr;
*/
int reserve_init(struct slabpool *pool, struct mempool *m, int min_nr, mempool_alloc_t *alloc,
		 mempool_free_t *free, void *pool_data, unsigned char source);

/* Gives back all that the reserve holds, and its memory. Legal on a zeroed pool; no other call on
 * the pool may run. */
/*@ requires memory: pool_memory(m);
    requires pool: m->elements == \null || pool_valid(m);
    requires ledger: ledger_half;
    requires no_array: array_owned == \null;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->wait, m->curr_nr, m->elements, array_owned, array_size, backend_out,
      reserve_in;
    ensures gone: m->elements == \null;
    ensures no_array: array_owned == \null;
    ensures all_returned: \old(m->elements) != \null ==> m->curr_nr == 0 &&
      backend_out == \old(backend_out) - \old(m->curr_nr) &&
      reserve_in == \old(reserve_in) - \old(m->curr_nr);
    ensures nothing: \old(m->elements) == \null ==> backend_out == \old(backend_out) &&
      reserve_in == \old(reserve_in);
*/
void reserve_exit(struct mempool *m);

/*
 * Fills the NULL entries of elements: from the backend while it gives, the rest from the reserve,
 * all or none of them. @return how many are NULL still.
 */
/*@ requires pool: pool_valid(m);
    requires memory: bulk_memory(m, elements, count);
    requires ledger: ledger_room;
    terminates always: \true;
    exits never: \false;
    assigns elements[0 .. count - 1], m->lock, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], backend_out, reserve_in;
    ensures pool: pool_valid(m);
    ensures filled: \result == 0 ==> bulk_filled(elements, count);
    ensures guarantee: \result != 0 ==> m->curr_nr < \result;
    ensures kept: bulk_kept{Pre, Post}(elements, count);
    ensures ledger: in_hand == \old(in_hand) + \old(bulk_missing(elements, count)) - \result;
*/
unsigned int reserve_alloc_bulk(struct mempool *m, void **elements, unsigned int count,
				gfp_t gfp);

/*
 * Puts the first elements into the reserve while it has room, up to the first NULL entry.
 * @return how many.
 */
/*@ requires pool: pool_valid(m);
    requires memory: bulk_memory(m, elements, count);
    requires ledger: ledger_room;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->wait, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], reserve_in;
    ensures pool: pool_valid(m);
    ensures range: 0 <= \result <= count;
    ensures reserve_first: \result < count && elements[\result] != \null ==>
      m->curr_nr == reserve_size(m);
    ensures ledger: reserve_in == \old(reserve_in) + \result;
    ensures none: \result == 0 ==> m->wait == \old(m->wait);
*/
unsigned int reserve_free_bulk(struct mempool *m, void *const *elements, unsigned int count);

/*
 * Makes n the reserve's size. Growing: -ENOMEM without memory for the array; a shortage of
 * elements is no error. Shrinking: the surplus goes to the backend. -EINVAL for n <= 0. Other
 * threads may allocate and free meanwhile; if they also resize, one of the sizes wins.
 */
/*@ requires pool: pool_valid(m);
    requires ledger: ledger_room;
    requires no_array: array_owned == \null;
    terminates always: \true;
    exits never: \false;
    assigns m->lock, m->wait, m->min_nr, m->curr_nr, m->elements,
      array_memory[0 .. array_end - 1], array_owned,
      array_size, backend_out, reserve_in;
    ensures pool: pool_valid(m);
    ensures no_array: array_owned == \null;
    ensures results: \result == 0 || \result == RESERVE_INVALID || \result == RESERVE_NO_MEMORY;
    ensures refused: n <= 0 <==> \result == RESERVE_INVALID;
    ensures size: \result == 0 && sole_resizer != 0 ==> m->min_nr == n;
    ensures unchanged: \result != 0 && sole_resizer != 0 ==> m->min_nr == \old(m->min_nr);
    ensures none_lost: in_hand == \old(in_hand);
    ensures failed: \result != 0 ==> backend_out == \old(backend_out);
*/
int reserve_resize(struct mempool *m, int n);

/* All that the lock protects is as it should be; the lock is held, or nobody uses the pool. */
/*@ requires pool: pool_memory(m) && (reserve_bounds(m) ==> reserve_array(m));
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> reserve_bounds(m) && reserve_elements(m);
*/
bool reserve_is_valid(const struct mempool *m);

#endif
