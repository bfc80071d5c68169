/* SPDX-License-Identifier: MIT */
/* The default instance's slabinfo for slabpool-top. See stats_socket.c. */
#ifndef SLABPOOL_PLATFORM_STATS_SOCKET_H
#define SLABPOOL_PLATFORM_STATS_SOCKET_H

#include <slabpool/slabpool.h>

/* Serves the instance's slabinfo if the text asks for it; complains through say() if that cannot
 * be. The instance can be used already, as making a thread may allocate. */
void stats_socket_from_env(struct slabpool *pool, const char *text,
			   void (*say)(void *context, const char *line));

#endif
