/* SPDX-License-Identifier: MIT */
/* The instance behind the Linux names, without a call once it is made. */
#ifndef SLABPOOL_PLATFORM_DEFAULT_H
#define SLABPOOL_PLATFORM_DEFAULT_H

#include <slabpool/slabpool.h>

/* Set once, by slabpool_default(). */
extern struct slabpool *slabpool_default_instance;

static inline struct slabpool *default_instance(void)
{
	struct slabpool *pool = __atomic_load_n(&slabpool_default_instance, __ATOMIC_ACQUIRE);

	return SLABPOOL_LIKELY(pool != NULL) ? pool : slabpool_default();
}

#endif
