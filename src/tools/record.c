/* SPDX-License-Identifier: MIT */
/*
 * Recordings: what a running program asked of the allocator, as a file that a fuzz target, a
 * benchmark or a reader can replay.
 *
 *	SLABPOOL_OPTIONS=record=/tmp/jq.rec LD_PRELOAD=libslabpool-preload.so jq . file.json
 *	slabpool-trace --from-recording /tmp/jq.rec ...
 *
 * The file
 *
 *	+----------+--------+--------+-- ... --+-----------------+
 *	| slabrec1 | event  | event  |         | zeros, perhaps  |
 *	+----------+--------+--------+-- ... --+-----------------+
 *	             |
 *	             +-- op byte, then the operands of that operation: unsigned LEB128 numbers of up
 *	                 to 64 bits; a name is its length (at most 255) and its bytes
 *
 * Op byte: bits 0-5 are the operation (enum record_op), bit 6 (RECORD_NOTHING) says that the call
 * gave NULL, ZERO_SIZE_PTR or a refusal, bit 7 is 0. An op byte 0, or the end of the file, ends
 * the recording: a process that was killed leaves zeros behind its last whole event.
 *
 *	 1 cache_create     size align flags name   gives a cache
 *	 2 cache_destroy    cache                   ends it, unless refused
 *	 3 cache_shrink     cache
 *	 4 cache_alloc      cache gfp               gives an object
 *	 5 cache_free       cache object            ends it
 *	 6 kmalloc          size gfp                gives an object
 *	 7 kfree            object                  ends it
 *	 8 krealloc         object size gfp         ends the old object and gives a new one, also
 *	                                            in place; with RECORD_NOTHING the old one lives
 *	                                            on if size > 0, and is gone if size is 0
 *	 9 kmemalign        size align gfp          gives an object
 *	10 pages_alloc      order gfp               gives an object
 *	11 pages_free       object order            ends it
 *	12 mempool_create   min_nr kind data        gives a pool; kind: enum record_backing;
 *	                                            data: the cache, the size or the order
 *	13 mempool_destroy  pool                    ends it
 *	14 mempool_resize   pool min_nr
 *	15 mempool_alloc    pool gfp                gives an element
 *	16 mempool_free     pool element            ends it
 *	17 thread           number                  whose calls follow; 1 at the beginning
 *
 * Ids are never written where they are given: the n-th giving of a kind (object, cache, pool,
 * element) is n, from 1, and no id comes twice. So a reader needs four counters and no table of
 * addresses, and any prefix of whole events is a recording. Id 0 is NULL or something that was
 * there before the recording began; a free of that is left out. Flags are those of slab.h and
 * gfp.h. What a mempool asks of its backing cache appears beside the mempool's own events.
 *
 * Guarantee, for every prefix, with live(k) the ids of kind k given and not ended:
 *
 *	an operand of kind k is 0 or in live(k)
 *
 * Threads may race so that an address is given again before its free was seen: the old id is then
 * ended first (kfree, mempool_free of pool 0, ...), so the guarantee holds there too.
 *
 * Everything here works on the caller's bytes and on pages of its own; the file, locking and fork
 * are in record_file.c.
 */
#include "tools/record.h"

#include <string.h>
#include <sys/mman.h>

#define MAP_FIRST_ROOM 4096u

/* How each call is written. Operands: s size, a align, f flags, n name, k kind and data of a
 * mempool; c p the owner (cache, pool); o e the object (object, element); a capital ends it. */
struct shape {
	unsigned char op;
	signed char gives; /* a space, or -1 */
	char operands[5];
};

static const struct shape shape_of[] = {
	[SLABPOOL_EVENT_CACHE_CREATE] = {RECORD_CACHE_CREATE, RECORD_CACHE, "safn"},
	[SLABPOOL_EVENT_CACHE_DESTROY] = {RECORD_CACHE_DESTROY, -1, "C"},
	[SLABPOOL_EVENT_CACHE_SHRINK] = {RECORD_CACHE_SHRINK, -1, "c"},
	[SLABPOOL_EVENT_CACHE_ALLOC] = {RECORD_CACHE_ALLOC, RECORD_OBJECT, "cf"},
	[SLABPOOL_EVENT_CACHE_FREE] = {RECORD_CACHE_FREE, -1, "cO"},
	[SLABPOOL_EVENT_KMALLOC] = {RECORD_KMALLOC, RECORD_OBJECT, "sf"},
	[SLABPOOL_EVENT_KFREE] = {RECORD_KFREE, -1, "O"},
	[SLABPOOL_EVENT_KREALLOC] = {RECORD_KREALLOC, RECORD_OBJECT, "Osf"},
	[SLABPOOL_EVENT_KMEMALIGN] = {RECORD_KMEMALIGN, RECORD_OBJECT, "saf"},
	[SLABPOOL_EVENT_PAGES_ALLOC] = {RECORD_PAGES_ALLOC, RECORD_OBJECT, "sf"},
	[SLABPOOL_EVENT_PAGES_FREE] = {RECORD_PAGES_FREE, -1, "Os"},
	[SLABPOOL_EVENT_MEMPOOL_CREATE] = {RECORD_MEMPOOL_CREATE, RECORD_POOL, "sk"},
	[SLABPOOL_EVENT_MEMPOOL_DESTROY] = {RECORD_MEMPOOL_DESTROY, -1, "P"},
	[SLABPOOL_EVENT_MEMPOOL_RESIZE] = {RECORD_MEMPOOL_RESIZE, -1, "ps"},
	[SLABPOOL_EVENT_MEMPOOL_ALLOC] = {RECORD_MEMPOOL_ALLOC, RECORD_ELEMENT, "pf"},
	[SLABPOOL_EVENT_MEMPOOL_FREE] = {RECORD_MEMPOOL_FREE, -1, "pE"},
};

