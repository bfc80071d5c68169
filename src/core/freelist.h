/* SPDX-License-Identifier: MIT */
/* Free runs into and out of their lists; buddy.c makes them what they are. */
#ifndef SLABPOOL_CORE_FREELIST_H
#define SLABPOOL_CORE_FREELIST_H

#include "core/buddy.h"

/* Puts a free run on its list. */
/*@ requires memory: buddy_memory(r);
    requires runs: buddy_ok(r);
    requires order: order < ARENA_ORDERS && run_aligned(page, order + 1);
    requires inside: page + run_size(order + 1) <= r.opened;
    requires taken: run_taken(r.order, r.opened, page, run_size(order + 1));
    requires room: free_sum(r.order, r.opened) + run_size(order + 1) <= r.opened;
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.order[page], r.head[0 .. ARENA_ORDERS - 1], *r.idle;
    ensures runs: buddy_ok(r);
    ensures kept: taken_kept{Pre, Post}(r.order, r.opened, page, run_size(order + 1));
    ensures count: free_sum(r.order, r.opened) ==
      \old(free_sum(r.order, r.opened)) + run_size(order + 1);
*/
void run_link(struct free_runs r, uint32_t page, uint32_t order, bool idle);
/* Takes a free run off its list; whether it was idle. */
/*@ requires memory: buddy_memory(r);
    requires runs: buddy_ok(r);
    requires free: is_free_run(r.order, r.opened, page);
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.order[page], r.head[0 .. ARENA_ORDERS - 1], *r.idle;
    ensures runs: buddy_ok(r);
    ensures inside: page + run_size(\old(r.order[page] % 64)) <= r.opened;
    ensures kept: taken_kept{Pre, Post}(r.order, r.opened, 0, 0);
    ensures taken: run_taken(r.order, r.opened, page, run_size(\old(r.order[page] % 64)));
    ensures was_free:
      was_free{Pre}(r.order, r.opened, page, run_size(\old(r.order[page] % 64)));
    ensures free: free_sum(r.order, r.opened) ==
      \old(free_sum(r.order, r.opened)) - run_size(\old(r.order[page] % 64));
*/
bool run_unlink(struct free_runs r, uint32_t page);

#endif
