/* SPDX-License-Identifier: MIT */
/*
 * Free lists: the free runs of pages, chained by order. See buddy.c.
 *
 *   order   0   0   2   0   3   0   0   0   2   0   0   0
 *   head    [1] ----------------------------^
 *   link            ^-----------------------|   next and prev of the pages that start a run
 *
 * Guarantee, proved by the contracts in buddy.h: whatever is in a list starts a free run of the
 * list's order, entries that name each other as next and prev do so mutually, free runs do not
 * overlap, and the sum of their pages changes by the run that comes or goes.
 */
#include "core/freelist.h"

/*@ ghost
  /@ requires inside: page < n;
     requires memory: \valid_read(order + (0 .. n - 1));
     terminates always: \true;
     exits never: \false;
     assigns \nothing;
     ensures some: idle_sum(order, n) >= idle_weight(order[page]) &&
                   free_sum(order, n) >= run_weight(order[page]);
     ensures idle: 0 <= idle_sum(order, n) <= free_sum(order, n);
  @/
  void sum_has_each(const uint8_t *order, uint32_t n, uint32_t page) {
    /@ loop invariant range: 0 <= i <= n;
       loop invariant some: page < i ==> idle_sum(order, i) >= idle_weight(order[page]) &&
                            free_sum(order, i) >= run_weight(order[page]);
       loop invariant idle: 0 <= idle_sum(order, i) <= free_sum(order, i);
       loop assigns i;
       loop variant n - i;
    @/
    for (uint32_t i = 0; i < n; i++) {
      /@ assert weight: 0 <= idle_weight(order[i]) <= run_weight(order[i]); @/
      /@ assert free: free_sum(order, i + 1) == free_sum(order, i) + run_weight(order[i]); @/
      /@ assert idle: idle_sum(order, i + 1) == idle_sum(order, i) + idle_weight(order[i]); @/
    }
  }
*/

/*@ ghost
  /@ requires sized: runs_sized(order, opened);
     requires memory: \valid_read(order + (0 .. opened - 1));
     terminates always: \true;
     exits never: \false;
     assigns \nothing;
     ensures taken: \forall integer p, n; 0 < n && run_taken(order, opened, p, n) &&
       0 <= p < opened ==> order[p] % 64 == 0;
  @/
  void taken_is_not_free(const uint8_t *order, uint32_t opened) {
    /@ assert size: \forall integer code; 1 <= code <= 11 ==> 1 <= run_size(code) <= 1024; @/
    /@ assert some: \forall integer p; is_free_run(order, opened, p) ==>
         1 <= run_size(order[p] % 64); @/
  }
*/

/* Says what a page starts. */
/*@ requires memory: \valid(order + (0 .. opened - 1));
    requires inside: page < opened;
    terminates always: \true;
    exits never: \false;
    assigns order[page];
    ensures entry: order[page] == entry;
    ensures free: free_sum(order, opened) == \old(free_sum(order, opened)) -
      run_weight(\old(order[page])) + run_weight(entry);
    ensures idle: idle_sum(order, opened) == \old(idle_sum(order, opened)) -
      idle_weight(\old(order[page])) + idle_weight(entry);
*/
static void order_set(uint8_t *order, uint32_t page, uint8_t entry)
	/*@ ghost (uint32_t opened) */
{
	order[page] = entry;
	/*@ ghost
	  /@ loop invariant range: 0 <= i <= opened;
	     loop invariant free: free_sum(order, i) == free_sum{Pre}(order, i) +
	       (page < i ? run_weight(entry) - run_weight(\at(order[page], Pre)) : 0);
	     loop invariant idle: idle_sum(order, i) == idle_sum{Pre}(order, i) +
	       (page < i ? idle_weight(entry) - idle_weight(\at(order[page], Pre)) : 0);
	     loop assigns i;
	     loop variant opened - i;
	  @/
	  for (uint32_t i = 0; i < opened; i++) {
	    /@ assert free_before: free_sum{Pre}(order, i + 1) ==
	         free_sum{Pre}(order, i) + run_weight(\at(order[\at(i, Here)], Pre)); @/
	    /@ assert free_after: free_sum(order, i + 1) ==
	         free_sum(order, i) + run_weight(order[i]); @/
	    /@ assert idle_before: idle_sum{Pre}(order, i + 1) ==
	         idle_sum{Pre}(order, i) + idle_weight(\at(order[\at(i, Here)], Pre)); @/
	    /@ assert idle_after: idle_sum(order, i + 1) ==
	         idle_sum(order, i) + idle_weight(order[i]); @/
	    /@ assert same: i != page ==> order[i] == \at(order[\at(i, Here)], Pre); @/
	  }
	*/
}

