/* SPDX-License-Identifier: MIT */
/* A thread's LIFO of free objects of one cache. See magazine.c for the theory. */
#ifndef SLABPOOL_CORE_MAGAZINE_H
#define SLABPOOL_CORE_MAGAZINE_H

#include <slabpool/compiler.h>

#define MAGAZINE_MAX 256u

/* The memory of one magazine; moves whole between threads and the depot. */
struct magazine_store {
	struct magazine_store *next; /* in a depot list */
	uint32_t count;              /* objects, while in the depot's list of full ones */
	uint32_t capacity;           /* room in object[]: 0 .. MAGAZINE_MAX */
	void *object[];
};

/* A magazine in use: count and capacity stand beside the pointer, so that the fast path loads
 * them without following it. */
struct magazine {
	struct magazine_store *store; /* NULL: capacity is 0 */
	uint32_t count;               /* object[0 .. count-1] are free objects, last in first out */
	uint32_t capacity;            /* 0 .. MAGAZINE_MAX */
};

#include "../../proofs/logic/Magazine.acsl"

/* Bytes of a store of this capacity. */
/*@ requires bounded: capacity <= MAGAZINE_MAX;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bytes: \result == sizeof(struct magazine_store) + capacity * sizeof(void *);
*/
size_t magazine_store_bytes(uint32_t capacity);

/* An empty store over memory of magazine_store_bytes(capacity). */
/*@ requires bounded: capacity <= MAGAZINE_MAX;
    requires memory: store_memory(store, capacity);
    terminates always: \true;
    exits never: \false;
    assigns store->next, store->count, store->capacity;
    ensures capacity: store->capacity == capacity;
    ensures empty: store->count == 0;
    ensures unlinked: store->next == \null;
    ensures valid: store_valid(store);
*/
void magazine_store_init(struct magazine_store *store, uint32_t capacity);

/* Loads a store (its count objects) into m; NULL leaves m without room. */
/*@ requires memory: \valid(m);
    requires store: store == \null || store_valid(store);
    requires apart: store == \null || (store_apart_from_magazine(store, m) &&
      \separated(m, store->object + (0 .. store->capacity - 1)));
    terminates always: \true;
    exits never: \false;
    assigns *m;
    ensures loaded: m->store == store;
    ensures count: m->count == (store == \null ? 0 : store->count);
    ensures capacity: m->capacity == (store == \null ? 0 : store->capacity);
    ensures memory: magazine_memory(m);
    ensures valid: magazine_valid(m);
*/
void magazine_load(struct magazine *m, struct magazine_store *store);

/* Takes m's store out, with its count written; m has no room afterwards. */
/*@ requires memory: magazine_memory(m);
    requires valid: magazine_valid(m);
    requires capacity: m->store == \null || m->store->capacity == m->capacity;
    terminates always: \true;
    exits never: \false;
    assigns *m, m->store->count;
    ensures unloaded: \result == \old(m->store);
    ensures no_room: m->store == \null && m->count == 0 && m->capacity == 0;
    ensures count: \result != \null ==> \result->count == \old(m->count);
    ensures store: \result != \null ==> store_valid(\result);
    ensures memory: magazine_memory(m);
    ensures valid: magazine_valid(m);
*/
struct magazine_store *magazine_unload(struct magazine *m);

/* Other threads may look at the count while its owner changes it (slabpool_cache_info()). */
/*@ requires memory: \valid(m);
  @ terminates always: \true;
  @ exits never: \false;
  @ assigns m->count;
  @ ensures count: m->count == count;
  @*/
static inline void magazine_set_count(struct magazine *m, uint32_t count)
{
	slabpool_store_u32(&m->count, count);
}

/* Takes the last object; m->count > 0. */
/*@ requires memory: magazine_memory(m);
    requires valid: magazine_valid(m);
    requires some: m->count > 0;
    terminates always: \true;
    exits never: \false;
    assigns m->count;
    ensures one_less: m->count == \old(m->count) - 1;
    ensures last_in: \result == \old(m->store->object[m->count - 1]);
    ensures object: \result != \null;
    ensures handed_out_once: !magazine_holds(m, \result);
    ensures memory: magazine_memory(m);
    ensures valid: magazine_valid(m);
*/
static inline void *magazine_pop(struct magazine *m)
{
	magazine_set_count(m, m->count - 1);
	return m->store->object[m->count];
}

/* Adds an object that is not in it; m->count < m->capacity. */
/*@ requires memory: magazine_memory(m);
    requires valid: magazine_valid(m);
    requires room: m->count < m->capacity;
    requires object: object != \null;
    requires not_in_it: !magazine_holds(m, object);
    terminates always: \true;
    exits never: \false;
    assigns m->count, m->store->object[m->count];
    ensures one_more: m->count == \old(m->count) + 1;
    ensures last_in: m->store->object[m->count - 1] == object;
    ensures kept: store_keeps{Old, Here}(m->store, \old(m->count));
    ensures memory: magazine_memory(m);
    ensures valid: magazine_valid(m);
*/
static inline void magazine_push(struct magazine *m, void *object)
{
	m->store->object[m->count] = object;
	magazine_set_count(m, m->count + 1);
}

/* Exchanges loaded and spare. */
/*@ requires memory: \valid(a) && \valid(b);
    requires apart: \separated(a, b);
    terminates always: \true;
    exits never: \false;
    assigns *a, *b;
    ensures stores: a->store == \old(b->store) && b->store == \old(a->store);
    ensures counts: a->count == \old(b->count) && b->count == \old(a->count);
    ensures capacities: a->capacity == \old(b->capacity) && b->capacity == \old(a->capacity);
*/
void magazine_swap(struct magazine *a, struct magazine *b);

/* Puts a store on a list. */
/*@ requires list: \valid(list);
    requires store: store_head(store);
    requires apart: store_apart_from_list(store, list);
    terminates always: \true;
    exits never: \false;
    assigns *list, store->next;
    ensures first: *list == store;
    ensures rest: store->next == \old(*list);
*/
void magazine_list_push(struct magazine_store **list, struct magazine_store *store);

/* Takes the first store of a list; NULL: empty. */
/*@ requires list: \valid(list);
    requires store: *list == \null || (store_head(*list) && store_apart_from_list(*list, list));
    terminates always: \true;
    exits never: \false;
    assigns *list, (*list)->next;
    ensures first: \result == \old(*list);
    ensures empty: \result == \null ==> *list == \null;
    ensures rest: \result != \null ==> *list == \old((*list)->next);
    ensures unlinked: \result != \null ==> \result->next == \null;
*/
struct magazine_store *magazine_list_pop(struct magazine_store **list);

/* count <= capacity <= MAGAZINE_MAX, no object twice, none NULL. */
/*@ requires memory: magazine_memory(m);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> magazine_valid(m);
*/
bool magazine_is_valid(const struct magazine *m);

#endif
