/* SPDX-License-Identifier: MIT */
/* A cache's hot part and one magazine: the fast path without its thread. See hot.c for the theory;
 * the bodies of what callers compile are in slabpool/hot.h. */
#ifndef SLABPOOL_CORE_HOT_H
#define SLABPOOL_CORE_HOT_H

#include "core/magazine.h"

#include "../../proofs/logic/Hot.acsl"

/* The granule that an object starts; no granule for any other pointer. */
/*@ requires shift: 3 <= shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures found: starts_at((uintptr_t)object, address, shift) ==>
            \result == granule_at((uintptr_t)object, address, shift);
    ensures none: !starts_at((uintptr_t)object, address, shift) ==>
            \result >= (UINTPTR_MAX - address) / granule_size(shift);
*/
static inline size_t slabpool_granule_in(uintptr_t address, uint32_t shift, const void *object);

/*@ requires memory: \valid_read(hot);
    requires shift: 3 <= hot->granule_shift <= 12;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures found: starts_granule(hot, (void *)object) ==>
            \result == granule(hot, (void *)object);
    ensures none: !starts_granule(hot, (void *)object) ==> \result >= granules_to_end(hot);
*/
static inline size_t slabpool_granule_of(const struct slabpool_hot *hot, const void *object);

/* Ends a life: the only place where the fast path takes a byte back. */
/*@ requires byte: \valid(byte);
    terminates always: \true;
    exits never: \false;
    assigns *byte;
    ensures exact: \result <==> \old(*byte) == tag;
    ensures ended: \result ==> *byte == 0;
    ensures refused: !\result ==> *byte == \old(*byte);
*/
static inline bool slabpool_state_clear(uint8_t *byte, uint32_t tag);

/* Hands out the magazine's last object; left is the count without it. */
/*@ requires hot: \valid_read(hot) && 3 <= hot->granule_shift <= 12;
    requires apart: hot_apart(hot, m);
    requires memory: magazine_memory(m);
    requires valid: magazine_valid(m);
    requires idle: store_idle(hot, m->store, m->count);
    requires distinct: store_granules_distinct(hot, m->store, m->count);
    requires some: m->count > 0 && left == m->count - 1;
    requires top: object_idle(hot, m->store->object[left]);
    requires placed: byte_placed(hot, m->store->object[left]);
    terminates always: \true;
    exits never: \false;
    assigns m->count, hot->state[granule(hot, m->store->object[left])];
    ensures last_in: \result == \old(m->store->object[m->count - 1]);
    ensures object: \result != \null;
    ensures start: starts_granule(hot, \result);
    ensures live: hot->state[granule(hot, \result)] == hot->tag;
    ensures was_idle: \old(hot->state[granule(hot, m->store->object[left])]) == 0;
    ensures one_less: m->count == \old(m->count) - 1;
    ensures handed_out_once: !magazine_holds(m, \result);
    ensures hot: hot_kept{Pre, Post}(hot);
    ensures memory: magazine_memory(m);
    ensures valid: magazine_valid(m);
    ensures idle: store_idle(hot, m->store, m->count);
    ensures distinct: store_granules_distinct(hot, m->store, m->count);
*/
static inline void *slabpool_hot_take(const struct slabpool_hot *hot, struct slabpool_magazine *m,
				      uint32_t left);

/* Ends an object's life and puts it into a magazine that has room. byte: its state byte. */
/*@ requires hot: \valid_read(hot) && 3 <= hot->granule_shift <= 12;
    requires memory: magazine_memory(m);
    requires apart: hot_apart(hot, m);
    requires valid: magazine_valid(m);
    requires idle: store_idle(hot, m->store, m->count);
    requires distinct: store_granules_distinct(hot, m->store, m->count);
    requires room: count == m->count < m->capacity;
    requires object: object != \null && starts_granule(hot, object);
    requires byte: state_byte(hot, granule(hot, object)) &&
             byte == hot->state + granule(hot, object);
    requires live: *byte != 0;
    terminates always: \true;
    exits never: \false;
    assigns m->count, m->store->object[m->count], *byte;
    ensures ended: object_idle(hot, object);
    ensures one_more: m->count == \old(m->count) + 1;
    ensures last_in: m->store->object[m->count - 1] == object;
    ensures kept: store_keeps{Old, Here}(m->store, \old(m->count));
    ensures hot: hot_kept{Pre, Post}(hot);
    ensures memory: magazine_memory(m);
    ensures valid: magazine_valid(m);
    ensures idle: store_idle(hot, m->store, m->count);
    ensures distinct: store_granules_distinct(hot, m->store, m->count);
*/
static inline void slabpool_hot_keep(const struct slabpool_hot *hot, struct slabpool_magazine *m,
				     size_t count, uint8_t *byte, void *object);

/* Takes a live object back if there is room in the magazine. */
/*@ requires table: state_table(hot);
    requires tag: hot->fast_tag != 0;
    requires object: object_live(hot, object) ==> object != \null;
    requires memory: magazine_memory(m);
    requires apart: hot_apart(hot, m);
    requires valid: magazine_valid(m);
    requires idle: store_idle(hot, m->store, m->count);
    requires distinct: store_granules_distinct(hot, m->store, m->count);
    terminates always: \true;
    exits never: \false;
    assigns m->count, m->store->object[m->count], hot->state[0 .. hot->granules - 1];
    ensures exact: \result <==> \old(object_live(hot, object) && m->count < m->capacity);
    ensures others: other_states_kept{Pre, Post}(hot, granule{Pre}(hot, object));
    ensures ended: \result ==> object_idle(hot, object);
    ensures one_more: \result ==> m->count == \old(m->count) + 1;
    ensures last_in: \result ==> m->store->object[m->count - 1] == object;
    ensures kept: store_keeps{Old, Here}(m->store, \old(m->count));
    ensures refused: !\result ==> m->count == \old(m->count) &&
            (\at(m->store, Pre)->object + \at(m->count, Pre))[0] ==
              \old(m->store->object[m->count]) &&
            hot->state[granule(hot, object)] == \old(hot->state[granule(hot, object)]);
    ensures hot: hot_kept{Pre, Post}(hot);
    ensures memory: magazine_memory(m);
    ensures valid: magazine_valid(m);
    ensures idle: store_idle(hot, m->store, m->count);
    ensures distinct: store_granules_distinct(hot, m->store, m->count);
*/
static inline bool slabpool_hot_give(const struct slabpool_hot *hot, struct slabpool_magazine *m,
				     void *object);

#include <slabpool/hot.h>

#endif
