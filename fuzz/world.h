/* SPDX-License-Identifier: MIT */
/*
 * One run of one input: the instance under test, the reference model beside it, and the oracles.
 *
 * The model knows every handle that the program made: the caches with what was asked for, the
 * objects with address, size, owner and contents. Stale handles stay, so that a program can free
 * twice or into the wrong cache; the model then says which report must come.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "adapter.h"
#include "intervals.h"
#include "ops.h"
#include "platform.h"

#include <setjmp.h>

#define WORLD_REPORTS 40u
#define KIND(kind) (1u << SLABPOOL_REPORT_##kind)

enum family {
	FAMILY_CACHE,     /* an object of a cache */
	FAMILY_KMALLOC,   /* kmalloc, krealloc, kmemalign, and kvmalloc while it is small */
	FAMILY_VMALLOC,
	FAMILY_PAGES,
	FAMILY_ELEMENT    /* an element of a mempool, in the program's hands */
};

struct wobject {
	unsigned char *p;
	size_t size;          /* bytes asked for */
	size_t usable;        /* bytes that may be written: ksize */
	uint32_t owner;       /* cache or pool handle; order of a page run */
	uint32_t epoch;       /* of the owner, when it was freed: its slabs are still there */
	uint8_t family;
	bool live;
};

struct wcache {
	struct kmem_cache *k;
	uint32_t size, align, flags;
	bool live, ctor;
	bool plain;           /* nothing speaks against sharing slabs */
	uint32_t same_as;     /* the handle that this cache was merged into, or its own */
	/* Of the whole of merged caches, at the first one's handle: */
	uint32_t users;       /* handles that are live; 0: the cache is destroyed */
	uint32_t objects;     /* live ones */
	uint32_t in_pools;    /* objects that mempools hold or handed out */
	uint64_t ctor_calls;
	uint64_t failures;    /* NULLs that the program was given */
	bool spoiled;         /* a failed bulk allocation zeroed constructed objects */
};

struct world {
	const struct fuzz_target *target;
	const struct fuzz_adapter *a;
	const struct fuzz_call *call;
	struct slabpool *pool;
	struct slabpool_options options;
	bool clean_end;              /* the program's end frees everything before destroy */
	bool waits;                  /* the platform can wait */
	void (*on_wait)(struct world *world);  /* what happens while the core waits */

	uint32_t cache_count, object_count;
	struct wcache cache[FUZZ_MAX_CACHES];
	struct kmem_cache *crowd[256];
	uint32_t crowd_count;        /* caches that have no handle */
	uint32_t current_cache;      /* whose constructor may run now, or FUZZ_NONE */
	uint64_t epoch;              /* raised when slabs may have gone back */

	struct slabpool_report report[WORLD_REPORTS];
	char said[200];              /* text of the last report: its own is gone after the call */
	uint32_t reports;
	uint32_t crime_kinds;        /* a crime is being committed: the kinds it may be called */
	const void *crime_pointer;
	bool crime_is_fatal;
	bool crime_known;            /* what the report must be, to the letter: */
	struct slabpool_report crime_report;
	bool crime_is_partial;       /* what goes with it is done */
	struct kmem_cache *crime_cache;  /* whose slabs may go before the crime, or NULL */
	uint64_t crime_releases;         /* slabs that it had given back before */
	bool crime_digested;         /* nothing at all may change: */
	uint64_t crime_digest, crime_events;
	uint32_t digested_at;        /* operation before which crime_digest holds; 0: none */
	char line[640];              /* of the last report */
	uint32_t fired_before;       /* injected faults before this operation */
	bool warned_ctor_zero, warned_pool_zero;  /* said once an instance */
	bool given_up;               /* nothing can be waited for: the program ends here */
	uint32_t valid_at;           /* operation before which all is known to be valid; 0: none */
	uint64_t events;             /* shown to the observer */
	/* Of the operation that runs: the Linux name by which something is given back, + 1; with
	 * which size, and whether it wipes that. */
	uint32_t face;
	size_t give_size;
	bool wipes;
	uint32_t may_end;            /* reports after which the program may be ended */
	jmp_buf fatal;

	uint64_t trace;              /* hash of all that happened so far */

	FILE *emit;                  /* C statements go here as they are executed */
	FILE *words;                 /* so do operations in words */
};
extern struct world fuzz_world;
extern struct wobject fuzz_objects[FUZZ_MAX_OBJECTS];

/* --- run.c --- */
/* Runs an input; ends the program if an oracle finds something. The trace's hash: the same for the
 * same input, if the allocator lives on the platform that it is given. */
