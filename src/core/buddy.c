/* SPDX-License-Identifier: MIT */
/*
 * Buddy: the free runs of an arena's pages.
 *
 *   page    0   1   2   3   4   5   6   7   8   9  10  11  12
 *           |used   |free   |free           |free   |used   |
 *   order   0   0   2   0   3   0   0   0   2   0   0   0
 *   head    [0] none   [1] 8 <-> 2   [2] 4   [3] none ...
 *
 * A free run of 2^k pages starts at a multiple of 2^k; when it is given back beside the one that
 * completes it to 2^(k+1), its buddy, the two become one.
 */
#include "core/freelist.h"

/*@ requires order: order < ARENA_ORDERS;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures aligned: \result <==> run_aligned(page, order + 1);
*/
static bool is_aligned(uint32_t page, uint32_t order)
{
	uint32_t size = order_pages(order);

	/*@ assert by_1: order == 0 ==> page % size == 0; */
	/*@ assert by_2: order == 1 ==> page % size == page % 2; */
	/*@ assert by_4: order == 2 ==> page % size == page % 4; */
	/*@ assert by_8: order == 3 ==> page % size == page % 8; */
	/*@ assert by_16: order == 4 ==> page % size == page % 16; */
	/*@ assert by_32: order == 5 ==> page % size == page % 32; */
	/*@ assert by_64: order == 6 ==> page % size == page % 64; */
	/*@ assert by_128: order == 7 ==> page % size == page % 128; */
	/*@ assert by_256: order == 8 ==> page % size == page % 256; */
	/*@ assert by_512: order == 9 ==> page % size == page % 512; */
	/*@ assert by_1024: order == 10 ==> page % size == page % 1024; */
	return page % size == 0;
}

/* The run that completes one to a run of the next order. */
/*@ requires order: order < ARENA_ORDERS - 1 && run_aligned(page, order + 1);
    requires range: page < 0x80000000;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures buddy:
      (\result == page + run_size(order + 1) && run_aligned(page, order + 2)) ||
      (\result == page - run_size(order + 1) && run_aligned(\result, order + 2));
    ensures twice: run_size(order + 2) == 2 * run_size(order + 1);
*/
static uint32_t buddy_of(uint32_t page, uint32_t order)
{
	uint32_t size = order_pages(order);

	/*@ assert odd_1: order == 0 && page % 1 == 0 && page % 2 != 0 ==>
	      page >= 1 && (page - 1) % 2 == 0; */
	/*@ assert odd_2: order == 1 && page % 2 == 0 && page % 4 != 0 ==>
	      page >= 2 && (page - 2) % 4 == 0; */
	/*@ assert odd_4: order == 2 && page % 4 == 0 && page % 8 != 0 ==>
	      page >= 4 && (page - 4) % 8 == 0; */
	/*@ assert odd_8: order == 3 && page % 8 == 0 && page % 16 != 0 ==>
	      page >= 8 && (page - 8) % 16 == 0; */
	/*@ assert odd_16: order == 4 && page % 16 == 0 && page % 32 != 0 ==>
	      page >= 16 && (page - 16) % 32 == 0; */
	/*@ assert odd_32: order == 5 && page % 32 == 0 && page % 64 != 0 ==>
	      page >= 32 && (page - 32) % 64 == 0; */
	/*@ assert odd_64: order == 6 && page % 64 == 0 && page % 128 != 0 ==>
	      page >= 64 && (page - 64) % 128 == 0; */
	/*@ assert odd_128: order == 7 && page % 128 == 0 && page % 256 != 0 ==>
	      page >= 128 && (page - 128) % 256 == 0; */
	/*@ assert odd_256: order == 8 && page % 256 == 0 && page % 512 != 0 ==>
	      page >= 256 && (page - 256) % 512 == 0; */
	/*@ assert odd_512: order == 9 && page % 512 == 0 && page % 1024 != 0 ==>
	      page >= 512 && (page - 512) % 1024 == 0; */
	return is_aligned(page, order + 1) ? page + size : page - size;
}

