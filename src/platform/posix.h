/* SPDX-License-Identifier: MIT */
/* The POSIX platform's context, shared by posix.c and posix_default.c. */
#ifndef SLABPOOL_PLATFORM_POSIX_H
#define SLABPOOL_PLATFORM_POSIX_H

#include "core/guard.h"
#include <pthread.h>
#include <slabpool/slabpool.h>

/* Reservations of one instance: its own memory and its arenas. */
#define POSIX_RESERVATIONS 64u

struct reservation;

extern struct lock_class table_locks; /* struct posix: mutex; see core/guard.h */

struct posix {
	size_t page;             /* the system's page, bytes */
	bool has_key;
	bool drops_to_zero;      /* madvise(MADV_DONTNEED) really gives zeroed pages */
	pthread_key_t key;       /* the calling thread's record */
	pthread_mutex_t mutex;   /* held while the table changes; readers use atomic loads */
	struct reservation *table[POSIX_RESERVATIONS] SLABPOOL_GUARDED(table_locks);
	/* Entries below this were ever used; only grows. */
	uint32_t table_used SLABPOOL_GUARDED(table_locks);
};

/* Sets up a context and the table of functions over it. */
void posix_init(struct posix *posix, struct slabpool_platform *platform);

#endif
