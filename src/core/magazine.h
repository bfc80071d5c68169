/* SPDX-License-Identifier: MIT */
/* A thread's LIFO of free objects of one cache. See magazine.c for the theory; the structures are
 * in slabpool/layout.h, the bodies of what callers compile in slabpool/magazine.h. */
#ifndef SLABPOOL_CORE_MAGAZINE_H
#define SLABPOOL_CORE_MAGAZINE_H

#include <slabpool/layout.h>

#define MAGAZINE_MAX 256u

#include "../../proofs/logic/Magazine.acsl"

/* Bytes of a store of this capacity. */
/*@ requires bounded: capacity <= MAGAZINE_MAX;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures bytes: \result == sizeof(void *) + 2 * sizeof(uint32_t) + capacity * sizeof(void *);
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
void magazine_store_init(struct slabpool_store *store, uint32_t capacity);

/* Loads a store (its count objects) into m; NULL leaves m without room. */
/*@ requires memory: \valid(m);
    requires store: store == \null || store_valid(store);
    requires apart: store == \null || (store_apart_from_magazine(store, m) &&
      \separated(m, store->object + (0 .. store->capacity - 1)));
    terminates always: \true;
    exits never: \false;
    assigns *m, store->count;
    ensures loaded: m->store == store;
    ensures count: m->count == (store == \null ? 0 : \old(store->count));
    ensures own_count: store != \null ==> store->count == 0;
    ensures capacity: m->capacity == (store == \null ? 0 : store->capacity);
    ensures memory: magazine_memory(m);
    ensures valid: magazine_valid(m);
*/
void magazine_load(struct slabpool_magazine *m, struct slabpool_store *store);

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
struct slabpool_store *magazine_unload(struct slabpool_magazine *m);

/* Other threads may look at the count while its owner changes it (slabpool_cache_info()). */
/*@ requires memory: \valid(m);
  @ terminates always: \true;
  @ exits never: \false;
  @ assigns m->count;
  @ ensures count: m->count == count;
  @*/
static inline void slabpool_magazine_set_count(struct slabpool_magazine *m, uint32_t count);

/* Takes the last object; left is the count without it. */
/*@ requires memory: magazine_memory(m);
    requires valid: magazine_valid(m);
    requires some: m->count > 0 && left == m->count - 1;
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
static inline void *slabpool_magazine_pop(struct slabpool_magazine *m, uint32_t left);

/* Adds an object that is not in it; count is the magazine's. */
/*@ requires memory: magazine_memory(m);
    requires valid: magazine_valid(m);
    requires room: count == m->count < m->capacity;
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
static inline void slabpool_magazine_push(struct slabpool_magazine *m, size_t count,
					  void *object);

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
void magazine_swap(struct slabpool_magazine *a, struct slabpool_magazine *b);

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
void magazine_list_push(struct slabpool_store **list, struct slabpool_store *store);

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
struct slabpool_store *magazine_list_pop(struct slabpool_store **list);

/* count <= capacity <= MAGAZINE_MAX, no object twice, none NULL. */
/*@ requires memory: magazine_memory(m);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures exact: \result <==> magazine_valid(m);
*/
bool magazine_is_valid(const struct slabpool_magazine *m);

#include <slabpool/magazine.h>

#endif
