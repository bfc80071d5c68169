/* SPDX-License-Identifier: MIT */
/* The recorder: the calls of a running program as a file of events. See record.c for the format. */
#ifndef SLABPOOL_TOOLS_RECORD_H
#define SLABPOOL_TOOLS_RECORD_H

#include <slabpool/slabpool.h>

#define RECORD_MAGIC "slabrec1"
#define RECORD_MAGIC_BYTES 8u
/* No event is longer. */
#define RECORD_EVENT_MAX 512u
/* Bytes of a name that are kept. */
#define RECORD_NAME_MAX 255u

enum record_op {
	RECORD_END, /* what a killed process leaves behind its last event */
	RECORD_CACHE_CREATE,
	RECORD_CACHE_DESTROY,
	RECORD_CACHE_SHRINK,
	RECORD_CACHE_ALLOC,
	RECORD_CACHE_FREE,
	RECORD_KMALLOC,
	RECORD_KFREE,
	RECORD_KREALLOC,
	RECORD_KMEMALIGN,
	RECORD_PAGES_ALLOC,
	RECORD_PAGES_FREE,
	RECORD_MEMPOOL_CREATE,
	RECORD_MEMPOOL_DESTROY,
	RECORD_MEMPOOL_RESIZE,
	RECORD_MEMPOOL_ALLOC,
	RECORD_MEMPOOL_FREE,
	RECORD_THREAD,
	RECORD_OPS
};
/* Set in an event's first byte: nothing came back, so no id is given. */
#define RECORD_NOTHING 0x40u

/* What a mempool stands on: the second operand of RECORD_MEMPOOL_CREATE. */
enum record_backing {
	RECORD_BACKING_CUSTOM,
	RECORD_BACKING_SLAB,
	RECORD_BACKING_KMALLOC,
	RECORD_BACKING_KVMALLOC,
	RECORD_BACKING_PAGES
};

/* Addresses of what lives now, with their ids: open addressing, at most half full. */
struct record_entry {
	uintptr_t key; /* 0: empty */
	uint64_t id;
};
struct record_map {
	struct record_entry *entry;
	size_t room; /* entries, a power of two, or 0 */
	size_t used;
};

/* The four spaces of ids. */
enum record_space {
	RECORD_OBJECT,
	RECORD_CACHE,
	RECORD_POOL,
	RECORD_ELEMENT,
	RECORD_SPACES
};

/* What the encoder knows. A zeroed one is the beginning of a recording. */
struct record_book {
	struct record_map live[RECORD_SPACES];
	uint64_t given[RECORD_SPACES]; /* ids given so far */
	uint64_t thread;               /* whose call was the last one written; 0: none yet */
	bool failed;                   /* no memory for a map: what follows would be wrong */
};

/*
 * Encodes one call by thread number thread (1 ..) into out, which has room for RECORD_EVENT_MAX
 * bytes. Returns the bytes written: 0 for an event that needs none, or when book->failed.
 */
size_t record_encode(struct record_book *book, uint64_t thread,
		     const struct slabpool_event *event, unsigned char *out);
/* Gives the book's memory back and zeroes it. */
void record_book_close(struct record_book *book);

/*
 * If options (the text of SLABPOOL_OPTIONS, or NULL) has a key "record", records the calls on pool
 * into the file that it names, until the program ends. Called before pool's first use. Allocates
 * nothing but pages of its own; without a writable file there is one message and no recording.
 */
void slabpool_record_from_env(struct slabpool *pool, const char *options);

#endif