/* Frees a run of 2^order pages: with its buddy, as long as that is free, it makes a larger one. */
/*@ requires memory: buddy_memory(r);
    requires runs: buddy_ok(r);
    requires order: order < ARENA_ORDERS && run_aligned(page, order + 1);
    requires inside: page + run_size(order + 1) <= r.opened;
    requires taken: run_taken(r.order, r.opened, page, run_size(order + 1));
    requires room: free_sum(r.order, r.opened) + run_size(order + 1) <= r.opened;
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.order[0 .. r.opened - 1], r.head[0 .. ARENA_ORDERS - 1],
      *r.idle;
    ensures runs: buddy_ok(r);
    ensures kept: taken_kept{Pre, Post}(r.order, r.opened, page, run_size(order + 1));
    ensures count: free_sum(r.order, r.opened) ==
      \old(free_sum(r.order, r.opened)) + run_size(order + 1);
*/
static void run_put(struct free_runs r, uint32_t page, uint32_t order, bool idle)
{
	/*@ loop invariant order: \at(order, Pre) <= order < ARENA_ORDERS;
	    loop invariant runs: buddy_ok(r);
	    loop invariant aligned: run_aligned(page, order + 1);
	    loop invariant inside: page + run_size(order + 1) <= r.opened;
	    loop invariant taken: run_taken(r.order, r.opened, page, run_size(order + 1));
	    loop invariant moved: taken_moved{Pre, Here}(r.order, r.opened, \at(page, Pre),
	      run_size(\at(order, Pre) + 1), page, run_size(order + 1));
	    loop invariant count: free_sum(r.order, r.opened) + run_size(order + 1) ==
	      free_sum{Pre}(r.order, r.opened) + run_size(\at(order, Pre) + 1);
	    loop assigns page, order, idle, r.link[0 .. r.opened - 1], r.order[0 .. r.opened - 1],
	      r.head[0 .. ARENA_ORDERS - 1], *r.idle;
	    loop variant ARENA_ORDERS - order;
	*/
	while (order < ARENA_ORDERS - 1) {
		uint32_t buddy = buddy_of(page, order);

		if (buddy >= r.opened || order_code(r.order[buddy]) != order + 1)
			break;
		idle = run_unlink(r, buddy) || idle;
		/*@ assert still: taken_moved{Pre, Here}(r.order, r.opened, \at(page, Pre),
		      run_size(\at(order, Pre) + 1), page, run_size(order + 1)); */
		/*@ assert apart: taken_moved{Pre, Here}(r.order, r.opened, \at(page, Pre),
		      run_size(\at(order, Pre) + 1), buddy, run_size(order + 1)); */
		page = page < buddy ? page : buddy;
		order++;
	}
	run_link(r, page, order, idle);
}

/* A run's halves. */
/*@ ghost
  /@ requires code: 1 <= code < ARENA_ORDERS && run_aligned(page, code + 1);
     terminates always: \true;
     exits never: \false;
     assigns \nothing;
     ensures size: run_size(code + 1) == 2 * run_size(code) && 1 <= run_size(code) <= 512;
     ensures lower: run_aligned(page, code);
     ensures upper: run_aligned(page + run_size(code), code);
  @/
  void run_has_halves(uint32_t page, uint32_t code) {
    /@ assert halves: run_size(code + 1) == 2 * run_size(code); @/
    /@ assert lower: run_aligned(page, code); @/
  }
*/