/* --- the lists --- */

/*@ requires memory: buddy_memory(r);
    requires inside: page < r.opened && order < ARENA_ORDERS;
    requires head: r.head[order] == ARENA_NO_PAGE || r.head[order] < r.opened;
    requires other: r.head[order] != page;
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.head[order];
    ensures first: r.head[order] == page && r.link[page].prev == ARENA_NO_PAGE;
    ensures second: r.link[page].next == \old(r.head[order]) &&
      (\old(r.head[order]) != ARENA_NO_PAGE ==> r.link[\old(r.head[order])].prev == page);
    ensures nexts: nexts_kept_but{Pre, Post}(r.link, r.opened, page);
    ensures prevs: prevs_kept_but{Pre, Post}(r.link, r.opened, page, \old(r.head[order]));
*/
static void list_add(struct free_runs r, uint32_t page, uint32_t order)
{
	uint32_t head = r.head[order];

	r.link[page].prev = ARENA_NO_PAGE;
	r.link[page].next = head;
	if (head != ARENA_NO_PAGE)
		r.link[head].prev = page;
	r.head[order] = page;
}

/*@ requires memory: buddy_memory(r);
    requires inside: page < r.opened && order < ARENA_ORDERS;
    requires next: r.link[page].next == ARENA_NO_PAGE || r.link[page].next < r.opened;
    requires prev: r.link[page].prev == ARENA_NO_PAGE || r.link[page].prev < r.opened;
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.head[order];
    ensures first: \old(r.link[page].prev) == ARENA_NO_PAGE ==>
      r.head[order] == \old(r.link[page].next);
    ensures inner: \old(r.link[page].prev) != ARENA_NO_PAGE ==>
      r.link[\old(r.link[page].prev)].next == \old(r.link[page].next) &&
      r.head[order] == \old(r.head[order]);
    ensures next: \old(r.link[page].next) != ARENA_NO_PAGE ==>
      r.link[\old(r.link[page].next)].prev == \old(r.link[page].prev);
    ensures nexts: nexts_kept_but{Pre, Post}(r.link, r.opened, \old(r.link[page].prev));
    ensures prevs: prevs_kept_but{Pre, Post}(r.link, r.opened, \old(r.link[page].next),
                                             \old(r.link[page].next));
*/
static void list_remove(struct free_runs r, uint32_t page, uint32_t order)
{
	uint32_t next = r.link[page].next, prev = r.link[page].prev;

	if (prev == ARENA_NO_PAGE)
		r.head[order] = next;
	else
		r.link[prev].next = next;
	if (next != ARENA_NO_PAGE)
		r.link[next].prev = prev;
}

/*@ requires memory: \valid(order + (0 .. opened - 1));
    requires runs: runs_sized(order, opened) && runs_apart(order, opened);
    requires code: 1 <= code <= ARENA_ORDERS && run_aligned(page, code);
    requires inside: page + run_size(code) <= opened;
    requires taken: run_taken(order, opened, page, run_size(code));
    terminates always: \true;
    exits never: \false;
    assigns order[page];
    ensures sized: runs_sized(order, opened);
    ensures apart: runs_apart(order, opened);
    ensures none: \old(order[page]) % 64 == 0;
    ensures code: order[page] % 64 == code && (order[page] >= ORDER_IDLE <==> idle);
    ensures kept: taken_kept{Pre, Post}(order, opened, page, run_size(code));
    ensures free: free_sum(order, opened) == \old(free_sum(order, opened)) + run_size(code);
    ensures idle: idle_sum(order, opened) ==
      \old(idle_sum(order, opened)) + (idle ? run_size(code) : 0);
*/
static void run_mark(uint8_t *order, uint32_t page, uint32_t code, bool idle)
	/*@ ghost (uint32_t opened) */
{
	/*@ ghost taken_is_not_free(order, opened); */
	/*@ assert size: 1 <= run_size(code) <= 1024; */
	/*@ assert not_listed: order[page] % 64 == 0; */
	order_set(order, page, (uint8_t)(code + (idle ? ORDER_IDLE : 0))) /*@ ghost (opened) */;
	/*@ assert new: order[page] % 64 == code; */
	/*@ assert others: \forall integer p; 0 <= p < opened && p != page ==>
	      order[p] == \at(order[p], Pre); */
	/*@ assert ends: \forall integer p; is_free_run(order, opened, p) && p != page ==>
	      is_free_run{Pre}(order, opened, p) && run_end(order, p) == run_end{Pre}(order, p) &&
	      (run_end(order, p) <= page || page + run_size(code) <= p); */
}

