/* SPDX-License-Identifier: MIT */
/* From a pointer to its arena, slab and object. See lookup.c. */
#ifndef SLABPOOL_CORE_LOOKUP_H
#define SLABPOOL_CORE_LOOKUP_H

#include "core/arena.h"

#define LOOKUP_NOT_IN SIZE_MAX

#define LOOKUP_PAGE_BYTES ((size_t)1 << SLABPOOL_PAGE_SHIFT)

#include "../../proofs/logic/Lookup.acsl"

/* Byte offset of p from the arena's base, or LOOKUP_NOT_IN if it points outside. */
/*@ requires tables: arena_tables(arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures inside: \result < arena_bytes(arena) ==>
            p == arena->base + \result;
    ensures outside: \result >= arena_bytes(arena) ==> \result == LOOKUP_NOT_IN &&
            !points_into(arena->base, arena_bytes(arena), p);
*/
size_t lookup_offset(const struct arena *arena, const unsigned char *p);

/* The slab that owns the page at a byte offset inside the arena, or SLAB_NO_SLAB (page unowned,
 * or a page run). */
/*@ requires tables: arena_tables(arena);
    requires inside: offset < arena_bytes(arena);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures owner: \result == page_owner(arena, offset / LOOKUP_PAGE_BYTES);
    ensures range: \result == SLAB_NO_SLAB || \result < arena->pages;
    ensures exact: map_is_exact(arena) ==>
            only_owner(arena, \result, offset / LOOKUP_PAGE_BYTES);
*/
uint32_t lookup_slab(const struct arena *arena, size_t offset);

/* The object of this slab that holds the byte at offset (start or interior): index, or
 * SLAB_NO_OBJECT. */
/*@ requires tables: arena_tables(arena);
    requires slab: slab_in_arena(arena, slab);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures sound: \result == SLAB_NO_OBJECT ||
            object_holds(&arena->slab[slab], \result, offset - run_start(arena, slab));
    ensures complete:
            no_other_holds(&arena->slab[slab], \result, offset - run_start(arena, slab));
*/
uint32_t lookup_object(const struct arena *arena, uint32_t slab, size_t offset);

/* Byte offset of object index of a slab from the arena's base. */
/*@ requires tables: arena_tables(arena);
    requires slab: slab_in_arena(arena, slab);
    requires index: index < arena->slab[slab].capacity;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures start: \result == object_start(arena, slab, index);
    ensures inside: start_in_run(arena, slab, index);
    ensures apart: apart_from_others(&arena->slab[slab], index);
    ensures aligned: address_aligned(arena, slab, index);
*/
size_t lookup_start(const struct arena *arena, uint32_t slab, uint32_t index);

/* Address of object index of a slab. */
/*@ requires tables: arena_tables(arena);
    requires slab: slab_in_arena(arena, slab);
    requires index: index < arena->slab[slab].capacity;
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures address: \result == arena->base + object_start(arena, slab, index);
    ensures inside: start_in_run(arena, slab, index);
    ensures memory: run_is_memory(arena, slab) ==> object_is_memory(arena, slab, \result);
    ensures apart: separated_from_others(arena, slab, index);
    ensures aligned: address_aligned(arena, slab, index);
*/
unsigned char *lookup_address(const struct arena *arena, uint32_t slab, uint32_t index);

#endif
