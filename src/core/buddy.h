/* SPDX-License-Identifier: MIT */
/* The free runs of an arena's pages, by the buddy scheme. See buddy.c for the theory. */
#ifndef SLABPOOL_CORE_BUDDY_H
#define SLABPOOL_CORE_BUDDY_H

#include "core/guard.h"

/* Links of the free run that starts at a page. */
struct page_link {
	uint32_t next, prev;  /* pages; ARENA_NO_PAGE ends a list */
};
#define ARENA_NO_PAGE UINT32_MAX
#define ARENA_ORDERS 11u      /* runs of 2^0 .. 2^10 pages */
#define ARENA_MAX_RUN 1024u

/* What order[] says of a page: 0, or 1 + the order of the free run that starts here, and: */
#define ORDER_IDLE 0x80u      /* its memory was not given back */
#define ORDER_CLEAN 0x40u     /* that of its tables was */

/* Where the free runs of an arena stand. */
struct free_runs {
	struct page_link *link;
	uint8_t *order;
	uint32_t *head;       /* ARENA_ORDERS of them */
	uint64_t *idle;       /* pages of runs that are idle */
	uint32_t opened;      /* entries of link and order */
};

#include "../../proofs/logic/Buddy.acsl"

/* 1 + the order of a free run, or 0. */
/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures code: \result == entry % 64;
*/
static inline uint32_t order_code(uint8_t entry)
{
	return entry % ORDER_CLEAN;
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures idle: \result <==> entry >= ORDER_IDLE;
*/
static inline bool order_is_idle(uint8_t entry)
{
	return entry >= ORDER_IDLE;
}

/*@ terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures clean: \result <==> (entry / 64) % 2 != 0;
*/
static inline bool order_is_clean(uint8_t entry)
{
	return entry / ORDER_CLEAN % 2 != 0;
}

/* Pages of a run of this order. */
/*@ requires order: order < ARENA_ORDERS;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures size: \result == run_size(order + 1) && 1 <= \result <= ARENA_MAX_RUN;
*/
static inline uint32_t order_pages(uint32_t order)
{
	/*@ ghost
	  /@ loop invariant range: 0 <= i <= order;
	     loop invariant size: (1 << i) == run_size(i + 1);
	     loop assigns i;
	     loop variant order - i;
	  @/
	  for (uint32_t i = 0; i < order; i++) {
	    /@ assert shifted: ((1 << i) << 1) == (1 << (i + 1)); @/
	  }
	*/
	return 1u << order;
}

/* Frees any range of pages, cut into runs at their natural places. */
/*@ requires memory: buddy_memory(r);
    requires runs: buddy_ok(r);
    requires inside: page + pages <= r.opened;
    requires taken: run_taken(r.order, r.opened, page, pages);
    requires room: free_sum(r.order, r.opened) + pages <= r.opened;
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.order[0 .. r.opened - 1], r.head[0 .. ARENA_ORDERS - 1],
      *r.idle;
    ensures runs: buddy_ok(r);
    ensures kept: taken_kept{Pre, Post}(r.order, r.opened, page, pages);
    ensures count: free_sum(r.order, r.opened) == \old(free_sum(r.order, r.opened)) + pages;
*/
void buddy_put(struct free_runs r, uint32_t page, uint32_t pages, bool idle);
/* A free run of 2^order pages out of the lists, or ARENA_NO_PAGE; idle: whether it is. */
/*@ requires memory: buddy_memory(r);
    requires runs: buddy_ok(r);
    requires order: order < ARENA_ORDERS;
    requires idle: \valid(idle) && buddy_apart(r, idle);
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.order[0 .. r.opened - 1], r.head[0 .. ARENA_ORDERS - 1],
      *r.idle, *idle;
    ensures runs: buddy_ok(r);
    ensures taken: \result != ARENA_NO_PAGE ==>
      \result + run_size(order + 1) <= r.opened && run_aligned(\result, order + 1) &&
      run_taken(r.order, r.opened, \result, run_size(order + 1));
    ensures was_free: \result != ARENA_NO_PAGE ==>
      was_free{Pre}(r.order, r.opened, \result, run_size(order + 1));
    ensures kept: taken_kept{Pre, Post}(r.order, r.opened, 0, 0);
    ensures count: \result != ARENA_NO_PAGE ==> free_sum(r.order, r.opened) ==
      \old(free_sum(r.order, r.opened)) - run_size(order + 1);
    ensures none: \result == ARENA_NO_PAGE ==>
      free_sum(r.order, r.opened) == \old(free_sum(r.order, r.opened));
*/
uint32_t buddy_take(struct free_runs r, uint32_t order, bool *idle);
/* The order of the smallest run that has so many pages. */
/*@ requires pages: 0 < pages <= ARENA_MAX_RUN;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures order: \result < ARENA_ORDERS && run_size(\result + 1) >= pages;
    ensures least: \result > 0 ==> run_size(\result) < pages;
*/
uint32_t order_for(uint32_t pages);
/* Free runs of the largest order, side by side, off their list: the first page of so many, or
 * ARENA_NO_PAGE. */
/*@ requires memory: buddy_memory(r);
    requires runs: buddy_ok(r);
    requires need: 0 < need <= 0x200000;
    requires idle: \valid(idle) && buddy_apart(r, idle);
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.order[0 .. r.opened - 1], r.head[0 .. ARENA_ORDERS - 1],
      *r.idle, *idle;
    ensures runs: buddy_ok(r);
    ensures taken: \result != ARENA_NO_PAGE ==>
      \result + need * ARENA_MAX_RUN <= r.opened && \result % ARENA_MAX_RUN == 0 &&
      run_taken(r.order, r.opened, \result, need * ARENA_MAX_RUN);
    ensures count: \result != ARENA_NO_PAGE ==> free_sum(r.order, r.opened) ==
      \old(free_sum(r.order, r.opened)) - need * ARENA_MAX_RUN;
    ensures none: \result == ARENA_NO_PAGE ==>
      free_sum(r.order, r.opened) == \old(free_sum(r.order, r.opened));
*/
uint32_t buddy_take_many(struct free_runs r, uint32_t need, bool *idle);

#endif