void buddy_put(struct free_runs r, uint32_t page, uint32_t pages, bool idle)
{
	/*@ loop invariant range: page + pages == \at(page + pages, Pre) && \at(page, Pre) <= page;
	    loop invariant runs: buddy_ok(r);
	    loop invariant taken: pages > 0 ==> run_taken(r.order, r.opened, page, pages);
	    loop invariant kept: taken_kept{Pre, Here}(r.order, r.opened, \at(page, Pre),
	      \at(pages, Pre));
	    loop invariant count: free_sum(r.order, r.opened) + pages ==
	      free_sum{Pre}(r.order, r.opened) + \at(pages, Pre);
	    loop assigns page, pages, r.link[0 .. r.opened - 1], r.order[0 .. r.opened - 1],
	      r.head[0 .. ARENA_ORDERS - 1], *r.idle;
	    loop variant pages;
	*/
	while (pages > 0) {
		uint32_t order = 0;

		/*@ ghost before: ; */
		/*@ loop invariant order: order < ARENA_ORDERS && run_aligned(page, order + 1);
		    loop invariant size: run_size(order + 1) <= pages;
		    loop assigns order;
		    loop variant ARENA_ORDERS - order;
		*/
		while (order < ARENA_ORDERS - 1 && is_aligned(page, order + 1) &&
		       pages >= order_pages(order + 1))
			order++;
		/*@ assert size: 1 <= run_size(order + 1) <= pages; */
		/*@ assert part: run_taken(r.order, r.opened, page, run_size(order + 1)); */
		/*@ assert rest: pages > run_size(order + 1) ==>
		      run_taken(r.order, r.opened, page + run_size(order + 1),
		      pages - run_size(order + 1)); */
		run_put(r, page, order, idle);
		/*@ assert rest_kept: pages > run_size(order + 1) ==>
		      run_taken(r.order, r.opened, page + run_size(order + 1),
		      pages - run_size(order + 1)); */
		/*@ assert kept: taken_kept{before, Here}(r.order, r.opened, \at(page, Pre),
		      \at(pages, Pre)); */
		page += order_pages(order);
		pages -= order_pages(order);
	}
}

uint32_t buddy_take(struct free_runs r, uint32_t order, bool *idle)
{
	uint32_t from = order, page;
	bool was_idle;

	/*@ loop invariant range: order <= from <= ARENA_ORDERS;
	    loop assigns from;
	    loop variant ARENA_ORDERS - from;
	*/
	while (from < ARENA_ORDERS && r.head[from] == ARENA_NO_PAGE)
		from++;
	if (from == ARENA_ORDERS)
		return ARENA_NO_PAGE;
	page = r.head[from];
	/*@ assert head: page < r.opened && r.order[page] % 64 == from + 1; */
	/*@ assert listed: is_free_run(r.order, r.opened, page); */
	/*@ assert aligned: run_aligned(page, from + 1); */
	was_idle = run_unlink(r, page);
	/*@ loop invariant range: order <= from < ARENA_ORDERS && run_aligned(page, from + 1);
	    loop invariant runs: buddy_ok(r);
	    loop invariant inside: page + run_size(from + 1) <= r.opened;
	    loop invariant taken: run_taken(r.order, r.opened, page, run_size(from + 1));
	    loop invariant was_free: was_free{Pre}(r.order, r.opened, page, run_size(from + 1));
	    loop invariant kept: taken_kept{Pre, Here}(r.order, r.opened, 0, 0);
	    loop invariant count: free_sum(r.order, r.opened) + run_size(from + 1) ==
	      free_sum{Pre}(r.order, r.opened);
	    loop assigns from, r.link[0 .. r.opened - 1], r.order[0 .. r.opened - 1],
	      r.head[0 .. ARENA_ORDERS - 1], *r.idle;
	    loop variant from;
	*/
	while (from > order) {
		/*@ ghost run_has_halves(page, from); */
		from--;
		/*@ ghost before: ; */
		/*@ assert upper: run_taken(r.order, r.opened, page + run_size(from + 1),
		      run_size(from + 1)); */
		/*@ assert lower: run_taken(r.order, r.opened, page, run_size(from + 1)); */
		run_link(r, page + order_pages(from), from, was_idle);
		/*@ assert was_free: was_free{Pre}(r.order, r.opened, page, run_size(from + 1)); */
	}
	*idle = was_idle;
	return page;
}

uint32_t order_for(uint32_t pages)
{
	uint32_t order = 0;

	/*@ loop invariant range: order < ARENA_ORDERS;
	    loop invariant least: order > 0 ==> run_size(order) < pages;
	    loop assigns order;
	    loop variant ARENA_ORDERS - order;
	*/
	while (order < ARENA_ORDERS - 1 && order_pages(order) < pages)
		order++;
	return order;
}