/* A run that is marked goes on its list. */
/*@ requires memory: buddy_memory(r);
    requires order: order < ARENA_ORDERS && codes_known(r.order, r.opened);
    requires page: is_free_run(r.order, r.opened, page) && r.order[page] % 64 == order + 1;
    requires listed: listed_without(r.link, r.order, r.head, r.opened, page);
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.head[order];
    ensures listed: listed_without(r.link, r.order, r.head, r.opened, -1);
*/
static void list_enter(struct free_runs r, uint32_t page, uint32_t order)
{
	/*@ ghost uint32_t head = r.head[order]; */
	/*@ assert apart: \forall integer p; is_free_run(r.order, r.opened, p) && p != page &&
	      head != ARENA_NO_PAGE ==> r.link[p].next != head; */
	list_add(r, page, order);
	/*@ assert heads_kept: heads_kept_but{Pre, Here}(r.head, order); */
	/*@ assert heads: heads_without(r.link, r.order, r.head, r.opened, -1); */
	/*@ assert nexts: nexts_without(r.link, r.order, r.opened, -1); */
	/*@ assert prevs: prevs_without(r.link, r.order, r.opened, -1); */
	/*@ assert firsts: firsts_without(r.link, r.order, r.head, r.opened, -1); */
}

/* A run that is still marked leaves its list. */
/*@ requires memory: buddy_memory(r);
    requires order: order < ARENA_ORDERS && codes_known(r.order, r.opened);
    requires page: is_free_run(r.order, r.opened, page) && r.order[page] % 64 == order + 1;
    requires listed: listed_without(r.link, r.order, r.head, r.opened, -1);
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.head[order];
    ensures listed: listed_without(r.link, r.order, r.head, r.opened, page);
*/
static void list_leave(struct free_runs r, uint32_t page, uint32_t order)
{
	/*@ ghost uint32_t next = r.link[page].next; */
	/*@ ghost uint32_t prev = r.link[page].prev; */
	/*@ assert to_page: \forall integer p; is_free_run(r.order, r.opened, p) && p != prev ==>
	      r.link[p].next != page; */
	/*@ assert back_to_page: \forall integer p; is_free_run(r.order, r.opened, p) &&
	      p != next ==> r.link[p].prev != page; */
	/*@ assert page_first: prev == ARENA_NO_PAGE ==> r.head[order] == page; */
	/*@ assert page_inner: prev != ARENA_NO_PAGE ==> r.head[order] != page &&
	      (next != ARENA_NO_PAGE ==> r.head[order] != next); */
	/*@ assert heads_other: \forall integer k; 0 <= k < ARENA_ORDERS && k != order &&
	      r.head[k] != ARENA_NO_PAGE ==> r.head[k] != page && r.head[k] != next; */
	list_remove(r, page, order);
	/*@ assert heads_kept: heads_kept_but{Pre, Here}(r.head, order); */
	/*@ assert head_new: r.head[order] != ARENA_NO_PAGE ==> r.head[order] < r.opened &&
	      r.head[order] != page && r.order[r.head[order]] % 64 == order + 1 &&
	      r.link[r.head[order]].prev == ARENA_NO_PAGE; */
	/*@ assert heads: heads_without(r.link, r.order, r.head, r.opened, page); */
	/*@ assert nexts: nexts_without(r.link, r.order, r.opened, page); */
	/*@ assert prevs: prevs_without(r.link, r.order, r.opened, page); */
	/*@ assert first_old: \forall integer p; is_free_run(r.order, r.opened, p) && p != page &&
	      p != next && r.link[p].prev == ARENA_NO_PAGE ==>
	      \at(r.head[\at(r.order[p] % 64 - 1, Here)], Pre) == p &&
	      0 <= r.order[p] % 64 - 1 < ARENA_ORDERS; */
	/*@ assert first_next: prev == ARENA_NO_PAGE && next != ARENA_NO_PAGE ==>
	      r.head[order] == next && r.order[next] % 64 == order + 1; */
	/*@ assert next_inner: prev != ARENA_NO_PAGE && next != ARENA_NO_PAGE ==>
	      r.link[next].prev != ARENA_NO_PAGE; */
	/*@ assert head_inner: prev != ARENA_NO_PAGE ==>
	      r.head[order] == \at(r.head[order], Pre); */
	/*@ assert head_first: prev == ARENA_NO_PAGE ==> \at(r.head[order], Pre) == page; */
	/*@ assert first_other: \forall integer p; is_free_run(r.order, r.opened, p) && p != page &&
	      p != next && r.link[p].prev == ARENA_NO_PAGE ==>
	      r.head[r.order[p] % 64 - 1] == p; */
	/*@ assert firsts: firsts_without(r.link, r.order, r.head, r.opened, page); */
}