uint64_t fuzz_run(const struct fuzz_target *target, const uint8_t *data, size_t size, FILE *words,
	      FILE *emit);
/* Every structure is valid, statistics are right, contents are kept. */
void world_check(struct world *w);
void world_check_valid(struct world *w);
/* This operation found everything valid and changed nothing. */
void world_only_looked(struct world *w);
/* The setup operation that all targets share. */
extern const struct fuzz_op op_instance;

/* --- world.c --- */
/* Prints the oracle, the operation in words and the message, and aborts. */
SLABPOOL_NORETURN void fuzz_fail(const char *oracle, const char *format, ...)
	SLABPOOL_PRINTF(2, 3);
/* To be called by every executor right before it acts; one that skips does not call it. */
void world_act(struct world *w);
/* Receives the reports of the instance. */
void world_report(void *context, const struct slabpool_report *report);
SLABPOOL_NORETURN void world_fatal(void);
/* Leaves a wait that cannot end, and with it the program. */
SLABPOOL_NORETURN void world_give_up(struct world *w);
/* Around a crime: the report that must come, and that nothing changed. kinds: any of these. */
void world_crime(struct world *w, uint32_t kinds, const void *pointer);
void world_crime_done(struct world *w);
/* The program was ended for a crime: that it was the right one. */
void world_crime_ended(struct world *w);
/* Exactly one report of one of these kinds must have come in this operation; takes it away. */
void world_expect(struct world *w, uint32_t kinds, const void *pointer);
/* Takes away reports of these kinds, however many. */
uint32_t world_drop(struct world *w, uint32_t kinds);
/* True if a fault was injected in this operation. */
bool world_fired(const struct world *w);
/* What must be true between two operations. */
void world_between(struct world *w);

/*
 * Adds to the trace: what the allocator did, and what it answered. Two runs of an input that differ
 * in it are not the same run, and a finding of one might not be seen in the other.
 */
static inline void world_trace(struct world *w, uint64_t value)
{
	w->trace = ((w->trace << 5 | w->trace >> 59) ^ value) * 0x9e3779b97f4a7c15u;
}
/* The same of a place in memory, wherever the system has put the memory. */
static inline void world_trace_place(struct world *w, const void *address)
{
	world_trace(w, address ? fuzz_platform_offset(address) : UINT64_MAX);
}

/* --- crimes.c --- */
/* The report that is there is what was foretold, and so is its line. */
void crime_check_report(const struct world *w, const struct slabpool_report *report);

/* --- model.c --- */
void model_reset(struct world *w);
/* In place of gfp: the content was carried over from another object. */
#define MODEL_KEEP 0x80000000u
/* Enters a new object and checks alignment, disjointness and content. NULL makes a dead handle. */
void model_new(struct world *w, uint32_t handle, enum family family, uint32_t owner, void *p,
	       size_t size, size_t align, gfp_t gfp);
/* Right before a live object is freed: its content means nothing from here on. */
void model_gone(struct world *w, uint32_t handle);
/* Forgets an object that the core has taken back already. */
void model_moved(struct world *w, uint32_t handle);
/* Checks content and guard. */
void model_check(const struct world *w, uint32_t handle);
void model_check_all(struct world *w);
/* Writes fresh content. */
void model_fill(const struct world *w, uint32_t handle);
/* The live object that holds an address, or FUZZ_NONE. */
uint32_t model_find(const void *p);
/* The constructor that the caches get. */
void model_ctor(void *object);
bool model_is_zero(const unsigned char *p, size_t n);
/* Puts a constructed object back as its constructor left it, before a free. */
void model_reconstruct(const struct world *w, uint32_t handle);
void model_check_contents(const unsigned char *p, uint32_t seed, size_t checked, size_t size,
			  const char *what);

/* The object behind a handle; FUZZ_NONE gives one that is nothing. */
static inline struct wobject *object_at(uint32_t handle)
{
	static struct wobject nothing;

	return handle == FUZZ_NONE ? &nothing : &fuzz_objects[handle];
}

/* --- stats.c --- */
/* Statistics of a cache equal the model's; the oracle's name. */
void stats_check_cache(struct world *w, uint32_t cache, const char *oracle);
void stats_check_all(struct world *w, const char *oracle);
/* True if there can be no more caches. */
bool caches_are_full(struct world *w);
/* True if so many runs of this many bytes may have found no place. */
bool memory_is_full(struct world *w, size_t bytes, size_t runs);
/*
 * An allocation of count objects of a cache, or of bytes where cache is FUZZ_NONE, gave NULL:
 * may it?
 */
void null_check(struct world *w, uint32_t cache, size_t bytes, gfp_t gfp, uint32_t count);

#endif
