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
	uint32_t capacity;           /* room in object[] */
	void *object[];
};

/* A magazine in use: count and capacity stand beside the pointer, so that the fast path loads
 * them without following it. */
struct magazine {
	struct magazine_store *store; /* NULL: capacity is 0 */
	uint32_t count;               /* object[0 .. count-1] are free objects, last in first out */
	uint32_t capacity;            /* 0 .. MAGAZINE_MAX */
};

/* Bytes of a store of this capacity. */
size_t magazine_store_bytes(uint32_t capacity);
/* An empty store over memory of magazine_store_bytes(capacity). */
void magazine_store_init(struct magazine_store *store, uint32_t capacity);
/* Loads a store (its count objects) into m; NULL leaves m without room. */
void magazine_load(struct magazine *m, struct magazine_store *store);
/* Takes m's store out, with its count written; m has no room afterwards. */
struct magazine_store *magazine_unload(struct magazine *m);
/* Takes the last object; m->count > 0. */
void *magazine_pop(struct magazine *m);
/* Adds an object that is not in it; m->count < m->capacity. */
void magazine_push(struct magazine *m, void *object);
/* Exchanges loaded and spare. */
void magazine_swap(struct magazine *a, struct magazine *b);
/* Puts a store on a list, takes one from it (NULL: empty). */
void magazine_list_push(struct magazine_store **list, struct magazine_store *store);
struct magazine_store *magazine_list_pop(struct magazine_store **list);
/* count <= capacity <= MAGAZINE_MAX, no object twice, none NULL. */
bool magazine_is_valid(const struct magazine *m);

#endif
