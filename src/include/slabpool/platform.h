/* SPDX-License-Identifier: MIT */
/**
 * @file platform.h
 * All that the core asks of the system it runs on. posix.c and bare.c implement it; tests and
 * fuzzers plug their own (bounded memory, failures on demand, a clock that they turn).
 */
#ifndef SLABPOOL_PLATFORM_H
#define SLABPOOL_PLATFORM_H

#include <slabpool/compiler.h>

SLABPOOL_BEGIN_DECLS

struct kmem_cache;

/** Room for the platform's mutex; initialised by sync_init(). */
struct slabpool_lock {
	union {
		uint64_t align;
		unsigned char bytes[64];
	} opaque;
};

/** Room for the platform's condition variable; initialised by sync_init(). */
struct slabpool_wait {
	union {
		uint64_t align;
		unsigned char bytes[64];
	} opaque;
};

/** What a report is about; slabpool_report_line() makes the one line of it. */
enum slabpool_report_kind {
	SLABPOOL_REPORT_DOUBLE_FREE,    /**< the object is already free */
	SLABPOOL_REPORT_FOREIGN,        /**< in no arena, or in memory never given out */
	SLABPOOL_REPORT_INTERIOR,       /**< the address lies inside an object, not at its start */
	SLABPOOL_REPORT_WRONG_CACHE,    /**< a live object of another cache */
	SLABPOOL_REPORT_WRONG_API,      /**< live memory of another family (kfree of vmalloc …) */
	SLABPOOL_REPORT_WRONG_ORDER,    /**< free_pages() with another order than alloc_pages() */
	SLABPOOL_REPORT_BAD_CACHE,      /**< NULL or a destroyed cache where a cache is needed */
	SLABPOOL_REPORT_LIVE_OBJECTS,   /**< destroy of a cache that still has objects */
	SLABPOOL_REPORT_BAD_ARGUMENT,   /**< a create call with arguments that Linux forbids */
	SLABPOOL_REPORT_CTOR_ZERO,      /**< __GFP_ZERO from a cache with a constructor */
	SLABPOOL_REPORT_NAME_SPACE,     /**< a cache name with a blank in it */
	SLABPOOL_REPORT_NO_MEMORY,      /**< an allocation failed and __GFP_NOWARN was not given */
	SLABPOOL_REPORT_CANNOT_WAIT,    /**< blocking mempool_alloc(), nothing to wait for */
	SLABPOOL_REPORT_POOL_ZERO,      /**< __GFP_ZERO passed to mempool_alloc() */
	SLABPOOL_REPORT_PANIC,          /**< SLAB_PANIC: creating the cache failed */
	SLABPOOL_REPORT_NOFAIL,         /**< __GFP_NOFAIL and no memory */
	SLABPOOL_REPORT_INTERNAL,       /**< a metadata check failed: memory was overwritten */
	SLABPOOL_REPORT_OBJECT,         /**< no event: what kmem_dump_obj() tells about a pointer */
	SLABPOOL_REPORT_LAYOUT,         /**< compiled with SLABPOOL_INLINE for another layout */
	SLABPOOL_REPORT_LIVE_RUNS       /**< page runs that are live when the program ends */
};

/** One event for the user's eyes. Pointers are valid during the call only. */
struct slabpool_report {
	enum slabpool_report_kind kind;
	const char *call;       /**< the public function, e.g. "kmem_cache_free" */
	const char *cache;      /**< name of the cache that the caller named, or NULL */
	const char *other;      /**< name of the cache that really owns the object, or NULL */
	const void *pointer;    /**< the pointer that the caller passed, or NULL */
	const void *start;      /**< start of the object that holds it, or NULL */
	size_t size;            /**< size, count or order, by kind */
	const char *text;       /**< what is wrong, where kind alone does not say it; or NULL */
	bool crime;             /**< a caller's crime: the configured action follows */
};

/** What happens to a range of a reservation. */
enum slabpool_memory { SLABPOOL_DECOMMIT, SLABPOOL_COMMIT, SLABPOOL_DISCARD };

/**
 * The system under one instance. Every function gets @p context as first argument.
 * NULL is allowed for wait and wake (nothing can be waited for), clock (time stands still) and
 * the thread functions (no thread caches).
 */
struct slabpool_platform {
	void *context;
	/** Reserves @p bytes of address space without access, aligned to @p align; or NULL. */
	void *(*reserve)(void *context, size_t bytes, size_t align);
	/** Gives back a whole reservation. */
	void (*unreserve)(void *context, void *address, size_t bytes);
	/**
	 * Ranges need not be multiples of the system's page.
	 * SLABPOOL_COMMIT: makes the range readable and writable; what was not committed since its
	 * reservation or last decommit reads as zero. 0 or -ENOMEM. Idempotent.
	 * SLABPOOL_DECOMMIT: the contents are lost and the memory may go back to the system; never
	 * fails.
	 * SLABPOOL_DISCARD: the range, all of it committed and reading as zero or never to be read
	 * as it is, reads as zero from now on and stays committed; its memory may go back to the
	 * system. Other threads may read it meanwhile: what reads as zero does so throughout. 0, or
	 * -EOPNOTSUPP, and nothing is changed, where a system cannot.
	 */
	int (*commit)(void *context, void *address, size_t bytes, enum slabpool_memory how);
	/** Initialises a mutex and, if @p wait is given, its condition. 0 or a negative errno. */
	int (*sync_init)(void *context, struct slabpool_lock *lock, struct slabpool_wait *wait);
	void (*sync_exit)(void *context, struct slabpool_lock *lock, struct slabpool_wait *wait);
	void (*lock)(void *context, struct slabpool_lock *lock);
	void (*unlock)(void *context, struct slabpool_lock *lock);
	/** Waits for wake() or @p milliseconds, with @p lock held on entry and return. */
	void (*wait)(void *context, struct slabpool_wait *wait, struct slabpool_lock *lock,
		     unsigned int milliseconds);
	/** Wakes one waiter, or all. */
	void (*wake)(void *context, struct slabpool_wait *wait, bool all);
	/** Milliseconds of a clock that never goes back. */
	uint64_t (*clock)(void *context);
	/** The calling thread's record as last set, or NULL. */
	void *(*thread_get)(void *context);
	/**
	 * Stores the calling thread's record and sees to it that slabpool_thread_exit() is called
	 * with it when the thread ends; thread_get() gives NULL by then. 0 or a negative errno.
	 */
	int (*thread_set)(void *context, void *record);
	/** Shows a report. Must not allocate from this instance. */
	void (*report)(void *context, const struct slabpool_report *report);
	/** Ends the program. */
	SLABPOOL_NORETURN void (*fatal)(void *context);
};

struct slabpool;

/** Called by the platform when a thread ends that has set @p record. */
SLABPOOL_API void slabpool_thread_exit(struct slabpool *pool, void *record);

/**
 * Writes the report as one line without newline into @p line, always terminated.
 * @return the length that the whole line has, as snprintf() does.
 */
SLABPOOL_API size_t slabpool_report_line(const struct slabpool_report *report, char *line,
					 size_t bytes);
/**
 * Writes the report as a JSON object without newline: "slabpool" (1, the version of the format),
 * "kind", "crime", and as far as they are known "call", "cache", "owner", "pointer", "start",
 * "size", "text"; "line" is what slabpool_report_line() writes. Always terminated; cut short, it is
 * no JSON.
 * @return the length that the whole object has, as snprintf() does.
 */
SLABPOOL_API size_t slabpool_report_json(const struct slabpool_report *report, char *line,
					 size_t bytes);

SLABPOOL_END_DECLS

#endif