/* Puts a free run on its list, but for the count of idle pages. */
/*@ requires memory: buddy_memory(r);
    requires runs: runs_ok(r.link, r.order, r.head, r.opened);
    requires order: order < ARENA_ORDERS && run_aligned(page, order + 1);
    requires inside: page + run_size(order + 1) <= r.opened;
    requires taken: run_taken(r.order, r.opened, page, run_size(order + 1));
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.order[page], r.head[0 .. ARENA_ORDERS - 1];
    ensures runs: runs_ok(r.link, r.order, r.head, r.opened);
    ensures kept: taken_kept{Pre, Post}(r.order, r.opened, page, run_size(order + 1));
    ensures free: free_sum(r.order, r.opened) ==
      \old(free_sum(r.order, r.opened)) + run_size(order + 1);
    ensures idle: idle_sum(r.order, r.opened) ==
      \old(idle_sum(r.order, r.opened)) + (idle ? run_size(order + 1) : 0);
*/
static void run_list(struct free_runs r, uint32_t page, uint32_t order, bool idle)
{
	/*@ assert size: 1 <= run_size(order + 1) <= 1024; */
	/*@ assert heads_free: \forall integer k; 0 <= k < ARENA_ORDERS &&
	      r.head[k] != ARENA_NO_PAGE ==> is_free_run(r.order, r.opened, r.head[k]); */
	run_mark(r.order, page, order + 1, idle) /*@ ghost (r.opened) */;
	/*@ assert marked: \forall integer p; is_free_run(r.order, r.opened, p) && p != page ==>
	      is_free_run{Pre}(r.order, r.opened, p) && r.order[p] == \at(r.order[p], Pre); */
	/*@ assert was_listed: \forall integer p; is_free_run{Pre}(r.order, r.opened, p) ==>
	      p != page && is_free_run(r.order, r.opened, p) &&
	      r.order[p] == \at(r.order[p], Pre); */
	/*@ assert heads_marked: \forall integer k; 0 <= k < ARENA_ORDERS &&
	      r.head[k] != ARENA_NO_PAGE ==> r.head[k] != page && r.head[k] < r.opened &&
	      r.order[r.head[k]] % 64 == k + 1; */
	/*@ assert heads: heads_without(r.link, r.order, r.head, r.opened, page); */
	/*@ assert nexts: nexts_without(r.link, r.order, r.opened, page); */
	/*@ assert prevs: prevs_without(r.link, r.order, r.opened, page); */
	/*@ assert firsts_before: \forall integer p; is_free_run{Pre}(r.order, r.opened, p) &&
	      r.link[p].prev == ARENA_NO_PAGE ==>
	      r.head[\at(r.order[p], Pre) % 64 - 1] == p; */
	/*@ assert firsts: firsts_without(r.link, r.order, r.head, r.opened, page); */
	list_enter(r, page, order);
}

void run_link(struct free_runs r, uint32_t page, uint32_t order, bool idle)
{
	run_list(r, page, order, idle);
	/*@ ghost sum_has_each(r.order, r.opened, page); */
	if (idle)
		*r.idle += order_pages(order);
}