/* ---- the map from address to id ---- */

static size_t map_home(const struct record_map *map, uintptr_t key)
{
	return (size_t)(((uint64_t)key * 0x9E3779B97F4A7C15u) >> 32) & (map->room - 1);
}

/* The key's place, or the empty one where it would stand; the map has room. */
static size_t map_place(const struct record_map *map, uintptr_t key)
{
	size_t i = map_home(map, key);

	while (map->entry[i].key && map->entry[i].key != key)
		i = (i + 1) & (map->room - 1);
	return i;
}

static uint64_t map_find(const struct record_map *map, uintptr_t key)
{
	return map->room && key ? map->entry[map_place(map, key)].id : 0;
}

static bool map_grow(struct record_map *map)
{
	size_t room = map->room ? map->room * 2 : MAP_FIRST_ROOM;
	struct record_map larger = {NULL, room, map->used};
	void *memory = mmap(NULL, room * sizeof(*map->entry), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	larger.entry = (struct record_entry *)memory;
	for (size_t i = 0; i < map->room; i++)
		if (map->entry[i].key)
			larger.entry[map_place(&larger, map->entry[i].key)] = map->entry[i];
	if (map->room)
		munmap(map->entry, map->room * sizeof(*map->entry));
	*map = larger;
	return true;
}

/* The key must not be there. */
static bool map_add(struct record_map *map, uintptr_t key, uint64_t id)
{
	if (map->used >= map->room / 2 && !map_grow(map))
		return false;
	map->entry[map_place(map, key)] = (struct record_entry){key, id};
	map->used++;
	return true;
}

/* Takes the key out and closes the gap, so that no search stops short of its entry. */
static void map_remove(struct record_map *map, uintptr_t key)
{
	size_t mask = map->room - 1, gap = map_place(map, key), i = gap;

	if (!map->entry[gap].key)
		return;
	map->used--;
	for (;;) {
		map->entry[gap] = (struct record_entry){0, 0};
		do {
			i = (i + 1) & mask;
			if (!map->entry[i].key)
				return;
		} while (((i - map_home(map, map->entry[i].key)) & mask) < ((i - gap) & mask));
		map->entry[gap] = map->entry[i];
		gap = i;
	}
}

void record_book_close(struct record_book *book)
{
	for (int space = 0; space < RECORD_SPACES; space++)
		if (book->live[space].room)
			munmap(book->live[space].entry,
			       book->live[space].room * sizeof(struct record_entry));
	memset(book, 0, sizeof(*book));
}

/* ---- writing one event ---- */

static unsigned char *put_number(unsigned char *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*out++ = (unsigned char)(value | 0x80);
	*out++ = (unsigned char)value;
	return out;
}

static unsigned char *put_name(unsigned char *out, const char *name)
{
	size_t length = name ? strlen(name) : 0;

	if (length > RECORD_NAME_MAX)
		length = RECORD_NAME_MAX;
	out = put_number(out, length);
	memcpy(out, name ? name : "", length);
	return out + length;
}

/* What a mempool stands on, by the name that the event carries. */
static unsigned char *put_backing(const struct record_book *book, unsigned char *out,
				  const struct slabpool_event *event)
{
	static const char *const name[] = {"custom", "slab", "kmalloc", "kvmalloc", "pages"};
	uintptr_t data = (uintptr_t)event->object;
	unsigned int kind = 0;

	for (unsigned int i = 1; event->name && i < sizeof(name) / sizeof(name[0]); i++)
		if (strcmp(event->name, name[i]) == 0)
			kind = i;
	out = put_number(out, kind);
	if (kind == RECORD_BACKING_SLAB)
		return put_number(out, map_find(&book->live[RECORD_CACHE], data));
	return put_number(out, kind == RECORD_BACKING_CUSTOM ? 0 : data);
}

static uintptr_t address_of(const void *pointer)
{
	return ZERO_OR_NULL_PTR(pointer) ? 0 : (uintptr_t)pointer;
}

/* The space that an operand's letter speaks of, or -1. */
static int space_of(char letter)
{
	switch (letter | 0x20) {
	case 'c':
		return RECORD_CACHE;
	case 'p':
		return RECORD_POOL;
	case 'o':
		return RECORD_OBJECT;
	case 'e':
		return RECORD_ELEMENT;
	default:
		return -1;
	}
}

static const void *operand_pointer(const struct slabpool_event *event, char letter)
{
	return letter == 'O' || letter == 'E' ? event->object : event->owner;
}

static unsigned char *put_operand(const struct record_book *book, unsigned char *out,
				  const struct slabpool_event *event, char letter)
{
	int space = space_of(letter);

	if (space >= 0)
		return put_number(out, map_find(&book->live[space],
						address_of(operand_pointer(event, letter))));
	switch (letter) {
	case 's':
		return put_number(out, event->size);
	case 'a':
		return put_number(out, event->align);
	case 'f':
		return put_number(out, event->flags);
	case 'n':
		return put_name(out, event->name);
	default:
		return put_backing(book, out, event);
	}
}

/* A refused destroy says so by a result; every other call by having none. */
static bool came_to_nothing(const struct slabpool_event *event, const struct shape *shape)
{
	if (shape->gives >= 0)
		return address_of(event->result) == 0;
	return event->kind == SLABPOOL_EVENT_CACHE_DESTROY && event->result;
}

/* True if the call ends what it was given. */
static bool ends(const struct slabpool_event *event, bool nothing)
{
	return !nothing || (event->kind == SLABPOOL_EVENT_KREALLOC && event->size == 0);
}

/* A free of something unknown tells a reader nothing. */
static bool worth_writing(const struct record_book *book, const struct slabpool_event *event,
			  const struct shape *shape)
{
	for (const char *letter = shape->operands; shape->gives < 0 && *letter; letter++) {
		int space = space_of(*letter);

		if (space >= 0 && *letter < 'a' &&
		    !map_find(&book->live[space], address_of(operand_pointer(event, *letter))))
			return false;
	}
	return true;
}

/* The address is given again although it was never seen to be freed: ends the old id. */
static unsigned char *put_eviction(struct record_book *book, unsigned char *out, int space,
				   uintptr_t address)
{
	static const unsigned char op[] = {RECORD_KFREE, RECORD_CACHE_DESTROY,
					   RECORD_MEMPOOL_DESTROY, RECORD_MEMPOOL_FREE};
	uint64_t id = map_find(&book->live[space], address);

	if (!id)
		return out;
	*out++ = op[space];
	if (space == RECORD_ELEMENT)
		*out++ = 0;
	map_remove(&book->live[space], address);
	return put_number(out, id);
}

static void end_operands(struct record_book *book, const struct slabpool_event *event,
			 const struct shape *shape)
{
	for (const char *letter = shape->operands; *letter; letter++) {
		int space = space_of(*letter);

		if (space >= 0 && *letter < 'a' && book->live[space].room)
			map_remove(&book->live[space], address_of(operand_pointer(event, *letter)));
	}
}

static void give(struct record_book *book, int space, uintptr_t address)
{
	book->given[space]++;
	if (!map_add(&book->live[space], address, book->given[space]))
		book->failed = true;
}

size_t record_encode(struct record_book *book, uint64_t thread,
		     const struct slabpool_event *event, unsigned char *out)
{
	const struct shape *shape = &shape_of[event->kind];
	bool nothing = came_to_nothing(event, shape);
	uintptr_t result = address_of(event->result);
	unsigned char *at = out;

	if (book->failed || !worth_writing(book, event, shape))
		return 0;
	if (thread != (book->thread ? book->thread : 1)) {
		*at++ = RECORD_THREAD;
		at = put_number(at, thread);
	}
	book->thread = thread;
	if (shape->gives >= 0 && !nothing &&
	    !(event->kind == SLABPOOL_EVENT_KREALLOC && event->object == event->result))
		at = put_eviction(book, at, shape->gives, result);
	*at++ = (unsigned char)(shape->op | (nothing ? RECORD_NOTHING : 0));
	for (const char *letter = shape->operands; *letter; letter++)
		at = put_operand(book, at, event, *letter);
	if (ends(event, nothing))
		end_operands(book, event, shape);
	if (shape->gives >= 0 && !nothing)
		give(book, shape->gives, result);
	return book->failed ? 0 : (size_t)(at - out);
}