/* How many runs of the largest order are free side by side from page on, up to need. */
/*@ requires memory: buddy_memory(r);
    requires inside: page < r.opened;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures range: \result <= need && page + \result * ARENA_MAX_RUN <= r.opened + ARENA_MAX_RUN;
    ensures free: largest_free(r.order, r.opened, page, \result);
*/
static uint32_t neighbours(struct free_runs r, uint32_t page, uint32_t need)
{
	uint32_t have = 0;

	/*@ loop invariant range: have <= need;
	    loop invariant inside: have > 0 ==>
	      page + have * ARENA_MAX_RUN < r.opened + ARENA_MAX_RUN;
	    loop invariant free: largest_free(r.order, r.opened, page, have);
	    loop assigns have;
	    loop variant need - have;
	*/
	while (have < need && page + have * ARENA_MAX_RUN < r.opened &&
	       order_code(r.order[page + have * ARENA_MAX_RUN]) == ARENA_ORDERS) {
		/*@ assert next: is_free_run(r.order, r.opened, page + have * ARENA_MAX_RUN) &&
		      r.order[page + have * ARENA_MAX_RUN] % 64 == ARENA_ORDERS; */
		/*@ assert free: largest_free(r.order, r.opened, page, have + 1); */
		have++;
	}
	return have;
}

/* Takes runs of the largest order that stand side by side off their list; whether one is idle. */
/*@ requires memory: buddy_memory(r);
    requires runs: buddy_ok(r);
    requires free: largest_free(r.order, r.opened, page, need) && 0 < need;
    requires range: need <= 0x200000 && page < r.opened;
    terminates always: \true;
    exits never: \false;
    assigns r.link[0 .. r.opened - 1], r.order[0 .. r.opened - 1], r.head[0 .. ARENA_ORDERS - 1],
      *r.idle;
    ensures runs: buddy_ok(r);
    ensures inside: page + need * ARENA_MAX_RUN <= r.opened;
    ensures taken: run_taken(r.order, r.opened, page, need * ARENA_MAX_RUN);
    ensures count: free_sum(r.order, r.opened) ==
      \old(free_sum(r.order, r.opened)) - need * ARENA_MAX_RUN;
*/
static bool unlink_many(struct free_runs r, uint32_t page, uint32_t need)
{
	bool idle = false;
	uint32_t k;

	/*@ loop invariant range: 0 <= k <= need;
	    loop invariant runs: buddy_ok(r);
	    loop invariant inside: k > 0 ==> page + k * ARENA_MAX_RUN <= r.opened;
	    loop invariant taken: k > 0 ==> run_taken(r.order, r.opened, page, k * ARENA_MAX_RUN);
	    loop invariant free:
	      largest_free(r.order, r.opened, page + k * ARENA_MAX_RUN, need - k);
	    loop invariant count: free_sum(r.order, r.opened) ==
	      free_sum{Pre}(r.order, r.opened) - k * ARENA_MAX_RUN;
	    loop assigns k, idle, r.link[0 .. r.opened - 1], r.order[0 .. r.opened - 1],
	      r.head[0 .. ARENA_ORDERS - 1], *r.idle;
	    loop variant need - k;
	*/
	for (k = 0; k < need; k++) {
		/*@ assert first: is_free_run(r.order, r.opened, page + k * ARENA_MAX_RUN) &&
		      r.order[page + k * ARENA_MAX_RUN] % 64 == ARENA_ORDERS; */
		idle = run_unlink(r, page + k * ARENA_MAX_RUN) || idle;
		/*@ assert rest: largest_free(r.order, r.opened, page + (k + 1) * ARENA_MAX_RUN,
		      need - (k + 1)); */
	}
	return idle;
}

uint32_t buddy_take_many(struct free_runs r, uint32_t need, bool *idle)
{
	uint32_t page = 0;

	/*@ loop invariant aligned: page % ARENA_MAX_RUN == 0 && page <= r.opened + ARENA_MAX_RUN;
	    loop assigns page;
	    loop variant r.opened + ARENA_MAX_RUN - page;
	*/
	while (page < r.opened) {
		uint32_t have = neighbours(r, page, need);

		if (have == need) {
			*idle = unlink_many(r, page, need);
			return page;
		}
		page += have > 0 ? have * ARENA_MAX_RUN : ARENA_MAX_RUN;
	}
	return ARENA_NO_PAGE;
}