/*@ requires memory: \valid(order + (0 .. opened - 1));
    requires runs: runs_sized(order, opened) && runs_apart(order, opened);
    requires free: is_free_run(order, opened, page);
    terminates always: \true;
    exits never: \false;
    assigns order[page];
    ensures sized: runs_sized(order, opened);
    ensures apart: runs_apart(order, opened);
    ensures gone: order[page] == 0;
    ensures inside: page + run_size(\old(order[page] % 64)) <= opened;
    ensures kept: taken_kept{Pre, Post}(order, opened, 0, 0);
    ensures taken: run_taken(order, opened, page, run_size(\old(order[page] % 64)));
    ensures was_free: was_free{Pre}(order, opened, page, run_size(\old(order[page] % 64)));
    ensures free: free_sum(order, opened) ==
      \old(free_sum(order, opened)) - run_size(\old(order[page] % 64));
    ensures idle: idle_sum(order, opened) ==
      \old(idle_sum(order, opened)) - idle_weight(\old(order[page]));
*/
static void run_unmark(uint8_t *order, uint32_t page)
	/*@ ghost (uint32_t opened) */
{
	/*@ ghost taken_is_not_free(order, opened); */
	order_set(order, page, 0) /*@ ghost (opened) */;
	/*@ assert others: \forall integer p; 0 <= p < opened && p != page ==>
	      order[p] == \at(order[p], Pre); */
	/*@ assert ends: \forall integer p; is_free_run(order, opened, p) ==> p != page &&
	      is_free_run{Pre}(order, opened, p) && run_end(order, p) == run_end{Pre}(order, p); */
}

/* Takes a free run off its list, but for the count of idle pages. */
/*@ requires memory: buddy_memory(r);
    requires runs: runs_ok(r.link, r.order, r.head, r.opened);
    requires free: is_free_run(r.order, r.opened, page);
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.order[page], r.head[0 .. ARENA_ORDERS - 1];
    ensures runs: runs_ok(r.link, r.order, r.head, r.opened);
    ensures inside: page + run_size(\old(r.order[page] % 64)) <= r.opened;
    ensures kept: taken_kept{Pre, Post}(r.order, r.opened, 0, 0);
    ensures taken: run_taken(r.order, r.opened, page, run_size(\old(r.order[page] % 64)));
    ensures was_free:
      was_free{Pre}(r.order, r.opened, page, run_size(\old(r.order[page] % 64)));
    ensures free: free_sum(r.order, r.opened) ==
      \old(free_sum(r.order, r.opened)) - run_size(\old(r.order[page] % 64));
    ensures idle: idle_sum(r.order, r.opened) ==
      \old(idle_sum(r.order, r.opened)) - idle_weight(\old(r.order[page]));
*/
static void run_unlist(struct free_runs r, uint32_t page)
{
	uint32_t order = order_code(r.order[page]) - 1;

	/*@ assert codes: codes_known(r.order, r.opened); */
	list_leave(r, page, order);
	/*@ assert heads_free: \forall integer k; 0 <= k < ARENA_ORDERS &&
	      r.head[k] != ARENA_NO_PAGE ==> is_free_run(r.order, r.opened, r.head[k]); */
	run_unmark(r.order, page) /*@ ghost (r.opened) */;
	/*@ assert left: \forall integer p; is_free_run(r.order, r.opened, p) ==> p != page &&
	      is_free_run{Pre}(r.order, r.opened, p) && r.order[p] == \at(r.order[p], Pre); */
	/*@ assert stays: \forall integer p; is_free_run{Pre}(r.order, r.opened, p) && p != page ==>
	      is_free_run(r.order, r.opened, p) && r.order[p] == \at(r.order[p], Pre); */
	/*@ assert heads_marked: \forall integer k; 0 <= k < ARENA_ORDERS &&
	      r.head[k] != ARENA_NO_PAGE ==> r.head[k] != page && r.head[k] < r.opened &&
	      r.order[r.head[k]] % 64 == k + 1; */
	/*@ assert heads: heads_without(r.link, r.order, r.head, r.opened, -1); */
	/*@ assert nexts: nexts_without(r.link, r.order, r.opened, -1); */
	/*@ assert prevs: prevs_without(r.link, r.order, r.opened, -1); */
	/*@ assert firsts_before: \forall integer p; is_free_run{Pre}(r.order, r.opened, p) &&
	      p != page && r.link[p].prev == ARENA_NO_PAGE ==>
	      r.head[\at(r.order[p], Pre) % 64 - 1] == p; */
	/*@ assert firsts: firsts_without(r.link, r.order, r.head, r.opened, -1); */
}

bool run_unlink(struct free_runs r, uint32_t page)
{
	bool idle = order_is_idle(r.order[page]);
	uint32_t pages = order_pages(order_code(r.order[page]) - 1);

	/*@ ghost sum_has_each(r.order, r.opened, page); */
	run_unlist(r, page);
	if (idle)
		*r.idle -= pages;
	return idle;
}
