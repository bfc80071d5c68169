/* SPDX-License-Identifier: MIT */
/* What the files of the mempool share. See mempool.c for the theory. */
#ifndef SLABPOOL_CORE_RESERVE_H
#define SLABPOOL_CORE_RESERVE_H

#include "core/mempool.h"

/* One element from the pool's backend, or NULL. */
/*@ requires memory: \valid_read(m);
    requires functions: pool_callbacks(m);
    requires ledger: ledger_wide;
    terminates always: \true;
    exits never: \false;
    assigns backend_out;
    ensures none: \result == \null ==> backend_out == \old(backend_out);
    ensures one: \result != \null ==> backend_out == \old(backend_out) + 1;
*/
void *element_alloc(struct mempool *m, gfp_t gfp);

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
void element_free(struct mempool *m, void *element);

/* Elements that the full reserve holds. */
/*@ requires memory: \valid_read(m);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures size: \result == reserve_size(m);
*/
int size_of_reserve(const struct mempool *m);

/* Takes the last element; the lock is held. */
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
void *reserve_take(struct mempool *m);

/* Adds an element; the lock is held. */
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
void reserve_put(struct mempool *m, void *element);

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

#endif
